# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Compares stored images with their sources. Does not know the order of the list, and runs no reader of MXNet."""

from __future__ import annotations

import functools
import multiprocessing
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, Tuple, Union

import numpy as np

from ..engine.ordered import ordered_map
from ..engine.processes import ProcessPool
from ..engine.serial import SerialPool
from ..errors import RecordFormatError, WorkerDiedError
from ..images import codec as images
from ..images import jpeg
from ..images.decoder_messages import listen_to
from ..images.formats import sniff
from ..opencv_compat import cv2
from ..recordio.record import Record, record_at
from ..storage.filebuffer import FileBuffer
from ..text import Argument, Text
from ..transforms.loading import ImageLoader
from ..transforms.processes import ready_to_fork
from ..values import ListEntry
from .collecting import ProblemCollector
from .list_match import Match

_TRANSFORMS, _COLOR = Argument("transformations"), Argument("color")
_THAN = Text(_COLOR, " or ", Argument("fast_decode"), " than in packing")
OTHER_ARGUMENTS = Text("; the usual cause: other ", _TRANSFORMS, ", ", Argument("seed"), ", ", _THAN)
_OTHER_SIZE = Text(
    "; the usual cause: other ", _TRANSFORMS, " or another ", _COLOR, " than in packing, or an EXIF orientation not applied"
)
_DAMAGED = "; the usual cause: its bytes were damaged, or the image was another when it was packed"
_NOT_FLIPPED = "; the usual cause: a flip in version 0.1.0 or by MXNet alone, which does not write the middle of an odd side"
_CHUNK_MATCHES, _MATCHES_IN_FLIGHT, _BYTES_IN_FLIGHT = 8, 4096, 256 << 20
_ALIKE = 20.0  # dB; below it is the whole image that differs
_BLOCK, _OFF, _FAR_OFF = 16, 4.0, 16.0  # pixels; levels
_FIRST_TABLE = slice(25, 89)  # where a JPEG by OpenCV has the quantization of its brightness: that of its mean comes first


class Difference(NamedTuple):
    """What is wrong with a stored image, and what usually causes that."""

    message: str
    hint: str = ""


class Likeness(NamedTuple):
    """How near a stored image is to its source."""

    psnr: float
    has_other_bytes: bool = False
    """Whether it is a JPEG by OpenCV, of which OpenCV here makes other bytes."""


class SourceCheck:
    """Compares stored images with their sources, which are loaded and transformed as packing does it. Can be pickled.

    The options are the arguments of :class:`ImageLoader`.
    """

    def __init__(
        self,
        rec_path: str,
        fetch: Optional[Callable[[ListEntry], ListEntry]] = None,
        pack_labels: bool = True,
        **options: Any,
    ) -> None:
        self._loader = ImageLoader(**options)
        self._fetch, self._pack_labels = fetch, pack_labels
        self._rec_path = rec_path
        self._buffer: Optional[FileBuffer] = None
        self.is_worn_out = False

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_buffer": None}

    def prepare(self) -> None:
        """Make a worker process ready."""
        self._loader.prepare()

    def __call__(self, match: Match) -> Union[Likeness, Difference]:
        """How near the stored image is to its source, or what is wrong with it."""
        entry, _, offset = match
        self.is_worn_out = False
        try:
            if self._buffer is None:
                self._buffer = FileBuffer(self._rec_path)
            record = record_at(self._buffer, offset, self._rec_path)
        except (RecordFormatError, OSError) as error:  # it changed meanwhile, or cannot be read
            return Difference(str(error))
        try:
            if self._fetch is not None:
                entry = self._fetch(entry)
                labels = np.array(entry.labels if self._pack_labels else entry.labels[:1], np.float32)
                if not np.array_equal(record.labels, labels):
                    what = f"expected {labels.tolist()}, found {record.labels.tolist()}"
                    return Difference(f"the labels of {entry.path!r}: {what}")
            data = self._loader.read(entry)
            if not self._loader.has_transformations and isinstance(data, bytes) and data == record.content:
                return Likeness(float("inf"))
            self._loader.check_size(data)
            decoded, _ = self._loader.decode(data)
            expected = self._loader.transform(decoded, entry.index)
        except (Exception, SystemExit) as error:  # of a transform too
            self.is_worn_out = self._loader.recover(error)
            return Difference(f"its source {entry.path!r} cannot be used: {type(error).__name__}: {error}")
        try:
            self._loader.check_size(record.content)
            return _compare(expected, record)
        except ValueError as error:
            return Difference(str(error))


def check_sources(
    check: SourceCheck,
    matches: Iterator[Match],
    min_psnr: float,
    num_workers: int,
    problems: ProblemCollector,
    progress: Callable[[int], None],
) -> None:
    """Compare the image of each match with its source; below ``min_psnr``, in dB, it is a problem.

    The matches are consumed to the end, whatever happens. With no workers this process does the work. ``progress`` receives how
    many matches are done, after each.
    """
    hints = set()  # each is given once
    first_other, num_others = -1, 0  # of the JPEGs that have other bytes
    try:
        with _open_pool(check, num_workers) as pool:
            results = ordered_map(
                pool, matches, chunk_size=_CHUNK_MATCHES, max_items=_MATCHES_IN_FLIGHT, max_bytes=_BYTES_IN_FLIGHT
            )
            for number, ((entry, position, _), result) in enumerate(results, 1):
                progress(number)
                if isinstance(result, str):  # why a worker died on this image
                    result = Difference(result)
                if isinstance(result, Likeness):
                    problems.saw_psnr(result.psnr)
                    if result.psnr >= min_psnr:
                        if result.has_other_bytes:
                            first_other, num_others = (first_other if num_others else position), num_others + 1
                        continue
                    what = f"{result.psnr:.1f} dB from its source {entry.path!r}, expected at least {min_psnr:.1f}"
                    result = Difference(what, Text(OTHER_ARGUMENTS, "; or ", Argument("min_psnr"), " is too strict"))
                problems.add("source", result.message + ("" if result.hint in hints else result.hint), position, entry.index)
                hints.add(result.hint)
    except WorkerDiedError as error:
        problems.add("source", str(error))
        for _ in matches:  # the rest of the list is still compared with the records
            pass
    if num_others:
        what = "JPEGs that are near their sources, but not byte for byte what OpenCV makes of these here: "
        where = f"{num_others:,}, the first in record {first_other}"
        problems.note(Text(what, where, OTHER_ARGUMENTS, ", or another version of OpenCV"))


def _open_pool(check: SourceCheck, num_workers: int) -> Any:
    if not num_workers:
        return SerialPool(check)
    context = multiprocessing.get_context()
    return ProcessPool(check, num_workers, context, name_of=lambda match: str(match[0].path), starting=ready_to_fork)


def _compare(expected: np.ndarray, record: Record) -> Union[Likeness, Difference]:
    """How near a record's image is to what its source gives, or what differs that must not.

    A PNG must be equal. A JPEG by OpenCV should be, byte for byte, what OpenCV makes of the same pixels at the same quality. All
    versions from 4.5.5 to 5.0 do make the same bytes, but some decode or resize a little differently. So where the bytes differ,
    the pixels are compared with those of the JPEG that is made here: it is a problem if some columns or rows are further off than
    the others, and a note if the whole image is a little off. Other JPEGs are compared with the source alone.
    """
    content = record.content
    stored = np.atleast_3d(listen_to(images.decode, content, -1)[0])
    expected = np.atleast_3d(expected)
    is_lossless = sniff(content) == "PNG"
    if not is_lossless:  # what JPEG leaves out
        expected = images.to_8_bits(expected)
        expected = np.ascontiguousarray(expected[:, :, :3]) if expected.shape[2] == 4 else expected
    if stored.shape != expected.shape or stored.dtype != expected.dtype:
        what = f"expected {_described(expected)}, as the source gives with these arguments, found {_described(stored)}"
        return Difference(f"the stored image is another: {what}", _OTHER_SIZE)
    error = cv2.norm(stored, expected, cv2.NORM_L2SQR) / stored.size
    psnr = 10 * np.log10(float(np.iinfo(stored.dtype).max) ** 2 / error) if error else float("inf")
    if is_lossless:
        if not error:
            return Likeness(psnr)
        off = _levels_off(stored, expected)
        hint = _NOT_FLIPPED if _is_in_the_middle(off > 0) else OTHER_ARGUMENTS
        return Difference(f"the stored PNG differs from its source ({psnr:.1f} dB): {_extent(off)}", hint)
    made = _made_by_opencv(expected, content)
    if made == content:
        return Likeness(psnr)
    if made is not None:
        lines = _lines_far_off(_levels_off(stored, np.atleast_3d(images.decode(made, -1))), content[_FIRST_TABLE.start])
        if lines is not None:
            return Difference(f"a part of the image differs from its source ({psnr:.1f} dB in all): {lines[0]}", lines[1])
    if psnr >= _ALIKE and _differs_in_parts(stored, expected, error**0.5):
        return Difference(f"a part of the image differs from its source ({psnr:.1f} dB in all)", _DAMAGED)
    return Likeness(psnr, made is not None)


def _levels_off(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far two images are from each other at each pixel, in the channel where that is most: (H, W)."""
    return np.atleast_3d(cv2.absdiff(one, other)).max(axis=2)


def _made_by_opencv(image: np.ndarray, stored: bytes) -> Optional[bytes]:
    """The JPEG that OpenCV makes of an image, of the quality of a stored one; None if another encoder wrote that one.

    A JPEG does not name its encoder; but all that comes before the scan is then the same, the tables and the sampling.
    """
    quality = _qualities().get(stored[_FIRST_TABLE])
    if quality is None:
        return None
    made = images.encode(image, ".jpg", images.encoder_parameters(".jpg", quality))
    return made if stored.startswith(made[: jpeg.read_head(made).scan]) else None


@functools.lru_cache(maxsize=None)
def _qualities() -> Dict[bytes, int]:
    """Each quality, by the table that OpenCV writes for it."""
    pixel = np.zeros((1, 1), np.uint8)
    return {images.encode(pixel, ".jpg", images.encoder_parameters(".jpg", each))[_FIRST_TABLE]: each for each in range(1, 101)}


def _lines_far_off(off: np.ndarray, step: int) -> Optional[Tuple[str, str]]:
    """Which columns or rows are further off than the others, if there are any, and what usually causes that.

    ``step`` is the quantum of the mean brightness of a block of 8 x 8 pixels: 1 at quality 100, 2 at 95, 16 at 50, 80 at 10.
    Where pixels all over the image are a level off, few or all of them, the worst column or row is off in the mean by at most
    ``2 + step / 8`` and three times the median of all. That was measured on photos at qualities from 10 to 100. One column of
    foreign memory is off by 30 levels and more there; one that was 5 levels off before encoding is off by 4 at quality 75.
    """
    for axis, name in ((0, "columns"), (1, "rows")):
        means = off.mean(axis=axis)
        lines = np.flatnonzero(means > 2 + step / 8 + 3 * np.median(means))
        if len(lines):
            count = len(means)
            is_middle = count % 2 == 1 and lines[0] <= count // 2 <= lines[-1] and lines[-1] - lines[0] < 2 * _BLOCK
            levels = int(off.take(lines, axis=1 - axis).max())
            what = f"{name} {lines[0]} to {lines[-1]} of {count} are up to {levels} levels off"
            return what, _NOT_FLIPPED if is_middle else _DAMAGED
    return None


def _is_in_the_middle(differs: np.ndarray) -> bool:
    """Whether two images differ in nothing but the middle column of an odd width and the middle row of an odd height."""
    height, width = differs.shape
    elsewhere = differs.copy()
    elsewhere[height // 2 : height // 2 + height % 2] = False
    elsewhere[:, width // 2 : width // 2 + width % 2] = False
    return not elsewhere.any()


def _extent(off: np.ndarray) -> str:
    rows, columns = (np.flatnonzero(off.any(axis=axis)) for axis in (1, 0))
    place = f"in columns {columns[0]} to {columns[-1]} and rows {rows[0]} to {rows[-1]}"
    return f"{np.count_nonzero(off):,} of {off.size:,} pixels, up to {off.max()} levels off, {place}"


def _differs_in_parts(stored: np.ndarray, expected: np.ndarray, error: float) -> bool:
    """Whether the mean brightness of some block of 16 x 16 pixels is further off than JPEG makes it.

    Damage in a JPEG's scan moves it, often without harm to the PSNR of the whole. In undamaged ones, photos and
    noise alike, the worst block is off by at most 7 levels at quality 10, by 4 at 50, and never by more than 13, or by twice the
    `error`, the root of the mean square in levels. This was measured on scikit-image's photos, at qualities from 5 to 95.
    """
    first, second = (
        cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.shape[2] == 3 else image[:, :, 0] for image in (stored, expected)
    )
    size = max(1, stored.shape[1] // _BLOCK), max(1, stored.shape[0] // _BLOCK)
    blocks = cv2.resize(cv2.subtract(first, second, dtype=cv2.CV_32F), size, interpolation=cv2.INTER_AREA)
    worst = float(np.abs(blocks).max())
    return worst > _FAR_OFF or (worst > _OFF and worst > 2 * error)


def _described(image: np.ndarray) -> str:
    return f"{'x'.join(map(str, image.shape))} {image.dtype}"

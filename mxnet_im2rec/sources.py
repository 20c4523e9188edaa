# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Holds a .rec against the list and the image files that it was packed from. Knows nothing of MXNet's readers."""

from __future__ import annotations

import os
from typing import Any, Callable, Iterator, NamedTuple, Optional, Tuple, Union

import cv2
import numpy as np

from . import images
from .errors import RecordFormatError
from .filebuffer import FileBuffer
from .findings import Findings, Tally
from .listfile import Entries, ListEntry
from .reader import Record, read_header, read_one
from .report import Failure
from .structure import Structure
from .transforms import generators_kept
from .worker import Packer

_MOST_ALIKE = 10  # that are told one by one; more become one line
_LEFT_OUT = "; what im2rec() left out is among the failures of its report"
OTHER_ARGUMENTS = "; the usual cause: other transformations, seed, color or fast_decode than in packing"
_OTHER_SIZE = "; the usual cause: other transformations or another color than in packing, or an EXIF orientation not applied"

_DAMAGED = "; the usual cause: its bytes were damaged, or the image was another when it was packed"
_ALIKE = 20.0  # dB; below it is the whole image that differs
_BLOCK, _OFF, _FAR_OFF = 16, 4.0, 16.0  # pixels; levels

Match = Tuple[ListEntry, int, int]
"""An entry, and the position and the offset of its record."""


def match_list(entries: Entries, buffer: FileBuffer, path: str, structure: Structure, findings: Findings) -> Iterator[Match]:
    """Find each entry's record, and compare the labels; what is wrong is told at the end.

    Parameters
    ----------
    entries : iterator of ListEntry or Failure
        The list; it is streamed.
    buffer, path : FileBuffer, str
        The .rec.
    structure : Structure
        What it holds.
    findings : Findings
        Receives the problems.

    Yields
    ------
    (ListEntry, int, int)
        For each entry that has a record.
    """
    ids = structure.ids
    by_id = np.argsort(ids, kind="stable")
    is_taken = np.zeros(len(ids), bool)
    failed = Tally(findings, "list", "lines are no entries, or repeat an index", _MOST_ALIKE)
    missing = Tally(findings, "list", "entries have no record", _MOST_ALIKE)
    moved = Tally(findings, "list", "entries come later in the list than entries whose records follow", _MOST_ALIKE)
    relabelled = Tally(findings, "list", "records have other labels than their entries", _MOST_ALIKE)
    left_over = Tally(findings, "list", "records have no entry", _MOST_ALIKE)
    expected = 0
    for entry in entries:
        if isinstance(entry, Failure):
            failed.add(f"no entry, so no record was looked for: {entry}")
            continue
        position = _position_of(entry.index, ids, by_id, expected)
        if position is None:
            missing.add(f"{_name(entry)} has no record", None, entry.index)
            continue
        is_taken[position] = True
        if position < expected:
            moved.add(f"{_name(entry)} comes later in the list than entries whose records follow", position, entry.index)
        expected = max(expected, position + 1)
        offset = int(structure.offsets[position])
        try:
            labels = read_header(buffer, offset, path)[0].labels
        except (RecordFormatError, OSError) as error:  # it changed meanwhile, or cannot be read
            relabelled.add(f"the labels of {_name(entry)} cannot be compared: {error}", position, entry.index)
            continue
        if not np.array_equal(labels, np.array(entry.labels, np.float32)):
            what = f"expected {_shown(np.array(entry.labels, np.float32))}, found {_shown(labels)}"
            relabelled.add(f"the labels of {_name(entry)}: {what}", position, entry.index)
        yield entry, position, offset
    for position in np.flatnonzero(~is_taken).tolist():
        left_over.add("no entry of the list is left for the record", position, int(ids[position]))
    failed.close()
    missing.close(_LEFT_OUT)
    for tally in (moved, relabelled, left_over):
        tally.close()


def _position_of(index: int, ids: np.ndarray, by_id: np.ndarray, expected: int) -> Optional[int]:
    """The position of the record with an id: the expected one if it has it, else the first that does."""
    if expected < len(ids) and int(ids[expected]) == index:
        return expected
    place = int(np.searchsorted(ids, np.uint64(index), sorter=by_id))
    return int(by_id[place]) if place < len(ids) and int(ids[by_id[place]]) == index else None


def _name(entry: ListEntry) -> str:
    return f"the entry of line {entry.line}, {entry.path!r}"


def _shown(labels: np.ndarray) -> str:
    return f"{len(labels)} labels" if len(labels) > 8 else str(labels.tolist())


class Difference(NamedTuple):
    """What is wrong with a stored image, and what usually causes that."""

    message: str
    hint: str = ""


class SourceCheck(Packer):
    """Compares stored images with their sources, run through the transforms again as packing does. Can be pickled."""

    def __init__(self, rec_path: str, root: str, transformations: Optional[Callable], **options: Any) -> None:
        super().__init__(
            root=root, transformations=transformations, encoding=".png", quality=3, pass_through=False, **options
        )  # encoding and quality do not matter: nothing is encoded
        self._rec_path = rec_path
        self._buffer: Optional[FileBuffer] = None

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_buffer": None}

    def __call__(self, match: Match) -> Union[float, Difference]:  # type: ignore[override]
        """The PSNR of the stored image in dB, or what is wrong with it."""
        entry, _, offset = match
        try:
            if self._buffer is None:
                self._buffer = FileBuffer(self._rec_path)
            record = read_one(self._buffer, offset, self._rec_path)
        except (RecordFormatError, OSError) as error:  # it changed meanwhile, or cannot be read
            return Difference(str(error))
        try:
            with open(os.path.join(self._root, entry.path), "rb") as stream:
                data = stream.read()
            if self._plan is None and data == record.content:
                return float("inf")
            expected = self._image_of(data, entry.index)
        except (Exception, SystemExit) as error:  # of a transform too
            return Difference(f"its source {entry.path!r} cannot be used: {type(error).__name__}: {error}")
        try:
            return _compare(expected, record)
        except ValueError as error:
            return Difference(str(error))

    def _image_of(self, data: bytes, index: int) -> np.ndarray:
        image, full_size = self._decode(data)
        if self._plan is None:
            return image
        if self._plan.is_random:
            with generators_kept():
                return self._plan(images.to_8_bits(image), index, full_size)
        return self._plan(images.to_8_bits(image), index, full_size)


def _compare(expected: np.ndarray, record: Record) -> Union[float, Difference]:
    """The PSNR in dB of a record's image, or what differs that must not."""
    content = record.content
    stored = np.atleast_3d(images.decode(content, -1))
    expected = np.atleast_3d(expected)
    is_lossless = content.startswith(b"\x89PNG")
    if not is_lossless:  # what JPEG leaves out
        expected = images.to_8_bits(expected)
        expected = expected[:, :, :3] if expected.shape[2] == 4 else expected
    if stored.shape != expected.shape or stored.dtype != expected.dtype:
        what = f"expected {_described(expected)}, as the source gives with these arguments, found {_described(stored)}"
        return Difference(f"the stored image is another: {what}", _OTHER_SIZE)
    if np.array_equal(stored, expected):
        return float("inf")
    error = float(np.mean((stored.astype(np.float32) - expected.astype(np.float32)) ** 2))
    psnr = 10 * np.log10(float(np.iinfo(stored.dtype).max) ** 2 / error)
    if is_lossless:
        return Difference(f"the stored PNG differs from its source ({psnr:.1f} dB)", OTHER_ARGUMENTS)
    if psnr >= _ALIKE and _differs_in_parts(stored, expected, error**0.5):
        return Difference(f"a part of the image differs from its source ({psnr:.1f} dB in all)", _DAMAGED)
    return float(psnr)


def _differs_in_parts(stored: np.ndarray, expected: np.ndarray, error: float) -> bool:
    """Whether the mean brightness of some block of 16 x 16 pixels is further off than JPEG makes it.

    Damage in a JPEG's scan moves it, often without harm to the PSNR of the whole. Of undamaged ones, photos and noise alike, the
    block that is worst off is so by at most 7 levels at quality 10, by 4 at 50, and never by more than 13, or by twice the
    `error`, the root of the mean square in levels: measured on scikit-image's photos, at qualities from 5 to 95.
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

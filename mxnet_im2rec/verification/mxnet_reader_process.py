# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The program that reads a dataset through MXNet's ImageRecordIter; mxnet_reader.py runs it. Knows no list and no source.

``python -m mxnet_im2rec.verification.mxnet_reader_process LAUNCH``, where LAUNCH is JSON (see :class:`Launch`), loads MXNet and
waits for a line on stdin, JSON too (see :class:`Request`). Each line on stdout is a JSON object with an ``event``: ``progress``,
``problem``, ``note``, ``failed``, and ``done`` as the last. Without ``done`` nothing is proven.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import struct
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from queue import SimpleQueue
from types import ModuleType
from typing import Any, Callable, Iterable, List, NamedTuple, NoReturn, Optional, Set, Tuple

import numpy as np

from ..cpus import usable_cpus
from ..errors import ImageError, MXNetUnavailableError
from ..images import jpeg, png, tiff
from ..images.checks import check_readable_by_mxnet, check_size
from ..images.decoder_messages import means_damage
from ..images.formats import MXNET_FORMATS, describe, sniff
from ..mxnet_compat import explain, import_mxnet, is_installed
from ..opencv_compat import cv2
from ..recordio.record import Record, record_at, scan
from ..storage.filebuffer import FileBuffer
from ..text import count

_BATCH_BYTES, _BATCH_RECORDS = 32 << 20, 128
_AHEAD_BYTES = 256 << 20  # of pixels that OpenCV decodes ahead of ImageRecordIter
_PROGRESS_SECONDS = 1.0
_DECODE_FLAGS = {3: cv2.IMREAD_COLOR, 1: cv2.IMREAD_GRAYSCALE}
_PARENT_SECONDS = 1.0  # how often to look for the parent where its end of the pipe stays open in another child of its own


class Launch(NamedTuple):
    """What the process is to know when it starts."""

    folder: str  # what to remove when the parent is gone: it was made for this process
    parent: Optional[int] = None  # the process that waits for this one, which ends with it; None: only stdin tells


class Request(NamedTuple):
    """What is to be read."""

    rec: str  # the .rec, without a character that ImageRecordIter stumbles on
    idx: Optional[str]  # its .idx; None reads without one
    label_width: int  # of every record; 0 leaves ImageRecordIter out, the images are only decoded
    sample: Optional[int]  # how many records' pixels are looked at, spread over the file; None: all
    max_pixels: Optional[int] = None  # how many pixels an image may have; None: any number


class _Image(NamedTuple):
    """What is known about an image before MXNet reads it: its size in MXNet, and whether its pixels can be compared."""

    size: Optional[Tuple[int, int]]
    is_comparable: bool
    fault: Optional[str]
    is_too_large: bool = False


class _Ahead:
    """The results of some work on positions, in order. Threads work ahead of who takes the results, by ``most`` positions."""

    def __init__(self, threads: Any, work: Callable[[int], np.ndarray], positions: Iterable[int], most: int) -> None:
        self._submitted = (threads.submit(work, position) for position in positions)
        self._waiting = deque(islice(self._submitted, most))

    def take(self) -> np.ndarray:
        """The next result."""
        result = self._waiting.popleft().result()
        self._waiting.extend(islice(self._submitted, 1))
        return result

    def stop(self) -> None:
        """Drop what is not taken; no thread is at work behind this."""
        for future in self._waiting:
            future.cancel()
        wait(self._waiting)


class Reading:
    """One reading of a dataset; ``report`` receives the events, as keyword arguments. ``mxnet`` is a future of the module."""

    def __init__(self, request: Request, report: Callable[..., None], mxnet: Any) -> None:
        self._request = request
        self._report = report
        self._mxnet = mxnet
        self._last_progress = 0.0
        self._buffer = FileBuffer(request.rec)
        self._offsets: List[int] = []
        self._labels: List[np.ndarray] = []
        self._looked_at: Optional[np.ndarray] = None
        self._is_comparable: List[bool] = []
        self._is_grey = True
        self._num_too_large = 0
        self._num_compared = 0
        self._suspects: List[int] = []  # JPEGs during whose decoding some thread printed something
        self._faulty: Set[int] = set()  # what is reported as damaged already

    def run(self) -> None:
        """Look at every image, then read all of them through ImageRecordIter."""
        for offset, header, _ in scan(self._buffer, self._request.rec):
            self._offsets.append(offset)
            self._labels.append(header.labels)
        count = len(self._offsets)
        self._looked_at = np.ones(count, bool)
        if self._request.sample is not None and self._request.sample < count:
            self._looked_at[:] = False
            self._looked_at[np.linspace(0, count - 1, self._request.sample).round().astype(int)] = True
        cv2.setNumThreads(1)
        if self._request.label_width and self._mxnet is None:
            what = "MXNet is not installed; the images were decoded by OpenCV alone"
            self._report(event="note", message=f"not read through ImageRecordIter: {what}")
            self._request = self._request._replace(label_width=0)
        with ThreadPoolExecutor(usable_cpus()) as threads:
            size = self._look_at_images(threads)
            if self._request.label_width and self._num_too_large:
                what = "it has no limit of pixels, and would decode images over the limit that was given"
                self._report(event="note", message=f"ImageRecordIter was not run: {what}")
            elif self._request.label_width and size is None:
                self._report(event="note", message="ImageRecordIter was not run: there is no image that can be decoded")
            elif self._request.label_width and size is not None:
                self._iterate(threads, (3, *size))
                if self._is_grey and self._num_compared:
                    self._iterate(threads, (1, *size))
        self._report_damaged_scans()  # now that nothing else decodes

    def _record(self, position: int) -> Record:
        return record_at(self._buffer, self._offsets[position], self._request.rec)

    def _progress(self, done: int) -> None:
        """Report now and then how many records are done with, and that this process is at work."""
        now = time.monotonic()
        if now - self._last_progress > _PROGRESS_SECONDS:
            self._last_progress = now
            self._report(event="progress", done=done)

    def _problem(self, position: int, message: str) -> None:
        self._report(event="problem", position=position, index=self._record(position).index, message=message)

    def _look_at_images(self, threads: Any) -> Optional[Tuple[int, int]]:
        """Report images that cannot be decoded; gives the smallest height and the smallest width of the others."""
        sizes = set()
        num_turned = 0
        for start in range(0, len(self._offsets), _BATCH_RECORDS):
            self._progress(0 if self._request.label_width else start)
            positions = range(start, min(start + _BATCH_RECORDS, len(self._offsets)))
            for position, image in zip(positions, threads.map(self._look, positions)):
                if image.fault is not None:
                    self._faulty.add(position)
                    self._problem(position, image.fault)
                self._num_too_large += image.is_too_large
                if image.size is not None:
                    sizes.add(image.size)
                    num_turned += not image.is_comparable
                self._is_comparable.append(image.is_comparable)
        if num_turned:
            what = f"pixels of {count(num_turned, 'TIFF')} with an EXIF orientation from 5 to 8"
            self._report(event="note", message=f"{what} were not compared: MXNet turns them wrong")
        if not sizes:
            return None
        height, width = (min(sides) for sides in zip(*sizes))
        if len(sizes) > 1 and self._request.label_width:
            crop = f"of each the {height} x {width} pixels in the middle were compared, the crop that ImageRecordIter gives"
            self._report(event="note", message=f"images have different sizes: {crop}")
        return height, width

    def _look(self, position: int) -> _Image:
        content = self._record(position).content
        if not content:  # a header of its own
            return _Image(None, False, None)
        fault = None
        try:
            check_readable_by_mxnet(content)
        except ImageError as error:
            fault = str(error)
        try:
            check_size(content, self._request.max_pixels)
        except ImageError as error:
            is_of_mxnet = sniff(content) in MXNET_FORMATS or content.startswith(b"BM")
            return _Image(None, False, fault or str(error), is_of_mxnet)
        assert self._looked_at is not None
        only_decoded = not self._request.label_width and self._looked_at[position]
        try:
            size = (None if fault or only_decoded else _size_by_header(content)) or self._decoded_size(position, content)
        except (ImageError, struct.error, cv2.error) as error:
            return _Image(None, False, fault or f"the image cannot be decoded: {error}")
        if sniff(content) == "TIFF" and tiff.is_turned(tiff.orientation_of(content)):
            return _Image((size[1], size[0]), False, fault)
        return _Image(size, True, fault)

    def _iterate(self, threads: Any, data_shape: Tuple[int, int, int]) -> None:
        """One epoch: the number of records, every label, and the pixels of those that are looked at."""
        assert self._looked_at is not None
        positions = np.flatnonzero(self._looked_at & self._is_comparable).tolist()
        most = max(2 * usable_cpus(), _AHEAD_BYTES // int(np.prod(data_shape)))
        ahead = _Ahead(threads, lambda position: self._expected(position, data_shape), positions, most)  # while MXNet is loaded
        try:
            is_whole = self._compare_epoch(ahead, data_shape)
        finally:
            ahead.stop()
        if not is_whole:
            self._suspects.clear()  # MXNet goes on decoding: what is printed then could be about any image

    def _compare_epoch(self, ahead: _Ahead, data_shape: Tuple[int, int, int]) -> bool:
        """Compare what ImageRecordIter gives; gives whether that ends where the records do, or before."""
        count, width = len(self._offsets), self._request.label_width
        batch_size = max(1, min(count, _BATCH_RECORDS, _BATCH_BYTES // int(np.prod(data_shape))))
        index = {} if self._request.idx is None else {"path_imgidx": self._request.idx}
        iterator = self._mxnet.result().io.ImageRecordIter(
            path_imgrec=self._request.rec,
            **index,
            data_shape=data_shape,
            label_width=width,
            batch_size=batch_size,
            round_batch=True,  # fills the last batch from the begin and says by how many; without it, its tail is never written
            shuffle=False,
            dtype="uint8",
            preprocess_threads=usable_cpus(),
        )
        start = 0
        for batch in iterator:
            end = start + batch_size - batch.pad
            if end > count:
                start = end
                break
            self._compare_labels(start, batch.label[0].asnumpy().reshape(batch_size, -1)[: end - start])
            self._compare_pixels(ahead, start, end, batch.data[0])
            start = end
            if data_shape[0] == 1:
                self._progress((count + start) // 2)
            else:  # where all is grey so far, it will be read once more
                self._progress(start // 2 if self._is_grey else start)
        if start != count:
            what = f"more than {count:,}" if start > count else f"{start:,}"
            self._report(event="problem", position=None, index=None, message=f"ImageRecordIter gives {what} of {count:,} records")
        return start <= count

    def _compare_labels(self, start: int, found: np.ndarray) -> None:
        expected = np.stack(self._labels[start : start + len(found)])
        for row in np.flatnonzero(~np.all((found == expected) | (np.isnan(found) & np.isnan(expected)), axis=1)).tolist():
            what = f"ImageRecordIter gives the labels {found[row][:8].tolist()}, the record holds {expected[row][:8].tolist()}"
            self._problem(start + row, what)

    def _compare_pixels(self, ahead: _Ahead, start: int, end: int, data: Any) -> None:
        """Compare the pixels of a batch, (n, C, H, W) in RGB order."""
        assert self._looked_at is not None
        positions = [p for p in range(start, end) if self._looked_at[p] and self._is_comparable[p]]
        if not positions:
            return
        pixels = data.asnumpy()
        for position in positions:
            image = ahead.take()
            found = pixels[position - start]
            channels = cv2.split(image)
            self._num_compared += 1
            if not all(map(np.array_equal, found, reversed(channels))):
                differing = float(np.mean(np.any(found.transpose(1, 2, 0)[:, :, ::-1] != image, axis=2)))
                what = f"ImageRecordIter gives other pixels than OpenCV {cv2.__version__}: {differing:.1%} of them differ"
                self._problem(position, what)
            if self._is_grey and len(channels) == 3:
                self._is_grey = all(np.array_equal(channels[0], other) for other in channels[1:])

    def _expected(self, position: int, data_shape: Tuple[int, int, int]) -> np.ndarray:
        """The pixels of a record that ImageRecordIter is to give: (H, W, C) in BGR order, a copy."""
        image = self._decode(position, self._record(position).content, data_shape[0])
        return np.ascontiguousarray(_crop(image, data_shape))

    def _decode(self, position: int, content: bytes, channels: int) -> np.ndarray:
        """Decode, and mark the record if stderr, a file, has grown meanwhile."""
        before = os.fstat(2).st_size
        try:
            return _decode(content, channels)
        finally:
            if os.fstat(2).st_size != before and sniff(content) == "JPEG":
                self._suspects.append(position)

    def _decoded_size(self, position: int, content: bytes) -> Tuple[int, int]:
        height, width, _ = self._decode(position, content, 3).shape
        return height, width

    def _report_damaged_scans(self) -> None:
        """Decode the suspects again, one at a time, so that what libjpeg prints is of this record."""
        harmless = []
        for position in sorted(set(self._suspects) - self._faulty):
            self._progress(len(self._offsets))
            said = _words_of_libjpeg(self._record(position).content)
            if not means_damage(said):
                harmless += [f"record {position:,}: {said}"] if said else []
            else:
                self._problem(position, f"the JPEG is damaged inside, though it decodes; libjpeg says: {said}")
        if harmless:
            what = f"libjpeg has a remark on {len(harmless):,} JPEGs that harms no pixel; it prints only the first of each"
            self._report(event="note", message=f"{what}. The first, {harmless[0]}")


def _words_of_libjpeg(content: bytes) -> str:
    """What is printed to stderr, a file, while a JPEG is decoded: its last line that is of libjpeg, or nothing."""
    before = os.fstat(2).st_size
    with suppress(ImageError, cv2.error):
        _decode(content, 3)
    said = os.pread(2, os.fstat(2).st_size - before, before).decode("utf-8", "replace")
    return next((line.strip() for line in said.splitlines() if line.strip() and not line.startswith("[")), "")


def _size_by_header(content: bytes) -> Optional[Tuple[int, int]]:
    """The (height, width) without decoding; None where only decoding gives it."""
    head = jpeg.head_of(content)
    if head is not None:
        jpeg.check_end(content, head)
        return head.size
    return png.size(content) if sniff(content) == "PNG" else None


def _decode(content: bytes, channels: int) -> np.ndarray:
    """(H, W, C) as the OpenCV inside MXNet decodes it: it applies the EXIF orientation of JPEGs, not yet that of PNGs."""
    flags = _DECODE_FLAGS[channels]
    if sniff(content) == "PNG":
        flags |= cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if image is None:
        raise ImageError(f"OpenCV cannot decode it: {describe(content)}")
    return image.reshape(*image.shape[:2], channels)


def _crop(image: np.ndarray, data_shape: Tuple[int, int, int]) -> np.ndarray:
    """The middle, as ImageRecordIter takes it: where a side cannot be halved, a pixel less is left away at its begin."""
    _, height, width = data_shape
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def _leave(folder: str) -> NoReturn:
    """Exit, and remove the folder, since the parent that would remove it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _listen(launch: Launch, lines: SimpleQueue) -> None:
    """Take the lines that the parent sends, until the parent is gone, however that ended: stdin is its pipe."""
    rest = b""
    while launch.parent is None or os.getppid() == launch.parent:
        if select.select([0], [], [], _PARENT_SECONDS)[0]:
            data = os.read(0, 1 << 16)
            if not data:
                break
            *complete, rest = (rest + data).split(b"\n")
            for line in complete:
                lines.put(line)
    _leave(launch.folder)


def _load_mxnet() -> ModuleType:
    """Import MXNet, without SciPy, which it loads where that is there: a quarter of the time, and no reader needs it."""
    sys.modules.setdefault("scipy", None)  # type: ignore[arg-type]
    return import_mxnet()


def main(argument: str) -> None:
    """Read a dataset, and report on stdout what was found."""
    launch = Launch(**json.loads(argument))
    lines: SimpleQueue = SimpleQueue()
    for name in ("SIGINT", "SIGTERM", "SIGHUP") if launch.parent is not None else ():
        # They reach the whole group; the parent decides, and this process cleans up.
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_listen, args=(launch, lines), daemon=True).start()
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # nobody needs the memory of an MXNet that has aborted
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)  # whatever else is printed must not come between the events

        def report(**event: Any) -> None:
            try:
                stream.write(json.dumps(event) + "\n")
                stream.flush()
            except BrokenPipeError:
                _leave(launch.folder)

        try:
            mxnet = ThreadPoolExecutor(1).submit(_load_mxnet) if is_installed() else None
            Reading(Request(**json.loads(lines.get())), report, mxnet).run()
        except MXNetUnavailableError as error:
            report(event="failed", message=str(error))
        except Exception as error:
            report(event="failed", message=f"ImageRecordIter fails: {type(error).__name__}: {explain(error)[:500]}")
        else:
            report(event="done")
        stream.flush()
        os._exit(0)  # MXNet's threads may hang or crash on the way out; all is reported already


if __name__ == "__main__":
    main(sys.argv[1])

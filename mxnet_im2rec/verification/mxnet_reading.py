# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""One reading of a dataset through MXNet, and by OpenCV beside it. Runs in a process of its own; knows no list and no source.

ImageRecordIter gives all images in one size, the smallest. Where images are larger, it shows no more than their middle. So these
are decoded by mx.image.imdecode too, which gives the whole image: it is the same OpenCV inside MXNet that decodes for both.
"""

from __future__ import annotations

import os
import struct
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import islice
from typing import Any, Callable, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

import numpy as np

from ..cpus import usable_cpus
from ..errors import ImageError
from ..images import tiff
from ..images.checks import check_readable_by_mxnet, check_size
from ..images.decoder_messages import means_damage
from ..images.formats import MXNET_FORMATS, sniff
from ..mxnet_compat import explain
from ..opencv_compat import cv2
from ..recordio.record import Record, record_at, scan
from ..storage.filebuffer import FileBuffer
from ..text import count
from .reader_images import as_stored, crop, decode, size_by_header, words_of_libjpeg

_BATCH_BYTES, _BATCH_RECORDS = 32 << 20, 128
_AHEAD_BYTES = 256 << 20  # of pixels that OpenCV decodes ahead of ImageRecordIter
_PROGRESS_SECONDS = 1.0


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
        self._whole = np.zeros(0, bool)  # which images are compared whole in this epoch
        self._largest = 0  # how many pixels the largest image has, where they differ in size
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
            self._largest = max(height * width for height, width in sizes)
            crop = f"of each the {height} x {width} pixels in the middle were compared, the crop that ImageRecordIter gives"
            whole = f"of {np.count_nonzero(self._looked_at_whole()):,} all pixels, as mx.image.imdecode gives them"
            self._report(event="note", message=f"images have different sizes: {crop}; and {whole}")
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
            size = (None if fault or only_decoded else size_by_header(content)) or self._decoded_size(position, content)
        except (ImageError, struct.error, cv2.error) as error:
            return _Image(None, False, fault or f"the image cannot be decoded: {error}")
        if sniff(content) == "TIFF" and tiff.is_turned(tiff.orientation_of(content)):
            return _Image((size[1], size[0]), False, fault)
        return _Image(size, True, fault)

    def _iterate(self, threads: Any, data_shape: Tuple[int, int, int]) -> None:
        """One epoch: the number of records, every label, and the pixels of those that are looked at."""
        assert self._looked_at is not None
        positions = np.flatnonzero(self._looked_at & self._is_comparable).tolist()
        self._whole = self._looked_at_whole() if data_shape[0] == 3 else np.zeros(len(self._offsets), bool)
        num_bytes = max(int(np.prod(data_shape)), 3 * self._largest if self._whole.any() else 0)
        most = max(2 * usable_cpus(), _AHEAD_BYTES // num_bytes)
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
        decoded = self._decoded_by_mxnet([position for position in positions if self._whole[position]])
        for position in positions:
            image = ahead.take()
            if self._whole[position]:
                self._compare_whole(position, next(decoded), image)
                image = crop(image, pixels.shape[1:])
            found = pixels[position - start]
            channels = cv2.split(image)
            self._num_compared += 1
            if not all(map(np.array_equal, found, reversed(channels))):
                differing = float(np.mean(np.any(found.transpose(1, 2, 0)[:, :, ::-1] != image, axis=2)))
                what = f"ImageRecordIter gives other pixels than OpenCV {cv2.__version__}: {differing:.1%} of them differ"
                self._problem(position, what)
            if self._is_grey and len(channels) == 3:
                self._is_grey = all(np.array_equal(channels[0], other) for other in channels[1:])

    def _looked_at_whole(self) -> np.ndarray:
        """Which images are compared whole, where they differ in size; (n,) bool."""
        assert self._looked_at is not None
        is_whole = np.zeros(len(self._offsets), bool)
        if self._largest:
            is_whole[np.flatnonzero(self._looked_at & self._is_comparable)] = True
            is_whole[list(self._faulty)] = False  # MXNet may give memory that nobody has written for a damaged image
        return is_whole

    def _decoded_by_mxnet(self, positions: Sequence[int]) -> Iterator[Union[np.ndarray, str]]:
        """For each position the whole image by mx.image.imdecode, (H, W, 3) in BGR order, or why there is none.

        MXNet decodes in threads of its own, some images ahead.
        """
        mxnet = self._mxnet.result()
        waiting: deque = deque()
        num_ahead = 2 * usable_cpus()
        for number in range(len(positions) + num_ahead):
            if number < len(positions):
                content = self._record(positions[number]).content
                try:
                    waiting.append(mxnet.image.imdecode(content, to_rgb=False))
                except mxnet.MXNetError as error:
                    waiting.append(explain(error))
            if number >= num_ahead:
                image = waiting.popleft()
                try:
                    yield image if isinstance(image, str) else image.asnumpy()
                except mxnet.MXNetError as error:
                    yield explain(error)

    def _compare_whole(self, position: int, found: Union[np.ndarray, str], image: np.ndarray) -> None:
        """Compare what mx.image.imdecode gives with the image by OpenCV, (H, W, 3) in BGR order."""
        if isinstance(found, str):
            self._problem(position, f"mx.image.imdecode fails: {found[:300]}")
            return
        expected = as_stored(image, self._record(position).content)
        if found.shape != expected.shape:
            shapes = f"{found.shape}, OpenCV {cv2.__version__} {expected.shape}"
            self._problem(position, f"mx.image.imdecode gives an image of shape {shapes}")
        elif not np.array_equal(found, expected):
            differing = float(np.mean(np.any(found != expected, axis=2)))
            what = f"mx.image.imdecode gives other pixels than OpenCV {cv2.__version__}: {differing:.1%} of them differ"
            self._problem(position, what)

    def _expected(self, position: int, data_shape: Tuple[int, int, int]) -> np.ndarray:
        """The pixels of a record that MXNet is to give: (H, W, C) in BGR order, a copy; the crop, or the whole image."""
        image = self._decode(position, self._record(position).content, data_shape[0])
        return image if self._whole[position] else np.ascontiguousarray(crop(image, data_shape))

    def _decode(self, position: int, content: bytes, channels: int) -> np.ndarray:
        """Decode, and mark the record if stderr, a file, has grown meanwhile."""
        before = os.fstat(2).st_size
        try:
            return decode(content, channels)
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
            said = words_of_libjpeg(self._record(position).content)
            if not means_damage(said):
                harmless += [f"record {position:,}: {said}"] if said else []
            else:
                self._problem(position, f"the JPEG is damaged inside, though it decodes; libjpeg says: {said}")
        if harmless:
            what = f"libjpeg has a remark on {len(harmless):,} JPEGs that harms no pixel; it prints only the first of each"
            self._report(event="note", message=f"{what}. The first, {harmless[0]}")

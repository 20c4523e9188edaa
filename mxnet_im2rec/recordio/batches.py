# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Batches of decoded images from a .rec, made in threads. Knows no transform of MXNet's, and writes nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Union

import numpy as np

from .. import arguments
from ..cpus import usable_cpus
from ..engine.ordered import ordered_map
from ..engine.serial import SerialPool
from ..engine.threads import ThreadPool
from ..errors import ArgumentTypeError, ImageError, TransformResultError
from ..images import codec
from ..images.checks import check_size
from .record import Record

if TYPE_CHECKING:
    from .reader import RecordFile

_PADDING = -1.0  # as MXNet's ImageDetRecordIter has it


class Batch(NamedTuple):
    """Some records of a :class:`RecordFile`, decoded.

    Attributes
    ----------
    images : numpy.ndarray
        (N, H, W, C) uint8, RGB; C is 1 for grey. With a transform, (N, ...) of what it returns.
    labels : numpy.ndarray
        (N,) float32 where every record of the batch has one label; else (N, n) float32, where the rows of records with fewer
        labels, as detection has them, end with -1.
    indices : numpy.ndarray
        (N,) uint64, the images' ids.
    """

    images: np.ndarray
    labels: np.ndarray
    indices: np.ndarray


def batches_of(
    records: RecordFile,
    batch_size: int,
    shuffle: Optional[int],
    workers: Optional[int],
    color: int,
    transform: Optional[Callable[[np.ndarray], np.ndarray]],
    max_pixels: Optional[int],
) -> Iterator[Batch]:
    """See :meth:`RecordFile.batches`."""
    batch_size = arguments.whole_number("batch_size", batch_size, 1)
    if workers is not None:
        workers = arguments.few_enough("workers", arguments.whole_number("workers", workers, 0))
    if transform is not None and not callable(transform):
        raise ArgumentTypeError("transform", "must be callable, from an array to an array", transform)
    if max_pixels is not None:
        max_pixels = arguments.whole_number("max_pixels", max_pixels, 1)
    order = np.arange(len(records))
    if shuffle is not None:
        # The legacy generator alone promises the same order with every version of NumPy.
        np.random.RandomState(arguments.whole_number("shuffle", shuffle, 0) % 2**32).shuffle(order)
    work = _Decoding(records, arguments.color(color), transform, max_pixels)
    parts = (order[start : start + batch_size].tolist() for start in range(0, len(order), batch_size))
    return _run(work, parts, usable_cpus() if workers is None else workers)


def _run(work: _Decoding, parts: Iterator[List[int]], workers: int) -> Iterator[Batch]:
    pid = os.getpid()
    pool: Any = ThreadPool(work, workers) if workers else SerialPool(work)
    with pool:
        for _, batch in ordered_map(pool, parts, chunk_size=1, max_items=pool.capacity, max_bytes=0):
            if isinstance(batch, Exception):  # when it is due, whichever thread is faster
                raise batch
            if batch is not None:
                yield batch
            if workers and os.getpid() != pid:
                raise RuntimeError("this process was forked and does not have the threads of these batches; call batches() here")


class _Decoding:
    """From positions to the batch of their records, or None if none of them has an image; or the error that it raises."""

    def __init__(self, records: RecordFile, color: int, transform: Optional[Callable], max_pixels: Optional[int]) -> None:
        self._records, self._color, self._transform, self._max_pixels = records, color, transform, max_pixels

    def __call__(self, positions: Sequence[int]) -> Union[Batch, Exception, None]:
        try:
            return self._batch(positions)
        except Exception as error:
            return error

    def _batch(self, positions: Sequence[int]) -> Optional[Batch]:
        used: List[Record] = []
        images: Any = None
        for position in positions:
            record = self._records[position]
            if not record.content:
                continue
            decoded = self._decode(record)
            if self._transform is None:
                kind = np.atleast_3d(decoded).shape, np.dtype(np.uint8)
            else:
                decoded = self._transformed(record, codec.to_rgb(decoded))
                kind = decoded.shape, decoded.dtype
            if images is None:
                images = np.empty((len(positions), *kind[0]), kind[1])
            elif kind != (images.shape[1:], images.dtype):
                raise self._of_other_kind(record, kind, used[0], images)
            if self._transform is None:
                codec.to_rgb(decoded, images[len(used)])
            else:
                images[len(used)] = decoded
            used.append(record)
        if images is None:
            return None
        return Batch(images[: len(used)], _labels_of(used), np.array([record.index for record in used], np.uint64))

    def _decode(self, record: Record) -> np.ndarray:
        try:
            check_size(record.content, self._max_pixels)
            return codec.decode(record.content, self._color)
        except ImageError as error:
            raise ImageError(f"{self._name(record)}: {error}") from None

    def _transformed(self, record: Record, image: np.ndarray) -> np.ndarray:
        assert self._transform is not None
        try:
            result = self._transform(image)
        except Exception as error:
            what = f"{self._name(record)}: the transform raised {type(error).__name__}: {error}"
            raise TransformResultError(what) from error
        if not isinstance(result, np.ndarray):
            found = type(result).__name__
            raise TransformResultError(f"{self._name(record)}: the transform must return a NumPy array, not {found}")
        return result

    def _name(self, record: Record) -> str:
        return f"the record of index {record.index} at byte {record.offset:,} of {self._records.rec_path!r}"

    def _of_other_kind(self, record: Record, kind: Any, first: Record, images: np.ndarray) -> ImageError:
        found = f"{kind[1]} of shape {kind[0]}"
        others = f"{images.dtype} of shape {images.shape[1:]}, as that of index {first.index} is"
        if self._transform is None:
            advice = "pack with Resize and CenterCrop, give a transform that does the same, or take batches of 1"
        else:
            advice = "the transform must give every image the same shape and dtype"
        return ImageError(f"{self._name(record)} is {found}, and not {others}: {advice}")


def _labels_of(records: Sequence[Record]) -> np.ndarray:
    most = max(len(record.labels) for record in records)
    labels = np.full((len(records), most), _PADDING, np.float32)
    for row, record in zip(labels, records):
        row[: len(record.labels)] = record.labels
    return labels[:, 0] if most == 1 else labels

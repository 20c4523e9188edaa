# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Datasets of faces: the images with the number of a person each, and the layout that InsightFace's face2rec2.py gives them.

In that layout the record of key 0 has no image and the labels (a, b): the images are the keys 1 to a - 1, and a to b - 1 are
records without an image, one for each person, whose labels (start, end) say that the person's images are start to end - 1. The
labels of an image are the person and whether the face is aligned.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

import numpy as np

from ..errors import EmptyDatasetError, RecordFormatError
from ..labels import EXACT_INTEGERS
from ..recordio.reader import RecordFile
from ..recordio.record import Record


class Faces(NamedTuple):
    """The images of a dataset, in the order of the file."""

    positions: np.ndarray  # (n,) int64, of their records
    persons: np.ndarray  # (n,) int32, from 0 to 2**24
    are_aligned: np.ndarray  # (n,) int8: 1 or 0; -1 where the input does not say it


def insightface_header(records: RecordFile) -> Optional[Record]:
    """The record that says where the images and the persons are; None if the dataset is not in InsightFace's layout."""
    for position in np.flatnonzero(records.keys == 0).tolist():
        record = records[position]
        if record.flag and not record.content:
            return record
    return None


def read_faces(records: RecordFile) -> Faces:
    """Read every record once, for its labels; RecordFormatError names the first one that is no image of a person."""
    is_image = _are_images(records)
    persons, are_aligned = np.empty(len(records), np.int32), np.empty(len(records), np.int8)
    for position in range(len(records)):
        record = records[position]
        if is_image[position]:
            persons[position], are_aligned[position] = _labels(record, records.rec_path)
        elif record.content:
            raise _wrong(records.rec_path, record, "no image, as the record of key 0 says", f"{len(record.content):,} bytes")
    if not is_image.any():
        raise EmptyDatasetError(f"{records.rec_path!r} has no image; nothing was written")
    return Faces(np.flatnonzero(is_image), persons[is_image], are_aligned[is_image])


def _are_images(records: RecordFile) -> np.ndarray:
    """(n,) bool, by the keys: which records have an image."""
    header = insightface_header(records)
    if header is None:
        return np.ones(len(records), np.bool_)
    end_of_images, end = header.labels[:2].tolist() if len(header.labels) == 2 else (-1.0, -1.0)
    keys = np.sort(records.keys)
    if not 1 <= end_of_images <= end or len(keys) != end or not np.array_equal(keys, np.arange(len(keys), dtype=np.uint64)):
        expected = f"two labels (a, b), and the keys 0 to b - 1, as InsightFace's layout has them, of which b is {len(keys):,}"
        found = f"the labels {header.labels.tolist()}, and keys up to {int(keys[-1]):,}"
        raise RecordFormatError(records.rec_path, header.offset, expected, found)
    return (records.keys > 0) & (records.keys < np.uint64(end_of_images))


def _labels(record: Record, path: str) -> Tuple[int, int]:
    labels = record.labels.tolist()
    if not record.content:
        raise _wrong(path, record, "an image", "none")
    if len(labels) not in (1, 2) or not (labels[0].is_integer() and 0 <= labels[0] <= EXACT_INTEGERS):
        raise _wrong(path, record, "one label, the number of a person: a whole number from 0 to 2**24", str(labels))
    if len(labels) == 2 and labels[1] not in (0, 1):
        raise _wrong(path, record, "as a second label 0 or 1, whether the face is aligned", str(labels))
    return int(labels[0]), -1 if len(labels) == 1 else int(labels[1])


def _wrong(path: str, record: Record, expected: str, found: str) -> RecordFormatError:
    return RecordFormatError(path, record.offset, f"of the record of index {record.index} {expected}", found)

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What each reader that trains stumbles on, though the dataset is sound: a class of rules for each. Runs none of the readers.

The rules watch the records while check_structure() goes through the .rec. A new reader is one more class and a line in READERS.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Dict, List, Optional, Set, Tuple, Type

import numpy as np

from ..images import jpeg
from ..images.formats import sniff
from ..images.sizes import image_size
from ..labels import DetectionLabels, detection_classes, detection_header, detection_problem
from ..recordio.paths import what_readers_stumble_on
from ..recordio.record import record_at
from ..storage.filebuffer import FileBuffer
from ..text import count
from .collecting import ProblemCollector, SimilarProblems
from .structure import SeenRecord, Structure

_LAYER = "for"
_MOST_ALIKE = 5  # problems that are reported one by one; more become one line
_PLAIN = "; convert InsightFace's layout to the plain one, which has an image in every record"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # by the colour type in the header


class ReaderRules:
    """What one reader asks of a dataset. A subclass looks at each record, and concludes when the .rec has been read to its end.

    Every reader but InsightFace's own needs an image in each record.
    """

    name = ""  # of the reader, as its users write it

    def __init__(self, rec_path: str, idx_path: str, buffer: FileBuffer, problems: ProblemCollector) -> None:
        self.rec_path = rec_path
        self.idx_path = idx_path
        self._buffer = buffer
        self._problems = problems
        self.without_image = self.similar("records have no image")
        self.begin()

    def begin(self) -> None:
        """Make ready for what a subclass collects."""

    def look_at(self, record: SeenRecord) -> None:
        """Look at a record; they come in the order of the file."""
        if not record.has_image:
            self.add(self.without_image, record, f"{self.name} needs an image in every record, and this one has none")

    def conclude(self, structure: Structure) -> None:
        """Report what was found."""
        self.without_image.report(_PLAIN)

    def similar(self, what: str) -> SimilarProblems:
        return SimilarProblems(self._problems, _LAYER, what, _MOST_ALIKE)

    def add(self, similar: SimilarProblems, record: SeenRecord, message: str) -> None:
        similar.add(message, record.position, record.header.index)

    def problem(self, message: str) -> None:
        self._problems.add(_LAYER, message)

    def note(self, message: str) -> None:
        self._problems.note(message)

    def content(self, record: SeenRecord) -> bytes:
        """The bytes of a record's image."""
        return record_at(self._buffer, record.offset, self.rec_path).content


class _ImageRecordIter(ReaderRules):
    """MXNet's mx.io.ImageRecordIter: one label_width for all records; its path is a URI, or several."""

    name = "ImageRecordIter"

    def begin(self) -> None:
        self._widths: Counter = Counter()
        self._detection = DetectionLabels()

    def look_at(self, record: SeenRecord) -> None:
        super().look_at(record)
        labels = record.header.labels
        self._widths[len(labels)] += 1
        self._detection.add(labels.tolist(), record.position)

    def conclude(self, structure: Structure) -> None:
        super().conclude(structure)
        hint = "; ImageDetRecordIter and ImageDetIter read labels for detection" if self._detection.header else ""
        if len(self._widths) > 1:
            found = _counts(self._widths)
            self.problem(f"{self.name} takes one label_width for all records, and the numbers of labels are {found}{hint}")
        elif self._widths and max(self._widths) > 1:
            self.note(f"give {self.name} label_width={max(self._widths)}: its default is 1, which fails here{hint}")
        _check_uri(self, self.name)


class _ImageDetIter(ReaderRules):
    """MXNet's mx.image.ImageDetIter, and mx.io.ImageDetRecordIter: labels for detection, with an object in every image."""

    name = "ImageDetIter"

    def begin(self) -> None:
        self._refused = self.similar("records have other labels than those of detection")
        self._object_widths: Counter = Counter()

    def look_at(self, record: SeenRecord) -> None:
        super().look_at(record)
        labels = record.header.labels.tolist()
        header, problem = detection_header(labels), detection_problem(labels)
        if record.has_image and problem is not None:
            self.add(self._refused, record, problem)
        elif record.has_image and header is not None:
            self._object_widths[header.object_width] += 1

    def conclude(self, structure: Structure) -> None:
        super().conclude(structure)
        self._refused.report(f"; {self.name} fails, or leaves the object out without a word")
        if len(self._object_widths) > 1:
            what = f"the numbers of each object are {_counts(self._object_widths)}"
            self.problem(f"{self.name} puts all objects into one array, and {what}")
        if what_readers_stumble_on(self.rec_path):
            self.note(f"ImageDetRecordIter cannot open {self.rec_path!r}, whose path has a meaning to it; ImageDetIter can")


class _ArcFace(ReaderRules):
    """InsightFace's arcface_torch, MXFaceDataset of its dataset.py.

    It looks at the record of key 0 first. If that has a flag, it is taken for a header: the images are those of the keys 1 to
    label[0] - 1. Else every key is an image. Of several labels it takes the first. It resizes nothing.
    """

    name = "arcface_torch"
    _SIDE = 112  # pixels, which its networks take

    def begin(self) -> None:
        self._first: Optional[SeenRecord] = None  # the record of key 0
        self._empty: List[SeenRecord] = []
        self._images: List[int] = []  # their ids
        self._num_several = 0  # how many of them have several labels
        self._not_whole = self.similar("first labels are no class")
        self._other_size = self.similar("images have another size than the first one")
        self._size: Optional[Tuple[int, int]] = None

    def look_at(self, record: SeenRecord) -> None:
        if record.header.index == 0 and self._first is None:
            self._first = record
        if not record.has_image:
            self._empty.append(record)
            return
        self._images.append(record.header.index)
        self._num_several += record.header.flag > 0
        label = float(record.header.labels[0])
        if not (label.is_integer() and label >= 0):
            what = f"{self.name} takes the first label for a class, a whole number from 0 on, and cuts off the rest: {label:g}"
            self.add(self._not_whole, record, what)
        size = image_size(self.content(record))
        self._size = self._size or size
        if size is not None and size != self._size:
            what = f"the image has {size[0]} x {size[1]} pixels, the first one {self._size[0]} x {self._size[1]}"  # type: ignore[index]
            self.add(self._other_size, record, f"{self.name} puts images into a batch as they are: {what}")

    def conclude(self, structure: Structure) -> None:
        end = self._conclude_header()
        for record in self._empty:
            if end is None or 1 <= record.header.index < end:
                self.add(self.without_image, record, f"{self.name} takes this record for an image, and it has none")
        self.without_image.report()
        self._not_whole.report()
        self._other_size.report(f"; pack with a transform that gives {self._SIDE} x {self._SIDE}")
        if self._num_several:
            what = f"{count(self._num_several, 'image has', 'images have')} several labels"
            self.note(f"{what}, on which {self.name} raises TypeError with PyTorch 1.12 and later; store one label")
        if self._size is not None and not self._other_size.count and self._size != (self._SIDE, self._SIDE):
            found = f"{self._size[0]} x {self._size[1]}"
            self.note(f"the images have {found} pixels; {self.name}'s own networks take {self._SIDE} x {self._SIDE} alone")
        folder = os.path.dirname(self.rec_path)
        if (self.rec_path, self.idx_path) != (os.path.join(folder, "train.rec"), os.path.join(folder, "train.idx")):
            self.note(f"{self.name} opens train.rec and train.idx of a folder: give the files these names before training")

    def _conclude_header(self) -> Optional[int]:
        """Look at the record of key 0; gives the key where the images end, if that record is a header."""
        if self._first is None:
            self.problem(f"{self.name} opens the record of key 0 first, and there is none; number the images from 0")
            return None
        header = self._first.header
        if not header.flag:
            return None
        end = int(header.labels[0]) if np.isfinite(header.labels[0]) else 0
        num_lost = sum(not 1 <= index < end for index in self._images)
        if self._first.has_image:
            what = f"{count(len(header.labels), 'label')} behind its header: {self.name} takes it for InsightFace's header record"
            read = f", and reads the keys 1 to {end - 1} alone" if end > 1 else ", and reads no image"
            fails = " and fails, since that has two" if len(header.labels) < 2 else read
            lost = f"; {num_lost:,} of {len(self._images):,} images are lost; pack one label for each image"
            self.problem(f"the record of key 0 has an image and {what}{fails}{lost}")
        elif len(header.labels) < 2:
            self.problem(f"the header record of key 0 has one label; {self.name} fails without the second")
        elif num_lost:
            what = f"{num_lost:,} of {len(self._images):,} images"
            self.problem(f"{self.name} reads the keys 1 to {end - 1}, as the header record says; {what} have other keys")
        return end


class _Dali(ReaderRules):
    """NVIDIA DALI's fn.readers.mxnet: an .idx, and a record in every file; of several labels it gives as many as there are."""

    name = "DALI"

    def begin(self) -> None:
        self._widths: Counter = Counter()

    def look_at(self, record: SeenRecord) -> None:
        super().look_at(record)
        self._widths[len(record.header.labels)] += 1

    def conclude(self, structure: Structure) -> None:
        super().conclude(structure)
        if not len(structure.ids):
            misplaced = "where it maps no files, it misplaces the records of those behind it"
            self.problem(f"{self.name} fails on a file without a record, or, {misplaced}; leave the file out")
        if not os.path.exists(self.idx_path):
            self.problem(f"{self.name} cannot read without the .idx, and there is no {self.idx_path!r}")
        if len(self._widths) > 1:
            found = _counts(self._widths)
            self.note(
                f"the numbers of labels are {found}: {self.name} gives arrays of different lengths; make them equal by fn.pad"
            )


class _RocAL(ReaderRules):
    """AMD's rocAL, MXNetRecordIOReader: a folder with one .rec and one .idx; one label; a name, the id, for each image."""

    name = "rocAL"

    def begin(self) -> None:
        self._flagged = self.similar("records have labels behind the header")
        self._split = self.similar("records are split at RecordIO's magic")
        self._num_others = 0

    def look_at(self, record: SeenRecord) -> None:
        super().look_at(record)
        if record.header.flag:
            what = f"{self.name} passes over a record that has labels behind its header (flag {record.header.flag})"
            self.add(self._flagged, record, what)
        if record.is_split:
            what = f"{self.name} fails on a record of several parts, which RecordIO makes of an image that holds its magic"
            self.add(self._split, record, what)
        if record.has_image and sniff(self.content(record)) != "JPEG":
            self._num_others += 1

    def conclude(self, structure: Structure) -> None:
        super().conclude(structure)
        self._flagged.report("; pack one label for each image")
        self._split.report("; encode these images again, at another quality")
        num_repeated = len(structure.ids) - len(np.unique(structure.ids))
        if num_repeated:
            what = f"{num_repeated:,} of {len(structure.ids):,} records have the id of another"
            self.problem(f"{self.name} knows images by their ids, and {what}; give every image an index of its own")
        if structure.size >= 2**32:
            self.problem(f"{self.name} reads less than 4 GiB, and the .rec has {structure.size:,} bytes; pack smaller parts")
        self._check_folder()
        if self._num_others:
            self.note(f"{count(self._num_others, 'image is', 'images are')} no JPEG, which {self.name}'s own decoder is for")

    def _check_folder(self) -> None:
        folder = os.path.dirname(self.rec_path)
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_file() and entry.name.endswith((".rec", ".idx")))
        expected = sorted(os.path.basename(path) for path in (self.rec_path, self.idx_path))
        if names != expected or os.path.dirname(self.idx_path) != folder:
            found = f"{', '.join(map(repr, names[:4]))}{', ...' if len(names) > 4 else ''}" if names else "neither"
            what = f"{self.name} opens a folder, and takes the one .rec and the one .idx in it"
            self.problem(f"{what}; {folder!r} holds {found}; put the two files into a folder of their own")


class _SageMaker(ReaderRules):
    """Amazon SageMaker's Image Classification and Object Detection, by their documentation.

    Which of the two it is shows by the labels. The hyperparameters are the user's: what depends on them becomes a note.
    """

    name = "SageMaker"
    _SIDE = 224  # of image_shape, for classification, if it is not given
    _LABEL_WIDTH = 350  # if label_width is not given

    def begin(self) -> None:
        self._detection = DetectionLabels()
        self._several = self.similar("records have several labels")
        self._no_class = self.similar("labels are no class")
        self._refused = self.similar("records have other labels than those of detection")
        self._classes: Set[float] = set()
        self._object_classes: Set[float] = set()
        self._smallest: Optional[Tuple[int, int]] = None
        self._most_labels = self._num_unlike_rgb = 0

    def look_at(self, record: SeenRecord) -> None:
        super().look_at(record)
        if not record.has_image:
            return
        labels = record.header.labels.tolist()
        self._detection.add(labels, record.position)
        self._most_labels = max(self._most_labels, len(labels))
        problem = detection_problem(labels)
        if problem is not None:
            self.add(self._refused, record, problem)
        self._object_classes.update(detection_classes(labels) or ())
        if len(labels) > 1:
            self.add(
                self._several, record, f"{self.name} takes one label from a record, its class, and this one has {len(labels)}"
            )
        elif labels[0].is_integer() and labels[0] >= 0:
            self._classes.add(labels[0])
        else:
            self.add(self._no_class, record, f"{self.name} takes the label for a class, a whole number from 0 on: {labels[0]:g}")
        content = self.content(record)
        size = image_size(content)
        if size is not None:
            self._smallest = (
                size if self._smallest is None else (min(self._smallest[0], size[0]), min(self._smallest[1], size[1]))
            )
        self._num_unlike_rgb += _channels(content) not in (3, None)

    def conclude(self, structure: Structure) -> None:
        super().conclude(structure)
        if self._detection.header is None:
            self._several.report("; pack the first label alone")
            self._no_class.report()
            self._check_classes(self._classes)
            if self._smallest is not None and min(self._smallest) < self._SIDE:
                height, width = self._smallest
                what = f"{self.name} fails on an image that is smaller than image_shape, 3,{self._SIDE},{self._SIDE} by default"
                self.note(f"{what}; the smallest height is {height}, the smallest width {width}: give at most 3,{height},{width}")
            return
        self._refused.report()
        self._check_classes(self._object_classes)
        if self._most_labels > self._LABEL_WIDTH:
            what = f"there are up to {self._most_labels} labels, and label_width is {self._LABEL_WIDTH} by default"
            self.note(f"{what}: give {self.name} at least label_width={self._most_labels}, for training and validation alike")
        if self._num_unlike_rgb:
            grey = count(self._num_unlike_rgb, "image is", "images are")
            self.note(f"{grey} stored with other than 3 channels, and {self.name}'s object detection is for images of 3")

    def _check_classes(self, classes: Set[float]) -> None:
        missing = next((number for number in range(len(classes)) if number not in classes), None)
        if missing is not None:
            found = f"{count(len(classes), 'class', 'classes')} from {min(classes):g} to {max(classes):g}, without {missing}"
            self.problem(f"{self.name} wants the classes numbered 0, 1, 2, ... without a gap, and there are {found}")


class _GluonCV(ReaderRules):
    """GluonCV's RecordFileDetection: an .idx beside the .rec, and an object in every image."""

    name = "GluonCV's RecordFileDetection"

    def begin(self) -> None:
        self._refused = self.similar("records have other labels than those of detection")

    def look_at(self, record: SeenRecord) -> None:
        super().look_at(record)
        labels = record.header.labels.tolist()
        if record.has_image and detection_header(labels) is None:
            self.add(self._refused, record, detection_problem(labels) or "")

    def conclude(self, structure: Structure) -> None:
        super().conclude(structure)
        self._refused.report(f"; {self.name} fails there")
        beside = os.path.splitext(self.rec_path)[0] + ".idx"
        if not os.path.exists(beside):
            self.problem(f"{self.name} opens the .idx beside the .rec, and there is no {beside!r}")


READERS: Dict[str, Type[ReaderRules]] = {
    "imagerecorditer": _ImageRecordIter,
    "imagedetiter": _ImageDetIter,
    "arcface": _ArcFace,
    "dali": _Dali,
    "rocal": _RocAL,
    "sagemaker": _SageMaker,
    "gluoncv": _GluonCV,
}


def _counts(widths: Counter) -> str:
    shown = [f"{width} in {count(number, 'record')}" for width, number in widths.most_common(4)]
    return ", ".join(shown) + (", ..." if len(widths) > 4 else "")


def _check_uri(rules: ReaderRules, name: str) -> None:
    stumbling = what_readers_stumble_on(rules.rec_path) + what_readers_stumble_on(rules.idx_path)
    if stumbling:
        found = ", ".join(map(repr, sorted(set(stumbling))))
        rules.problem(f"{name} cannot open this path, which holds {found}; rename it before training")


def _channels(content: bytes) -> Optional[int]:
    """How many channels a JPEG or a PNG has by its header; None where that is not known."""
    kind = sniff(content)
    if kind == "PNG":
        return _PNG_CHANNELS.get(content[25]) if len(content) > 25 else None
    head = jpeg.head_of(content) if kind == "JPEG" else None
    return head.frame[8] if head is not None and len(head.frame) > 8 else None

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What every source of detection labels does: boxes become labels, what is left out is counted. Knows no format of annotations.

The labels of an image are ``[A, B, (width, height,) object, object, ...]``: A is 4, or 2 with the minimal header, B is the width
of an object, 5 or 6. An object is ``(class, xmin, ymin, xmax, ymax(, difficult))``, the corners as shares of the image's sides.
"""

from __future__ import annotations

import hashlib
import math
import os
from abc import abstractmethod
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from .. import arguments
from ..errors import AnnotationError, ArgumentValueError
from ..images.sizes import image_size
from ..labels import as_float32
from ..storage.opening import open_without_waiting
from ..text import Argument, Text, count
from ..values import Entries, Failure, ListEntry
from .source import ListSource

PathLike = Union[str, os.PathLike]

HEADERS, EMPTY = ("full", "minimal"), ("skip", "dummy", "error")
_SKIP, _DUMMY = Argument("empty", "skip"), Argument("empty", "dummy")
_ROUNDING = 1e-6  # of a side; a box that reaches less far beyond its image is not called clipped
_NO_OBJECT = -1.0  # each number of the one object of an image without objects
_HEAD_SIZES = (16 << 10, 256 << 10)  # of what is read of an image; all of it, if these do not show its size


class Box(NamedTuple):
    """An object: its class, and its corners in the unit of its source."""

    number: int
    x_min: float
    y_min: float
    x_max: float
    y_max: float
    is_difficult: bool = False


class Annotated(NamedTuple):
    """What the annotations say of one image."""

    path: str  # relative to the folder of the images, with '/'
    size: Optional[Tuple[float, float]]  # width and height; None: the corners are shares of the sides already
    boxes: Sequence[Box]
    num_crowd: int = 0  # objects that were left out, for what they are
    num_ignored: int = 0


@dataclass
class DetectionReport:
    """What became of the objects of a detection dataset. It is complete when the entries were read to their end.

    Attributes
    ----------
    num_images : int
        How many images the list has.
    num_objects : int
        How many objects they have together.
    num_clipped : int
        How many of these objects reached beyond their image, and were clipped.
    num_crowd, num_ignored, num_empty_boxes : int
        How many objects were left out: of crowds, such as COCO's ``iscrowd``; marked as ignored; without an area in the image.
    num_without_objects : int
        How many images have no object. With ``empty='skip'`` they are left out.
    """

    num_images: int = 0
    num_objects: int = 0
    num_clipped: int = 0
    num_crowd: int = 0
    num_ignored: int = 0
    num_empty_boxes: int = 0
    num_without_objects: int = 0

    def __str__(self) -> str:
        left_out = {"crowd": self.num_crowd, "ignored": self.num_ignored, "without an area": self.num_empty_boxes}
        text = f"{count(self.num_images, 'image')} with {count(self.num_objects, 'object')}, {self.num_clipped:,} of them clipped"
        if any(left_out.values()):
            found = ", ".join(f"{number:,} {kind}" for kind, number in left_out.items() if number)
            text += f"; objects left out: {found}"
        return text + f"; {count(self.num_without_objects, 'image')} without objects"


class DetectionSource(ListSource):
    """Images with boxes. A format is a subclass that gives what its annotations say, image by image.

    Attributes
    ----------
    classes : dict of str to int
        The number of each class.
    report : DetectionReport
        What was counted when the entries were read last.
    """

    can_be_read_twice = True
    classes: Dict[str, int]
    voc_origin = 0

    def __init__(self, images: str, name: str, files: Iterable[str], header: str, difficult: bool, empty: str) -> None:
        super().__init__(images, images)
        if header not in HEADERS:
            raise ArgumentValueError("header", f"must be one of {', '.join(map(repr, HEADERS))}", header)
        if empty not in EMPTY:
            raise ArgumentValueError("empty", f"must be one of {', '.join(map(repr, EMPTY))}", empty)
        self.name = name
        self._header, self._difficult, self._empty = header, arguments.flag("difficult", difficult), empty
        self._files = list(files)
        self._stamps = _stamps(self._files)
        self.report = DetectionReport()

    @abstractmethod
    def _images(self) -> Iterator[Annotated]:
        """What the annotations say of each image, in the order of the list."""

    @property
    def digest(self) -> str:  # type: ignore[override]
        """Of all annotations, and of what decides on the labels."""
        found = hashlib.blake2b(digest_size=16)
        for path in self._files:
            with open(path, "rb") as stream:
                for data in iter(lambda: stream.read(1 << 20), b""):  # noqa: B023  # it is used up at once
                    found.update(data)
        settings = (self._header, self._difficult, self._empty, self.voc_origin, sorted(self.classes.items()))
        return f"{found.hexdigest()} {hashlib.blake2b(repr(settings).encode(), digest_size=8).hexdigest()}"

    def is_unchanged(self) -> bool:
        try:
            return _stamps(self._files) == self._stamps
        except OSError:  # one of them is gone
            return False

    def _read(self) -> Entries:
        report = DetectionReport()
        for position, image in enumerate(self._images()):
            report.num_crowd += image.num_crowd
            report.num_ignored += image.num_ignored
            try:
                labels = self._labels(image, report)
            except _NotUsable as why:
                yield Failure(position + 1, position, image.path, "list", why.args[0])
                continue
            if labels is not None:
                report.num_images += 1
                yield ListEntry(position, labels, image.path, position + 1)
        self.report = report

    def _labels(self, image: Annotated, report: DetectionReport) -> Optional[Tuple[float, ...]]:
        """The labels of an image; None if it is left out."""
        objects = [found for found in (self._object(box, image.size, report) for box in image.boxes) if found is not None]
        object_width = 6 if self._difficult else 5
        if not objects:
            report.num_without_objects += 1
            if self._empty == "skip":
                return None
            if self._empty == "error":
                raise _NotUsable(Text("the image has no object; ", _SKIP, " leaves it out, ", _DUMMY, " keeps it"))
            objects = [[_NO_OBJECT] * object_width]
        else:
            report.num_objects += len(objects)
        size = self._size(image)
        header = [2.0, float(object_width)]
        if self._header == "full":
            if size is None:
                raise _NotUsable(Text("the header of the image gives no size; ", Argument("header", "minimal"), " needs none"))
            header = [4.0, float(object_width), float(size[0]), float(size[1])]
        return (*header, *(number for found in objects for number in found))

    def _object(self, box: Box, size: Optional[Tuple[float, float]], report: DetectionReport) -> Optional[List[float]]:
        width, height = size or (1, 1)
        corners = [box.x_min / width, box.y_min / height, box.x_max / width, box.y_max / height]
        clipped = [min(max(corner, 0.0), 1.0) for corner in corners]
        x_min, y_min, x_max, y_max = map(as_float32, clipped)
        if not (x_min < x_max and y_min < y_max):
            report.num_empty_boxes += 1
            return None
        report.num_clipped += any(abs(inside - corner) > _ROUNDING for inside, corner in zip(clipped, corners))
        return [float(box.number), *clipped, *([float(box.is_difficult)] if self._difficult else [])]

    def _size(self, image: Annotated) -> Optional[Tuple[float, float]]:
        """Width and height. What the annotation says must be what the image's header says.

        A file that is not there, or has no header that is known, is a matter of packing, which says more about it.
        """
        if image.size is None and self._header != "full":
            return None
        try:
            found = _size_of(os.path.join(self.root, image.path))
        except OSError as error:
            if image.size is None:
                raise _NotUsable(f"the image cannot be read: {error.strerror or error}") from None
            return image.size
        if found is None or image.size is None or found == image.size:
            return image.size if found is None else found
        wide, high = image.size
        what = f"the annotation is of an image of {wide:g} x {high:g} pixels, the file has {found[0]} x {found[1]}"
        if (high, wide) == found:
            what += "; if its EXIF orientation turns it, take the orientation out of the file, or turn the annotation too"
        raise _NotUsable(what)


class _NotUsable(Exception):
    """Why an image has no labels."""


def _size_of(path: str) -> Optional[Tuple[int, int]]:
    """The width and the height of an image as it is decoded, its EXIF orientation applied; None if its header does not say."""
    with open(path, "rb", buffering=0, opener=open_without_waiting) as stream:
        data = b""
        for most in (*_HEAD_SIZES, None):
            more = stream.read(-1 if most is None else most - len(data))
            data += more or b""
            size = image_size(data)
            if size is not None or not more:
                break
    return None if size is None else (size[1], size[0])


def _stamps(files: Sequence[str]) -> List[Tuple[int, int, int]]:
    found = []
    for path in files:
        status = os.stat(path)
        found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return found


def folder_of_images(images: Optional[PathLike], by_convention: str) -> str:
    """The folder of the images, which is that of the format's convention if none is given."""
    if images is not None:
        return arguments.folder("images", images)
    if not os.path.isdir(by_convention):
        rule = f"is needed: the images are not where they usually are, in {os.path.abspath(by_convention)!r}"
        raise ArgumentValueError("images", rule, help="give the folder of the images")
    return os.path.abspath(by_convention)


def number_of(value: object, what: str, where: str) -> float:
    """A number of the annotations; AnnotationError if it is none, or not finite."""
    try:
        number = float(value) if not isinstance(value, bool) else math.nan  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise AnnotationError(f"{where}: {what} must be a number, found {value!r:.100}")
    return number


def sides_of(width: object, height: object, where: str) -> Tuple[float, float]:
    """The width and the height of an image in the annotations, whole numbers above 0."""
    found = number_of(width, "the width", where), number_of(height, "the height", where)
    if min(found) < 1 or any(side != int(side) for side in found):
        raise AnnotationError(f"{where}: the image must have a width and a height of at least 1, found {width!r} x {height!r}")
    return found


def classes_of(names: Sequence[str], where: str) -> Dict[str, int]:
    """The numbers of the classes, by their position; AnnotationError if one has no name or that of another."""
    classes: Dict[str, int] = {}
    for number, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise AnnotationError(f"{where}: class {number} has no name: {name!r:.100}")
        if name in classes:
            raise AnnotationError(f"{where}: the classes {classes[name]} and {number} are both called {name!r}")
        classes[name] = number
    if not classes:
        raise AnnotationError(f"{where}: there is no class")
    return classes

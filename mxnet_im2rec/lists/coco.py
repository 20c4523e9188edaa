# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""COCO's annotations of objects as a source of entries. The format: https://cocodataset.org/#format-data"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from ..errors import AnnotationError
from .detection import Annotated, Box, DetectionSource, PathLike, classes_of, folder_of_images, number_of, sides_of
from .source import ListSource

_UNUSED = ("segmentation", "area", "license", "coco_url", "flickr_url", "date_captured")


def from_coco(
    annotations: PathLike,
    images: Optional[PathLike] = None,
    *,
    header: str = "full",
    difficult: bool = False,
    empty: str = "skip",
) -> ListSource:
    """A list of the images of COCO's annotations, with detection labels, for every function that takes a list.

    The labels of an image are ``[4, 5, width, height, (class, xmin, ymin, xmax, ymax) ...]``, as MXNet's ImageDetIter and
    ImageDetRecordIter, and GluonCV's RecordFileDetection read them. The corners are shares of the image's sides, from 0 to 1.

    Boxes are clipped to the image. Objects with ``iscrowd`` or ``ignore``, and boxes without an area, are left out. When the list
    was read, its ``report`` has the counts. COCO's category ids become the classes 0 to n - 1, in the order of the ids. The index
    of an image is its position in the annotations.

    Parameters
    ----------
    annotations : str or os.PathLike
        The JSON file, such as ``annotations/instances_train2017.json``.
    images : str or os.PathLike, optional
        The folder of the images. By default the one that is called as the end of the file's name, ``train2017``, beside the
        folder of the annotations or in it; or ``images`` there.
    header : {'full', 'minimal'}
        ``'minimal'`` leaves width and height out of the labels: ``[2, 5, ...]``.
    difficult : bool
        True gives each object a sixth number, which is 0 for COCO unless an object has ``difficult``.
    empty : {'skip', 'dummy', 'error'}
        What becomes of an image without objects. ``'skip'`` leaves it out. ``'dummy'`` gives it one object of the class -1, with
        corners of -1; MXNet's ImageDetRecordIter and GluonCV read it, MXNet's ImageDetIter refuses it. ``'error'`` makes a
        failure of it.

    Returns
    -------
    ListSource
        Its ``classes`` are the numbers of the classes by name, its ``report`` is a :class:`DetectionReport`. An image whose size
        is not that of its annotation is a failure of the list.

    Raises
    ------
    AnnotationError
        If the annotations are malformed; it names the file and the object.
    OSError, ValueError, TypeError
        If the file cannot be opened, or an argument is wrong.

    Examples
    --------
    >>> from mxnet_im2rec import from_coco, im2rec
    >>> source = from_coco('annotations/instances_train2017.json')  # doctest: +SKIP
    >>> report = im2rec(source, 'train2017')  # doctest: +SKIP
    """
    return CocoSource(os.path.abspath(annotations), images, header, difficult, empty)


class CocoSource(DetectionSource):
    """The images of one file of COCO's annotations."""

    def __init__(self, path: str, images: Optional[PathLike], header: str, difficult: bool, empty: str) -> None:
        with open(path, "rb") as stream:
            data = _load(stream.read(), path)
        super().__init__(folder_of_images(images, _conventional(path)), path, [path], header, difficult, empty)
        self.classes, numbers = _categories(data, path)
        self._found = _objects(data, numbers, path)

    def count(self) -> Optional[int]:
        return None if self._empty == "skip" else len(self._found)

    def _images(self) -> Iterator[Annotated]:
        return iter(self._found)


def _load(data: bytes, path: str) -> Dict[str, Any]:
    def without_what_is_unused(found: Dict[str, Any]) -> Dict[str, Any]:
        for key in _UNUSED:  # which would fill most of the memory
            found.pop(key, None)
        return found

    try:
        found = json.loads(data, object_hook=without_what_is_unused)
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{path!r} is no JSON: {error}") from None
    for key in ("images", "annotations", "categories"):
        if not isinstance(found, dict) or not isinstance(found.get(key), list):
            help = "; COCO's annotations of objects, instances_*.json, have images, annotations and categories"
            raise AnnotationError(f"{path!r} has no list {key!r}{help}")
    return found


def _conventional(path: str) -> str:
    """Where COCO's own archives have the images: annotations/instances_train2017.json belongs to train2017/."""
    folder = os.path.dirname(path)
    name = re.sub(r"^(instances|annotations|image_info)_", "", os.path.splitext(os.path.basename(path))[0])
    above = os.path.dirname(folder)
    candidates = [(above, name), (folder, name), (above, "images", name), (above, "images")]
    places = [os.path.join(*parts) for parts in candidates]
    return next((place for place in places if os.path.isdir(place)), places[0])


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise AnnotationError(f"{what} is no object: {value!r:.100}")
    return value


def _get(found: Mapping[str, Any], key: str, where: str) -> Any:
    if key not in found:
        raise AnnotationError(f"{where} has no {key!r}")
    return found[key]


def _id(found: Mapping[str, Any], key: str, where: str) -> Any:
    value = _get(found, key, where)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise AnnotationError(f"{where}: {key!r} must be a whole number, found {value!r:.100}")
    return value


def _categories(data: Mapping[str, Any], path: str) -> Tuple[Dict[str, int], Dict[Any, int]]:
    """The numbers of the classes by their names, and by the ids of the categories."""
    names: Dict[Any, str] = {}
    for position, found in enumerate(data["categories"]):
        where = f"{path!r}: category {position}"
        category = _id(_mapping(found, where), "id", where)
        if category in names:
            raise AnnotationError(f"{path!r}: two categories have the id {category!r}")
        names[category] = _get(found, "name", where)
    try:
        ids = sorted(names)
    except TypeError:
        raise AnnotationError(f"{path!r}: some ids of the categories are numbers, others are text") from None
    return classes_of([names[each] for each in ids], repr(path)), {each: number for number, each in enumerate(ids)}


def _objects(data: Mapping[str, Any], numbers: Mapping[Any, int], path: str) -> List[Annotated]:
    images: Dict[Any, Annotated] = {}
    for position, found in enumerate(data["images"]):
        where = f"{path!r}: image {position}"
        identity = _id(_mapping(found, where), "id", where)
        where = f"{path!r}: image {identity!r}"
        if identity in images:
            raise AnnotationError(f"{where}: another image has this id")
        name = _get(found, "file_name", where)
        if not isinstance(name, str) or not name:
            raise AnnotationError(f"{where}: 'file_name' must be a path, found {name!r:.100}")
        images[identity] = Annotated(name, sides_of(_get(found, "width", where), _get(found, "height", where), where), [])
    for position, found in enumerate(data["annotations"]):
        where = f"{path!r}: annotation {_mapping(found, f'{path!r}: annotation {position}').get('id', position)!r}"
        identity, category = _id(found, "image_id", where), _id(found, "category_id", where)
        if identity not in images:
            raise AnnotationError(f"{where}: no image has the id {identity!r}")
        if category not in numbers:
            raise AnnotationError(f"{where}: no category has the id {category!r}")
        image = images[identity]
        if found.get("iscrowd"):
            images[identity] = image._replace(num_crowd=image.num_crowd + 1)
        elif found.get("ignore"):
            images[identity] = image._replace(num_ignored=image.num_ignored + 1)
        else:
            image.boxes.append(_box(found, numbers[category], where))  # type: ignore[attr-defined]
    return list(images.values())


def _box(found: Mapping[str, Any], number: int, where: str) -> Box:
    box = _get(found, "bbox", where)
    if not isinstance(box, list) or len(box) != 4:
        raise AnnotationError(f"{where}: 'bbox' must be [x, y, width, height], found {box!r:.100}")
    x, y, width, height = (number_of(value, "each number of 'bbox'", where) for value in box)
    if width < 0 or height < 0:
        raise AnnotationError(f"{where}: 'bbox' has a negative width or height: {box!r:.100}")
    return Box(number, x, y, x + width, y + height, bool(found.get("difficult")))

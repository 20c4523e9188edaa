# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Pascal VOC's annotations as a source of entries. The format: the development kit of the VOC challenge, section 3.2."""

from __future__ import annotations

import os
from typing import Iterator, List, Optional
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from .. import arguments
from ..errors import AnnotationError, ArgumentValueError
from .detection import Annotated, Box, DetectionSource, PathLike, classes_of, folder_of_images, number_of, sides_of
from .making import IMAGE_EXTENSIONS
from .source import ListSource


def from_voc(
    annotations: PathLike,
    images: Optional[PathLike] = None,
    *,
    header: str = "full",
    difficult: bool = False,
    empty: str = "skip",
    voc_origin: int = 0,
) -> ListSource:
    """A list of the images of Pascal VOC's annotations, with detection labels, for every function that takes a list.

    The labels and what becomes of boxes are as for :func:`from_coco`. The names of the classes are numbered in sorted order. The
    index of an image is the position of its XML file among the sorted ones.

    Parameters
    ----------
    annotations : str or os.PathLike
        The folder of the XML files, such as ``VOC2012/Annotations``.
    images : str or os.PathLike, optional
        The folder of the images; by default ``JPEGImages`` beside the folder of the annotations. The image is the ``filename`` of
        the XML file, or, where there is no such file, one that is called as the XML file.
    header, empty
        As for :func:`from_coco`.
    difficult : bool
        True gives each object a sixth number, 1 where it is difficult. False drops the mark, not the object.
    voc_origin : {0, 1}
        1 subtracts one from each corner, as GluonCV does: VOC counts pixels from 1.

    Returns
    -------
    ListSource
        Its ``classes`` are the numbers of the classes by name, its ``report`` is a :class:`DetectionReport`.

    Raises
    ------
    AnnotationError
        If an XML file is malformed, or has a document type, which no annotation needs; it names the file and the object.
    OSError, ValueError, TypeError
        If a file cannot be opened, or an argument is wrong.

    Examples
    --------
    >>> from mxnet_im2rec import from_voc, im2rec
    >>> source = from_voc('VOC2012/Annotations', difficult=True)  # doctest: +SKIP
    >>> report = im2rec(source, 'voc2012')  # doctest: +SKIP
    """
    folder = arguments.folder("annotations", annotations)
    return VocSource(folder, images, header, difficult, empty, voc_origin)


class VocSource(DetectionSource):
    """The images of a folder of VOC's XML files."""

    def __init__(
        self, folder: str, images: Optional[PathLike], header: str, difficult: bool, empty: str, voc_origin: int
    ) -> None:
        if voc_origin not in (0, 1):
            raise ArgumentValueError("voc_origin", "must be 0 or 1", voc_origin)
        files = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.lower().endswith(".xml"))
        if not files:
            raise ArgumentValueError("annotations", f"has no .xml in it: {folder!r}")
        place = folder_of_images(images, os.path.join(os.path.dirname(folder), "JPEGImages"))
        super().__init__(place, folder, files, header, difficult, empty)
        self.voc_origin = voc_origin
        names = {name for path in files for name in _names(_parse(path), path)}
        self.classes = classes_of(sorted(names), repr(folder))

    def count(self) -> Optional[int]:
        return None if self._empty == "skip" else len(self._files)

    def _images(self) -> Iterator[Annotated]:
        for path in self._files:
            yield self._annotated(_parse(path), path)

    def _annotated(self, root: Element, path: str) -> Annotated:
        size = root.find("size")
        if size is None:
            raise AnnotationError(f"{path!r} has no <size>")
        sides = sides_of(_text(size, "width", path), _text(size, "height", path), repr(path))
        boxes = [self._box(found, f"{path!r}, object {number}") for number, found in enumerate(root.findall("object"), 1)]
        return Annotated(self._path_of_image(root, path), sides, boxes)

    def _box(self, found: Element, where: str) -> Box:
        corners = found.find("bndbox")
        if corners is None:
            raise AnnotationError(f"{where}: there is no <bndbox>")
        names = ("xmin", "ymin", "xmax", "ymax")
        x_min, y_min, x_max, y_max = (number_of(_text(corners, name, where), f"<{name}>", where) for name in names)
        if x_min > x_max or y_min > y_max:
            raise AnnotationError(f"{where}: the box ends before it begins: {x_min:g}, {y_min:g}, {x_max:g}, {y_max:g}")
        name = _text(found, "name", where)
        if name not in self.classes:  # the file has changed since the list was made
            raise AnnotationError(f"{where}: the class {name!r} was not there when the list was made; make it again")
        off = self.voc_origin
        is_difficult = number_of(found.findtext("difficult") or "0", "<difficult>", where) != 0
        return Box(self.classes[name], x_min - off, y_min - off, x_max - off, y_max - off, is_difficult)

    def _path_of_image(self, root: Element, path: str) -> str:
        """The file that the annotation names; where it is not there, one with the name of the annotation."""
        named = (root.findtext("filename") or "").strip()
        stem = os.path.splitext(os.path.basename(path))[0]
        candidates = [*([named] if named else []), *(stem + each for ext in IMAGE_EXTENSIONS for each in (ext, ext.upper()))]
        found = (each for each in candidates if os.path.isfile(os.path.join(self.root, each)))
        return next(found, candidates[0])


def _parse(path: str) -> Element:
    """The root of an XML file. Entities are not expanded: a file with a document type is refused."""
    builder, parser = TreeBuilder(), expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise AnnotationError(f"{path!r}: it has a document type, <!DOCTYPE>, which no annotation needs; remove it")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: builder.start(name, attributes)
    parser.EndElementHandler = lambda name: builder.end(name)
    parser.CharacterDataHandler = builder.data
    with open(path, "rb") as stream:
        data = stream.read()
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError) as error:
        if isinstance(error, AnnotationError):
            raise
        raise AnnotationError(f"{path!r} is no XML: {error}") from None
    return builder.close()


def _names(root: Element, path: str) -> List[str]:
    return [_text(found, "name", f"{path!r}, object {number}") for number, found in enumerate(root.findall("object"), 1)]


def _text(element: Element, name: str, where: str) -> str:
    text = (element.findtext(name) or "").strip()
    if not text:
        raise AnnotationError(f"{where}: <{element.tag}> has no <{name}>")
    return text

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""YOLO's labels as a source of entries: a text file for each image, a line ``class x y width height`` for each object.

The numbers are shares of the image's sides; x and y are those of the box's middle.
"""

from __future__ import annotations

import os
import re
from typing import Any, Iterator, List, Optional, Sequence, Union

from .. import arguments
from ..errors import AnnotationError, ArgumentTypeError, ArgumentValueError
from .detection import Annotated, Box, DetectionSource, PathLike, classes_of, folder_of_images, number_of
from .making import IMAGE_EXTENSIONS
from .source import ListSource
from .tree import ImageTree

_YAML_ITEM = re.compile(r"\s+(?:-\s+|(\d+)\s*:\s*)(.*?)\s*(?:\s#.*)?")
_NO_LABELS = "classes.txt"  # which tools put among the labels


def from_yolo(
    labels: PathLike,
    names: Union[PathLike, Sequence[str]],
    images: Optional[PathLike] = None,
    *,
    header: str = "full",
    difficult: bool = False,
    empty: str = "skip",
) -> ListSource:
    """A list of images with YOLO's labels, with detection labels, for every function that takes a list.

    The labels and what becomes of boxes are as for :func:`from_coco`. The index of an image is its position among the sorted
    ones. An image without a text file has no objects.

    Parameters
    ----------
    labels : str or os.PathLike
        The folder of the text files, such as ``labels`` or ``labels/train``.
    names : sequence of str, str or os.PathLike
        The names of the classes 0, 1, ...; or a file with a name a line; or YOLO's own ``data.yaml``, of which ``names`` is read.
    images : str or os.PathLike, optional
        The folder of the images; by default the one that has ``images`` in the place of the last ``labels`` in the path. Its
        subfolders are those of ``labels``.
    header, empty
        As for :func:`from_coco`. The width and the height of the full header come from the image.
    difficult : bool
        True gives each object a sixth number, which is 0.

    Returns
    -------
    ListSource
        Its ``classes`` are the numbers of the classes by name, its ``report`` is a :class:`DetectionReport`.

    Raises
    ------
    AnnotationError
        If a line is malformed, or a text file has no image; it names the file and the line.
    OSError, ValueError, TypeError
        If a file cannot be opened, or an argument is wrong.

    Examples
    --------
    >>> from mxnet_im2rec import from_yolo, im2rec
    >>> source = from_yolo('coco128/labels/train', 'coco128.yaml')  # doctest: +SKIP
    >>> report = im2rec(source, 'coco128')  # doctest: +SKIP
    """
    return YoloSource(arguments.folder("labels", labels), names, images, header, difficult, empty)


class YoloSource(DetectionSource):
    """The images of a folder, with the text files of another."""

    def __init__(self, folder: str, names: Any, images: Optional[PathLike], header: str, difficult: bool, empty: str) -> None:
        self._folder = folder
        self.classes = classes_of(_names(names), "names")
        place = folder_of_images(images, _conventional(folder))
        tree = ImageTree(place, frozenset(IMAGE_EXTENSIONS))
        tree.walk(True, None)
        if tree.left_out:
            path, reason = tree.left_out[0]
            raise AnnotationError(f"{os.path.join(place, path)!r} cannot be in a list: {reason}")
        self._paths = [tree.path(position) for position in range(len(tree.names))]
        if not self._paths:
            raise ArgumentValueError("images", f"has no image in it: {place!r}")
        texts = _texts(folder)
        without = sorted(texts - {_label_path(path) for path in self._paths})
        if without:
            more = f", and {len(without) - 1:,} more" if len(without) > 1 else ""
            raise AnnotationError(f"{os.path.join(folder, without[0])!r}{more}: there is no image of this name in {place!r}")
        self._texts = texts
        super().__init__(place, folder, [os.path.join(folder, path) for path in sorted(texts)], header, difficult, empty)
        for path in self._paths:  # malformed lines are found before any image is packed
            self._boxes(path)

    def count(self) -> Optional[int]:
        return None if self._empty == "skip" else len(self._paths)

    def _images(self) -> Iterator[Annotated]:
        for path in self._paths:
            yield Annotated(path, None, self._boxes(path))

    def _boxes(self, path: str) -> List[Box]:
        text = _label_path(path)
        if text not in self._texts:
            return []
        name = os.path.join(self._folder, text)
        return [self._box(line, f"{name!r}, line {number}") for number, line in enumerate(_lines(name), 1) if line.strip()]

    def _box(self, line: str, where: str) -> Box:
        parts = line.split()
        if len(parts) != 5:
            outline = "; this may be the outline of an object: convert outlines to boxes first" if len(parts) > 5 else ""
            raise AnnotationError(
                f"{where}: expected 'class x y width height', found {len(parts)} numbers: {line!r:.100}{outline}"
            )
        if not parts[0].isdecimal() or int(parts[0]) >= len(self.classes):
            raise AnnotationError(f"{where}: the class must be a whole number below {len(self.classes)}, found {parts[0]!r:.50}")
        x, y, width, height = (number_of(part, "each number", where) for part in parts[1:])
        if width < 0 or height < 0 or max(abs(x), abs(y), width, height) > 2:
            raise AnnotationError(f"{where}: expected shares of the image's sides, from 0 to 1, found {line!r:.100}")
        return Box(int(parts[0]), x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _conventional(folder: str) -> str:
    """The path with 'images' in the place of the last 'labels'."""
    parts = folder.split(os.sep)
    if "labels" not in parts:
        return os.path.join(os.path.dirname(folder), "images")
    last = len(parts) - 1 - parts[::-1].index("labels")
    return os.sep.join([*parts[:last], "images", *parts[last + 1 :]])


def _texts(folder: str) -> set:
    """The text files below a folder, relative to it, with '/'."""
    found = set()
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.endswith(".txt") and name != _NO_LABELS and not name.startswith("."):
                found.add(os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/"))
    return found


def _label_path(path: str) -> str:
    return os.path.splitext(path)[0] + ".txt"


def _lines(path: str) -> List[str]:
    with open(path, "rb") as stream:
        data = stream.read()
    try:
        return data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path!r} is no text in UTF-8 (byte {error.start + 1:,})") from None


def _names(names: Any) -> List[str]:
    if isinstance(names, (str, os.PathLike)):
        path = os.fspath(names)
        lines = _lines(path)
        if path.lower().endswith((".yaml", ".yml")):
            return _names_of_yaml(lines, path)
        return [line.strip() for line in lines if line.strip()]
    if isinstance(names, Sequence) and not isinstance(names, bytes):
        return list(names)
    raise ArgumentTypeError("names", "must be the names of the classes, or a file of them", names)


def _names_of_yaml(lines: Sequence[str], path: str) -> List[str]:
    """The names in YOLO's data.yaml: ``names: [cat, dog]``, or a list or a mapping from 0 on in the lines below."""
    start = next((number for number, line in enumerate(lines) if re.match(r"names\s*:", line)), None)
    if start is None:
        raise AnnotationError(f"{path!r} has no 'names:'; give the names themselves, or a file with a name a line")
    inline = lines[start].partition(":")[2].partition(" #")[0].strip()
    if inline:
        if not (inline.startswith("[") and inline.endswith("]")):
            raise AnnotationError(f"{path!r}, line {start + 1}: expected [name, name, ...], found {inline!r:.100}")
        return [_unquoted(each) for each in inline[1:-1].split(",") if each.strip()]
    found: List[str] = []
    for number, line in enumerate(lines[start + 1 :], start + 2):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _YAML_ITEM.fullmatch(line.rstrip()) or re.fullmatch(r"(?:-\s+)()(.*)", line.rstrip())
        if match is None:
            break
        if match.group(1) and int(match.group(1)) != len(found):
            raise AnnotationError(f"{path!r}, line {number}: expected the class {len(found)}, found {match.group(1)}")
        found.append(_unquoted(match.group(2)))
    return found


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text

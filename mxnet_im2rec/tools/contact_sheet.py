# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A contact sheet: some of a .rec's images in one picture, index and labels, or classes, under each. Needs no MXNet."""

from __future__ import annotations

import errno
import logging
import operator
import os
import random
import unicodedata
from collections import Counter
from functools import partial
from typing import Any, List, Mapping, Optional, Sequence, Set, Tuple, Union

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, ArgumentValueError, ImageError, RecordFormatError
from ..images import codec as images
from ..images.decoder_messages import listen_to
from ..labels import as_float32, detection_classes
from ..limits import MAX_PIXELS
from ..lists.classes import names_of_classes
from ..opencv_compat import cv2
from ..recordio.paths import DatasetPaths
from ..recordio.reader import RecordFile
from ..recordio.record import Record
from ..text import Argument, Text
from .boxes import Place, draw_boxes
from .label_text import label_text, name_of_class

_log = logging.getLogger("mxnet_im2rec")

Color = Tuple[int, int, int]

_BACKGROUND: Color = (250, 250, 250)
_MAT: Color = (236, 238, 240)  # the cell around an image that does not fill it
_BROKEN: Color = (250, 226, 222)
_DARK: Color = (32, 36, 40)
_MUTED: Color = (104, 112, 120)
_RED: Color = (158, 44, 32)

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_HEIGHT = 21  # of its capitals, in pixels at scale 1
_FINER = 4  # text is drawn that much larger and then made smaller: OpenCV's own small letters are hard to read
_MIN_CELL, _MAX_CELL = 32, 4096
_MAX_SIDE = 65_500  # what libjpeg writes
_NAMED_LABELS = 20


def contact_sheet(
    rec_path: Union[str, os.PathLike],
    rows: int = 4,
    columns: int = 6,
    *,
    idx_path: Union[None, str, os.PathLike] = None,
    seed: int = 0,
    label: Optional[float] = None,
    cell: int = 160,
    path: Union[None, str, os.PathLike] = None,
    max_pixels: Optional[int] = MAX_PIXELS,
    overwrite: bool = True,
    classes: Union[None, str, os.PathLike, Mapping[str, int]] = None,
) -> np.ndarray:
    """Some of a .rec's images in one picture, the index in bold and the labels under each.

    Where the labels follow the layout of ImageDetIter, the boxes of the objects are drawn, and the classes stand under the image.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The .rec.
    rows, columns : int
        How many images there are in the picture, from 1; it has fewer rows, and then fewer columns, if there are fewer images.
    idx_path : str or os.PathLike, optional
        The .idx; by default the one beside the .rec, if there is one.
    seed : int
        Chooses the sample: records at random, without repetition, shown in the order of the file.
    label : float, optional
        Only images that have this as their first label or, with the labels of ImageDetIter, as the class of an object.
    cell : int
        The side, in pixels, of the square that an image is fitted into, keeping its ratio; from 32 to 4,096.
    path : str or os.PathLike, optional
        Where to write the picture too: a .png, .jpg or .jpeg in a folder that is there.
    max_pixels : int or None
        As for ``Record.image()``: an image of more pixels is not decoded, and its cell says that it cannot be. None decodes any.
    overwrite : bool
        Whether to replace a picture that is there already, as this function does by default: a picture can be drawn again.
    classes : str, os.PathLike or mapping of str to int, optional
        The names of the classes: a table as :func:`make_list` writes it, or a mapping of names to numbers. By default the table
        beside the .rec, ``out.classes.txt``, if it is there. A class without a name is shown by its number.

    Returns
    -------
    numpy.ndarray
        (H, W, 3) uint8, RGB. A record without an image, and one whose image cannot be decoded, has a cell that says so.

    Raises
    ------
    FileExistsError
        If the picture is there already, and ``overwrite`` is False.
    OSError
        If a file cannot be opened or written. Like the arguments, the folder of `path` is looked at before anything is read.
    RecordFormatError
        If a file is damaged or the .rec is empty, or the .idx does not belong to the .rec.
    TypeError
        If an argument is of a wrong type.
    ValueError
        If no image has the label, an argument is out of its range, or the picture would be larger than 65,500 pixels a side or
        268 million in all.

    Examples
    --------
    >>> sheet = contact_sheet('images_rec.rec', 3, 8, path='sheet.png')  # doctest: +SKIP
    >>> sheet = contact_sheet('images_rec.rec', label=7, seed=1)  # doctest: +SKIP
    """
    rows, columns = _integer("rows", rows, 1), _integer("columns", columns, 1)
    cell = _integer("cell", cell, _MIN_CELL, _MAX_CELL)
    seed = _integer("seed", seed)
    wanted = None if label is None else _number(label)
    max_pixels = None if max_pixels is None else _integer("max_pixels", max_pixels, 1)
    picture = None if path is None else _writable(path)
    arguments.refuse_existing([] if picture is None else [picture], overwrite)
    names = names_of_classes(classes, DatasetPaths.of_rec(rec_path).classes)
    with RecordFile(rec_path, idx_path) as records:
        positions = _sample(records, rows * columns, seed, wanted)
        _check_size(len(positions), columns, cell)
        cells = [_draw_cell(records[position], cell, max_pixels, names) for position in positions]
    sheet = _lay_out(cells, columns, cell)
    if picture is not None:
        extension = os.path.splitext(picture)[1].lower()
        encoded = images.encode(images.to_bgr(sheet), extension, images.encoder_parameters(extension, 95))
        with open(picture, "wb" if overwrite else "xb") as stream:
            stream.write(encoded)
    return sheet


def _integer(name: str, value: Any, least: Optional[int] = None, most: Optional[int] = None) -> int:
    allowed = "an integer"
    if least is not None:
        allowed += f" of at least {least:,}" if most is None else f" from {least:,} to {most:,}"
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise ArgumentTypeError(name, f"must be {allowed}", value)
    number = operator.index(value)
    if (least is not None and number < least) or (most is not None and number > most):
        raise ArgumentValueError(name, f"must be {allowed}", value)
    return number


def _number(label: Any) -> float:
    """The label as the .rec has it, a float32."""
    if isinstance(label, (bool, np.bool_)) or not isinstance(label, (int, float, np.integer, np.floating)):
        raise ArgumentTypeError("label", "must be a number or None", label)
    try:
        return as_float32(float(label))
    except OverflowError:
        raise ArgumentValueError("label", "must be a number that float32 can hold", label) from None


def _writable(path: Union[str, os.PathLike]) -> str:
    """The path of the picture, if one can be written there."""
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentTypeError("path", "must be a str, an os.PathLike or None", path)
    name = os.fsdecode(path)
    if os.path.splitext(name)[1].lower() not in (".png", ".jpg", ".jpeg"):
        raise ArgumentValueError("path", "must be that of a .png, .jpg or .jpeg", name)
    folder = os.path.dirname(os.path.abspath(name))
    if not os.path.exists(folder):
        raise FileNotFoundError(errno.ENOENT, "there is no such folder for the picture; make it first", folder)
    if not os.path.isdir(folder):
        raise NotADirectoryError(errno.ENOTDIR, "the picture must be in a folder; this is a file", folder)
    if os.path.isdir(name):
        what = Text(Argument("path"), " must be the picture's file; this is a folder")
        raise IsADirectoryError(errno.EISDIR, what, name)
    if not os.access(name if os.path.exists(name) else folder, os.W_OK):
        raise PermissionError(errno.EACCES, "the picture cannot be written", name)
    return name


def _sample(records: RecordFile, number: int, seed: int, label: Optional[float]) -> List[int]:
    """Positions in the .rec, ascending."""
    if not len(records):
        raise RecordFormatError(records.rec_path, 0, "at least one record", "an empty file")
    found: Sequence[int] = range(len(records)) if label is None else _with_label(records, label)
    return sorted(random.Random(seed).sample(found, min(number, len(found))))


def _with_label(records: RecordFile, label: float) -> List[int]:
    """The positions of the images that have a first label, or an object of a class."""
    found = []
    first_labels: Set[float] = set()
    all_classes: Set[float] = set()
    for position, record in enumerate(records):
        if not len(record.content):
            continue
        classes = detection_classes(record.labels.tolist())
        if classes is None:
            labels = [float(record.labels[0])]
            first_labels.update(labels)
        else:
            labels = classes
            all_classes.update(labels)
        if label in labels or (label != label and any(each != each for each in labels)):
            found.append(position)
    if not found:
        raise ValueError(f"no image in {records.rec_path!r} has {_choice(label, first_labels, all_classes)}")
    return found


def _choice(label: float, first_labels: Set[float], classes: Set[float]) -> str:
    """What was asked for, and what there is."""
    asked, there = [], []
    for what, which, numbers in (("the first label", "first labels", first_labels), ("an object of class", "classes", classes)):
        finite = sorted(number for number in numbers if number == number)
        texts = [label_text(number) for number in finite] + ["nan"] * (len(finite) < len(numbers))
        if texts:
            asked.append(f"{what} {label_text(label)}")
            more = f", ... ({len(texts):,} in all)" if len(texts) > _NAMED_LABELS else ""
            there.append(f"the {which} are {', '.join(texts[:_NAMED_LABELS])}{more}")
    return f"{' or '.join(asked)}; {', '.join(there)}" if there else f"the first label {label_text(label)}: it has no images"


def _check_size(count: int, columns: int, cell: int) -> None:
    """Make sure that the picture is one that can be drawn and written."""
    columns = min(columns, count)
    gap, height = _gap(cell), cell + _letters(cell) // 4 + 4 * _letters(cell)
    size = -(-count // columns) * (height + gap) + gap, columns * (cell + gap) + gap
    if max(size) > _MAX_SIDE or size[0] * size[1] > MAX_PIXELS:
        limit = f"at most {_MAX_SIDE:,} a side and {MAX_PIXELS:,} in all are drawn"
        what = f"the picture would be {size[0]:,} x {size[1]:,} pixels; {limit}"
        raise ValueError(Text(what, ": lower ", Argument("rows"), ", ", Argument("columns"), " or ", Argument("cell")))


def _draw_cell(record: Record, cell: int, max_pixels: Optional[int], names: Mapping[int, str]) -> np.ndarray:
    """(H, cell, 3) uint8 RGB: the image in its square, the index and the labels under it."""
    if not len(record.content):
        square = _placeholder("header only", _MUTED, _MAT, cell)
    else:
        try:
            image, damage = listen_to(partial(record.image, max_pixels=max_pixels))
            if damage is not None:
                _log.warning("the image with index %d is damaged inside: %s", record.index, damage)
            square, place = _fit(image, cell)
            draw_boxes(square, place, record.labels.tolist(), names)
        except ImageError:
            square = _placeholder("cannot be decoded", _RED, _BROKEN, cell)
    letters = _letters(cell)
    index = _draw_text(str(record.index), cell, letters, _DARK, bold=True)
    labels = _draw_text(_caption(record.labels, names), cell, letters, _MUTED)
    return np.concatenate([square, _blank(letters // 4, cell, _BACKGROUND), index, labels])


def _letters(cell: int) -> int:
    """The height of a capital letter, in pixels."""
    return min(max(cell // 17, 7), 14)


def _gap(cell: int) -> int:
    """What is left free between cells, in pixels."""
    return max(cell // 14, 4)


def _caption(labels: np.ndarray, names: Mapping[int, str]) -> str:
    """``label 3``, ``labels 0.5, -1`` or, of objects, ``class 3`` and ``classes 1, 3 (2x)``; a name where there is one."""
    classes = detection_classes(labels.tolist())
    if classes is None and len(labels) == 1 and float(labels[0]).is_integer() and int(labels[0]) in names:
        return _drawable(names[int(labels[0])])
    if classes is None:
        what = "label" if len(labels) == 1 else "labels"
        texts = [label_text(number, 4) for number in labels[:21].tolist()]
    else:
        counts = Counter(classes)
        what = "class" if len(counts) == 1 else "classes"
        texts = [
            _drawable(name_of_class(each, names)) + (f" ({counts[each]}x)" if counts[each] > 1 else "") for each in sorted(counts)
        ]
    return f"{what} {', '.join(texts[:20])}" + (", ..." if len(texts) > 20 else "")  # more has no place


def _drawable(text: str) -> str:
    """A text in the letters of OpenCV's font, which are those of ASCII; other letters without their accents, or as ``?``."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return plain.encode("ascii", "replace").decode("ascii")


def _fit(image: np.ndarray, cell: int) -> Tuple[np.ndarray, Place]:
    """The image in the middle of a square, as large as it can be there, and its place."""
    height, width = image.shape[:2]
    scale = cell / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # A small image is made larger so that its pixels can be seen.
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR if scale < 2 else cv2.INTER_NEAREST
    square = _blank(cell, cell, _MAT)
    top, left = (cell - size[1]) // 2, (cell - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = cv2.resize(image, size, interpolation=how)
    return square, Place(left, top, *size)


def _placeholder(text: str, color: Color, background: Color, cell: int) -> np.ndarray:
    square = _blank(cell, cell, background)
    line = _draw_text(text, cell - 8, _letters(cell), color, background=background, centred=True)
    top = (cell - line.shape[0]) // 2
    square[top : top + line.shape[0], 4 : 4 + line.shape[1]] = line
    return square


def _draw_text(
    text: str,
    width: int,
    letters: int,
    color: Color,
    *,
    bold: bool = False,
    background: Color = _BACKGROUND,
    centred: bool = False,
) -> np.ndarray:
    """A line of text, (2 * letters, width, 3) uint8; what is too long ends in dots."""
    height = 2 * letters
    scale, thickness = _FINER * letters / _FONT_HEIGHT, round(_FINER * letters * (0.2 if bold else 0.13))
    strip = _blank(height * _FINER, width * _FINER, background)

    def length(words: str) -> int:
        return cv2.getTextSize(words, _FONT, scale, thickness)[0][0] + thickness + _FINER

    shown = text
    while length(shown) > strip.shape[1] and len(text) > 1:
        text = text[:-1]
        shown = text.rstrip(" ,.") + "..."
    left = (strip.shape[1] - length(shown)) // 2 if centred else 0
    baseline = (strip.shape[0] + letters * _FINER) // 2
    cv2.putText(strip, shown, (left + thickness // 2, baseline), _FONT, scale, color, thickness, cv2.LINE_AA)
    return cv2.resize(strip, (width, height), interpolation=cv2.INTER_AREA)


def _lay_out(cells: List[np.ndarray], columns: int, cell: int) -> np.ndarray:
    columns = min(columns, len(cells))
    rows = -(-len(cells) // columns)
    gap = _gap(cell)
    height, width = cells[0].shape[:2]
    sheet = _blank(rows * (height + gap) + gap, columns * (width + gap) + gap, _BACKGROUND)
    for number, image in enumerate(cells):
        top, left = gap + number // columns * (height + gap), gap + number % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def _blank(height: int, width: int, color: Color) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)

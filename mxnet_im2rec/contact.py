# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A contact sheet: some of a .rec's images in one picture, index and labels under each. Needs no MXNet."""

from __future__ import annotations

import os
import random
from typing import List, Optional, Tuple, Union

import cv2
import numpy as np

from . import images
from .errors import ImageError, RecordFormatError
from .reader import Record, RecordFile

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
_MIN_CELL = 32


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
) -> np.ndarray:
    """Some of a .rec's images in one picture, the index in bold and the labels under each.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The .rec.
    rows, columns : int
        How many images there are in the picture; it has fewer rows, and then fewer columns, if there are fewer images.
    idx_path : str or os.PathLike, optional
        The .idx; by default the one beside the .rec, if there is one.
    seed : int
        Chooses the sample: records at random, without repetition, shown in the order of the file.
    label : float, optional
        Only images that have this as their first label.
    cell : int
        The side, in pixels, of the square that an image is fitted into, keeping its ratio.
    path : str or os.PathLike, optional
        Where to write the picture too; .png, .jpg or .jpeg.

    Returns
    -------
    numpy.ndarray
        (H, W, 3) uint8, RGB. A record without an image, and one whose image cannot be decoded, has a cell that says so.

    Raises
    ------
    OSError
        If a file cannot be opened or written.
    RecordFormatError
        If a file is damaged or the .rec is empty, or the .idx does not belong to the .rec.
    ValueError
        If no image has the label, or an argument is out of its range.

    Examples
    --------
    >>> sheet = contact_sheet('images_rec.rec', 3, 8, path='sheet.png')  # doctest: +SKIP
    >>> sheet = contact_sheet('images_rec.rec', label=7, seed=1)  # doctest: +SKIP
    """
    for name, value, least in (("rows", rows, 1), ("columns", columns, 1), ("cell", cell, _MIN_CELL)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, not {value!r}")
    extension = None if path is None else _extension(path)
    with RecordFile(rec_path, idx_path) as records:
        positions = _sample(records, rows * columns, seed, label)
        cells = [_draw_cell(records[position], cell) for position in positions]
    sheet = _lay_out(cells, columns, cell)
    if path is not None and extension is not None:
        encoded = images.encode(images.to_bgr(sheet), extension, images.encoder_parameters(extension, 95))
        with open(path, "wb") as stream:
            stream.write(encoded)
    return sheet


def _extension(path: Union[str, os.PathLike]) -> str:
    extension = os.path.splitext(os.fspath(path))[1].lower()
    if extension not in (".png", ".jpg", ".jpeg"):
        raise ValueError(f"the picture must be a .png, .jpg or .jpeg, not {os.fspath(path)!r}")
    return extension


def _sample(records: RecordFile, number: int, seed: int, label: Optional[float]) -> List[int]:
    """Positions in the .rec, ascending."""
    if not len(records):
        raise RecordFormatError(records.rec_path, 0, "at least one record", "an empty file")
    if label is None:
        count = len(records)
        return sorted(random.Random(seed).sample(range(count), min(number, count)))
    wanted = np.float32(label)
    found = [place for place, record in enumerate(records) if len(record.content) and record.labels[0] == wanted]
    if not found:
        raise ValueError(f"no image in {records.rec_path!r} has the first label {label!r}")
    return sorted(random.Random(seed).sample(found, min(number, len(found))))


def _draw_cell(record: Record, cell: int) -> np.ndarray:
    """(H, cell, 3) uint8 RGB: the image in its square, the index and the labels under it."""
    if not len(record.content):
        square = _placeholder("header only", _MUTED, _MAT, cell)
    else:
        try:
            square = _fit(record.image(), cell)
        except ImageError:
            square = _placeholder("cannot be decoded", _RED, _BROKEN, cell)
    letters = _letters(cell)
    index = _draw_text(str(record.index), cell, letters, _DARK, bold=True)
    labels = _draw_text(_label_text(record.labels), cell, letters, _MUTED)
    return np.concatenate([square, _blank(letters // 4, cell, _BACKGROUND), index, labels])


def _letters(cell: int) -> int:
    """The height of a capital letter, in pixels."""
    return min(max(cell // 17, 7), 14)


def _label_text(labels: np.ndarray) -> str:
    shown = labels[:20]  # more has no place
    texts = [np.format_float_positional(number, precision=4, trim="-") for number in shown]
    return ("label " if len(labels) == 1 else "labels ") + ", ".join(texts) + (", ..." if len(shown) < len(labels) else "")


def _fit(image: np.ndarray, cell: int) -> np.ndarray:
    """The image in the middle of a square, as large as it can be there."""
    height, width = image.shape[:2]
    scale = cell / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Few pixels made many times larger shall still be seen as pixels.
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR if scale < 2 else cv2.INTER_NEAREST
    square = _blank(cell, cell, _MAT)
    top, left = (cell - size[1]) // 2, (cell - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = cv2.resize(image, size, interpolation=how)
    return square


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
    gap = max(cell // 14, 4)
    height, width = cells[0].shape[:2]
    sheet = _blank(rows * (height + gap) + gap, columns * (width + gap) + gap, _BACKGROUND)
    for number, image in enumerate(cells):
        top, left = gap + number // columns * (height + gap), gap + number % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def _blank(height: int, width: int, color: Color) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)

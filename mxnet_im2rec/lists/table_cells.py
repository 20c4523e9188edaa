# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""One cell of a table: to a label, an index, a path, the name of a class. Knows no table and no format.

A cell is text, as CSV has it, or a value of a typed column. ValueError says what is wrong with it.
"""

from __future__ import annotations

import numbers
import os
import re
from decimal import Decimal
from typing import Any, Union

from ..limits import MAX_INDEX
from .lines import NUMBER, why_unlistable

_NEARLY = re.compile(r"[+-]?(?:\.?[0-9].*|inf(?:inity)?)", re.IGNORECASE | re.DOTALL)
_LARGEST_WHOLE_FLOAT = 2**53


def text_or_number(cell: Any) -> Union[str, float]:
    """What a label's cell holds. A text that reads as a number is that number.

    Examples
    --------
    >>> text_or_number(' 1.5'), text_or_number('cat '), text_or_number(True)
    (1.5, 'cat', 1.0)
    """
    if isinstance(cell, str):
        text = _text(cell)
        if text.lower() == "nan":
            raise ValueError("is NaN, which is no label")
        return float(text) if NUMBER.fullmatch(text) else text
    if cell is None:
        raise ValueError("is empty")
    if not isinstance(cell, (numbers.Real, Decimal)) and not type(cell).__name__.startswith("bool"):
        raise ValueError(f"must be a number or text, not {type(cell).__name__}: {cell!r:.60}")
    try:
        number = float(cell)
    except OverflowError:
        number = float("inf")
    if number != number:
        raise ValueError("is NaN, which is no label")
    return number


def is_nearly_a_number(text: str) -> bool:
    """Whether a text that is no number looks like one; so it is a mistake among numbers, and may be a name among names.

    Examples
    --------
    >>> [is_nearly_a_number(text) for text in ('1,5', '-inf', '3rd', 'cat')]
    [True, True, True, False]
    """
    return _NEARLY.fullmatch(text) is not None


def class_name(cell: Any) -> str:
    """The name of the class in a cell, such as ``'cat'``, or ``'007'``; of a number its shortest form.

    Examples
    --------
    >>> class_name(' cat'), class_name('007'), class_name(7.0)
    ('cat', '007', '7')
    """
    found = text_or_number(cell)
    if isinstance(cell, str):
        name = _text(cell)
    else:
        name = f"{found:.0f}" if isinstance(found, float) and found.is_integer() else str(cell)
    reason = why_unlistable(name)
    if reason is not None:
        raise ValueError(f"is {name[:60]!r}, which cannot be the name of a class: {reason}")
    return name


def whole_number(cell: Any) -> int:
    """The index of an image in a cell.

    Examples
    --------
    >>> whole_number('7'), whole_number(7.0)
    (7, 7)
    """
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        raise ValueError("is empty")
    if isinstance(cell, str):
        is_whole = re.fullmatch("[0-9]{1,40}", cell.strip()) is not None
    elif isinstance(cell, numbers.Integral):
        is_whole = not isinstance(cell, bool)
    else:
        is_whole = isinstance(cell, float) and cell.is_integer() and abs(cell) < _LARGEST_WHOLE_FLOAT
    found = int(cell) if is_whole else -1
    if not 0 <= found <= MAX_INDEX:
        raise ValueError(f"is {str(cell)[:60]!r}, no whole number from 0 to 2**64 - 1")
    return found


def path_text(cell: Any) -> str:
    """The path of an image in a cell."""
    if cell is None or cell != cell:
        raise ValueError("is empty")
    if not isinstance(cell, (str, os.PathLike)):
        raise ValueError(f"must be a path, not {type(cell).__name__}: {cell!r:.60}")
    return _text(os.fsdecode(cell))


def group_name(cell: Any) -> str:
    """The name of an image's group in a cell."""
    found = text_or_number(cell)
    return _text(cell) if isinstance(cell, str) else f"{found}"


def _text(cell: str) -> str:
    text = cell.strip()
    if not text:
        raise ValueError("is empty")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("is not UTF-8; save the table as UTF-8") from None
    return text

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The table of the classes: which number stands for which name. Reads it and checks it; knows nothing of images.

The file, ``PREFIX_classes.txt``, is UTF-8 with a line ``number <tab> name`` for each class. The name is the folder's path
relative to the root, with ``/`` between folders, and ``.`` for the root itself.
"""

from __future__ import annotations

import numbers
import os
import re
from typing import Any, Dict, Iterator, Mapping, Union

from ..errors import ArgumentTypeError, ArgumentValueError
from ..labels import EXACT_INTEGERS
from .lines import why_unlistable

_TABLE_LINE = re.compile(r"([0-9]{1,20})\t([^\t]+)")


def class_table(labels: Any, argument: str = "labels") -> Dict[str, int]:
    """The numbers of the classes that a caller gives as an argument: a path or a mapping."""
    if isinstance(labels, Mapping):
        return _check_table(labels, argument)
    if not isinstance(labels, (str, os.PathLike)):
        raise ArgumentTypeError(argument, "must be a path or a mapping of names to numbers", labels)
    return read_classes(labels)


def names_of_classes(classes: Any, beside: str) -> Dict[int, str]:
    """The names by their numbers: of the table given as ``classes``, or of the file ``beside``, if it is there."""
    if classes is None and not os.path.isfile(beside):
        return {}
    names: Dict[int, str] = {}
    for name, number in class_table(beside if classes is None else classes, "classes").items():
        names[number] = f"{names[number]} or {name}" if number in names else name
    return names


def is_class_table(path: str) -> bool:
    """Whether a file is a table with a line ``number <tab> name`` for each class, as this package writes it."""
    if not os.path.isfile(path):
        return False
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        lines = [line.rstrip("\n") for line in stream]
    return bool(lines) and all(map(_TABLE_LINE.fullmatch, lines))


def table_lines(table: Mapping[str, int]) -> Iterator[str]:
    """A class table as the lines of its file."""
    return (f"{number}\t{name}\n" for name, number in table.items())


def read_classes(path: Union[str, os.PathLike]) -> Dict[str, int]:
    """Read a class table: the numbers of the classes, in the order of the file. ValueError says what is wrong in which line.

    It is a file in UTF-8 with a line ``number <tab> name`` for each class, the numbers from 0 to 2**24; or with one name a line,
    whose numbers are 0, 1, ... Blank lines do not count.
    """
    with open(path, "rb") as stream:
        data = stream.read()
    what = f"the class table {os.fspath(path)!r}"
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{what} is not UTF-8 (byte {error.start + 1:,}); save it as UTF-8") from None
    lines = [(number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    has_numbers = any("\t" in line for _, line in lines)
    table: Dict[str, int] = {}
    for position, (number, line) in enumerate(lines):
        match = _TABLE_LINE.fullmatch(line)
        if has_numbers and match is None:
            raise ValueError(f"{what}, line {number}: expected a whole number, a tab and a name, found {line[:200]!r}")
        name, label = (match.group(2), int(match.group(1))) if match is not None else (line.strip(), position)
        if label > EXACT_INTEGERS:
            raise ValueError(f"{what}, line {number}: the number {label} is beyond 2**24, up to which float32 labels are exact")
        if name in table:
            raise ValueError(f"{what}, line {number}: the class {name!r} was on an earlier line")
        table[name] = label
    if not table:
        raise ValueError(f"{what} has no class in it")
    return table


def _check_table(labels: Mapping[Any, Any], argument: str) -> Dict[str, int]:
    table: Dict[str, int] = {}
    for name, number in labels.items():
        if not isinstance(name, str) or isinstance(number, bool) or not isinstance(number, numbers.Integral):
            raise ArgumentTypeError(argument, f"must map names to whole numbers, not {name!r} to {number!r}")
        if not 0 <= int(number) <= EXACT_INTEGERS:
            raise ValueError(f"the number of the class {name!r} must be from 0 to 2**24, not {number}")
        if why_unlistable(f"_{name}_") is not None or not name:
            raise ValueError(f"the name of a class cannot be {name!r}: no folder in a list has it")
        table[name] = int(number)
    if not table:
        raise ArgumentValueError(argument, "has no class in it")
    return table

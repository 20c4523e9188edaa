# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""One line of a .lst file to a ListEntry, and back. Opens no file; knows nothing of the other lines.

A line is ``index <tab> label [<tab> label ...] <tab> path``. Without a tab white space separates, and what follows the numbers
is the path.
"""

from __future__ import annotations

import re
from typing import List, Optional, Tuple

from ..errors import ListLineError
from ..labels import as_float32
from ..limits import MAX_INDEX
from ..values import ListEntry

LONGEST_LINE = 1 << 20
"""In bytes; about 100,000 labels."""

TOO_LONG = f"the line has more than {LONGEST_LINE:,} bytes, which is no entry; are its line ends missing?"

_INTEGER = re.compile(r"[0-9]+")
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
# Most lines: an index and a label that no check can refuse, and a path without blanks around it.
_USUAL_LINE = re.compile(r"([0-9]{1,19})\t([+-]?[0-9]{1,15}(?:\.[0-9]{0,15})?)\t([^\t\s](?:[^\t]*[^\t\s])?)")
_TOKEN = re.compile(r"\s*(\S+)")
_NOT_IN_A_PATH = re.compile("[\t\n\r\ud800-\udfff]")
_NAMES = {"\t": "a tab", "\n": "a line feed", "\r": "a carriage return"}


def parse_line(text: str, line: Optional[int] = None) -> ListEntry:
    """Parse one line of a .lst file, with or without its end; ListLineError says what was found if it is no entry.

    Examples
    --------
    >>> parse_line('5\\t1.0\\t0.25\\tmy photos/a b.jpg')
    ListEntry(index=5, labels=(1.0, 0.25), path='my photos/a b.jpg', line=None)
    >>> parse_line('5  1  my photos/a b.jpg').path
    'my photos/a b.jpg'
    """
    usual = _USUAL_LINE.fullmatch(text)
    if usual is not None:
        index_found, label, path = usual.groups()
        return ListEntry(int(index_found), (float(label),), path, line)
    head, _, path = text.rpartition("\t")
    numbers_found = head.split()
    path = path.strip()
    if len(numbers_found) < 2:
        numbers_found, path = _split_on_white_space(text)
    if not numbers_found or not path:
        raise ListLineError(f"expected an index, at least one label and a path, separated by tabs; found {text.strip()[:200]!r}")
    index = _parse_index(numbers_found[0], path)
    if len(numbers_found) < 2:
        raise ListLineError(f"there is no label between the index and the path: {text.strip()[:200]!r}", index, path)
    labels = tuple([_parse_label(token, index, path) for token in numbers_found[1:]])
    return ListEntry(index, labels, path, line)


def _split_on_white_space(text: str) -> Tuple[List[str], str]:
    """The first token, the numbers after it, and the rest as the path; the last token is never taken for a number."""
    text = text.strip()
    found: List[str] = []
    position = 0
    while True:
        match = _TOKEN.match(text, position)
        if match is None or match.end() == len(text):
            break
        if found and not NUMBER.fullmatch(match.group(1)):
            break
        found.append(match.group(1))
        position = match.end()
    return found, text[position:].strip()


def _parse_index(token: str, path: str) -> int:
    if not _INTEGER.fullmatch(token) or len(token) > 40 or int(token) > MAX_INDEX:
        raise ListLineError(f"the index {token[:60]!r} is no whole number from 0 to 2**64 - 1", None, path)
    return int(token)


def _parse_label(token: str, index: int, path: str) -> float:
    if not NUMBER.fullmatch(token):
        raise ListLineError(f"the label {token[:60]!r} is no number", index, path)
    return check_label(float(token), token, index, path)


def check_label(value: float, found: str, index: int, path: str) -> float:
    try:
        as_float32(value)
    except OverflowError:
        value = float("inf")
    if value - value != 0:  # an infinity or a NaN
        raise ListLineError(f"the label {found[:60]} is out of the range of float32, in which labels are stored", index, path)
    return value


def why_unlistable(path: str) -> Optional[str]:
    """Why no line of a .lst gives this path back to every reader; None if a line does.

    Examples
    --------
    >>> why_unlistable('a\\tb.jpg')
    'it has a tab in it, which ends a field of the list'
    """
    found = _NOT_IN_A_PATH.search(path)
    if found is not None and found.group() not in _NAMES:
        return "it is not UTF-8, in which lists are written"
    if found is not None:
        return f"it has {_NAMES[found.group()]} in it, which ends a {'field' if found.group() == chr(9) else 'line'} of the list"
    if not path:
        return "it is empty"
    if path != path.strip():
        return "it begins or ends with a blank, which readers of lists take away"
    return None


def format_line(entry: ListEntry) -> str:
    """Write an entry as a line of a .lst, without its end; :func:`parse_line` gives the same entry back.

    Whole labels are written without a point: MXNet's own tools write ``%f``, six zeros that say nothing, and every reader takes
    the shorter form just as well. Other labels have as many digits as they need. ListLineError if no line can carry the path.

    Examples
    --------
    >>> format_line(ListEntry(5, (1.0, 0.25), 'my photos/a b.jpg'))
    '5\\t1\\t0.25\\tmy photos/a b.jpg'
    """
    reason = why_unlistable(entry.path)
    if reason is not None:
        raise ListLineError(f"the path {entry.path!r} cannot stand in a list: {reason}", entry.index, entry.path)
    labels = "\t".join([format_label(float(label)) for label in entry.labels])
    return f"{entry.index}\t{labels}\t{entry.path}"


def format_label(label: float) -> str:
    """A label with as many digits as it needs; a whole one without a point."""
    return f"{label:.0f}" if abs(label) < 2**53 and label.is_integer() else repr(label)

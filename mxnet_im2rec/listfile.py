# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The image list: ListEntry, and a .lst file or an iterable of entries to a stream of checked ones; an entry to a line. Opens no
image.

A line is ``index <tab> label [<tab> label ...] <tab> path``. Without a tab white space separates, and what follows the numbers
is the path. A line that is no entry becomes a Failure in the stream, so that nothing is lost on the way.
"""

from __future__ import annotations

import numbers
import os
import re
import warnings
from typing import BinaryIO, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from .errors import ListLineError
from .filebuffer import read_lines
from .header import MAX_INDEX, as_float32
from .report import Failure


class ListEntry(NamedTuple):
    """One image of the list.

    Attributes
    ----------
    index : int
        The image's id, from 0 to 2**64 - 1; the record's id and its key in the .idx.
    labels : tuple of float
        At least one label. They are stored as float32.
    path : str
        The image's path, absolute or relative to the root.
    line : int or None
        The line in the list, from 1. May be left out; its position among the entries takes its place then.

    Examples
    --------
    >>> ListEntry(0, (3.0,), 'cats/tom.jpg')
    ListEntry(index=0, labels=(3.0,), path='cats/tom.jpg', line=None)
    """

    index: int  # type: ignore[assignment]  # in the place of tuple.index, a method that means nothing here
    labels: Tuple[float, ...]
    path: str
    line: Optional[int] = None


class LabelPrecisionWarning(UserWarning):
    """A label is an integer that float32, in which RecordIO stores labels, cannot hold exactly."""


Entries = Iterator[Union[ListEntry, Failure]]

_INTEGER = re.compile(r"[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TOKEN = re.compile(r"\s*(\S+)")
LONGEST_LINE = 1 << 20  # bytes: about 100,000 labels
TOO_LONG = f"the line has more than {LONGEST_LINE:,} bytes, which is no entry; are its line ends missing?"
_BOM = b"\xef\xbb\xbf"
_NOT_IN_A_PATH = re.compile("[\t\n\r\ud800-\udfff]")
_NAMES = {"\t": "a tab", "\n": "a line feed", "\r": "a carriage return"}
_ON_AN_EARLIER_LINE = "was on an earlier line; give every image an index of its own"
_EXACT_INTEGERS = 2**24  # up to here float32 holds every integer; beyond 2**64 a label is a measure, not a number of something


def parse_line(text: str, line: Optional[int] = None) -> ListEntry:
    """Parse one line of a .lst file.

    Parameters
    ----------
    text : str
        The line, with or without its end.
    line : int, optional
        Its number, for the entry.

    Returns
    -------
    ListEntry

    Raises
    ------
    ListLineError
        If the line is no entry; it says what was found.

    Examples
    --------
    >>> parse_line('5\\t1.0\\t0.25\\tmy photos/a b.jpg')
    ListEntry(index=5, labels=(1.0, 0.25), path='my photos/a b.jpg', line=None)
    >>> parse_line('5  1  my photos/a b.jpg').path
    'my photos/a b.jpg'
    """
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
        if found and not _NUMBER.fullmatch(match.group(1)):
            break
        found.append(match.group(1))
        position = match.end()
    return found, text[position:].strip()


def _parse_index(token: str, path: str) -> int:
    if not _INTEGER.fullmatch(token) or len(token) > 40 or int(token) > MAX_INDEX:
        raise ListLineError(f"the index {token[:60]!r} is no whole number from 0 to 2**64 - 1", None, path)
    return int(token)


def _parse_label(token: str, index: int, path: str) -> float:
    if not _NUMBER.fullmatch(token):
        raise ListLineError(f"the label {token[:60]!r} is no number", index, path)
    return _check_label(float(token), token, index, path)


def _check_label(value: float, found: str, index: int, path: str) -> float:
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
    """Write an entry as a line of a .lst; :func:`parse_line` gives the same entry back.

    Parameters
    ----------
    entry : ListEntry
        Its index and labels are taken as they are.

    Returns
    -------
    str
        The line, without its end. Whole labels are written without a point: MXNet's own tools write ``%f``, six zeros that say
        nothing, and every reader takes the shorter form just as well. Other labels have as many digits as they need.

    Raises
    ------
    ListLineError
        If no line can carry the path; it says why.

    Examples
    --------
    >>> format_line(ListEntry(5, (1.0, 0.25), 'my photos/a b.jpg'))
    '5\\t1\\t0.25\\tmy photos/a b.jpg'
    """
    reason = why_unlistable(entry.path)
    if reason is not None:
        raise ListLineError(f"the path {entry.path!r} cannot stand in a list: {reason}", entry.index, entry.path)
    labels = "\t".join([_format_label(float(label)) for label in entry.labels])
    return f"{entry.index}\t{labels}\t{entry.path}"


def _format_label(label: float) -> str:
    return f"{label:.0f}" if abs(label) < 2**53 and label.is_integer() else repr(label)


def _check_entry(entry: ListEntry, position: int) -> ListEntry:
    """A user's own entry, made the same as a parsed one."""
    if not isinstance(entry, ListEntry):
        raise TypeError(
            f"list_file must be a path or yield ListEntry; entry {position} is {type(entry).__name__}: {entry!r:.200}"
        )
    try:
        path = os.fspath(entry.path)
    except TypeError:
        raise ListLineError(f"the path is {type(entry.path).__name__}, expected str: {entry.path!r:.200}") from None
    if not isinstance(path, str) or not path:
        raise ListLineError(f"the path is {path!r}, expected a str that is not empty")
    index = entry.index
    if isinstance(index, bool) or not isinstance(index, numbers.Integral) or not 0 <= index <= MAX_INDEX:
        raise ListLineError(f"the index {index!r} is no whole number from 0 to 2**64 - 1", None, path)
    index = int(index)
    labels: Sequence[float] = entry.labels
    try:
        values = tuple([float(label) for label in labels]) if not isinstance(labels, (str, bytes)) else None
    except (TypeError, ValueError, OverflowError):
        values = None
    if values is None:
        raise ListLineError(f"the labels must be a sequence of numbers; found {labels!r:.200}", index, path)
    if not values:
        raise ListLineError("there is no label", index, path)
    checked = tuple([_check_label(value, repr(value), index, path) for value in values])
    return ListEntry(index, checked, path, position if entry.line is None else entry.line)


def read_list(list_file: Union[str, os.PathLike, Iterable[ListEntry]], pack_labels: bool = True, warn: bool = True) -> Entries:
    """Stream the entries of a list, checked.

    Parameters
    ----------
    list_file : str, os.PathLike or iterable of ListEntry
        A .lst file in UTF-8, with or without BOM; blank lines and lines that start with ``#`` are passed over. A line has at most
        1 MiB.
    pack_labels : bool
        Whether every label counts; False keeps the first alone.
    warn : bool
        Whether to warn of a label that loses exactness.

    Yields
    ------
    ListEntry or Failure
        In the order of the list. A Failure stands for a line that is no entry, or for an index seen before.

    Warns
    -----
    LabelPrecisionWarning
        Once, at the first label that float32 does not hold exactly.
    """
    if isinstance(list_file, (str, os.PathLike)):
        with open(list_file, "rb") as stream:
            yield from _check_stream(_parse_stream(stream), pack_labels, warn)
    else:
        yield from _check_stream(_take_entries(list_file), pack_labels, warn)


def _lines(stream: BinaryIO) -> Iterator[Tuple[int, Optional[bytes]]]:
    """The lines that stand for an entry, with their numbers; None in the place of one that is too long."""
    for number, raw in read_lines(stream, LONGEST_LINE):
        is_long = len(raw) > LONGEST_LINE
        if number == 1 and raw.startswith(_BOM):
            raw = raw[len(_BOM) :]
        raw = raw.strip()
        if (raw or is_long) and not raw.startswith(b"#"):
            yield number, None if is_long else raw


def _parse_stream(stream: BinaryIO) -> Entries:
    for number, raw in _lines(stream):
        if raw is None:
            yield Failure(number, None, None, "list", TOO_LONG)
            continue
        try:
            yield parse_line(raw.decode("utf-8"), number)
        except UnicodeDecodeError as error:
            reason = f"the line is not UTF-8 (byte 0x{raw[error.start]:02x} at {error.start + 1}); save the list as UTF-8"
            yield Failure(number, None, None, "list", reason)
        except ListLineError as error:
            yield Failure(number, error.index, error.path, "list", str(error))


def _take_entries(entries: Iterable[ListEntry]) -> Entries:
    for position, entry in enumerate(entries, 1):
        try:
            yield _check_entry(entry, position)
        except ListLineError as error:
            line = position if entry.line is None else entry.line
            yield Failure(line, error.index, error.path, "list", str(error))


def _check_stream(entries: Entries, pack_labels: bool, warn: bool) -> Entries:
    """What holds for the list as a whole: an index occurs once; a label that loses exactness is told of, once."""
    seen = IndexSet()
    warned = not warn
    for entry in entries:
        if isinstance(entry, Failure):
            yield entry
            continue
        if not seen.add(entry.index):
            reason = f"the index {entry.index} {_ON_AN_EARLIER_LINE}"
            yield Failure(entry.line, entry.index, entry.path, "list", reason)
            continue
        if not pack_labels:
            entry = entry._replace(labels=entry.labels[:1])
        if not warned:
            warned = _warn_if_inexact(entry)
        yield entry


def is_duplicate(failure: Failure) -> bool:
    """Whether this failure of :func:`read_list` stands for an index that was there before."""
    return failure.stage == "list" and failure.reason.endswith(_ON_AN_EARLIER_LINE)


def is_inexact(label: float) -> bool:
    """Whether a label is an integer that float32 does not hold exactly.

    Examples
    --------
    >>> is_inexact(2.0**24), is_inexact(2.0**24 + 1)
    (False, True)
    """
    return _EXACT_INTEGERS < abs(label) < 2**64 and label.is_integer() and as_float32(label) != label


def _warn_if_inexact(entry: ListEntry) -> bool:
    for label in entry.labels:
        if is_inexact(label):
            warnings.warn(
                f"line {entry.line}: the label {label:.0f} becomes {as_float32(label):.0f}: RecordIO stores labels as float32, "
                f"which holds every integer only up to 2**24. This is told once; later labels may be concerned too.",
                LabelPrecisionWarning,
                stacklevel=2,
            )
            return True
    return False


class IndexSet:
    """A set of indices that stays small: 64 neighbours share one entry of a dict, as the bits of one integer.

    About 2 bytes an index where they are dense, as lists have them; about 120 where each is far from all others.
    """

    def __init__(self) -> None:
        self._blocks: Dict[int, int] = {}

    def add(self, index: int) -> bool:
        """Add the index; False if it was there already."""
        block, bit = index >> 6, 1 << (index & 63)
        bits = self._blocks.get(block, 0)
        if bits & bit:
            return False
        self._blocks[block] = bits | bit
        return True


def count_entries(list_file: Union[str, os.PathLike]) -> int:
    """How many lines of the file are neither blank nor a comment; for a progress bar, so no line is parsed."""
    with open(list_file, "rb") as stream:
        return sum(1 for _ in _lines(stream))

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The table of failures beside a dataset, written and read; and the entries of a list that such a table names."""

from __future__ import annotations

import os
import re
from typing import Dict, Iterator, List, Optional, Sequence, Union

from ..storage.filebuffer import read_lines
from ..storage.writing import write_whole
from ..values import Entries, Failure, ListEntry

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\\\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(?:[\\tnr]|x[0-9a-f]{2}|u[0-9a-f]{4})")
_WHOLE_NUMBER = re.compile("[0-9]{0,20}")  # 2**64 - 1 has 20 digits
_LONGEST_LINE = 1 << 24  # more than any line that is written here has
_COLUMNS = ("line", "index", "path", "stage", "reason")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def format_failures(failures: Sequence[Failure]) -> str:
    """Failures as a table: a line of column names, then one for each, with tabs between its fields.

    In a field a tab, a line's end and a backslash are written ``\\t``, ``\\n``, ``\\r`` and ``\\\\``, other control
    characters like ``\\x1b``, and bytes of a path that are not UTF-8 like ``\\udcff``. A field is empty where nothing is known.
    """
    rows = ((getattr(failure, name) for name in _COLUMNS) for failure in failures)
    lines = ["\t".join("" if field is None else escape(str(field)) for field in row) for row in rows]
    return "".join(line + "\n" for line in ["\t".join(_COLUMNS), *lines])


def write_failures(path: str, failures: Sequence[Failure]) -> None:
    """Write failures as the table of :func:`format_failures`, and replace a file of that name."""
    write_whole([(path, [format_failures(failures)])])


def read_failures(path: Union[str, os.PathLike]) -> List[Failure]:
    """Read what :func:`write_failures` wrote; ValueError names the line if the file is something else."""
    failures = []
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        for number, text in read_lines(stream, _LONGEST_LINE):
            if len(text) > _LONGEST_LINE:
                raise ValueError(f"{os.fspath(path)!r}, line {number}: it has more than {_LONGEST_LINE:,} characters")
            fields = text.rstrip("\n").split("\t")
            if number == 1:
                if tuple(fields) != _COLUMNS:
                    raise ValueError(f"{os.fspath(path)!r} is no list of failures: its first line is {text[:80]!r}")
                continue
            if len(fields) != len(_COLUMNS) or not all(map(_WHOLE_NUMBER.fullmatch, fields[:2])):
                raise ValueError(
                    f"{os.fspath(path)!r}, line {number}: expected line, index, path, stage, reason; found {text[:80]!r}"
                )
            line, index = (int(field) if field else None for field in fields[:2])
            image_path, stage, reason = map(unescape, fields[2:])
            failures.append(Failure(line, index, image_path or None, stage, reason))
    return failures


def escape(text: str) -> str:
    """A field of a table, without a tab, a line's end and bytes that are not UTF-8."""
    return _CONTROL.sub(lambda match: _ESCAPES.get(match.group()) or _escape_code(ord(match.group())), text)


def _escape_code(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def unescape(text: str) -> str:
    """What :func:`escape` was given."""
    names = {escape: character for character, escape in _ESCAPES.items()}
    return _ESCAPED.sub(lambda match: names.get(match.group()) or chr(int(match.group()[2:], 16)), text)


def pick(entries: Entries, failures: Sequence[Failure]) -> Iterator[Union[ListEntry, Failure]]:
    """Those entries of a list that failed before; ValueError if a failure is not of this list.

    A line that was no entry may have been mended; any other must be as it was.
    """
    wanted: Dict[Optional[int], Failure] = {failure.line: failure for failure in failures}
    for entry in entries:
        failure = wanted.pop(entry.line, None)
        if failure is None:
            continue
        if failure.stage != "list" and (failure.index, failure.path) != (entry.index, entry.path):
            raise ValueError(
                f"line {entry.line} of the list has index {entry.index} and {entry.path!r}, the list of failures has index "
                f"{failure.index} and {failure.path!r} there: it belongs to another list, or lines were added or removed since"
            )
        yield entry
    if wanted:
        raise ValueError(
            f"the list of failures has line {next(iter(wanted))}, which is not in the list: it belongs to another list"
        )

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The table of sources beside a dataset: which file each record was made of. And whether a dataset can have left a table.

The table, ``out.sources.tsv``, is UTF-8 and has a line ``index <tab> path <tab> label[,label ...]`` for each record, in the order
of the records, and no line of column names. The path is the one of the list, and is written as in the table of failures: a
backslash as two, a tab as ``\\t``.
"""

from __future__ import annotations

import os
import re
import tempfile
from typing import IO, Any, Iterable, Iterator, List, NamedTuple, Optional, Sequence

from ..errors import OutputError
from ..lists.classes import is_class_table
from ..lists.lines import format_label
from ..recordio.paths import DatasetPaths
from ..storage.filebuffer import read_lines
from ..values import Entries, Failure, ListEntry
from .failures import escape, unescape

_LINE = re.compile("([0-9]{1,20})\t([^\t]*)\t([^\t]+)")
_LONGEST_LINE = 1 << 24  # more than any line that is written here has
_LINES_AT_ONCE = 1024


class Source(NamedTuple):
    """What the table says of one record."""

    index: int  # type: ignore[assignment]  # in the place of tuple.index, a method that means nothing here
    path: str


class Origins:
    """Takes down the entries of a list as they go by, and gives the table of sources at the end. A context manager.

    The lines wait in a file without a name, in the folder of the dataset: nothing is left of it, whatever happens.
    """

    def __init__(self, paths: DatasetPaths) -> None:
        self._path = paths.sources
        self._stream: Optional[IO[bytes]] = None

    def __enter__(self) -> Origins:
        try:
            self._stream = tempfile.TemporaryFile(dir=os.path.dirname(self._path))
        except OSError as error:
            raise self._error(error) from error
        return self

    def __exit__(self, *exception: Any) -> None:
        assert self._stream is not None
        self._stream.close()

    def noting(self, entries: Entries) -> Entries:
        """The same entries."""
        lines: List[str] = []
        for entry in entries:
            if isinstance(entry, ListEntry):
                lines.append(f"{entry.line}\t{_line_of(entry)}")
                if len(lines) == _LINES_AT_ONCE:
                    self._write(lines)
            yield entry
        self._write(lines)

    def _write(self, lines: List[str]) -> None:
        assert self._stream is not None
        try:
            self._stream.write("".join(lines).encode("utf-8"))
            self._stream.flush()  # a worker that is forked must not have any of it
        except OSError as error:
            raise self._error(error) from error
        lines.clear()

    def lines(self, failures: Iterable[Failure]) -> Iterator[str]:
        """The lines of the table, in parts; the entries that failed have none."""
        assert self._stream is not None
        left_out = {str(failure.line) for failure in failures}
        self._stream.seek(0)
        for data in self._stream:
            number, _, line = data.decode("utf-8").partition("\t")
            if number not in left_out:
                yield line

    def _error(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write {self._path!r}, is the disk full? {error}")


def _line_of(entry: ListEntry) -> str:
    return f"{entry.index}\t{escape(entry.path)}\t{','.join([format_label(float(label)) for label in entry.labels])}\n"


def read_sources(path: str) -> Iterator[Source]:
    """What the table of sources says of each record, in their order; ValueError names the line if the file is something else."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        for number, text in read_lines(stream, _LONGEST_LINE):
            match = _LINE.fullmatch(text.rstrip("\n"))
            if match is None or len(text) > _LONGEST_LINE:
                expected = "expected an index, a path and labels, with tabs between them"
                raise ValueError(f"the table of sources {path!r}, line {number}: {expected}, found {text[:80]!r}")
            yield Source(int(match.group(1)), unescape(match.group(2)))


def is_of_dataset(paths: DatasetPaths, path: str) -> bool:
    """Whether a dataset can have left one of its tables, by the format. The name of the table of failures is ours alone."""
    if path == paths.classes:
        return is_class_table(path)
    return path != paths.sources or _is_table_of_sources(path)


def _is_table_of_sources(path: str) -> bool:
    if not os.path.isfile(path):
        return False
    try:
        return next(read_sources(path), None) is not None
    except ValueError:
        return False


def copy_lines(paths: Sequence[str]) -> Iterator[str]:
    """The lines of several tables, one table behind the other."""
    for path in paths:
        with open(path, encoding="utf-8", newline="\n") as stream:
            yield from stream

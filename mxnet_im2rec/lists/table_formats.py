# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The rows of tables of every format: CSV, JSON Lines, Parquet, and frames of pandas and Polars.

Knows columns, rows and cells. Does not know what a column is for. A new format is a subclass of :class:`Table`.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import re
import zlib
from abc import ABC, abstractmethod
from contextlib import closing
from typing import Any, Dict, Iterator, List, Optional, Sequence, TextIO, Tuple, Type, Union

from ..errors import ArgumentTypeError, ArgumentValueError, ListLineError
from ..storage.file_state import FileState
from ..storage.filebuffer import read_lines
from ..text import Argument, Text
from .lines import LONGEST_LINE, TOO_LONG

Row = Tuple[int, Union[str, Sequence[Any]]]
"""Where a row begins, its line or its number from 1; and its cells, or why it has none."""

_BATCH = 8192  # rows that are taken out of a typed table at once
_NOT_UTF8 = re.compile("[\0\ud800-\udfff]")  # as text of another encoding looks
_GZIP_ERRORS = (EOFError, OSError, zlib.error)


class Table(ABC):
    """Rows under named columns.

    Attributes
    ----------
    path : str or None
        The absolute path of the file, where the table is one.
    place : str
        What the number of a row counts: ``'line'`` of a file of text, or ``'row'``.
    """

    path: Optional[str] = None
    place = "row"

    @abstractmethod
    def columns(self, wanted: Sequence[str]) -> List[str]:
        """The names of the columns. Where only the rows show them, at least those until all that are wanted have come."""

    @abstractmethod
    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        """Stream the cells of these columns, row by row."""

    @abstractmethod
    def digest(self, wanted: Sequence[str]) -> str:
        """Which table this is, as far as these columns go."""

    @abstractmethod
    def is_unchanged(self, wanted: Sequence[str]) -> bool:
        """Whether the table is what it was when it was opened, or when its digest was asked for."""


def open_table(path_or_frame: Any, sep: Optional[str]) -> Table:
    """The table in a file, by its extension, or in a frame."""
    if isinstance(path_or_frame, (str, os.PathLike)):
        return _open_file(os.fsdecode(path_or_frame), sep)
    if sep is not None:
        raise ArgumentValueError("sep", "is for a file of text; a frame has its columns")
    if not all(hasattr(path_or_frame, name) for name in ("columns", "__getitem__", "__len__")):
        rule = "must be the path of a table, or a DataFrame of pandas or Polars"
        help = "collect() it first" if hasattr(path_or_frame, "collect") else ""
        raise ArgumentTypeError("path_or_frame", rule, type(path_or_frame).__name__, help=help)
    return FrameTable(path_or_frame)


def _open_file(path: str, sep: Optional[str]) -> Table:
    if not path:
        raise ArgumentValueError("path_or_frame", "is empty", help="give the path of a table")
    stem, extension = os.path.splitext(path.lower())
    if extension == ".gz":
        extension = os.path.splitext(stem)[1]
    kind = _KINDS.get(extension)
    if kind is None and sep is None:
        help = Text("or else give ", Argument("sep"))
        raise ArgumentValueError("path_or_frame", f"must end in {', '.join(_KINDS)}", path, help=help)
    if kind in (JsonLinesTable, ParquetTable):
        if sep is not None:
            raise ArgumentValueError("sep", f"is for CSV; {path!r} has no separator")
        return kind(path)
    sep = {".tsv": "\t"}.get(extension, ",") if sep is None else sep
    if not isinstance(sep, str) or len(sep) != 1 or sep in '"\r\n':
        raise ArgumentValueError("sep", "must be one character, neither a quote mark nor a line's end", sep)
    return CsvTable(path, sep)


class FileTable(Table):
    """A table in a regular file; a pipe could not be read twice."""

    path: str
    place = "line"

    def __init__(self, path: str) -> None:
        self.name = path
        self.path = os.path.join(os.getcwd(), path)  # not normalised: ".." behind a link leads elsewhere
        if os.path.exists(self.path) and not os.path.isfile(self.path):
            rule = f"must be a file; {path!r} is a {'folder' if os.path.isdir(self.path) else 'pipe or a device'}"
            raise ArgumentValueError("path_or_frame", rule, help="a table is read twice")
        open(self.path, "rb").close()  # now, and not when the first row is wanted
        self._state = FileState(self.path)

    def digest(self, wanted: Sequence[str]) -> str:
        return self._state.digest

    def is_unchanged(self, wanted: Sequence[str]) -> bool:
        return self._state.is_unchanged()

    def _lines(self) -> Iterator[Tuple[int, str]]:
        """The lines with their numbers. What is not UTF-8 comes as lone surrogates."""
        is_gzip = self.path.lower().endswith(".gz")
        with closing(gzip.open(self.path) if is_gzip else open(self.path, "rb")) as binary:
            stream: TextIO = io.TextIOWrapper(binary, "utf-8-sig", "surrogateescape", newline="")
            try:
                yield from read_lines(stream, LONGEST_LINE)
            except _GZIP_ERRORS as error:
                if not is_gzip:
                    raise
                raise ListLineError(f"{self.name!r} is damaged, or no gzip file: {error}") from error


class CsvTable(FileTable):
    """CSV by the rules of Python's ``csv``: cells may be in quotes, with separators and line feeds in them."""

    def __init__(self, path: str, sep: str) -> None:
        super().__init__(path)
        self._sep = sep

    def columns(self, wanted: Sequence[str]) -> List[str]:
        for line, cells in self._records():
            if isinstance(cells, str):
                raise ListLineError(f"{self.name!r}, line {line}: {cells} If it is not UTF-8, save it as UTF-8")
            names = [cell.strip() for cell in cells]
            if _NOT_UTF8.search("".join(names)):
                raise ListLineError(f"{self.name!r}, line {line}: the names of the columns are not UTF-8; save it as UTF-8")
            return names
        raise ListLineError(f"{self.name!r} is empty; its first line must have the names of the columns")

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        names = self.columns(wanted)
        places = [names.index(name) for name in wanted]
        records = self._records()
        next(records)
        for line, cells in records:
            if not isinstance(cells, str) and len(cells) != len(names):
                cells = (
                    f"the row has {len(cells)} cells, the first line has {len(names)} columns; "
                    f"a cell with {self._sep!r} in it needs quote marks around it"
                )
            yield line, cells if isinstance(cells, str) else [cells[place] for place in places]

    def _records(self) -> Iterator[Tuple[int, Union[str, List[str]]]]:
        """The cells of every row that is not blank, the names of the columns first; or why a row cannot be read."""
        reader = csv.reader(self._bounded_lines(), delimiter=self._sep, strict=True)
        line = 1
        while True:
            try:
                cells: Union[str, List[str]] = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                last = f", up to line {reader.line_num}" if reader.line_num > line else ""
                cells = f"the row cannot be read{last}: {error}; is there a quote mark too many or too few?"
            if cells and not (len(cells) == 1 and not cells[0].strip()):
                yield line, cells
            line = reader.line_num + 1

    def _bounded_lines(self) -> Iterator[str]:
        for number, line in self._lines():
            if len(line) > LONGEST_LINE:
                raise ListLineError(f"{self.name!r}, line {number}: {TOO_LONG}")
            yield line


class JsonLinesTable(FileTable):
    """A JSON object in each line. A column need not be in every one."""

    def columns(self, wanted: Sequence[str]) -> List[str]:
        found: Dict[str, None] = {}
        for _, row in self._objects():
            if not isinstance(row, str):
                found.update(dict.fromkeys(row))
                if found.keys() >= set(wanted):
                    break
        return list(found)

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        for line, row in self._objects():
            yield line, row if isinstance(row, str) else [row.get(name) for name in wanted]

    def _objects(self) -> Iterator[Tuple[int, Union[str, Dict[str, Any]]]]:
        for number, line in self._lines():
            if len(line) > LONGEST_LINE:
                yield number, TOO_LONG
            elif line.strip():
                yield number, _parse_object(line)


def _parse_object(line: str) -> Union[str, Dict[str, Any]]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"the line is no JSON: {error}"
    if not isinstance(found, dict):
        return f"the line must be a JSON object, {{...}}, not {line.strip()[:60]!r}"
    return found


class ParquetTable(FileTable):
    """A Parquet file, which pyarrow reads, some thousand rows at a time."""

    place = "row"

    def columns(self, wanted: Sequence[str]) -> List[str]:
        with self._open() as file:
            return list(file.schema_arrow.names)

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        number = 0
        with self._open() as file:
            try:  # without threads, since packing may fork meanwhile
                for batch in file.iter_batches(_BATCH, columns=list(dict.fromkeys(wanted)), use_threads=False):
                    by_name = {name: column.to_pylist() for name, column in zip(batch.schema.names, batch.columns)}
                    for cells in zip(*[by_name[name] for name in wanted]):
                        number += 1
                        yield number, cells
            except (OSError, ValueError, NotImplementedError) as error:  # pyarrow's errors are of these
                raise ListLineError(f"{self.name!r} is damaged behind row {number:,}: {error}") from error

    def _open(self) -> Any:
        try:
            from pyarrow.parquet import ParquetFile
        except ImportError as error:
            raise ImportError("reading Parquet needs pyarrow: pip install pyarrow") from error
        try:
            return ParquetFile(self.path)
        except ValueError as error:
            raise ListLineError(f"{self.name!r} is no Parquet file: {error}") from error


class FrameTable(Table):
    """A DataFrame of pandas or Polars, or what has the same ways to it."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self._digest: Optional[str] = None

    def columns(self, wanted: Sequence[str]) -> List[str]:
        return list(self._frame.columns)

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        columns = [self._frame[name] for name in wanted]
        for start in range(0, len(self._frame), _BATCH):
            cells = zip(*[_cells(column, start, start + _BATCH) for column in columns])
            yield from enumerate(cells, start + 1)

    def digest(self, wanted: Sequence[str]) -> str:
        if self._digest is None:
            self._digest = self._hash(wanted)
        return self._digest

    def is_unchanged(self, wanted: Sequence[str]) -> bool:
        return self._digest is None or self._hash(wanted) == self._digest

    def _hash(self, wanted: Sequence[str]) -> str:
        found = hashlib.blake2b(repr(wanted).encode(), digest_size=16)
        for _, cells in self.rows(wanted):
            found.update(repr(cells).encode("utf-8", "surrogatepass"))
        return found.hexdigest()


def _cells(column: Any, start: int, stop: int) -> List[Any]:
    """Some cells of a column as Python's own values, None for those that are missing."""
    part = getattr(column, "iloc", column)[start:stop]
    cells = part.to_list()
    if hasattr(part, "isna"):  # of pandas, which has several values for what is missing
        cells = [None if is_missing else cell for cell, is_missing in zip(cells, part.isna())]
    return cells


_KINDS: Dict[str, Type[Any]] = {
    ".csv": CsvTable,
    ".tsv": CsvTable,
    ".jsonl": JsonLinesTable,
    ".ndjson": JsonLinesTable,
    ".parquet": ParquetTable,
}

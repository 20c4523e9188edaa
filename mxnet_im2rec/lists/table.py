# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""from_table(): a table of images as a source of entries. Knows what its columns are for; knows no format."""

from __future__ import annotations

import os
from collections import Counter
from difflib import get_close_matches
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from ..errors import ArgumentTypeError, ArgumentValueError, ListLineError
from ..text import Argument, Text, count
from ..values import Entries, Failure, ListEntry
from .classes import class_table
from .lines import check_label
from .source import ListSource
from .table_cells import class_name, group_name, is_nearly_a_number, path_text, text_or_number, whole_number
from .table_formats import Table, open_table

_Path = Union[str, os.PathLike]
_SHOWN = 20


def from_table(
    path_or_frame: Any,
    path: str = "path",
    label: Union[str, Sequence[str]] = "label",
    index: Optional[str] = None,
    sep: Optional[str] = None,
    *,
    root: Optional[_Path] = None,
    classes: Union[None, _Path, Mapping[str, int]] = None,
    group: Optional[str] = None,
) -> TableSource:
    """Take the images in a table: CSV, TSV, JSON Lines, Parquet, or a DataFrame of pandas or Polars.

    What it gives stands in the place of a list, in :func:`mxnet_im2rec.im2rec`, :func:`mxnet_im2rec.check_list`,
    :func:`mxnet_im2rec.verify` and :func:`mxnet_im2rec.import_list`. The table is streamed: once here, to see the labels, and
    once whenever the list is read. A row whose cells are no entry is a failure at its place.

    Parameters
    ----------
    path_or_frame : str, os.PathLike or DataFrame
        A file in UTF-8 that ends in ``.csv``, ``.tsv``, ``.jsonl`` or ``.ndjson``, with ``.gz`` behind it or not; or in
        ``.parquet``, for which pyarrow must be installed. The first line of a CSV or TSV file has the names of the columns.
        Cells may be in quote marks, with separators and line feeds in them. Blanks around a cell do not count.
    path : str
        The column of the images' paths, absolute or relative to the root.
    label : str or sequence of str
        The column of the labels, or several columns, whose labels every image has then. Numbers are stored as they are, as
        float32. Text is the name of a class; the classes are numbered from 0 in the order of their sorted names.
    index : str, optional
        The column of the images' indices, each from 0 to 2**64 - 1 and different. By default they are 0, 1, ... by row.
    sep : str, optional
        What is between the cells of a file of text: one character. By default a tab in ``.tsv``, else a comma.
    root : str or os.PathLike, optional
        The folder that relative paths are relative to; by default the file's own, or the current one for a frame.
    classes : str, os.PathLike or mapping of str to int, optional
        The numbers of the classes: a mapping, a class table as :func:`mxnet_im2rec.make_list` writes it, or a file with a
        name a line. Every label is the name of a class then, unless there are several columns of labels: then those that are
        text are. Give it where train and validation tables must agree.
    group : str, optional
        The column of what belongs together, such as a patient: :func:`mxnet_im2rec.import_list` never puts a group into two
        lists.

    Returns
    -------
    TableSource
        Its ``classes`` are the numbers of the classes by their names, or None where all labels are numbers.

    Raises
    ------
    ArgumentValueError, ArgumentTypeError
        If an argument is wrong, a column is not there, or the labels are partly numbers and partly text.
    ListLineError
        If the file as a whole cannot be read.
    OSError
        If the file cannot be opened, or the root is no folder.
    ImportError
        If the file is Parquet, and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from mxnet_im2rec import from_table
    >>> folder = tempfile.TemporaryDirectory()
    >>> table = os.path.join(folder.name, 'photos.csv')
    >>> with open(table, 'w') as stream:
    ...     _ = stream.write('file,breed\\ntom.jpg,cat\\nrex.jpg,dog\\n')
    >>> source = from_table(table, path='file', label='breed')
    >>> source.classes
    {'cat': 0, 'dog': 1}
    >>> next(source.entries())
    ListEntry(index=0, labels=(0.0,), path='tom.jpg', line=2)
    """
    columns = _Columns(path, label, index, group)
    table = None if classes is None else class_table(classes, "classes")
    found = open_table(path_or_frame, sep)
    name = os.fsdecode(path_or_frame) if isinstance(path_or_frame, (str, os.PathLike)) else None
    return TableSource(found, name, columns, table, root)


class _Columns:
    """The names of the columns, and which argument names each."""

    def __init__(self, path: Any, label: Any, index: Any, group: Any) -> None:
        labels = [label] if isinstance(label, str) else label
        if not isinstance(labels, (list, tuple)):
            raise ArgumentTypeError("label", "must be the name of a column, or a list of names", label)
        if not labels:
            raise ArgumentValueError("label", "is empty", help="name at least one column")
        self.labels: List[str] = list(labels)
        self.has_index, self.has_group = index is not None, group is not None
        self.by_argument = [("path", path), *(("label", each) for each in labels)]
        self.by_argument += [(argument, name) for argument, name in (("index", index), ("group", group)) if name is not None]
        for argument, name in self.by_argument:
            if not isinstance(name, str):
                raise ArgumentTypeError(argument, "must be the name of a column", name)
        self.names = [name for _, name in self.by_argument]


class TableSource(ListSource):
    """The images in a table, which :func:`mxnet_im2rec.from_table` opens; it can be read again and again."""

    can_be_read_twice = True

    def __init__(
        self,
        table: Table,
        name: Optional[str],
        columns: _Columns,
        classes: Optional[Dict[str, int]],
        root: Optional[_Path],
    ) -> None:
        super().__init__(root, os.getcwd() if table.path is None else os.path.dirname(table.path))
        self.path, self.name = table.path, name
        self._table, self._columns = table, columns
        self._what = "the frame" if name is None else repr(name)
        self._check_columns()
        self._survey(classes)

    def _check_columns(self) -> None:
        there = self._table.columns(self._columns.names)
        texts = [each for each in there if isinstance(each, str)]
        for argument, name in self._columns.by_argument:
            if there.count(name) == 1:
                continue
            if name in there:
                raise ArgumentValueError(argument, f"names the column {name!r}, which {self._what} has more than once")
            close = get_close_matches(name, texts, 3, 0.6)
            guess = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
            only = texts[0] if len(texts) == 1 else ""
            between = next((each for each in ",;\t|" if each in only), None)
            if between is not None and self.path is not None:
                guess = Text("; with ", Argument("sep", between), " it has more")
            more = f" and {len(there) - _SHOWN:,} more" if len(there) > _SHOWN else ""
            help = Text(f"its columns: {', '.join(map(repr, there[:_SHOWN])) or 'none'}{more}", guess)
            raise ArgumentValueError(argument, f"names the column {name!r}, which {self._what} does not have", help=help)

    def _survey(self, classes: Optional[Dict[str, int]]) -> None:
        """See what the labels are, and how many rows there are: every row is read once."""
        labels = self._columns.labels
        found = [_Labels(self._table.place) for _ in labels]
        self._count = 0
        for line, cells in self._table.rows(labels):
            self._count += 1
            if not isinstance(cells, str):
                for each, cell in zip(found, cells):
                    each.add(line, cell)
        if classes is not None and len(labels) == 1:  # every label is a name, whatever it looks like
            named = [0]
        else:
            named = [place for place, each in enumerate(found) if each.are_names(self._what, labels[place])]
        if len(named) > 1 and classes is None:
            names = ", ".join(repr(labels[place]) for place in named)
            raise ArgumentValueError("label", f"names columns of text, {names}", help=Text("give ", Argument("classes"), " too"))
        self._named = set(named)
        self.class_label = named[0] if named else None
        if classes is not None:
            self.classes = classes
        elif named:
            self.classes = {name: number for number, name in enumerate(sorted(found[named[0]].names))}

    def count(self) -> int:
        return self._count

    @property
    def digest(self) -> str:  # type: ignore[override]
        """Of the whole file; of a frame, of the columns that are used."""
        return self._table.digest(self._columns.names)

    def is_unchanged(self) -> bool:
        return self._table.is_unchanged(self._columns.names)

    def groups(self) -> Optional[Dict[int, str]]:
        if not self._columns.has_group:
            return None
        found = {}
        for line, cells in self._table.rows(self._columns.names[-1:]):
            if not isinstance(cells, str):
                try:
                    found[line] = group_name(cells[0])
                except ValueError:  # the row is no entry
                    continue
        return found

    def _read(self) -> Entries:
        for position, (line, cells) in enumerate(self._table.rows(self._columns.names)):
            if isinstance(cells, str):
                yield Failure(line, None, None, "list", cells)
                continue
            try:
                yield self._entry(position, line, cells)
            except ListLineError as error:
                yield Failure(line, error.index, error.path, "list", str(error))

    def _entry(self, position: int, line: int, cells: Sequence[Any]) -> ListEntry:
        names = self._columns.names
        index: Optional[int] = None if self._columns.has_index else position
        path: Optional[str] = None
        place = 0
        try:
            path = path_text(cells[0])
            place = 1 + len(self._columns.labels)
            if self._columns.has_index:
                index = whole_number(cells[place])
            if self._columns.has_group:
                place = len(cells) - 1
                group_name(cells[place])
            labels = []
            for place in range(1, 1 + len(self._columns.labels)):
                labels.append(self._label(place - 1, cells[place]))
        except ValueError as error:
            raise ListLineError(f"the column {names[place]!r} {error}", index, path) from None
        assert index is not None
        for label, cell in zip(labels, cells[1:]):
            check_label(label, str(cell), index, path)
        return ListEntry(index, tuple(labels), path, line)

    def _label(self, place: int, cell: Any) -> float:
        if place not in self._named:
            found = text_or_number(cell)
            if isinstance(found, str):
                raise ValueError(f"is {found[:60]!r}, which is no number, unlike other labels in it")
            return found
        assert self.classes is not None
        number = self.classes.get(cell) if isinstance(cell, str) else None
        if number is not None:
            return float(number)
        name = class_name(cell)
        number = self.classes.get(name)
        if number is None:
            close = get_close_matches(name, self.classes, 1)
            guess = f"; is it {close[0]!r}?" if close else ""
            raise ValueError(f"is {name[:60]!r}, which is none of the {count(len(self.classes), 'class', 'classes')}{guess}")
        return float(number)


class _Labels:
    """What is in one column of labels: numbers, or names."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._first_number: Optional[Tuple[int, Any]] = None
        self._num_numbers = 0
        self.names: Dict[str, int] = {}  # with the line where each was first
        self._counts: Counter = Counter()

    def add(self, line: int, cell: Any) -> None:
        if isinstance(cell, str) and cell in self.names:
            self._counts[cell] += 1
            return
        try:
            found = text_or_number(cell)
            name = class_name(cell) if isinstance(found, str) else ""
        except ValueError:  # a failure when the entries are read
            return
        if isinstance(found, str):
            self.names.setdefault(name, line)
            self._counts[name] += 1
        else:
            self._num_numbers += 1
            self._first_number = self._first_number or (line, cell)

    def are_names(self, what: str, column: str) -> bool:
        """Whether the labels are text; an error if they are both."""
        if self._first_number is None:
            return bool(self.names)
        names = [name for name in self.names if not is_nearly_a_number(name)]
        if not names:
            return False
        line, number = self._first_number
        numbers = f"{count(self._num_numbers, 'number')}, the first in {self._place} {line:,}: {str(number).strip()[:60]!r}"
        num_texts = count(sum(self._counts[name] for name in names), "text")
        texts = f"{num_texts}, the first in {self._place} {self.names[names[0]]:,}: {names[0][:60]!r}"
        found = f"{what} has {numbers}, and {texts}"
        rule = f"names the column {column!r}, whose labels are numbers and text: {found}"
        raise ArgumentValueError("label", rule, help=Text("repair them, or give ", Argument("classes"), " if all are names"))

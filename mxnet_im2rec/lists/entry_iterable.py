# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""An iterable of ListEntry as a source of entries."""

from __future__ import annotations

import numbers
import os
from typing import Iterable, Optional, Sequence, Union

from ..errors import ArgumentTypeError, ListLineError
from ..limits import MAX_INDEX
from ..values import Entries, Failure, ListEntry
from .lines import check_label
from .source import ListSource


class EntryIterable(ListSource):
    """Entries that the caller has made. Only a sequence can be read twice. By default the root is the current folder."""

    def __init__(self, entries: Iterable[ListEntry], root: Union[None, str, os.PathLike] = None) -> None:
        super().__init__(root, os.getcwd())
        self._entries = entries
        self.can_be_read_twice = isinstance(entries, Sequence)

    def _read(self) -> Entries:
        for position, entry in enumerate(self._entries, 1):
            try:
                yield _check_entry(entry, position)
            except ListLineError as error:
                line = position if entry.line is None else entry.line
                yield Failure(line, error.index, error.path, "list", str(error))

    def count(self) -> Optional[int]:
        return len(self._entries) if isinstance(self._entries, Sequence) else None


def _check_entry(entry: ListEntry, position: int) -> ListEntry:
    """A user's own entry, made the same as a parsed one."""
    if not isinstance(entry, ListEntry):
        found = f"entry {position} is {type(entry).__name__}: {entry!r:.200}"
        raise ArgumentTypeError("list_file", "must be a path or yield ListEntry", help=found)
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
    checked = tuple([check_label(value, repr(value), index, path) for value in values])
    return ListEntry(index, checked, path, position if entry.line is None else entry.line)

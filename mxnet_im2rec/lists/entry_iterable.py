# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Entries that the caller has made, as a source."""

from __future__ import annotations

import os
from typing import Any, Iterable, Optional, Sequence, Union

from ..errors import ArgumentTypeError, ListLineError
from ..text import message_of
from ..values import Entries, Failure, ImageEntry, ListEntry
from .given import checked_entry
from .source import ListSource


class EntryIterable(ListSource):
    """ListEntry, ``(index, labels, image)`` or ``(labels, image)``, whose index is its position, from 0.

    Only a sequence can be read twice. By default the root is the current folder.
    """

    def __init__(self, entries: Iterable[Any], root: Union[None, str, os.PathLike] = None) -> None:
        super().__init__(root, os.getcwd())
        self._entries = entries
        self.can_be_read_twice = isinstance(entries, Sequence)

    def _read(self) -> Entries:
        for position, entry in enumerate(self._entries, 1):
            try:
                yield _check_entry(entry, position)
            except ListLineError as error:
                line = getattr(entry, "line", None)
                yield Failure(position if line is None else line, error.index, error.path, "list", message_of(error))

    def count(self) -> Optional[int]:
        return len(self._entries) if isinstance(self._entries, Sequence) else None


def _check_entry(entry: Any, position: int) -> ListEntry:
    """A user's own entry, made the same as a parsed one."""
    name = f"entry {position}"
    if isinstance(entry, ListEntry):
        line = position if entry.line is None else entry.line
        if isinstance(entry, ImageEntry):
            return checked_entry(entry.index, entry.labels, entry.image, line, str(entry.path))
        return checked_entry(entry.index, entry.labels, entry.path, line, name)
    if isinstance(entry, tuple) and len(entry) == 3:
        return checked_entry(*entry, position, name)
    if isinstance(entry, tuple) and len(entry) == 2:
        return checked_entry(position - 1, *entry, position, name)
    found = f"entry {position} is {type(entry).__name__}: {entry!r:.200}"
    raise ArgumentTypeError(
        "list_file", "must be a path, or yield ListEntry, (label, image) or (index, label, image)", help=found
    )

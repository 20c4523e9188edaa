# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A .lst file as a source of entries."""

from __future__ import annotations

import os
import re
from typing import BinaryIO, Dict, Iterator, Optional, Tuple, Union

from ..errors import ArgumentValueError, ListLineError
from ..storage.file_state import FileState
from ..storage.filebuffer import read_lines
from ..values import Entries, Failure
from .classes import read_classes
from .lines import LONGEST_LINE, TOO_LONG, parse_line
from .source import ListSource

_BOM = b"\xef\xbb\xbf"
_PART = re.compile(r"(_[0-9]+)?(_train|_val|_test)?$")  # what stands behind the prefix in the name of one of several lists


class LstFile(ListSource):
    """A list file in UTF-8, with or without BOM. Blank lines and lines that start with ``#`` are passed over.

    A line has at most 1 MiB. A pipe can be read once only. By default the root is the folder of the list file.
    """

    path: str

    def __init__(self, list_file: Union[str, os.PathLike], root: Union[None, str, os.PathLike] = None) -> None:
        self.name = os.fsdecode(list_file)
        if not self.name:
            raise ArgumentValueError("list_file", "is empty", help="give the path of a .lst file")
        self.path = os.path.join(os.getcwd(), self.name)  # not normalised: ".." behind a link leads elsewhere
        super().__init__(root, os.path.dirname(self.path))
        self.can_be_read_twice = os.path.isfile(self.path)
        if self.can_be_read_twice or not os.path.exists(self.path) or os.path.isdir(self.path):
            open(self.path, "rb").close()  # now, and not when the first entry is wanted; a pipe is opened only once
        self._state = FileState(self.path) if self.can_be_read_twice else None

    def _read(self) -> Entries:
        with open(self.path, "rb") as stream:
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

    def count(self) -> Optional[int]:
        """How many lines are neither blank nor a comment; no line is parsed."""
        if not self.can_be_read_twice:
            return None
        with open(self.path, "rb") as stream:
            return sum(1 for _ in _lines(stream))

    @property
    def digest(self) -> str:  # type: ignore[override]
        """Of the whole file."""
        return ListSource.digest if self._state is None else self._state.digest

    @property
    def classes(self) -> Optional[Dict[str, int]]:  # type: ignore[override]
        """Of the class table beside the list; ValueError if that is none."""
        stem = os.path.splitext(self.path)[0]
        for begin in (stem, _PART.sub("", stem)):
            table = f"{begin}_classes.txt"
            if os.path.isfile(table):
                try:
                    return read_classes(table)
                except ValueError as error:
                    raise ValueError(f"{error}; mend it, or move it away: it stands beside the list {self.name!r}") from None
        return None

    def is_unchanged(self) -> bool:
        return self._state is None or self._state.is_unchanged()


def _lines(stream: BinaryIO) -> Iterator[Tuple[int, Optional[bytes]]]:
    """The lines that stand for an entry, with their numbers; None in the place of one that is too long."""
    for number, raw in read_lines(stream, LONGEST_LINE):
        is_long = len(raw) > LONGEST_LINE
        if number == 1 and raw.startswith(_BOM):
            raw = raw[len(_BOM) :]
        raw = raw.strip()
        if (raw or is_long) and not raw.startswith(b"#"):
            yield number, None if is_long else raw

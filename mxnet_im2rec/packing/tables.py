# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The tables that a run writes beside its dataset for people and other programs: of the classes, and of the sources.

Knows where their text comes from; not how files are put in place.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from itertools import zip_longest
from typing import Any, Dict, Iterable, Iterator, Optional, Sequence

from ..dataset.publish import refuse_file_of_others
from ..dataset.side_files import Origins
from ..errors import OutputError
from ..lists.classes import class_table, table_lines
from ..lists.source import ListSource
from ..recordio.paths import DatasetPaths
from ..storage.writing import write_whole
from ..values import Entries, Failure


class Tables:
    """Both tables of a run. What stops them is found out at once, and not at the end of the run. A context manager."""

    def __init__(self, source: ListSource, paths: DatasetPaths, sidecar: bool) -> None:
        self._paths = paths
        classes = source.classes
        self._classes = class_table(classes, "classes") if classes else {}
        self._sidecar = sidecar
        self._origins: Optional[Origins] = None
        for path, is_wanted in ((paths.classes, self._classes), (paths.sources, sidecar)):
            if is_wanted:
                refuse_file_of_others(paths, path)

    def __enter__(self) -> Tables:
        with ExitStack() as stack:
            if self._sidecar:
                self._origins = stack.enter_context(Origins(self._paths))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.close()

    def noting(self, entries: Entries) -> Entries:
        """The same entries, of the whole run: those too that an interrupted run has done."""
        return entries if self._origins is None else self._origins.noting(entries)

    def texts(self, failures: Sequence[Failure]) -> Dict[str, Iterator[str]]:
        """The text of each table in parts, as the writer of the dataset takes it."""
        sources = iter(()) if self._origins is None else self._origins.lines(failures)
        return {"classes": table_lines(self._classes), "sources": sources}

    @property
    def classes_path(self) -> Optional[str]:
        """Where the class table is in the end, if there is one."""
        return self._paths.classes if self._classes else None

    @property
    def sources_path(self) -> Optional[str]:
        """Where the table of sources is in the end, if there is one."""
        return self._paths.sources if self._sidecar else None

    def complete(self, failures: Sequence[Failure]) -> None:
        """Beside a dataset that is in place already: write the tables that are not there, or are of another list."""
        wanted = ((self.classes_path, "classes"), (self.sources_path, "sources"))
        for path, name in wanted:
            if path is None or _has_lines(path, self.texts(failures)[name]):
                continue
            try:
                write_whole([(path, self.texts(failures)[name])])
            except OSError as error:
                raise OutputError(f"cannot write {path!r}: {error}") from error


def _has_lines(path: str, lines: Iterable[str]) -> bool:
    if not os.path.isfile(path):
        return False
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        return all(found == wanted for found, wanted in zip_longest(stream, lines))

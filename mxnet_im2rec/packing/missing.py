# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Notices a run in which not one image is there, because the root is another one, before it has gone through a long list."""

from __future__ import annotations

import logging
import os
from typing import Any, List, Optional

from ..errors import EmptyDatasetError
from ..lists.source import ListSource
from ..lists.wrong_root import is_missing, is_one_there, question_about_root
from ..text import Text
from ..values import Failure

_log = logging.getLogger("mxnet_im2rec")

MOST_MISSING = 100  # images, and none that was there


class MissingImages:
    """The results of a run as long as not one image of it is there."""

    def __init__(self, source: ListSource) -> None:
        self._source = source
        self._is_open = source.fetch is None  # the images are files, and none was there so far
        self._num_missing = 0
        self._first: Optional[Failure] = None  # that is missing
        self._held: List[Failure] = []  # whose log waits: where all are missing one line says it

    def close(self) -> None:
        """Stop to notice anything, and log what has waited."""
        self._is_open = False
        for failure in self._held:
            _log.warning("failed: %s", failure)
        self._held.clear()

    def see(self, result: Any) -> None:
        """Take note of the next result, a record or a Failure."""
        if not self._is_open or (isinstance(result, Failure) and result.stage == "list"):
            return
        if not isinstance(result, Failure) or result.stage != "read" or not is_missing(self._source.root, result.path or ""):
            self.close()
            return
        self._first = self._first or result
        self._num_missing += 1

    def log(self, failure: Failure) -> None:
        """Log a failure that was seen: now, or when it is known that not all images are missing."""
        if self._is_open and failure.stage != "list":
            self._held.append(failure)
        else:
            _log.warning("failed: %s", failure)

    def question(self) -> Text:
        """Asks whether the root is right; empty where an image was there, or none was looked for."""
        if not self._is_open or self._first is None:
            return Text()
        return question_about_root(self._source, str(self._first.path))

    def check(self, failures: List[Failure]) -> None:
        """EmptyDatasetError if so many images are missing, and none is there, that going on is of no use."""
        if not self._is_open or self._num_missing < MOST_MISSING or self._first is None:
            return
        if is_one_there(self._source):
            self.close()
            return
        name = "the list" if self._source.name is None else repr(self._source.name)
        path = str(self._first.path)
        where = os.path.join(self._source.root, path)
        what = f"not one of the first {MOST_MISSING} images of {name} is there: {path!r} was looked for at {where!r}"
        raise EmptyDatasetError(Text(what, self.question(), ". Nothing was written"), failures)

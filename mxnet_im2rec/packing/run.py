# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The loop of a run: entries go through the pool to the writer; failures are counted; now and then all is secured.

Knows neither where the entries come from nor what becomes of the files at the end.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Iterator, List, Tuple, Union

from ..dataset.journal import KeptFailure
from ..dataset.writer import RecordWriter
from ..engine.ordered import ordered_map
from ..engine.pool import Pieces
from ..errors import ErrorLimitExceeded
from ..progress import ProgressCallback
from ..values import DamagedImage, Entries, Failure, ListEntry
from .missing import MissingImages
from .settings import PackSettings
from .worker import DamagedRecord, Worker
from .workers import BYTES_IN_FLIGHT, CHUNK_ENTRIES

_log = logging.getLogger("mxnet_im2rec")


_LINES_AT_ONCE = 256


class ListDigest:
    """A digest of the entries of a list, as many of them as were added."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._lines: List[str] = []  # not hashed yet: a hash of many at once is cheaper

    def add(self, entry: Union[ListEntry, Failure]) -> None:
        if isinstance(entry, Failure):
            text = f"{entry.line}\t{entry.index}\t{entry.path}\t{entry.reason}\n"
        else:
            text = f"{entry.index}\t{entry.labels}\t{entry.path}\n"
        self._lines.append(text)
        if len(self._lines) == _LINES_AT_ONCE:
            self._update()

    def _update(self) -> None:
        self._hash.update("".join(self._lines).encode("utf-8", "surrogatepass"))
        self._lines.clear()

    def __str__(self) -> str:
        self._update()
        return self._hash.hexdigest()


class Run:
    """How far a run has come, and the work on the entries that are left."""

    def __init__(self, pool: Any, worker: Worker, settings: PackSettings, missing: MissingImages) -> None:
        self._pool, self._worker = pool, worker
        self.missing = missing
        self._error_limit = settings.error_limit
        self.failures: List[Failure] = []  # the entries that failed, in the order of the list
        self.places_of_damaged: List[Tuple[int, DamagedImage]] = []  # each with the number of entries before it
        self.num_entries = 0  # that are done
        self.digest = ListDigest()  # of these entries
        # What is lost by a crash is what is not secured yet and what is in flight.
        self._checkpoint_entries = -(-settings.batch_size // 2)
        self._in_flight = max(1, settings.batch_size - self._checkpoint_entries)

    def pack(self, writer: RecordWriter, entries: Entries, show_progress: ProgressCallback) -> None:
        """Write the records, secure them now and then, and collect the failures, up to the limit."""
        not_secured: List[KeptFailure] = []
        next_checkpoint = self.num_entries + self._checkpoint_entries
        writer.share_writing(self._pool)
        if writer.num_records:  # of a run before
            self.missing.close()
        for entry, result in self.map(entries):
            self.missing.see(result)
            if isinstance(result, Failure):
                not_secured.append(KeptFailure(self.num_entries, writer.num_records, result))
                self.fail(result)
                self.missing.check(self.failures)
            else:
                writer.write_frames(entry.index, self.look_at(result, entry, self.num_entries))
            self.take(entry)
            if self.num_entries == next_checkpoint:
                writer.checkpoint(self.num_entries, str(self.digest), not_secured, self.places_of_damaged)
                not_secured = []
                next_checkpoint += self._checkpoint_entries
            show_progress(self.num_entries, len(self.failures))

    def map(self, entries: Iterator[Any]) -> Iterator[Tuple[Any, Any]]:
        """Each entry with its record, or with a Failure, in order."""
        return ordered_map(self._pool, entries, chunk_size=CHUNK_ENTRIES, max_items=self._in_flight, max_bytes=BYTES_IN_FLIGHT)

    def take(self, entry: Union[ListEntry, Failure]) -> None:
        """Count an entry as done."""
        self.num_entries += 1
        self.digest.add(entry)

    def look_at(self, record: Pieces, entry: ListEntry, num_before: int) -> Pieces:
        """The record; if its image is damaged, take note of that."""
        if isinstance(record, DamagedRecord):
            image = DamagedImage(entry.line, entry.index, entry.path, record.damage)
            self.places_of_damaged.append((num_before, image))
            _log.warning("damaged inside, and stored all the same: %s", image)
        return record

    @property
    def damaged(self) -> Tuple[DamagedImage, ...]:
        """The images that are damaged inside, in the order of the list."""
        return tuple(image for _, image in sorted(self.places_of_damaged, key=lambda each: each[0]))

    def fail(self, failure: Failure) -> None:
        """Count a failure; ErrorLimitExceeded if it is one too many."""
        self.failures.append(failure)
        self.missing.log(failure)
        if self._error_limit is not None and len(self.failures) > self._error_limit:
            question = self.missing.question()
            self.missing.close()
            made, error = self._worker.pipeline.last_error or (None, None)
            raise ErrorLimitExceeded(self.failures, self._error_limit, question) from (error if made is failure else None)

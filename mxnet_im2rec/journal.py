# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The journal beside an unfinished dataset: who writes it, with which settings, and how far it has come.

A file of JSON lines, only ever appended to. What a line says is on the disk before the line is. Each ends with a checksum of all
up to there: a line that is cut off, by a crash while it was written, or damaged counts for nothing, nor do those behind it.
Whoever writes the dataset holds a lock on it.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import zlib
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from typing import Any, BinaryIO, Dict, List, Optional, Set, Tuple

from .errors import OutputError
from .report import Failure

if sys.platform != "win32":
    import fcntl

_FORMAT = 1
_SUM = b', "sum": '


@dataclass(frozen=True)
class Checkpoint:
    """How far an unfinished dataset has come.

    Attributes
    ----------
    entries : int
        How many entries of the list are done, as records or as failures.
    digest : str
        Of those entries.
    records : int
        How many records are written.
    rec_bytes, idx_bytes : int
        The sizes of the two partial files.
    generation : int
        Which partial files: they are made anew where a record has to go between others.
    """

    entries: int
    digest: str
    records: int
    rec_bytes: int
    idx_bytes: int
    generation: int = 0


@dataclass(frozen=True)
class KeptFailure:
    """A failure, and its place: how many entries and how many records come before it."""

    entries: int
    records: int
    failure: Failure


class Journal:
    """The journal of one output.

    Parameters
    ----------
    path : str
        The file.

    Attributes
    ----------
    settings : dict of str to str
        With what the dataset is made.
    checkpoint : Checkpoint or None
        The last one, None where there is none.
    failures : list of KeptFailure
        Up to there.
    is_publishing : bool
        Whether the dataset was whole already, and being put in place.
    """

    _held: Set[Tuple[int, str]] = set()  # by this process, which a lock of the system does not keep from itself
    _guard = threading.Lock()

    def __init__(self, path: str) -> None:
        self.path = path
        self._key = os.path.realpath(path)  # another name of the folder is no other output
        self.settings: Dict[str, str] = {}
        self.checkpoint: Optional[Checkpoint] = None
        self.failures: List[KeptFailure] = []
        self.is_publishing = False
        self._stream: Optional[BinaryIO] = None
        self._num_bytes = self._sum = 0  # of the lines that count
        self._run = ""

    def open(self) -> None:
        """Lock the file, made if there is none, and read it.

        Raises
        ------
        OutputError
            If another run holds it.
        OSError
            If it cannot be made.
        """
        with self._guard:
            if (os.getpid(), self._key) in self._held:
                raise OutputError(self._who("this process"))
            self._held.add((os.getpid(), self._key))
        try:
            while True:
                self._stream = open(self.path, "a+b", buffering=0)  # noqa: SIM115  # closed by close()
                self._lock()
                with suppress(FileNotFoundError):  # whoever had it has finished, and removed it, meanwhile
                    if os.path.samestat(os.stat(self.path), os.fstat(self._stream.fileno())):
                        break
                self._stream.close()
            self._read()
        except BaseException:
            self.close()
            raise

    def _lock(self) -> None:
        assert self._stream is not None
        if sys.platform == "win32":
            return
        try:
            fcntl.lockf(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            self._read()
            raise OutputError(self._who(self._run or "another process")) from None
        except OSError:  # a file system without locks
            return

    def _who(self, who: str) -> str:
        output = self.path[: -len(".journal.partial")]
        return f"{who} is writing {output!r} at this moment; wait until it is done, or give another output_path"

    def _read(self) -> None:
        assert self._stream is not None
        self._stream.seek(0)
        data = self._stream.read()
        self.checkpoint, self.failures, self._num_bytes, self._sum = None, [], 0, 0
        for line in data.splitlines(keepends=True):
            text, _, found = line.rpartition(_SUM)
            total = zlib.crc32(text, self._sum)
            if found != b"%d}\n" % total:  # cut off, damaged, or no journal of ours
                return
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # of another version
                return
            self._num_bytes, self._sum = self._num_bytes + len(line), total

    def _take(self, line: Dict[str, Any]) -> None:
        if "journal" in line:
            if line["journal"] != _FORMAT:
                raise ValueError(line["journal"])
            self.settings = line["settings"]
        elif "run" in line:
            self._run = f"process {line['run']} on {line['host']}"
        elif "publishing" in line:
            self.is_publishing = line["publishing"]
        else:
            failures = [KeptFailure(entries, records, Failure(*rest)) for entries, records, *rest in line["failures"]]
            self.failures = failures if line["all"] else self.failures + failures
            self.checkpoint = Checkpoint(**line["checkpoint"])

    def start(self, settings: Dict[str, str]) -> None:
        """Begin the journal of a new dataset, over what was in the file."""
        self._num_bytes = self._sum = 0
        self.settings, self.checkpoint, self.failures, self.is_publishing = settings, None, [], False
        self._append({"journal": _FORMAT, "settings": settings})
        self._append({"run": os.getpid(), "host": socket.gethostname()})

    def resume(self) -> None:
        """Go on with the journal as it is, in this process."""
        self._append({"run": os.getpid(), "host": socket.gethostname()})

    def add(self, checkpoint: Checkpoint, failures: List[KeptFailure], replace: bool = False) -> None:
        """Note a checkpoint, with the failures since the last one, or, to ``replace`` what was noted, with all."""
        rows = [(each.entries, each.records, *astuple(each.failure)[:5]) for each in failures]  # without the traceback
        self._append({"checkpoint": asdict(checkpoint), "failures": rows, "all": replace})
        self.checkpoint = checkpoint
        self.failures = failures if replace else self.failures + failures

    def mark_publishing(self, is_publishing: bool) -> None:
        self._append({"publishing": is_publishing})
        self.is_publishing = is_publishing

    def _append(self, line: Dict[str, Any]) -> None:
        assert self._stream is not None
        text = json.dumps(line)[:-1].encode("ascii")
        total = zlib.crc32(text, self._sum)
        data = text + _SUM + b"%d}\n" % total
        self._stream.truncate(self._num_bytes)  # what does not count, such as a line that was cut off
        view = memoryview(data)
        while view:  # a disk that fills up takes a part, and fails at the next
            view = view[self._stream.write(view) :]
        os.fsync(self._stream.fileno())
        self._num_bytes, self._sum = self._num_bytes + len(data), total

    def remove(self) -> None:
        """Remove the file, while it is locked."""
        with suppress(OSError):
            os.unlink(self.path)

    def read_again(self) -> None:
        """Know what the file says, after an interruption that may have come between it and this object."""
        self._read()

    def close(self) -> None:
        """Give the lock back."""
        if self._stream is not None:
            with suppress(OSError):  # a full disk: what counts was flushed
                self._stream.close()
            self._stream = None
        with self._guard:
            self._held.discard((os.getpid(), self._key))


def differences(before: Dict[str, str], now: Dict[str, str]) -> List[Tuple[str, str, str]]:
    """The settings that differ: name, what it was, what it is."""
    names = [*now, *(name for name in before if name not in now)]
    return [(name, before.get(name, "not set"), now.get(name, "not set")) for name in names if before.get(name) != now.get(name)]

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The journal beside an unfinished dataset: who writes it, with which settings, and how far it has come.

A file of JSON lines, only ever appended to. What a line says is on the disk before the line is. Each ends with a checksum of all
up to there: a line that is cut off, by a crash while it was written, or damaged counts for nothing, nor do those behind it.
A line whose checksum is right and whose fields are wrong is no accident: the journal is odd then, and no run goes on with it.
Whoever writes the dataset holds a lock on it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import socket
import stat
import threading
import zlib
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass, fields
from typing import Any, BinaryIO, Dict, List, Optional, Sequence, Set, Tuple

from ..errors import OutputError
from ..text import Argument, Text, printable
from ..values import DamagedImage, Failure

_FORMAT = 2
_KEPT_FIELDS = 5  # of a failure: all but its traceback
_SUM = b', "sum": '
_KEYS = {  # of each kind of line, by its first key
    "journal": {"journal", "settings"},
    "run": {"run", "host"},
    "publishing": {"publishing", "inodes"},
    "checkpoint": {"checkpoint", "failures", "all", "damaged"},
}
_TOKEN = re.compile("[0-9a-f]{12}")
_DIGEST = re.compile("[0-9a-f]{1,128}")


@dataclass(frozen=True)
class Checkpoint:
    """How far an unfinished dataset has come."""

    entries: int  # how many entries of the list are done, as records or as failures
    digest: str  # of those entries
    records: int  # how many records are written
    rec_bytes: int  # the sizes of the two partial files
    idx_bytes: int
    generation: int = 0  # which partial files: new ones are made where a record has to go between others


@dataclass(frozen=True)
class KeptFailure:
    """A failure, and its place: how many entries and how many records come before it."""

    entries: int
    records: int
    failure: Failure


@dataclass(frozen=True)
class Publishing:
    """How the files of a dataset that is whole are being put in place.

    Attributes
    ----------
    token : str
        Part of the names under which the files that were in place wait, so that no file of a user's has such a name.
    inodes : tuple of (int or None)
        By which the new files are known, in place or not: of the tables of failures, of classes and of sources, the .rec and the
        .idx. None where there is no new one.
    """

    token: str
    inodes: Tuple[Optional[int], ...]


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
    damaged : list of (int, DamagedImage)
        The images up to there that are damaged inside and were stored, each with the number of entries before it.
    publishing : Publishing or None
        Where the dataset was whole already, and being put in place.
    is_new : bool
        Whether there was no such file when it was opened.
    odd : str or None
        What is wrong with a line whose checksum is right; that line and those behind it do not count.
    """

    _held: Set[Tuple[int, str]] = set()  # by this process, which a lock of the system does not keep from itself
    _guard = threading.Lock()

    def __init__(self, path: str) -> None:
        self.path = path
        self._key = os.path.realpath(path)  # another name of the folder is no other output
        self.settings: Dict[str, str] = {}
        self.checkpoint: Optional[Checkpoint] = None
        self.failures: List[KeptFailure] = []
        self.damaged: List[Tuple[int, DamagedImage]] = []
        self.publishing: Optional[Publishing] = None
        self.is_new = False
        self.odd: Optional[str] = None
        self._stream: Optional[BinaryIO] = None
        self._num_bytes = self._sum = 0  # of the lines that count
        self._run = ""
        self._is_held_here = False  # by this object

    def open(self) -> None:
        """Lock the file, made if there is none, and read it.

        Raises
        ------
        OutputError
            If another run holds it, or something else has its name, such as a link.
        OSError
            If it cannot be made.
        """
        with self._guard:
            if (os.getpid(), self._key) in self._held:
                raise OutputError(self._who("this process"))
            self._held.add((os.getpid(), self._key))
            self._is_held_here = True
        try:
            while True:
                self.is_new = not os.path.lexists(self.path)
                self._stream = open(self.path, "a+b", buffering=0, opener=open_own)  # noqa: SIM115  # closed by close()
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
        try:
            fcntl.lockf(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            self._read()
            raise OutputError(self._who(self._run or "another process")) from None
        except OSError:  # a file system without locks
            return

    def _who(self, who: str) -> str:
        output = self.path[: -len(".journal.partial")]
        return Text(
            f"{who} is writing {output!r} at this moment; wait until it is done, or give another ", Argument("output_path")
        )

    def _read(self) -> None:
        assert self._stream is not None
        self._stream.seek(0)
        data = self._stream.read()
        self.checkpoint, self.failures, self.damaged, self._num_bytes, self._sum = None, [], [], 0, 0
        self.publishing = self.odd = None
        for number, line in enumerate(data.splitlines(keepends=True), 1):
            text, _, found = line.rpartition(_SUM)
            total = zlib.crc32(text, self._sum)
            if found != b"%d}\n" % total:  # cut off, damaged, or no journal of ours
                return
            try:
                self._take(_parsed(text))
            except (ValueError, RecursionError) as error:
                self.odd = f"line {number}: {error}"
                return
            self._num_bytes, self._sum = self._num_bytes + len(line), total

    def _take(self, line: Dict[str, Any]) -> None:
        """Know what a line says; ValueError if no journal says so."""
        if ("journal" in line) != (self._num_bytes == 0):
            raise ValueError("the line that begins a journal is missing, or out of place")
        if "journal" in line:
            if line["journal"] != _FORMAT:
                raise ValueError("it is of another version of this package")
            self.settings = _texts(line["settings"])
        elif "run" in line:
            if not _is_count(line["run"]) or not isinstance(line["host"], str):
                raise ValueError("the process has no valid number, or its host no name")
            self._run = f"process {line['run']} on {printable(line['host'])}"
        elif "publishing" in line:
            self.publishing = _publishing(line["publishing"], line["inodes"])
        else:
            checkpoint, failures = _checkpoint(line["checkpoint"]), _kept_failures(line["failures"])
            if line["all"] is not True and line["all"] is not False:
                raise ValueError("'all' is neither true nor false")
            _check_order(self.checkpoint, checkpoint, failures, line["all"])
            self.failures = failures if line["all"] else self.failures + failures
            _check_failures(checkpoint, self.failures)
            self.damaged = self.damaged + _damaged(line["damaged"], checkpoint)
            self.checkpoint = checkpoint

    def start(self, settings: Dict[str, str]) -> None:
        """Begin the journal of a new dataset, over what was in the file."""
        self._num_bytes = self._sum = 0
        self.settings, self.checkpoint, self.failures, self.damaged = settings, None, [], []
        self.publishing = self.odd = None
        self._append({"journal": _FORMAT, "settings": settings})
        self._append({"run": os.getpid(), "host": socket.gethostname()})

    def resume(self) -> None:
        """Go on with the journal as it is, in this process."""
        self._append({"run": os.getpid(), "host": socket.gethostname()})

    def add(
        self,
        checkpoint: Checkpoint,
        failures: List[KeptFailure],
        replace: bool = False,
        damaged: Sequence[Tuple[int, DamagedImage]] = (),
    ) -> None:
        """Note a checkpoint, with the failures since the last one, or, to ``replace`` what was noted, with all. Of the damaged
        images all are given, those noted before first."""
        new = list(damaged[len(self.damaged) :])
        rows = [(each.entries, each.records, *astuple(each.failure)[:_KEPT_FIELDS]) for each in failures]
        line = {"checkpoint": asdict(checkpoint), "failures": rows, "all": replace}
        self._append({**line, "damaged": [(entries, *astuple(image)) for entries, image in new]})
        self.checkpoint = checkpoint
        self.failures = failures if replace else self.failures + failures
        self.damaged = self.damaged + new

    def mark_publishing(self, publishing: Optional[Publishing]) -> None:
        """Note that files are about to be put in place, or, by None, that none are under way any more."""
        token, inodes = (None, []) if publishing is None else (publishing.token, list(publishing.inodes))
        self._append({"publishing": token, "inodes": inodes})
        self.publishing = publishing

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
            if self._is_held_here:  # else it is another object's
                self._held.discard((os.getpid(), self._key))
                self._is_held_here = False


def open_own(path: str, flags: int) -> int:
    """Open a file of this package's own, made if the flags say so: never what a link leads to, and nothing but a regular file.

    Raises
    ------
    OutputError
        If the name is a link, or something else that this package does not make.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EMLINK, errno.ENXIO):  # a symbolic link (EMLINK on BSD), a socket
            raise
    else:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_nlink < 2:
            return descriptor
        os.close(descriptor)
    raise OutputError(f"{path!r} is a link, a pipe or a device, which this package does not make there; remove it") from None


def _parsed(text: bytes) -> Dict[str, Any]:
    """A line without its checksum."""
    line = json.loads(text + b"}")
    kind = next(iter(line), None) if isinstance(line, dict) else None
    if kind is None or line.keys() != _KEYS.get(kind):
        raise ValueError("its fields are not those of a journal")
    return line


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _texts(value: Any) -> Dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError("the settings are not valid")
    return value


def _publishing(token: Any, inodes: Any) -> Optional[Publishing]:
    if token is None and inodes == []:
        return None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise ValueError("the names of the files that were in place are not valid")
    if not isinstance(inodes, list) or len(inodes) != 5 or not all(each is None or type(each) is int for each in inodes):
        raise ValueError("the files to put in place are not valid")
    return Publishing(token, tuple(inodes))


def _checkpoint(value: Any) -> Checkpoint:
    if not isinstance(value, dict) or value.keys() != {each.name for each in fields(Checkpoint)}:
        raise ValueError("the fields of the checkpoint are not valid")
    digest = value["digest"]
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ValueError("the digest of the entries is not valid")
    if not all(_is_count(each) for name, each in value.items() if name != "digest"):
        raise ValueError("a number of the checkpoint is not valid")
    found = Checkpoint(**value)
    if found.rec_bytes % 4 or found.rec_bytes < 8 * found.records or found.idx_bytes < 4 * found.records:
        raise ValueError("the sizes do not fit the number of records")
    if not found.records and (found.rec_bytes or found.idx_bytes):
        raise ValueError("there are bytes without a record")
    return found


def _kept_failures(rows: Any) -> List[KeptFailure]:
    found = []
    for row in rows if isinstance(rows, list) else [None]:
        if not isinstance(row, list) or len(row) != 2 + _KEPT_FIELDS or not all(map(_is_count, row[:2])):
            raise ValueError("a failure is not valid")
        entries, records, line, index, path, stage, reason = row
        is_right = (line is None or type(line) is int) and (index is None or type(index) is int)
        is_right = is_right and isinstance(stage, str) and isinstance(reason, str)
        if not is_right or not (path is None or isinstance(path, str)):
            raise ValueError("a field of a failure has another type")
        found.append(KeptFailure(entries, records, Failure(line, index, path, stage, reason)))
    return found


def _damaged(rows: Any, checkpoint: Checkpoint) -> List[Tuple[int, DamagedImage]]:
    """The damaged images of a line; ValueError if a field cannot be what it says."""
    found = []
    for row in rows if isinstance(rows, list) else [None]:
        if not isinstance(row, list) or len(row) != 1 + len(fields(DamagedImage)) or not _is_count(row[0]):
            raise ValueError("a damaged image is not valid")
        entries, line, index, path, reason = row
        is_right = (line is None or type(line) is int) and type(index) is int
        if not is_right or not isinstance(path, str) or not isinstance(reason, str) or entries >= checkpoint.entries:
            raise ValueError("a field of a damaged image has another type, or its place does not exist")
        found.append((entries, DamagedImage(line, index, path, reason)))
    return found


def _check_order(before: Optional[Checkpoint], now: Checkpoint, failures: Sequence[KeptFailure], is_all: bool) -> None:
    """ValueError if one checkpoint cannot follow the other."""
    if before is None:
        if is_all or now.generation:
            raise ValueError("the first checkpoint follows another one")
    elif is_all:  # entries that had failed were put in their place
        if (now.entries, now.digest, now.generation) != (before.entries, before.digest, before.generation + 1):
            raise ValueError("the checkpoint is of other entries than the one before")
        if not before.records < now.records:
            raise ValueError("the checkpoint has no more records than the one before")
    else:
        if now.generation != before.generation or not before.entries < now.entries:
            raise ValueError("the checkpoint does not go on from the one before")
        if now.records < before.records or now.rec_bytes < before.rec_bytes or now.idx_bytes < before.idx_bytes:
            raise ValueError("the checkpoint holds less than the one before")
        if failures and failures[0].entries < before.entries:
            raise ValueError("a failure has the place of an entry that was done before")


def _check_failures(checkpoint: Checkpoint, failures: Sequence[KeptFailure]) -> None:
    """ValueError unless every entry up to the checkpoint is a record or a failure, each failure in a place that there is."""
    if checkpoint.entries != checkpoint.records + len(failures):
        raise ValueError("records and failures are not as many as the entries")
    records = 0
    for number, each in enumerate(failures):
        if each.entries != each.records + number or not records <= each.records <= checkpoint.records:
            raise ValueError("a failure has a place that does not exist")
        records = each.records


def differences(before: Dict[str, str], now: Dict[str, str]) -> List[Tuple[str, str, str]]:
    """The settings that differ: name, what it was, what it is."""
    names = [*now, *(name for name in before if name not in now)]
    return [(name, before.get(name, "not set"), now.get(name, "not set")) for name in names if before.get(name) != now.get(name)]

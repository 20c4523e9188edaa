# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Publishes a .rec, its .idx and the table of what failed: all appear whole, or none does and what was there before stands.

Records go through MXNet's own MXIndexedRecordIO, into partial files beside the output, or, where loading MXNet would be a
good part of the run, through one that does the same without it. What is secured by a checkpoint outlives a crash, and a later
writer goes on from there; MXNet's cannot append, so that one never is. Knows nothing of images.
"""

from __future__ import annotations

import ctypes
import errno
import glob
import logging
import os
import sys
from contextlib import ExitStack, suppress
from typing import Any, BinaryIO, Callable, Dict, Iterable, List, Optional, Sequence, TextIO, Tuple, Type, Union

from ..errors import OutputError, ResumeError
from ..mxnet_compat import explain, flush_c_streams, import_mxnet
from ..recordio.frames import frame, framed_size
from ..text import Argument, Text, printable
from ..values import DamagedImage
from .journal import Checkpoint, Journal, KeptFailure, differences, open_own
from .publish import Publication, fsync_folder, fsync_path

_log = logging.getLogger("mxnet_im2rec")

_PIECES_AT_ONCE = 1024  # what writev takes (IOV_MAX, limits.h)
_WRITE_BACK_BYTES = 32 << 20  # how often the system is told to begin writing to the disk
_SYNC_FILE_RANGE_WRITE = 2  # fcntl.h
_NO_POSITION = 2**64 - 1  # what ftell's -1 is to MXNet
_COPY_BYTES, _READ_BYTES = 1 << 30, 8 << 20  # at once, of records that are copied


def _find_sync_file_range() -> Any:
    """Linux's sync_file_range(2), which Python does not have; None elsewhere."""
    function = getattr(ctypes.CDLL(None), "sync_file_range", None) if sys.platform == "linux" else None
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function


_sync_file_range = _find_sync_file_range()


class _PlainRecordIO:
    """Writes the records that MXIndexedRecordIO writes, byte for byte. An error of the disk is raised where it occurs.

    It can also go on with files that are there, and take over records from another file as they are.
    """

    def __init__(self, rec: BinaryIO, fidx: TextIO) -> None:
        self._rec: Any = rec
        self.fidx = fidx
        self._position = self._rec.seek(0, os.SEEK_END)

    def tell(self) -> int:
        return self._rec.tell()

    def write(self, buf: bytes) -> int:
        """Append a record; gives how many bytes it takes."""
        pieces = frame(buf)
        size = sum(map(len, pieces))
        if os.writev(self._rec.fileno(), pieces[:_PIECES_AT_ONCE]) != size:
            self._rec.truncate(self._position)  # a disk that is almost full, or very many pieces: piece by piece, to the error
            self._rec.seek(self._position)
            self._rec_write_all(b"".join(pieces))
        self._position += size
        return size

    def _rec_write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._rec.write(view) :]

    def copy(self, source: int, start: int, end: int) -> None:
        """Append a range of a file, by its descriptor, inside the kernel where that can be done."""
        while start < end:
            size = min(end - start, _COPY_BYTES)
            copied = _copy_in_kernel(source, self._rec.fileno(), start, size)
            if not copied:
                data = os.pread(source, min(size, _READ_BYTES), start)
                if not data:
                    raise OSError(f"a file that records are copied from has become shorter: it ends at byte {start:,}")
                self._rec_write_all(data)
                copied = len(data)
            start += copied
            self._position += copied

    def close(self) -> None:
        self._rec.close()
        self.fidx.close()


def _copy_in_kernel(source: int, target: int, start: int, size: int) -> int:
    """How many bytes were copied to the target's position; 0 where the kernel or the file systems cannot."""
    if not hasattr(os, "copy_file_range"):
        return 0
    try:
        return os.copy_file_range(source, target, size, start)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EPERM):
            return 0
        raise


def _mxnet_record_io(rec: BinaryIO, fidx: TextIO) -> Any:
    """An MXIndexedRecordIO on files that are open, as MXNet opens names only; it does not keep every key and offset in memory."""
    recordio: Any = import_mxnet().recordio

    class StreamingRecordIO(recordio.MXIndexedRecordIO):
        def write(self, buf: bytes) -> int:
            super().write(buf)
            return framed_size(buf)

    with rec, fidx:
        return StreamingRecordIO(_name_of(fidx), _name_of(rec), "w")


def _name_of(stream: Any) -> str:
    """A name of an open file that no one can put another one under, where the system has such names."""
    name = f"/proc/self/fd/{stream.fileno()}"
    return name if os.path.exists(name) else stream.name


class RecordWriter:
    """Writes records, and publishes them when it is left without an exception.

    Only one at a time may write an output. When it is left with an exception, what a checkpoint has secured is kept in partial
    files beside the output, for a later writer to go on with; without a checkpoint nothing is left behind.

    No file is ever opened through a link that lies under one of the names: partial files are made, and what is there is removed.

    Parameters
    ----------
    rec_path, idx_path : str
        The files to appear. Those that are there are replaced at the end.
    through_mxnet : bool
        Whether to write through MXNet's own MXIndexedRecordIO. The bytes are the same.
    settings : dict of str to str
        What the records depend on.
    resume : bool
        Go on with what an earlier writer, with the same settings, has left behind, if it has.

    Raises
    ------
    OutputError
        If another run writes this output, or a file cannot be made or written whole (a full disk, a read-only folder).
    ResumeError
        If what is there was made with other settings, or its journal says what cannot be.

    Examples
    --------
    >>> with RecordWriter('/tmp/a.rec', '/tmp/a.idx') as writer:  # doctest: +SKIP
    ...     writer.write(0, header + image)
    """

    def __init__(
        self,
        rec_path: str,
        idx_path: str,
        through_mxnet: bool = True,
        settings: Optional[Dict[str, str]] = None,
        resume: bool = False,
    ) -> None:
        self.check: Optional[Callable[[str, str], None]] = None
        """Called with the paths of the partial .rec and .idx when both are whole; if it raises, they are not put in place."""
        self.rec_path, self.idx_path = rec_path, idx_path
        self.num_bytes = 0
        self.num_records = 0
        self._open = _mxnet_record_io if through_mxnet else _PlainRecordIO
        self._errors: Tuple[Type[BaseException], ...] = (OSError, import_mxnet().MXNetError) if through_mxnet else (OSError,)
        self._settings = settings or {}
        self._resume = resume
        self._record: Any = None
        self._rec_bytes = self._idx_bytes = 0  # that were written
        self._written_back = 0
        self._generation = 0
        self._may_be_kept = True
        self._journal = Journal(rec_path + ".journal.partial")
        self._publication = Publication(rec_path, idx_path, self._journal)

    @property
    def table(self) -> Optional[str]:
        """The table of failures that is published with the dataset, as text; empty for none, None to leave what is there."""
        return self._publication.table

    @table.setter
    def table(self, text: Optional[str]) -> None:
        self._publication.table = text

    @property
    def kept(self) -> Optional[Checkpoint]:
        """How far the dataset has come for good; None where nothing is secured."""
        return self._journal.checkpoint

    @property
    def kept_failures(self) -> List[KeptFailure]:
        """The failures up to there."""
        return self._journal.failures

    @property
    def kept_damaged(self) -> List[Tuple[int, DamagedImage]]:
        """The damaged images up to there, each with the number of entries before it."""
        return self._journal.damaged

    @property
    def partial_paths(self) -> Tuple[str, str]:
        """Where the .rec and the .idx are until they are published."""
        number = f".{self._generation}" if self._generation else ""
        return f"{self.rec_path}{number}.partial", f"{self.idx_path}{number}.partial"

    def __enter__(self) -> RecordWriter:
        is_ours = False
        try:
            self._journal.open()
            is_ours = True
            self._publication.check_names()
            if self._resume and self._journal.odd is not None:
                raise ResumeError(
                    f"the journal {self._journal.path!r} says what cannot be ({self._journal.odd}). Begin anew, without resume"
                )
            self._generation = self.kept.generation if self.kept is not None else 0
            may_go_on = self._resume and self.kept is not None
            if may_go_on:
                self._refuse_other_settings()
            self._publication.undo(*self.partial_paths, always=may_go_on)
            if not (may_go_on and self._go_on()):
                self._begin()
        except BaseException as error:
            if is_ours:
                self._leave(keep=True)
            else:
                self._journal.close()
            if isinstance(error, OutputError) or not isinstance(error, self._errors):
                raise
            raise self._error("write to", error) from error
        return self

    def _begin(self) -> None:
        if self.kept is not None:
            _log.warning("%s records that an interrupted run has left are given up: %r", f"{self.kept.records:,}", self.rec_path)
        self._journal.start(self._settings)
        self._generation = 0
        self._remove_partial()
        self._record = self._open(*self._make_partial())

    def _make_partial(self) -> Tuple[BinaryIO, TextIO]:
        """New partial files of this generation."""
        rec, idx = self.partial_paths
        with ExitStack() as stack:
            streams = (
                stack.enter_context(open(rec, "xb", buffering=0)),
                stack.enter_context(open(idx, "x", encoding="ascii", newline="\n")),
            )
            stack.pop_all()
        return streams

    def _go_on(self) -> bool:
        """Open what an earlier writer has left, as far as it is secured; False if there is nothing."""
        kept = self.kept
        paths = self.partial_paths
        if kept is None or not all(map(os.path.lexists, paths)):
            return False
        with ExitStack() as stack:
            rec = stack.enter_context(open(paths[0], "r+b", buffering=0, opener=open_own))
            idx = stack.enter_context(open(paths[1], "r+", encoding="ascii", newline="\n", opener=open_own))
            for stream, size in ((rec, kept.rec_bytes), (idx, kept.idx_bytes)):
                found = os.fstat(stream.fileno()).st_size
                if found < size:
                    what = f"{stream.name!r} holds {found:,} bytes, {size:,} were secured; it was changed since. "
                    raise ResumeError(Text(what, "Begin anew, without ", Argument("resume")))
            if kept.idx_bytes and os.pread(idx.fileno(), 1, kept.idx_bytes - 1) != b"\n":
                what = f"{idx.name!r} or its journal is damaged: no line ends at byte {kept.idx_bytes:,}, up to which it was "
                raise ResumeError(Text(what, "secured. Begin anew, without ", Argument("resume")))
            for stream, size in ((rec, kept.rec_bytes), (idx, kept.idx_bytes)):
                os.ftruncate(stream.fileno(), size)
            idx.seek(0, os.SEEK_END)
            self._journal.resume()
            stack.pop_all()
        self._record = _PlainRecordIO(rec, idx)
        self._rec_bytes, self._idx_bytes = kept.rec_bytes, kept.idx_bytes
        self.num_records = kept.records
        return True

    def _refuse_other_settings(self) -> None:
        different = differences(self._journal.settings, self._settings)
        if different:
            what = [Text(Argument(name), f" was {before}, is {now}; ") for name, before, now in different]
            advice = Text("make them as they were, or begin anew, without ", Argument("resume"))
            raise ResumeError(printable(Text(f"{self.rec_path!r} was begun with other settings: ", *what, advice)))

    def write(self, index: int, record: bytes) -> None:
        """Append one record under its index."""
        try:
            self._note(index, self._rec_bytes)
            self._rec_bytes += self._record.write(record)
            self._check_position()
            if self._rec_bytes - self._written_back > _WRITE_BACK_BYTES:
                self._write_back()
        except self._errors as error:
            raise self._error("write", error) from error

    def _note(self, index: int, offset: int) -> None:
        """A record's line of the .idx."""
        self._idx_bytes += self._record.fidx.write(f"{index}\t{offset}\n")
        self.num_records += 1

    def _check_position(self) -> None:
        """See that the file's position is behind the frames that were written: every offset in the .idx depends on it."""
        position = self._record.tell()
        if position != self._rec_bytes:
            found = "cannot be told (lseek failed)" if position == _NO_POSITION else f"is {position:,}"
            raise OutputError(
                f"the position in {self.partial_paths[0]!r} {found}, the records that were written end at {self._rec_bytes:,}; "
                f"another process has written to the file, or the disk has failed. Run it again"
            )

    def copy(self, rec_path: Union[str, int], start: int, end: int, keys: Iterable[Tuple[int, int]]) -> None:
        """Append records of another .rec as they are; ``keys`` are their indices with their offsets there.

        The .rec is a path, or a descriptor, which is closed.

        Not for a writer that goes through MXNet.
        """
        shift = self._rec_bytes - start
        try:
            with open(rec_path, "rb") as source:
                self._record.copy(source.fileno(), start, end)
            self._rec_bytes += end - start
            for key, offset in keys:
                self._note(key, offset + shift)
        except self._errors as error:
            raise self._error("write", error) from error

    def checkpoint(
        self, entries: int, digest: str, failures: List[KeptFailure], damaged: Sequence[Tuple[int, DamagedImage]] = ()
    ) -> None:
        """Secure what is written: a writer that goes on later has it.

        Parameters
        ----------
        entries : int
            How many entries of the list are done.
        digest : str
            Of those entries.
        failures : list of KeptFailure
            Those since the last checkpoint.
        damaged : sequence of (int, DamagedImage)
            All images that are damaged inside, in the order in which they were found.
        """
        try:
            self._add_checkpoint(entries, digest, failures, damaged, replace=False)
        except self._errors as error:
            raise self._error("write", error) from error

    def _add_checkpoint(
        self,
        entries: int,
        digest: str,
        failures: List[KeptFailure],
        damaged: Sequence[Tuple[int, DamagedImage]],
        replace: bool,
    ) -> None:
        self._check_position()
        flush_c_streams()  # where MXNet has its records until then
        self._record.fidx.flush()
        self._secure()
        if self.kept is None or self.kept.generation != self._generation:
            fsync_folder(self.rec_path)
        checkpoint = Checkpoint(entries, digest, self.num_records, self._rec_bytes, self._idx_bytes, self._generation)
        self._journal.add(checkpoint, failures, replace, damaged)

    def mend(self, results: Iterable[Tuple[KeptFailure, Any]], damaged: Sequence[Tuple[int, DamagedImage]] = ()) -> None:
        """Put records among those that are kept, each in the place where it failed before.

        Parameters
        ----------
        results : iterable of (KeptFailure, Failure or (int, bytes))
            For each of the kept failures, in order, what became of it: a Failure again, or its index and its record.
        damaged : sequence of (int, DamagedImage)
            All images that are damaged inside; it may grow while the results are taken.
        """
        kept = self.kept
        assert kept is not None
        old_rec, old_idx = self.partial_paths
        try:
            self._record.close()
            self._remove_partial(except_for=self._generation)  # of an earlier attempt
            self._generation += 1
            self._record = _PlainRecordIO(*self._make_partial())
            self._rec_bytes = self._idx_bytes = self.num_records = 0
            failures = []
            self._written_back = 0
            with open(old_idx, encoding="ascii") as lines:
                keys = ((int(key), int(offset)) for key, offset in map(str.split, lines))
                following = next(keys, None)
                num_taken = num_mended = start = 0

                def take_over(until: int) -> None:
                    nonlocal following, num_taken, start
                    taken = []
                    while num_taken < until:
                        assert following is not None
                        taken.append(following)
                        following = next(keys, None)
                        num_taken += 1
                    end = kept.rec_bytes if following is None else following[1]
                    self.copy(old_rec, start, end, taken)
                    start = end

                for failure, result in results:
                    if isinstance(result, tuple):
                        take_over(failure.records)
                        self.write(*result)
                        num_mended += 1
                    else:
                        failures.append(KeptFailure(failure.entries, failure.records + num_mended, result))
                take_over(kept.records)
            self._add_checkpoint(kept.entries, kept.digest, failures, damaged, replace=True)
            self._remove_partial(except_for=self._generation)
        except self._errors as error:
            raise self._error("write", error) from error

    def forget(self) -> None:
        """What is written is of no use to a later writer."""
        self._may_be_kept = False

    def _write_back(self) -> None:
        """Have the system begin to write to the disk what it has of the .rec, so that little is left to wait for at the end."""
        start, self._written_back = self._written_back, self._rec_bytes
        if _sync_file_range is not None:
            descriptor = os.open(self.partial_paths[0], os.O_RDONLY)
            _sync_file_range(descriptor, start, self._written_back - start, _SYNC_FILE_RANGE_WRITE)
            os.close(descriptor)

    def __exit__(self, kind: Any, *exception: Any) -> None:
        keep = True
        try:
            if kind is None:
                self._finish()
                if self.check is not None:
                    self.check(*self.partial_paths)
                self._publish()
                keep = False
        finally:
            if self._leave(keep):
                assert self.kept is not None
                kept = Text("%s records are kept beside %r; ", Argument("resume", True), " goes on from there")
                _log.warning(kept, f"{self.kept.records:,}", self.rec_path)

    def _leave(self, keep: bool) -> bool:
        """Close all files, and remove those that no one goes on with; gives whether there are any left."""
        if self._record is not None:
            # MXNet's close() closes the .idx only if closing the .rec went well.
            with suppress(*self._errors):  # whatever counts was checked in _secure
                self._record.close()
            with suppress(OSError):
                self._record.fidx.close()
        with suppress(OSError):
            self._journal.read_again()
        if keep and self._journal.odd is not None:  # it was refused, or not looked at yet; whoever begins anew clears up
            self._journal.close()
            return False
        kept = self.kept
        is_kept = keep and self._may_be_kept and kept is not None and kept.records > 0
        if is_kept and kept is not None:
            self._remove_partial(except_for=kept.generation)
        else:
            self._remove_partial()
            self._journal.remove()
        self._journal.close()
        return is_kept

    def _finish(self) -> None:
        """Close both files and make sure that they hold what was written: MXNet does not check its last flush."""
        try:
            self._check_position()
            self.num_bytes = self._rec_bytes
            self._record.fidx.flush()
            self._record.close()
            self._secure()
        except self._errors as error:
            raise self._error("write", error) from error

    def _secure(self) -> None:
        """See that both partial files hold what was written, and are on the disk."""
        for path, expected in zip(self.partial_paths, (self._rec_bytes, self._idx_bytes)):
            found = os.path.getsize(path)
            if found > expected:
                raise OutputError(f"{expected:,} bytes were written to {path!r}, it holds {found:,}: another process wrote to it")
            if found != expected:
                raise OSError(f"{expected:,} bytes were written to {path!r}, it holds {found:,}")
            fsync_path(path)

    def _publish(self) -> None:
        self._publication.publish(*self.partial_paths)

    def _remove_partial(self, except_for: Optional[int] = None) -> None:
        """Remove partial files, of every generation or of every other; the table's has none."""
        self._publication.remove_partial()
        number = f".{except_for}" if except_for else ""
        for path in (self.rec_path, self.idx_path):
            left = None if except_for is None else f"{path}{number}.partial"
            numbered = [each for each in glob.glob(glob.escape(path) + ".*.partial") if each[len(path) + 1 : -8].isdigit()]
            for each in [path + ".partial", *numbered]:
                if each != left:
                    with suppress(OSError):  # there is none, or it cannot be removed: then what made us stop is what to tell
                        os.unlink(each)

    def _error(self, what: str, error: BaseException) -> OutputError:
        if isinstance(error, OutputError):
            return error
        hint = ", is the disk full?" if what == "write" else ":"
        return OutputError(f"cannot {what} {self.rec_path!r}{hint} {explain(error)}")

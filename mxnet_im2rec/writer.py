# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Publishes a .rec and its .idx: both appear whole, or neither does and what was there before stands.

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
from contextlib import suppress
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple, Type, Union

from .errors import OutputError, ResumeError
from .framing import frame
from .journal import Checkpoint, Journal, KeptFailure, differences
from .mxnet_compat import explain, import_mxnet

_log = logging.getLogger("mxnet_im2rec")

_PIECES_AT_ONCE = 1024  # what writev takes (IOV_MAX, limits.h)
_WRITE_BACK_BYTES = 32 << 20  # how often the system is told to begin writing to the disk
_SYNC_FILE_RANGE_WRITE = 2  # fcntl.h
_BACKUP = ".previous"  # the end of what the files in place are called while new ones take their place
_COPY_BYTES, _READ_BYTES = 1 << 30, 8 << 20  # at once, of records that are copied


def _find_sync_file_range() -> Any:
    """Linux's sync_file_range(2), which Python does not have; None elsewhere."""
    function = getattr(ctypes.CDLL(None), "sync_file_range", None) if sys.platform == "linux" else None
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function


_sync_file_range = _find_sync_file_range()


class _PlainRecordIO:
    """Writes what MXIndexedRecordIO writes, byte for byte, with its methods. An error of the disk is raised where it occurs.

    It can also go on with files that are there, and take over records from another file as they are.
    """

    def __init__(self, idx_path: str, rec_path: str, mode: str = "w") -> None:  # mode "a" appends
        self._rec: Any = open(rec_path, "wb" if mode == "w" else "r+b", buffering=0)  # noqa: SIM115  # closed by close()
        self.fidx = open(idx_path, mode, encoding="ascii")  # noqa: SIM115
        self._position = self._rec.seek(0, os.SEEK_END)

    def tell(self) -> int:
        return self._position

    def write_idx(self, idx: int, buf: bytes) -> None:
        pieces = frame(buf)
        self.fidx.write(f"{idx}\t{self._position}\n")
        size = sum(map(len, pieces))
        if os.writev(self._rec.fileno(), pieces[:_PIECES_AT_ONCE]) != size:
            self._rec.truncate(self._position)  # a disk that is almost full, or very many pieces: piece by piece, to the error
            self._rec.seek(self._position)
            self._rec_write_all(b"".join(pieces))
        self._position += size

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


def _mxnet_record_io(idx_path: str, rec_path: str) -> Any:
    """An MXIndexedRecordIO that does not keep every key and offset in memory."""
    recordio: Any = import_mxnet().recordio

    class StreamingRecordIO(recordio.MXIndexedRecordIO):
        def write_idx(self, idx: int, buf: bytes) -> None:
            position = self.tell()
            self.write(buf)
            self.fidx.write(f"{idx}\t{position}\n")

    return StreamingRecordIO(idx_path, rec_path, "w")


class RecordWriter:
    """Writes records, and publishes them when it is left without an exception.

    Only one at a time may write an output. When it is left with an exception, what a checkpoint has secured is kept in partial
    files beside the output, for a later writer to go on with; without a checkpoint nothing is left behind.

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
        If what is there was made with other settings.

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
        self._written_back = 0
        self._generation = 0
        self._may_be_kept = True
        self._journal = Journal(rec_path + ".journal.partial")

    @property
    def kept(self) -> Optional[Checkpoint]:
        """How far the dataset has come for good; None where nothing is secured."""
        return self._journal.checkpoint

    @property
    def kept_failures(self) -> List[KeptFailure]:
        """The failures up to there."""
        return self._journal.failures

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
            self._generation = self.kept.generation if self.kept is not None else 0
            may_go_on = self._resume and self.kept is not None
            if may_go_on:
                self._refuse_other_settings()
            if self._journal.is_publishing:
                self._undo_publishing(always=may_go_on)
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
        rec, idx = self.partial_paths
        self._record = self._open(idx, rec)

    def _go_on(self) -> bool:
        """Open what an earlier writer has left, as far as it is secured; False if there is nothing."""
        kept = self.kept
        paths = self.partial_paths
        if kept is None or not all(map(os.path.exists, paths)):
            return False
        for path, size in zip(paths, (kept.rec_bytes, kept.idx_bytes)):
            if os.path.getsize(path) < size:
                found = f"{os.path.getsize(path):,}"
                raise ResumeError(
                    f"{path!r} holds {found} bytes, {size:,} were secured; it was changed since. Begin anew, without resume"
                )
        for path, size in zip(paths, (kept.rec_bytes, kept.idx_bytes)):
            os.truncate(path, size)
        self._journal.resume()
        self._record = _PlainRecordIO(paths[1], paths[0], "a")
        self.num_records = kept.records
        return True

    def _refuse_other_settings(self) -> None:
        different = differences(self._journal.settings, self._settings)
        if different:
            what = "; ".join(f"{name} was {before}, is {now}" for name, before, now in different)
            advice = "Make them as they were, or begin anew, without resume"
            raise ResumeError(f"{self.rec_path!r} was begun with other settings: {what}. {advice}")

    def write(self, index: int, record: bytes) -> None:
        """Append one record under its index."""
        try:
            self._record.write_idx(index, record)
            if self._record.tell() - self._written_back > _WRITE_BACK_BYTES:
                self._write_back()
        except self._errors as error:
            raise self._error("write", error) from error
        self.num_records += 1

    def copy(self, rec_path: Union[str, int], start: int, end: int, keys: Iterable[Tuple[int, int]]) -> None:
        """Append records of another .rec as they are; ``keys`` are their indices with their offsets there.

        The .rec is a path, or a descriptor, which is closed.

        Not for a writer that goes through MXNet.
        """
        shift = self._record.tell() - start
        try:
            with open(rec_path, "rb") as source:
                self._record.copy(source.fileno(), start, end)
            for key, offset in keys:
                self._record.fidx.write(f"{key}\t{offset + shift}\n")
                self.num_records += 1
        except self._errors as error:
            raise self._error("write", error) from error

    def checkpoint(self, entries: int, digest: str, failures: List[KeptFailure]) -> None:
        """Secure what is written: a writer that goes on later has it.

        Parameters
        ----------
        entries : int
            How many entries of the list are done.
        digest : str
            Of those entries.
        failures : list of KeptFailure
            Those since the last checkpoint.
        """
        try:
            self._add_checkpoint(entries, digest, failures, replace=False)
        except self._errors as error:
            raise self._error("write", error) from error

    def _add_checkpoint(self, entries: int, digest: str, failures: List[KeptFailure], replace: bool) -> None:
        rec_bytes = self._record.tell()
        _flush_c_streams()  # where MXNet has its records until then
        self._record.fidx.flush()
        idx_bytes = self._record.fidx.tell()
        self._secure(rec_bytes, idx_bytes)
        if self.kept is None or self.kept.generation != self._generation:
            _fsync_folder(self.rec_path)
        self._journal.add(
            Checkpoint(entries, digest, self.num_records, rec_bytes, idx_bytes, self._generation), failures, replace
        )

    def mend(self, results: Iterable[Tuple[KeptFailure, Any]]) -> None:
        """Put records among those that are kept, each in the place where it failed before.

        Parameters
        ----------
        results : iterable of (KeptFailure, Failure or (int, bytes))
            For each of the kept failures, in order, what became of it: a Failure again, or its index and its record.
        """
        kept = self.kept
        assert kept is not None
        old_rec, old_idx = self.partial_paths
        try:
            self._record.close()
            self._generation += 1
            rec, idx = self.partial_paths
            self._record = _PlainRecordIO(idx, rec)
            self.num_records = 0
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
            self._add_checkpoint(kept.entries, kept.digest, failures, replace=True)
            self._remove_partial(except_for=self._generation)
        except self._errors as error:
            raise self._error("write", error) from error

    def forget(self) -> None:
        """What is written is of no use to a later writer."""
        self._may_be_kept = False

    def _write_back(self) -> None:
        """Have the system begin to write to the disk what it has of the .rec, so that little is left to wait for at the end."""
        start, self._written_back = self._written_back, self._record.tell()
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
                _log.warning(
                    "%s records are kept beside %r; resume=True goes on from there", f"{self.kept.records:,}", self.rec_path
                )

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
            self.num_bytes = self._record.tell()
            self._record.fidx.flush()
            idx_bytes = self._record.fidx.tell()
            self._record.close()
            self._secure(self.num_bytes, idx_bytes)
        except self._errors as error:
            raise self._error("write", error) from error

    def _secure(self, rec_bytes: int, idx_bytes: int) -> None:
        """See that both partial files hold what was written, and are on the disk."""
        for path, expected in zip(self.partial_paths, (rec_bytes, idx_bytes)):
            found = os.path.getsize(path)
            if found != expected:
                raise OSError(f"{expected:,} bytes were written to {path!r}, it holds {found:,}")
            _fsync(path)

    def _publish(self) -> None:
        """Put both files in place, or leave both old ones there. The .idx goes first and comes last: a .rec without one is
        refused by every reader, while one with a wrong .idx makes MXNet crash."""
        partial_rec, partial_idx = self.partial_paths
        try:
            self._journal.mark_publishing(True)
            for path in (self.idx_path, self.rec_path):
                if os.path.lexists(path):
                    os.rename(path, path + _BACKUP)
            os.rename(partial_rec, self.rec_path)
            os.rename(partial_idx, self.idx_path)
        except BaseException as error:
            self._undo_publishing(always=True)
            if isinstance(error, OSError):
                raise OutputError(f"cannot put {self.rec_path!r} in place: {error}") from error
            raise
        _fsync_folder(self.rec_path)
        self._remove_backups()

    def _undo_publishing(self, always: bool) -> None:
        """Make it as it was before the first file was put in place; also after a crash in the midst of it.

        Not ``always`` is for a crash: where all was in place already it stays.
        """
        partials = self.partial_paths
        if always or any(map(os.path.lexists, partials)):
            for partial, path in zip(partials, (self.rec_path, self.idx_path)):
                if not os.path.lexists(partial) and os.path.lexists(path):
                    os.rename(path, partial)
            for path in (self.rec_path, self.idx_path):
                if os.path.lexists(path + _BACKUP):
                    os.rename(path + _BACKUP, path)
        else:
            self._remove_backups()
        with suppress(OSError):  # a full disk; it is undone all the same, and can be once more
            self._journal.mark_publishing(False)

    def _remove_backups(self) -> None:
        for path in (self.rec_path, self.idx_path):
            with suppress(OSError):
                os.unlink(path + _BACKUP)

    def _remove_partial(self, except_for: Optional[int] = None) -> None:
        """Remove partial files, of every generation or of every other."""
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


def _flush_c_streams() -> None:
    """Have the C library write out what it has buffered for any stream: MXNet's writer has no flush of its own."""
    ctypes.CDLL(None).fflush(None)  # whether it could, the sizes tell


def _fsync_folder(path: str) -> None:
    if os.name != "nt":  # Windows cannot open a folder, and needs no sync of one
        with suppress(OSError):  # some network file systems have none
            _fsync(os.path.dirname(path) or ".")


def _fsync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

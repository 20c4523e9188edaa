# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Writes a dataset into partial files beside its place, secures it now and then, and has it put in place at the end.

What a checkpoint has secured outlives a crash, and a later writer goes on from there. The journal knows how far the dataset has
come, and :mod:`~mxnet_im2rec.dataset.publish` how files are put in place. Knows nothing of images.
"""

from __future__ import annotations

import fcntl
import glob
import logging
import os
import time
from contextlib import ExitStack, suppress
from typing import Any, BinaryIO, Dict, Iterable, List, Optional, Sequence, TextIO, Tuple

from ..engine.pool import Pool
from ..errors import OutputError, ResumeError
from ..mxnet_compat import explain
from ..recordio.frames import Buffer, frame
from ..recordio.paths import DatasetPaths
from ..recordio.stream import MXNetRecordStream, RecordStream
from ..storage.writing_back import begin_to_write_back
from ..text import Argument, Call, Text, count, printable
from ..values import DamagedImage
from .journal import Checkpoint, Journal, KeptFailure, differences, open_own
from .publish import Publication, fsync_folder, fsync_path

_log = logging.getLogger("mxnet_im2rec")

BEGIN_AGAIN = Text("Begin again, with ", Argument("resume", False))
"""The way out that a ResumeError names."""

_WRITE_BACK_BYTES = 32 << 20  # how often the system begins to write to the disk
_END_SECONDS = 10.0  # how long the workers of a run that was killed may take to end


def _wait_for_workers(rec: BinaryIO) -> None:
    """Wait until no worker of an earlier run can write into a .rec. Such workers end with their run, but not at once."""
    deadline = time.monotonic() + _END_SECONDS
    while True:
        try:
            fcntl.lockf(rec, fcntl.LOCK_EX | fcntl.LOCK_NB)  # each of them holds a shared lock
        except (BlockingIOError, PermissionError):
            if time.monotonic() > deadline:
                what = f"a worker process of an interrupted run has not ended, and may write into {rec.name!r}; "
                raise OutputError(f"{what}end it, and run this again") from None
            time.sleep(0.01)
        except OSError:  # a file system without locks: no worker has opened the file then
            return
        else:
            fcntl.lockf(rec, fcntl.LOCK_UN)
            return


class RecordWriter:
    """Writes the records of one dataset. ``finish()`` and then ``publish()`` put it in place; leaving the writer only cleans up.

    Only one writer at a time may write an output. Where the writer is left before the dataset is published, what a checkpoint has
    secured is kept in partial files beside the output, for a later writer to go on with; without a checkpoint nothing is left.

    No file is ever opened through a link that lies under one of the names: partial files are made, and what is there is removed.

    Parameters
    ----------
    paths : DatasetPaths
        The files to appear. Those that are there are replaced at the end.
    through_mxnet : bool
        Whether to write a new dataset through MXNet's own MXIndexedRecordIO. The bytes are the same.
    settings : dict of str to str
        What the records depend on.
    resume : bool
        Go on with what an earlier writer, with the same settings, has left behind, if it has.
    gives_up : bool
        Without ``resume``: whether to give up what an earlier writer has left. Otherwise it is refused.

    Attributes
    ----------
    found_complete : bool
        Whether, with ``resume``, the dataset is in place and nothing is left to go on with. Nothing may be written then.
    num_records : int
        How many records there are by now.
    num_bytes : int
        The size of the .rec by now.

    Raises
    ------
    OutputError
        If another run writes this output, or a file cannot be made or written whole (a full disk, a read-only folder), or a file
        that no writer has left has the name of a partial file.
    ResumeError
        If what is there was made with other settings, or its journal says what cannot be.

    Examples
    --------
    >>> with RecordWriter(DatasetPaths('/tmp/a.rec')) as writer:  # doctest: +SKIP
    ...     writer.write(0, header + image)
    ...     writer.finish()
    ...     writer.publish()
    """

    def __init__(
        self,
        paths: DatasetPaths,
        *,
        through_mxnet: bool = False,
        settings: Optional[Dict[str, str]] = None,
        resume: bool = False,
        gives_up: bool = True,
    ) -> None:
        self.paths = paths
        self.found_complete = False
        self.num_bytes = self.num_records = 0
        self._new_stream: Any = MXNetRecordStream if through_mxnet else RecordStream
        self._settings = settings or {}
        self._resume = resume
        self._gives_up = gives_up
        self._stream: Any = None
        self._idx_bytes = 0
        self._written_back = 0  # bytes of the .rec that the system has begun to write to the disk
        self._generation = 0
        self._may_be_kept = True
        self._owns_partial = False  # whether the partial files that are there are a writer's, and not a stranger's
        self._is_published = False
        self._journal = Journal(paths.journal)
        self._publication = Publication(paths, self._journal)

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
        return self.paths.partial(self._generation)

    # The begin.

    def __enter__(self) -> RecordWriter:
        is_ours = False
        try:
            self._journal.open()
            is_ours = True
            self._publication.check_names()
            self._open()
        except BaseException as error:
            if is_ours:
                self._leave(keep=True)
            else:
                self._journal.close()
            if isinstance(error, OSError):
                raise self._error("write to", error) from error
            raise
        return self

    def _open(self) -> None:
        """Go on, begin, or find that there is nothing to do."""
        self._refuse_files_of_others()
        if self._resume and self._journal.odd is not None:
            what = f"the journal {self._journal.path!r} says what cannot be ({self._journal.odd}). "
            raise ResumeError(Text(what, BEGIN_AGAIN))
        self._generation = self.kept.generation if self.kept is not None else 0
        may_go_on = self._resume and self.kept is not None
        if may_go_on:
            self._refuse_other_settings()
        is_in_place = self._publication.undo(*self.partial_paths, always=may_go_on)
        if self._resume and self.kept is None and (is_in_place or self._journal.is_new):
            self.found_complete = os.path.lexists(self.paths.rec)
        if not self.found_complete and not (may_go_on and self._go_on()):
            self._begin()

    def _refuse_files_of_others(self) -> None:
        """OutputError if a file has the name of a partial one, and no writer can have left it: there was no journal."""
        found = self._partial_files() if self._journal.is_new else []
        if found:
            what = f"{found[0]!r} is there already, and no run has left it, for there is no {self._journal.path!r}; "
            raise OutputError(Text(what, "move it away, or give another ", Argument("output_path")))
        self._owns_partial = True

    def _begin(self) -> None:
        if self.kept is not None and self.kept.records and not self._gives_up:
            what = f"an interrupted run has left {count(self.kept.records, 'record')} of {self.paths.rec!r}: go on with it by "
            give_up = Text(Argument("overwrite", True), " to give it up, or another ", Argument("output_path"))
            raise OutputError(Text(what, Call("im2rec"), " with ", Argument("resume", True, "im2rec"), ", or give ", give_up))
        if self.kept is not None:
            _log.warning("%s records that an interrupted run has left are given up: %r", f"{self.kept.records:,}", self.paths.rec)
        self._journal.start(self._settings)
        self._generation = 0
        self._remove_partial()
        self._stream = self._new_stream(*self._make_partial())

    def _make_partial(self) -> Tuple[BinaryIO, TextIO]:
        """New partial files of this generation."""
        rec, idx = self.partial_paths
        with ExitStack() as stack:
            files = (
                stack.enter_context(open(rec, "xb", buffering=0)),
                stack.enter_context(open(idx, "x", encoding="ascii", newline="\n")),
            )
            stack.pop_all()
        return files

    def _go_on(self) -> bool:
        """Open what an earlier writer has left, as far as it is secured; False if there is nothing."""
        kept = self.kept
        paths = self.partial_paths
        if kept is None or not all(map(os.path.lexists, paths)):
            return False
        with ExitStack() as stack:
            rec = stack.enter_context(open(paths[0], "r+b", buffering=0, opener=open_own))
            idx = stack.enter_context(open(paths[1], "r+", encoding="ascii", newline="\n", opener=open_own))
            for file, size in ((rec, kept.rec_bytes), (idx, kept.idx_bytes)):
                found = os.fstat(file.fileno()).st_size
                if found < size:
                    what = f"{file.name!r} holds {found:,} bytes, {size:,} were secured; it was changed since. "
                    raise ResumeError(Text(what, BEGIN_AGAIN))
            if kept.idx_bytes and os.pread(idx.fileno(), 1, kept.idx_bytes - 1) != b"\n":
                what = f"{idx.name!r} or its journal is damaged: no line ends at byte {kept.idx_bytes:,}, up to which it was "
                raise ResumeError(Text(what, "secured. ", BEGIN_AGAIN))
            _wait_for_workers(rec)
            for file, size in ((rec, kept.rec_bytes), (idx, kept.idx_bytes)):
                os.ftruncate(file.fileno(), size)
            idx.seek(0, os.SEEK_END)
            self._journal.resume()
            stack.pop_all()
        self._stream = RecordStream(rec, idx)
        self.num_bytes, self._idx_bytes, self.num_records = kept.rec_bytes, kept.idx_bytes, kept.records
        return True

    def _refuse_other_settings(self) -> None:
        different = differences(self._journal.settings, self._settings)
        if different:
            names = [
                Argument(name) if name.isidentifier() else name for name, _, _ in different
            ]  # one from a file may be anything
            what = [Text(name, f" was {before}, is {now}; ") for name, (_, before, now) in zip(names, different)]
            advice = Text("make them as they were, or begin again, with ", Argument("resume", False))
            raise ResumeError(printable(Text(f"{self.paths.rec!r} was begun with other settings: ", *what, advice)))

    # Records.

    def share_writing(self, pool: Pool) -> None:
        """Let the workers of a pool write their records themselves, unless it is MXNet that writes."""
        self._stream.share_writing(pool)

    def write(self, index: int, record: bytes) -> None:
        """Append one record under its index."""
        self.write_frames(index, frame(record))

    def write_frames(self, index: int, pieces: Sequence[Buffer]) -> None:
        """Append one record, in the pieces of its frames, under its index."""
        try:
            self._note(index, self.num_bytes)
            self.num_bytes += self._stream.write(pieces)
            if isinstance(self._stream, MXNetRecordStream):
                self._check_position()  # MXNet alone knows where it writes, and does not say that a seek failed
            if self.num_bytes - self._written_back > _WRITE_BACK_BYTES:
                begin_to_write_back(self.partial_paths[0], self._written_back, self.num_bytes)
                self._written_back = self.num_bytes
        except OSError as error:
            raise self._error("write", error) from error

    def _note(self, index: int, offset: int) -> None:
        """Write the line of a record into the .idx."""
        self._idx_bytes += self._stream.idx.write(f"{index}\t{offset}\n")
        self.num_records += 1

    def _check_position(self) -> None:
        """See that the position is behind the frames that were written: every offset in the .idx depends on it."""
        position = self._stream.tell()
        if position != self.num_bytes:
            found = "is not known (lseek failed)" if position < 0 else f"is {position:,}"
            raise OutputError(
                f"the position in {self.partial_paths[0]!r} {found}, the records that were written end at {self.num_bytes:,}; "
                f"another process has written to the file, or the disk has failed. Run it again"
            )

    def copy(self, source: int, start: int, end: int, places: Iterable[Tuple[int, int]]) -> None:
        """Append records of another .rec as they are. Not for a writer that goes through MXNet.

        ``source`` is the descriptor of the .rec, ``places`` the index of each record and its offset in the source.
        """
        shift = self.num_bytes - start
        try:
            self._stream.copy(source, start, end)
            self.num_bytes += end - start
            for index, offset in places:
                self._note(index, offset + shift)
        except OSError as error:
            raise self._error("write", error) from error

    def begin_next_generation(self) -> None:
        """Leave the partial files as they are, and write other ones from the first record on."""
        try:
            self._stream.close()
            self._remove_partial(except_for=self._generation)  # of an earlier attempt
            self._generation += 1
            self._stream = RecordStream(*self._make_partial())
        except OSError as error:
            raise self._error("write", error) from error
        self.num_bytes = self._idx_bytes = self.num_records = self._written_back = 0

    def checkpoint(
        self,
        entries: int,
        digest: str,
        failures: List[KeptFailure],
        damaged: Sequence[Tuple[int, DamagedImage]] = (),
        replace: bool = False,
    ) -> None:
        """Secure what is written, and that so many entries of the list are done: a writer that goes on later has it.

        The failures are those since the last checkpoint; the damaged images are all, in the order in which they were found. To
        ``replace`` means that the failures are all too, and that the partial files are those of a new generation.
        """
        try:
            self._check_position()
            self._stream.flush()
            self._check_sizes()
            if self.kept is None or self.kept.generation != self._generation:
                fsync_folder(self.paths.rec)
            checkpoint = Checkpoint(entries, digest, self.num_records, self.num_bytes, self._idx_bytes, self._generation)
            self._journal.add(checkpoint, failures, replace, damaged)
            if replace:
                self._remove_partial(except_for=self._generation)
        except OSError as error:
            raise self._error("write", error) from error

    def _check_sizes(self) -> None:
        """See that both partial files hold what was written, and are on the disk."""
        for path, expected in zip(self.partial_paths, (self.num_bytes, self._idx_bytes)):
            found = os.path.getsize(path)
            if found > expected:
                raise OutputError(f"{expected:,} bytes were written to {path!r}, it holds {found:,}: another process wrote to it")
            if found != expected:
                raise OSError(f"{expected:,} bytes were written to {path!r}, it holds {found:,}")
            fsync_path(path)

    def let_go(self) -> None:
        """In a forked process: have nothing come into the files from here. The dataset is the parent's."""
        if self._stream is not None:
            self._stream.let_go()

    # The end.

    def finish(self) -> None:
        """Close both partial files, and see that they hold what was written: MXNet does not check its last flush."""
        try:
            self._check_position()
            self._stream.flush()
            self._stream.close()
            self._check_sizes()
        except OSError as error:
            raise self._error("write", error) from error

    def publish(
        self, failures: Optional[Iterable[str]] = (), *, classes: Iterable[str] = (), sources: Iterable[str] = ()
    ) -> None:
        """Put the files of the dataset, which is finished, in place: all of them, or none.

        Parameters
        ----------
        failures, classes, sources : iterable of str or None
            The tables of failures, of classes, and of sources, as text in parts. Without any part there is none, and one that an
            earlier dataset has left is removed. None leaves the table of failures that is there.
        """
        texts = dict(zip(self.paths.tables, (failures, classes, sources)))
        self._publication.publish(*self.partial_paths, texts)
        self._is_published = True

    def forget(self) -> None:
        """Have nothing kept for a later writer: what is written is of no use to it."""
        self._may_be_kept = False

    def __exit__(self, *exception: Any) -> None:
        if self._leave(keep=not self._is_published):
            assert self.kept is not None
            kept = Text("%s records are kept beside %r; ", Argument("resume", True), " goes on from there")
            _log.warning(kept, f"{self.kept.records:,}", self.paths.rec)

    def _leave(self, keep: bool) -> bool:
        """Close all files, and remove those that no one goes on with; gives whether there are any left."""
        if self._stream is not None:
            with suppress(OSError):  # whatever counts was checked when it was secured
                self._stream.close()
        with suppress(OSError):
            self._journal.read_again()
        if not self._owns_partial:
            if self._journal.is_new:
                self._journal.remove()
            self._journal.close()
            return False
        if keep and self._journal.odd is not None:  # it was refused, or not looked at yet; whoever begins again clears up
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

    def _remove_partial(self, except_for: Optional[int] = None) -> None:
        """Remove partial files, of every generation or of every other one; the tables have no generations."""
        left = () if except_for is None else self.paths.partial(except_for)
        for each in self._partial_files():
            if each not in left:
                with suppress(OSError):  # it cannot be removed: what made us stop matters more
                    os.unlink(each)

    def _partial_files(self) -> List[str]:
        """Those that are there, of every generation, and the tables'."""
        found = list(self._publication.partial_tables)
        for first, path in zip(self.paths.partial(), (self.paths.rec, self.paths.idx)):
            numbered = glob.glob(glob.escape(path) + ".*.partial")
            found += [first, *(each for each in numbered if each[len(path) + 1 : -8].isdigit())]
        return [each for each in found if os.path.lexists(each)]

    def _error(self, what: str, error: BaseException) -> OutputError:
        if isinstance(error, OutputError):
            return error
        hint = ", is the disk full?" if what == "write" else ":"
        return OutputError(f"cannot {what} {self.paths.rec!r}{hint} {explain(error)}")

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Puts the files of a dataset in place, all of them or none, and what was there before back after a crash in the midst of it.

Knows nothing of what is in the files; the journal notes what is under way.
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from typing import List, Optional, Tuple

from ..errors import OutputError
from .journal import Journal, Publishing

FAILED_RUN = ".failed-run.failures.tsv"  # the end of the name of the table of a run that has made no dataset


def table_paths(rec_path: str) -> Tuple[str, str]:
    """Where the table of a dataset's failures is, and that of a run which has failed."""
    prefix = os.path.splitext(rec_path)[0]
    return prefix + ".failures.tsv", prefix + FAILED_RUN


class Publication:
    """Of a .rec, its .idx and the table of what failed.

    Parameters
    ----------
    rec_path, idx_path : str
        The files to appear.
    journal : Journal
        Of this output, open while anything here is done.

    Attributes
    ----------
    table : str or None
        The table, as text; empty where there is none, None to leave what is in its place.
    """

    def __init__(self, rec_path: str, idx_path: str, journal: Journal) -> None:
        self.table: Optional[str] = ""
        self._rec_path, self._idx_path = rec_path, idx_path
        self._table_path, self._failed_run_path = table_paths(rec_path)
        self._partial_table = self._table_path + ".partial"
        self._token = uuid.uuid4().hex[:12]
        self._journal = journal

    def _moves(self, partial_rec: str, partial_idx: str) -> List[Tuple[str, str]]:
        """What is put in place from where, in this order, and moved away in the reverse one.

        So wherever there is a .rec its table is there as well. The .idx goes first and comes last: a .rec without one is refused
        by every reader, while one with a wrong .idx makes MXNet crash.
        """
        return [(self._partial_table, self._table_path), (partial_rec, self._rec_path), (partial_idx, self._idx_path)]

    def check_names(self) -> None:
        """OutputError if a folder has one of the names, OSError if one that will be needed is too long."""
        for path in (self._rec_path, self._idx_path, self._table_path):
            if os.path.isdir(path) and not os.path.islink(path):
                raise OutputError(f"{path!r} is a folder; move it away, or give another output_path")
            _inode(_backup(path, self._token))

    def publish(self, partial_rec: str, partial_idx: str) -> None:
        """Put all files in place, or leave all old ones there."""
        token = self._token
        moves = self._moves(partial_rec, partial_idx)
        try:
            self.check_names()
            self._write_table()
            self._journal.mark_publishing(Publishing(token, tuple(_inode(partial) for partial, _ in moves)))
            for _, path in reversed(moves):
                if os.path.lexists(path) and not (path == self._table_path and self.table is None):
                    os.rename(path, _backup(path, token))
            for partial, path in moves:
                if os.path.lexists(partial):
                    os.rename(partial, path)
            fsync_folder(self._rec_path)
        except BaseException as error:
            self.undo(partial_rec, partial_idx, always=True)
            if isinstance(error, OSError):
                raise OutputError(f"cannot put {self._rec_path!r} in place: {error}") from error
            raise
        self._remove_backups(token)
        with suppress(OSError):  # there is none, or it cannot be removed: the dataset is in place all the same
            os.unlink(self._failed_run_path)

    def _write_table(self) -> None:
        self.remove_partial()
        if self.table:
            with open(self._partial_table, "x", encoding="utf-8", newline="\n") as stream:
                stream.write(self.table)
                stream.flush()
                os.fsync(stream.fileno())

    def undo(self, partial_rec: str, partial_idx: str, always: bool) -> None:
        """Make it as it was before the first file was put in place; also after a crash in the midst of it.

        Not ``always`` is for a crash: where all was in place already it stays.
        """
        publishing = self._journal.publishing
        if publishing is None:
            return
        moves = self._moves(partial_rec, partial_idx)
        ours = [(move, inode) for move, inode in zip(moves, publishing.inodes) if inode is not None]
        if always or not all(_inode(path) == inode for (_, path), inode in ours):
            for (partial, path), inode in reversed(ours):
                if _inode(path) == inode:
                    os.rename(path, partial)
            for _, path in moves:
                if os.path.lexists(_backup(path, publishing.token)):
                    os.rename(_backup(path, publishing.token), path)
        else:
            self._remove_backups(publishing.token)
        with suppress(OSError):  # a full disk; it is undone all the same, and can be once more
            self._journal.mark_publishing(None)

    def _remove_backups(self, token: str) -> None:
        for path in (self._idx_path, self._rec_path, self._table_path):
            with suppress(OSError):  # there was none
                os.unlink(_backup(path, token))

    def remove_partial(self) -> None:
        """Remove the table that has not been put in place."""
        with suppress(OSError):  # there is none, or it cannot be removed: then what made us stop is what to tell
            os.unlink(self._partial_table)


def _backup(path: str, token: str) -> str:
    """What a file is called while a new one takes its place."""
    return f"{path}.{token}.previous"


def _inode(path: str) -> Optional[int]:
    """By which a file is known wherever it is moved; None if there is none."""
    try:
        return os.lstat(path).st_ino
    except FileNotFoundError:
        return None


def fsync_folder(path: str) -> None:
    """Have the names in a file's folder on the disk."""
    if os.name != "nt":  # Windows cannot open a folder, and needs no sync of one
        with suppress(OSError):  # some network file systems have none
            fsync_path(os.path.dirname(path) or ".")


def fsync_path(path: str) -> None:
    """Have a file on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Puts the files of a dataset in place, all of them or none, and what was there before back after a crash in the midst of it.

Does not know what is in the files; the journal notes what is under way.
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from typing import List, Optional, Tuple

from ..errors import OutputError
from ..recordio.paths import DatasetPaths
from ..text import Argument, Text
from .journal import Journal, Publishing


class Publication:
    """Of a .rec, its .idx and the table of failures.

    Parameters
    ----------
    paths : DatasetPaths
        The files to appear.
    journal : Journal
        Of this output, open while anything here is done.
    """

    def __init__(self, paths: DatasetPaths, journal: Journal) -> None:
        self._paths = paths
        self.partial_table = paths.failures + ".partial"
        self._token = uuid.uuid4().hex[:12]
        self._journal = journal

    def _moves(self, partial_rec: str, partial_idx: str) -> List[Tuple[str, str]]:
        """What is put in place from where, in this order, and moved away in the reverse one.

        So wherever there is a .rec its table is there as well. The .idx goes first and comes last: a .rec without one is refused
        by every reader, while one with a wrong .idx makes MXNet crash.
        """
        paths = self._paths
        return [(self.partial_table, paths.failures), (partial_rec, paths.rec), (partial_idx, paths.idx)]

    def check_names(self) -> None:
        """OutputError if a folder has one of the names, OSError if one that will be needed is too long."""
        for path in (self._paths.rec, self._paths.idx, self._paths.failures):
            if os.path.isdir(path) and not os.path.islink(path):
                raise OutputError(Text(f"{path!r} is a folder; move it away, or give another ", Argument("output_path")))
            _inode(_backup(path, self._token))

    def publish(self, partial_rec: str, partial_idx: str, table: Optional[str]) -> None:
        """Put all files in place, or leave all old ones there.

        The table is text; empty where there is none, None to leave the table that is there.
        """
        token = self._token
        moves = self._moves(partial_rec, partial_idx)
        try:
            self.check_names()
            self._write_table(table)
            self._journal.mark_publishing(Publishing(token, tuple(_inode(partial) for partial, _ in moves)))
            for _, path in reversed(moves):
                if os.path.lexists(path) and not (path == self._paths.failures and table is None):
                    os.rename(path, _backup(path, token))
            for partial, path in moves:
                if os.path.lexists(partial):
                    os.rename(partial, path)
            fsync_folder(self._paths.rec)
        except BaseException as error:
            self.undo(partial_rec, partial_idx, always=True)
            if isinstance(error, OSError):
                raise OutputError(f"cannot put {self._paths.rec!r} in place: {error}") from error
            raise
        self._remove_backups(token)
        with suppress(OSError):  # there is none, or it cannot be removed: the dataset is in place all the same
            os.unlink(self._paths.failed_run_failures)

    def _write_table(self, table: Optional[str]) -> None:
        self.remove_partial()
        if table:
            with open(self.partial_table, "x", encoding="utf-8", newline="\n") as stream:
                stream.write(table)
                stream.flush()
                os.fsync(stream.fileno())

    def undo(self, partial_rec: str, partial_idx: str, always: bool) -> bool:
        """Make it as it was before the first file was put in place; also after a crash in the midst of it.

        Not ``always`` is for a crash: where all was in place already it stays. Gives whether it has stayed.
        """
        publishing = self._journal.publishing
        if publishing is None:
            return False
        moves = self._moves(partial_rec, partial_idx)
        ours = [(move, inode) for move, inode in zip(moves, publishing.inodes) if inode is not None]
        stays = not always and all(_inode(path) == inode for (_, path), inode in ours)
        if not stays:
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
        return stays

    def _remove_backups(self, token: str) -> None:
        for path in (self._paths.idx, self._paths.rec, self._paths.failures):
            with suppress(OSError):  # there was none
                os.unlink(_backup(path, token))

    def remove_partial(self) -> None:
        """Remove the table that has not been put in place."""
        with suppress(OSError):  # there is none, or it cannot be removed: then what made us stop is what to tell
            os.unlink(self.partial_table)


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
    with suppress(OSError):  # some network file systems have none
        fsync_path(os.path.dirname(path) or ".")


def fsync_path(path: str) -> None:
    """Have a file on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

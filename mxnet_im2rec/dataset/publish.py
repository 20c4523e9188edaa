# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Puts the files of a dataset in place, all of them or none, and what was there before back after a crash in the midst of it.

The journal notes what is under way. Knows of a file only whether a dataset can have left it.
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from itertools import chain
from typing import Dict, Iterable, List, Optional, Tuple

from ..errors import OutputError
from ..recordio.paths import DatasetPaths
from ..text import Argument, Text
from .journal import Journal, Publishing
from .side_files import is_of_dataset

Texts = Dict[str, Optional[Iterable[str]]]
"""The text of each table beside a dataset, in parts, by its path: no part for no table, None to leave what is there."""


class Publication:
    """Of a .rec, its .idx and the tables beside them.

    Parameters
    ----------
    paths : DatasetPaths
        The files to appear.
    journal : Journal
        Of this output, open while anything here is done.
    """

    def __init__(self, paths: DatasetPaths, journal: Journal) -> None:
        self._paths = paths
        self.partial_tables = [_partial(path) for path in paths.tables]
        self._token = uuid.uuid4().hex[:12]
        self._journal = journal

    def _moves(self, partial_rec: str, partial_idx: str) -> List[Tuple[str, str]]:
        """What is put in place from where, in this order, and moved away in the reverse one.

        So wherever there is a .rec its tables are there as well. The .idx goes first and comes last: every reader refuses a .rec
        without one, while one with a wrong .idx makes MXNet crash.
        """
        paths = self._paths
        return [*zip(self.partial_tables, paths.tables), (partial_rec, paths.rec), (partial_idx, paths.idx)]

    def check_names(self) -> None:
        """OutputError if a folder has one of the names, OSError if one that will be needed is too long."""
        for path in self._paths.files:
            if os.path.isdir(path) and not os.path.islink(path):
                raise OutputError(Text(f"{path!r} is a folder; move it away, or give another ", Argument("output_path")))
            _inode(_backup(path, self._token))

    def publish(self, partial_rec: str, partial_idx: str, texts: Texts) -> None:
        """Put all files in place, or leave all old ones there. A file that no dataset has left stays."""
        token = self._token
        moves = self._moves(partial_rec, partial_idx)
        try:
            self.check_names()
            stay = self._write_tables(texts)
            self._journal.mark_publishing(Publishing(token, tuple(_inode(partial) for partial, _ in moves)))
            for _, path in reversed(moves):
                if os.path.lexists(path) and path not in stay:
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

    def _write_tables(self, texts: Texts) -> List[str]:
        """Write the tables beside their places; gives the paths whose files stay as they are."""
        self.remove_partial()
        stay = []
        for path, parts in texts.items():
            rest = iter(() if parts is None else parts)
            first = next(rest, None)
            if parts is None or (first is None and not is_of_dataset(self._paths, path)):
                stay.append(path)
            elif first is not None:
                refuse_file_of_others(self._paths, path)
                with open(_partial(path), "x", encoding="utf-8", newline="\n") as stream:
                    stream.writelines(chain([first], rest))
                    stream.flush()
                    os.fsync(stream.fileno())
        return stay

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
        for path in self._paths.files:
            with suppress(OSError):  # there was none
                os.unlink(_backup(path, token))

    def remove_partial(self) -> None:
        """Remove the tables that have not been put in place."""
        for partial in self.partial_tables:
            with suppress(OSError):  # there is none, or it cannot be removed: then what made us stop is what to tell
                os.unlink(partial)


def refuse_file_of_others(paths: DatasetPaths, path: str) -> None:
    """OutputError if a file has the name of a table beside the dataset, and no dataset can have left it."""
    if os.path.lexists(path) and not is_of_dataset(paths, path):
        what = f"{path!r} is there already, and no dataset has left it; move it away, or give another "
        raise OutputError(Text(what, Argument("output_path")))


def _partial(path: str) -> str:
    return path + ".partial"


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

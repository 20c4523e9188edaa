# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""build_index(): the .idx of a .rec, made from the .rec alone. Looks at no image."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from typing import Iterator, Optional, Union

from ..dataset.journal import Journal
from ..dataset.publish import fsync_folder
from ..errors import ArgumentValueError, OutputError, RecordFormatError
from ..recordio.advice import damaged_rec
from ..recordio.paths import DatasetPaths
from ..recordio.record import scan
from ..storage.filebuffer import FileBuffer
from ..storage.writing import write_whole
from ..text import Argument, Call, Text

_Path = Union[str, os.PathLike]


def build_index(rec_path: _Path, idx_path: Optional[_Path] = None) -> str:
    """Write the .idx of a .rec, from the .rec alone.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The .rec.
    idx_path : str or os.PathLike, optional
        The .idx to write, or to replace; by default the one beside the .rec.

    Returns
    -------
    str
        The path of the .idx. Its keys are the images' own indices, so that it is what packing wrote.

    Raises
    ------
    OSError
        If the .rec cannot be read, or the .idx cannot be written.
    OutputError
        If a run is writing the dataset that the .idx belongs to, or if the .rec was changed or replaced meanwhile. The .idx that
        was there before stays, here and where the .rec is damaged.
    RecordFormatError
        If the .rec is damaged; :func:`salvage` saves what is whole.
    ValueError
        If the .idx to write is the .rec.

    Examples
    --------
    >>> build_index('images_rec.rec')  # doctest: +SKIP
    '/data/images_rec.idx'
    """
    rec_path = os.path.abspath(os.fsdecode(rec_path))
    idx_path = os.path.abspath(os.fsdecode(idx_path)) if idx_path is not None else DatasetPaths.of_rec(rec_path).idx
    if os.path.exists(idx_path) and os.path.samefile(rec_path, idx_path):
        raise ArgumentValueError("idx_path", f"{idx_path!r} is the .rec itself", help="give the .idx to write")
    if os.path.isdir(idx_path):
        what = Text(Argument("idx_path"), " must be the .idx to write; this is a folder")
        raise IsADirectoryError(errno.EISDIR, what, idx_path)
    if not os.path.isdir(os.path.dirname(idx_path)):
        raise FileNotFoundError(errno.ENOENT, "there is no such folder for the .idx; make it first", os.path.dirname(idx_path))
    with _locked(os.path.splitext(idx_path)[0] + ".rec"), FileBuffer(rec_path) as buffer:
        try:
            write_whole([(idx_path, _lines(buffer, rec_path, idx_path))])
            fsync_folder(idx_path)
        except RecordFormatError as error:
            raise damaged_rec(error) from None
    return idx_path


def _lines(buffer: FileBuffer, rec_path: str, idx_path: str) -> Iterator[str]:
    for offset, header, _ in scan(buffer, rec_path):
        yield f"{header.index}\t{offset}\n"
    if buffer.has_changed():
        changed = f"{rec_path!r} was changed, or replaced by another file, while it was read; {idx_path!r} is as it was. "
        raise OutputError(Text(changed, "Run ", Call("build_index", rec_path), " again"))


@contextmanager
def _locked(rec_path: str) -> Iterator[None]:
    """Keep runs from writing a .rec and its .idx meanwhile; what an interrupted one has left stays."""
    journal = Journal(DatasetPaths.of_rec(rec_path).journal)
    journal.open()
    try:
        yield
    finally:
        with suppress(FileNotFoundError):  # another program has removed it
            if not os.path.getsize(journal.path):  # it was made here
                journal.remove()
        journal.close()

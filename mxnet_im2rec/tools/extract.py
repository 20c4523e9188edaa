# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""extract(): the images of a .rec as files, with a list of them. Decodes no image, needs no MXNet."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Dict, Iterator, List, Mapping, Optional, TextIO, Tuple, Union

from .. import arguments
from ..dataset.side_files import is_of_dataset, read_sources
from ..errors import ArgumentValueError
from ..images.formats import sniff
from ..lists.classes import names_of_classes
from ..recordio.paths import DatasetPaths
from ..recordio.reader import RecordFile
from ..recordio.record import Record
from ..text import Argument, Text, count
from .file_names import EXTENSIONS, LIST_NAME, LabelFolders, inner_path, with_extension_of

_log = logging.getLogger("mxnet_im2rec")

_TAKEN = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)

_Path = Union[str, os.PathLike]


@dataclass(frozen=True)
class ExtractReport:
    """What :func:`extract` wrote.

    Attributes
    ----------
    folder, list_path : str
        Where the images are, and the list of them.
    num_images : int
        How many there are.
    skipped : tuple of (int, int)
        The index and the offset of records that hold no image.
    num_named, num_renamed : int
        How many images have the names of the table of sources, and how many could not have theirs: it leads out of the folder, or
        another file has it. These are named after the index.
    """

    folder: str
    list_path: str
    num_images: int
    skipped: Tuple[Tuple[int, int], ...]
    num_named: int = 0
    num_renamed: int = 0

    def __str__(self) -> str:
        text = f"{count(self.num_images, 'image')} in {self.folder}, listed in {self.list_path}"
        if self.num_renamed:
            text += f"; {count(self.num_renamed, 'image')} could not have the old name, and the index is the name now"
        skipped = count(len(self.skipped), "record")
        return f"{text}; {skipped} without an image left out" if self.skipped else text


def extract(
    rec_path: _Path,
    folder: _Path,
    *,
    idx_path: Optional[_Path] = None,
    by_label: bool = False,
    overwrite: bool = False,
    classes: Union[None, _Path, Mapping[str, int]] = None,
    sources: Optional[_Path] = None,
) -> ExtractReport:
    """Write the images of a .rec as files, with a list of them.

    Packing that list with ``pass_through=True`` gives the same .rec, as long as every record holds an image in a format that may
    pass, and no label stands in an array of one.

    A file is named after its index or, where there is a table of sources, as it was in the list that was packed. The extension is
    always that of the format. An old name that leads out of the folder, or that another file has already, is not taken.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The .rec.
    folder : str or os.PathLike
        Where the files go: a folder that is empty, or not there yet. The list is ``images.lst`` in it, and comes last; if the
        call raises, the folder is as it was.
    idx_path : str or os.PathLike, optional
        The .idx; by default the one beside the .rec, if there is one.
    by_label : bool
        Put the images into a subfolder for each first label: the name of its class, with subfolders of its own where ``/`` is in
        it, or else its number. The files are named after the index then, unless ``sources`` is given, which is an error.
    overwrite : bool
        Whether to put the images in the place of those of an earlier extraction. The earlier folder is not deleted: it gets
        another name, which a warning says. A folder that holds any other file is refused.
    classes : str, os.PathLike or mapping of str to int, optional
        The names of the classes: a table as :func:`make_list` writes it, or a mapping of names to numbers. By default the table
        beside the .rec, ``out.classes.txt``, if it is there. For ``by_label`` alone.
    sources : str or os.PathLike, optional
        The table of sources, as :func:`mxnet_im2rec.im2rec` writes it with ``sidecar=True``. By default the table beside the
        .rec, ``out.sources.tsv``, if it is there.

    Returns
    -------
    ExtractReport

    Raises
    ------
    FileExistsError
        If the folder is a file, or is not empty, unless ``overwrite`` is given and it holds an earlier extraction alone.
    RecordFormatError
        If the .rec or the .idx is damaged.
    ValueError, TypeError
        If a table is none, the table of sources is that of another dataset, or ``by_label`` and ``sources`` are both given.

    Examples
    --------
    >>> report = extract('images_rec.rec', 'images')  # doctest: +SKIP
    >>> im2rec(report.list_path, 'again', pass_through=True)  # doctest: +SKIP
    """
    by_label = arguments.flag("by_label", by_label)
    if by_label and sources is not None:
        rule = Text("gives the files their old names, ", Argument("by_label"), " gives them others: leave one of them out")
        raise ArgumentValueError("sources", rule)
    beside = DatasetPaths.of_rec(rec_path)
    names = names_of_classes(classes, beside.classes) if by_label else {}
    table = None if sources is None else os.fsdecode(sources)
    if table is None and not by_label and is_of_dataset(beside, beside.sources):
        table = beside.sources
    folder = os.path.abspath(os.fsdecode(folder))
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise FileExistsError(f"{folder!r} is a file; give a folder, which need not be there yet")
    if os.path.isdir(folder) and os.listdir(folder):
        _refuse_other_files(folder, overwrite)
        previous = f"{folder}.{uuid.uuid4().hex}.previous"
        os.rename(folder, previous)
        try:
            report = extract(rec_path, folder, idx_path=idx_path, by_label=by_label, classes=classes, sources=sources)
        except BaseException:
            os.rename(previous, folder)
            raise
        _log.warning("the earlier files of %r are in %r now; delete that folder if they are not needed", folder, previous)
        return report
    list_path = os.path.join(folder, LIST_NAME)
    partial = list_path + ".partial"
    files = _Files(folder, names, by_label)
    with RecordFile(rec_path, idx_path) as records:
        old_names = None if table is None else _old_names(table, records)
        is_new = not os.path.isdir(folder)
        os.makedirs(folder, exist_ok=True)
        try:
            with open(partial, "w", encoding="utf-8", newline="\n") as entries:
                num_images, skipped = _write_images(records, files, entries, old_names)
            os.replace(partial, list_path)
        except BaseException:
            _empty(folder)
            if is_new:
                os.rmdir(folder)
            raise
    return ExtractReport(folder, list_path, num_images, tuple(skipped), files.num_named, files.num_renamed)


def _refuse_other_files(folder: str, overwrite: bool) -> None:
    """FileExistsError unless the folder may be replaced, and holds nothing but what an earlier extraction has written."""
    if not arguments.flag("overwrite", overwrite):
        advice = Text("; give a new one, or ", Argument("overwrite", True), " to replace an earlier extraction")
        raise FileExistsError(Text(f"the folder {folder!r} is not empty", advice))
    names = {LIST_NAME}
    with suppress(FileNotFoundError), open(os.path.join(folder, LIST_NAME), encoding="utf-8", errors="replace") as lines:
        names |= {line.rstrip("\n").rpartition("\t")[2] for line in lines}
    for path, _, files in os.walk(folder):
        for name in files:
            found = os.path.relpath(os.path.join(path, name), folder)
            if found not in names:
                what = f"{os.path.join(path, name)!r} is in the folder, and no earlier extraction has written it"
                raise FileExistsError(f"{what}; move it away, or give another folder")


def _empty(folder: str) -> None:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


class _Files:
    """Writes the files of images into a folder, and gives the name of each."""

    def __init__(self, folder: str, names: Mapping[int, str], by_label: bool) -> None:
        self._folder = folder
        self._folder_of = LabelFolders(names) if by_label else None
        self._uses: Dict[int, int] = {}
        self.num_named = self.num_renamed = 0

    def write(self, record: Record, old_name: Optional[str]) -> str:
        """Write a file under its old name, if it has one that can be taken; else under the index of the record."""
        format = sniff(bytes(record.content[:64]))
        if old_name is not None:
            path = inner_path(old_name)
            name = None if path is None else with_extension_of(path, format)
            if name is not None and self._write_old(name, record):
                self.num_named += 1
                return name
            self.num_renamed += 1
        while True:
            used = self._uses[record.index] = self._uses.get(record.index, 0) + 1
            name = _file_name(record, used, format)
            if self._folder_of is not None and len(record.labels):
                name = os.path.normpath(os.path.join(self._folder_of(record.labels[0]), name))
            path = self._make_folder(name)
            with suppress(FileExistsError), open(path, "xb") as stream:
                stream.write(record.content)
                return name

    def _write_old(self, name: str, record: Record) -> bool:
        """Whether a file of this name could be made: a file or a folder of this name may be there, or the name is too long."""
        try:
            with open(self._make_folder(name), "xb") as stream:
                stream.write(record.content)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            return False
        return True

    def _make_folder(self, name: str) -> str:
        """The path of a file, in a folder that is there."""
        path = os.path.join(self._folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path


def _write_images(
    records: RecordFile, files: _Files, entries: TextIO, old_names: Optional[Iterator[str]]
) -> Tuple[int, List[Tuple[int, int]]]:
    num_images = 0
    skipped = []
    for record in records:
        old_name = None if old_names is None else next(old_names)
        if not len(record.content):
            skipped.append((record.index, record.offset))
            continue
        num_images += 1
        name = files.write(record, old_name)
        labels = "\t".join(f"{label:.0f}" if label.is_integer() else f"{label:.9g}" for label in record.labels.tolist())
        entries.write(f"{record.index}\t{labels}\t{name}\n")
    if old_names is not None:
        next(old_names, None)  # which sees whether the table has more lines than there are records
    return num_images, skipped


def _old_names(path: str, records: RecordFile) -> Iterator[str]:
    """The path of each record by the table of sources; ValueError if it is not the table of this dataset."""
    sources = read_sources(path)
    for position, index in enumerate(records.keys.tolist()):
        source = next(sources, None)
        if source is None or source.index != index:
            found = "the table ends before it" if source is None else f"the table has index {source.index} there"
            raise _wrong_table(path, records, f"record {position:,} has index {index}, {found}")
        yield source.path
    if next(sources, None) is not None:
        raise _wrong_table(path, records, f"it has more lines than there are records, {len(records):,}")


def _wrong_table(path: str, records: RecordFile, why: str) -> ValueError:
    advice = Text("; give the right one as ", Argument("sources"), ", or move it away")
    return ValueError(Text(f"the table of sources {path!r} is not that of {records.rec_path!r}: {why}", advice))


def _file_name(record: Record, used: int, format: Optional[str]) -> str:
    extension = EXTENSIONS.get(format or "", ".bin")
    return f"{record.index}{'' if used == 1 else f'_{used}'}{extension}"

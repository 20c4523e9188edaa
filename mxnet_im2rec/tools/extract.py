# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""extract(): the images of a .rec as files, with a list of them. Decodes no image, needs no MXNet."""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Dict, List, Optional, TextIO, Tuple, Union

import numpy as np

from .. import arguments
from ..images.formats import sniff
from ..recordio.reader import RecordFile
from ..recordio.record import Record
from ..text import Argument, Text, count

_log = logging.getLogger("mxnet_im2rec")

_Path = Union[str, os.PathLike]

EXTENSIONS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "WebP": ".webp",
    "GIF": ".gif",
    "JPEG 2000": ".jp2",
}
"""The extension of a file by its format; others get ``.bin``."""


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
    """

    folder: str
    list_path: str
    num_images: int
    skipped: Tuple[Tuple[int, int], ...]

    def __str__(self) -> str:
        text = f"{count(self.num_images, 'image')} in {self.folder}, listed in {self.list_path}"
        skipped = count(len(self.skipped), "record")
        return f"{text}; {skipped} without an image left out" if self.skipped else text


def extract(
    rec_path: _Path, folder: _Path, *, idx_path: Optional[_Path] = None, by_label: bool = False, overwrite: bool = False
) -> ExtractReport:
    """Write the images of a .rec as files, with a list of them.

    Packing that list with ``pass_through=True`` gives the same .rec, as long as every record holds an image in a format that may
    pass, and no label stands in an array of one.

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
        Put the images into a subfolder for each first label.
    overwrite : bool
        Whether to put the images in the place of those of an earlier extraction. The earlier folder is not deleted: it gets
        another name, which a warning says. A folder that holds any other file is refused.

    Returns
    -------
    ExtractReport

    Raises
    ------
    FileExistsError
        If the folder is a file, or is not empty, unless ``overwrite`` is given and it holds an earlier extraction alone.
    RecordFormatError
        If the .rec or the .idx is damaged.

    Examples
    --------
    >>> report = extract('images_rec.rec', 'images')  # doctest: +SKIP
    >>> im2rec(report.list_path, 'again', pass_through=True)  # doctest: +SKIP
    """
    folder = os.path.abspath(os.fsdecode(folder))
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise FileExistsError(f"{folder!r} is a file; give a folder, which need not be there yet")
    if os.path.isdir(folder) and os.listdir(folder):
        _refuse_other_files(folder, overwrite)
        previous = f"{folder}.{uuid.uuid4().hex}.previous"
        os.rename(folder, previous)
        try:
            report = extract(rec_path, folder, idx_path=idx_path, by_label=by_label)
        except BaseException:
            os.rename(previous, folder)
            raise
        _log.warning("the earlier files of %r are in %r now; delete that folder if they are not needed", folder, previous)
        return report
    list_path = os.path.join(folder, "images.lst")
    partial = list_path + ".partial"
    with RecordFile(rec_path, idx_path) as records:
        is_new = not os.path.isdir(folder)
        os.makedirs(folder, exist_ok=True)
        try:
            with open(partial, "w", encoding="utf-8", newline="\n") as entries:
                num_images, skipped = _write_images(records, folder, entries, by_label)
            os.replace(partial, list_path)
        except BaseException:
            _empty(folder)
            if is_new:
                os.rmdir(folder)
            raise
    return ExtractReport(folder, list_path, num_images, tuple(skipped))


def _refuse_other_files(folder: str, overwrite: bool) -> None:
    """FileExistsError unless the folder may be replaced, and holds nothing but what an earlier extraction has written."""
    if not arguments.flag("overwrite", overwrite):
        advice = Text("; give a new one, or ", Argument("overwrite", True), " to replace an earlier extraction")
        raise FileExistsError(Text(f"the folder {folder!r} is not empty", advice))
    names = {"images.lst"}
    with suppress(FileNotFoundError), open(os.path.join(folder, "images.lst"), encoding="utf-8", errors="replace") as lines:
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


def _write_images(records: RecordFile, folder: str, entries: TextIO, by_label: bool) -> Tuple[int, List[Tuple[int, int]]]:
    uses: Dict[int, int] = {}
    skipped = []
    for record in records:
        if not len(record.content):
            skipped.append((record.index, record.offset))
            continue
        used = uses[record.index] = uses.get(record.index, 0) + 1
        name = _file_name(record, used, by_label)
        path = os.path.join(folder, name)
        if by_label:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as stream:
            stream.write(record.content)
        labels = "\t".join(f"{label:.0f}" if label.is_integer() else f"{label:.9g}" for label in record.labels.tolist())
        entries.write(f"{record.index}\t{labels}\t{name}\n")
    return sum(uses.values()), skipped


def _file_name(record: Record, used: int, by_label: bool) -> str:
    extension = EXTENSIONS.get(sniff(bytes(record.content[:64])) or "", ".bin")
    name = f"{record.index}{'' if used == 1 else f'_{used}'}{extension}"
    return f"{_folder_name(record.labels[0])}/{name}" if by_label and len(record.labels) else name


def _folder_name(label: np.float32) -> str:
    """With so many digits that no other label has the same name."""
    return f"{label:.0f}" if float(label).is_integer() else str(label)

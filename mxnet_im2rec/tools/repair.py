# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What brings a dataset back: the .idx from the .rec, the whole records of a damaged .rec, the images as files. No MXNet."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, TextIO, Tuple, Union

import numpy as np

from .. import arguments
from ..dataset.journal import Journal
from ..dataset.publish import fsync_folder
from ..dataset.writer import RecordWriter
from ..errors import ArgumentValueError, EmptyDatasetError, ImageError, OutputError, RecordFormatError
from ..images import imagefile
from ..recordio.frames import MAGIC_BYTES, find_magic, find_record, read_frames, read_record
from ..recordio.header import unpack_header
from ..recordio.paths import DatasetPaths
from ..recordio.reader import Record, RecordFile, damaged_rec, idx_beside, scan
from ..storage.filebuffer import FileBuffer, UnreadableError
from ..text import Argument, Call, Text
from ..values import format_bytes

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
    idx_path = os.path.abspath(os.fsdecode(idx_path)) if idx_path is not None else idx_beside(rec_path)
    if os.path.exists(idx_path) and os.path.samefile(rec_path, idx_path):
        raise ArgumentValueError("idx_path", f"{idx_path!r} is the .rec itself", help="give the .idx to write")
    if os.path.isdir(idx_path):
        what = Text(Argument("idx_path"), " must be the .idx to write; this is a folder")
        raise IsADirectoryError(errno.EISDIR, what, idx_path)
    if not os.path.isdir(os.path.dirname(idx_path)):
        raise FileNotFoundError(errno.ENOENT, "there is no such folder for the .idx; make it first", os.path.dirname(idx_path))
    with _locked(os.path.splitext(idx_path)[0] + ".rec"), FileBuffer(rec_path) as buffer:
        partial = f"{idx_path}.{uuid.uuid4().hex}.partial"
        try:
            with open(partial, "x", encoding="ascii") as index:
                index.writelines(f"{header.index}\t{offset}\n" for offset, header, _ in scan(buffer, rec_path))
                index.flush()
                os.fsync(index.fileno())
            if buffer.has_changed():
                changed = f"{rec_path!r} was changed, or replaced by another file, while it was read; {idx_path!r} is as it was. "
                raise OutputError(Text(changed, "Run ", Call("build_index", rec_path), " again"))
            os.replace(partial, idx_path)
            fsync_folder(idx_path)
        except RecordFormatError as error:
            raise damaged_rec(error) from None
        finally:
            with suppress(FileNotFoundError):  # it has been put in place
                os.unlink(partial)
    return idx_path


@contextmanager
def _locked(rec_path: str) -> Iterator[None]:
    """Keep runs from writing a .rec and its .idx meanwhile; what an interrupted one has left stays."""
    journal = Journal(rec_path + ".journal.partial")
    journal.open()
    try:
        yield
    finally:
        if not os.path.getsize(journal.path):  # it was made here
            journal.remove()
        journal.close()


@dataclass(frozen=True)
class LostRange:
    """A part of a damaged .rec that no whole record could be read from.

    Attributes
    ----------
    start, end : int
        The first byte, and the one behind the last.
    reason : str
        What was found; where the disk cannot read, the bytes that it cannot read and the system's words.
    """

    start: int
    end: int
    reason: str


@dataclass(frozen=True)
class SalvageReport:
    """What :func:`salvage` kept and what was lost. Printing it gives a summary.

    Attributes
    ----------
    rec_path, idx_path : str
        The new dataset.
    num_records, num_bytes : int
        How much of it there is.
    lost : tuple of LostRange
        What could not be read, in the order of the file.
    """

    rec_path: str
    idx_path: str
    num_records: int
    num_bytes: int
    lost: Tuple[LostRange, ...]

    def __str__(self) -> str:
        lost = sum(each.end - each.start for each in self.lost)
        noun = "record" if self.num_records == 1 else "records"
        lines = [f"{self.num_records:,} {noun}, {format_bytes(self.num_bytes)}, kept in {self.rec_path}"]
        if self.lost:
            lines.append(f"{format_bytes(lost)} lost, in {len(self.lost)} {'place' if len(self.lost) == 1 else 'places'}:")
            lines += [f"  bytes {each.start:,} to {each.end:,}: {each.reason}" for each in self.lost]
        else:
            lines.append("nothing is lost")
        return "\n".join(lines)


def salvage(rec_path: _Path, output_path: _Path, *, overwrite: bool = False) -> SalvageReport:
    """Save every record of a damaged .rec that is still whole into a new dataset.

    A record is whole if its frame is, if no other frame begins within it, and if another one or the end of the file follows; or,
    where what follows is damaged, if it holds an image that is whole. Bytes that changed within an image cannot be told. What the
    disk cannot read is tried page by page, and costs the records that it touches alone.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The damaged .rec; it is not changed.
    output_path : str or os.PathLike
        ``out`` or ``out.rec`` gives ``out.rec`` and ``out.idx``; a folder receives files named after the damaged .rec.
    overwrite : bool
        Whether to replace a dataset that is there already.

    Returns
    -------
    SalvageReport

    Raises
    ------
    EmptyDatasetError
        If not one record is whole.
    FileExistsError
        If the output is there already, unless ``overwrite`` is given.
    OSError
        If the folder of the output does not exist, or the damaged .rec cannot be opened.
    OutputError
        If the output cannot be written.
    ValueError
        If the output is the input.

    Examples
    --------
    >>> print(salvage('damaged.rec', 'saved'))  # doctest: +SKIP
    """
    rec_path = os.path.abspath(os.fsdecode(rec_path))
    paths = DatasetPaths.of_output(output_path, named_after=rec_path)
    if os.path.exists(paths.rec) and os.path.samefile(rec_path, paths.rec):
        raise ArgumentValueError("output_path", f"{paths.rec!r} is the damaged file itself", help="give another one")
    arguments.refuse_existing([paths.rec, paths.idx], overwrite)
    lost: List[LostRange] = []
    count = 0
    with FileBuffer(rec_path) as buffer, RecordWriter(paths) as writer:
        for index, payload in _whole_records(buffer, rec_path, lost):
            writer.write(index, bytes(payload))
            count += 1
        if not count:
            raise EmptyDatasetError(f"not one record of {rec_path!r} is whole; nothing was written")
        writer.finish()
        writer.publish()
    return SalvageReport(paths.rec, paths.idx, count, writer.num_bytes, tuple(lost))


def _whole_records(buffer: FileBuffer, path: str, lost: List[LostRange]) -> Iterator[Tuple[int, Union[bytes, memoryview]]]:
    """The whole records' indices and payloads; what lies between is added to `lost`.

    Whatever the bytes are, each is looked at a few times at most: a payload is read only when no magic is in the middle of a
    frame, so that no record begins within one that is given up later.
    """
    offset = 0
    while offset < len(buffer):
        try:
            following = _check_frames(buffer, offset, path)
            payload, _ = read_record(buffer, offset, path)
            header = unpack_header(payload)
            _check_end(buffer, offset, following, payload[header.size :], path)
        except UnreadableError as error:
            unreadable = buffer.pass_over(error)
            following = unreadable.end
            _add_lost(lost, offset, following, str(unreadable.strerror), is_new=True)
        except RecordFormatError as error:
            following = find_record(buffer, offset + 4)
            _add_lost(lost, offset, following, str(error))
        except ValueError as error:  # unpack_header's
            following = find_record(buffer, offset + 4)
            _add_lost(lost, offset, following, f"expected {error.args[0]}, found {error.args[1]}")
        else:
            yield header.index, payload
        offset = following


def _check_frames(buffer: FileBuffer, offset: int, path: str) -> int:
    """Where the record's frames end. None has a length that damage has changed: no magic stands in it at a multiple of 4."""
    for start, _, following, _ in read_frames(buffer, offset, path):
        if find_magic(buffer, start + 8, following) is not None:
            raise RecordFormatError(path, start + 4, "a length that ends before the next frame", "frames within the payload")
    return following


def _check_end(buffer: FileBuffer, offset: int, following: int, content: Union[bytes, memoryview], path: str) -> None:
    """Make sure that a frame follows the record, or nothing, or less than 4 bytes; else it must hold a whole image."""
    try:
        if MAGIC_BYTES.startswith(bytes(buffer[following : following + 4])):
            return
    except UnreadableError:  # which says nothing of this record
        pass
    data = bytes(content)
    if imagefile.sniff(data) not in ("JPEG", "PNG"):
        raise RecordFormatError(path, offset + 4, "a length up to the next frame", "no frame there")
    try:
        imagefile.check_whole(data)
    except ImageError as error:
        raise RecordFormatError(path, offset + 4, "a length up to the next frame", f"none there, and {error}") from None


def _add_lost(lost: List[LostRange], start: int, end: int, reason: str, is_new: bool = False) -> None:
    """Add a range, as a part of the one before where it goes on with that, unless it has to be a new one."""
    if not is_new and lost and lost[-1].end == start:
        lost[-1] = LostRange(lost[-1].start, end, lost[-1].reason)
    else:
        lost.append(LostRange(start, end, reason))


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
        text = f"{self.num_images:,} {'image' if self.num_images == 1 else 'images'} in {self.folder}, listed in {self.list_path}"
        none = len(self.skipped)
        return text + (f"; {none:,} {'record holds' if none == 1 else 'records hold'} none" if none else "")


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
        Whether to replace the files of an earlier extraction. A folder that holds any other file is never replaced.

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
        shutil.rmtree(previous)
        return report
    list_path = os.path.join(folder, "images.lst")
    partial = list_path + ".partial"
    with RecordFile(rec_path, idx_path) as records:
        is_new = not os.path.isdir(folder)
        os.makedirs(folder, exist_ok=True)
        try:
            with open(partial, "w", encoding="utf-8", newline="\n") as entries:
                count, skipped = _write_images(records, folder, entries, by_label)
            os.replace(partial, list_path)
        except BaseException:
            _empty(folder)
            if is_new:
                os.rmdir(folder)
            raise
    return ExtractReport(folder, list_path, count, tuple(skipped))


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
    extension = EXTENSIONS.get(imagefile.sniff(bytes(record.content[:64])) or "", ".bin")
    name = f"{record.index}{'' if used == 1 else f'_{used}'}{extension}"
    return f"{_folder_name(record.labels[0])}/{name}" if by_label and len(record.labels) else name


def _folder_name(label: np.float32) -> str:
    """With as many digits as no other label has."""
    return f"{label:.0f}" if float(label).is_integer() else str(label)

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""salvage(): the whole records of a damaged .rec, in a new dataset. Decodes no image, needs no MXNet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Iterator, List, Tuple, Union

from .. import arguments
from ..dataset.writer import RecordWriter
from ..errors import ArgumentValueError, EmptyDatasetError, ImageError, RecordFormatError
from ..images.checks import check_whole
from ..images.formats import sniff
from ..recordio.frames import MAGIC_BYTES, find_magic, find_record, read_frames, read_record
from ..recordio.header import unpack_header
from ..recordio.paths import DatasetPaths
from ..storage.filebuffer import FileBuffer, UnreadableError
from ..text import count
from ..values import format_bytes

_Path = Union[str, os.PathLike]


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
        kept = count(self.num_records, "record")
        lines = [f"{kept}, {format_bytes(self.num_bytes)}, kept in {self.rec_path}"]
        if self.lost:
            lines.append(f"{format_bytes(lost)} lost, in {count(len(self.lost), 'place')}:")
            lines += [f"  bytes {each.start:,} to {each.end:,}: {each.reason}" for each in self.lost]
        else:
            lines.append("nothing is lost")
        return "\n".join(lines)


def salvage(rec_path: _Path, output_path: _Path, *, overwrite: bool = False) -> SalvageReport:
    """Save every record of a damaged .rec that is still whole into a new dataset.

    A record is whole if its frame is, if no other frame begins within it, and if another frame or the end of the file follows.
    Where what follows is damaged, it must hold an image that is whole. Bytes that changed within an image are not noticed. Where
    the disk cannot read, it is tried page by page; only the records on the unreadable pages are lost.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The damaged .rec; it is not changed.
    output_path : str or os.PathLike
        ``out`` or ``out.rec`` gives ``out.rec`` and ``out.idx``; a folder receives files named after the damaged .rec.
    overwrite : bool
        Whether to replace a dataset that is there already, and to give up what an interrupted run has left beside the output.

    Returns
    -------
    SalvageReport

    Raises
    ------
    EmptyDatasetError
        If not one record is whole.
    OutputError
        If the output cannot be written, another run is writing it, or an interrupted run could still be resumed there (unless
        ``overwrite`` is given).
    FileExistsError
        If the output is there already, unless ``overwrite`` is given.
    OSError
        If the folder of the output does not exist, or the damaged .rec cannot be opened.
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
    arguments.refuse_existing(paths.files, overwrite)
    lost: List[LostRange] = []
    with FileBuffer(rec_path) as buffer, RecordWriter(paths, gives_up=overwrite) as writer:
        for index, payload in _whole_records(buffer, rec_path, lost):
            writer.write(index, bytes(payload))
        if not writer.num_records:
            raise EmptyDatasetError(f"not one record of {rec_path!r} is whole; nothing was written")
        writer.finish()
        writer.publish()
    return SalvageReport(paths.rec, paths.idx, writer.num_records, writer.num_bytes, tuple(lost))


def _whole_records(buffer: FileBuffer, path: str, lost: List[LostRange]) -> Iterator[Tuple[int, Union[bytes, memoryview]]]:
    """The index and the payload of each whole record; what is between them is added to `lost`.

    Each byte is looked at a few times at most, whatever the bytes are. That is why a payload is read only if no magic is in the
    middle of a frame: no record can begin within a record that is lost.
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
    """Where the record's frames end. RecordFormatError if a magic is within one: its length is damaged then."""
    for start, _, following, _ in read_frames(buffer, offset, path):
        if find_magic(buffer, start + 8, following) is not None:
            raise RecordFormatError(path, start + 4, "a length that ends before the next frame", "frames within the payload")
    return following


def _check_end(buffer: FileBuffer, offset: int, following: int, content: Union[bytes, memoryview], path: str) -> None:
    """Make sure that a frame follows the record, or nothing, or less than 4 bytes. Otherwise it must hold a whole image."""
    try:
        if MAGIC_BYTES.startswith(bytes(buffer[following : following + 4])):
            return
    except UnreadableError:  # what follows is unreadable, this record need not be damaged
        pass
    data = bytes(content)
    if sniff(data) not in ("JPEG", "PNG"):
        raise RecordFormatError(path, offset + 4, "a length up to the next frame", "no frame there")
    try:
        check_whole(data)
    except ImageError as error:
        raise RecordFormatError(path, offset + 4, "a length up to the next frame", f"none there, and {error}") from None


def _add_lost(lost: List[LostRange], start: int, end: int, reason: str, is_new: bool = False) -> None:
    """Add a range; it becomes a part of the range before if it begins at its end, and if it need not be a new one."""
    if not is_new and lost and lost[-1].end == start:
        lost[-1] = LostRange(lost[-1].start, end, lost[-1].reason)
    else:
        lost.append(LostRange(start, end, reason))

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The names of ``mx.recordio`` for files: MXRecordIO and MXIndexedRecordIO. Knows no headers and no images; needs no MXNet.

They write the bytes that MXNet's write, and read what MXNet's read. Unlike MXNet's they may be used in threads. A reader goes on
in a process that was forked; a writer refuses to write there. Reading checks every frame.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import Any, Callable, Dict, List, Optional, TextIO, Tuple, Union

from ..errors import ArgumentTypeError, ArgumentValueError, OutputError, RecordFormatError
from ..storage.filebuffer import FileBuffer
from ..storage.forks import ForkLock
from .advice import damaged_rec
from .frames import frame, read_record
from .index import read_keys
from .stream import RecordStream

_Path = Union[str, os.PathLike]
_NOT_PICKLED = ("_lock", "_stream", "_buffer", "_position")


class MXRecordIO:
    """A .rec, to be read or written record by record, in the place of ``mx.recordio.MXRecordIO``.

    Threads may share it: each ``read`` gives another record, and no two records mix in the file. After a fork each process reads
    on at a position of its own; a writer belongs to the process that opened it. A reader can be pickled: the copy opens the file,
    and begins at the first record. It is a context manager, which closes the file. The file is also closed when nobody refers to
    the object.

    Parameters
    ----------
    uri : str or os.PathLike
        The path of the .rec.
    flag : {'r', 'w'}
        Read it, or write a new one over what is there.

    Attributes
    ----------
    uri, flag : str
        As given.
    is_open, writable : bool
        Whether it is open, and whether that is for writing.
    pid : int or None
        The process that has opened it; None while it is closed.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If ``flag`` is something else.

    Examples
    --------
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), 'a.rec')
    >>> writer = MXRecordIO(path, 'w')
    >>> for number in range(3):
    ...     writer.write(b'record %d' % number)
    >>> writer.close()
    >>> reader = MXRecordIO(path, 'r')
    >>> reader.read(), reader.read(), reader.read(), reader.read()
    (b'record 0', b'record 1', b'record 2', None)
    """

    is_open = False
    pid: Optional[int] = None
    _stream: Any = None
    _buffer: Any = None
    _position = 0

    def __init__(self, uri: _Path, flag: str) -> None:
        self.uri = os.fsdecode(uri)
        self.flag = flag
        self.writable = flag == "w"
        self._lock = ForkLock()
        self.open()

    def open(self) -> None:
        """Open the file, from its begin; for writing the file is empty then. What is open is closed first."""
        if self.flag not in ("r", "w"):
            raise ArgumentValueError("flag", "must be 'r' or 'w'", self.flag)
        with self._lock:
            self._refuse_after_fork()
            self.close()
            self._position = 0
            if self.writable:
                rec = open(self.uri, "wb", buffering=0)  # noqa: SIM115  # closed by close()
                try:
                    self._stream = RecordStream(rec, self._open_index())
                except BaseException:
                    rec.close()
                    raise
                self._lock.in_child = self._stream.let_go
            else:
                self._buffer = FileBuffer(self.uri)
            self.pid = os.getpid()
            self.is_open = True

    def _open_index(self) -> Optional[TextIO]:
        """The .idx to write, where there is one."""
        return None

    def close(self) -> None:
        """Close the file. A writer hands what it has to the system before; OutputError if that fails."""
        if not self.is_open:
            return
        with self._lock:
            self.is_open = False
            self.pid = None
            stream, self._stream = self._stream, None
            buffer, self._buffer = self._buffer, None
            self._lock.in_child = None
            if buffer is not None:
                buffer.close()
            if stream is not None:
                try:
                    stream.close()
                except OSError as error:
                    raise self._cannot_write(error) from error

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def reset(self) -> None:
        """Begin again at the first record. A writer begins with an empty file."""
        with self._lock:
            self._refuse_after_fork()
            self.close()
            self.open()

    def write(self, buf: Union[bytes, bytearray, memoryview]) -> None:
        """Append a record.

        Parameters
        ----------
        buf : bytes
            The record, at most 2**29 - 1 bytes.

        Raises
        ------
        ArgumentTypeError, ValueError
            If it is no bytes, or too long.
        OutputError
            If it cannot be written whole. The file has the records before it then.
        io.UnsupportedOperation
            If the file is open for reading.
        RuntimeError
            If the file is closed, or was opened by another process.
        """
        record = _as_bytes(buf)
        self._check_writer()
        with self._lock:
            self._write(record)

    def _write(self, record: bytes) -> None:
        try:
            self._stream.write(frame(record))
        except OSError as error:
            with suppress(OSError):  # what has failed first is what to tell
                self._stream.take_back()
            raise self._cannot_write(error) from error

    def read(self) -> Optional[bytes]:
        """The next record; None at the end of the file.

        Raises
        ------
        RecordFormatError
            If the file is damaged here.
        OSError
            If the disk cannot read it.
        io.UnsupportedOperation
            If the file is open for writing.
        RuntimeError
            If it is closed.
        """
        self._check_reader()
        if not self.is_open:
            raise RuntimeError(f"{self.uri!r} is closed; open() or reset() opens it")
        with self._lock:
            if self._position == len(self._buffer):
                return None
            record, self._position = self._read_at(self._position)
        return record

    def _read_at(self, offset: int, why: Optional[str] = None) -> Tuple[bytes, int]:
        """The record that begins at an offset, and where the next one begins; ``why`` is what the error says of the damage."""
        try:
            payload, following = read_record(self._buffer, offset, self.uri)
        except RecordFormatError as error:
            raise damaged_rec(error, why) from None
        return bytes(payload), following

    # What may not be.

    def _check_writer(self) -> None:
        if not self.writable:
            raise io.UnsupportedOperation(f"{self.uri!r} is open for reading; a file that is opened with flag 'w' can be written")
        if not self.is_open:
            raise RuntimeError(f"{self.uri!r} is closed; open() or reset() opens it, and empties it")
        self._refuse_after_fork()

    def _check_reader(self) -> None:
        if self.writable:
            raise io.UnsupportedOperation(f"{self.uri!r} is open for writing; a file that is opened with flag 'r' can be read")

    def _refuse_after_fork(self) -> None:
        if self.is_open and self.writable and self.pid != os.getpid():
            what = f"process {self.pid} has opened {self.uri!r} for writing, this is process {os.getpid()}, forked from it"
            raise RuntimeError(f"Forbidden operation in multiple processes: {what}; let each process write a file of its own")

    def _cannot_write(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write {self.uri!r}, is the disk full? {error}")

    # Pickling.

    def __getstate__(self) -> Dict[str, Any]:
        if self.is_open and self.writable:
            raise TypeError(f"{self.uri!r} is open for writing, and a copy would empty it; close() it before it is pickled")
        return {name: value for name, value in self.__dict__.items() if name not in _NOT_PICKLED}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state, is_open=False, pid=None)
        self._lock = ForkLock()
        if state.get("is_open"):
            self.open()


class MXIndexedRecordIO(MXRecordIO):
    """A .rec with its .idx, to be read or written by key, in the place of ``mx.recordio.MXIndexedRecordIO``.

    All that holds for :class:`MXRecordIO` holds for it. Reading by key has no position that threads could take from each other.

    Parameters
    ----------
    idx_path : str or os.PathLike
        The path of the .idx.
    uri : str or os.PathLike
        The path of the .rec.
    flag : {'r', 'w'}
        Read them, or write new ones over what is there.
    key_type : callable
        Makes the key, from the ``idx`` of ``write_idx`` or from the text in the .idx; int by default.

    Attributes
    ----------
    keys : list
        The keys, in the order of the .idx.
    idx : dict
        From the key to where its record begins in the .rec; of several records with one key, the last.

    Raises
    ------
    OSError
        If a file cannot be opened.
    RecordFormatError
        If a line of the .idx does not hold a key and an offset.
    ValueError
        If ``flag`` is something else.

    Examples
    --------
    >>> import os, tempfile
    >>> prefix = os.path.join(tempfile.mkdtemp(), 'a')
    >>> with MXIndexedRecordIO(prefix + '.idx', prefix + '.rec', 'w') as writer:
    ...     for key in (5, 3):
    ...         writer.write_idx(key, b'record %d' % key)
    >>> with MXIndexedRecordIO(prefix + '.idx', prefix + '.rec', 'r') as reader:
    ...     print(reader.keys, reader.read_idx(3))
    [5, 3] b'record 3'
    """

    def __init__(self, idx_path: _Path, uri: _Path, flag: str, key_type: Callable[[Any], Any] = int) -> None:
        self.idx_path = os.fsdecode(idx_path)
        self.idx: Dict[Any, int] = {}
        self.keys: List[Any] = []
        self.key_type = key_type
        super().__init__(uri, flag)

    def open(self) -> None:
        """Open both files, and read the .idx. For writing both are empty then."""
        with self._lock:
            super().open()
            self.idx = {}
            self.keys = []
            if not self.writable:
                try:
                    for key, offset in read_keys(self.idx_path, self.key_type, self.uri):
                        self.idx[key] = offset
                        self.keys.append(key)
                except BaseException:
                    self.close()
                    raise

    def _open_index(self) -> Optional[TextIO]:
        return open(self.idx_path, "w", encoding="utf-8", newline="\n")

    def seek(self, idx: Any) -> None:
        """Have the next ``read`` give the record of a key. A file that is closed is opened.

        For threads, :meth:`read_idx` does both at once.

        Raises
        ------
        KeyError
            If there is no such key.
        """
        self._check_reader()
        self._open_if_closed()
        offset = self.idx[idx]
        with self._lock:
            self._position = offset

    def tell(self) -> int:
        """Where the next record will begin, in bytes. For writers alone."""
        self._check_writer()
        return self._stream.tell()

    def read_idx(self, idx: Any) -> bytes:
        """The record of a key. A file that is closed is opened. The next ``read`` gives the record behind it.

        Raises
        ------
        KeyError
            If there is no such key.
        RecordFormatError
            If no whole record begins where the .idx says.
        OSError
            If the disk cannot read it.
        """
        self._check_reader()
        self._open_if_closed()
        offset = self.idx[idx]
        if offset >= len(self._buffer):
            found = f"the end of the file, of {len(self._buffer):,} bytes"
            error = RecordFormatError(self.uri, offset, f"the record of the key {idx!r}, by {self.idx_path!r}", found)
            raise damaged_rec(error, "the .rec was cut off, or the .idx is of another one")
        record, following = self._read_at(offset, "the .rec is damaged, or the .idx is of another one")
        with self._lock:
            self._position = following
        return record

    def _open_if_closed(self) -> None:
        if not self.is_open:
            with self._lock:
                if not self.is_open:
                    self.open()

    def write_idx(self, idx: Any, buf: Union[bytes, bytearray, memoryview]) -> None:
        """Append a record, and its key to the .idx.

        Parameters
        ----------
        idx : int
            The key; ``key_type`` makes it one.
        buf : bytes
            The record.

        Raises
        ------
        ArgumentValueError
            If the key is a text that no line of the .idx gives back, such as one with a tab in it.
        Exception
            As :meth:`write` does.
        """
        self._check_writer()
        record = _as_bytes(buf)
        key = self.key_type(idx)
        text = str(key)
        if self.key_type is not int and not _comes_back(text):
            raise ArgumentValueError("idx", "must be a text without a tab or a line end, and without a blank before it", text)
        with self._lock:
            offset = self._stream.tell()
            self._write(record)
            self._stream.idx.write(f"{text}\t{offset}\n")
            self.idx[key] = offset
            self.keys.append(key)

    def __getstate__(self) -> Dict[str, Any]:
        state = super().__getstate__()
        if self.is_open:  # the copy reads the .idx
            state["idx"], state["keys"] = {}, []
        return state


def _as_bytes(buf: Any) -> bytes:
    if isinstance(buf, bytes):
        return buf
    try:
        return memoryview(buf).tobytes()
    except TypeError:
        raise ArgumentTypeError("buf", "must be bytes; a str has to be encoded first", buf) from None


def _comes_back(text: str) -> bool:
    """Whether a line of an .idx gives this text back as its key."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return not {"\n", "\r"} & set(text) and f"{text}\t0".strip().split("\t") == [text, "0"]

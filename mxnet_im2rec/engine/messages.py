# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Messages in a pipe between two processes: eight bytes of length, then a pickled object. Knows no message's meaning."""

from __future__ import annotations

import io
import os
import pickle
import struct
from multiprocessing.connection import Connection
from typing import Any

_LENGTH = struct.Struct("=Q")


def pack(message: Any) -> memoryview:
    """The bytes of a message."""
    stream = io.BytesIO()
    stream.write(bytes(_LENGTH.size))
    pickle.dump(message, stream, pickle.HIGHEST_PROTOCOL)
    packed = stream.getbuffer()
    _LENGTH.pack_into(packed, 0, len(packed) - _LENGTH.size)
    return packed


class MessageReader:
    """Takes messages from the end of a pipe. It waits for the pipe only where the pipe is one that blocks."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.num_bytes = 0  # that have come in all
        self._is_length = True
        self._expect(_LENGTH.size)

    def _expect(self, size: int) -> None:
        self._buffer = bytearray(size)
        self._rest = memoryview(self._buffer)

    def take(self) -> Any:
        """The next message; None while a part of it is not there yet. EOFError if the other end is closed."""
        while True:
            try:
                count = os.readv(self.pipe.fileno(), [self._rest])
            except BlockingIOError:
                return None
            if not count:
                raise EOFError
            self.num_bytes += count
            self._rest = self._rest[count:]
            if self._rest:
                continue
            buffer, self._is_length = self._buffer, not self._is_length
            self._expect(_LENGTH.size if self._is_length else _LENGTH.unpack(buffer)[0])
            if self._is_length:
                return pickle.loads(buffer)

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a file is still what it was. Does not know what it holds."""

from __future__ import annotations

import hashlib
import os
from typing import Optional

from .filebuffer import identity


class FileState:
    """A regular file as it was when this was made.

    Examples
    --------
    >>> state = FileState(os.__file__)
    >>> len(state.digest), state.is_unchanged()
    (32, True)
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._stamp = identity(os.stat(path))
        self._digest: Optional[str] = None

    @property
    def digest(self) -> str:
        """Of the whole file, in hexadecimal digits."""
        if self._digest is None:
            self._digest = self._hash()
        return self._digest

    def is_unchanged(self) -> bool:
        """Whether the file is what it was; one that was written again with the same bytes is, once its digest was asked for."""
        try:
            return identity(os.stat(self._path)) == self._stamp or self._hash() == self._digest
        except OSError:  # it is gone
            return False

    def _hash(self) -> str:
        found = hashlib.blake2b(digest_size=16)
        with open(self._path, "rb") as stream:
            for data in iter(lambda: stream.read(1 << 20), b""):
                found.update(data)
        return found.hexdigest()

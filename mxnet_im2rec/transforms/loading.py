# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The file of an entry becomes pixels: read, decode, transform. Knows no encoding, no record and no other entry."""

from __future__ import annotations

import errno
import os
import stat
from typing import Callable, Optional, Tuple

import numpy as np

from .. import arguments
from ..errors import ImageError
from ..images import codec as images
from ..images.checks import check_size
from ..images.decoder_messages import listen_to
from ..images.jpeg import Head
from ..mxnet_compat import forget_failures
from ..storage.opening import open_without_waiting
from ..values import ListEntry
from .plan import make_plan
from .processes import prepare_worker_process
from .reasons import has_used_up_its_process

_LARGEST_FILE = 1 << 31
_PIECE = 1 << 20  # bytes, of a file that is longer than the system has said


class ImageLoader:
    """Reads the images of entries and applies the transformations to them. Can be pickled.

    Packing and verify() both use it, so that both get the same pixels. Its steps are separate, since packing says which of them
    failed.
    """

    def __init__(
        self,
        *,
        root: str,
        transformations: Optional[Callable],
        seed: int,
        color: int,
        fast_decode: bool,
        max_pixels: Optional[int] = None,
    ) -> None:
        self._color = arguments.color(color)
        self._root = root
        self._plan = None if transformations is None else make_plan(transformations, seed)
        self._fast_decode = bool(fast_decode)
        self._max_pixels = max_pixels

    @property
    def has_transformations(self) -> bool:
        """Whether :meth:`transform` may change an image."""
        return self._plan is not None

    def prepare(self) -> None:
        """Make a worker process ready."""
        prepare_worker_process()
        if self._plan is not None:
            self._plan.prepare()

    def read(self, entry: ListEntry) -> bytes:
        """The bytes of an entry's file."""
        path = os.path.join(self._root, entry.path)
        descriptor = open_without_waiting(path, os.O_RDONLY)  # a file object would take as long again
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_FILE:
                raise ImageError(f"no file of an image: {path!r} is {_kind(status)}")
            data = os.read(descriptor, status.st_size + 1)
            if len(data) != status.st_size:  # the file changes, or the system has more to say of it
                data += b"".join(iter(lambda: os.read(descriptor, _PIECE), b""))
        finally:
            os.close(descriptor)
        if not data:
            raise ImageError(f"the file is empty: {path!r}")
        return data

    def check_size(self, data: bytes, head: Optional[Head] = None) -> None:
        """Raise ImageError if the image has more pixels than are allowed. The other steps do not look at this."""
        check_size(data, self._max_pixels, head)

    def decode(self, data: bytes, head: Optional[Head] = None) -> Tuple[images.Decoded, Optional[str]]:
        """The pixels as :meth:`transform` takes them; and the decoder's words, if the image is damaged inside.

        The head of a JPEG can be given, if it was read before.
        """
        return listen_to(self._decode, data, head)

    def _decode(self, data: bytes, head: Optional[Head]) -> images.Decoded:
        if self._fast_decode and self._plan is not None:
            return images.decode_smaller(data, self._color, self._plan.target_size, head)
        return images.decode(data, self._color, head), None

    def transform(self, decoded: images.Decoded, index: int) -> np.ndarray:
        """Apply the transformations; without any, the pixels are what was decoded."""
        image, full_size = decoded
        return image if self._plan is None else self._plan(images.to_8_bits(image), index, full_size)

    def recover(self, error: BaseException) -> bool:
        """After a failure, make sure that the next image can be loaded; gives whether this process is of no more use."""
        forget_failures()
        if self._plan is not None:
            self._plan.forget_graphs(error)
        return has_used_up_its_process(error)


def _kind(status: os.stat_result) -> str:
    return f"of {status.st_size:,} bytes" if stat.S_ISREG(status.st_mode) else "a pipe or a device"

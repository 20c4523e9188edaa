# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The image of an entry becomes pixels: read, decode, transform. Knows no encoding, no record and no other entry."""

from __future__ import annotations

import errno
import os
import pickle
import stat
from typing import Callable, Optional, Tuple, Union

import numpy as np

from .. import arguments
from ..errors import ImageError
from ..images import codec as images
from ..images.arrays import as_image, to_decoded
from ..images.checks import check_number, check_size
from ..images.decoder_messages import listen_to
from ..images.jpeg import Head, head_of
from ..mxnet_compat import forget_failures
from ..storage.opening import open_without_waiting
from ..values import ImageEntry, ListEntry
from .plan import make_plan
from .processes import prepare_worker_process
from .reasons import has_used_up_its_process

Content = Union[bytes, np.ndarray, str]
"""What is read of an entry: the bytes of an image file, pixels in RGB order, or the path of a file."""

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
        decode: Optional[Callable] = None,
    ) -> None:
        self._color = arguments.color(color)
        self._root = root
        self._plan = None if transformations is None else make_plan(transformations, seed)
        self._fast_decode = bool(fast_decode)
        self._max_pixels = max_pixels
        self._decode_by = decode

    def __getstate__(self) -> dict:
        import cloudpickle  # which takes functions along that no module has

        return {**self.__dict__, "_decode_by": cloudpickle.dumps(self._decode_by)}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state, _decode_by=pickle.loads(state["_decode_by"]))

    @property
    def has_transformations(self) -> bool:
        """Whether :meth:`transform` may change an image."""
        return self._plan is not None

    def prepare(self) -> None:
        """Make a worker process ready."""
        prepare_worker_process()
        if self._plan is not None:
            self._plan.prepare()

    def read(self, entry: ListEntry) -> Content:
        """The bytes of an entry's image, or its pixels; for a decoder of the caller's the path of the file."""
        if isinstance(entry, ImageEntry):
            return entry.image
        path = os.path.join(self._root, entry.path)
        if self._decode_by is not None:
            os.stat(path)  # a file that is not there is no matter of decoding
            return path
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

    def head_of(self, data: Content) -> Optional[Head]:
        """The head of what was read, where OpenCV is to decode it and it is a JPEG."""
        return head_of(data) if isinstance(data, bytes) and self._decode_by is None else None

    def check_size(self, data: Content, head: Optional[Head] = None) -> None:
        """Raise ImageError if the image has more pixels than are allowed. The other steps do not look at this.

        What a decoder of the caller's will make can be known only when it has made it.
        """
        if isinstance(data, np.ndarray):
            check_number(data.shape[:2], self._max_pixels)
        elif isinstance(data, bytes) and self._decode_by is None:
            check_size(data, self._max_pixels, head)

    def decode(self, data: Content, head: Optional[Head] = None) -> Tuple[images.Decoded, Optional[str]]:
        """The pixels as :meth:`transform` takes them; and the decoder's words, if the image is damaged inside.

        The head of a JPEG can be given, if it was read before.
        """
        if isinstance(data, np.ndarray):
            return (to_decoded(data, self._color), None), None
        if self._decode_by is not None:
            return self._decode_by_caller(data)
        return listen_to(self._decode, data, head)

    def _decode_by_caller(self, data: Content) -> Tuple[images.Decoded, Optional[str]]:
        assert self._decode_by is not None
        pixels = as_image(self._decode_by(data))
        if not isinstance(pixels, np.ndarray):
            raise ImageError(f"the function that decodes gave {type(pixels).__name__}; it must give an array of uint8")
        check_number(pixels.shape[:2], self._max_pixels)
        return (to_decoded(pixels, self._color), None), None

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

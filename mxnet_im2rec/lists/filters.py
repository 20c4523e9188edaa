# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Which images are wanted: by the format and the size that the header of the file tells. Decodes nothing, and knows no list."""

from __future__ import annotations

import os
import stat
from typing import FrozenSet, Iterable, Optional, Union

from .. import arguments
from ..errors import ArgumentTypeError, ArgumentValueError
from ..images.formats import FORMATS, Size, describe, sniff
from ..images.sizes import image_size
from ..storage.opening import open_without_waiting

_HEAD_BYTES = 64 << 10
"""What is read of a file; it holds the header of most. All of it is read where these bytes do not tell the size."""

_OTHER_NAMES = {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG 2000", "jxl": "JPEG XL", "heic": "HEIF", "exr": "OpenEXR"}


class ImageFilter:
    """Says why an image is not wanted.

    Parameters
    ----------
    min_side : int, optional
        How many pixels the shorter side must have at least.
    max_aspect : float, optional
        How many times as long as the shorter side the longer one may be at most; at least 1.
    formats : str or iterable of str, optional
        The formats that are wanted, such as ``('jpeg', 'png')``, in any case. A file's format is that of its content: the
        extension of its name has no say.

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong.

    Examples
    --------
    >>> ImageFilter(min_side=300).why_not(bytes.fromhex('47494638396140010001'))  # a GIF of 320 x 256 pixels
    'its shorter side has 256 pixels, less than 300'
    >>> ImageFilter(formats='jpeg,png').why_not(bytes.fromhex('47494638396140010001'))
    'its format is GIF'
    """

    def __init__(
        self,
        min_side: Optional[int] = None,
        max_aspect: Optional[float] = None,
        formats: Union[None, str, Iterable[str]] = None,
    ) -> None:
        self.min_side = None if min_side is None else arguments.whole_number("min_side", min_side, 1)
        self.max_aspect = None if max_aspect is None else arguments.number("max_aspect", max_aspect)
        if self.max_aspect is not None and self.max_aspect < 1:
            raise ArgumentValueError("max_aspect", "must be at least 1, the aspect of a square", max_aspect)
        self.formats = None if formats is None else _check_formats(formats)

    def __bool__(self) -> bool:
        """Whether there is an image that is not wanted, so that files must be opened."""
        return not (self.min_side is None and self.max_aspect is None and self.formats is None)

    def why_not(self, head: bytes) -> Optional[str]:
        """Why an image is not wanted, by the first bytes of its file; None if it is wanted."""
        if self.formats is not None and sniff(head) not in self.formats:
            name = sniff(head)
            return f"its format is {name}" if name in FORMATS else f"it is no image: {describe(head)}"
        if self.min_side is None and self.max_aspect is None:
            return None
        size = image_size(head)
        if size is None:
            return f"its header does not tell its size: {describe(head)}"
        return self._why_not_size(size)

    def why_not_pixels(self, height: int, width: int) -> Optional[str]:
        """Why an image is not wanted that is an array already."""
        return "it is an array, and has no format" if self.formats is not None else self._why_not_size((height, width))

    def _why_not_size(self, size: Size) -> Optional[str]:
        shorter, longer = min(size), max(size)
        if self.min_side is not None and shorter < self.min_side:
            return f"its shorter side has {shorter:,} pixels, less than {self.min_side:,}"
        if self.max_aspect is not None and longer > self.max_aspect * shorter:
            return f"its sides are {size[1]:,} x {size[0]:,} pixels, more than {self.max_aspect:g} to 1"
        return None

    def why_not_file(self, path: str) -> Optional[str]:
        """Why the image in a file is not wanted. Of most files only the begin is read. OSError if it cannot be read."""
        with open(path, "rb", opener=open_without_waiting) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise OSError(f"{path!r} is no regular file")
            head = stream.read(_HEAD_BYTES)
            if len(head) == _HEAD_BYTES and sniff(head) in FORMATS and image_size(head) is None:
                head += stream.read()
        return self.why_not(head)


def _check_formats(formats: Union[str, Iterable[str]]) -> FrozenSet[str]:
    by_name = {name.lower(): name for name in FORMATS}
    by_name.update(_OTHER_NAMES)
    found = set()
    for given in formats.split(",") if isinstance(formats, str) else formats:
        if not isinstance(given, str):
            raise ArgumentTypeError("formats", "must be names of formats such as 'jpeg'", given)
        name = by_name.get(given.strip().lower())
        if name is None:
            raise ArgumentValueError("formats", f"must be of {', '.join(sorted(map(str.lower, FORMATS)))}", given)
        found.add(name)
    if not found:
        raise ArgumentValueError("formats", "is empty", help="give the formats that are wanted, such as 'jpeg'")
    return frozenset(found)

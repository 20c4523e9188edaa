# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The names of ``mx.recordio`` for one record: IRHeader, pack, unpack, pack_img, unpack_img; and imdecode. Opens no file.

They take and give what MXNet's take and give, byte for byte, and need no MXNet.
"""

from __future__ import annotations

import numbers
import struct
from typing import Any, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from ..arguments import whole_number
from ..errors import ArgumentTypeError, ArgumentValueError, RecordFormatError

_HEADER = struct.Struct("IfQQ")  # native, as in MXNet: a label beyond float32 becomes an infinity
_THE_RECORD = "<record>"  # what the errors have in the place of a path
_BYTES = Union[bytes, bytearray, memoryview]


class IRHeader(NamedTuple):
    """The header of an image record. Any tuple of these four takes its place.

    Attributes
    ----------
    flag : int
        0 if the label is a number; else how many labels there are. :func:`pack` sets it from the label.
    label : float or numpy.ndarray
        A number, or several. :func:`unpack` gives a float, or (n,) float32.
    id : int
        The image's index, from 0 to 2**64 - 1.
    id2 : int
        A second id, which nobody uses; 0.

    Examples
    --------
    >>> IRHeader(0, 4.0, 2574, 0).id
    2574
    """

    flag: int
    label: Any
    id: int
    id2: int


def pack(header: Union[IRHeader, Sequence[Any]], s: _BYTES) -> bytes:
    """Put a header, and its labels, before the bytes of an image.

    Parameters
    ----------
    header : IRHeader
        Its label is a number, which goes into the header itself, or a sequence or an array of numbers, which follow the header as
        float32. A sequence of one number is a sequence.
    s : bytes
        The image file, or anything else.

    Returns
    -------
    bytes
        What ``write`` and ``write_idx`` take.

    Raises
    ------
    ArgumentTypeError
        If ``s`` is no bytes; a str has to be encoded first.
    ArgumentValueError
        If a field of the header has another type, or is out of its range.

    Examples
    --------
    >>> pack(IRHeader(0, 1.0, 7, 0), b'image')[-5:]
    b'image'
    >>> len(pack(IRHeader(0, 1.0, 7, 0), b'image')), len(pack(IRHeader(0, [1.0, 2.0], 7, 0), b'image'))
    (29, 37)
    """
    header = IRHeader(*header)
    labels = b""
    if isinstance(header.label, numbers.Number):
        header = header._replace(flag=0)
    else:
        array = np.asarray(header.label, np.float32)
        header, labels = header._replace(flag=array.size, label=0.0), array.tobytes()
    try:
        begin = _HEADER.pack(*header)
    except struct.error as error:
        rule = f"must have a label that is a number or several, and an id and an id2 from 0 to 2**64 - 1 ({error})"
        raise ArgumentValueError("header", rule, header) from None
    if isinstance(s, str) or not _has_bytes(s):
        raise ArgumentTypeError("s", "must be bytes", s)
    return b"".join((begin, labels, s))


def unpack(s: _BYTES) -> Tuple[IRHeader, Any]:
    """Part a record into its header and the bytes behind it.

    Parameters
    ----------
    s : bytes
        The record, as ``read`` and ``read_idx`` give it. A bytearray or a memoryview serves too.

    Returns
    -------
    (IRHeader, bytes)
        The header's label is a float where the flag is 0; else (flag,) float32, read-only, and no copy. The bytes are of the type
        of ``s``.

    Raises
    ------
    RecordFormatError
        If the record is too short for its header or its labels.
    ArgumentTypeError
        If ``s`` is no bytes, such as the None of ``read`` at the end of the file.

    Examples
    --------
    >>> unpack(pack(IRHeader(0, [1.0, 2.5], 7, 0), b'image'))
    (IRHeader(flag=2, label=array([1. , 2.5], dtype=float32), id=7, id2=0), b'image')
    """
    if not _has_bytes(s):
        raise ArgumentTypeError("s", "must be bytes, a whole record", s)
    if len(s) < _HEADER.size:
        raise RecordFormatError(_THE_RECORD, 0, f"a header of {_HEADER.size} bytes", f"a record of {len(s)} bytes")
    header = IRHeader(*_HEADER.unpack_from(s))
    if header.flag == 0:
        return header, s[_HEADER.size :]
    end = _HEADER.size + 4 * header.flag
    if len(s) < end:
        found = f"{len(s) - _HEADER.size:,} bytes to the end of the record"
        raise RecordFormatError(_THE_RECORD, _HEADER.size, f"{header.flag:,} labels of 4 bytes", found)
    return header._replace(label=np.frombuffer(s, np.float32, header.flag, _HEADER.size)), s[end:]


def pack_img(header: Union[IRHeader, Sequence[Any]], img: np.ndarray, quality: int = 95, img_fmt: str = ".jpg") -> bytes:
    """Encode an image, and put a header before it.

    Parameters
    ----------
    header : IRHeader
        As :func:`pack` takes it.
    img : numpy.ndarray
        (H, W, 3) uint8 in BGR order, as OpenCV has it, or (H, W) grey. PNG takes (H, W, 4) BGRA and uint16 too.
    quality : int
        From 1 to 100 for JPEG; for PNG the compression, from 0 to 9. 95, the default, is as 9 for PNG.
    img_fmt : str
        ``'.jpg'``, ``'.jpeg'`` or ``'.png'``, in small or capital letters. Other formats that OpenCV writes go too, but MXNet's
        readers take JPEG, PNG, BMP and TIFF alone.

    Returns
    -------
    bytes
        The record.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        If an argument is wrong.
    ImageError
        If the image cannot be encoded.

    Examples
    --------
    >>> image = np.zeros((4, 6, 3), np.uint8)
    >>> header, same = unpack_img(pack_img(IRHeader(0, 3.0, 7, 0), image, quality=3, img_fmt='.png'))
    >>> header.label, same.shape
    (3.0, (4, 6, 3))
    """
    from ..images import mxnet_like  # loads OpenCV

    return pack(header, mxnet_like.imencode(img, img_fmt, quality))


def unpack_img(s: _BYTES, iscolor: int = -1) -> Tuple[IRHeader, Optional[np.ndarray]]:
    """Part a record into its header and its image, decoded.

    Parameters
    ----------
    s : bytes
        The record.
    iscolor : int
        The flags of ``cv2.imdecode``, a whole number. -1: as stored. 1: colour. 0: grey. With 1 and 0 EXIF orientation is
        applied.

    Returns
    -------
    (IRHeader, numpy.ndarray or None)
        (H, W, 3) uint8 in BGR order, (H, W) grey; with -1 also (H, W, 4) BGRA, and uint16. None where OpenCV cannot decode the
        image.

    Raises
    ------
    RecordFormatError, ArgumentTypeError
        As :func:`unpack` does.
    ArgumentTypeError, ArgumentValueError
        If ``iscolor`` is no whole number of 32 bits.
    ImageError
        If there is no byte behind the header.

    Examples
    --------
    >>> unpack_img(pack_img(IRHeader(0, 3.0, 7, 0), np.zeros((4, 6), np.uint8)))[1].shape
    (4, 6)
    """
    from ..images import mxnet_like  # loads OpenCV

    flags = whole_number("iscolor", iscolor)
    if not -(2**31) <= flags < 2**31:
        raise ArgumentValueError("iscolor", "must be -1, 0, 1 or other flags of cv2.imdecode", iscolor)
    header, content = unpack(s)
    return header, mxnet_like.unchecked(np.frombuffer(content, np.uint8), flags)


def imdecode(buf: Union[_BYTES, np.ndarray], flag: int = 1, to_rgb: bool = True) -> np.ndarray:
    """Decode an image file: what ``mx.image.imdecode(buf, flag, to_rgb).asnumpy()`` gives.

    Parameters
    ----------
    buf : bytes, bytearray, memoryview or numpy.ndarray
        The image file; an array is (n,) uint8.
    flag : {1, 0}
        1: colour. 0: grey. As in MXNet, EXIF orientation is not applied.
    to_rgb : bool
        Whether the channels are in RGB order, or in OpenCV's BGR order.

    Returns
    -------
    numpy.ndarray
        (H, W, 3) uint8; (H, W, 1) for grey. It may be written to. The pixels are those of the OpenCV that is installed. From
        version 4.12 on it makes other grey than MXNet of a colour PNG that has a gamma, by up to 20 levels; colour is the same.
        A JPEG that is cut off in its image data gives the rows that are there, as in MXNet. The rest is as the decoder leaves it;
        MXNet repeats the last row.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        If an argument is wrong.
    ImageError
        If the image cannot be decoded, or there is none.

    Examples
    --------
    >>> red = np.zeros((4, 6, 3), np.uint8) + np.array([0, 0, 200], np.uint8)  # BGR
    >>> _, content = unpack(pack_img(IRHeader(0, 3.0, 7, 0), red, img_fmt='.png'))
    >>> imdecode(content)[0, 0].tolist()
    [200, 0, 0]
    """
    from ..images import mxnet_like  # loads OpenCV

    if not _has_bytes(buf) or (isinstance(buf, np.ndarray) and buf.dtype != np.uint8):
        raise ArgumentTypeError("buf", "must be the bytes of an image file, or an array of uint8", buf)
    if flag not in (0, 1):
        raise ArgumentValueError("flag", "must be 1 (colour) or 0 (grey)", flag)
    return mxnet_like.imdecode(np.frombuffer(buf, np.uint8), flag, bool(to_rgb))


def _has_bytes(value: Any) -> bool:
    try:
        memoryview(value)
    except TypeError:
        return False
    return True

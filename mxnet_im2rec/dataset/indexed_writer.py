# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""IndexedRecordWriter: writes a dataset record by record, for callers that have images and labels at hand. Needs no MXNet."""

from __future__ import annotations

import collections.abc
import math
import numbers
import os
import warnings
from typing import Any, List, Optional, Sequence, Union

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError, ArgumentValueError, EmptyDatasetError, LabelPrecisionWarning, OutputError
from ..labels import as_float32, is_inexact
from ..limits import MAX_INDEX, why_too_large
from ..lists.source import IndexSet
from ..recordio.header import pack_header
from ..recordio.paths import DatasetPaths
from ..storage.forks import ForkLock
from .writer import RecordWriter


class IndexedRecordWriter:
    """Writes a dataset, .rec and .idx, record by record: the sister of :class:`mxnet_im2rec.RecordFile`.

    It is a context manager. The dataset appears whole at the end of the ``with`` block. After an exception in the block, or a
    crash, what was there before is there as it was. Several threads may write; the records have the order in which they come. A
    process that is forked from this one cannot write.

    Parameters
    ----------
    output_path : str or os.PathLike
        ``out`` or ``out.rec`` gives ``out.rec`` and ``out.idx``.
    encoding : {'.jpg', '.jpeg', '.png'}
        How images that are given as arrays are encoded.
    quality : int
        1 to 100 for JPEG; for PNG the compression, 0 to 9, where 95, the default, means 3.
    overwrite : bool
        Whether to replace a dataset that is there already.

    Attributes
    ----------
    rec_path, idx_path : str
        The absolute paths of the two files.
    num_records : int
        How many records are written by now.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        If an argument is wrong.
    FileExistsError
        If the dataset is there already, unless ``overwrite`` is given. At the end of the block too: a file that came under its
        name meanwhile stays, and the records that were written are lost.
    FileNotFoundError
        If the folder of the output does not exist.
    OutputError
        At the begin of the block if another run writes this output, or a file cannot be made; at its end if the files cannot be
        written whole or put in place, or a record could not be written.
    EmptyDatasetError
        At the end of the block, if there is no record.

    Examples
    --------
    >>> import os, tempfile
    >>> from mxnet_im2rec import IndexedRecordWriter, RecordFile
    >>> output_path = os.path.join(tempfile.mkdtemp(), 'out')
    >>> with IndexedRecordWriter(output_path, encoding='.png') as writer:
    ...     for index in range(3):
    ...         writer.write(index, [index, 0.5], np.full((4, 6, 3), index, np.uint8))
    >>> with RecordFile(writer.rec_path) as records:
    ...     print(records[2].labels, records[2].image().shape)
    [2.  0.5] (4, 6, 3)
    """

    def __init__(
        self,
        output_path: Union[str, os.PathLike],
        *,
        encoding: str = ".jpg",
        quality: int = 95,
        overwrite: bool = False,
    ) -> None:
        self._paths = DatasetPaths.of_output(output_path)
        self._overwrite = arguments.flag("overwrite", overwrite)
        self._encoding, self._quality = encoding, quality
        self._parameters: Optional[List[int]] = None  # of the encoder: bytes need no OpenCV
        if (encoding, quality) != (".jpg", 95):
            self._encoder_parameters()
        self._refuse_existing()
        self._lock = ForkLock()
        self._pid = 0
        self._writer: Optional[RecordWriter] = None
        self._indices = IndexSet()
        self._has_warned = False
        self._error: Optional[BaseException] = None  # of a record that may be there in part
        self._num_records = 0

    @property
    def rec_path(self) -> str:
        """The absolute path of the .rec."""
        return self._paths.rec

    @property
    def idx_path(self) -> str:
        """The absolute path of the .idx."""
        return self._paths.idx

    @property
    def num_records(self) -> int:
        """How many records are written by now."""
        return self._num_records

    def _refuse_existing(self) -> None:
        arguments.refuse_existing(self._paths.files, self._overwrite)

    def __enter__(self) -> IndexedRecordWriter:
        if self._pid:
            raise RuntimeError(f"the writer of {self.rec_path!r} was used already; make another one")
        self._refuse_existing()
        writer = RecordWriter(self._paths)
        writer.__enter__()
        self._writer, self._pid = writer, os.getpid()
        self._lock.in_child = writer.let_go
        return self

    def write(self, index: int, labels: Union[float, Sequence[float], np.ndarray], image: Union[bytes, np.ndarray]) -> None:
        """Append a record. After an error of an argument the writer goes on, without this record.

        Parameters
        ----------
        index : int
            The image's id, from 0 to 2**64 - 1: the record's id, and its key in the .idx. Each may come once.
        labels : float, or sequence of float, or numpy.ndarray
            A number, or (n,) numbers, at least one, finite. They are stored as float32; one alone is stored in the header. True
            and False are 1 and 0.
        image : bytes or numpy.ndarray
            The bytes of an image file, which are stored as they are; there may be none, as in records that are labels alone. A
            bytearray or a flat memoryview of bytes serves too. Or the image, which is encoded: (H, W, 3) uint8 in RGB order, or
            (H, W) or (H, W, 1) grey. PNG takes (H, W, 4) RGBA too.

        Raises
        ------
        ArgumentTypeError, ArgumentValueError
            If an argument is wrong, the index was there before, or the record would be too large.
        ImageError
            If the image cannot be encoded.
        OutputError
            If the record cannot be written whole, or this process is forked from the writer's. There will be no dataset then.
        RuntimeError
            Outside of the ``with`` block.

        Warns
        -----
        LabelPrecisionWarning
            Once, if a label is an integer that float32 does not hold exactly.
        """
        self._check_usable()
        index = _check_index(index)
        numbers_found = _check_labels(labels)
        record = pack_header(index, numbers_found) + self._bytes_of(image)
        why = why_too_large(len(record))
        if why is not None:
            raise ArgumentValueError("image", f"is too large: {why}")
        with self._lock:
            self._check_usable()
            if not self._indices.add(index):
                rule = f"{index} was written before to {self.rec_path!r}"
                raise ArgumentValueError("index", rule, help="give every image an index of its own")
            self._append(index, record)
        self._warn_if_inexact(index, numbers_found)

    def _append(self, index: int, record: bytes) -> None:
        assert self._writer is not None
        try:
            self._writer.write(index, record)
        except BaseException as error:
            self._error = error
            raise
        self._num_records += 1

    def _check_usable(self) -> None:
        if self._writer is None:
            raise RuntimeError(f"{self.rec_path!r} can be written only in the 'with' block of its IndexedRecordWriter")
        if self._pid != os.getpid():
            what = f"process {self._pid} writes {self.rec_path!r}, and this is process {os.getpid()}, forked from it"
            raise OutputError(f"{what}; write in the first one, or let each process write a dataset of its own")
        if self._error is not None:
            raise OutputError(f"a record of {self.rec_path!r} could not be written, so there will be no dataset: {self._error}")

    def _bytes_of(self, image: Any) -> bytes:
        if isinstance(image, bytes):
            return image
        if isinstance(image, bytearray) or (isinstance(image, memoryview) and image.ndim == image.itemsize == 1):
            return bytes(image)
        if isinstance(image, memoryview):
            rule = (
                f"must be flat where it is a memoryview of bytes; this one has {image.ndim} dimensions, of {image.itemsize} bytes"
            )
            raise ArgumentTypeError("image", rule, help="give numpy.asarray() of it if it is an image")
        if not isinstance(image, np.ndarray):
            raise ArgumentTypeError("image", "must be the bytes of an image file, or a NumPy array", image)
        shape = image.shape if image.ndim == 3 else (*image.shape, 1)
        if image.dtype != np.uint8 or len(shape) != 3 or not image.size or shape[2] not in (1, 3, 4):
            kinds = "(H, W, 3), (H, W, 4) with alpha, or (H, W) for grey"
            rule = f"must be uint8 of shape {kinds}, and not empty; this is {image.dtype} of shape {image.shape}"
            raise ArgumentValueError("image", rule)
        from ..images import codec  # loads OpenCV

        return codec.encode(codec.to_bgr(image.reshape(shape)), self._encoding, self._encoder_parameters())

    def _encoder_parameters(self) -> List[int]:
        if self._parameters is None:
            from ..images.codec import encoder_parameters  # loads OpenCV

            self._parameters = encoder_parameters(self._encoding, self._quality)
        return self._parameters

    def _warn_if_inexact(self, index: int, labels: Sequence[float]) -> None:
        for label in () if self._has_warned else filter(is_inexact, labels):
            self._has_warned = True
            warnings.warn(
                f"index {index}: the label {label:.0f} becomes {as_float32(label):.0f}: RecordIO stores labels as float32, which "
                f"holds every integer only up to 2**24. This warning comes once; other labels may be concerned too.",
                LabelPrecisionWarning,
                stacklevel=3,
            )
            return

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        with self._lock:
            writer, self._writer = self._writer, None
            if writer is None or self._pid != os.getpid():
                return  # the files are those of the process that this one was forked from
            self._lock.in_child = None
            try:
                if kind is None:
                    self._publish(writer)
            finally:
                writer.__exit__(None, None, None)

    def _publish(self, writer: RecordWriter) -> None:
        if self._error is not None:
            raise OutputError(
                f"a record of {self.rec_path!r} could not be written, nothing was put in place: {self._error}"
            ) from self._error
        if not self._num_records:
            raise EmptyDatasetError(f"no record was written to {self.rec_path!r}; no dataset was made")
        writer.finish()
        self._refuse_existing()  # a file may have come meanwhile
        writer.publish()

    def __reduce__(self) -> Any:
        raise TypeError(f"the writer of {self.rec_path!r} cannot be pickled; let each process write a dataset of its own")

    def __repr__(self) -> str:
        state = "" if self._writer is not None else ", not in its 'with' block"
        return f"<IndexedRecordWriter {self.rec_path!r}: {self._num_records:,} records{state}>"


def _check_index(index: Any) -> int:
    if isinstance(index, (bool, np.bool_)) or not isinstance(index, numbers.Integral):
        raise ArgumentTypeError("index", "must be a whole number", index)
    found = int(index)
    if not 0 <= found <= MAX_INDEX:
        raise ArgumentValueError("index", "must be from 0 to 2**64 - 1", found)
    return found


def _is_text(label: Any) -> bool:
    """Whether this is no number, but a text that float() would read."""
    return isinstance(label, (str, bytes, bytearray)) or (isinstance(label, np.ndarray) and label.dtype.kind not in "biuf")


def _check_labels(labels: Any) -> List[float]:
    """The labels as floats that float32 can hold."""
    try:
        if isinstance(labels, (str, bytes, bytearray, collections.abc.Set, collections.abc.Mapping)):
            raise TypeError
        if isinstance(labels, (numbers.Number, np.bool_)) or (isinstance(labels, np.ndarray) and labels.ndim == 0):
            labels = [labels]
        found = [float(label) for label in labels if not _is_text(label)]
        if len(found) != len(labels):
            raise TypeError
    except (TypeError, ValueError, OverflowError):
        raise ArgumentTypeError("labels", "must be a number, or a sequence of numbers", labels) from None
    if not found:
        raise ArgumentValueError("labels", "is empty", help="give every image at least one label")
    for label in found:
        if not math.isfinite(label):
            raise ArgumentValueError("labels", "must be finite", label)
        try:
            is_finite = as_float32(label) - as_float32(label) == 0
        except OverflowError:
            is_finite = False
        if not is_finite:
            raise ArgumentValueError("labels", "must be in the range of float32, in which labels are stored", label)
    return found

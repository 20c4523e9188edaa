# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""shuffle(): the records of a dataset in a random order, each copied as it is. Looks at no image."""

from __future__ import annotations

import os
import time
from typing import Union

from .. import arguments
from ..dataset.writer import RecordWriter
from ..errors import ArgumentValueError, EmptyDatasetError
from ..recordio.reader import RecordFile
from ..text import Argument, Call, Text
from ..values import PackReport
from .faces import insightface_header
from .rewriting import classes_of, new_dataset, publish, random_order

_Path = Union[str, os.PathLike]


def shuffle(rec_path: _Path, output_path: _Path, seed: int, *, overwrite: bool = False) -> PackReport:
    """Write the records of a dataset in a random order, for readers that take a .rec from its begin to its end.

    Every record keeps its index, its labels and its image, byte for byte; the .idx has the new order. Every record is checked
    before it is copied.

    The input is read in the new order. So a dataset that is larger than the memory needs a disk with fast random access, such as
    an SSD. Less than 100 bytes a record are held in memory, and no more than one record.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The .rec of the input.
    output_path : str or os.PathLike
        ``out`` or ``out.rec`` gives ``out.rec`` and ``out.idx``; a folder receives files named after the input.
    seed : int
        Of the order. The same seed gives the same order everywhere.
    overwrite : bool
        Whether to replace a dataset that is there already, and to give up what an interrupted run has left beside the output.

    Returns
    -------
    PackReport
        What was written.

    Raises
    ------
    EmptyDatasetError
        If the input has no record.
    FileExistsError
        If the output is there already, unless ``overwrite`` is given.
    OSError
        If a file cannot be opened or read, or the folder of the output does not exist.
    OutputError
        If the output cannot be written whole, another run is writing it, an interrupted run could still be resumed there (unless
        ``overwrite`` is given), or the input has changed meanwhile. Nothing appears then.
    RecordFormatError
        If the input is damaged.
    ValueError
        If an argument is wrong, the output is the input, or the input is in InsightFace's layout, where the images of one person
        stand together: ``convert(..., to='plain')`` shuffles it.

    Examples
    --------
    >>> import os, tempfile
    >>> from mxnet_im2rec import IndexedRecordWriter, RecordFile, shuffle
    >>> folder = tempfile.mkdtemp()
    >>> with IndexedRecordWriter(os.path.join(folder, 'sorted')) as writer:
    ...     for index in range(4):
    ...         writer.write(index, index / 2, b'an image')
    >>> report = shuffle(writer.rec_path, os.path.join(folder, 'shuffled'), seed=1)
    >>> with RecordFile(report.rec_path) as records:
    ...     print([(record.index, float(record.labels[0])) for record in records])
    [(3, 1.5), (2, 1.0), (0, 0.0), (1, 0.5)]
    """
    started = time.monotonic()
    seed = arguments.whole_number("seed", seed)
    paths = new_dataset(rec_path, output_path, overwrite)
    with RecordFile(rec_path) as records:
        if not len(records):
            raise EmptyDatasetError(f"{records.rec_path!r} has no record; nothing was written")
        if insightface_header(records) is not None:
            rule = f"{records.rec_path!r} is in InsightFace's layout, where the images of one person stand together"
            advice = Text(Call("convert", records.rec_path, "out"), " with ", Argument("to", "plain", "convert"), " shuffles it")
            raise ArgumentValueError("rec_path", rule, help=advice)
        classes = classes_of(records)
        with RecordWriter(paths, gives_up=overwrite) as writer:
            for position in map(int, random_order(len(records), seed)):
                record = records[position]  # which checks that it is whole
                writer.copy(records.fileno(), record.offset, record.next_offset, [(int(records.keys[position]), record.offset)])
            publish(writer, records, [], classes, "shuffle")
    return PackReport(paths.rec, paths.idx, writer.num_records, writer.num_bytes, (), time.monotonic() - started)

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What convert() and shuffle() have in common: an order, the table of the classes, and how the new dataset appears."""

from __future__ import annotations

import os
from typing import Dict, Iterable, List, Tuple, Union

import numpy as np

from .. import arguments
from ..dataset.writer import RecordWriter
from ..errors import ArgumentValueError, OutputError
from ..lists.classes import read_classes
from ..recordio.paths import DatasetPaths
from ..recordio.reader import RecordFile
from ..storage.writing import write_whole
from ..text import Argument, Call, Text

_Path = Union[str, os.PathLike]


def classes_path(rec_path: str) -> str:
    """Where the names of a dataset's labels are, if it has any."""
    return DatasetPaths.of_rec(rec_path).prefix + ".classes.txt"


def classes_of(records: RecordFile) -> Dict[str, int]:
    """The label of each name, by the table beside a .rec; empty where there is no table. ValueError if that is none."""
    path = classes_path(records.rec_path)
    return read_classes(path) if os.path.exists(path) else {}


def random_order(count: int, seed: int) -> np.ndarray:
    """(count,) int64, the numbers from 0 on, in an order that the seed alone decides."""
    order = np.arange(count)
    # The legacy generator alone promises the same order with every version of NumPy.
    np.random.RandomState(arguments.whole_number("seed", seed) % 2**32).shuffle(order)
    return order


def new_dataset(rec_path: _Path, output_path: _Path, overwrite: bool, more: Iterable[str] = ()) -> DatasetPaths:
    """The dataset that is made of a .rec: none of its files is there, unless it is to be replaced, and none is the input's.

    ``more`` are the names of files that appear in its folder as well.
    """
    old = DatasetPaths.of_rec(rec_path)
    paths = DatasetPaths.of_output(output_path, named_after=old.rec)
    for path in (paths.rec, paths.idx):
        if any(os.path.exists(path) and os.path.exists(each) and os.path.samefile(path, each) for each in (old.rec, old.idx)):
            raise ArgumentValueError("output_path", f"{path!r} is a file of the input", help="give another one")
    beside = [classes_path(paths.rec), *(os.path.join(os.path.dirname(paths.rec), name) for name in more)]
    arguments.refuse_existing([paths.rec, paths.idx, paths.failures, *beside], overwrite)
    for path in beside:
        if os.path.isdir(path):
            raise IsADirectoryError(Text(Argument("output_path"), f": there is a folder named {path!r}"))
    return paths


def publish(
    writer: RecordWriter, records: RecordFile, files: List[Tuple[str, Iterable[str]]], classes: Dict[str, int], function: str
) -> None:
    """Put the new dataset in place, with its table of classes, and with further files: each a path, and its text in parts.

    OutputError if that cannot be done, or if the input has changed meanwhile.
    """
    writer.finish()
    if records.has_changed():
        changed = f"{records.rec_path!r} was changed, or replaced by another file, while it was read; nothing was written. "
        raise OutputError(Text(changed, "Run ", Call(function), " again"))
    if classes:
        files = [*files, (classes_path(writer.paths.rec), (f"{number}\t{name}\n" for name, number in classes.items()))]
    try:
        write_whole(files, ready=writer.publish)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write what belongs to {writer.paths.rec!r}: {error}") from error

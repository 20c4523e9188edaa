# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Where the files of one dataset are: the only place that knows how they are named. Opens none of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Optional, Tuple, Union

from ..errors import ArgumentTypeError, ArgumentValueError
from ..text import Argument, Text

_FAILED_RUN = ".failed-run"
_FAILURES = ".failures.tsv"
_READERS_STUMBLE_ON = "#?;"


@dataclass(frozen=True)
class DatasetPaths:
    """The files of a dataset. All their names begin alike.

    Attributes
    ----------
    rec : str
        The absolute path of the .rec. Its name need not end in ``.rec``.
    """

    rec: str

    @classmethod
    def of_output(cls, output_path: Union[str, bytes, os.PathLike], named_after: Optional[str] = None) -> DatasetPaths:
        """The dataset that a function writes.

        ``out`` and ``out.rec`` both give ``out.rec``. A folder, or a path that ends in a separator, receives files that are
        named after the input. The folder of the output must exist, and no folder may be where a file of the dataset would be.
        """
        if not isinstance(output_path, (str, bytes, os.PathLike)):
            raise ArgumentTypeError("output_path", "must be a path", output_path)
        path = os.fsdecode(output_path)
        if not path:
            raise ArgumentValueError("output_path", "is empty", help="give a prefix, such as 'out' for out.rec and out.idx")
        if os.path.isdir(path) or path.endswith(os.sep):
            if named_after is None:
                rule = f"{path!r} is a folder, and there is no input file to name the output after"
                raise ArgumentValueError("output_path", rule, help="give a prefix in it, such as 'out' for out.rec and out.idx")
            path = os.path.join(path, os.path.splitext(os.path.basename(named_after))[0])
        found = cls(os.path.abspath(path if path.endswith(".rec") else path + ".rec"))
        if found.prefix.endswith(_FAILED_RUN):
            rule = f"{path!r} ends in {_FAILED_RUN!r}, which is for the table of a run that has failed"
            raise ArgumentValueError("output_path", rule, help="give another name")
        folder = os.path.dirname(found.rec)
        if not os.path.isdir(folder):
            raise FileNotFoundError(Text(Argument("output_path"), f": its folder {folder!r} does not exist; make it first"))
        for name in (found.rec, found.idx):
            if os.path.isdir(name):
                raise IsADirectoryError(Text(Argument("output_path"), f": there is a folder named {name!r}"))
        return found

    @classmethod
    def of_rec(cls, rec_path: Union[str, os.PathLike]) -> DatasetPaths:
        """The dataset that a .rec belongs to; the .rec need not exist."""
        return cls(os.path.abspath(os.fsdecode(rec_path)))

    @property
    def prefix(self) -> str:
        """What the names of all files begin with."""
        return os.path.splitext(self.rec)[0]

    @property
    def idx(self) -> str:
        """The .idx beside the .rec."""
        return self.prefix + ".idx"

    @property
    def failures(self) -> str:
        """The table of the entries that this dataset lacks."""
        return self.prefix + _FAILURES

    @property
    def classes(self) -> str:
        """The table of the classes of this dataset."""
        return self.prefix + ".classes.txt"

    @property
    def sources(self) -> str:
        """The table of the files that the records were made of."""
        return self.prefix + ".sources.tsv"

    @property
    def tables(self) -> Tuple[str, str, str]:
        """The files beside the .rec and the .idx that appear and go together with them."""
        return self.failures, self.classes, self.sources

    @property
    def files(self) -> Tuple[str, ...]:
        """Every file of the dataset."""
        return (self.rec, self.idx, *self.tables)

    @property
    def failed_run_failures(self) -> str:
        """The table of a run that has made no dataset."""
        return self.prefix + _FAILED_RUN + _FAILURES

    @property
    def journal(self) -> str:
        """The journal of a run that is not finished. Whoever writes the dataset holds a lock on it."""
        return self.rec + ".journal.partial"

    def partial(self, generation: int = 0) -> Tuple[str, str]:
        """Where the .rec and the .idx are until they are published; an unfinished run can have several generations."""
        number = f".{generation}" if generation else ""
        return f"{self.rec}{number}.partial", f"{self.idx}{number}.partial"


def is_of_failed_run(path: str) -> bool:
    """Whether a path has the name of a table of a run that has made no dataset."""
    return path.endswith(_FAILED_RUN + _FAILURES)


def what_readers_stumble_on(path: str) -> Tuple[str, ...]:
    """The characters of a path that MXNet's ImageRecordIter takes for parts of a URI, or for a list of files."""
    return tuple(character for character in _READERS_STUMBLE_ON if character in path)

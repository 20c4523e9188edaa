# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""From what a caller gives as a list to its source: the one place that asks what kind it is."""

from __future__ import annotations

import os
from typing import Any, Iterable, Optional, Union

from .. import arguments
from ..errors import ArgumentTypeError, ArgumentValueError
from ..text import Call, Text
from ..values import ListEntry
from .entry_iterable import EntryIterable
from .lst_file import LstFile
from .source import ListSource

ListLike = Union[str, os.PathLike, Iterable[ListEntry], Iterable[tuple], ListSource]
"""What the functions of this package take as ``list_file``."""


def _maker_of(given: Any) -> Optional[str]:
    """The function that makes a list of what iterates in another way than a list does."""
    if hasattr(given, "columns"):  # a frame of pandas or polars
        return "from_table"
    if hasattr(given, "dtype") and hasattr(given, "shape"):
        return "from_arrays"
    return "from_dataset" if hasattr(given, "transform_first") else None  # which every dataset of Gluon's has


def open_list(list_file: ListLike, root: Union[None, str, os.PathLike] = None) -> ListSource:
    """The source of a list: of the path of a .lst file, of the entries themselves, or a source as it is.

    ``root`` is the folder that relative image paths are relative to; by default that of the list file, or the current one. A
    source has one already, and no other may be given with it.
    """
    if isinstance(list_file, ListSource):
        if root is not None and not os.path.samefile(arguments.folder("root", root), list_file.root):
            rule = f"is {os.fspath(root)!r}, and the images of this list are in {list_file.root!r}"
            raise ArgumentValueError("root", rule, help="leave it out, or give the folder to the function that made the list")
        return list_file
    if isinstance(list_file, (str, os.PathLike)):
        return LstFile(list_file, root)
    maker = _maker_of(list_file)
    if maker is not None:
        raise ArgumentTypeError("list_file", f"is {type(list_file).__name__}", help=Text("give ", Call(maker), " of it"))
    if isinstance(list_file, (bytes, ListEntry)) or not isinstance(list_file, Iterable):
        raise ArgumentTypeError("list_file", "must be a path or an iterable of ListEntry", list_file)
    return EntryIterable(list_file, root)

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""From what a caller gives as a list to its source: the one place that asks what kind it is."""

from __future__ import annotations

import os
from typing import Iterable, Union

from ..errors import ArgumentTypeError
from ..values import ListEntry
from .entry_iterable import EntryIterable
from .lst_file import LstFile
from .source import ListSource

ListLike = Union[str, os.PathLike, Iterable[ListEntry], ListSource]
"""What the functions of this package take as ``list_file``."""


def open_list(list_file: ListLike, root: Union[None, str, os.PathLike] = None) -> ListSource:
    """The source of a list: of the path of a .lst file, of the entries themselves, or a source as it is.

    ``root`` is the folder that relative image paths are relative to; by default that of the list file, or the current one.
    """
    if isinstance(list_file, ListSource):
        return list_file
    if isinstance(list_file, (str, os.PathLike)):
        return LstFile(list_file, root)
    if isinstance(list_file, (bytes, ListEntry)) or not isinstance(list_file, Iterable):
        raise ArgumentTypeError("list_file", "must be a path or an iterable of ListEntry", list_file)
    return EntryIterable(list_file, root)

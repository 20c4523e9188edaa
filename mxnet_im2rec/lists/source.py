# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Where the entries of a list come from: the role of a source, and what holds for the entries of every source.

Knows no kind of source. A new kind is a subclass of :class:`ListSource` in a file of its own.
"""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from typing import Callable, Dict, Optional, Union

from .. import arguments
from ..errors import LabelPrecisionWarning
from ..labels import as_float32, is_inexact
from ..values import Entries, Failure, ListEntry

_ON_AN_EARLIER_LINE = "was on an earlier line; give every image an index of its own"


class ListSource(ABC):
    """A list of images, from wherever.

    Parameters
    ----------
    root : str, os.PathLike or None
        The folder that relative image paths are relative to.
    default_root : str
        The folder to take if ``root`` is None.

    Raises
    ------
    NotADirectoryError
        If ``root`` is no folder.

    Attributes
    ----------
    root : str
        The folder, absolute.
    path : str or None
        The absolute path of the list file, where the list is one.
    name : str or None
        How messages call the list; None where the list has no name.
    can_be_read_twice : bool
        Whether :meth:`entries` gives the same entries when it is called again.
    digest : str
        Which list this is, as far as that is known before the entries are read. Sources whose entries are not known before
        they are read all have the same digest.
    classes : dict of str to int, or None
        The number of each class, where the list names classes.
    fetch : callable or None
        Where the entries have no labels and no image yet: gives an entry with both, an :class:`ImageEntry` or one with the path
        of a file. Workers call it, so it can be pickled.
    class_label : int or None
        Which of an entry's labels, from 0, is the number of its class; None where none is, or where each object has one.
    """

    path: Optional[str] = None
    name: Optional[str] = None
    can_be_read_twice = False
    digest = "no file"
    classes: Optional[Dict[str, int]] = None
    fetch: Optional[Callable[[ListEntry], ListEntry]] = None
    class_label: Optional[int] = None

    def __init__(self, root: Union[None, str, os.PathLike], default_root: str) -> None:
        self.root = default_root if root is None else arguments.folder("root", root)

    @abstractmethod
    def _read(self) -> Entries:
        """Every entry, in order, each checked on its own."""

    def count(self) -> Optional[int]:
        """How many entries there are; None where only reading them would show it."""
        return None

    def groups(self) -> Optional[Dict[int, str]]:
        """The group of each entry by its line, where the source knows groups: images that no split may separate."""
        return None

    def is_unchanged(self) -> bool:
        """Whether the list is what it was when the source was opened, as far as that can be known."""
        return True

    def entries(self, pack_labels: bool = True, warn: bool = True) -> Entries:
        """Stream the entries in the order of the list, checked; a Failure for what is no entry, or repeats an index.

        Without ``pack_labels`` the first label alone counts. With ``warn``, LabelPrecisionWarning comes once, at the first
        label that float32 does not hold exactly.
        """
        seen = IndexSet()
        warned = not warn
        for entry in self._read():
            if isinstance(entry, Failure):
                yield entry
                continue
            if not seen.add(entry.index):
                reason = f"the index {entry.index} {_ON_AN_EARLIER_LINE}"
                yield Failure(entry.line, entry.index, entry.path, "list", reason)
                continue
            if not pack_labels:
                entry = entry._replace(labels=entry.labels[:1])
            if not warned:
                warned = _warn_if_inexact(entry)
            yield entry


def is_duplicate(failure: Failure) -> bool:
    """Whether this failure of a source stands for an index that was there before."""
    return failure.stage == "list" and failure.reason.endswith(_ON_AN_EARLIER_LINE)


def _warn_if_inexact(entry: ListEntry) -> bool:
    for label in entry.labels:
        if is_inexact(label):
            warnings.warn(
                f"line {entry.line}: the label {label:.0f} becomes {as_float32(label):.0f}: RecordIO stores labels as float32, "
                f"which holds every integer only up to 2**24. This warning comes once; other labels may be concerned too.",
                LabelPrecisionWarning,
                stacklevel=2,
            )
            return True
    return False


class IndexSet:
    """A set of indices that stays small: 64 neighbours share one entry of a dict, as the bits of one integer.

    About 2 bytes an index where they are dense, as lists have them; about 120 where each is far from all others.
    """

    def __init__(self) -> None:
        self._blocks: Dict[int, int] = {}

    def add(self, index: int) -> bool:
        """Add the index; False if it was there already."""
        block, bit = index >> 6, 1 << (index & 63)
        bits = self._blocks.get(block, 0)
        if bits & bit:
            return False
        self._blocks[block] = bits | bit
        return True

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What find_duplicates() gives its caller. Knows nothing of how images are compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Tuple

from ..text import count, visible

MOST_GROUPS = 1000
MOST_SKIPPED = 10
_SHOWN_GROUPS, _SHOWN_IMAGES = 50, 10


@dataclass(frozen=True)
class DuplicateImage:
    """One place where an image stands.

    Attributes
    ----------
    list_file : str or None
        The list's name as it was given; None for an iterable of entries.
    line : int or None
        The line in the list, or the position in the iterable, from 1.
    path : str or None
        The image's path as the list has it; None for a line that is no entry.
    """

    list_file: Optional[str]
    line: Optional[int]
    path: Optional[str]

    def __str__(self) -> str:
        name = "the entries" if self.list_file is None else visible(self.list_file)
        place = name if self.line is None else f"{name}:{self.line}"
        return place if self.path is None else f"{place} {self.path!r}"  # repr: a name may hold control characters


@dataclass(frozen=True)
class DuplicateGroup:
    """Images that are the same.

    Attributes
    ----------
    kind : {'exact', 'same pixels'}
        Exact: the files have the same bytes. Same pixels: the files differ, and what they decode to does not.
    images : tuple of DuplicateImage
        Two or more, in the order of the lists.
    is_across : bool
        Whether they stand in more than one list.
    has_different_labels : bool
        Whether one list has the image twice, with different labels.
    """

    kind: str
    images: Tuple[DuplicateImage, ...]
    is_across: bool
    has_different_labels: bool

    def __str__(self) -> str:
        same = "the same bytes" if self.kind == "exact" else "the same pixels"
        where = "in several lists" if self.is_across else "in one list"
        shown = ", ".join(map(str, self.images[:_SHOWN_IMAGES]))
        more = f", and {len(self.images) - _SHOWN_IMAGES:,} more" if len(self.images) > _SHOWN_IMAGES else ""
        labels = "; one list gives this image different labels" if self.has_different_labels else ""
        return f"{same} {where}: {shown}{more}{labels}"


@dataclass(frozen=True)
class DuplicatesReport:
    """What :func:`mxnet_im2rec.find_duplicates` found. Printing it gives a line for each group, and a summary.

    Attributes
    ----------
    lists : tuple of str or None
        The lists' names as they were given; None for an iterable of entries.
    num_entries : int
        How many lines or entries there are in all lists.
    groups : tuple of DuplicateGroup
        First those that stand in several lists; else in the order of the lists. The first 1,000 at most.
    num_groups, num_across, num_different_labels : int
        How many groups there are in all; how many of them stand in several lists; and of how many one list has the image twice
        with different labels.
    num_copies : int
        How many entries could go, so that every image stood once.
    num_skipped : int
        How many entries could not be compared: lines that are no entry, and files that cannot be read.
    skipped : tuple of str
        The first 10 of these, with the reasons.
    seconds : float
        How long the call took.
    """

    lists: Tuple[Optional[str], ...]
    num_entries: int
    groups: Tuple[DuplicateGroup, ...] = field(repr=False)
    num_groups: int
    num_across: int
    num_different_labels: int
    num_copies: int
    num_skipped: int
    skipped: Tuple[str, ...] = field(repr=False)
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether no image stands in more than one list."""
        return not self.num_across

    def __str__(self) -> str:
        lines = [str(group) for group in self.groups[:_SHOWN_GROUPS]]
        if self.num_groups > len(lines):
            lines.append(f"... and {self.num_groups - len(lines):,} more")
        lines += [f"not compared: {reason}" for reason in self.skipped]
        if self.num_skipped > len(self.skipped):
            lines.append(f"... and {self.num_skipped - len(self.skipped):,} more")
        entries, lists = count(self.num_entries, "entry", "entries"), count(len(self.lists), "list")
        lines.append(f"{entries} of {lists}, compared in {self.seconds:.1f} s: {count(self.num_groups, 'image')} more than once")
        if self.num_groups:
            lines.append(f"  in several lists: {self.num_across:,}")
            lines.append(f"  twice in one list, with different labels: {self.num_different_labels:,}")
        return "\n".join(lines)

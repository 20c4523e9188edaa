# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What make_list() gives its caller: ListReport. Knows nothing of how lists are made."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import List, Mapping, Optional, Sequence, Tuple

from ..text import Argument, Text, count, first_lines, visible

_MOST_CLASSES_SHOWN = 1000
_MOST_LISTS_SHOWN = 9  # each with a column of its own in the table of the classes
_SHOWN = 10
_MOST_OFF = 0.01  # of a list's share


@dataclass(frozen=True)
class ListReport:
    """What :func:`mxnet_im2rec.make_list` wrote. Printing it gives a summary and the table of the classes.

    Attributes
    ----------
    root : str
        The folder that the paths in the lists are relative to, absolute: that of the lists, or ``relative_to``.
    lists : tuple of (str, int)
        The absolute path of each list, and how many entries it has.
    classes : tuple of (int, str, int)
        The number, the name and the count of images of each class, by number.
    classes_path : str
        The absolute path of the class table.
    num_images : int
        How many images the lists hold together.
    skipped : mapping of str to int
        How many files were passed over, by their extension in lower case, ``'no extension'``, ``'hidden'`` (files and folders
        whose name starts with a dot) or, if the folders within the root were not asked for, ``'folder'``. The most frequent
        first.
    left_out : tuple of (str, str)
        The images and folders that had to be left out, and why: a name that no list can carry, a broken link, a link back to a
        folder that it is in, a folder that may not be read, a path without the class or the group that was to be found in it.
        The first 1,000 at most.
    num_left_out : int
        How many there are in all.
    seconds : float
        How long the call took.
    counts : tuple of tuple of int
        For each list, how many images of each class it has; in the order of ``lists`` and ``classes``.
    lacking : mapping of str to tuple of str
        For the lists that lack a class, by what tells them apart, such as ``'val'``: the names of the classes that they lack and
        another list has.
    filtered : tuple of (str, str)
        The images that were filtered out, and why. The first 1,000 at most.
    num_filtered : int
        How many there are in all.
    shares : tuple of float
        The share of the images that each list was to have. With groups it has it only as nearly as whole groups allow.
    """

    root: str
    lists: Tuple[Tuple[str, int], ...]
    classes: Tuple[Tuple[int, str, int], ...] = field(repr=False)
    classes_path: str
    num_images: int
    skipped: Mapping[str, int]
    left_out: Tuple[Tuple[str, str], ...] = field(repr=False)
    num_left_out: int
    seconds: float
    counts: Tuple[Tuple[int, ...], ...] = field(default=(), repr=False)
    lacking: Mapping[str, Tuple[str, ...]] = field(default_factory=dict, repr=False)
    filtered: Tuple[Tuple[str, str], ...] = field(default=(), repr=False)
    num_filtered: int = 0
    shares: Optional[Tuple[float, ...]] = None

    def __str__(self) -> str:
        table = [f"classes, in {shown(self.classes_path)}:", *self._class_lines()]
        return Text("\n").join([*self._first_lines(), *table, *self._last_lines()])

    def summary(self) -> str:
        """The report without the table of the classes."""
        return Text("\n").join([*self._first_lines(), f"classes, in {shown(self.classes_path)}", *self._last_lines()])

    def _first_lines(self) -> List[str]:
        num_images = count(self.num_images, "image")
        lines: List[str] = [f"{num_images} of {count(len(self.classes), 'class', 'classes')} listed in {self.seconds:.1f} s"]
        lines += [f"  {shown(path)}  {number:,}" for path, number in self.lists]
        if any(os.path.dirname(path) != self.root for path, _ in self.lists):
            root_of_packing = Argument("root", function="im2rec")
            lines.append(Text(f"the paths in them are relative to {shown(self.root)}; pack with this as ", root_of_packing))
        for (path, number), wanted in zip(self.lists, self.shares or ()):
            share = number / self.num_images
            if abs(share - wanted) > _MOST_OFF:
                lines.append(f"{self._name_of(path)} has {share:.1%} of the images in place of {wanted:.1%}")
        return lines

    def _last_lines(self) -> List[str]:
        lines = []
        for name, classes in self.lacking.items():
            more = f" and {len(classes) - _SHOWN:,} more" if len(classes) > _SHOWN else ""
            lines.append(f"{name} lacks: {', '.join(map(shown, classes[:_SHOWN]))}{more}")
        if self.skipped:
            kinds = [f"{number:,} {shown(kind)}" for kind, number in self.skipped.items()]
            more = f" and {len(kinds) - _SHOWN:,} more kinds" if len(kinds) > _SHOWN else ""
            lines.append(f"skipped: {', '.join(kinds[:_SHOWN])}{more}")
        for what, found, number in (
            ("filtered out", self.filtered, self.num_filtered),
            ("left out", self.left_out, self.num_left_out),
        ):
            if number:
                lines.append(f"{number:,} {what}:")
                lines += first_lines([f"{path!r}: {reason}" for path, reason in found], _SHOWN, number)
        return lines

    def _class_lines(self) -> List[str]:
        rows = [(f"{number}", shown(name), f"{images:,}") for number, name, images in self.classes[:_MOST_CLASSES_SHOWN]]
        head: List[Tuple[str, ...]] = []
        if 1 < len(self.lists) <= _MOST_LISTS_SHOWN:
            head = [("", "", "images", *(self._name_of(path) for path, _ in self.lists))]
            rows = [(*row, *(f"{each[place]:,}" for each in self.counts)) for place, row in enumerate(rows)]  # type: ignore[misc]
        widths = [max(map(len, column)) for column in zip(*head, *rows)]
        lines = ["  ".join(_aligned(row, widths)).rstrip() for row in [*head, *rows]]
        return first_lines(lines, _MOST_CLASSES_SHOWN + len(head), len(self.classes) + len(head))

    def _name_of(self, path: str) -> str:
        return part_of(path, self.classes_path)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> List[str]:
    """The fields of a row of the table: the second, which is the name, to the left, the numbers to the right."""
    return [f"{text:{'<' if column == 1 else '>'}{width}}" for column, (text, width) in enumerate(zip(row, widths))]


def part_of(path: str, classes_path: str) -> str:
    """What tells a list apart from the others with the same class table: ``'val'`` for ``out_val.lst``."""
    begin = classes_path[: -len("_classes.txt")]
    return path[len(begin) : -len(".lst")].lstrip("_") or os.path.basename(path)


def shown(text: str) -> str:
    """A name for a reader; what a terminal would take for something else is escaped, and blanks at an end are seen in quotes."""
    return visible(text) if text == text.strip() else repr(text)

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What check_list() gives its caller: Finding and CheckReport. Knows nothing of how things are found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

from ..text import Text, count, visible
from ..values import format_bytes

_SHOWN = 50  # findings


@dataclass(frozen=True)
class Finding:
    """One thing that is found in a list.

    Attributes
    ----------
    list_file : str or None
        The list's name as it was given; None for an iterable of entries.
    line : int or None
        The line in the list, or the position in the iterable, from 1; None for what concerns the list as a whole.
    index : int or None
        The entry's index.
    path : str or None
        The image's path as the list has it.
    kind : str
        Errors: ``'line'`` (no entry), ``'duplicate'`` (its index was there before), ``'missing'``, ``'unreadable'``, ``'empty'``,
        ``'format'`` (no image, or none that is decoded), ``'damaged'`` (not whole, for one), ``'too large'``, ``'no entry'``,
        ``'root'`` (not one image is there: one finding in the place of all that are ``'missing'``).
        Warnings: ``'inexact label'``, ``'label width'``, ``'detection'``, ``'rotated'``, ``'unwanted'`` (a filter leaves it out),
        ``'damaged inside'`` (it decodes all the same, or is not decoded in packing). Notes: ``'key 0'``, ``'labels'``.
    severity : {'error', 'warning', 'note'}
        An error: packing fails there. A warning: it packs, and what comes out may not be what was meant. A note: good to know.
    message : str
        What was found, and what to do about it.
    """

    list_file: Optional[str]
    line: Optional[int]
    index: Optional[int]
    path: Optional[str]
    kind: str
    severity: str
    message: str

    def __str__(self) -> str:
        if self.list_file is None:
            where = "the entries" if self.line is None else f"entry {self.line}"
        else:
            where = visible(self.list_file) + ("" if self.line is None else f":{self.line}")
        name = "" if self.path is None else f"{self.path!r}: "  # repr: a name may hold control characters
        return Text(f"{where}: {self.severity}: {name}", self.message)


@dataclass(frozen=True)
class CheckReport:
    """What :func:`mxnet_im2rec.check_list` found. Printing it gives a line for each finding, and a summary.

    Attributes
    ----------
    list_file : str or None
        The list's name as it was given; None for an iterable of entries.
    root : str
        The folder that the paths are relative to, absolute.
    num_entries : int
        How many lines or entries there are, those with errors included.
    num_bytes : int
        The size of the image files together.
    formats : mapping of str to int
        How many files have each format, such as ``'JPEG'``; ``'unknown'`` for those that are no image. The most frequent first.
    label_widths : mapping of int to int
        How many entries have that many labels. The most frequent first.
    is_detection : bool
        Whether most entries have labels as ImageDetIter takes them: ``[A, B, extras..., (id, xmin, ymin, xmax, ymax, ...) x n]``.
    index_range : (int, int) or None
        The smallest and the largest index.
    label_range : (float, float) or None
        The smallest and the largest label.
    findings : tuple of Finding
        In the order of the list, what concerns the whole of it at the end; the first 1,000 of each kind at most.
    counts : mapping of str to int
        How many findings of each kind there are in all.
    num_errors, num_warnings : int
        How many entries packing would fail on, and how many warnings there are, in all.
    seconds : float
        How long the call took.
    """

    list_file: Optional[str]
    root: str
    num_entries: int
    num_bytes: int
    formats: Mapping[str, int]
    label_widths: Mapping[int, int] = field(repr=False)
    is_detection: bool
    index_range: Optional[Tuple[int, int]]
    label_range: Optional[Tuple[float, float]]
    findings: Tuple[Finding, ...] = field(repr=False)
    counts: Mapping[str, int]
    num_errors: int
    num_warnings: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether packing would not fail on any entry."""
        return not self.num_errors

    @property
    def label_width(self) -> Optional[int]:
        """The ``label_width`` to give ImageRecordIter; None if the entries differ, or are for ImageDetRecordIter."""
        return next(iter(self.label_widths)) if len(self.label_widths) == 1 and not self.is_detection else None

    def __str__(self) -> str:
        notes = [finding for finding in self.findings if finding.severity == "note"]
        others = [finding for finding in self.findings if finding.severity != "note"]
        others.sort(key=lambda finding: finding.severity == "warning")  # the first errors must be among those shown
        shown = sorted(others[:_SHOWN], key=place_of)
        lines = [str(finding) for finding in shown]
        more = sum(self.counts.values()) - len(notes) - len(lines)
        if more:
            lines.append(f"... and {more:,} more")
        lines += [str(finding) for finding in notes]
        return "\n".join([*lines, self.summary()])

    def summary(self) -> str:
        """The figures, without the findings."""
        found = f"{count(self.num_errors, 'error')}, {count(self.num_warnings, 'warning')}"
        entries = count(self.num_entries, "entry", "entries")
        lines = [f"{entries}, {format_bytes(self.num_bytes)}, checked in {self.seconds:.1f} s: {found}"]
        if self.formats:
            lines.append("  formats: " + ", ".join(f"{name} {number:,}" for name, number in self.formats.items()))
        if self.label_width is not None:
            lines.append(f"  label_width: {self.label_width}")
        elif self.label_widths:
            least, most = min(self.label_widths), max(self.label_widths)
            kind = ", for detection" if self.is_detection else ""
            lines.append(f"  labels an entry: {least}{'' if least == most else f' to {most}'}{kind}")
        if self.label_range is not None:
            lines.append(f"  labels: {self.label_range[0]:.9g} to {self.label_range[1]:.9g}")
        if self.index_range is not None:
            lines.append(f"  indices: {self.index_range[0]} to {self.index_range[1]}")
        if len(self.counts) > 1:
            lines.append("  findings: " + ", ".join(f"{kind} {number:,}" for kind, number in self.counts.items()))
        return "\n".join(lines)


def place_of(finding: Finding) -> Tuple[bool, int]:
    """Where a finding is in a report: by its line; what is about the whole list comes last."""
    return finding.line is None, finding.line or 0

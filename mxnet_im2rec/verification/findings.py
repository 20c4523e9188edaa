# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What a verification tells its caller: the values Problem and VerifyReport. Knows nothing of how they were found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List, Optional, Tuple

from ..errors import VerifyError
from ..text import Text, printable

_MOST_KEPT = 1000  # of problems: a file that is nothing but damage must not fill the memory
_SHOWN = 20


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a dataset.

    Attributes
    ----------
    layer : str
        What found it: ``'structure'`` (the .rec's bytes), ``'index'`` (the .idx), ``'list'`` (the list that was packed),
        ``'reader'`` (MXNet's ImageRecordIter, and the images themselves) or ``'source'`` (the image files that were packed).
    position : int or None
        The record's position in the .rec, from 0, where it concerns one; damaged stretches count as none.
    index : int or None
        The image's index, where it concerns one.
    message : str
        What was expected, and what was found.
    """

    layer: str
    position: Optional[int]
    index: Optional[int]
    message: str

    def __str__(self) -> str:
        return Text(f"{self.layer}: ", _with_place(printable(self.message), self.position, self.index))


def _with_place(message: str, position: Optional[int], index: Optional[int]) -> str:
    where = [] if position is None else [f"record {position:,}"]
    if index is not None:
        where.append(f"index {index}")
    return Text(f"{', '.join(where) + ': ' if where else ''}", message)


@dataclass(frozen=True)
class VerifyReport:
    """What :func:`mxnet_im2rec.verify` found. Printing it gives a summary.

    Attributes
    ----------
    rec_path : str
        The .rec, absolute.
    num_records : int
        How many whole records it holds.
    problems : tuple of Problem
        What is wrong, the first 1,000 at most.
    num_problems : int
        How many there are in all. Many of one kind can be one problem, whose message counts them.
    notes : tuple of str
        What was not checked and why, and what is worth a look.
    lowest_psnr : float or None
        In dB, of the stored images against their sources; infinite where all are equal, None where they were not compared.
    seconds : float
        How long the call took.
    """

    rec_path: str
    num_records: int
    problems: Tuple[Problem, ...]
    num_problems: int
    notes: Tuple[str, ...]
    lowest_psnr: Optional[float]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems

    def raise_for_problems(self) -> None:
        """Raise VerifyError if there is a problem."""
        if self.problems:
            raise VerifyError(self.problems, self.rec_path, self.num_problems)

    def __str__(self) -> str:
        found = "no problem" if self.ok else f"{self.num_problems:,} problem{'s' if self.num_problems > 1 else ''}"
        noun = "record" if self.num_records == 1 else "records"
        done = f"{noun} verified in" if self.ok else f"whole {noun} found in"
        lines = [f"{self.num_records:,} {done} {self.seconds:.1f} s: {found}", f"  {self.rec_path}"]
        if self.lowest_psnr is not None:
            lines.append(f"lowest PSNR against the sources: {self.lowest_psnr:.1f} dB")
        if self.problems:
            lines.append("problems:")
            lines += ["  " + str(problem) for problem in self.problems[:_SHOWN]]
            if self.num_problems > _SHOWN:
                lines.append(f"  ... and {self.num_problems - _SHOWN:,} more")
        if self.notes:
            lines += ["notes:", *("  " + note for note in self.notes)]
        return Text("\n").join(map(printable, lines))


@dataclass
class Findings:
    """Collects what is found; keeps the first problems and counts the rest."""

    problems: List[Problem] = field(default_factory=list)
    num_problems: int = 0
    notes: List[str] = field(default_factory=list)
    lowest_psnr: Optional[float] = None

    def add(self, layer: str, message: str, position: Optional[int] = None, index: Optional[int] = None) -> None:
        self.num_problems += 1
        if len(self.problems) < _MOST_KEPT:
            self.problems.append(Problem(layer, position, index, message))

    def note(self, message: str) -> None:
        self.notes.append(message)

    def saw_psnr(self, value: float) -> None:
        self.lowest_psnr = value if self.lowest_psnr is None else min(self.lowest_psnr, value)

    def report(self, rec_path: str, num_records: int, seconds: float) -> VerifyReport:
        problems, notes = tuple(self.problems), tuple(self.notes)
        return VerifyReport(rec_path, num_records, problems, self.num_problems, notes, self.lowest_psnr, seconds)


class Tally:
    """Problems of one kind: up to ``most`` are told one by one; more in one line, which counts them and tells the first.

    Parameters
    ----------
    findings : Findings
        Receives them when the tally is closed.
    layer : str
        As of a :class:`Problem`.
    what : str
        What many of them are called, behind their number.
    most : int
    """

    def __init__(self, findings: Findings, layer: str, what: str, most: int = 1) -> None:
        self._findings = findings
        self._layer = layer
        self._what = what
        self._most = most
        self._kept: List[Tuple[str, Optional[int], Optional[int]]] = []
        self.count = 0

    def add(self, message: str, position: Optional[int] = None, index: Optional[int] = None) -> None:
        self.count += 1
        if len(self._kept) < self._most:
            self._kept.append((message, position, index))

    def close(self, hint: str = "") -> None:
        """Tell the findings; the hint says what to do, and stands once."""
        if self.count > self._most:
            message: str = Text(f"{self.count:,} {self._what}, the first: ", _with_place(*self._kept[0]))
            indices = [str(index) for _, _, index in self._kept if index is not None]
            if len(indices) > 1:
                message += f"; their indices: {', '.join(indices)}, ..."
            self._findings.add(self._layer, message + hint)
        else:
            for number, (message, position, index) in enumerate(self._kept):
                self._findings.add(self._layer, message if number else message + hint, position, index)
        self._kept = []
        self.count = 0

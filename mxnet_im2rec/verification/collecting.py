# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Collects problems while a dataset is verified, and bounds how many are kept. Knows nothing of how they are found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List, Optional, Tuple

from ..text import Text
from ..values import Problem, with_place
from .report import VerifyReport

_MOST_KEPT = 1000  # problems: a file that is nothing but damage must not fill the memory


@dataclass
class ProblemCollector:
    """Collects what the layers of a verification find. It keeps the first problems and counts the rest."""

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

    def extend(self, others: ProblemCollector) -> None:
        """Add what another one has collected, behind what is here."""
        self.problems += others.problems[: _MOST_KEPT - len(self.problems)]
        self.num_problems += others.num_problems
        self.notes += others.notes
        if others.lowest_psnr is not None:
            self.saw_psnr(others.lowest_psnr)

    def saw_psnr(self, value: float) -> None:
        self.lowest_psnr = value if self.lowest_psnr is None else min(self.lowest_psnr, value)

    def report(self, rec_path: str, num_records: int, seconds: float) -> VerifyReport:
        problems, notes = tuple(self.problems), tuple(self.notes)
        return VerifyReport(rec_path, num_records, problems, self.num_problems, notes, self.lowest_psnr, seconds)


class SimilarProblems:
    """Problems of one kind. A few are reported one by one; of more, one line gives their number and the first of them.

    ``what`` is what many of them are called, behind their number. ``most`` is how many are reported one by one.
    """

    def __init__(self, problems: ProblemCollector, layer: str, what: str, most: int = 1) -> None:
        self._problems = problems
        self._layer = layer
        self._what = what
        self._most = most
        self._kept: List[Tuple[str, Optional[int], Optional[int]]] = []
        self.count = 0

    def add(self, message: str, position: Optional[int] = None, index: Optional[int] = None) -> None:
        self.count += 1
        if len(self._kept) < self._most:
            self._kept.append((message, position, index))

    def report(self, hint: str = "") -> None:
        """Hand the problems over; the hint, which says what to do, is added once."""
        if self.count > self._most:
            message: str = Text(f"{self.count:,} {self._what}, the first: ", with_place(*self._kept[0]))
            indices = [str(index) for _, _, index in self._kept if index is not None]
            if len(indices) > 1:
                message += f"; their indices: {', '.join(indices)}, ..."
            self._problems.add(self._layer, message + hint)
        else:
            for number, (message, position, index) in enumerate(self._kept):
                self._problems.add(self._layer, message if number else message + hint, position, index)

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What verify() gives its caller. Knows nothing of how problems are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from ..errors import VerifyError
from ..text import Text, count, first_lines, printable
from ..values import Problem

_SHOWN = 20


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
        found = "no problem" if self.ok else count(self.num_problems, "problem")
        done = count(self.num_records, "record") + " verified" if self.ok else count(self.num_records, "whole record") + " found"
        lines = [f"{done} in {self.seconds:.1f} s: {found}", f"  {self.rec_path}"]
        if self.lowest_psnr is not None:
            lines.append(f"lowest PSNR against the sources: {self.lowest_psnr:.1f} dB")
        if self.problems:
            lines += ["problems:", *first_lines(self.problems, _SHOWN, self.num_problems)]
        if self.notes:
            lines += ["notes:", *("  " + note for note in self.notes)]
        return Text("\n").join(map(printable, lines))

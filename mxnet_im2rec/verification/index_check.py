# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Compares every line of an .idx with the records that the .rec holds. Reads no .rec itself.

Whatever the .idx holds, what is wrong with it becomes a problem; nothing is raised.
"""

from __future__ import annotations

import os
from typing import Iterable, Iterator, Tuple

import numpy as np

from ..recordio.index import EXPECTED, Index, IndexLine, collect, parse_index
from ..text import Call, Text
from .collecting import ProblemCollector, SimilarProblems
from .structure import SALVAGE, Structure


def check_index(idx_path: str, structure: Structure, problems: ProblemCollector) -> bool:
    """Look at every line of an .idx: a key and an offset, the key once, the offset that of the record with this id.

    Gives whether it is as it should be.
    """
    before = problems.num_problems
    makes = Text(Call("build_index"), " makes it from the .rec")
    hint: str = makes if structure.is_whole else "the .rec is damaged too: " + SALVAGE
    if not os.path.exists(idx_path):
        problems.add("index", Text(f"there is no {idx_path!r}; ", hint))
        return False
    malformed = SimilarProblems(problems, "index", "lines are not a key, a tab and an offset")
    try:
        lines = collect(_sound_lines(idx_path, malformed))
    except OSError as error:
        problems.add("index", f"{idx_path!r} cannot be read: {error.strerror}")
        return False
    if not len(lines.keys):
        problems.add("index", Text(f"{idx_path!r} holds no line with a key and an offset; MXNet crashes on it; ", hint))
        malformed.report()
        return False
    malformed.report(Text("; ", hint))
    if len(np.unique(structure.ids)) < len(structure.ids):
        hint = "the .rec has several records of one id; give every image an index of its own, and pack again"
    if not np.array_equal(lines.keys, structure.ids) or not np.array_equal(lines.offsets, structure.offsets):
        _compare_index(lines, structure, Text("; ", hint), problems)
    _check_unique(lines, Text("; ", hint), problems)
    return problems.num_problems == before


def _sound_lines(idx_path: str, malformed: SimilarProblems) -> Iterator[IndexLine]:
    for line in parse_index(idx_path):
        if line.fault:
            malformed.add(f"line {line.number:,}: expected {EXPECTED}, found {line.fault}")
        else:
            yield line


def _repeats(values: np.ndarray) -> Iterable[Tuple[int, int]]:
    """For each value that was there before: its place, and the place of the first that is equal; in the order of the places."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    is_first = np.ones(len(values), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    first = order[np.flatnonzero(is_first)][np.cumsum(is_first) - 1]
    places, firsts = order[~is_first], first[~is_first]
    by_place = np.argsort(places)
    return zip(places[by_place].tolist(), firsts[by_place].tolist())


def _check_unique(lines: Index, hint: str, problems: ProblemCollector) -> None:
    repeated = SimilarProblems(problems, "index", "lines repeat a key")
    for place, first in _repeats(lines.keys):
        key, number = int(lines.keys[place]), int(lines.numbers[place])
        repeated.add(f"line {number:,}: the key {key} was on line {int(lines.numbers[first]):,}", None, key)
    repeated.report(hint)


def _compare_index(lines: Index, structure: Structure, hint: str, problems: ProblemCollector) -> None:
    beyond = SimilarProblems(problems, "index", "lines are of records behind its end")
    nowhere = SimilarProblems(problems, "index", "lines have an offset at which no record begins")
    other_keys = SimilarProblems(problems, "index", "lines have another key than the record's id")
    repeated = SimilarProblems(problems, "index", "lines repeat an offset")
    without = SimilarProblems(problems, "index", "records have no line")
    end = structure.size if structure.cut_at is None else structure.cut_at
    count = len(structure.ids)
    positions = np.searchsorted(structure.offsets, lines.offsets)
    padded = np.append(structure.offsets, 0)
    is_found = (positions < count) & (padded[positions] == lines.offsets)
    for line in np.flatnonzero(~is_found).tolist():
        offset = int(lines.offsets[line])
        similar = beyond if offset >= end else nowhere
        what = f"line {int(lines.numbers[line]):,}: no whole record begins at its offset {offset:,}"
        similar.add(what, None, int(lines.keys[line]))
    found = np.flatnonzero(is_found)
    for line in found[lines.keys[found] != structure.ids[positions[found]]].tolist():
        position = int(positions[line])
        index = int(structure.ids[position])
        what = f"line {int(lines.numbers[line]):,}: its key is {int(lines.keys[line])}, the record's id {index}"
        other_keys.add(what, position, index)
    for place, first in _repeats(positions[found]):
        line, position = int(found[place]), int(positions[found[place]])
        what = f"its offset {int(lines.offsets[line]):,} was on line {int(lines.numbers[found[first]]):,}"
        repeated.add(f"line {int(lines.numbers[line]):,}: {what}", position, int(structure.ids[position]))
    has_line = np.zeros(count, bool)
    has_line[positions[found]] = True
    for position in np.flatnonzero(~has_line).tolist():
        what = f"no line for the record at byte {int(structure.offsets[position]):,}"
        without.add(what, position, int(structure.ids[position]))
    beyond.report(f"; the .rec is shorter than the .idx says: it has {structure.size:,} bytes" + hint)
    for similar in (nowhere, other_keys, repeated, without):
        similar.report(hint)

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Which images of a tree are taken: by what their paths say of class and group, and by their headers. Knows no list."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

from ..engine.ordered import ordered_map
from ..engine.threads import ThreadPool
from ..errors import ArgumentTypeError, ArgumentValueError
from .filters import ImageFilter
from .tree import ImageTree

_THREADS, _CHUNK = 4, 64


def check_pattern(name: str, value: Any) -> re.Pattern:
    """A regular expression, compiled."""
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        return value
    if not isinstance(value, str):
        raise ArgumentTypeError(name, "must be a regular expression", value)
    try:
        return re.compile(value)
    except re.error as error:
        raise ArgumentValueError(name, f"must be a regular expression ({error})", value) from None


def _found(pattern: re.Pattern, path: str) -> Optional[str]:
    """The first group of the pattern in a path, or all that it matches if it has no group; None if that is nothing."""
    match = pattern.search(path)
    return None if match is None else match.group(1 if pattern.groups else 0) or None


def leave_out_nameless(tree: ImageTree, patterns: Mapping[str, Optional[re.Pattern]]) -> None:
    """Leave out the images in whose path a pattern finds nothing; a pattern has the name of what it finds."""
    reasons = {}
    for what, pattern in patterns.items():
        if pattern is not None:
            for position in range(len(tree.names)):
                if _found(pattern, tree.path(position)) is None:
                    reasons[position] = f"{pattern.pattern!r} finds no {what} in its path"
    tree.leave_out(reasons)
    tree.drop(reasons)


def names_in(tree: ImageTree, pattern: re.Pattern) -> List[str]:
    """What the pattern finds in the path of each image, where it finds something in all of them."""
    found = (_found(pattern, tree.path(position)) for position in range(len(tree.names)))
    return [sys.intern(name) for name in found if name is not None]


def filter_out(tree: ImageTree, image_filter: ImageFilter) -> List[Tuple[str, str]]:
    """Take the images out of the tree that the filter does not want; gives their paths, and why. Reads every header.

    Images that cannot be read are left out.
    """

    def look(position: int) -> Union[None, str, OSError]:
        try:
            return image_filter.why_not_file(os.path.join(tree.root, tree.path(position)))
        except OSError as error:
            return error

    unwanted: Dict[int, str] = {}
    unreadable: Dict[int, str] = {}
    with ThreadPool(look, _THREADS) as pool:
        positions = range(len(tree.names))
        looked = ordered_map(pool, positions, chunk_size=_CHUNK, max_items=_CHUNK * pool.capacity, max_bytes=sys.maxsize)
        for position, result in looked:
            if isinstance(result, OSError):
                unreadable[position] = f"it cannot be read: {result.strerror or result}"
            elif result is not None:
                unwanted[position] = result
    found = [(tree.path(position), reason) for position, reason in unwanted.items()]
    tree.leave_out(unreadable)
    tree.drop({*unwanted, *unreadable})
    return found

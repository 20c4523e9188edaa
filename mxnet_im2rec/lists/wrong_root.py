# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What to say where not one image of a list is there: whether the root is right, and where the images are. Knows no report."""

from __future__ import annotations

import os
from itertools import islice
from typing import Optional

from ..text import Argument, Text
from ..values import ListEntry
from .source import ListSource

_LOOKED_FOR = 1000  # images, spread over the list


def is_missing(root: str, path: str) -> bool:
    """Whether there is nothing where an image is looked for."""
    try:
        os.stat(os.path.join(root, path))
    except FileNotFoundError:
        return True
    except (OSError, ValueError):  # it may not be looked at, or no file can have this name
        return False
    return False


def question_about_root(source: ListSource, path: str) -> Text:
    """Asks whether the root is right, and names a folder below which the image is there; empty for an absolute path."""
    if os.path.isabs(path):
        return Text()
    own_folder = [] if source.path is None else [os.path.dirname(source.path)]
    for folder in (*own_folder, os.getcwd(), os.path.dirname(source.root)):
        if folder != source.root and os.path.isfile(os.path.join(folder, path)):
            return Text(f"; is the root {source.root!r} right? With ", Argument("root", folder), f" {path!r} is there")
    return Text("; is the ", Argument("root"), f" {source.root!r} right?")


def is_one_there(source: ListSource) -> Optional[bool]:
    """Whether one of some images that are spread over the list is there; None where the list can be read only once."""
    if not source.can_be_read_twice:
        return None
    step = max(1, (source.count() or 0) // _LOOKED_FOR)
    entries = islice(source.entries(warn=False), 0, None, step)
    return any(isinstance(entry, ListEntry) and not is_missing(source.root, entry.path) for entry in entries)

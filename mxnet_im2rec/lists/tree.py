# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Finds the images below a folder, by their names. Opens none of them; knows nothing of lists and labels."""

from __future__ import annotations

import os
from array import array
from collections import Counter
from typing import Any, Callable, Collection, Dict, FrozenSet, List, Mapping, Optional, Tuple

from .lines import why_unlistable

HIDDEN = "hidden"
NO_EXTENSION = "no extension"
FOLDER = "folder"
TOP = "."
"""What the folder itself is called among those within it."""

MOST_KEPT = 1000
"""Of the names that are left out."""


class ImageTree:
    """The images below a folder, in the order of the sorted names. Those of a folder come before those of the folders in it.

    ``extensions`` are those of images, in lower case, with their dot.
    """

    def __init__(self, root: str, extensions: FrozenSet[str]) -> None:
        self.root = root
        self._extensions = extensions
        self.names: List[str] = []  # of the images
        self.folder_of = array("I")  # for each image, the position of its folder among the folders
        self.folders: List[str] = []  # those that have images, relative to the root
        self.skipped: Counter = Counter()  # how many files were passed over, by kind
        self.left_out: List[Tuple[str, str]] = []  # the first images and folders that had to be left out, and why
        self.num_left_out = 0  # in all

    def path(self, position: int) -> str:
        return _join(self.folders[self.folder_of[position]], self.names[position])

    def walk(self, recursive: bool, progress: Optional[Callable[[int], Any]]) -> None:
        """Look for the images; ``progress`` receives their number after each."""
        waiting: List[Tuple[str, FrozenSet[Tuple[int, int]]]] = [(TOP, frozenset())]  # a folder, and those that it is in
        while waiting:
            folder, above = waiting.pop()
            try:
                status = os.stat(self._absolute(folder))
                here = (status.st_dev, status.st_ino)
                if here in above:
                    self._leave_out(folder, "it links back to a folder that it is in")
                    continue
                names, subfolders = self._look_into(folder)
            except (PermissionError, FileNotFoundError) as error:
                if folder == TOP:
                    raise
                self._leave_out(folder, f"the folder cannot be read: {error.strerror}")
                continue
            for name in sorted(names):
                self._take(folder, name)
                if progress is not None:
                    progress(len(self.names))
            if recursive:
                inside = above | {here}
                waiting += [(_join(folder, name), inside) for name in sorted(subfolders, reverse=True)]
            elif subfolders:
                self.skipped[FOLDER] += len(subfolders)

    def leave_out(self, reasons: Mapping[int, str]) -> None:
        """Report images that were found as left out, each by its position with the reason. They stay until they are dropped."""
        for position, reason in reasons.items():
            self._leave_out(self.path(position), reason)

    def drop(self, positions: Collection[int]) -> None:
        """Forget the images at these positions, and the folders that have no other. The others move up."""
        if not positions:
            return
        kept = [position for position in range(len(self.names)) if position not in positions]
        folders: Dict[int, int] = {}  # from the place of a folder before to that of now
        self.folder_of = array("I", [folders.setdefault(self.folder_of[position], len(folders)) for position in kept])
        self.folders = [self.folders[place] for place in folders]
        self.names = [self.names[position] for position in kept]

    def _look_into(self, folder: str) -> Tuple[List[str], List[str]]:
        """The names of a folder's images and of the folders in it; counts the others."""
        names: List[str] = []
        subfolders: List[str] = []
        with os.scandir(self._absolute(folder)) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    self.skipped[HIDDEN] += 1
                    continue
                extension = os.path.splitext(entry.name)[1].lower()
                try:
                    if entry.is_dir():
                        subfolders.append(entry.name)
                    elif extension not in self._extensions:
                        self.skipped[extension or NO_EXTENSION] += 1
                    elif entry.is_file():
                        names.append(entry.name)
                    else:
                        self._leave_out(_join(folder, entry.name), "it is a broken link, or no regular file")
                except OSError as error:  # a link to itself, for one
                    self._leave_out(_join(folder, entry.name), f"it cannot be followed: {error.strerror}")
        return names, subfolders

    def _take(self, folder: str, name: str) -> None:
        path = _join(folder, name)
        reason = why_unlistable(path)
        if reason is not None:
            self._leave_out(path, f"its name cannot stand in a list: {reason}")
            return
        if not self.folders or self.folders[-1] != folder:  # a folder counts from its first image on
            self.folders.append(folder)
        self.names.append(name)
        self.folder_of.append(len(self.folders) - 1)

    def _absolute(self, folder: str) -> str:
        return self.root if folder == TOP else os.path.join(self.root, folder)

    def _leave_out(self, path: str, reason: str) -> None:
        self.num_left_out += 1
        if len(self.left_out) < MOST_KEPT:
            self.left_out.append((path, reason))


def _join(folder: str, name: str) -> str:
    return name if folder == TOP else f"{folder}/{name}"

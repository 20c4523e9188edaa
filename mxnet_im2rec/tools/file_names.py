# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The names of extracted files: of their formats, their classes, or those that they had before. Knows no record, opens no file.

A name from a table may be anything. One that would lie outside the folder, or that no list can hold, is not taken.
"""

from __future__ import annotations

import logging
import os
import re
from typing import Dict, Mapping, Optional, Set

import numpy as np

from ..lists.lines import why_unlistable

_log = logging.getLogger("mxnet_im2rec")

EXTENSIONS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "WebP": ".webp",
    "GIF": ".gif",
    "JPEG 2000": ".jp2",
}
"""The extension of a file by its format; others get ``.bin``."""

LIST_NAME = "images.lst"
_ALIASES = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tiff": ".tif", ".dib": ".bmp"}
_LONGEST_NAME = 255  # bytes, in nearly every file system
_DRIVE = re.compile("[A-Za-z]:")


def inner_path(path: str) -> Optional[str]:
    """A path as it is below a folder, without ``.`` in it; None if it leads out of the folder, or is no path of a file there.

    Examples
    --------
    >>> inner_path('./cats//tom.jpg'), inner_path('../tom.jpg'), inner_path('/tom.jpg'), inner_path('C:tom.jpg')
    ('cats/tom.jpg', None, None, None)
    """
    if path.startswith(("/", "\\")) or _DRIVE.match(path) or "\0" in path or why_unlistable(path) is not None:
        return None
    if ".." in re.split(r"[/\\]", path):
        return None
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if (
        not parts
        or max(len(os.fsencode(part)) for part in parts) > _LONGEST_NAME
        or parts[0] in (LIST_NAME, LIST_NAME + ".partial")
    ):
        return None
    return "/".join(parts)


def with_extension_of(path: str, format: Optional[str]) -> str:
    """The path, with another extension if its own is not that of the format.

    Examples
    --------
    >>> with_extension_of('tom.JPEG', 'JPEG'), with_extension_of('tom.bmp', 'JPEG'), with_extension_of('tom', None)
    ('tom.JPEG', 'tom.jpg', 'tom')
    """
    stem, extension = os.path.splitext(path)
    wanted = EXTENSIONS.get(format or "", extension)
    found = extension.lower()
    return path if _ALIASES.get(found, found) == wanted or not format else stem + wanted


class LabelFolders:
    """The folder of each label: the name of its class, or its number. No two labels have the same one."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self._folders: Dict[int, str] = {}
        self._taken: Set[str] = set()
        for number, name in names.items():
            folder = "." if name == "." else inner_path(name)  # the folder itself, as in the table of a flat folder
            if folder is None or folder in self._taken:
                _log.warning(
                    "no folder can have the name of the class %r: its folder is named after its number, %d", name, number
                )
            else:
                self._folders[number] = folder
                self._taken.add(folder)

    def __call__(self, label: np.float32) -> str:
        if not float(label).is_integer():
            folder = str(label)  # with so many digits that no other label has the same name
        elif int(label) in self._folders:
            return self._folders[int(label)]
        else:
            folder = f"{label:.0f}"
        while folder in self._taken:
            folder += "_"
        return folder

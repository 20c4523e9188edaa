# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The path of an image as a list in another folder has it. Opens nothing."""

from __future__ import annotations

import os


def relative_path(path: str, folder: str) -> str:
    """The path from a folder to a file, with ``/`` between folders; the absolute path where none leads there.

    Examples
    --------
    >>> relative_path('/data/photos/cats/tom.jpg', '/data/photos'), relative_path('/photos/tom.jpg', '/data')
    ('cats/tom.jpg', '../photos/tom.jpg')
    """
    path = os.path.join(os.getcwd(), path)
    if os.pardir in path.split(os.sep):  # behind a link it leads elsewhere than the names say
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    folder = os.path.abspath(folder)
    try:
        found = os.path.relpath(path, folder)
        if found.startswith(os.pardir):  # which the system takes from where a link leads
            found = os.path.relpath(path, os.path.realpath(folder))
    except ValueError:  # on another drive
        found = path
    return found.replace(os.sep, "/")

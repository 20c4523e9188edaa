# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The path of an image as a list in some folder writes it. Knows paths only."""

from __future__ import annotations

import os


def relative_path(path: str, folder: str) -> str:
    """The path that opens the same file when it is joined to the folder: relative, with ``/`` between folders.

    ``..`` behind a link to a folder leads to the parent of the folder that the link points to. So where the shortest way by names
    leads elsewhere, the way between the real folders is taken. The path is absolute where there is no way, as between two drives
    of Windows. For many files in one tree, ask once, for the folder of the tree.

    Examples
    --------
    >>> relative_path('/data/photos/cats/tom.jpg', '/data/lists')
    '../photos/cats/tom.jpg'
    >>> relative_path('/data/photos', '/data/photos')
    '.'
    """
    path, folder = os.path.join(os.getcwd(), path), os.path.join(os.getcwd(), folder)  # not normalised: ".." behind a link counts
    try:
        by_names = os.path.relpath(path, folder)
    except ValueError:  # another drive
        return os.path.abspath(path).replace(os.sep, "/")
    if os.path.realpath(os.path.join(folder, by_names)) == os.path.realpath(path):
        return by_names.replace(os.sep, "/")
    parent, name = os.path.split(path)
    return os.path.join(os.path.relpath(os.path.realpath(parent), os.path.realpath(folder)), name).replace(os.sep, "/")

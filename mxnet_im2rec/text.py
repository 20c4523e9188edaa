# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Text that is safe to show. Knows nothing of where it comes from."""

from __future__ import annotations


def printable(text: str, keep: str = "") -> str:
    """The text with every character that cannot be printed written as Python's repr writes it, such as ``\\x1b``.

    Parameters
    ----------
    text : str
        It may come from a file, and do something to a terminal.
    keep : str
        Characters that stay as they are, such as a line's end.

    Examples
    --------
    >>> printable("a\\x1b[31mb\\n", keep="\\n")
    'a\\\\x1b[31mb\\n'
    """
    if text.isprintable():
        return text
    return "".join([each if each.isprintable() or each in keep else repr(each)[1:-1] for each in text])

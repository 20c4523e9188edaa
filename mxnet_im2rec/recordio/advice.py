# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What to do about a damaged .rec or .idx, as the last part of an error's message. Reads neither of them."""

from __future__ import annotations

from typing import Optional

from ..errors import RecordFormatError
from ..text import Call, Text, message_of


def advise(error: RecordFormatError, advice: str) -> RecordFormatError:
    """The error, with advice at the end of its message."""
    error.args = (Text(message_of(error), "; ", advice),)
    return error


def damaged_rec(error: RecordFormatError, why: Optional[str] = None) -> RecordFormatError:
    """The error, with what to do about a damaged .rec."""
    why = why or ("the .rec is damaged" if error.offset else "this is no .rec, or its begin is damaged")
    return advise(error, Text(f"{why}; ", Call("salvage", error.path, "out"), " keeps what is whole"))


def damaged_idx(error: RecordFormatError, rec_path: Optional[str] = None) -> RecordFormatError:
    """The error, with what to do about a wrong .idx; ``rec_path`` is the .rec that a new one is made from, if it is known."""
    makes = " makes a new .idx" if rec_path is not None else " makes a new .idx from the .rec"
    return advise(error, Text(Call("build_index", rec_path), makes))

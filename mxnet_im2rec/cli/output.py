# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What is printed: results to stdout, as text or as JSON, and everything else to stderr. Knows no command."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
from contextlib import suppress
from typing import Any, Dict, Mapping, Optional

import click

from ..text import printable as escape
from ..text import visible
from ..values import DamagedImage, Failure
from .wording import worded

_RESULT = "mxnet_im2rec.result"
_BLANKS = "\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"  # of all languages


class StdoutError(Exception):
    """Nobody takes what is printed, or it cannot be written."""


# Lines


def printable(text: str) -> str:
    """The text without anything that a terminal would obey; line ends and tabs stay."""
    return escape(text, keep="\n\t" + _BLANKS)


def name_of(path: Any) -> str:
    """A file's name within a line."""
    return visible(os.fspath(path))


def _encodable(text: str, stream: Any) -> str:
    """The text with what the stream's encoding lacks written as escapes."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def write_stdout(text: str) -> None:
    """Write to stdout at once; StdoutError if that fails."""
    stream = sys.stdout
    if stream is None:  # closed by the caller, with >&-
        return
    try:
        stream.write(_encodable(text, stream))
        stream.flush()
    except OSError as error:
        _let_go_of_stdout()
        raise StdoutError(error) from error


def _let_go_of_stdout() -> None:
    """Have what is still in the buffer go nowhere, so that Python does not stumble over it at the very end."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def print_result(text: str) -> None:
    """Print a result, to stdout."""
    write_stdout(printable(text) + "\n")


def say(text: str) -> None:
    """Print anything else, to stderr, above the bar if there is one."""
    stream = sys.stderr
    if stream is None:
        return
    line = _encodable(printable(text), stream)
    tqdm = sys.modules.get("tqdm") if stream.isatty() else None
    with suppress(OSError):  # nobody is left to read it
        if tqdm is not None:
            tqdm.tqdm.write(line, file=stream)
        else:
            stream.write(line + "\n")
        stream.flush()


def failure_line(failure: Failure, list_name: str, reason: str) -> str:
    """``photos.lst:17: error: 'cats/tom.jpg': decode: ...``, as compilers do, so that editors jump there."""
    place = list_name if failure.line is None else f"{list_name}:{failure.line}"
    what = f"{failure.path!r}: " if failure.path is not None else ""
    return f"{place}: error: {what}{failure.stage}: {reason}"


def describe_failure(failure: Failure, list_name: str) -> str:
    """A failure as a line, with its reason as the command line words it."""
    return failure_line(failure, list_name, worded(failure.reason))


def describe_damage(image: DamagedImage, list_name: str) -> str:
    """An image that is damaged inside as a line."""
    place = list_name if image.line is None else f"{list_name}:{image.line}"
    return f"{place}: warning: {image.path!r}: damaged inside, and stored all the same: {image.reason}"


# Results


def ask_for_json(context: click.Context) -> None:
    context.meta[_RESULT] = {}


def wants_json() -> bool:
    return result_so_far() is not None


def result_so_far() -> Optional[Dict[str, Any]]:
    """What is to be printed as JSON so far; None if JSON was not asked for."""
    return click.get_current_context().meta.get(_RESULT)


def show(report: Any, text: Optional[str] = None, **more: Any) -> None:
    """Print a report, as text, or as JSON if that was asked for."""
    result = result_so_far()
    if result is None:
        print_result(worded(str(report) if text is None else text))
    else:
        result.update(plain(report), **plain(more))
        print_result(json.dumps(result, indent=2, allow_nan=False))


def collect(text: str, **so_far: Any) -> None:
    """Print one of several results as text. As JSON they come together, by :func:`show_collected` or by an error."""
    result = result_so_far()
    if result is None:
        print_result(worded(text))
    else:
        result.update(plain(so_far))


def show_collected() -> None:
    """Print what was collected, if JSON was asked for."""
    result = result_so_far()
    if result is not None:
        print_result(json.dumps(result, indent=2, allow_nan=False))


def plain(value: Any) -> Any:
    """A value as JSON can hold it: dataclasses as objects, NumPy's numbers as numbers, what is not finite as null."""
    if isinstance(value, str):
        return worded(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value) if each.name[0] != "_"}
        for name in ("ok", "num_images", "label_width"):
            if name not in found and hasattr(value, name):
                found[name] = plain(getattr(value, name))
        return found
    if isinstance(value, Mapping):
        return {_key(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _key(key: Any) -> str:
    if isinstance(key, float) and key.is_integer():
        return str(int(key))
    return "x".join(map(str, key)) if isinstance(key, tuple) else str(key)

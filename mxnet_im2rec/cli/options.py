# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The options that several commands have, and the kinds of values. Does not know what a command does with them.

An option is called as the argument of the library that it feeds. So the options of a command are the keywords of its call, and
:mod:`mxnet_im2rec.cli.wording` finds the option of an argument.
"""

from __future__ import annotations

import math
import os
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Optional, Tuple

import click

from ..limits import MAX_PIXELS
from .output import ask_for_json, name_of, say

_VERBOSITY = "mxnet_im2rec.verbosity"
_SHOWN = 3

INPUT = click.Path(exists=True, dir_okay=False)
FOLDER = click.Path(exists=True, file_okay=False)
OUTPUT = click.Path()


class NumberOrNone(click.ParamType):
    """A number, or the word 'none' for no limit."""

    name = "number or 'none'"

    def __init__(self, kind: type, least: float) -> None:
        self._kind = kind
        self._least = least

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        if value is None or str(value).lower() == "none":
            return None
        try:
            number = self._kind(value)
        except ValueError:
            number = math.nan
        if not self._least <= number < math.inf:
            noun = "whole number" if self._kind is int else "number"
            self.fail(f"{value!r} is neither a {noun} from {self._least:g} on nor 'none'.", param, ctx)
        return number


def workers_option(help: str) -> Callable[..., Any]:
    return click.option("--workers", "num_workers", type=click.IntRange(min=0), metavar="N", help=help)


def color_option(more: str = "") -> Callable[..., Any]:
    kind, text = click.Choice(["1", "0", "-1"]), f"1: RGB (the default), 0: grey, -1: as stored{more}."
    return click.option("--color", type=kind, default="1", callback=lambda context, param, value: int(value), help=text)


def no_pack_labels_option(help: str) -> Callable[..., Any]:
    option = "--no-pack-labels", "pack_labels"
    return click.option(*option, is_flag=True, callback=lambda context, param, value: not value, help=help)


def seed_option(help: str, default: int = 0) -> Callable[..., Any]:
    return click.option("--seed", type=int, default=default, show_default=True, help=help)


def max_pixels_option(help: str) -> Callable[..., Any]:
    kind, default = NumberOrNone(int, 1), str(MAX_PIXELS)
    return click.option("--max-pixels", type=kind, default=default, show_default=True, metavar="N|none", help=help)


def classes_option(function: Callable[..., Any]) -> Callable[..., Any]:
    text = "The names of the classes, as `list` writes them; by default REC's own .classes.txt."
    return click.option("--classes", type=INPUT, metavar="FILE", help=text)(function)


def overwrite_option(what: str) -> Callable[..., Any]:
    """For every command that makes something new."""
    return click.option("--overwrite", is_flag=True, help=f"Replace {what} if it is there already.")


@contextmanager
def saying_what_becomes_of(*paths: str, resumes: bool = False) -> Iterator[None]:
    """Around a call that may replace files: says so afterwards; or, of a run that resumes, that there was nothing to do."""
    before = {path: _state(path) for path in paths if os.path.lexists(path)}
    yield
    if not before or verbosity() < 0:
        return
    replaced = [name_of(path) for path, state in before.items() if _state(path) != state]
    if replaced:
        more = f" and {len(replaced) - _SHOWN:,} more" if len(replaced) > _SHOWN else ""
        say(f"note: replaced {', '.join(replaced[:_SHOWN])}{more}")
    elif resumes:
        say(f"note: nothing to do: {name_of(paths[0])} is complete")


def _state(path: str) -> Tuple[int, int, int]:
    """By which it shows whether a file was replaced, or written over."""
    status = os.lstat(path)
    return status.st_dev, status.st_ino, status.st_mtime_ns


# Options that every command has


def verbosity(context: Optional[click.Context] = None) -> int:
    """How much to say: 0 by default, more with every -v, less with every -q."""
    return (context or click.get_current_context()).meta.get(_VERBOSITY, 0)


def verbosity_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """-v and -q, which count the same before and after the name of the command."""

    def louder(ctx: click.Context, param: click.Parameter, value: int) -> None:
        ctx.meta[_VERBOSITY] = verbosity(ctx) + value

    def quieter(ctx: click.Context, param: click.Parameter, value: int) -> None:
        ctx.meta[_VERBOSITY] = verbosity(ctx) - value

    more = "Say more: where a transform failed, for one; -vv also shows where an error that ends the command comes from."
    less = "Say nothing but the result and what ends the command."
    function = click.option("-q", "--quiet", count=True, expose_value=False, callback=quieter, help=less)(function)
    return click.option("-v", "--verbose", count=True, expose_value=False, callback=louder, help=more)(function)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    def want(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value:
            ask_for_json(ctx)

    text = "Print the result as JSON, for a program to read."
    return click.option("--json", is_flag=True, expose_value=False, callback=want, help=text)(function)

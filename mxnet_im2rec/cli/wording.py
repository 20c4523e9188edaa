# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Words the library's messages for the command line: ``num_workers=0`` is ``--workers 0`` there. Knows no message.

The table of the options is click's own. Every command calls a parameter as the library calls the argument that it feeds.
"""

from __future__ import annotations

import shlex
from typing import Any, Iterator, List, Tuple

import click

from ..text import Argument, Call, Name, reword

FUNCTIONS = {
    "list": "make_list",
    "check": "check_list",
    "pack": "im2rec",
    "merge": "concatenate",
    "verify": "verify",
    "info": "summarize",
    "view": "contact_sheet",
    "extract": "extract",
    "index": "build_index",
    "salvage": "salvage",
}
"""The public function that each command calls."""


def worded(message: str) -> str:
    """A message of the library as the command that runs words it."""
    return reword(message, _word)


def _word(name: Name) -> str:
    if isinstance(name, Call):
        return _typed_call(name)
    if name.name == "resume" and name.value is not ...:
        return _typed_resume(bool(name.value))
    for command in _commands(name.function):
        for param in command.params:
            if param.name == name.name:
                return _typed_option(param, name)
    return str(name)


def _typed_resume(value: bool) -> str:
    """`pack` takes --resume or --overwrite, never both."""
    if not value:
        return "--overwrite in the place of --resume"
    is_overwriting = click.get_current_context().params.get("overwrite")
    return "--resume in the place of --overwrite" if is_overwriting else "--resume"


def _commands(function: str) -> List[click.Command]:
    """The commands: first the one that calls the function, if there is one, then the one that runs, then the others."""
    context = click.get_current_context().find_root()
    assert isinstance(context.command, click.Group)

    def rank(command: click.Command) -> Tuple[bool, bool]:
        return FUNCTIONS.get(str(command.name)) != function, command.name != context.invoked_subcommand

    return sorted(context.command.commands.values(), key=rank)


def _typed_option(param: click.Parameter, argument: Argument) -> str:
    if isinstance(param, click.Argument):
        return _metavar(param).strip("[]").rstrip(".")
    option = max(param.opts, key=len)
    if argument.value is ... or getattr(param, "is_flag", False):
        return option
    return f"{option} {'none' if argument.value is None else shlex.quote(str(argument.value))}"


def _typed_call(call: Call) -> str:
    command = _commands(call.function)[0]
    if FUNCTIONS.get(str(command.name)) != call.function:  # no command does that
        return str(call)
    return " ".join([f"im2rec {command.name}", *_typed_arguments(command, call)])


def _typed_arguments(command: click.Command, call: Call) -> Iterator[str]:
    metavars = [_metavar(param) for param in command.params if isinstance(param, click.Argument)]
    for place, metavar in enumerate(metavars):
        if place == 0 and call.rec_path is not None:
            yield shlex.quote(call.rec_path) if call.rec_path.isprintable() else repr(call.rec_path)
        elif not metavar.startswith("["):  # which need not be given
            yield metavar


def _metavar(param: Any) -> str:
    return param.metavar or str(param.name).upper()

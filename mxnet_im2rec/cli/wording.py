# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Words the library's messages for the command line: ``num_workers=0`` is ``--workers 0`` there. Knows no message.

The table of the options is click's own. Every command calls a parameter as the library calls the argument that it feeds.
"""

from __future__ import annotations

import shlex
from typing import Any, Dict, Iterator, List, Tuple

import click

from ..text import Argument, Call, Name, reword

FUNCTIONS = {
    "list": "make_list",
    "import coco": "from_coco",
    "import voc": "from_voc",
    "import yolo": "from_yolo",
    "import table": "from_table",
    "check": "check_list",
    "pack": "im2rec",
    "merge": "concatenate",
    "verify": "verify",
    "info": "summarize",
    "view": "contact_sheet",
    "extract": "extract",
    "index": "build_index",
    "salvage": "salvage",
    "convert": "convert",
    "shuffle": "shuffle",
}
"""The public function that each command calls; of `import` the one that opens the source."""


def worded(message: str) -> str:
    """A message of the library as the command that runs words it."""
    return reword(message, _word)


def _word(name: Name) -> str:
    if isinstance(name, Call):
        return _typed_call(name)
    if name.name == "resume" and name.value is not ...:
        return _typed_resume(bool(name.value))
    context = click.get_current_context()
    if name == Argument("transformations") and context.params.get("transformations", ...) is None:
        return _typed_transforms(context.command)
    for _, command in _commands(name.function):
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


def _typed_transforms(command: click.Command) -> str:
    """All the options that make transforms, where the one that names them was not given."""
    names = ("resize", "short_edge", "center_crop", "transformations")
    return ", ".join(max(param.opts, key=len) for param in command.params if param.name in names)


def all_commands(group: click.Group, begin: str = "") -> Dict[str, click.Command]:
    """Every command with what one types for it, such as ``import table``."""
    found: Dict[str, click.Command] = {}
    for name, command in group.commands.items():
        found.update(all_commands(command, f"{name} ") if isinstance(command, click.Group) else {begin + name: command})
    return found


def _commands(function: str) -> List[Tuple[str, click.Command]]:
    """The commands: first the one that calls the function, if there is one, then the one that runs, then the others.

    Of a group that runs, such as `import`, every command counts as running: their options of one name are the same.
    """
    context = click.get_current_context().find_root()
    assert isinstance(context.command, click.Group)

    def rank(item: Tuple[str, click.Command]) -> Tuple[bool, bool]:
        return FUNCTIONS.get(item[0]) != function, item[0].split()[0] != context.invoked_subcommand

    return sorted(all_commands(context.command).items(), key=rank)


def _typed_option(param: click.Parameter, argument: Argument) -> str:
    if isinstance(param, click.Argument):
        return _metavar(param).strip("[]").rstrip(".")
    option = max(param.opts, key=len)
    if argument.value is ... or getattr(param, "is_flag", False):
        return option
    return f"{option} {'none' if argument.value is None else shlex.quote(str(argument.value))}"


def _typed_call(call: Call) -> str:
    typed, command = _commands(call.function)[0]
    if FUNCTIONS.get(typed) != call.function:  # no command does that
        return str(call)
    return " ".join([f"im2rec {typed}", *_typed_arguments(command, call)])


def _typed_arguments(command: click.Command, call: Call) -> Iterator[str]:
    metavars = [_metavar(param) for param in command.params if isinstance(param, click.Argument)]
    for place, metavar in enumerate(metavars):
        if place == 0 and call.rec_path is not None:
            yield shlex.quote(call.rec_path) if call.rec_path.isprintable() else repr(call.rec_path)
        elif not metavar.startswith("["):  # which need not be given
            yield metavar


def _metavar(param: Any) -> str:
    return param.metavar or str(param.name).upper()

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The ways out of a command: every error becomes a line or two on stderr and an exit code. Knows no command.

The exit code is 0 if all is well, 1 if something is wrong with the data, 2 if the call was wrong. After a signal it is 128 and
the signal's number.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from contextlib import suppress
from typing import Any, Dict, List, Optional, Sequence

import click

from ..errors import ErrorLimitExceeded, Im2RecError, VerifyError
from ..text import Argument, Text, count, message_of
from .options import verbosity
from .output import StdoutError, describe_failure, name_of, plain, print_result, result_so_far, say
from .progress import watch_signals, work_name
from .signals import Interrupted, insisting, signals_raise
from .wording import worded

OK, FAILED, WRONG_CALL = 0, 1, 2
_CLOSED_PIPE = 128 + 13  # as for a program that SIGPIPE ends
_MOST_PROBLEMS = 3  # that are shown
_OF_A_WRONG_PATH = (FileNotFoundError, NotADirectoryError, IsADirectoryError, FileExistsError, PermissionError)
_PARTS_OF_ERRORS = ("failures", "failures_path", "problems", "paths", "num_problems")  # that are in the JSON too


class WrongCall(ValueError):
    """What was asked for cannot be done; found out only while doing it."""


class Program(click.Group):
    """The commands in the order of their definition; every way out of one of them is an exit code."""

    def list_commands(self, ctx: click.Context) -> List[str]:
        return list(self.commands)

    def main(self, args: Optional[Sequence[str]] = None, prog_name: Optional[str] = None, *rest: Any, **more: Any) -> Any:
        more["standalone_mode"] = False
        try:
            code = super().main(args, prog_name, *rest, **more)
        except click.ClickException as error:  # a wrong call; click itself would print control characters as they are
            say(f"Error: {error.format_message()}")
            context = getattr(error, "ctx", None)
            if context is not None:
                say(f"Try '{context.command_path} --help'.")
            if _wants_json(sys.argv[1:] if args is None else args):
                _print_error({}, {"type": type(error).__name__, "message": error.format_message()})
            code = error.exit_code
        except click.Abort:
            code = 128 + signal.SIGINT
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> int:
        with signals_raise() as received:
            watch_signals(ctx, received)
            try:
                with insisting(received):
                    return int(super().invoke(ctx) or OK)
            except (click.ClickException, click.exceptions.Exit, click.Abort, SystemExit):
                raise
            except BaseException as error:
                return _give_up(error, ctx)


def _wants_json(args: Sequence[str]) -> bool:
    """Whether --json is among the arguments; of a call so wrong that it was not understood, too."""
    words = list(args)
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def _print_error(result: Dict[str, Any], error: Dict[str, Any]) -> None:
    """Print what there is as JSON, with the error that ended the command."""
    with suppress(StdoutError):
        print_result(json.dumps({**result, "ok": False, "error": error}, indent=2, allow_nan=False))


def _give_up(error: BaseException, ctx: click.Context) -> int:
    """Say what ended the command, in a line or two, and choose the exit code."""
    level = verbosity(ctx)
    if isinstance(error, StdoutError) and isinstance(error.__cause__, BrokenPipeError):
        return _CLOSED_PIPE
    if level > 1:
        say("".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip())
    if isinstance(error, (KeyboardInterrupt, Interrupted)):
        signum = getattr(error, "signum", signal.SIGINT)
        say("Interrupted." if signum == signal.SIGINT else f"Ended by {error}.")
        return 128 + signum
    message = describe_error(error)
    if level < 0 and isinstance(error, ErrorLimitExceeded):  # else the failure is there already, from the log
        say(describe_failure(error.failures[-1], name_of(work_name(ctx))))
    say(f"Error: {message}")
    result = result_so_far()
    if result is not None and not isinstance(error, StdoutError):
        parts = {name: plain(getattr(error, name)) for name in _PARTS_OF_ERRORS if hasattr(error, name)}
        _print_error(result, {"type": type(error).__name__, "message": message, **parts})
    return exit_code(error)


def exit_code(error: BaseException) -> int:
    """2 if the call was wrong, 1 for anything else."""
    if isinstance(error, Im2RecError):
        return FAILED
    return WRONG_CALL if isinstance(error, (ValueError, TypeError, *_OF_A_WRONG_PATH)) else FAILED


def describe_error(error: BaseException) -> str:
    """What a user reads of an error: the options by their names on the command line, no class names, no traceback."""
    if isinstance(error, StdoutError):
        return f"cannot write to stdout: {error.__cause__}"
    if isinstance(error, ErrorLimitExceeded):
        return worded(_describe_limit(error))
    if isinstance(error, VerifyError):
        return "\n  ".join(map(worded, [message_of(error), *map(str, error.problems[1:_MOST_PROBLEMS])]))
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fspath(error.filename)!r}: {worded(error.strerror)}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{error}: pip install {error.name}"
    if isinstance(error, (Im2RecError, ValueError, TypeError, OSError, ImportError)) and str(error):
        return worded(message_of(error))
    if isinstance(error, MemoryError):
        return "the memory is used up; try fewer --workers, or a smaller --batch-size"
    return f"{type(error).__name__}: {error} (a bug; run it again with -vv, and report what that shows)"


def _describe_limit(error: ErrorLimitExceeded) -> str:
    """The failures themselves are lines above."""
    failed = count(len(error.failures), "entry", "entries")
    limit = Argument("error_limit")
    advice = error.question or Text(". Repair the list or the images, or allow more with ", limit)
    table = "" if error.failures_path is None else f". All failures of this run: {error.failures_path!r}"
    return Text(f"{failed} failed, ", limit, f" is {error.error_limit}: no output was written", advice, table)

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What the commands share: exit codes, errors as lines, results to stdout and all else to stderr, JSON, progress, signals.

Knows nothing of what a command does. Loads nothing heavy: ``im2rec --help`` must answer at once.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import logging
import math
import os
import re
import shlex
import signal
import sys
import textwrap
import time
import traceback
import unicodedata
import warnings
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from typing import Any, Callable, Dict, Iterator, List, Mapping, Match, Optional, Sequence, Union

import click

from ..errors import ErrorLimitExceeded, Im2RecError, VerifyError
from ..progress import open_progress
from ..values import DamagedImage, Failure
from .signals import Interrupted, as_raised, insisting, signals_raise

OK, FAILED, WRONG_CALL = 0, 1, 2
_CLOSED_PIPE = 128 + 13  # as for a program that SIGPIPE ends

PROGRESS_SECONDS = 10.0  # between two lines that tell the progress where there is no terminal
_VERBOSITY, _RESULT, _NAME, _RECEIVED = (f"mxnet_im2rec.{name}" for name in ("verbosity", "result", "name", "received"))

_CALLER_S_OWN = (FileNotFoundError, NotADirectoryError, IsADirectoryError, FileExistsError, PermissionError)
_OPTIONS = {
    "num_workers": "--workers",
    "num_threads": "--threads",
    "batch_size": "--batch-size",
    "error_limit": "--error-limit",
    "pass_through": "--pass-through",
    "fast_decode": "--fast-decode",
    "mp_context": "--start-method",
    "max_pixels": "--max-pixels",
    "min_psnr": "--min-psnr",
    "idx_path": "--idx",
    "list_file": "LIST",
    "output_path": "OUTPUT",
    "rec_path": "REC",
    "train_ratio": "--train-ratio",
    "test_ratio": "--test-ratio",
    "transformations": "--transforms",
}
_OPTIONS_AT_THE_BEGIN = {  # of a message: elsewhere these words are words
    "cell": "--cell",
    "chunks": "--chunks",
    "color": "--color",
    "columns": "--columns",
    "encoding": "--encoding",
    "exts": "--exts",
    "label": "--label",
    "labels": "--labels",
    "num_records": "--num-records",
    "path": "--plot",
    "pixels": "--pixels",
    "prefix": "PREFIX",
    "quality": "--quality",
    "root": "--root",
    "rows": "--rows",
    "seed": "--seed",
    "timeout": "--timeout",
}
_OPTIONS_OF = {"view": {"path": "OUTPUT.png"}}  # what means something else in one command
_PHRASES = {
    "no list_file was given": "no LIST was given",
    "no root was given": "no --root was given",
    "pixels='none'": "--pixels none",
    "lower rows, columns or cell": "lower --rows, --columns or --cell",
    "other transformations, seed, color or fast_decode": "other transforms, --seed, --color or --fast-decode",
    "seconds (timeout)": "seconds (--timeout)",
    "begin anew, without resume": "begin anew, without --resume",
}
_FUNCTIONS = {"build_index": "im2rec index {rec}", "salvage": "im2rec salvage {rec} OUT"}
_QUOTED = r"""b?'(?:\\.|[^'\\\n])*'|b?"(?:\\.|[^"\\\n])*\""""
_IN_PYTHON = re.compile(  # what stands in quotes is a name, and stays; an apostrophe follows a letter
    rf"\bmxnet_im2rec\.(?P<function>{'|'.join(_FUNCTIONS)})\((?P<rec>{_QUOTED})?(?:, out)?\)"
    rf"|(?P<phrase>{'|'.join(map(re.escape, _PHRASES))})"
    rf"|\b(?P<argument>{'|'.join(_OPTIONS)})\b(?P<equals>=True\b|=)?"
    rf"|\b(?P<flag>resume|verify|overwrite)=True\b"
    rf"|\A(?P<begin>{'|'.join(_OPTIONS_AT_THE_BEGIN)})(?=,| must | is | has )"
    rf"|(?<!\w)(?:{_QUOTED})(?!\w)"
)


class WrongCall(ValueError):
    """What was asked for cannot be done; found out only while doing it."""


class StdoutError(Exception):
    """Nobody takes what is printed, or it cannot be written."""


# What goes to the terminal


def printable(text: str) -> str:
    """The text without anything that a terminal would obey; line ends and tabs stay."""
    return "".join([char if _is_harmless(char) else char.encode("unicode_escape").decode("ascii") for char in text])


def _is_harmless(char: str) -> bool:
    return char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs"


def name_of(path: Any) -> str:
    """A file's name within a line: as it is where that is harmless, else quoted."""
    text = os.fspath(path)
    return text if text.isprintable() else repr(text)


def _fit(text: str, stream: Any) -> str:
    """The text with what the stream's encoding lacks written as escapes."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return printable(text).encode(encoding, "backslashreplace").decode(encoding)


def emit(text: str) -> None:
    """Print a result, to stdout."""
    stream = sys.stdout
    if stream is None:  # closed by the caller, with >&-
        return
    try:
        stream.write(_fit(text, stream) + "\n")
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


def tell(text: str) -> None:
    """Print anything else, to stderr, above the bar if there is one."""
    stream = sys.stderr
    if stream is None:
        return
    line = _fit(text, stream)
    tqdm = sys.modules.get("tqdm") if stream.isatty() else None
    with suppress(OSError):  # nobody is left to be told
        if tqdm is not None:
            tqdm.tqdm.write(line, file=stream)
        else:
            stream.write(line + "\n")
        stream.flush()


def describe_failure(failure: Failure, list_name: str) -> str:
    """``photos.lst:17: error: 'cats/tom.jpg': decode: ...``, as compilers do, so that editors jump there."""
    place = list_name if failure.line is None else f"{list_name}:{failure.line}"
    what = f"{failure.path!r}: " if failure.path is not None else ""
    return f"{place}: error: {what}{failure.stage}: {failure_as_typed(failure).reason}"


def describe_damage(image: DamagedImage, list_name: str) -> str:
    place = list_name if image.line is None else f"{list_name}:{image.line}"
    return f"{place}: warning: {image.path!r}: damaged inside, and stored all the same: {image.reason}"


# Results


def show(report: Any, text: Optional[str] = None, **more: Any) -> None:
    """Print a report, as text, or as JSON if that was asked for."""
    result = _result()
    if result is None:
        emit(str(report) if text is None else text)
    else:
        result.update(plain(report), **plain(more))
        emit(json.dumps(result, indent=2, allow_nan=False))


def collect(text: str, **so_far: Any) -> None:
    """Print one of several results as text; as JSON they come together, when :func:`show_collected` is called or an error ends
    the command."""
    result = _result()
    if result is None:
        emit(text)
    else:
        result.update(plain(so_far))


def show_collected() -> None:
    """Print what was collected, if JSON was asked for."""
    result = _result()
    if result is not None:
        emit(json.dumps(result, indent=2, allow_nan=False))


def wants_json() -> bool:
    return _result() is not None


def _result() -> Optional[Dict[str, Any]]:
    """What is to be printed as JSON so far; None if JSON was not asked for."""
    return click.get_current_context().meta.get(_RESULT)


def plain(value: Any) -> Any:
    """A value as JSON can hold it: dataclasses as objects, NumPy's numbers as numbers, what is not finite as null."""
    if value is None or isinstance(value, (bool, int, str)):
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


# Options that every command has


def verbosity() -> int:
    return click.get_current_context().meta.get(_VERBOSITY, 0)


def verbosity_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """-v and -q, which count the same before and after the name of the command."""

    def louder(ctx: click.Context, param: click.Parameter, value: int) -> None:
        ctx.meta[_VERBOSITY] = ctx.meta.get(_VERBOSITY, 0) + value

    def quieter(ctx: click.Context, param: click.Parameter, value: int) -> None:
        ctx.meta[_VERBOSITY] = ctx.meta.get(_VERBOSITY, 0) - value

    more = "Say more: where a transform failed, for one; -vv also shows where an error that ends the command comes from."
    less = "Say nothing but the result and what ends the command."
    function = click.option("-q", "--quiet", count=True, expose_value=False, callback=quieter, help=less)(function)
    return click.option("-v", "--verbose", count=True, expose_value=False, callback=louder, help=more)(function)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    def want(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value:
            ctx.meta[_RESULT] = {}

    text = "Print the result as JSON, for a program to read."
    return click.option("--json", is_flag=True, expose_value=False, callback=want, help=text)(function)


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


max_pixels_option = click.option(
    "--max-pixels",
    type=NumberOrNone(int, 1),
    default=str(1 << 28),
    show_default=True,
    metavar="N|none",
    help="Images with more pixels are not decoded; they fail.",
)

INPUT = click.Path(exists=True, dir_okay=False)
FOLDER = click.Path(exists=True, file_okay=False)
OUTPUT = click.Path()


# Around a call of the library


Progress = Callable[..., None]
"""Called with how many are done, of how many if that is known, and how many of them failed."""


@contextmanager
def at_work(name: str, unit: str = "") -> Iterator[Progress]:
    """Around a call of the library: gives what to pass as its `progress`, and sees to what it logs and warns of.

    What a transform prints goes to stderr too, so that stdout holds the result alone.

    Parameters
    ----------
    name : str
        What is being worked on, such as the list's file name.
    unit : str
        What is counted.
    """
    quiet = verbosity() < 0
    click.get_current_context().meta[_NAME] = name
    with ExitStack() as stack:
        stack.enter_context(_stdout_kept())
        stack.enter_context(_logging(name, verbosity()))
        stack.enter_context(_warnings(quiet))
        show_progress: Progress = ProgressLines(name, unit)
        if quiet:
            show_progress = _show_nothing
        elif sys.stderr is not None and sys.stderr.isatty():
            show_progress = _Bar(stack)
        received = click.get_current_context().meta.get(_RECEIVED, [])

        def progress(done: int, total: Optional[int] = None, failed: int = 0) -> None:
            if received:  # something in between has kept for itself what the signal raised, as MXNet does while it is loaded
                raise as_raised(received[-1])
            show_progress(done, total, failed)

        yield progress


def _show_nothing(done: int, total: Optional[int], failed: int) -> None:
    pass


class _Bar:
    """The library's own bar, from the first call on; closed with the stack."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._tell: Optional[Callable[[int, int], None]] = None

    def __call__(self, done: int, total: Optional[int], failed: int) -> None:
        if self._tell is None:
            self._tell = self._stack.enter_context(open_progress(True, lambda: total))
        self._tell(done, failed)


class ProgressLines:
    """Tells the progress now and then, on a line each, for logs.

    Examples
    --------
    >>> progress = ProgressLines('photos.lst')
    >>> progress(1, 50_000, 0)  # nothing, it has only just begun
    """

    def __init__(self, name: str, unit: str = "") -> None:
        self._begin = f"{name_of(name)}: "
        self._unit = f" {unit}" if unit else ""
        self._last = time.monotonic()

    def __call__(self, done: int, total: Optional[int] = None, failed: int = 0) -> None:
        now = time.monotonic()
        if now - self._last < PROGRESS_SECONDS:
            return
        self._last = now
        of_total = "" if total is None else f" of {total:,}"
        failures = f", {failed:,} failed" if failed else ""
        tell(f"{self._begin}{done:,}{of_total}{self._unit}{failures}")


@contextmanager
def _stdout_kept() -> Iterator[None]:
    """Send to stderr whatever is printed meanwhile, worker processes and C libraries included."""
    if sys.stdout is not None:
        sys.stdout.flush()
    with ExitStack() as stack:
        with suppress(OSError):  # one of them is closed
            kept = os.dup(1)
            stack.callback(os.close, kept)
            os.dup2(2, 1)
            stack.callback(os.dup2, kept, 1)
        stack.enter_context(redirect_stdout(sys.stderr))
        yield


class _LogLines(logging.Handler):
    """The library's log as lines that begin with the list's name and the line in it."""

    def __init__(self, list_name: str) -> None:
        super().__init__()
        self._list_name = name_of(list_name)

    def emit(self, record: logging.LogRecord) -> None:
        args = record.args if isinstance(record.args, tuple) else ()
        if args and isinstance(args[0], Failure):
            tell(describe_failure(args[0], self._list_name))
            if verbosity() > 0 and args[0].traceback:
                tell(textwrap.indent(args[0].traceback.rstrip(), "  "))
        elif args and isinstance(args[0], DamagedImage):
            tell(describe_damage(args[0], self._list_name))
        else:
            tell(f"{record.levelname.lower()}: {as_typed(record.getMessage())}")


@contextmanager
def _logging(list_name: str, level: int) -> Iterator[None]:
    logger = logging.getLogger("mxnet_im2rec")
    before = logger.level, logger.propagate
    handler = _LogLines(list_name)
    logger.addHandler(handler)
    logger.setLevel([logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG][max(0, min(level + 1, 3))])
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


@contextmanager
def _warnings(quiet: bool) -> Iterator[None]:
    """Python's warnings as plain lines."""

    def show_line(message: Union[Warning, str], category: type, *place: Any, **more: Any) -> None:
        if not quiet and not issubclass(category, DeprecationWarning):  # which is for those who write MXNet
            tell(f"warning: {' '.join(str(message).split())}")

    with warnings.catch_warnings():
        warnings.showwarning = show_line
        yield


# The way out


class Program(click.Group):
    """The commands in the order of their definition; every way out of one of them is an exit code."""

    def list_commands(self, ctx: click.Context) -> List[str]:
        return list(self.commands)

    def main(self, args: Optional[Sequence[str]] = None, prog_name: Optional[str] = None, *rest: Any, **more: Any) -> Any:
        more["standalone_mode"] = False
        try:
            code = super().main(args, prog_name, *rest, **more)
        except click.ClickException as error:  # a wrong call; click itself would print control characters as they are
            tell(f"Error: {error.format_message()}")
            context = getattr(error, "ctx", None)
            if context is not None:
                tell(f"Try '{context.command_path} --help'.")
            if _wants_json(sys.argv[1:] if args is None else args):
                _emit_error({}, {"type": type(error).__name__, "message": error.format_message()})
            code = error.exit_code
        except click.Abort:
            code = 128 + signal.SIGINT
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> int:
        with signals_raise() as received:
            ctx.meta[_RECEIVED] = received
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


def _emit_error(result: Dict[str, Any], error: Dict[str, Any]) -> None:
    """Print what there is as JSON, with the error that ended the command."""
    result.update(ok=False, error=error)
    with suppress(StdoutError):
        emit(json.dumps(result, indent=2, allow_nan=False))


def _give_up(error: BaseException, ctx: click.Context) -> int:
    """Say what ended the command, in a line or two, and choose the exit code."""
    level = ctx.meta.get(_VERBOSITY, 0)
    if isinstance(error, StdoutError) and isinstance(error.__cause__, BrokenPipeError):
        return _CLOSED_PIPE
    if level > 1:
        tell("".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip())
    if isinstance(error, (KeyboardInterrupt, Interrupted)):
        signum = getattr(error, "signum", signal.SIGINT)
        tell("Interrupted." if signum == signal.SIGINT else f"Ended by {error}.")
        return 128 + signum
    message = describe_error(error)
    if level < 0 and isinstance(error, ErrorLimitExceeded):  # else it has been told already
        tell(describe_failure(error.failures[-1], name_of(ctx.meta[_NAME])))
    tell(f"Error: {message}")
    result = ctx.meta.get(_RESULT)
    if result is not None and not isinstance(error, StdoutError):
        _emit_error(result, {"type": type(error).__name__, "message": message, **_details(error)})
    return exit_code(error)


def exit_code(error: BaseException) -> int:
    """2 if the call was wrong, 1 for anything else."""
    if isinstance(error, Im2RecError):
        return FAILED
    return WRONG_CALL if isinstance(error, (ValueError, TypeError, *_CALLER_S_OWN)) else FAILED


def describe_error(error: BaseException) -> str:
    """What to tell a user of an error: the options by their names on the command line, no class names, no traceback."""
    if isinstance(error, StdoutError):
        return f"cannot write to stdout: {error.__cause__}"
    if isinstance(error, ErrorLimitExceeded):
        count = len(error.failures)
        many = "1 entry failed" if count == 1 else f"{count:,} entries failed"
        table = "" if error.failures_path is None else f". All failures of this run: {error.failures_path!r}"
        return (
            f"{many}, --error-limit is {error.error_limit}: no output was written. "
            f"Repair the list or the images, or allow more with --error-limit{table}"
        )
    if isinstance(error, VerifyError):
        rest = error.problems[1:3]
        return "\n  ".join(as_typed(str(each)) for each in (error, *rest))
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fspath(error.filename)!r}: {error.strerror}"
    if isinstance(error, (Im2RecError, ValueError, TypeError, OSError, ImportError)) and str(error):
        return as_typed(str(error))
    if isinstance(error, MemoryError):
        return "the memory is used up; try fewer --workers, or a smaller --batch-size"
    return f"{type(error).__name__}: {error} (a bug; run it again with -vv, and report what that shows)"


def as_typed(message: str) -> str:
    """A message of the library with the arguments as the command line has them: ``num_workers=0`` is ``--workers 0``."""

    context = click.get_current_context(silent=True)
    command = None if context is None else context.info_name if context.parent else context.invoked_subcommand
    at_the_begin = {**_OPTIONS_AT_THE_BEGIN, **_OPTIONS_OF.get(command or "", {})}

    def typed(match: Match[str]) -> str:
        if match["function"]:
            rec = ast.literal_eval(match["rec"]) if match["rec"] else "REC"
            return _FUNCTIONS[match["function"]].format(rec=shlex.quote(rec) if str(rec).isprintable() else match["rec"])
        if match["phrase"]:
            return _PHRASES[match["phrase"]]
        if match["argument"]:
            return _OPTIONS[match["argument"]] + (" " if match["equals"] == "=" else "")
        if match["flag"]:
            return f"--{match['flag']}"
        return at_the_begin[match["begin"]] if match["begin"] else match[0]

    return _IN_PYTHON.sub(typed, message)


def failure_as_typed(failure: Failure) -> Failure:
    """A failure in terms of the command line; what the user's own transforms have said stays."""
    return failure if failure.stage == "transform" else dataclasses.replace(failure, reason=as_typed(failure.reason))


def problems_as_typed(problems: Sequence[Any]) -> List[Any]:
    """Problems of a dataset, or findings in a list, in terms of the command line."""
    return [dataclasses.replace(problem, message=as_typed(problem.message)) for problem in problems]


def _details(error: BaseException) -> Dict[str, Any]:
    names = ("failures", "failures_path", "problems", "paths", "num_problems")
    found = {name: getattr(error, name) for name in names if hasattr(error, name)}
    if isinstance(error, ErrorLimitExceeded):
        found["failures"] = list(map(failure_as_typed, error.failures))
    if isinstance(error, VerifyError):
        found["problems"] = problems_as_typed(error.problems)
    return {name: plain(value) for name, value in found.items()}

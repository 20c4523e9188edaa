# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The errors that this package raises.

::

    Im2RecError
    ├── ListLineError (ValueError)             a line of the list that is no entry
    ├── AnnotationError (ValueError)           annotations of COCO, VOC or YOLO that are malformed
    ├── ImageError (ValueError)                an image that cannot be used
    ├── TransformResultError (ValueError)      what a transform returned cannot be stored
    ├── ErrorLimitExceeded                     more entries failed than ``error_limit``
    ├── RecordFormatError (ValueError)         a .rec or .idx that is damaged
    ├── VerifyError (ValueError)               a dataset that does not verify
    ├── EmptyDatasetError (ValueError)         not one record to write
    ├── WorkerDiedError (RuntimeError)         a worker process ended, or broke, before its work was done
    ├── ResumeError (ValueError)               an interrupted run cannot be resumed
    ├── ListChangedError (ValueError)          the list changed while it was read
    ├── OutputError (OSError)                  the .rec or .idx could not be written whole
    ├── MXNetUnavailableError (ImportError)    MXNet cannot be imported here
    └── OpenCVUnavailableError (ImportError)   OpenCV cannot be imported here

A wrong argument is a ``ValueError`` or a ``TypeError``, with its parts as attributes (:class:`ArgumentError`); a list that
cannot be opened is the ``OSError`` of opening it. Every error survives pickling with its attributes and its cause. A message that
names an argument or a function is a :class:`mxnet_im2rec.text.Text`.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Optional, Sequence, Union

from .text import Argument, Text, count, message_of, printable

if TYPE_CHECKING:
    from .values import Failure, Problem


def _rebuild(cls: type, args: tuple, state: dict, cause: Optional[BaseException]) -> BaseException:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    error.__cause__ = cause
    return error


def _that_pickles(cause: Optional[BaseException]) -> Optional[BaseException]:
    """A cause that survives pickling; for an exception of a user's that does not, one that says the same."""
    try:
        pickle.loads(pickle.dumps(cause))
    except Exception as error:
        return Im2RecError(f"{type(cause).__name__}, which cannot be pickled ({type(error).__name__}): {cause}")
    return cause


class _SurvivesPickling(Exception):
    """An error that is pickled with its attributes and its cause. Its message does nothing to a terminal, whatever it quotes."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*[printable(each, keep="\n\t") if isinstance(each, str) else each for each in args])

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.args, dict(self.__dict__), _that_pickles(self.__cause__))


class Im2RecError(_SurvivesPickling):
    """The base of every error of this package, except those of wrong arguments."""


class ArgumentError(_SurvivesPickling):
    """A wrong argument: the base of :class:`ArgumentValueError` and :class:`ArgumentTypeError`, which are raised.

    Parameters
    ----------
    argument : str
        The name of the argument.
    rule : str
        What it must be, such as ``'must be at least 1'``, or what is wrong with it, such as ``'is empty'``.
    found : object, optional
        What was given instead.
    help : str
        What to do, where the rule does not say it.

    Attributes
    ----------
    argument, rule, help : str
        As given.
    found : str
        What was given instead, as ``repr`` shows it, but at most 200 letters; empty if the message does not show it.
    """

    def __init__(self, argument: str, rule: str, found: Any = ..., help: str = "") -> None:
        self.argument = argument
        self.rule = rule
        self.found = "" if found is ... else f"{found!r:.200}"
        self.help = help
        parts = [" ", rule, f", not {self.found}" if self.found else "", "; " if help else "", help]
        super().__init__(Text(Argument(argument), *parts))


class ArgumentValueError(ArgumentError, ValueError):
    """An argument with a value that cannot be."""


class ArgumentTypeError(ArgumentError, TypeError):
    """An argument of a type that cannot be."""


class ListLineError(Im2RecError, ValueError):
    """A line of the image list that is no entry; the message is the reason."""

    def __init__(self, reason: str, index: Optional[int] = None, path: Optional[str] = None) -> None:
        super().__init__(reason)
        self.index = index
        self.path = path


class AnnotationError(Im2RecError, ValueError):
    """Annotations that are malformed; the message names the file and the object."""


class ImageError(Im2RecError, ValueError):
    """An image that is damaged, or that MXNet's readers cannot decode."""


class TransformResultError(Im2RecError, ValueError):
    """What a transform returned cannot be stored as an image."""


class RecordFormatError(Im2RecError, ValueError):
    """A .rec or .idx that is damaged, or not of this format.

    Attributes
    ----------
    path : str
        The file.
    offset : int
        The byte where it is damaged; for an .idx the line, from 1.
    expected, found : str
        What should be there, and what is.
    """

    def __init__(self, path: str, offset: int, expected: str, found: str, unit: str = "byte") -> None:
        super().__init__(f"{path!r}, {unit} {offset:,}: expected {expected}, found {found}")
        self.path = path
        self.offset = offset
        self.expected = expected
        self.found = found


class VerifyError(Im2RecError, ValueError):
    """A dataset that does not verify.

    Attributes
    ----------
    problems : tuple of Problem
        What is wrong with it, the first 1,000 at most.
    rec_path : str
        Its .rec.
    num_problems : int
        How many there are in all.
    """

    def __init__(self, problems: Sequence[Problem], rec_path: str, num_problems: Optional[int] = None) -> None:
        self.problems = tuple(problems)
        self.rec_path = rec_path
        self.num_problems = len(self.problems) if num_problems is None else num_problems
        first = count(self.num_problems, "problem") + (", the first" if self.num_problems > 1 else "")
        super().__init__(Text(f"{rec_path!r} does not verify: {first}: ", str(self.problems[0])))


class ErrorLimitExceeded(Im2RecError):
    """More entries failed than ``error_limit`` allows.

    Attributes
    ----------
    failures : tuple of Failure
        Every failure up to and including the one that went over the limit, in the order of the list.
    error_limit : int
        The limit that was given.
    failures_path : str or None
        The absolute path of the file that lists them, ``out.failed-run.failures.tsv``. The table of the dataset that was there
        before, ``out.failures.tsv``, is as it was.
    question : str
        Where not one image was there: whether the root is right. Else empty.
    """

    failures_path: Optional[str] = None

    def __init__(self, failures: Sequence[Failure], error_limit: int, question: str = "") -> None:
        self.failures = tuple(failures)
        self.error_limit = error_limit
        self.question = question
        failed = count(len(self.failures), "entry", "entries")
        what = f" is {error_limit}; no output was written. The last one: "
        super().__init__(Text(f"{failed} failed, ", Argument("error_limit"), what, str(self.failures[-1]), question))


class EmptyDatasetError(Im2RecError, ValueError):
    """There is not one record to write; MXNet's readers crash on an empty dataset, so none is made.

    Attributes
    ----------
    failures : tuple of Failure
        The entries that failed, if there were any.
    failures_path : str or None
        The absolute path of the file that lists them, ``out.failed-run.failures.tsv``, if there were any.
    """

    failures_path: Optional[str] = None

    def __init__(self, message: str, failures: Sequence[Failure] = ()) -> None:
        super().__init__(message)
        self.failures = tuple(failures)


def name_table(error: Union[ErrorLimitExceeded, EmptyDatasetError], path: str) -> None:
    """Have an error name the file that lists its failures."""
    error.failures_path = path
    error.args = (Text(message_of(error), f". All failures of this run: {printable(repr(path))}"),)


class WorkerDiedError(Im2RecError, RuntimeError):
    """A worker process ended, or broke, before its work was done.

    Attributes
    ----------
    paths : tuple of str
        The image that the worker was on when it broke, as the list names it. Empty where the worker was on no image: it could not
        be started, ended before it was ready, or was sending results.
    exitcode : int or None
        The exit code of a worker that ended before it was ready; a negative one is the number of the signal that ended it. None
        of any other worker.
    """

    def __init__(self, message: str, paths: Sequence[str] = (), exitcode: Optional[int] = None) -> None:
        super().__init__(message)
        self.paths = tuple(paths)
        self.exitcode = exitcode


class ResumeError(Im2RecError, ValueError):
    """What an interrupted run has left does not fit this one; the message says what differs."""


class ListChangedError(Im2RecError, ValueError):
    """The list file changed while it was read. What the dataset would hold is uncertain, so none was made."""


class OutputError(Im2RecError, OSError):
    """The .rec or the .idx could not be written whole; what was there before still is."""


class MXNetUnavailableError(Im2RecError, ImportError):
    """MXNet cannot be imported on this machine; the message says what to install."""


class OpenCVUnavailableError(Im2RecError, ImportError):
    """OpenCV cannot be imported on this machine; the message says what to install."""


class LabelPrecisionWarning(UserWarning):
    """A label is an integer that float32, in which RecordIO stores labels, cannot hold exactly."""

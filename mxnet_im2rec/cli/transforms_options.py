# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The options that name transforms, for ``pack`` and ``verify``. Makes the transforms; runs the user's file if one is named."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import sys
from types import ModuleType
from typing import Any, Callable, List, Optional

import click

from ..mxnet_advice import HOW_TO_INSTALL
from .errors import WrongCall

_MODULE_NAME = "im2rec_transforms_file"
_MOST_PIXELS = 16384  # an edge; the images that are decoded have 2**28 pixels at most by default


class _Pixels(click.IntRange):
    """The length of an edge."""

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            why = f"a worker holds whole images, and RGB takes {3 * _MOST_PIXELS**2 >> 20} MiB at {_MOST_PIXELS} x {_MOST_PIXELS}"
            self.fail(f"{error.message} The limit is there because {why}.", param, ctx)


_PIXELS = _Pixels(1, _MOST_PIXELS)


def transform_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The four options that name transforms; the command receives them as one argument, `transforms`."""
    options = [
        click.option("--resize", type=_PIXELS, metavar="N", help="Resize to N x N pixels, to the bit as Gluon's Resize(N)."),
        click.option("--short-edge", type=_PIXELS, metavar="N", help="Resize until the shorter edge has N pixels."),
        click.option("--center-crop", type=_PIXELS, metavar="N", help="Crop N x N pixels from the middle, after resizing."),
        click.option(
            "--transforms",
            "transformations",
            metavar="FILE.py:NAME",
            help="Your own transforms, Gluon's or any others: the object NAME of a Python file, or of a module (MODULE:NAME). A "
            "function or class that takes no argument is called to make them. The file is run: name only one that you trust.",
        ),
    ]

    @functools.wraps(function)  # takes along the options that it has already
    def command(resize: Any, short_edge: Any, center_crop: Any, transformations: Any, **others: Any) -> Any:
        return function(transforms=TransformOptions(resize, short_edge, center_crop, transformations), **others)

    for option in reversed(options):
        command = option(command)
    return command


def decoder_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option that names a decoder of the user's own; the command receives the function as `decode`."""

    def load(ctx: click.Context, param: click.Parameter, value: Optional[str]) -> Optional[Callable[..., Any]]:
        if value is None:
            return None
        if not all(value.rpartition(":")):
            raise click.BadParameter(f"{value!r} is not of the form FILE.py:NAME or MODULE:NAME.")
        return load_named(value, "--decoder", "function")

    text = "Your own decoder: a function that takes the path of an image and gives an array, (H, W) or (H, W, C) uint8, in RGB."
    return click.option("--decoder", "decode", metavar="FILE.py:NAME", callback=load, help=text)(function)


class TransformOptions:
    """What the options say about the transforms; checked at once, made when it is needed."""

    def __init__(self, resize: Optional[int], short_edge: Optional[int], crop: Optional[int], named: Optional[str]) -> None:
        if resize is not None and short_edge is not None:
            raise click.UsageError(
                "--resize and --short-edge exclude each other: the first changes the shape, the second keeps it."
            )
        if named is not None and (resize, short_edge, crop) != (None, None, None):
            raise click.UsageError("--transforms stands alone: put the resizing and cropping into it.")
        if named is not None and not all(named.rpartition(":")):
            raise click.BadParameter(f"{named!r} is not of the form FILE.py:NAME or MODULE:NAME.", param_hint="'--transforms'")
        self._resize, self._short_edge, self._crop, self._named = resize, short_edge, crop, named

    def __bool__(self) -> bool:
        return (self._resize, self._short_edge, self._crop, self._named) != (None, None, None, None)

    def make(self) -> Optional[Callable[..., Any]]:
        """The transforms; None if there are none."""
        if not self:
            return None
        if self._named is not None:
            return load_named(self._named, "--transforms", "Compose nor another callable")
        from ..transforms import CenterCrop, Compose, Resize

        steps: List[Callable[..., Any]] = []
        if self._resize is not None:
            steps.append(Resize(self._resize))
        if self._short_edge is not None:
            steps.append(Resize(self._short_edge, keep_ratio=True))
        if self._crop is not None:
            steps.append(CenterCrop(self._crop))
        return Compose(steps)


def load_named(named: str, option: str, what: str) -> Callable[..., Any]:
    """The object that ``FILE.py:NAME`` or ``MODULE:NAME`` stands for, or what it makes if it takes no argument.

    Raises
    ------
    WrongCall
        If it cannot be loaded, with the line of the file that is to blame.
    """
    place, _, name = named.rpartition(":")
    is_file = place.endswith(".py") or os.sep in place
    if is_file and not os.path.isfile(place):
        raise WrongCall(f"there is no file {place!r}; {option} takes FILE.py:NAME or MODULE:NAME")
    try:
        module = _run_file(place) if is_file else _import_module(place)
        found = getattr(module, name, None)
        if found is not None and _is_factory(found):
            found = found()
    except (Exception, SystemExit) as error:
        needs_mxnet = isinstance(error, ModuleNotFoundError) and error.name == "mxnet"
        advice = f". Install MXNet: {HOW_TO_INSTALL}" if needs_mxnet else ""
        raise WrongCall(f"{option} {named}: {_explain(error, place)}{advice}") from error
    if found is None:
        known = ", ".join(each for each in vars(module) if not each.startswith("_"))
        raise WrongCall(f"{option} {named}: there is no {name!r} in it, or it is None; there are: {known or 'no names'}")
    if not callable(found):
        raise WrongCall(f"{option} {named}: it is {type(found).__name__}, which is no {what}")
    return found


def _import_module(name: str) -> ModuleType:
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    return importlib.import_module(name)


def _run_file(path: str) -> ModuleType:
    """Run a file as a module that workers need not find: its functions and classes travel to them by value.

    Its folder goes to the end of the search path, so that it finds its neighbours and hides nothing that is installed.
    """
    import cloudpickle

    folder = os.path.dirname(os.path.abspath(path))
    if folder not in sys.path:
        sys.path.append(folder)
    specification = importlib.util.spec_from_file_location(_MODULE_NAME, os.path.abspath(path))
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[_MODULE_NAME] = module
    specification.loader.exec_module(module)
    cloudpickle.register_pickle_by_value(module)
    return module


def _is_factory(value: Any) -> bool:
    """Whether this is a class, or a function that takes no argument; a transform takes the image."""
    if inspect.isclass(value):
        return True
    return inspect.isfunction(value) and not inspect.signature(value).parameters


def _explain(error: BaseException, place: str) -> str:
    """What went wrong and where in the user's file, on one line."""
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if os.path.abspath(trace.tb_frame.f_code.co_filename) == os.path.abspath(place):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.lineno is not None and not lines:
        lines.append(error.lineno)
    message = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{f'line {lines[-1]}: ' if lines else ''}{type(error).__name__}: {message}"

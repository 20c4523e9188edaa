# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Imports MXNet on every supported Python and NumPy; the only place that knows how.

MXNet 1.9.1, the last release, uses names such as ``numpy.bool`` that NumPy 1.24 removed, when it is imported and when it
runs, and ``distutils``, which Python 3.12 dropped and setuptools brings back. :func:`install` arranges that the names are
put back when MXNet is about to be imported, by whoever imports it; until then NumPy is left alone.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.abc
import re
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any

from .errors import MXNetUnavailableError

_CLOCK = re.compile(r"\[\d\d:\d\d:\d\d\] ")
_OPERATOR = re.compile(r"(?<=Error in operator )\w+")
_COUNTED = re.compile(r"\d+(?=_|$)")  # within a name such as hybridsequential0_resize1_fwd

_REMOVED_ALIASES = {"bool": bool, "object": object, "int": int, "float": float, "complex": complex, "str": str}


def _put_back_aliases() -> None:
    import numpy

    for name, builtin in _REMOVED_ALIASES.items():
        if name not in vars(numpy):  # not hasattr: NumPy 1.20 to 1.23 still has them, and warns of each
            setattr(numpy, name, builtin)


class _BeforeMXNet(importlib.abc.MetaPathFinder):
    """Finds nothing; is asked before any finder that would, which is the moment to prepare NumPy."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname == "mxnet":
            _put_back_aliases()


def install() -> None:
    """Have NumPy prepared as soon as anyone imports MXNet. A second call changes nothing."""
    if not any(isinstance(finder, _BeforeMXNet) for finder in sys.meta_path):
        sys.meta_path.insert(0, _BeforeMXNet())


def import_mxnet() -> ModuleType:
    """Import MXNet; MXNetUnavailableError says in one sentence why that cannot be done here, and what to install."""
    install()
    try:
        return importlib.import_module("mxnet")
    except ModuleNotFoundError as error:
        if error.name == "mxnet":
            raise MXNetUnavailableError("MXNet is not installed: pip install mxnet") from error
        if error.name == "distutils":
            raise MXNetUnavailableError(
                "MXNet needs distutils, which Python 3.12 and later get from setuptools: pip install setuptools"
            ) from error
        raise MXNetUnavailableError(
            f"MXNet cannot be imported, it needs the module {error.name!r}: pip install {error.name}"
        ) from error
    except Exception as error:  # an AttributeError of NumPy 2, an OSError of a shared library, ...
        import numpy

        advice = _advice(numpy.__version__)
        raise MXNetUnavailableError(
            f"MXNet cannot be imported on Python {sys.version_info[0]}.{sys.version_info[1]} with NumPy {numpy.__version__} "
            f"({type(error).__name__}: {error}): {advice}"
        ) from error


def wait_for_operators() -> None:
    """Wait until all operators that were called have run, if MXNet is loaded, and raise what one of them has failed with.

    MXNet's operators run in threads of its own, and a failure waits there until someone asks. A fork asks too, and then it ends
    the whole process, with SIGABRT: so ask before.
    """
    nd = getattr(sys.modules.get("mxnet"), "nd", None)
    if nd is not None:
        nd.waitall()


def flush_c_streams() -> None:
    """Have the C library write out what it has buffered for any stream: MXNet's writer has no flush of its own.

    A process that is forked gets a copy of the buffered bytes, and writes them once more if it ends by C's ``exit()``.
    """
    ctypes.CDLL(None).fflush(None)  # whether it could, the sizes tell


def forget_failures() -> None:
    """After a failure that is known: drop what other operators of the same work may have failed with."""
    with suppress(Exception):
        wait_for_operators()


def explain(error: BaseException) -> str:
    """What an error says, on one line; of MXNet's, which bring a trace of their own code along, the message alone.

    Without the time of day and the numbers in the names of operators, so that the same failure says the same in every process.
    """
    lines = [line.strip() for line in str(error).splitlines()]
    noise = ("Traceback (most recent call last)", 'File "', "Stack trace", "[bt]")
    text = " ".join(line for line in lines if line and not line.startswith(noise))
    text = _OPERATOR.sub(lambda name: _COUNTED.sub("", name.group()), _CLOCK.sub("", text))
    return text[len("MXNetError: ") :] if text.startswith("MXNetError: ") else text


def _advice(numpy_version: str) -> str:
    if int(numpy_version.split(".")[0]) >= 2:
        return 'it needs NumPy 1: pip install "numpy<2"'
    return 'reinstall it: pip install --force-reinstall "mxnet>=1.9.1" "numpy<2"'

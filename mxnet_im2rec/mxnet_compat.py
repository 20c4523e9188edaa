# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Imports MXNet, or says why that cannot be done; and what MXNet's threads need. The only place that imports MXNet.

MXNet 1.9.1, the last release, needs ``distutils``, which Python 3.12 dropped and setuptools brings back. What it needs of NumPy
is in mxnet_numpy.py.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import re
import sys
from contextlib import suppress
from types import ModuleType

from .errors import MXNetUnavailableError
from .mxnet_advice import unavailable
from .mxnet_numpy import install

_CLOCK = re.compile(r"\[\d\d:\d\d:\d\d\] ")
_OPERATOR = re.compile(r"(?<=Error in operator )\w+")
_COUNTED = re.compile(r"\d+(?=_|$)")  # within a name such as hybridsequential0_resize1_fwd


def is_installed() -> bool:
    """Whether there is an MXNet that could be imported; whether that works is not tried. A mere folder of that name is none."""
    try:
        spec = importlib.util.find_spec("mxnet")
    except ValueError:  # it is imported, and does not say from where
        return True
    return spec is not None and spec.origin is not None


def import_mxnet() -> ModuleType:
    """Import MXNet; MXNetUnavailableError says in one sentence why that cannot be done here, and what to install."""
    install()
    try:
        if not is_installed():
            raise ModuleNotFoundError("No module named 'mxnet'", name="mxnet")
        return importlib.import_module("mxnet")
    except MXNetUnavailableError:  # from the loader of mxnet_numpy.py
        raise
    except Exception as error:
        raise unavailable(error) from error


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

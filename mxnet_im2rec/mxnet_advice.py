# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Says in one line why MXNet cannot be imported, and what to do about it. Imports no MXNet."""

from __future__ import annotations

import sys

from .errors import MXNetUnavailableError
from .shared_libraries import advice_on

HOW_TO_INSTALL = "pip install --no-deps mxnet==1.9.1 graphviz==0.8.4 requests urllib3 idna certifi charset-normalizer setuptools"
"""The command that adds MXNet and leaves NumPy as it is. MXNet's metadata ask for NumPy 1, but NumPy 2 works too."""


def unavailable(error: Exception) -> MXNetUnavailableError:
    """The error that says what this error of ``import mxnet`` means."""
    return MXNetUnavailableError(_explain(error))


def _explain(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        if error.name == "mxnet":
            return f"MXNet is not installed: {HOW_TO_INSTALL}"
        if error.name == "distutils":
            return "MXNet needs distutils, which Python 3.12 and later get from setuptools: pip install setuptools"
        return f"MXNet cannot be imported, it needs the module {error.name!r}: pip install {error.name}"
    import numpy

    advice = advice_on(error) or f"install it again, into a fresh environment: {HOW_TO_INSTALL}"
    return (
        f"MXNet cannot be imported on Python {sys.version_info[0]}.{sys.version_info[1]} with NumPy {numpy.__version__} "
        f"({type(error).__name__}: {' '.join(str(error).split())}): {advice}"
    )

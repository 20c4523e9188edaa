# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Makes MXNet 1.9.1 work on every NumPy from 1.17 to 2.x. Waits for someone to import MXNet, and changes nothing before.

1. MXNet uses names of NumPy that NumPy has removed, when it is imported and when it runs. They are put back.
2. ``mxnet.recordio`` calls ``ndarray.tostring``, which NumPy has removed. It gets ``tobytes``, which does the same.
3. MXNet sends the arguments of its operators to C as text. In NumPy 2 the text of a tuple of NumPy's numbers is
   ``(np.int64(3),)``, which C refuses. MXNet gets the text of Python's numbers.

An ``import mxnet`` that fails says what to do about it.
"""

from __future__ import annotations

import importlib.abc
import math
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType, SimpleNamespace
from typing import Any, Dict

_SEND_TEXT_TO_C = ("mxnet._ctypes.ndarray", "mxnet._ctypes.symbol", "mxnet.symbol.symbol", "mxnet.io.io")
_RECORDIO = "mxnet.recordio"


def install() -> None:
    """Have NumPy and MXNet prepared as soon as anyone imports MXNet. A second call changes nothing."""
    if not any(isinstance(finder, _BeforeMXNet) for finder in sys.meta_path):
        sys.meta_path.insert(0, _BeforeMXNet())


class _BeforeMXNet(importlib.abc.MetaPathFinder):
    """Is asked before any other finder, and has the modules that need a change loaded by _Loader."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname not in ("mxnet", _RECORDIO, *_SEND_TEXT_TO_C):
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(fullname, path, target) for finder in others)), None)
        if isinstance(spec, ModuleSpec) and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Loads a module of MXNet, and changes it where it does not fit NumPy. Before MXNet itself it prepares NumPy."""

    def get_code(self, fullname: str) -> Any:
        if fullname != _RECORDIO:
            return super().get_code(fullname)
        return self.source_to_code(self.get_data(self.path).replace(b".tostring()", b".tobytes()"), self.path)

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == "mxnet":
            self._exec_mxnet(module)
            return
        super().exec_module(module)
        if module.__name__ in _SEND_TEXT_TO_C and _is_numpy_2():
            module.str = _Text  # type: ignore[attr-defined]  # what the module's functions find before Python's own

    def _exec_mxnet(self, module: ModuleType) -> None:
        for name in [name for name in sys.modules if name.startswith("mxnet.")]:
            del sys.modules[name]  # what an earlier import has left that failed half-way, on a NumPy that was not prepared
        try:
            _put_back_names()
            super().exec_module(module)
        except Exception as error:
            from .mxnet_advice import unavailable

            raise unavailable(error) from error


def _is_numpy_2() -> bool:
    import numpy

    return int(numpy.__version__.split(".")[0]) >= 2


class _IsText(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, str)


class _Text(str, metaclass=_IsText):
    """``str``, but in which NumPy's numbers look like Python's."""

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return str(_with_plain_numbers(args[0]), *args[1:], **options) if args else ""


def _with_plain_numbers(value: Any) -> Any:
    import numpy

    if type(value) in (tuple, list):
        return type(value)(map(_with_plain_numbers, value))
    return value.item() if isinstance(value, (numpy.bool_, numpy.integer, numpy.floating)) else value


def _put_back_names() -> None:
    import numpy

    for name, value in _removed_names().items():
        if name not in vars(numpy):  # not hasattr: NumPy 1.20 to 1.23 still has some, and warns of each
            setattr(numpy, name, value)


def _removed_names() -> Dict[str, Any]:
    """What MXNet takes from NumPy and some NumPy no longer has. ``bool`` is gone in 1.24 to 1.26 alone."""
    import numpy

    return {
        # Gone since 1.24.
        "bool": bool,
        "object": object,
        "int": int,
        "float": float,
        "complex": complex,
        "str": str,
        # Gone since 2.0.
        "PZERO": 0.0,
        "NZERO": -0.0,
        "PINF": math.inf,
        "Inf": math.inf,
        "NINF": -math.inf,
        "NAN": math.nan,
        "NaN": math.nan,
        "alltrue": numpy.all,
        "sometrue": numpy.any,
        "product": numpy.prod,
        "round_": numpy.round,
        "in1d": lambda ar1, ar2, *args, **options: numpy.isin(ar1, ar2, *args, **options).ravel(),
        "msort": lambda a: numpy.sort(a, axis=0),
        "trapz": getattr(numpy, "trapezoid", None),
        "compat": SimpleNamespace(basestring=str),
        # Of no use since 1.20, where they raise an error.
        **dict.fromkeys(("mirr", "npv", "pmt", "ppmt", "pv", "rate"), _gone),
    }


def _gone(*args: Any, **options: Any) -> None:
    raise RuntimeError("NumPy has no financial functions: use the package numpy-financial")

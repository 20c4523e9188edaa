# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Has MXNet's image operators write all of their output while a plan runs. Knows operators and graphs, and no transform.

Some operators of MXNet 1.9.1 leave a part of their output unwritten; ``UNWRITTEN`` lists them. That part keeps the bytes that
were in the memory before, which differ from run to run. While a plan runs, the output of such an operator is a copy of its input
before the operator begins. The operator itself, its random numbers and all that it writes are MXNet's own.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, MutableMapping, Optional, Tuple
from weakref import WeakKeyDictionary

from ..errors import TransformResultError
from ..mxnet_compat import import_mxnet

_Shape = Tuple[int, ...]


def _odd_height(shape: _Shape) -> bool:
    return shape[0] % 2 == 1


def _odd_width(shape: _Shape) -> bool:
    return shape[1] % 2 == 1


def _grey(shape: _Shape) -> bool:
    return shape[2] == 1


def _any(shape: _Shape) -> bool:
    return True


UNWRITTEN: Dict[str, Callable[[_Shape], bool]] = {
    "_image_flip_left_right": _odd_width,  # the middle column
    "_image_flip_top_bottom": _odd_height,  # the middle row
    "_image_random_flip_left_right": _odd_width,
    "_image_random_flip_top_bottom": _odd_height,
    "_image_adjust_lighting": _grey,  # all of it, here and below
    "_image_random_lighting": _grey,
    "_image_random_hue": _grey,
    "_image_random_color_jitter": _any,  # where nothing is to be jittered, or where an image is grey and hue comes first
}
"""MXNet's name of each operator, and for which shapes (height, width, channels) it leaves something unwritten."""

_here = threading.local()
_known_graphs: MutableMapping[Any, Tuple[Any, Optional[str]]] = WeakKeyDictionary()  # by the Block: its graph, and the answer


@contextmanager
def outputs_written() -> Iterator[None]:
    """In this thread, have the operators write all of their output: those that a stock Block calls, another Block, a function, or
    a hybridized container. Afterwards MXNet and all Blocks work as before.

    A hybridized Block calls no operators but runs a graph. One whose graph holds such an operator runs as if it were not
    hybridized, which gives the same bytes. A SymbolBlock can only run its graph: there it is an error.
    """
    _install()
    before = _is_on()
    _here.is_on = True
    try:
        yield
    finally:
        _here.is_on = before


def _is_on() -> bool:
    return getattr(_here, "is_on", False)


def _install() -> None:
    """Put a switch before each of MXNet's two ways to call an operator. It stays there; while it is off, it changes nothing."""
    mx = import_mxnet()
    register = mx.ndarray.register  # whose functions all call the operators by the name that is replaced here
    if not hasattr(register._imperative_invoke, "__wrapped__"):
        register._imperative_invoke = _mended_invoke(mx.ndarray._internal._imperative_invoke, mx)
    block = mx.gluon.HybridBlock
    if not hasattr(block._call_cached_op, "__wrapped__"):
        block._call_cached_op = _mended_graph(block._call_cached_op, mx)


def _mended_invoke(invoke: Callable, mx: Any) -> Callable:
    leaves_out = {_handle(mx, name): condition for name, condition in UNWRITTEN.items()}

    @functools.wraps(invoke)
    def mended(handle: int, arrays: Any, keys: Any, values: Any, out: Any, *rest: Any) -> Any:
        condition = leaves_out.get(handle) if _is_on() else None
        if condition is None or arrays[0].ndim != 3 or not condition(arrays[0].shape):
            return invoke(handle, arrays, keys, values, out, *rest)
        whole = arrays[0].copy()
        invoke(handle, arrays, keys, values, whole, *rest)
        if out is None:
            return whole
        out[:] = whole
        return out

    return mended


def _handle(mx: Any, name: str) -> Any:
    handle = ctypes.c_void_p()
    mx.base.check_call(mx.base._LIB.NNGetOpHandle(name.encode(), ctypes.byref(handle)))
    return handle.value


def _mended_graph(call: Callable, mx: Any) -> Callable:
    hybrid = mx.gluon.HybridBlock

    @functools.wraps(call)
    def mended(self: Any, *args: Any) -> Any:
        if not _is_on():
            return call(self, *args)
        found = _unwritten_in(self, self._get_graph(*args)[1])
        if found is None:
            return call(self, *args)
        if isinstance(self, mx.gluon.SymbolBlock):
            raise TransformResultError(
                f"a SymbolBlock runs {found}, which leaves a part of its output unwritten in MXNet 1.9.1; "
                "use the Block that the graph was made from"
            )
        self._active = False
        try:
            return hybrid.forward(self, *args)
        finally:
            self._active = True

    return mended


def _unwritten_in(block: Any, graph: Any) -> Optional[str]:
    """The first of these operators in a Block's graph; None if there is none.

    To look through a graph takes longer than to run a small one, so the answer is kept as long as the Block has this graph.
    """
    known = _known_graphs.get(block)
    if known is None or known[0] is not graph:
        text = graph.tojson()
        known = graph, next((name for name in UNWRITTEN if f'"{name}"' in text), None)
        _known_graphs[block] = known
    return known[1]

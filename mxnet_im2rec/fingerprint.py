# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Texts by which a later run tells whether it would make the same records: of the transforms, of the list, of an entry."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import types
from typing import Any, FrozenSet, List, Union

import numpy as np

from .listfile import ListEntry
from .report import Failure

_LONGEST = 300  # characters; a longer description is cut, with a digest of the whole


class ListDigest:
    """Of the entries of a list, up to where one has come."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, entry: Union[ListEntry, Failure]) -> None:
        if isinstance(entry, Failure):
            text = f"{entry.line}\t{entry.index}\t{entry.path}\t{entry.reason}\n"
        else:
            text = f"{entry.index}\t{entry.labels}\t{entry.path}\n"
        self._hash.update(text.encode("utf-8", "surrogatepass"))

    def __str__(self) -> str:
        return self._hash.hexdigest()


class ListWatch:
    """Tells whether a list file is what it was. Entries that come from elsewhere are known only as they come.

    Parameters
    ----------
    list_file : str, os.PathLike or iterable
    """

    def __init__(self, list_file: Any) -> None:
        self.path = os.fspath(list_file) if isinstance(list_file, (str, os.PathLike)) else ""
        self._is_file = os.path.isfile(self.path)
        self._stamp = self._look()
        self.digest = self._read()

    def is_unchanged(self) -> bool:
        try:
            return self._look() == self._stamp or self._read() == self.digest
        except OSError:  # it is gone
            return False

    def _look(self) -> Any:
        found = os.stat(self.path) if self._is_file else None
        return found and (found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev)

    def _read(self) -> str:
        found = hashlib.blake2b(digest_size=16)
        if self._is_file:
            with open(self.path, "rb") as stream:
                for data in iter(lambda: stream.read(1 << 20), b""):
                    found.update(data)
        return found.hexdigest() if self._is_file else "no file"


def describe(value: Any) -> str:
    """A text that is the same for transforms that do the same, also in another process.

    Of a Gluon block: its class, its attributes, its children. Of a function: its name, its code, its defaults and what it
    closes over. What a function calls, or reads from its module, is not looked at.

    Parameters
    ----------
    value : object
        A transform.
    """
    text = _describe(value, [])
    if len(text) > _LONGEST:
        return f"{text[:_LONGEST]}... ({_digest(text.encode('utf-8', 'surrogatepass'))})"
    return text


def _describe(value: Any, above: List[int]) -> str:
    if value is None or isinstance(value, (bool, int, float, complex, str)):
        return repr(value)
    if isinstance(value, bytes):
        return f"bytes({_digest(value)})"
    if id(value) in above:
        return "..."
    inside = [*above, id(value)]

    def each(values: Any) -> str:
        return ", ".join(_describe(one, inside) for one in values)

    if isinstance(value, np.ndarray):
        return f"array({value.dtype}, {value.shape}, {_digest(np.ascontiguousarray(value).tobytes())})"
    if isinstance(value, np.generic):
        return f"{type(value).__name__}({value!r})"
    if type(value).__module__.startswith("mxnet.ndarray"):
        return _describe(value.asnumpy(), above)
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({each(value)})"
    if isinstance(value, (set, frozenset)):
        return f"set({', '.join(sorted(_describe(one, inside) for one in value))})"
    if isinstance(value, dict):
        return f"dict({', '.join(f'{name!r}: {_describe(one, inside)}' for name, one in value.items())})"
    if isinstance(value, functools.partial):
        return f"partial({each([value.func, value.args, value.keywords])})"
    if isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
        return f"{_name(value)}({each([value.__code__, value.__defaults__, value.__kwdefaults__, cells])})"
    if isinstance(value, types.CodeType):
        return _digest(f"{value.co_code!r} {value.co_names!r} {each(value.co_consts)}".encode("utf-8", "surrogatepass"))
    if isinstance(value, types.MethodType):
        return f"{_describe(value.__self__, inside)}.{value.__name__}({_describe(value.__func__, inside)})"
    if isinstance(value, (type, types.ModuleType, types.BuiltinFunctionType, np.ufunc)):
        return _name(value)
    attributes = getattr(value, "__dict__", {})
    machinery = _block_machinery(value)
    kept = {name: one for name, one in attributes.items() if name not in machinery}
    children = getattr(value, "_children", {}) if machinery else {}
    parts = [f"{name.lstrip('_')}={_describe(one, inside)}" for name, one in kept.items()]
    parts += [_describe(one, inside) for one in children.values()]
    return f"{_name(type(value))}({', '.join(parts)})"


def _block_machinery(value: Any) -> FrozenSet[str]:
    """The attributes that every Gluon block has: names with counters in them, caches, hooks."""
    gluon = sys.modules.get("mxnet.gluon")
    if gluon is None or not isinstance(value, gluon.Block):
        return frozenset()
    return frozenset(vars(gluon.HybridBlock())) | frozenset(vars(gluon.Block()))


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:  # a name that has no value yet
        return False
    return True


def _name(value: Any) -> str:
    module = getattr(value, "__module__", None) or ""
    name = getattr(value, "__qualname__", getattr(value, "__name__", "?"))
    return name if not module or module.startswith("mxnet.gluon.") else f"{module}.{name}"


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()

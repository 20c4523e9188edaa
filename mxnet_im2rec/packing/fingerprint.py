# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Texts by which a later run tells whether it would make the same records: of the transforms, of the list, of an entry.

Looks at transforms as they are; calls none, and does not load MXNet.
"""

from __future__ import annotations

import copyreg
import enum
import functools
import hashlib
import logging
import os
import pathlib
import re
import sys
import types
import warnings
from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, Tuple, Union

import numpy as np

from ..values import Failure, ListEntry

_LONGEST = 300  # characters; a longer description is cut, with a digest of the whole
_SHORT = 64  # characters; up to here a constant is written out each time it occurs
_DEEPEST = 40  # what lies deeper is described behind the rest, so that Python's stack suffices
_MOST_SETS = 20  # within each other
_MOST = 2_000_000  # objects, not counting numbers and texts; ends what would make new objects for ever
_GIVEN = {"builtins", "mxnet", "numpy"}  # whose code follows from their versions, as that of Python's own modules does
# Their objects belong to a process: what is in them says nothing of what a transform does.
_HANDLES = {"threading", "_thread", "queue", "_queue", "concurrent", "multiprocessing", "asyncio", "weakref", "_weakref"}
_HANDLES |= {"subprocess", "socket", "_socket", "tempfile"}
_LRU = type(functools.lru_cache(maxsize=None)(lambda: None))
_DESCRIPTORS = (staticmethod, classmethod, property, functools.cached_property, functools.partialmethod)
_NAMED = (types.ModuleType, np.ufunc, types.WrapperDescriptorType, types.MethodDescriptorType)


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


def describe(value: Any) -> str:
    """A text that is the same for transforms that do the same, also in another process, and another one if they differ.

    Of an object: its class, and what it holds, as pickle would take it. Of a Gluon block: its class, its attributes, its
    parameters, its children, its hooks, but no names that Gluon counts up. Of a class: the code of its functions, its constants,
    the same of its bases. Of a function: its code, its defaults, what it closes over, and what it uses by name from its module:
    constants (numbers, texts, arrays, paths, and lists, tuples, dicts and sets of them), functions and classes of the same
    module, Gluon blocks, partials; anything else is known by its name, or by its class's. Code of MXNet, NumPy and Python itself
    is known by its name. Modules are never looked into, nor what a function finds by an attribute of one.

    Sets have no order, dicts have. Whatever cannot be looked into, such as a lock or an open file, is its class's name.

    Parameters
    ----------
    value : object
        A transform.

    Returns
    -------
    str
        At most some 300 characters; a longer text is cut, and ends with a digest of the whole. Nothing is raised.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some objects are sorry to be pickled
        text = _Walk().text(value)
    if len(text) > _LONGEST:
        return f"{text[:_LONGEST]}... ({_digest_text(text)})"
    return text


class _Walk:
    """One way through objects; what occurs again is a number: that of the objects in the order in which they were met.

    Parameters
    ----------
    inline : bool
        Write the code of a function or a class out. Otherwise a digest stands for it, made by a walk of its own, so that it does
        not depend on where the function occurs.
    depth : int
        How deep the walk begins.
    open_sets : tuple of int
        The sets around it.
    of_elements : dict
        Texts of elements of sets, each by a walk of its own, as their order must not matter.
    """

    def __init__(self, inline: bool = False, depth: int = 0, open_sets: Tuple[int, ...] = (), of_elements: Any = None) -> None:
        self._inline = inline
        self._depth = self._start = depth
        self._open_sets = open_sets
        self._of_elements: Dict[int, Tuple[str, Any]] = {} if of_elements is None else of_elements
        self._of_code: Dict[int, str] = {}
        self._memo: Dict[int, str] = {}
        self._kept: List[Any] = []  # or an id would be given to another object
        self._count = 0
        self._later: List[Tuple[str, Any]] = []

    def text(self, value: Any) -> str:
        return self._and_later(self._one(value))

    def code_of(self, value: Any) -> str:
        """Of a function or a class, for a digest."""
        self._enter(value)
        made = self._members(value) if isinstance(value, type) else self._function_code(value)
        return self._and_later(made)

    def _and_later(self, text: str) -> str:
        for number, value in self._later:  # which grows meanwhile
            self._depth = self._start
            text += f"; {number}={self._guarded(self._compound, value)}"
        return text

    def _guarded(self, function: Callable[..., str], value: Any, *args: Any) -> str:
        depth = self._depth
        try:
            return function(value, *args)
        except Exception:  # whatever an object of someone else's does when it is looked at
            return _name(type(value))
        finally:
            self._depth = depth

    def _enter(self, value: Any) -> str:
        self._count += 1
        self._kept.append(value)
        self._memo[id(value)] = f"#{self._count}"
        return self._memo[id(value)]

    def _one(self, value: Any) -> str:
        return self._guarded(self._any, value)

    def _any(self, value: Any) -> str:
        kind = type(value)
        if value is None or value is ... or value is NotImplemented or kind in (bool, float, complex, str):
            return repr(value)
        if kind is int:
            return repr(value) if value.bit_length() < 1024 else hex(value)  # repr() refuses very long ones
        if kind is bytes:
            return f"bytes({_digest(value)})"
        if isinstance(value, np.generic):
            return f"{kind.__name__}({value!r})"
        if isinstance(value, _NAMED) or (isinstance(value, (type, types.FunctionType)) and _is_to_be_imported(value)):
            return _name(value)
        if isinstance(value, type) and not self._inline:
            return self._coded(value)
        if id(value) in self._memo:
            return self._memo[id(value)]
        if self._count >= _MOST:
            return _name(kind)
        before = self._count
        number = self._enter(value)
        if self._depth - self._start >= _DEEPEST:
            self._later.append((number, value))
            return number
        self._depth += 1
        text = self._compound(value)
        if kind in (tuple, frozenset) and self._count == before + 1 and len(text) <= _SHORT:
            self._count = before  # a constant: whether two equal ones are the same object is the compiler's affair
            self._memo[id(value)] = text
        return text

    def _compound(self, value: Any) -> str:
        kind = type(value)
        if kind in (list, tuple):
            return f"{kind.__name__}({self._each(value)})"
        if kind is dict or isinstance(value, types.MappingProxyType):
            return f"dict({', '.join(self._items(value.items()))})"
        if isinstance(value, (set, frozenset)):
            attributes = self._named(getattr(value, "__dict__", {}))
            known = "set" if kind in (set, frozenset) else self._coded(kind)
            return f"{known}({', '.join([*self._elements(value), *attributes])})"
        if isinstance(value, (bytearray, memoryview)):
            return f"{kind.__name__}({_digest(bytes(value))})"
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, type):
            return f"{_name(value)}@({self._members(value)})"
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.CodeType):
            return self._code(value)
        if isinstance(value, types.MethodType):
            return f"{self._one(value.__self__)}.{value.__name__}({self._one(value.__func__)})"
        if isinstance(value, (types.BuiltinFunctionType, types.MethodWrapperType)):
            owner = value.__self__
            is_free = owner is None or isinstance(owner, (types.ModuleType, type))
            return _name(value) if is_free else f"{self._one(owner)}.{value.__name__}"
        if isinstance(value, _LRU):
            return f"lru_cache({self._one(value.__wrapped__)})"
        if isinstance(value, _DESCRIPTORS):
            names = ("__func__", "func", "fget", "fset", "fdel", "args", "keywords")
            return f"{kind.__name__}({self._each(getattr(value, name, None) for name in names)})"
        if kind is functools.partial:
            attributes = self._named(vars(value))
            return f"partial({', '.join([self._each([value.func, value.args, value.keywords]), *attributes])})"
        if isinstance(value, logging.Logger):
            return f"Logger({value.name!r})"
        if isinstance(value, pathlib.PurePath) and _is_given(kind.__module__):
            return f"{kind.__name__}({str(value)!r})"
        if isinstance(value, np.random.Generator):
            return f"{self._coded(kind)}({self._one(value.bit_generator)})"
        if isinstance(value, np.random.RandomState):
            return f"{self._coded(kind)}({self._one(value.get_state(legacy=False))})"
        if isinstance(value, np.random.BitGenerator):
            return f"{self._coded(kind)}({self._one(value.state)})"
        if any(_root(base.__module__) in _HANDLES for base in kind.__mro__):
            return self._coded(kind)
        return self._of_mxnet(value) or f"{self._coded(kind)}({', '.join(self._held(value))})"

    def _each(self, values: Iterable[Any]) -> str:
        return ", ".join([self._one(one) for one in values])

    def _items(self, items: Iterable[Tuple[Any, Any]]) -> List[str]:
        return [f"{self._one(name)}: {self._one(one)}" for name, one in items]

    def _named(self, attributes: Any) -> List[str]:
        pairs = [(name.lstrip("_") if isinstance(name, str) else self._one(name), one) for name, one in attributes.items()]
        return [f"{name}={self._one(one)}" for name, one in pairs]

    def _elements(self, values: Any) -> List[str]:
        if id(values) in self._open_sets or len(self._open_sets) >= _MOST_SETS:
            return [f"{len(values)} elements"]
        texts = []
        for one in values:
            if id(one) not in self._of_elements:
                inner = _Walk(self._inline, self._depth, (*self._open_sets, id(values)), self._of_elements)
                text = inner.text(one)
                self._of_elements[id(one)] = (text if len(text) <= _SHORT else _digest_text(text), one)
            texts.append(self._of_elements[id(one)][0])
        return sorted(texts)

    def _array(self, value: np.ndarray) -> str:
        has_addresses = value.dtype.hasobject
        content = self._one(value.tolist()) if has_addresses else _digest(np.ascontiguousarray(value).tobytes())
        attributes = self._named(getattr(value, "__dict__", {}))
        known = "array" if type(value) is np.ndarray else self._coded(type(value))
        return f"{known}({', '.join([str(value.dtype), str(value.shape), content, *attributes])})"

    def _held(self, value: Any) -> List[str]:
        """What an object of any class is made of: as pickle takes it, or else its attributes."""
        kind = type(value)
        try:
            reduced = copyreg.dispatch_table[kind](value) if kind in copyreg.dispatch_table else value.__reduce_ex__(2)
        except Exception:  # it is not to be pickled
            return [] if _is_given(kind.__module__) else self._named({**_slots(value), **getattr(value, "__dict__", {})})
        if isinstance(reduced, str):
            name = repr(f"{getattr(value, '__module__', '')}.{reduced}")
            return [name] if _is_given(kind.__module__) else [name, *self._named(getattr(value, "__dict__", {}))]
        function, args, state, items, pairs = (*reduced, None, None, None)[:5]
        is_usual = function is kind or function in (copyreg.__newobj__, copyreg.__newobj_ex__)  # type: ignore[attr-defined]
        parts = [] if is_usual else [self._one(function)]
        parts += [self._one(one) for one in args if one is not kind]
        two = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
        if all(one is None or isinstance(one, dict) for one in two):
            cached = _cached_properties(kind)
            for one in two:
                parts += self._named({name: held for name, held in (one or {}).items() if name not in cached})
        else:
            parts.append(self._one(state))
        return [*parts, *(self._one(one) for one in items or ()), *self._items(pairs or ())]

    # Code.

    def _coded(self, value: Any) -> str:
        """The name of a function or a class, and what tells its code from other code."""
        module = value.__globals__.get("__name__") if isinstance(value, types.FunctionType) else value.__module__
        if _is_given(module):
            return _name(value)
        if self._inline:
            return self._one(value) if isinstance(value, type) else f"{_name(value)}@({self._function_code(value)})"
        if id(value) not in self._of_code:
            self._kept.append(value)
            self._of_code[id(value)] = _digest_text(_Walk(inline=True).code_of(value))
        return f"{_name(value)}@{self._of_code[id(value)]}"

    def _function(self, value: types.FunctionType) -> str:
        parts: List[str] = []
        if not _is_given(value.__globals__.get("__name__")):
            parts += [self._one(one) for one in value.__defaults__ or ()]
            parts += self._named(value.__kwdefaults__ or {})
            parts += self._named({name: one for name, one in vars(value).items() if name != "__wrapped__"})
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or ()):
            if _is_filled(cell):
                parts.append(f"{name}={self._one(cell.cell_contents)}")
        return f"{self._coded(value)}({', '.join(parts)})"

    def _function_code(self, value: types.FunctionType) -> str:
        found = value.__globals__
        names = dict.fromkeys(_names_in(value.__code__))
        used = [f"{name}={self._known(found[name], found.get('__name__'), False)}" for name in names if name in found]
        return ", ".join([self._one(value.__code__), *used])

    def _code(self, code: types.CodeType) -> str:
        flat = (code.co_code, getattr(code, "co_exceptiontable", b""), code.co_names, code.co_flags)
        num_args = code.co_argcount + code.co_kwonlyargcount
        args = (code.co_argcount, code.co_posonlyargcount, code.co_varnames[:num_args])
        consts: Iterable[Any] = code.co_consts
        if "__firstlineno__" in code.co_names:  # a class's body in Python 3.13: its line, and a tuple of names in any order
            consts = [sorted(one) if _is_names(one) else one for one in consts if one != code.co_firstlineno]
        return f"code({_digest_text(repr((flat, args)))}, {self._each(consts)})"

    def _members(self, cls: type) -> str:
        parts = [self._one(base) for base in cls.__bases__]
        for name, member in list(vars(cls).items()):
            is_special = name.startswith("__") and name.endswith("__")
            if not is_special or isinstance(member, (types.FunctionType, *_DESCRIPTORS)):
                parts.append(f"{name}={self._known(member, cls.__module__, True)}")
        return ", ".join(parts)

    def _known(self, value: Any, module: Any, is_member: bool) -> str:
        """What a name of a module stands for, or a name of a class in it, as far as it is looked at."""
        return self._guarded(self._known_as, value, module, is_member)

    def _known_as(self, value: Any, module: Any, is_member: bool) -> str:
        if isinstance(value, _LRU):
            return self._known_as(value.__wrapped__, module, is_member)
        if isinstance(value, types.FunctionType):
            is_near = is_member or value.__module__ == module or bool(value.__closure__)  # a closure: it is decorated
            return self._one(value) if is_near else _name(value)
        if isinstance(value, type):
            return self._one(value) if value.__module__ == module else _name(value)
        looked_at = (*_DESCRIPTORS, *_NAMED, functools.partial, types.BuiltinFunctionType, *_gluon("Block"))
        return self._one(value) if isinstance(value, looked_at) or _is_plain(value) else _name(type(value))

    # MXNet.

    def _of_mxnet(self, value: Any) -> str:
        """Of an array, a parameter or a block; of anything else, nothing."""
        if isinstance(value, _gluon("NDArray", "mxnet.ndarray")):
            return self._array(value.asnumpy())
        if isinstance(value, _gluon("Parameter")):
            held = [str(value.shape), np.dtype(value.dtype).name]
            data = value._data[0] if value._data else getattr(value, "value", None)  # the latter of a Constant
            return f"{type(value).__name__}({', '.join(held if data is None else [*held, self._one(data)])})"
        if isinstance(value, _gluon("ParameterDict")):
            return f"ParameterDict({self._each(value.values())})"
        if isinstance(value, _gluon("Block")):
            return f"{self._coded(type(value))}({', '.join(self._block(value))})"
        return ""

    def _block(self, block: Any) -> List[str]:
        machinery = _block_machinery()
        children = dict(block._children)
        params = [*block._reg_params.values(), *block._params.values()]
        skipped = {id(one) for one in children.values()}
        attributes = {name: one for name, one in vars(block).items() if name not in machinery and id(one) not in skipped}
        attributes.update(_slots(block))
        parts = self._named(attributes)
        shown = {id(one) for one in attributes.values()}
        parts += [self._one(one) for one in {id(one): one for one in params}.values() if id(one) not in shown]
        for name, child in children.items():
            parts.append(self._one(child) if str(name).isdigit() else f"{str(name).lstrip('_')}={self._one(child)}")
        for name in ("_forward_pre_hooks", "_forward_hooks"):
            parts += [f"hook={self._one(hook)}" for hook in vars(block).get(name, {}).values()]
        if isinstance(block, _gluon("SymbolBlock")):  # its graph is what others have for a cache
            parts.append(_digest_text(block._cached_graph[1].tojson()))
        return parts


def _gluon(name: str, module: str = "mxnet.gluon") -> Any:
    """A class of MXNet's, if MXNet is loaded; for isinstance()."""
    found = getattr(sys.modules.get(module), name, None)
    return (found,) if isinstance(found, type) else ()


@functools.lru_cache(maxsize=1)
def _block_machinery() -> FrozenSet[str]:
    """The attributes that every Gluon block has: names with counters in them, caches, hooks."""
    gluon = sys.modules["mxnet.gluon"]
    # With a prefix, or they would be counted.
    return frozenset(vars(gluon.HybridBlock(prefix="any_"))) | frozenset(vars(gluon.Block(prefix="any_")))


def _root(module: Any) -> str:
    return module.split(".")[0] if isinstance(module, str) else ""


def _is_given(module: Any) -> bool:
    """Whether a module is MXNet's, NumPy's or Python's own."""
    root = _root(module)
    if root in _GIVEN or root in sys.builtin_module_names:
        return True
    file = getattr(sys.modules.get(root), "__file__", None)
    if root == "__main__" or not isinstance(file, str):
        return False
    folder = os.path.dirname(os.__file__) + os.sep
    return file.startswith(folder) and not file[len(folder) :].startswith(("site-packages", "dist-packages"))


def _is_to_be_imported(value: Any) -> bool:
    """Whether a class or a function is one of those modules' own, and not one that a function of theirs has made."""
    return _is_given(value.__module__) and (isinstance(value, type) or "<locals>" not in value.__qualname__)


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether it is a constant such as modules have, and not an object with a life of its own."""
    if depth > 6:
        return False
    if type(value) in (list, tuple, set, frozenset):
        return all(_is_plain(one, depth + 1) for one in value)
    if type(value) is dict:
        return all(_is_plain(name, depth + 1) and _is_plain(one, depth + 1) for name, one in value.items())
    if isinstance(value, np.ndarray):
        return not value.dtype.hasobject
    plain = (type(None), bool, int, float, complex, str, bytes, bytearray, np.generic, range, slice, pathlib.PurePath, np.dtype)
    return isinstance(value, (*plain, enum.Enum, re.Pattern, *_gluon("NDArray", "mxnet.ndarray")))


def _is_names(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _names_in(const)


def _slots(value: Any) -> Dict[str, Any]:
    """Where `__slots__` says that attributes are, those that have a value."""
    members = [one for kind in type(value).__mro__ if not _is_given(kind.__module__) for one in vars(kind).values()]
    found = [one for one in members if isinstance(one, types.MemberDescriptorType)]
    return {one.__name__: one.__get__(value) for one in found if _has(one, value)}


def _has(member: Any, value: Any) -> bool:
    try:
        member.__get__(value)
    except AttributeError:
        return False
    return True


def _cached_properties(kind: type) -> FrozenSet[str]:
    """Names of what is worked out from the rest, once it is asked for."""
    members = [item for base in kind.__mro__ for item in vars(base).items()]
    return frozenset(name for name, one in members if isinstance(one, functools.cached_property))


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:  # a name that has no value yet
        return False
    return True


def _name(value: Any) -> str:
    module = getattr(value, "__module__", None)
    module = module if isinstance(module, str) else ""
    name = getattr(value, "__qualname__", getattr(value, "__name__", "?"))
    return str(name) if not module or module == "builtins" or module.startswith("mxnet.gluon.") else f"{module}.{name}"


def _digest_text(text: str) -> str:
    return _digest(text.encode("utf-8", "surrogatepass"))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()

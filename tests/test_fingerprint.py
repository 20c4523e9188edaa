# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What a resumed run knows transforms and lists by: the same for what does the same, and only for that."""

import collections
import datetime
import decimal
import enum
import functools
import logging
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest
from helpers import REPO

from mxnet_im2rec import ListEntry
from mxnet_im2rec.mxnet_compat import import_mxnet
from mxnet_im2rec.packing.fingerprint import ListDigest, describe
from mxnet_im2rec.values import Failure


def module(code):
    """A module's names, always under the same name, so that nothing but its code tells two of them apart."""
    made = types.ModuleType("mine")
    exec(code, made.__dict__)
    return made


class Thing:
    def __init__(self, held):
        self.held = held


class Slotted:
    __slots__ = ("size", "unset")

    def __init__(self, size):
        self.size = size


class SlottedChild(Slotted):
    __slots__ = ("more", "__dict__")


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Listed(list):
    pass


class Unpicklable:
    def __init__(self, size):
        self.size = size

    def __reduce_ex__(self, protocol):
        raise TypeError("not me")


CODE = {
    "a method": "class T:\n def __call__(self, x): return x + {}",
    "a static method": "class T:\n @staticmethod\n def f(x): return x + {}",
    "a class method": "class T:\n @classmethod\n def f(cls, x): return x + {}",
    "a property": "class T:\n @property\n def f(self): return {}",
    "a cached property": "import functools\nclass T:\n @functools.cached_property\n def f(self): return {}",
    "a base": "class B:\n def f(self): return {}\nclass T(B): pass",
    "a constant of the class": "class T:\n size = {}",
    "a default": "class T:\n def f(self, x={}): return x",
    "a class in it": "class T:\n class U:\n  def f(self): return {}",
    "a function it uses": "def g(): return {}\nclass T:\n def f(self): return g()",
    "a function that that uses": "def h(): return {}\ndef g(): return h()\nclass T:\n def f(self): return g()",
    "a class it uses": "class U:\n def f(self): return {}\nclass T:\n def f(self): return U()",
    "a number it uses": "N = {}\nclass T:\n def f(self): return N",
    "a list it uses": "N = [{}, {{'a': 0}}]\nclass T:\n def f(self): return [N for _ in ()]",
    "an array it uses": "import numpy\nN = numpy.array([{}])\nclass T:\n def f(self): return N",
    "a partial it uses": "import functools\nN = functools.partial(max, {})\nclass T:\n def f(self): return N",
    "a decorated method": (
        "import functools\ndef d(f):\n @functools.wraps(f)\n def w(*a): return f(*a)\n return w\n"
        "class T:\n @d\n def f(self): return {}"
    ),
    "a cached function": "import functools\n@functools.lru_cache()\ndef g(): return {}\nclass T:\n def f(self): return g()",
    "a generated method": "import dataclasses\n@dataclasses.dataclass\nclass T:\n size: int = {}",
    "itself": "class T:\n def f(self): return T, self.g, {}\n def g(self): return T",
    "where it catches": "class T:\n def f(self):\n  try: x = 1\n  except ValueError: x = {}",
    "a local class": "class T:\n def f(self):\n  class U:\n   def g(self): self.a = self.b = self.c = {}\n  return U",
}


@pytest.mark.parametrize("name", CODE)
def test_code_of_a_class(name):
    ones = [module(CODE[name].format(n)).T for n in (1, 1, 2)]
    assert ones[0] is not ones[1]
    for texts in (
        [describe(one) for one in ones],
        [describe(one()) for one in ones],
        [describe([one().__init__]) for one in ones],
    ):
        assert texts[0] == texts[1] != texts[2]
        assert texts[0].startswith(("mine.T@", "list("))


@pytest.mark.parametrize("name", CODE)
def test_where_code_stands_does_not_matter(name):
    code = CODE[name].format(1)
    assert describe(module(code).T) == describe(module("# What it is for.\n\n" + code).T)


@pytest.mark.parametrize(
    "code",
    [
        "def t(x): return x + {}",
        "def t(x, n={}): return x + n",
        "def t(x, *, n={}): return x + n",
        "N = {}\ndef t(x): return x + N",
        "N = {}\nt = lambda x: [x + N for _ in x]",
        "def g(): return {}\ndef t(x): return g() + t(x)",
        "def made(n):\n def t(x): return x + n\n return t\nt = made({})",
        "def t(x): return x\nt.size = {}",
        "import functools\n@functools.lru_cache()\ndef t(x): return {}",
        "import functools\nt = functools.partial(max, {})",
        "t = [{}, 3].count",
        "t = {{1: {}}}.__getitem__",
        "class C:\n def f(self, x): return {}\nt = C().f",
        "import operator\nt = operator.itemgetter({})",
    ],
)
def test_code_of_a_function(code):
    texts = [describe(module(code.format(n)).t) for n in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_code_of_others_is_known_by_name():
    code = "from {} import join\ndef t(x): return join(x)"
    texts = [describe(module(code.format(where)).t) for where in ("os.path", "os.path", "shlex")]
    assert texts[0] == texts[1] != texts[2]
    assert describe(np.sum) in ("numpy.sum", "numpy._ArrayFunctionDispatcher('numpy.sum')")  # by NumPy's version
    assert describe(len) == "len"
    assert describe(collections.OrderedDict) == "collections.OrderedDict"


VALUES = {
    "slice": [slice(0, 10), slice(0, 20)],
    "range": [range(3), range(4)],
    "path": [pathlib.Path("a/b"), pathlib.Path("a/c")],
    "pattern": [re.compile("a"), re.compile("b"), re.compile("a", re.I)],
    "deque": [collections.deque([1]), collections.deque([2]), collections.deque([1], 9)],
    "bytearray": [bytearray(b"a"), bytearray(b"b")],
    "bytes": [b"a", b"b", "a"],
    "enum": [Colour.RED, Colour.GREEN],
    "datetime": [datetime.datetime(2026, 1, 1), datetime.datetime(2026, 1, 2), datetime.date(2026, 1, 1)],
    "decimal": [decimal.Decimal("1.0"), decimal.Decimal("1.1")],
    "number": [1, 2, 1.0, True, 1j, None, 10**5000, 10**5000 + 1, np.float32(1), np.float64(1)],
    "slots": [Slotted(1), Slotted(2), SlottedChild(2)],
    "list": [[1, 2], [2, 1], (1, 2), Listed([1, 2]), Listed([1]), [[1], 2]],
    "dict": [{1: 2, 3: 4}, {3: 4, 1: 2}, {1: 2}, collections.OrderedDict({1: 2}), collections.Counter({1: 2})],
    "defaultdict": [collections.defaultdict(int), collections.defaultdict(list)],
    "set": [{1, 2}, {1, 3}, frozenset({frozenset({1})}), frozenset({frozenset({2})})],
    "array": [np.arange(3), np.arange(3.0), np.arange(3).reshape(3, 1), np.array([1, "a"], object), np.array([2, "a"], object)],
    "masked": [np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])],
    "unpicklable": [Unpicklable(1), Unpicklable(2)],
    "type": [int, float, Thing, np.float32, np.dtype("f4"), np.dtype("f8"), len, np.add, np.sin, str.upper],
    "module": [os, sys],
    "named tuple": [ListEntry(1, (1.0,), "a"), ListEntry(1, (1.0,), "b")],
}


@pytest.mark.parametrize("name", VALUES)
def test_values(name):
    texts = [describe(value) for value in VALUES[name]]
    assert len(set(texts)) == len(texts), texts
    held = [describe(Thing(value)) for value in VALUES[name]]
    assert len(set(held)) == len(held), held
    assert held == [describe(Thing(value)) for value in VALUES[name]]
    assert not re.search("0x[0-9a-f]{6,}", "".join(texts).replace(hex(10**5000)[:200], ""))


def test_generators_of_numbers():
    for make in (np.random.default_rng, np.random.RandomState, np.random.MT19937):
        first, same, other = describe(Thing(make(1))), describe(Thing(make(1))), describe(Thing(make(2)))
        assert first == same != other
    drawn = np.random.default_rng(1)
    drawn.random()
    assert describe(drawn) != describe(np.random.default_rng(1))


def test_what_has_come_before_is_a_number():
    one = [1]
    assert describe([one, one, [1]]) == "list(list(1), #2, list(1))"
    one.append(one)
    assert describe(one) == "list(1, #1)"
    pair = (1, 2)
    assert describe([pair, pair]) == describe([pair, tuple(one for one in pair)]) == "list(tuple(1, 2), tuple(1, 2))"
    assert describe([pair, pair, one, one]) == describe([pair, tuple(n for n in pair), one, one])
    assert describe([[0], [1], one]) != describe([[0], one, [1]])


def test_order_matters_where_it_should():
    assert describe(dict.fromkeys("ab")) != describe(dict.fromkeys("ba"))
    texts = {describe(set(names)) for names in (["a", "b", Slotted, (1, 2)], [(1, 2), Slotted, "b", "a"])}
    assert len(texts) == 1


@pytest.mark.parametrize("wrap", [list, tuple, frozenset, Thing, lambda pair: {"a": pair[0], "b": pair[1]}])
def test_shared_structure_takes_no_time(wrap):
    def nested(leaf):
        for n in range(60):
            leaf = wrap([leaf, (leaf, n)])
        return leaf

    started = time.monotonic()
    texts = [describe(nested(leaf)) for leaf in (1, 1, 2)]
    assert time.monotonic() - started < 5
    assert texts[0] == texts[1]
    assert texts[0] != texts[2] or wrap is frozenset  # which is not looked into so deep


def test_depth():
    def nested(leaf, wrap):
        for _ in range(5000):
            leaf = wrap(leaf)
        return leaf

    for wrap in (lambda one: [one], lambda one: (one,), Thing, lambda one: {1: one}, lambda one: functools.partial(max, [one])):
        texts = [describe(nested(leaf, wrap)) for leaf in (1, 1, 2)]
        assert texts[0] == texts[1] != texts[2]
    assert describe(nested(1, lambda one: frozenset([one])))


def test_cycles():
    thing = Thing(None)
    thing.held = {thing, "a"}
    assert describe(thing)
    thing.held = lambda: thing
    assert describe(thing)


class Evil:
    def __getattr__(self, name):
        raise RuntimeError(name)

    def __reduce_ex__(self, protocol):
        raise RuntimeError

    def __eq__(self, other):
        raise RuntimeError

    __hash__ = object.__hash__

    def __repr__(self):
        raise RuntimeError

    @property
    def __class__(self):
        raise RuntimeError


class Endless:
    def __reduce__(self):
        return Endless, (Endless(),)


def test_what_cannot_be_looked_into_is_its_class_name(tmp_path, monkeypatch):
    monkeypatch.setattr("mxnet_im2rec.packing.fingerprint._MOST", 1000)
    with open(tmp_path / "a", "w") as stream:
        local = threading.local()
        local.a = 1
        pool = threading.Thread(target=print)
        generator = (n for n in ())
        handles = [threading.Lock(), threading.RLock(), threading.Event(), local, pool, stream, generator, sys._getframe()]
        for handle in handles:
            name = type(handle).__qualname__
            assert re.fullmatch(rf".*\(held=[\w.]*{name}(\(.*\))?\)", describe(Thing(handle))), describe(Thing(handle))
        assert describe(Thing([*handles, 1])) != describe(Thing([*handles, 2]))
    assert "Evil" in describe(Evil())
    assert describe([1, Evil(), 2]) != describe([1, Evil(), 3])
    assert describe(Endless()).startswith("test_fingerprint.Endless")


def test_a_logger_is_its_name():
    thing = Thing(logging.getLogger("mine.a"))
    before = describe(thing)
    thing.held.info("this fills a cache")
    thing.held.isEnabledFor(10)
    assert describe(thing) == before
    assert "Logger('mine.a')" in before
    assert describe(Thing(logging.getLogger("mine.b"))) != before


def test_what_is_worked_out_once_asked_for():
    made = module("import functools\nclass T:\n @functools.cached_property\n def f(self): return 1")
    one = made.T()
    before = describe(one)
    assert one.f == 1
    assert describe(one) == before


def test_a_long_text_is_cut():
    texts = [describe(list(range(n))) for n in (1000, 1001)]
    assert texts[0] != texts[1]
    assert texts[0][:300] == texts[1][:300]
    assert all(re.fullmatch(r".{300}\.\.\. \([0-9a-f]{16}\)", text) for text in texts)


# With MXNet.


@pytest.fixture
def mx():
    return import_mxnet()


def test_stock_transforms_read_well(mx):
    ts = mx.gluon.data.vision.transforms
    for _ in range(2):
        text = describe(ts.Compose([ts.Resize(300), ts.ToTensor()]))
        assert text == "Compose(HybridSequential(Resize(keep=False, size=300, interpolation=1), ToTensor()))"
    assert describe(ts.Resize(300)) != describe(ts.Resize(301))
    ts.Resize(1)
    before = mx.gluon.nn.Dense(1).prefix
    describe(ts.ToTensor())
    assert int(re.sub(r"\D", "", mx.gluon.nn.Dense(1).prefix)) == int(re.sub(r"\D", "", before)) + 1


BLOCK = """
from mxnet import gluon, nd
class Head(gluon.HybridBlock):
    def __init__(self, units=2, scale=3):
        super().__init__()
        self.scale = scale
        with self.name_scope():
            self.dense = gluon.nn.Dense(units, in_units=3)
            self.more = gluon.nn.HybridSequential()
            self.more.add(gluon.nn.Dense(1))
            self.weight = self.params.get("weight", shape=(2, units), init="zeros")
            self.const = self.params.get_constant("const", nd.array([scale]))
    def hybrid_forward(self, F, x, weight, const):
        return self.dense(x) + {}
"""


def test_blocks(mx):
    made = module(BLOCK.format(1))
    first, same = made.Head(), made.Head()
    assert first.dense.prefix != same.dense.prefix
    assert describe(first) == describe(same)
    assert "dense=Dense(" in describe(first)
    assert describe(first) == describe(module(BLOCK.format(1)).Head()) != describe(module(BLOCK.format(2)).Head())
    assert describe(first) != describe(made.Head(units=4))
    assert describe(first) != describe(made.Head(scale=4))
    same.register_forward_hook(print)
    assert describe(first) != describe(same)


def test_parameters(mx):
    heads = [module(BLOCK.format(1)).Head() for _ in range(3)]
    for head, value in zip(heads, (1, 1, 2)):
        head.initialize(mx.init.Constant(value))
    before = [describe(head) for head in heads]
    assert before[0] == before[1] != before[2]
    assert before[0] != describe(module(BLOCK.format(1)).Head())
    dense = mx.gluon.nn.Dense(1, in_units=2)
    dense.initialize(mx.init.One())
    text = describe(dense)
    dense.hybridize()
    dense(mx.nd.ones((1, 2)))
    assert describe(dense) == text
    assert describe(dense.collect_params()) == describe(dense.collect_params())


def test_arrays_and_networks_of_mxnet(mx, tmp_path):
    assert describe(mx.nd.array([1, 2])) == describe(mx.nd.array([1, 2])) != describe(mx.nd.array([1, 3]))
    texts = []
    for kind in ("relu", "relu", "tanh"):
        out = mx.sym.Activation(mx.sym.Variable("data"), act_type=kind, name="out")
        texts.append(describe(mx.gluon.SymbolBlock(out, mx.sym.Variable("data"))))
    assert texts[0] == texts[1] != texts[2]
    uses = "from mxnet.gluon.data.vision import transforms\nT = transforms.Resize({})\ndef t(x): return T(x)"
    texts = [describe(module(uses.format(n)).t) for n in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


# Across processes.

MINE = """
import collections, dataclasses, enum, functools, logging, pathlib, re, threading
import numpy as np
try:
    from mxnet.gluon.data.vision import transforms
    from mxnet import gluon
    Base = gluon.Block
except Exception:
    transforms, Base = None, object

MEAN, NAMES = (0.485, 0.456, 0.406), {"a", "b", "c", ("d", 1)}

class Mode(enum.Enum):
    FAST, SLOW = 1, 2

@dataclasses.dataclass
class Config:
    size: int = 3
    names: frozenset = frozenset("abcdef")
    mode: Mode = Mode.FAST

class Mine(Base):
    mode = Mode.SLOW
    def __init__(self):
        super().__init__()
        self.log, self.lock, self.config = logging.getLogger("a"), threading.Lock(), Config()
        self.held = [slice(1), range(3), pathlib.Path("a"), re.compile("a"), NAMES, {Config, Mode, helper, self.forward}]
        self.rng, self.old = np.random.default_rng(3), np.random.RandomState(3)
        self.mean, self.mean2 = MEAN, (0.485, 0.456, 0.406)
        self.by = functools.partial(helper, by=made(3))
        self.counts, self.default = collections.Counter("abca"), collections.defaultdict(list, a=[1])
    def forward(self, x):
        class Local:
            def __init__(self): self.a = self.b = self.c = self.d = x
        return helper(x) if x in {"a", "b", "c"} else [MEAN for _ in NAMES] + [Local]
    __call__ = forward

def made(n):
    return lambda x: x + n

def helper(x, by=None):
    return Mine, MEAN, np.mean(x), NAMES

PARTS = [Mine(), Mine, helper, made(2), Config(), Mode.FAST, [Mine(), {Mine(), Mine()}]]
if transforms:
    PARTS.append(transforms.Compose([transforms.Resize(3), transforms.ToTensor()]))
"""


def test_two_processes_agree(tmp_path):
    (tmp_path / "mine_too.py").write_text(MINE)
    script = tmp_path / "script.py"
    script.write_text(
        "import mxnet_im2rec\nfrom mxnet_im2rec.packing.fingerprint import describe, _Walk\n"
        "from mine_too import PARTS\n"
        "for part in PARTS:\n    print(describe(part))\n    print(_Walk().text(part))\n"
    )
    texts = []
    for seed in ("1", "2", "3"):  # the first one compiles the module, the others find it compiled
        environment = {**os.environ, "PYTHONPATH": str(REPO), "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, str(script)], cwd=str(tmp_path), env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        texts.append(done.stdout.splitlines())
    assert len(texts[0]) >= 14
    for one in zip(*texts):
        assert len(set(one)) == 1, one


# Lists.


def test_the_digest_of_a_list():
    def digest(*entries):
        made = ListDigest()
        for entry in entries:
            made.add(entry)
        return str(made)

    entry, failure = ListEntry(1, (2.0,), "a.jpg", 1), Failure(1, 1, "\udc80.jpg", "list", "why")
    assert digest(entry, failure) == digest(entry._replace(line=9), failure)
    others = [(), (entry,), (failure,), (entry, failure), (failure, entry), (entry._replace(labels=(3.0,)),)]
    others += [(entry._replace(index=2),), (entry._replace(path="b"),), (Failure(1, 1, "\udc80.jpg", "list", "else"),)]
    assert len({digest(*one) for one in others}) == len(others)

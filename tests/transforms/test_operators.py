# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""MXNet's operators that leave a part of their output unwritten: which ones do, and that no plan stores what they leave."""

import gc
import inspect
import json

import mxnet as mx
import numpy as np
import pytest
from helpers import dataset_bytes, run_script
from mxnet.gluon import Block, HybridBlock, SymbolBlock, nn
from mxnet.gluon.data.vision import transforms

from mxnet_im2rec import TransformResultError, im2rec
from mxnet_im2rec.transforms import operators
from mxnet_im2rec.transforms.operators import outputs_written
from mxnet_im2rec.transforms.plan import TransformPlan, _seed_generators

# Every stock transform, over odd, tiny and grey images, on plain MXNet and through a plan. Prints a hash for each.
PROBE = """
import hashlib, json, sys
import mxnet_im2rec
import mxnet as mx
import numpy as np
from mxnet.gluon.data.vision import transforms as t
from mxnet_im2rec.transforms.plan import TransformPlan, _seed_generators

MAKERS = {
    "Cast": lambda: t.Cast("float32"),
    "ToTensor": lambda: t.ToTensor(),
    "Normalize": lambda: t.Compose([t.ToTensor(), t.Normalize(-0.1, 2.0)]),
    "Rotate": lambda: t.Compose([t.ToTensor(), t.Rotate(30)]),
    "Rotate, zoom in": lambda: t.Compose([t.ToTensor(), t.Rotate(30, True)]),
    "Rotate, zoom out": lambda: t.Compose([t.ToTensor(), t.Rotate(30, False, True)]),
    "RandomRotation": lambda: t.Compose([t.ToTensor(), t.RandomRotation((-30, 30))]),
    "RandomResizedCrop": lambda: t.RandomResizedCrop((5, 9)),
    "CropResize": lambda: t.CropResize(0, 0, 1, 1),
    "CropResize, resized": lambda: t.CropResize(0, 0, 3, 2, (5, 3), 1),
    "CenterCrop": lambda: t.CenterCrop((7, 2)),
    "Resize": lambda: t.Resize(5),
    "Resize, keep ratio": lambda: t.Resize(5, True),
    "Resize, cubic": lambda: t.Resize((7, 3), False, 2),
    "RandomFlipLeftRight": lambda: t.RandomFlipLeftRight(),
    "RandomFlipTopBottom": lambda: t.RandomFlipTopBottom(),
    "RandomBrightness": lambda: t.RandomBrightness(0.5),
    "RandomContrast": lambda: t.RandomContrast(0.5),
    "RandomSaturation": lambda: t.RandomSaturation(0.5),
    "RandomHue": lambda: t.RandomHue(0.5),
    "RandomColorJitter": lambda: t.RandomColorJitter(0.4, 0.4, 0.4, 0.4),
    "RandomColorJitter, no hue": lambda: t.RandomColorJitter(0.4, 0.4, 0.4),
    "RandomColorJitter, nothing": lambda: t.RandomColorJitter(),
    "RandomLighting": lambda: t.RandomLighting(0.5),
    "RandomApply": lambda: t.RandomApply(t.RandomBrightness(0.5)),
    "Compose": lambda: t.Compose([t.RandomBrightness(0.5), t.RandomContrast(0.5)]),
    "flip_left_right": lambda: mx.nd.image.flip_left_right,
    "flip_top_bottom": lambda: mx.nd.image.flip_top_bottom,
    "adjust_lighting": lambda: lambda image: mx.nd.image.adjust_lighting(image, (0.1, 0.2, 0.3)),
}
SHAPES = [(1, 1), (1, 7), (7, 1), (2, 3), (9, 11)]


def runs(make, is_hybridized, seed):
    # The transform on plain MXNet, and its plan: functions of an image.
    def fresh():
        transform = make()
        if is_hybridized:
            transform.hybridize()
        return transform

    transform, plan = fresh(), TransformPlan(fresh(), seed)

    def plain(image):
        _seed_generators(mx, seed, 0)
        return transform(mx.nd.array(image, dtype="uint8")).asnumpy()

    def planned(image):
        return plan(image, 0)

    return plain, planned


for name, make in MAKERS.items():
    for is_hybridized in (False, True) if isinstance(make(), mx.gluon.HybridBlock) else (False,):
        for channels in (1, 3):
            images = [np.random.RandomState(1).randint(0, 256, (*shape, channels)).astype(np.uint8) for shape in SHAPES]
            for seed in range(3 if "Random" in name or name == "Compose" else 1):
                for run in runs(make, is_hybridized, seed):
                    for image in images:
                        try:
                            found = hashlib.md5(run(image.copy()).tobytes()).hexdigest()
                        except Exception as error:
                            found = type(error).__name__
                            mxnet_im2rec.mxnet_compat.forget_failures()
                        print(json.dumps([run.__name__, name, channels, is_hybridized, image.shape, seed, found]), flush=True)
"""

# What depends on foreign memory on plain MXNet 1.9.1, and for how many channels.
FOREIGN = {
    *((name, 1) for name in ("RandomFlipLeftRight", "RandomFlipTopBottom", "flip_left_right", "flip_top_bottom")),
    *((name, 3) for name in ("RandomFlipLeftRight", "RandomFlipTopBottom", "flip_left_right", "flip_top_bottom")),
    ("RandomColorJitter, nothing", 1),
    ("RandomColorJitter, nothing", 3),
    ("RandomColorJitter", 1),
    ("RandomHue", 1),
    ("RandomLighting", 1),
    ("adjust_lighting", 1),
}


def probe(monkeypatch, folder, pattern):
    """What the probe finds in a process in which glibc fills with a pattern all memory that it gives out: {case: hash}."""
    monkeypatch.setenv("GLIBC_TUNABLES", f"glibc.malloc.tcache_count=0:glibc.malloc.perturb={pattern}")
    monkeypatch.setenv("MXNET_ENGINE_TYPE", "NaiveEngine")  # faster where nothing runs at the same time
    code, out, err = run_script(PROBE, folder, timeout=170)
    assert code == 0, err[-2000:]
    found = {}
    for line in out.splitlines():
        *case, value = json.loads(line)
        found[json.dumps(case)] = value
    return found


def test_no_plan_depends_on_foreign_memory_though_these_operators_do(monkeypatch, tmp_path):
    first, second = (probe(monkeypatch, tmp_path, pattern) for pattern in (7, 170))
    assert first.keys() == second.keys() and len(first) > 1000
    differing = [json.loads(case) for case in first if first[case] != second[case]]
    assert {(name, channels) for run, name, channels, *_ in differing if run == "plain"} == FOREIGN
    assert [case for case in differing if case[0] == "planned"] == []
    tried = {json.loads(case)[1].split(",")[0] for case in first}
    stock = {
        name for name, value in vars(transforms).items() if inspect.isclass(value) and value.__module__ == transforms.__name__
    }
    assert stock <= tried


def picture(height, width, channels=3):
    return np.random.RandomState(height * 100 + width).randint(0, 256, (height, width, channels)).astype(np.uint8)


class OwnBlock(Block):
    """A user's Block that has flips among its children, and calls one itself."""

    def __init__(self):
        super().__init__()
        self.flip = transforms.RandomFlipTopBottom()

    def forward(self, image):
        return mx.nd.image.random_flip_left_right(self.flip(image))


class OwnHybridBlock(HybridBlock):
    def __init__(self):
        super().__init__()
        self.flip = transforms.RandomFlipTopBottom()
        self.hybridize()

    def hybrid_forward(self, F, image):  # noqa: N803
        return F.image.random_flip_left_right(self.flip(image))


def flips():
    return [transforms.RandomFlipLeftRight(), transforms.RandomFlipTopBottom()]


def sequential(container, is_hybridized):
    block = container()
    block.add(*flips())
    if is_hybridized:
        block.hybridize(static_alloc=True)
    return block


def in_a_closure():
    compose = transforms.Compose(flips())
    return lambda image: compose(image)


HOLDERS = {
    "Compose": lambda: transforms.Compose(flips()),
    "Compose of others too": lambda: transforms.Compose([transforms.Cast("uint8"), *flips(), transforms.ToTensor()]),
    "Sequential": lambda: sequential(nn.Sequential, False),
    "Sequential, hybridized": lambda: sequential(nn.Sequential, True),
    "HybridSequential": lambda: sequential(nn.HybridSequential, False),
    "HybridSequential, hybridized": lambda: sequential(nn.HybridSequential, True),
    "RandomApply": lambda: transforms.RandomApply(transforms.Compose(flips())),
    "nested": lambda: transforms.Compose([transforms.Compose([sequential(nn.HybridSequential, True)]), transforms.Cast("uint8")]),
    "a Block": OwnBlock,
    "a Block, nested": lambda: transforms.Compose([transforms.Cast("uint8"), transforms.Cast("uint8"), OwnBlock()]),
    "a HybridBlock": OwnHybridBlock,
    "a function": lambda: mx.nd.image.flip_left_right,
    "a closure": in_a_closure,
    "out": lambda: lambda image: mx.nd.image.flip_left_right(image, out=mx.nd.full(image.shape, 77, dtype="uint8")),
}


def flipped(image):
    return [image, image[:, ::-1], image[::-1], image[::-1, ::-1]]


def plain(transform, image, index):
    """What MXNet itself gives, as levels of BGR."""
    _seed_generators(mx, 0, index)
    found = transform(mx.nd.array(np.ascontiguousarray(image[:, :, ::-1]), dtype="uint8")).asnumpy()
    return (found if found.dtype == np.uint8 else np.rint(found * 255).astype(np.uint8).transpose(1, 2, 0))[:, :, ::-1]


@pytest.mark.filterwarnings("ignore:All children of this Sequential layer:UserWarning")  # as they are meant to be here
@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("has_run", [False, True], ids=["fresh", "has run"])
def test_a_flip_of_odd_sides_is_whole_wherever_it_stands(holder, has_run):
    transform = HOLDERS[holder]()
    if has_run:
        transform(mx.nd.zeros((4, 4, 3), dtype="uint8")).wait_to_read()
    plan = TransformPlan(transform, seed=0)
    seen = set()
    for height, width in ((7, 9), (1, 1), (1, 5), (5, 1), (31, 17), (8, 6)):
        image = picture(height, width)
        for index in range(8):
            found = plan(image.copy(), index)
            (kind, *_) = [kind for kind, expected in enumerate(flipped(image)) if np.array_equal(found, expected)] or [None]
            assert kind is not None, (height, width, index)
            seen.add(kind)
            written = np.ones((height, width), bool)
            written[height // 2 : height // 2 + height % 2] = written[:, width // 2 : width // 2 + width % 2] = False
            assert np.array_equal(found[written], plain(transform, image, index)[written])  # all that MXNet writes is MXNet's
    assert len(seen) > 1


def test_flips_keep_their_middle_under_numpy_semantics():
    with mx.util.np_shape(True), mx.util.np_array(True):
        plan = TransformPlan(transforms.Compose(flips()), seed=0)
        image = picture(7, 9)
        for index in range(8):
            found = plan(image.copy(), index)
            assert any(np.array_equal(found, expected) for expected in flipped(image))


def blocks_of(block):
    return [block, *(below for child in block._children.values() for below in blocks_of(child))]


@pytest.mark.parametrize("holder", ["Compose", "HybridSequential, hybridized", "nested", "a HybridBlock", "RandomApply"])
def test_a_plan_leaves_the_callers_blocks_and_mxnet_as_they_were(holder):
    transform = HOLDERS[holder]()
    image = mx.nd.array(picture(8, 6), dtype="uint8")
    transform(image).wait_to_read()

    def state():
        hybrid = [block for block in blocks_of(transform) if isinstance(block, HybridBlock)]
        hooks = [(dict(block._forward_hooks), dict(block._forward_pre_hooks)) for block in blocks_of(transform)]
        return [block._active for block in hybrid], [block._cached_op for block in hybrid if block._cached_op], hooks

    before = state()
    assert before[1]
    plan = TransformPlan(transform, seed=0)
    plan(picture(7, 9), 0)
    active, graphs, hooks = state()
    assert (active, hooks) == (before[0], before[2])
    assert all(graph in graphs for graph in before[1])
    out = mx.nd.full((3, 3, 1), 77, dtype="uint8")
    assert mx.nd.image.flip_left_right(mx.nd.zeros((3, 3, 1), dtype="uint8"), out=out)[:, 1].asnumpy().tolist() == [[77]] * 3


def test_a_graph_is_looked_through_once(monkeypatch):
    block = nn.HybridSequential()
    block.add(transforms.Cast("float32"), transforms.ToTensor())
    block.hybridize()
    plan = TransformPlan(lambda image: block(image), seed=0)
    looked = []
    tojson = mx.sym.Symbol.tojson
    monkeypatch.setattr(mx.sym.Symbol, "tojson", lambda graph: looked.append(graph) or tojson(graph))
    for index in range(5):
        plan(picture(7, 9), index)
    assert len(looked) == 1


def test_a_block_that_gets_a_flip_after_it_has_run_is_looked_through_again():
    block = nn.HybridSequential()
    block.add(transforms.Cast("uint8"))
    block.hybridize()
    plan = TransformPlan(lambda image: block(image), seed=0)
    image = picture(7, 9)
    assert np.array_equal(plan(image.copy(), 0), image)
    block.add(*flips())
    for index in range(8):
        found = plan(image.copy(), index)
        assert any(np.array_equal(found, expected) for expected in flipped(image))


def test_what_is_known_of_a_graph_goes_with_its_block():
    blocks = [sequential(nn.HybridSequential, True)]
    TransformPlan(lambda image: blocks[0](image), seed=0)(picture(7, 9), 0)
    assert blocks[0] in operators._known_graphs
    number = len(operators._known_graphs)
    blocks.clear()
    gc.collect()
    assert len(operators._known_graphs) < number


def test_a_failing_block_stays_hybridized():
    class Failing(HybridBlock):
        is_failing = False

        def hybrid_forward(self, F, image):  # noqa: N803
            if self.is_failing:
                raise ValueError("no more")
            return F.image.random_flip_left_right(image)

    block = Failing()
    block.hybridize()
    plan = TransformPlan(block, seed=0)
    plan(picture(4, 5), 0)
    block.is_failing = True
    with pytest.raises(ValueError, match="no more"):
        plan(picture(4, 5), 0)
    assert block._active is True


@pytest.mark.filterwarnings("ignore:Cannot decide type for the following arguments:UserWarning:mxnet.gluon.block")
def test_a_graph_without_its_block_is_an_error():
    flip = SymbolBlock(mx.sym.image.random_flip_left_right(mx.sym.var("data")), mx.sym.var("data"))
    with pytest.raises(TransformResultError, match="SymbolBlock runs _image_random_flip_left_right.*use the Block"):
        TransformPlan(flip, seed=0)(picture(4, 5), 0)
    resize = SymbolBlock(mx.sym.image.resize(mx.sym.var("data"), size=6), mx.sym.var("data"))
    assert TransformPlan(resize, seed=0)(picture(4, 5), 0).shape == (6, 6, 3)


def test_a_block_whose_graph_holds_none_of_them_stays_a_graph():
    calls = []

    class Own(HybridBlock):
        def hybrid_forward(self, F, image):  # noqa: N803
            calls.append(F)
            return F.image.random_brightness(image, 0.5, 1.5)

    block = Own()
    block.hybridize()
    plan = TransformPlan(block, seed=0)
    for index in range(3):
        plan(picture(4, 5), index)
    assert calls == [mx.symbol]


def test_an_operator_of_another_thread_is_left_alone():
    from concurrent.futures import ThreadPoolExecutor

    def flip():
        out = mx.nd.full((3, 3, 1), 77, dtype="uint8")
        return mx.nd.image.flip_left_right(mx.nd.zeros((3, 3, 1), dtype="uint8"), out=out).asnumpy().max()

    with ThreadPoolExecutor(1) as other, outputs_written():
        with outputs_written():
            assert flip() == 0
        assert flip() == 0
        assert other.submit(flip).result() == 77
    assert flip() == 77


GREY = [transforms.RandomLighting(0.5), transforms.RandomHue(0.3), transforms.RandomColorJitter(hue=0.3)]


@pytest.mark.parametrize("transform", GREY, ids=lambda transform: type(transform).__name__)
def test_what_is_made_for_colour_leaves_grey_as_it_is(transform):
    image = picture(20, 31, 1)
    for index in range(5):
        assert np.array_equal(TransformPlan(transform, seed=0)(image.copy(), index), image)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_jitter_of_nothing_changes_nothing(channels):
    image = picture(20, 31, channels)
    assert np.array_equal(TransformPlan(transforms.RandomColorJitter(), seed=0)(image.copy(), 0), image)


def test_jitter_of_grey_is_the_same_whenever_its_hue_comes():
    """With a hue that does nothing, the order is all that differs from one index to the next."""
    image = np.full((9, 9, 1), 100, np.uint8)
    plan = TransformPlan(transforms.RandomColorJitter(brightness=0.2, hue=0.3), seed=0)
    levels = {int(plan(image.copy(), index)[0, 0, 0]) for index in range(40)}
    assert len(levels) > 10 and min(levels) >= 80 and max(levels) <= 120


@pytest.mark.parametrize("color", [1, 0])
def test_records_do_not_depend_on_the_number_of_workers(photos, tmp_path, color):
    transform = transforms.Compose(
        [transforms.Resize(31, keep_ratio=True), *flips(), transforms.RandomLighting(0.3), transforms.RandomHue(0.1)]
    )
    options = {"encoding": ".png", "color": color, "seed": 3}
    first = im2rec(photos / "images.lst", tmp_path / "first", transform, num_workers=0, **options)
    second = im2rec(photos / "images.lst", tmp_path / "second", transform, num_workers=2, **options)
    assert dataset_bytes(first) == dataset_bytes(second)
    if color == 0:
        flips_only = transforms.Compose([transforms.Resize(31, keep_ratio=True), *flips()])
        assert dataset_bytes(im2rec(photos / "images.lst", tmp_path / "third", flips_only, num_workers=2, **options)) == (
            dataset_bytes(first)
        )

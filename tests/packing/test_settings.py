# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The settings of a run: one place for every default, and a short text without addresses by which a later run knows them."""

import dataclasses
import functools
import inspect

import numpy as np
import pytest
from mxnet.gluon import nn
from mxnet.gluon.data.vision import transforms

from mxnet_im2rec import Failure, ListEntry, im2rec
from mxnet_im2rec.packing.proof import positions_to_prove
from mxnet_im2rec.packing.run import ListDigest
from mxnet_im2rec.packing.settings import PackSettings, describe


def test_every_argument_but_the_paths_is_a_setting_with_its_default():
    arguments = {name: each.default for name, each in inspect.signature(im2rec).parameters.items()}
    settings = {each.name: each.default for each in dataclasses.fields(PackSettings)}
    for name in ("list_file", "output_path", "root"):
        del arguments[name]
    assert arguments == settings


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PackSettings().seed = 1


class Mine:
    def __call__(self, image):
        return image


class MyBlock(nn.Block):
    def __init__(self):
        super().__init__()
        self.inner = transforms.Resize(3)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: None, "None"),
        (lambda: transforms.Resize(300), "Resize(keep=False, size=300, interpolation=1)"),
        (lambda: transforms.Normalize((0.1, 0.2), 1), "Normalize(mean=(0.1, 0.2), std=1)"),
        (lambda: transforms.Compose([transforms.RandomLighting(0.5)]), "Compose(RandomLighting(alpha=0.5))"),
        (lambda: np.flipud, "numpy.flipud"),
        (lambda: Mine(), "test_settings.Mine"),
        (lambda: Mine().__call__, "test_settings.Mine.__call__"),
        (lambda: functools.partial(max, 1), "functools.partial"),
        (lambda: MyBlock(), "test_settings.MyBlock(Resize(keep=False, size=3, interpolation=1))"),
    ],
)
def test_a_transform_as_a_text_that_is_the_same_when_it_is_made_again(make, text):
    assert describe(make()) == describe(make()) == text


def test_the_text_has_every_setting_that_decides_bytes():
    texts = PackSettings(num_workers=0).text(None)
    others = {"seed": 1, "color": 0, "encoding": ".png", "quality": 50, "pass_through": True, "fast_decode": True}
    others.update(max_pixels=7, strict=True, pack_labels=False, transformations=np.flipud)
    for name, value in others.items():
        changed = PackSettings(num_workers=0, **{name: value}).text(None)
        assert {key for key in texts if texts[key] != changed[key]} == {name}
    assert PackSettings(num_workers=1, batch_size=3, error_limit=None, timeout=1, verify=True).text(None) == texts
    tables = [PackSettings(num_workers=0).text([Failure(line, 1, "a", "read", "x")])["only"] for line in (1, 1, 2)]
    assert tables[0] == tables[1] != tables[2]


@pytest.mark.parametrize("num_records", [0, 1, 2, 3, 4, 5, 1000])
def test_the_first_and_the_last_record_are_proven_and_at_least_four(num_records):
    positions = positions_to_prove(num_records)
    assert len(positions) == min(num_records, 4) == len(set(positions))
    assert num_records == 0 or (positions[0], positions[-1]) == (0, num_records - 1)
    steps = np.diff(positions)
    assert num_records < 2 or steps.max() - steps.min() <= 1


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

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures: folders of real photos with their lists."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import warm
from photos import EXIF_ORIENTATION, PHOTOS, SKIMAGE, make_varieties, write_list  # noqa: F401  # some tests take these from here
from resuming import make_images

import mxnet_im2rec  # noqa: F401  # before any test imports MXNet: it prepares NumPy
from mxnet_im2rec.mxnet_compat import forget_failures
from mxnet_im2rec.verification import mxnet_reader

# The files whose tests run whole programs, load MXNet in other processes, or make whole datasets again and again.
WHOLE = {
    "test_against_mxnet",
    "test_commands",
    "test_packing_commands",
    "test_reading_commands",
    "test_escapes",
    "test_faults",
    "test_legacy",
    "test_messages",
    "test_operators",
    "test_without_mxnet",
    "test_im2rec",
    "test_decoder_messages",
    "test_reproducible",
    "test_resume",
    "test_resume_mending",
    "test_resume_refusals",
    "test_tables",
    "test_tutorials",
    "test_verify",
    "test_mxnet_reader",
}

HAS_MXNET = importlib.util.find_spec("mxnet") is not None
HERE = Path(__file__).parent

# Where MXNet is not installed: files that import it are left out, and so are tests that are marked.
collect_ignore = [
    str(path.relative_to(HERE))
    for path in HERE.glob("*/test_*.py")
    if not HAS_MXNET and re.search(r"^(import|from) (by_)?mxnet\b", path.read_text(encoding="utf-8"), re.MULTILINE)
]


# The files that take longest, which go first: xdist hands out whole files in this order, and a long one must not be the last.
LONGEST = [
    "test_tutorials",
    "test_faults",
    "test_mxnet_reader",
    "test_im2rec",
    "test_resume",
    "test_operators",
    "test_legacy",
    "test_resume_refusals",
    "test_fuzz",
    "test_pools",
    "test_resume_mending",
    "test_verify",
    "test_packing_commands",
    "test_reproducible",
    "test_stock",
]


def pytest_configure(config):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it starts in the background ignore Ctrl-C
    config.option.loadscopereorder = False  # else xdist begins with the files of the most tests, which are not the longest


def pytest_collection_modifyitems(items):
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))
    for item in items:
        if item.path.stem in WHOLE:
            item.add_marker("whole")
        if item.get_closest_marker("needs_mxnet") and not HAS_MXNET:
            item.add_marker(pytest.mark.skip(reason="MXNet is not installed"))


@pytest.fixture(scope="session")
def varieties(tmp_path_factory):
    """A folder with one file of every variety, and a list of them, `images.lst`, with one label each."""
    folder = tmp_path_factory.mktemp("varieties")
    names = make_varieties(folder)
    write_list(folder / "images.lst", names)
    return folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder with real photos as they come, listed four times over in `images.lst`."""
    folder = tmp_path_factory.mktemp("photos")
    for name in PHOTOS:
        shutil.copy(SKIMAGE / name, folder / name)
    write_list(folder / "images.lst", PHOTOS * 4)
    return folder


@pytest.fixture(scope="session")
def small_images(tmp_path_factory):
    """A folder with the images of resuming.py."""
    folder = tmp_path_factory.mktemp("small_images")
    make_images(folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def readers_find_mxnet_loaded():
    """verify()'s reading process is a fork of one that has MXNet, where a test does not ask for `fresh_readers`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mxnet_reader, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": warm.WarmReader}))
        yield
    warm.end()


@pytest.fixture(scope="session", autouse=True)
def nothing_waits_for_the_disk():
    """What fsync is for shows at a power failure alone. That it is called, and what its errors lead to, is still tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: os.fstat(descriptor) and None)  # an OSError where it is none
        yield


@pytest.fixture
def fresh_readers(monkeypatch):
    """verify()'s reading process is started as it is in real life."""
    monkeypatch.setattr(mxnet_reader, "subprocess", subprocess)


@pytest.fixture(autouse=True)
def no_failure_of_mxnet_left():
    """What a test has had fail in a thread of MXNet's must not come up in the next one, at a fork."""
    yield
    forget_failures()

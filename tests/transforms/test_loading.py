# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The bytes of an entry's file are read whole, however the system gives them; and what is no file of an image is refused."""

import os

import pytest

from mxnet_im2rec import ImageError
from mxnet_im2rec.transforms.loading import ImageLoader
from mxnet_im2rec.values import ListEntry

CONTENT = bytes(range(256)) * 100


def read(folder, name):
    loader = ImageLoader(root=str(folder), transformations=None, seed=0, color=1, fast_decode=False)
    return loader.read(ListEntry(index=0, labels=(0.0,), path=name, line=1))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def test_a_file_that_comes_in_pieces(folder, monkeypatch):
    plain, sizes = os.read, []

    def read_some(descriptor, size):
        sizes.append(size)
        return plain(descriptor, min(size, 1000))

    monkeypatch.setattr(os, "read", read_some)
    assert read(folder, "file") == CONTENT
    assert len(sizes) == 27  # 26 pieces, and the end


def test_a_file_that_grows_is_read_to_its_end(folder, monkeypatch):
    plain = os.fstat

    def status_before(descriptor):
        status = plain(descriptor)
        with open(folder / "file", "ab") as stream:
            stream.write(CONTENT)
        return status

    monkeypatch.setattr(os, "fstat", status_before)
    assert read(folder, "file") == CONTENT * 2


@pytest.mark.parametrize(
    "name, error, words",
    [
        ("empty", ImageError, "the file is empty"),
        ("folder", IsADirectoryError, "Is a directory"),
        ("pipe", ImageError, "a pipe or a device"),
        ("none", FileNotFoundError, "No such file"),
    ],
)
def test_what_is_refused_leaves_no_descriptor_open(folder, name, error, words):
    before = sorted(os.listdir("/dev/fd"))
    with pytest.raises(error, match=words) as caught:
        read(folder, name)
    assert str(folder / name) in str(caught.value)
    assert sorted(os.listdir("/dev/fd")) == before

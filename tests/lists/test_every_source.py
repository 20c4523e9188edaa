# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What holds for every kind of list: one suite. A new kind is one more function in SOURCES."""

import os

import cv2
import numpy as np
import pytest

import mxnet_im2rec
from mxnet_im2rec import ErrorLimitExceeded, ListEntry, RecordFile, check_list, im2rec, verify
from mxnet_im2rec.lists.open_list import open_list
from mxnet_im2rec.values import Failure, ImageEntry

NUM_IMAGES = 12
LABELS = [float(position % 3) for position in range(NUM_IMAGES)]


def pictures():
    """Of different sizes, each of one colour, so that each can be told from the others."""
    return [
        np.full((20 + position, 30, 3), (20 * position, 255 - 20 * position, 128), np.uint8) for position in range(NUM_IMAGES)
    ]


def png(picture):
    return cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()


def files(folder):
    names = [f"{position:02d}.png" for position in range(NUM_IMAGES)]
    for name, picture in zip(names, pictures()):
        (folder / name).write_bytes(png(picture))
    return names


def list_file(folder):
    lines = [f"{index}\t{LABELS[index]:g}\t{name}\n" for index, name in enumerate(files(folder))]
    (folder / "photos.lst").write_text("".join(lines), encoding="utf-8")
    return open_list(folder / "photos.lst")


def entries(folder):
    names = files(folder)
    return open_list([ListEntry(index, (LABELS[index],), name) for index, name in enumerate(names)], folder)


def triples(folder):
    return open_list([(index, LABELS[index], str(folder / name)) for index, name in enumerate(files(folder))])


def pairs_of_bytes(folder):
    return open_list([(label, png(picture)) for label, picture in zip(LABELS, pictures())])


def pairs_of_arrays(folder):
    return open_list(list(zip(LABELS, pictures())))


def arrays(folder):
    return mxnet_im2rec.from_arrays(np.stack([picture[:20] for picture in pictures()]), LABELS)


def table(folder):
    rows = [f"{name},{LABELS[index]:g}\n" for index, name in enumerate(files(folder))]
    (folder / "photos.csv").write_text("".join(["path,label\n", *rows]), encoding="utf-8")
    return mxnet_im2rec.from_table(folder / "photos.csv")


def dataset_of_pairs(folder):
    return mxnet_im2rec.from_dataset(list(zip(pictures(), LABELS)))


def dataset_of_mappings(folder):
    items = [{"photo": png(picture), "kind": label} for picture, label in zip(pictures(), LABELS)]
    return mxnet_im2rec.from_dataset(items, image="photo", label="kind")


SOURCES = [list_file, entries, triples, pairs_of_bytes, pairs_of_arrays, arrays, table, dataset_of_pairs, dataset_of_mappings]
every_source = pytest.mark.parametrize("make", SOURCES)


def complete(source):
    """The entries, with the labels that workers fetch."""
    found = list(source.entries())
    assert not [entry for entry in found if isinstance(entry, Failure)]
    return found if source.fetch is None else [source.fetch(entry) for entry in found]


@every_source
def test_it_gives_its_entries_twice_and_says_how_many(make, tmp_path):
    source = make(tmp_path)
    first, second = complete(source), complete(source)
    assert source.can_be_read_twice and source.is_unchanged()
    assert source.count() == len(first) == NUM_IMAGES
    assert first == second
    assert [entry.labels for entry in first] == [(label,) for label in LABELS]
    lines = [entry.line for entry in first]
    assert lines == list(range(lines[0], lines[0] + NUM_IMAGES)) and lines[0] in (1, 2)  # a table has a line of names first
    assert len({entry.path for entry in first}) == NUM_IMAGES, "a message must be able to name each image"


@every_source
def test_it_has_the_same_digest_when_it_is_made_again(make, tmp_path):
    assert make(tmp_path).digest == make(tmp_path).digest


@every_source
@pytest.mark.parametrize("num_workers", [0, 2])
def test_what_is_packed_of_it_verifies_against_it(make, num_workers, tmp_path):
    source = make(tmp_path)
    assert check_list(source).ok
    im2rec(source, tmp_path / "out", num_workers=num_workers, encoding=".png", progress=False)
    report = verify(tmp_path / "out.rec", source, progress=False)
    assert report.ok, report
    assert report.lowest_psnr == float("inf")
    with RecordFile(tmp_path / "out.rec") as records:
        assert [record.labels.tolist() for record in records] == [[label] for label in LABELS]
        for record, picture in zip(records, pictures()):
            assert np.array_equal(record.image(), picture[: record.image().shape[0]])


@every_source
def test_verify_finds_another_image_and_another_label(make, tmp_path):
    source = make(tmp_path)
    im2rec(source, tmp_path / "out", num_workers=0, encoding=".png", progress=False)
    with RecordFile(tmp_path / "out.rec") as records:
        found = [(record.index, record.labels, record.content) for record in records]
    found[3], found[4] = (3, found[3][1], found[4][2]), (4, found[4][1] + 1, found[3][2])
    with mxnet_im2rec.IndexedRecordWriter(tmp_path / "other") as writer:
        for index, labels, content in found:
            writer.write(index, labels.tolist(), content)
    problems = verify(tmp_path / "other.rec", source, progress=False).problems
    assert {problem.index for problem in problems} == {3, 4}, problems


@every_source
@pytest.mark.needs_mxnet  # to run a function
def test_a_run_that_failed_goes_on(make, tmp_path):
    source = make(tmp_path)
    im2rec(source, tmp_path / "whole", num_workers=0, batch_size=4, progress=False)

    def fails_once(image):
        if image.shape[0] == 20 + 9 or len(calls) == 9:
            raise RuntimeError("once")
        calls.append(None)
        return image

    calls = []
    with pytest.raises(ErrorLimitExceeded):
        im2rec(source, tmp_path / "out", fails_once, num_workers=0, batch_size=4, progress=False)

    def fails_never(image):
        return image

    fails_never.__qualname__ = fails_once.__qualname__  # by which the journal knows it
    report = im2rec(make(tmp_path), tmp_path / "out", fails_never, num_workers=0, batch_size=4, resume=True, progress=False)
    assert report.num_resumed >= 4
    assert (tmp_path / "out.rec").read_bytes() == (tmp_path / "whole.rec").read_bytes()


@every_source
def test_the_first_label_alone(make, tmp_path):
    source = make(tmp_path)
    im2rec(source, tmp_path / "out", num_workers=0, pack_labels=False, progress=False)
    assert verify(tmp_path / "out.rec", source, pack_labels=False, pixels="none", progress=False).ok


@every_source
def test_another_root_is_refused(make, tmp_path):
    source = make(tmp_path)
    os.makedirs(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="leave it out"):
        im2rec(source, tmp_path / "out", root=tmp_path / "elsewhere")


def test_entries_in_memory_have_names(tmp_path):
    entry = next(iter(pairs_of_arrays(tmp_path).entries()))
    assert isinstance(entry, ImageEntry) and entry.path == "entry 1"
    assert entry._replace(labels=(7.0,)).image is entry.image

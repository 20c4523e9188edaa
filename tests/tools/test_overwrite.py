# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What is there already is replaced only by those who ask for it; and a command says what it has replaced."""

import os
import shutil

import pytest
from photos import PHOTOS, write_list

from mxnet_im2rec import contact_sheet, extract, im2rec, salvage


@pytest.fixture(scope="module")
def dataset(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("dataset")
    write_list(folder / "images.lst", PHOTOS)
    im2rec(folder / "images.lst", folder / "a", root=photos, pass_through=True)
    return folder


@pytest.fixture
def folder(tmp_path, dataset):
    for path in dataset.iterdir():
        shutil.copy(path, tmp_path / path.name)
    return tmp_path


@pytest.mark.parametrize("there", ["out.rec", "out.idx"])
def test_salvage(folder, there):
    (folder / there).write_bytes(b"old")
    with pytest.raises(FileExistsError, match=rf"{there}' is there already; give another name, or overwrite=True"):
        salvage(folder / "a.rec", folder / "out")
    assert (folder / there).read_bytes() == b"old"
    salvage(folder / "a.rec", folder / "out", overwrite=True)
    assert (folder / "out.rec").read_bytes() == (folder / "a.rec").read_bytes()


@pytest.mark.parametrize("end", ["", os.sep])
def test_salvage_into_a_folder_names_the_files_after_the_rec(folder, end):
    (folder / "saved").mkdir()
    report = salvage(folder / "a.rec", f"{folder}/saved{end}")
    assert (report.rec_path, report.idx_path) == (str(folder / "saved" / "a.rec"), str(folder / "saved" / "a.idx"))
    assert sorted(os.listdir(folder / "saved")) == ["a.idx", "a.rec"]


def test_salvage_never_replaces_its_input(folder):
    with pytest.raises(ValueError, match="is the damaged file itself"):
        salvage(folder / "a.rec", folder, overwrite=True)


def test_extract_replaces_an_earlier_extraction(folder):
    extract(folder / "a.rec", folder / "images", by_label=True)
    with pytest.raises(FileExistsError, match=r"images' is not empty; .* overwrite=True"):
        extract(folder / "a.rec", folder / "images")
    report = extract(folder / "a.rec", folder / "images", overwrite=True)
    assert len(os.listdir(folder / "images")) == report.num_images + 1
    (previous,) = folder.glob("images.*.previous")  # nothing is deleted: these may be a user's own photos
    assert sum(path.is_file() for path in previous.rglob("*")) == report.num_images + 1


def test_extract_replaces_no_file_of_the_user(folder):
    extract(folder / "a.rec", folder / "images", by_label=True)
    (folder / "images" / "0" / "diary.txt").write_text("precious")
    with pytest.raises(FileExistsError, match=r"diary\.txt' is in the folder"):
        extract(folder / "a.rec", folder / "images", overwrite=True)
    assert (folder / "images" / "0" / "diary.txt").read_text() == "precious"


def test_extract_that_fails_leaves_the_earlier_extraction(folder):
    extract(folder / "a.rec", folder / "images")
    before = {path.name: path.read_bytes() for path in (folder / "images").iterdir()}
    os.truncate(folder / "a.rec", os.path.getsize(folder / "a.rec") - 8)
    with pytest.raises(ValueError, match="a.rec"):
        extract(folder / "a.rec", folder / "images", overwrite=True)
    assert {path.name: path.read_bytes() for path in (folder / "images").iterdir()} == before
    assert not list(folder.glob("*.previous"))


def test_contact_sheet_replaces_a_picture_unless_it_is_not_to(folder):
    contact_sheet(folder / "a.rec", path=folder / "sheet.png")
    before = (folder / "sheet.png").read_bytes()
    with pytest.raises(FileExistsError, match=r"sheet\.png' is there already; give another name, or overwrite=True"):
        contact_sheet(folder / "a.rec", 1, 1, path=folder / "sheet.png", overwrite=False)
    assert (folder / "sheet.png").read_bytes() == before
    contact_sheet(folder / "a.rec", 1, 1, path=folder / "sheet.png")
    assert (folder / "sheet.png").read_bytes() != before
    contact_sheet(folder / "a.rec", path=folder / "other.png", overwrite=False)
    assert (folder / "other.png").read_bytes() == before

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""relative_path: what it gives opens the same file from the list's folder, through links too."""

import os

import pytest

from mxnet_im2rec.lists.relative import relative_path


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with photos, a folder for lists, and links to folders that lie deeper elsewhere."""
    for folder in ("photos/cats", "lists", "far/away/lists", "far/away/photos"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("photos/cats", "far/away/photos"):
        (tmp_path / folder / "a.jpg").write_bytes(folder.encode())
    (tmp_path / "linked_lists").symlink_to(tmp_path / "far" / "away" / "lists")
    (tmp_path / "linked_photos").symlink_to(tmp_path / "far" / "away" / "photos")
    (tmp_path / "photos" / "linked.jpg").symlink_to(tmp_path / "far" / "away" / "photos" / "a.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("photos/cats/a.jpg", ".", "photos/cats/a.jpg"),
        ("photos/cats/a.jpg", "photos", "cats/a.jpg"),
        ("photos/cats/a.jpg", "lists", "../photos/cats/a.jpg"),
        ("photos/cats/../cats/a.jpg", "lists", "../photos/cats/a.jpg"),
        ("linked_photos/a.jpg", ".", "linked_photos/a.jpg"),
        ("linked_photos/a.jpg", "lists", "../linked_photos/a.jpg"),
        ("linked_photos/a.jpg", "linked_photos", "a.jpg"),
        ("linked_photos/a.jpg", "linked_lists", "../photos/a.jpg"),
        ("photos/cats/a.jpg", "linked_lists", "../../../photos/cats/a.jpg"),
        ("linked_photos/../photos/a.jpg", "lists", "../far/away/photos/a.jpg"),
        ("photos/cats/a.jpg", "linked_lists/../lists", "../../../photos/cats/a.jpg"),
        ("photos/linked.jpg", "linked_lists", "../../../photos/linked.jpg"),
    ],
)
def test_it_opens_the_same_file_from_the_folder(place, path, folder, expected):
    for form in (os.fspath, lambda name: os.path.join(place, name)):
        found = relative_path(form(path), form(folder))
        assert found == expected
        assert os.path.samefile(os.path.join(form(folder), found), path)


def test_a_folder_by_itself_and_what_is_not_there(place):
    assert relative_path("photos", "photos") == "."
    assert relative_path("photos/nosuch.jpg", "lists") == "../photos/nosuch.jpg"
    assert relative_path("photos/nosuch.jpg", "linked_lists") == "../../../photos/nosuch.jpg"

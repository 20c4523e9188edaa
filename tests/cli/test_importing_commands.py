# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``im2rec import``."""

import json
import shutil

import pytest
from commands import call, shell

from mxnet_im2rec.cli import progress


@pytest.fixture
def folder(photos, tmp_path, monkeypatch):
    """The current folder, with photos in `photos` and a table of them beside that."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    rows = {"chelsea.png": "cat", "camera.png": "man", "coffee.png": "cup"}
    for name in rows:
        shutil.copy(photos / name, tmp_path / "photos" / name)
    lines = ["file;breed;age", *(f"photos/{name};{label};{number}" for number, (name, label) in enumerate(rows.items(), 10))]
    (tmp_path / "t.csv").write_text("".join(line + "\n" for line in lines))
    return tmp_path


OPTIONS = ["--path", "file", "--label", "breed", "--sep", ";"]


def lines_of(path):
    return path.read_text("utf-8").splitlines()


def test_import_table_writes_a_list_that_needs_no_root(folder):
    (folder / "lists").mkdir()
    result = call("import", "table", "t.csv", "lists/x", *OPTIONS)
    assert lines_of(folder / "lists" / "x.lst")[0] == "0\t0\t../photos/chelsea.png"
    assert lines_of(folder / "lists" / "x_classes.txt") == ["0\tcat", "1\tcup", "2\tman"]
    assert "3 images listed" in result.stdout
    assert result.stderr == ""
    assert "3 entries" in call("check", "lists/x.lst").stdout
    call("pack", "lists/x.lst", "x", "--workers", "0", "--resize", "32", "-q")
    call("verify", "x.rec", "lists/x.lst", "--pixels", "none", "-q")


def test_import_table_takes_every_option(folder):
    call("import", "table", "t.csv", "x", *OPTIONS[:2], "--label", "age", "--index", "age", "--sep", ";", "--root", "photos")
    assert lines_of(folder / "x.lst")[1].split("\t")[:2] == ["11", "11"]
    assert lines_of(folder / "x.lst")[0].split("\t")[2] == "photos/photos/chelsea.png"
    call("import", "table", "t.csv", "y", *OPTIONS, "--label", "age")
    assert lines_of(folder / "y.lst")[0].split("\t")[1:3] == ["0", "10"]
    (folder / "c.txt").write_text("5\tcat\n6\tcup\n7\tman\n")
    call("import", "table", "t.csv", "z", *OPTIONS, "--classes", "c.txt", "--shuffle", "--seed", "3")
    assert {line.split("\t")[1] for line in lines_of(folder / "z.lst")} == {"5", "6", "7"}
    tabs = (folder / "t.csv").read_text().replace(";", "\t")
    (folder / "t.txt").write_text(tabs)
    call("import", "table", "t.txt", "w", *OPTIONS[:4], "--sep", "\\t", "--train-ratio", "0.34", "--test-ratio", "0.34")
    assert [len(lines_of(folder / f"w_{name}.lst")) for name in ("train", "val", "test")] == [1, 1, 1]


def test_import_as_json(folder):
    (folder / "t.csv").write_text("path,label\na.jpg,cat\n,cat\n")
    found = json.loads(call("import", "table", "t.csv", "x", "--json", code=1).stdout)
    assert found["ok"] is False
    assert found["num_images"] == 1
    assert found["classes"] == [[0, "cat", 1]]
    assert found["failures"][0]["line"] == 3
    found = json.loads(call("import", "table", "t.csv", "x", "--json", "--label", "nosuch", code=2).stdout)
    assert found["ok"] is False
    assert found["error"]["message"].startswith("--label names the column 'nosuch'")


def test_import_exits_1_for_a_row_that_is_no_entry(folder):
    (folder / "t.csv").write_text("path,label\na.jpg,cat\n\x1b[31m.jpg,\n")
    result = call("import", "table", "t.csv", "x", code=1)
    assert "line 3, index 1, '\\x1b[31m.jpg': list: the column 'label' is empty" in result.stdout
    assert lines_of(folder / "x.lst") == ["0\t0\ta.jpg"]


def test_import_replaces_only_on_demand(folder):
    call("import", "table", "t.csv", "x", *OPTIONS)
    said = call("import", "table", "t.csv", "x", *OPTIONS, code=2).stderr
    assert said.startswith("Error: ") and "x.lst' is there already; give another name, or --overwrite to replace it" in said
    assert "note: replaced " in call("import", "table", "t.csv", "x", *OPTIONS, "--overwrite").stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["import"], "Missing command"),
        (["import", "nosuch"], "No such command 'nosuch'"),
        (["import", "table", "nosuch.csv", "x"], "nosuch.csv"),
        (["import", "table", "t.csv"], "PREFIX"),
        (["import", "table", "t.csv", "x", "--train-ratio", "2"], "--train-ratio"),
        (
            ["import", "table", "t.csv", "x", *OPTIONS, "--train-ratio", "0.9", "--test-ratio", "0.9"],
            "--train-ratio and --test-ratio",
        ),
    ],
)
def test_a_call_that_is_wrong(folder, args, said):
    result = call(*args, code=2)
    assert said in result.stderr
    assert result.stdout == ""
    assert list(folder.glob("x*")) == []


def test_import_counts_as_it_reads(folder, monkeypatch):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    assert call("import", "table", "t.csv", "x", *OPTIONS).stderr.splitlines()[-1] == "t.csv: 3 entries"
    assert call("import", "table", "t.csv", "y", *OPTIONS, "-q").stderr == ""


def test_help_of_import_shows_its_formats():
    text = call("import", "--help").stdout
    assert [line.split()[0] for line in text[text.index("Commands:") :].splitlines()[1:]] == ["coco", "voc", "yolo", "table"]


def test_import_check_pack_as_a_shell_calls_them(folder):
    shell("import", "table", "t.csv", "x", *OPTIONS, folder=folder)
    shell("check", "x.lst", folder=folder)
    (folder / "t.csv").write_text("file;breed\n;cat\n")
    out, err = shell("import", "table", "t.csv", "y", *OPTIONS, folder=folder, code=1)
    assert "all 1 entries failed" in err and out == ""

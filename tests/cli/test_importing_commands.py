# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``im2rec import``."""

import json
import shutil

import cv2
import numpy as np
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


def test_import_leaves_out_and_divides_by_group(folder):
    result = call("import", "table", "t.csv", "x", *OPTIONS, "--formats", "jpeg,png", "--min-side", "350", "--max-aspect", "9")
    assert "1 image is left out:\n  'photos/chelsea.png': its shorter side has 300 pixels, less than 350" in result.stdout
    assert len(lines_of(folder / "x.lst")) == 2
    call("import", "table", "t.csv", "y", *OPTIONS, "--group", "age", "--train-ratio", "0.5")
    assert sorted(len(lines_of(folder / f"y_{name}.lst")) for name in ("train", "val")) == [1, 2]
    assert "--formats must be of " in call("import", "table", "t.csv", "z", *OPTIONS, "--formats", "what", code=2).stderr


@pytest.fixture
def boxes(tmp_path, monkeypatch):
    """The current folder, with two images of 50 x 40 and their boxes in every format; the second image has none."""
    monkeypatch.chdir(tmp_path)
    for folder in ("val", "annotations", "JPEGImages", "Annotations", "images", "labels", "elsewhere"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        for folder in ("val", "JPEGImages", "images", "elsewhere"):
            cv2.imwrite(f"{folder}/{name}.jpg", np.zeros((40, 50, 3), np.uint8))
    coco = {
        "images": [{"id": number, "file_name": f"{name}.jpg", "width": 50, "height": 40} for number, name in enumerate("ab")],
        "categories": [{"id": 7, "name": "cat"}, {"id": 9, "name": "dog"}],
        "annotations": [{"id": 1, "image_id": 0, "category_id": 9, "bbox": [10, 10, 20, 20]}],
    }
    (tmp_path / "annotations" / "instances_val.json").write_text(json.dumps(coco))
    box = "<bndbox><xmin>10</xmin><ymin>10</ymin><xmax>30</xmax><ymax>30</ymax></bndbox>"
    for name, objects in (("a", f"<object><name>dog</name><difficult>1</difficult>{box}</object>"), ("b", "")):
        size = "<size><width>50</width><height>40</height><depth>3</depth></size>"
        text = f"<annotation><filename>{name}.jpg</filename>{size}{objects}</annotation>"
        (tmp_path / "Annotations" / f"{name}.xml").write_text(text)
    (tmp_path / "labels" / "a.txt").write_text("1 0.4 0.5 0.4 0.5\n")
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    return tmp_path


FORMATS = {
    "coco": (["annotations/instances_val.json"], "val", "1"),
    "voc": (["Annotations"], "JPEGImages", "0"),  # only the classes that occur are known
    "yolo": (["labels", "--names", "names.txt"], "images", "1"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_import_of_boxes(boxes, name):
    (source, *more), images, label = FORMATS[name]
    result = call("import", name, source, "x", *more)
    labels = ["4", "5", "50", "40", label]
    (line,) = lines_of(boxes / "x.lst")
    assert line.split("\t")[1:6] == labels
    assert [float(each) for each in line.split("\t")[6:10]] == pytest.approx([0.2, 0.25, 0.6, 0.75])
    assert line.split("\t")[10] == f"{images}/a.jpg"
    assert f"{label}\tdog" in lines_of(boxes / "x_classes.txt")
    assert "1 image with 1 object, 0 of them clipped" in result.stdout
    assert "1 image without objects" in result.stdout
    assert f"{label}  dog  1\n" in result.stdout
    assert call("check", "x.lst").stdout.count("error:") == 0
    call("pack", "x.lst", "x", "--workers", "0", "-q")
    call("import", name, source, "y", *more, "--header", "minimal", "--difficult", "--empty", "dummy", "--images", "elsewhere")
    first, second = [line.split("\t") for line in lines_of(boxes / "y.lst")]
    assert first[1:4] == ["2", "6", label]
    assert (first[-1], second[-1]) == ("elsewhere/a.jpg", "elsewhere/b.jpg")
    assert "note: " not in call("import", name, source, "z", *more, "--empty", "error", code=1).stderr
    found = json.loads(call("import", name, source, "w", *more, "--json").stdout)
    assert (found["source_report"]["num_objects"], found["num_images"]) == (1, 1)


def test_import_voc_whose_pixels_count_from_1(boxes):
    call("import", "voc", "Annotations", "x", "--voc-origin", "1", "--header", "minimal")
    (line,) = lines_of(boxes / "x.lst")
    assert float(line.split("\t")[4]) == pytest.approx(9 / 50)


def test_an_option_of_boxes_is_named_as_one_types_it(boxes):
    said = call("import", "coco", "annotations/instances_val.json", "x", "--empty", "error", code=1).stdout
    assert "--empty skip leaves it out" in said
    (boxes / "labels").rename(boxes / "texts")
    (boxes / "images").rename(boxes / "pictures")
    assert "--images" in call("import", "yolo", "texts", "y", "--names", "names.txt", code=2).stderr
    assert "--names" in call("import", "yolo", "texts", "y", code=2).stderr


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
    assert "the only entry failed" in err and out == ""

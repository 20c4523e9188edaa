# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``im2rec list`` and ``im2rec check``."""

import json
import shutil

import pytest
from commands import call, shell

from mxnet_im2rec.cli import progress


@pytest.fixture
def tree(photos, tmp_path):
    """A folder `photos` with two classes, of two and of three photos."""
    for label, names in {"cats": ["chelsea.png", "camera.png"], "space": ["astronaut.png", "rocket.jpg", "coffee.png"]}.items():
        folder = tmp_path / "photos" / label
        folder.mkdir(parents=True)
        for name in names:
            shutil.copy(photos / name, folder / name)
    return tmp_path / "photos"


def lines_of(path):
    return path.read_text("utf-8").splitlines()


def test_list_writes_the_list_and_the_class_table_and_prints_it(tree):
    result = call("list", tree, tree.parent / "all")
    assert len(lines_of(tree.parent / "all.lst")) == 5
    assert lines_of(tree.parent / "all_classes.txt") == ["0\tcats", "1\tspace"]
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["0", "cats", "2"] in rows
    assert ["1", "space", "3"] in rows
    assert result.stderr == ""


def test_list_says_what_to_give_to_pack_where_that_is_needed(tree):
    assert "--root" not in call("list", tree, tree.parent / "all").stdout
    out = call("list", tree, tree.parent / "classic", "--relative-to", tree).stdout
    assert f"the paths in them are relative to {tree}; pack with this as --root\n" in out


def test_list_shows_a_blank_at_the_end_of_an_extension(tree):
    (tree / "cats" / "tom.jpg ").write_text("")
    assert "skipped: 1 '.jpg '\n" in call("list", tree, tree.parent / "all").stdout


def test_list_takes_every_option(tree):
    prefix = tree.parent / "x"
    args = ["--train-ratio", "0.6", "--test-ratio", "0.2", "--no-shuffle", "--seed", "7", "--stratify", "--exts", ".png,jpg"]
    call("list", tree, prefix, *args)
    assert [len(lines_of(tree.parent / f"x_{part}.lst")) for part in ("train", "val", "test")] == [3, 1, 1]
    call("list", tree, prefix, "--chunks", "2", "--exts", ".png", "--exts", ".jpg", "--overwrite")
    assert sum(len(lines_of(tree.parent / f"x_{chunk}.lst")) for chunk in range(2)) == 5
    (tree.parent / "table.txt").write_text("7\tspace\n9\tcats\n")
    call("list", tree, prefix, "--labels", tree.parent / "table.txt", "--overwrite")
    assert {line.split("\t")[1] for line in lines_of(tree.parent / "x.lst")} == {"7", "9"}
    shutil.copy(tree / "cats" / "camera.png", tree / "top.png")
    call("list", tree, prefix, "--flat", "--overwrite")
    assert lines_of(tree.parent / "x.lst") == ["0\t0\tphotos/top.png"]


def test_list_as_json(tree):
    found = json.loads(call("list", tree, tree.parent / "x", "--json").stdout)
    assert found["num_images"] == 5
    assert found["classes"] == [[0, "cats", 2], [1, "space", 3]]
    assert found["ok"] is True


def test_list_counts_as_it_walks(tree, monkeypatch):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    lines = call("list", tree, tree.parent / "x").stderr.splitlines()
    assert lines == [f"{tree}: {count} images" for count in range(1, 6)]
    assert call("list", "-q", tree, tree.parent / "y").stderr == ""


def test_list_replaces_only_on_demand(tree):
    (tree.parent / "x.lst").write_text("mine")
    result = call("list", tree, tree.parent / "x", code=2)
    advice = "give another name, or --overwrite to replace it"
    assert result.stderr == f"Error: {str(tree.parent / 'x.lst')!r} is there already; {advice}\n"
    assert (tree.parent / "x.lst").read_text() == "mine"
    assert not (tree.parent / "x_classes.txt").exists()
    assert call("list", tree, tree.parent / "x", "--overwrite").stderr == f"note: replaced {tree.parent / 'x.lst'}\n"
    assert len(lines_of(tree.parent / "x.lst")) == 5
    said = call("list", tree, tree.parent / "x.lst", "--overwrite").stderr
    assert said == f"note: replaced {tree.parent / 'x.lst'}, {tree.parent / 'x_classes.txt'}\n"
    assert call("list", tree, tree.parent / "x", "--chunks", "5", "--labels", tree.parent / "x_classes.txt").stderr == ""
    said = call("list", tree, tree.parent / "x", "--chunks", "5", "--overwrite").stderr
    names = ", ".join(str(tree.parent / f"x_{chunk}.lst") for chunk in range(3))
    assert said == f"note: replaced {names} and 3 more\n"
    assert call("list", tree, tree.parent / "x", "--overwrite", "-q").stderr == ""


def test_list_exits_1_for_an_image_that_no_list_can_carry(tree):
    shutil.copy(tree / "cats" / "camera.png", tree / "cats" / "line\nfeed \x1b[31m.png")
    result = call("list", tree, tree.parent / "x", code=1)
    assert "\\x1b" in result.stdout
    assert "\x1b" not in result.stdout
    assert len(lines_of(tree.parent / "x.lst")) == 5


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--train-ratio", "2"], 2, "--train-ratio"),
        (["--train-ratio", "0.7", "--test-ratio", "0.7"], 2, "--train-ratio and --test-ratio"),
        (["--chunks", "0"], 2, "--chunks"),
        (["--labels", "nosuch"], 2, "nosuch"),
        (["--exts", ".gif"], 1, "no image"),
        (["--exts", ","], 2, "Error: --exts is empty"),
        (["--chunks", "6"], 1, "no entry"),
    ],
)
def test_list_that_cannot_be_made_leaves_nothing(tree, args, code, said):
    result = call("list", tree, tree.parent / "x", *args, code=code)
    assert said in result.stderr
    assert result.stdout == ""
    assert list(tree.parent.glob("x*")) == []


def write(path, *lines):
    path.write_text("".join(line + "\n" for line in lines), "utf-8")
    return path


def test_check_of_a_good_list(photos):
    result = call("check", photos / "images.lst")
    assert "20 entries" in result.stdout
    assert "error:" not in result.stdout
    assert result.stderr == ""


def test_check_names_the_line_of_every_error(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "bad.lst", "0\t1\tcamera.png", "1\t1\tnosuch.png", "what", "0\t1\tcoffee.png", "5\t1\tb\x1b[31m.jpg")
    result = call("check", "bad.lst", "--root", photos, code=1)
    lines = result.stdout.splitlines()
    assert [line.split(":")[1] for line in lines if ": error: " in line] == ["2", "3", "4", "5"]
    assert lines[0].startswith("bad.lst:2: error: 'nosuch.png': ")
    assert "5 entries" in result.stdout
    assert "\x1b" not in result.stdout


def test_check_shows_every_finding(photos, tmp_path):
    write(tmp_path / "bad.lst", *(f"{index}\t1\tnosuch.png" for index in range(120)), "500\t1\tcamera.png")
    result = call("check", tmp_path / "bad.lst", "--root", photos, code=1)
    assert sum(": error: " in line for line in result.stdout.splitlines()) == 120


def test_check_says_how_many_findings_it_does_not_show(photos, tmp_path):
    write(tmp_path / "bad.lst", *(f"{index}\t1\tnosuch.png" for index in range(1203)), "5000\t1\tcamera.png")
    assert "... and 203 more" in call("check", tmp_path / "bad.lst", "--root", photos, code=1).stdout


def test_check_takes_every_option(photos, tmp_path):
    write(tmp_path / "x.lst", "0\t1\t2\tcamera.png", "1\t1\trocket.jpg")
    wide = json.loads(call("check", tmp_path / "x.lst", "--root", photos, "--json", "--threads", "1").stdout)
    assert wide["label_widths"] == {"2": 1, "1": 1}
    narrow = json.loads(
        call("check", tmp_path / "x.lst", "--root", photos, "--json", "--no-pack-labels", "--pass-through").stdout
    )
    assert narrow["label_widths"] == {"1": 2}
    assert narrow["ok"] is True


def test_check_in_terms_of_the_command_line(photos, tmp_path):
    (tmp_path / "picture.webp").write_bytes(b"RIFF\x1a\0\0\0WEBPVP8L" + bytes(14))
    write(tmp_path / "x.lst", "0\t1\tpicture.webp")
    for args in ([], ["--json"]):
        assert "pack it without --pass-through" in call("check", tmp_path / "x.lst", "--pass-through", *args, code=1).stdout


def test_check_has_no_more_threads_than_the_machine_bears(photos, monkeypatch):
    def look(*args):
        raise AssertionError("it began")

    monkeypatch.setattr("mxnet_im2rec.lists.check._look_at_all", look)
    monkeypatch.setattr("mxnet_im2rec.arguments.usable_cpus", lambda: 2)
    said = "--threads must be at most 64 here, not 100000; the CPUs that there are to use: 2"
    assert said in call("check", photos / "images.lst", "--threads", "100000", code=2).stderr


def test_check_as_json_has_the_findings(photos, tmp_path):
    write(tmp_path / "bad.lst", "0\t1\tcamera.png", "1\t1\tnosuch.png")
    found = json.loads(call("check", tmp_path / "bad.lst", "--root", photos, "--json", code=1).stdout)
    assert found["ok"] is False
    assert [(each["line"], each["severity"]) for each in found["findings"] if each["line"]] == [(2, "error")]


def test_check_shows_its_progress(photos, monkeypatch):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    lines = call("check", photos / "images.lst").stderr.splitlines()
    assert lines[-1].endswith("images.lst: 20 of 20 entries")


def test_list_check_pack_as_a_shell_calls_them(tree):
    folder = tree.parent
    shell("list", "photos", "photos", folder=folder)
    shell("check", "photos.lst", folder=folder)
    (tree / "cats" / "camera.png").unlink()
    out, err = shell("check", "photos.lst", folder=folder, code=1)
    assert "camera.png" in out
    assert err == ""


def test_list_by_regular_expressions_and_filters(tree):
    prefix = tree.parent / "x"
    out = call("list", tree, prefix, "--label-from", "^cats", "--exts", ".PNG", code=1).stdout
    assert "\n2 left out:\n  'space/astronaut.png': '^cats' finds no class in its path\n" in out
    out = call(
        "list", tree, prefix, "--label-from", "[^/]*(?=/)", "--group-from", "^cats|^space", "--chunks", "2", "--overwrite"
    ).stdout
    assert "0 has 60.0% of the images in place of 50.0%" in out
    assert "1 lacks: space\n" in out
    small = json.loads(call("list", tree, prefix, "--formats", "png", "--min-side", "2", "--overwrite", "--json").stdout)
    assert (small["num_images"], small["num_filtered"], small["ok"]) == (4, 1, True)
    assert small["filtered"] == [["space/rocket.jpg", "its format is JPEG"]]
    assert "--label-from must be a regular expression" in call("list", tree, prefix, "--label-from", "(", code=2).stderr
    assert "--formats must be of avif" in call("list", tree, prefix, "--formats", "jpgg", code=2).stderr


def test_list_as_json_has_the_counts_of_each_list(tree):
    args = "--train-ratio", "0.4", "--no-shuffle"
    found = json.loads(call("list", tree, tree.parent / "x", *args, "--json").stdout)
    assert found["counts"] == [[2, 0], [0, 3]]
    assert found["lacking"] == {"train": ["space"], "val": ["cats"]}


def test_a_quiet_list_prints_no_class(tree):
    result = call("list", "-q", tree, tree.parent / "x", "--exts", ".PnG,.JPG")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["5", str(tree.parent / "x.lst"), "classes,"]
    assert result.stderr == ""


def test_check_asks_about_the_root_where_not_one_image_is_there(tree):
    folder = tree.parent
    call("list", tree, folder / "x")
    result = call("check", folder / "x.lst", "--root", tree, code=1)
    first = lines_of(folder / "x.lst")[0].split("\t")[2]
    asked = f"is the root {str(tree)!r} right? With --root {folder} {first!r} is there"
    found = f"of 5 images not one is there: {first!r} was looked for at {str(tree / first)!r}; {asked}"
    assert result.stdout.splitlines()[0] == f"{folder / 'x.lst'}:1: error: {found}".replace("x.lst:1:", "x.lst:")
    assert result.stdout.count("error:") == 1
    assert "5 entries" in result.stdout and "5 errors" in result.stdout
    assert call("check", folder / "x.lst").stderr == ""

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``im2rec verify``, ``info``, ``view``, ``extract``, ``index`` and ``salvage``."""

import json
import shutil

import cv2
import pytest
from commands import call, shell

from mxnet_im2rec import RecordFile


@pytest.fixture(scope="module")
def packed(photos, tmp_path_factory):
    """A small dataset of real photos, packed by the command."""
    folder = tmp_path_factory.mktemp("packed")
    call("pack", photos / "images.lst", folder / "photos", "--resize", "64", "--workers", "0")
    return folder / "photos.rec"


@pytest.fixture
def mine(packed, tmp_path):
    """A copy of the dataset, to break."""
    for extension in (".rec", ".idx"):
        shutil.copy(packed.with_suffix(extension), tmp_path / f"mine{extension}")
    return tmp_path / "mine.rec"


def damage(rec):
    with RecordFile(rec) as records:
        offset = records[2].offset
    data = bytearray(rec.read_bytes())
    data[offset : offset + 4] = b"oops"
    rec.write_bytes(data)


def test_verify_of_a_sound_dataset(packed, photos):
    assert "no problem" in call("verify", packed).stdout
    args = [photos / "images.lst", "--root", photos, "--resize", "64", "--pixels", "sample", "--workers", "0", "--json"]
    found = json.loads(call("verify", packed, *args).stdout)
    assert found["ok"] is True
    assert found["num_records"] == 20
    assert found["lowest_psnr"] > 20


def test_verify_takes_every_option(packed, photos):
    args = ["--idx", packed.with_suffix(".idx"), "--num-records", "20", "--timeout", "60", "--min-psnr", "10", "--seed", "1"]
    call("verify", packed, photos / "images.lst", *args, "--color", "1", "--no-pack-labels", "--fast-decode", "--pixels", "none")


def test_verify_exits_1_for_a_problem(mine, photos):
    result = call("verify", mine, photos / "images.lst", "--pixels", "none", "--num-records", "21", "--json", code=1)
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert found["num_problems"] == 1
    assert result.stderr == ""
    damage(mine)
    assert "problems:" in call("verify", mine, "--pixels", "none", code=1).stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--root", "."], "LIST"),
        (["--resize", "64"], "LIST"),
        (["--sources"], "LIST"),
        (["--pixels", "some"], "--pixels"),
        (["nosuch.lst"], "nosuch.lst"),
        ([__file__, "my photos"], "the folder of the list's images is an option: --root 'my photos'"),
        (["--timeout", "0"], "timeout"),
        (["--workers", "-1"], "--workers"),
    ],
)
def test_verify_called_wrongly(packed, args, said):
    assert said in call("verify", packed, *args, code=2).stderr


def test_verify_names_the_options_of_transforms_that_are_missing(packed, photos):
    said = call("verify", packed, photos / "images.lst", "--root", photos, "--workers", "0", code=1).stdout
    assert "other --resize, --short-edge, --center-crop, --transforms or another --color than in packing" in said
    own = ["--transforms", f"{__file__}:as_it_is"]
    said = call("verify", packed, photos / "images.lst", "--root", photos, "--workers", "0", *own, code=1).stdout
    assert "other --transforms or another --color than in packing" in said


def as_it_is(image):
    return image


def test_info_as_text_and_as_json(packed):
    text = call("info", packed).stdout
    assert "20 records" in text
    found = json.loads(call("info", packed, "--json", "--idx", packed.with_suffix(".idx")).stdout)
    assert found["num_images"] == 20
    assert found["formats"] == {"JPEG": 20}
    assert found["sizes"] == {"64x64": 20}
    assert found["label_histogram"] == {"0": 7, "1": 7, "2": 6}


def test_info_draws(packed, tmp_path):
    pytest.importorskip("matplotlib")
    call("info", packed, "--plot", tmp_path / "plot.png")
    assert cv2.imread(str(tmp_path / "plot.png")) is not None
    said = call("info", packed, "--plot", tmp_path / "plot.what", code=2).stderr
    assert said.startswith("Error: --plot must end in one of")
    assert "plot.what" in said


def test_what_is_no_record_file(photos, tmp_path):
    result = call("info", photos / "images.lst", code=1)
    assert "images.lst" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    found = json.loads(call("info", photos / "images.lst", "--json", code=1).stdout)
    assert found["ok"] is False
    assert found["error"]["type"] == "RecordFormatError"


def test_view_draws_the_picture(packed, tmp_path):
    args = ["--rows", "2", "--columns", "3", "--seed", "3", "--label", "1", "--cell", "64", "--idx", packed.with_suffix(".idx")]
    said = call("view", packed, tmp_path / "sheet.png", *args).stdout
    height, width = cv2.imread(str(tmp_path / "sheet.png")).shape[:2]
    assert said == f"{tmp_path / 'sheet.png'}: {width:,} x {height:,} pixels\n"


def test_view_and_index_as_json(packed, mine, tmp_path):
    found = json.loads(call("view", packed, tmp_path / "sheet.png", "--rows", "1", "--columns", "2", "--json").stdout)
    height, width = cv2.imread(str(tmp_path / "sheet.png")).shape[:2]
    assert found == {"path": str(tmp_path / "sheet.png"), "width": width, "height": height}
    found = json.loads(call("index", mine, tmp_path / "new.idx", "--json").stdout)
    assert found == {"idx_path": str(tmp_path / "new.idx"), "num_records": 20}


def test_advice_is_a_command_that_can_be_typed(mine, photos):
    damage(mine)
    assert f"im2rec salvage {mine} OUTPUT keeps what is whole" in call("info", mine, code=1).stderr
    for args in ([], ["--json"]):
        said = call("verify", mine, "--pixels", "none", *args, code=1).stdout
        assert "im2rec salvage REC OUTPUT saves the whole records" in said
        assert "no LIST was given" in said and "--pixels none" in said
        assert "mxnet_im2rec" not in said and "list_file" not in said
    mine.with_suffix(".idx").unlink()
    said = call("verify", mine, photos / "images.lst", "--pixels", "none", code=1).stdout
    assert "no --root was given" in said
    mine.with_suffix(".idx").write_text("what\n")
    assert "im2rec index" in call("view", mine, "x.png", code=1).stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["x.gif"], "OUTPUT.png must be that of a .png, .jpg or .jpeg, not 'x.gif'"),
        (["x.png", "--label", "77"], "label"),
        (["x.png", "--rows", "0"], "--rows"),
        ([], "OUTPUT.png"),
    ],
)
def test_view_called_wrongly(packed, tmp_path, monkeypatch, args, said):
    monkeypatch.chdir(tmp_path)
    assert said in call("view", packed, *args, code=2).stderr
    assert list(tmp_path.iterdir()) == []


def test_view_replaces_a_picture_only_on_demand_and_says_so(packed, tmp_path):
    sheet = tmp_path / "sheet.png"
    sheet.write_bytes(b"mine")
    said = call("view", packed, sheet, code=2).stderr
    assert said == f"Error: {str(sheet)!r} is there already; give another name, or --overwrite to replace it\n"
    assert sheet.read_bytes() == b"mine"
    assert call("view", packed, sheet, "--overwrite").stderr == f"note: replaced {sheet}\n"
    assert cv2.imread(str(sheet)) is not None
    assert call("view", packed, tmp_path / "other.png", "--overwrite").stderr == ""


def test_info_replaces_a_picture_only_on_demand_and_says_so(packed, tmp_path):
    pytest.importorskip("matplotlib")
    plot = tmp_path / "plot.png"
    plot.write_bytes(b"mine")
    said = call("info", packed, "--plot", plot, code=2).stderr
    assert said == f"Error: {str(plot)!r} is there already; give another name, or --overwrite to replace it\n"
    assert plot.read_bytes() == b"mine"
    assert call("info", packed, "--plot", plot, "--overwrite").stderr == f"note: replaced {plot}\n"
    assert cv2.imread(str(plot)) is not None


def test_extract_and_pack_again_give_the_same(packed, tmp_path):
    found = json.loads(call("extract", packed, tmp_path / "out", "--json").stdout)
    assert found["num_images"] == 20
    call("pack", found["list_path"], tmp_path / "again", "--pass-through")
    assert (tmp_path / "again.rec").read_bytes() == packed.read_bytes()


def test_extract_by_label(packed, tmp_path):
    assert "20 images" in call("extract", packed, tmp_path / "out", "--by-label", "--idx", packed.with_suffix(".idx")).stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0", "1", "2", "images.lst"]
    assert "not empty" in call("extract", packed, tmp_path / "out", code=2).stderr


def test_index_is_made_again(mine):
    expected = mine.with_suffix(".idx").read_bytes()
    mine.with_suffix(".idx").unlink()
    assert call("index", mine).stdout.strip() == str(mine.with_suffix(".idx"))
    assert mine.with_suffix(".idx").read_bytes() == expected
    assert call("index", mine).stderr == f"note: replaced {mine.with_suffix('.idx')}\n"
    assert call("index", mine, mine.with_name("other.idx")).stderr == ""
    assert call("index", mine, mine.with_name("other.idx")).stderr == f"note: replaced {mine.with_name('other.idx')}\n"
    assert mine.with_name("other.idx").read_bytes() == expected
    assert "itself" in call("index", mine, mine, code=2).stderr


def test_index_of_a_damaged_file(mine):
    damage(mine)
    assert "byte" in call("index", mine, code=1).stderr


def test_salvage_exits_1_only_if_something_is_lost(mine, tmp_path):
    assert "nothing is lost" in call("salvage", mine, tmp_path / "saved").stdout
    damage(mine)
    assert "--overwrite" in call("salvage", mine, tmp_path / "saved", code=2).stderr
    done = call("salvage", mine, tmp_path / "saved", "--overwrite", "--json", code=1)
    assert f"note: replaced {tmp_path / 'saved.rec'}\n" in done.stderr
    found = json.loads(done.stdout)
    assert found["ok"] is False
    assert found["num_records"] == 19
    assert len(found["lost"]) == 1
    assert "itself" in call("salvage", mine, mine, code=2).stderr


def test_the_reading_side_as_a_shell_calls_it(packed, tmp_path):
    out, err = shell("info", packed, "--json", folder=tmp_path)
    assert json.loads(out)["num_records"] == 20
    assert err == ""
    out, err = shell("view", packed, "sheet.png", folder=tmp_path)
    assert out.startswith("sheet.png: ")
    assert err == ""


def test_names_go_from_the_folders_through_every_command(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, source in (("cats/tom.jpg", "chelsea.png"), ("dogs/rex.jpg", "rocket.jpg")):
        (tmp_path / "photos" / name).parent.mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "photos" / name), cv2.imread(str(photos / source)))
    call("list", "photos", "photos")
    found = json.loads(call("pack", "photos.lst", "out", "--sidecar", "--pass-through", "--json").stdout)
    (report,) = found["reports"]
    assert report["classes_path"] == str(tmp_path / "out.classes.txt")
    assert report["sources_path"] == str(tmp_path / "out.sources.tsv")
    assert "0 cats" in call("info", "out.rec").stdout
    (tmp_path / "others.txt").write_text("tigers\nwolves\n")
    assert "1 wolves" in call("info", "out.rec", "--classes", "others.txt").stdout
    assert json.loads(call("info", "out.rec", "--json").stdout)["class_names"] == {"0": "cats", "1": "dogs"}
    for name, more in (("a.png", []), ("b.png", ["--classes", "others.txt"])):
        call("view", "out.rec", name, *more)
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    call("extract", "out.rec", "files")
    assert (tmp_path / "files" / "photos" / "cats" / "tom.jpg").is_file()
    call("extract", "out.rec", "by_label", "--by-label", "--classes", "others.txt")
    assert {path.name for path in (tmp_path / "by_label").iterdir()} == {"tigers", "wolves", "images.lst"}
    wrong = call("extract", "out.rec", "again", "--by-label", "--sources", "out.sources.tsv", code=2).stderr
    assert "--sources gives the files their old names, --by-label gives them others" in wrong

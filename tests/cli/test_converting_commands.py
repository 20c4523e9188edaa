# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``im2rec convert`` and ``shuffle``."""

import json

import pytest
from commands import call

from mxnet_im2rec import IndexedRecordWriter, RecordFile, convert, shuffle


@pytest.fixture
def faces(tmp_path):
    with IndexedRecordWriter(tmp_path / "in") as writer:
        for index in range(10):
            writer.write(index, index % 3, b"image %d" % index)
    return tmp_path


def files(folder, name):
    return (folder / f"{name}.rec").read_bytes(), (folder / f"{name}.idx").read_bytes()


def test_convert_there_and_back(faces):
    said = call("convert", faces / "in.rec", faces / "faces", "--to", "insightface")
    assert "14 records" in said.stdout and str(faces / "faces.rec") in said.stdout
    assert (faces / "property").read_text() == "3,112,112\n"
    assert "warning: the images of" in said.stderr  # which are no images, so that they have no size
    call("convert", faces / "faces.rec", faces / "plain", "--to", "plain", "--seed", "5")
    convert(faces / "faces.rec", faces / "expected", "plain", seed=5)
    assert files(faces, "plain") == files(faces, "expected")


def test_shuffle(faces):
    found = json.loads(call("shuffle", faces / "in.rec", faces / "out", "--seed", "3", "--json").stdout)
    assert (found["num_records"], found["rec_path"]) == (10, str(faces / "out.rec"))
    shuffle(faces / "in.rec", faces / "expected", 3)
    assert files(faces, "out") == files(faces, "expected")


def test_what_is_there_is_replaced_with_overwrite_alone(faces):
    (faces / "faces").mkdir()
    for command in (["convert", "--to", "plain"], ["shuffle"]):
        args = [*command, faces / "in.rec", faces / "faces"]
        call(*args)
        said = call(*args, code=2).stderr
        assert "in.rec' is there already; give another name, or --overwrite to replace it" in said
        assert "note: replaced" in call(*args, "--overwrite").stderr
        (faces / "faces" / "in.rec").unlink()
        (faces / "faces" / "in.idx").unlink()


def test_the_layout_is_required_and_known(faces):
    for args in ([], ["--to", "webface"]):
        assert "--to" in call("convert", faces / "in.rec", faces / "out", *args, code=2).stderr


def test_insightface_s_layout_is_not_shuffled(faces):
    call("convert", faces / "in.rec", faces / "faces", "--to", "insightface")
    said = call("shuffle", faces / "faces.rec", faces / "out", code=2).stderr
    assert f"im2rec convert {faces / 'faces.rec'} OUTPUT with --to plain shuffles it" in said


def test_other_labels(faces):
    with IndexedRecordWriter(faces / "odd") as writer:
        writer.write(0, 0.5, b"image")
    said = call("convert", faces / "odd.rec", faces / "out", "--to", "plain", code=1).stderr
    assert "odd.rec', byte 0: expected of the record of index 0 one label" in said
    assert len(said.splitlines()) == 1


def test_damage_names_the_command_that_saves_the_rest(faces):
    with RecordFile(faces / "in.rec") as records:
        offset = records[3].offset
    data = bytearray((faces / "in.rec").read_bytes())
    data[offset] ^= 1
    (faces / "in.rec").write_bytes(data)
    for command in (["convert", "--to", "insightface"], ["shuffle"]):
        said = call(*command, faces / "in.rec", faces / "out", code=1).stderr
        assert f"im2rec salvage {faces / 'in.rec'} OUTPUT keeps what is whole" in said
    assert not list(faces.glob("out*"))

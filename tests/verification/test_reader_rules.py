# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""verify(reader=...): what the reader that will train stumbles on. Where a reader is there, it must stumble on the same.

MXNet's readers are there. What InsightFace's MXFaceDataset and GluonCV's RecordFileDetection do with MXNet is done here too.
"""

import inspect
import json
import re
import shutil
import struct
from dataclasses import replace

import cv2
import mxnet as mx
import numpy as np
import pytest
from commands import call
from helpers import run_script
from test_verify import png, write

from mxnet_im2rec import verify
from mxnet_im2rec.cli import reading
from mxnet_im2rec.recordio.frames import MAGIC
from mxnet_im2rec.storage.filebuffer import FileBuffer
from mxnet_im2rec.verification.collecting import ProblemCollector
from mxnet_im2rec.verification.reader_rules import READERS
from mxnet_im2rec.verification.structure import check_structure


def jpeg(height=112, width=112, seed=0, channels=3):
    image = np.random.RandomState(seed).randint(0, 256, (height, width, channels)).astype(np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes()


def dataset(folder, contents, name="train"):
    """A dataset in a folder of its own; contents are (labels, image), of the index 0, 1, ..., or (index, labels, image)."""
    records = [(number, *content) if len(content) == 2 else content for number, content in enumerate(contents)]
    (folder / "alone").mkdir()
    return write(folder / "alone" / name, records)


def for_reader(rec_path, reader):
    """What verify() finds for a reader: the messages of its problems, and its notes."""
    report = verify(rec_path, pixels="none", reader=reader)
    return [str(problem) for problem in report.problems if problem.layer == "for"], report.notes


BOX = [0, 0.1, 0.1, 0.5, 0.5]
ONE, TWO = [2, 5, *BOX], [2, 5, *BOX, *BOX]
SIX = [2, 6, *BOX, 0]
IMAGE = jpeg()
NONE = b""

# The readers that are there, in a child process, since MXNet's crash. Each gives the labels of all images, or fails.

ORACLES = """
import json, numbers
import mxnet as mx
import numpy as np

def imagerecorditer(rec, idx, width):
    options = dict(path_imgrec=rec, path_imgidx=idx, label_width=width, data_shape=(3, 8, 8), batch_size=1)
    return [batch.label[0].asnumpy().ravel().tolist() for batch in mx.io.ImageRecordIter(**options)]

def imagedetiter(rec, idx, width):
    iterator = mx.image.ImageDetIter(1, (3, 16, 16), path_imgrec=rec, path_imgidx=idx)
    return [batch.label[0].asnumpy()[0].tolist() for batch in iterator]

def imagedetrecorditer(rec, idx, width):
    iterator = mx.io.ImageDetRecordIter(path_imgrec=rec, data_shape=(3, 16, 16), batch_size=1)
    return [batch.label[0].asnumpy()[0].tolist() for batch in iterator]

def arcface(rec, idx, width):
    records = mx.recordio.MXIndexedRecordIO(idx, rec, "r")
    first, _ = mx.recordio.unpack(records.read_idx(0))
    keys = list(records.keys) if not first.flag else list(range(1, int(first.label[0]))) if int(first.label[1]) >= 0 else None
    found, shapes = [], set()
    for key in keys:
        header, image = mx.recordio.unpack(records.read_idx(key))
        label = header.label if isinstance(header.label, numbers.Number) else header.label[0]
        shapes.add(mx.image.imdecode(image).shape)
        found.append(int(label))
    assert len(shapes) < 2, shapes
    return found

def gluoncv(rec, idx, width):
    found = []
    for image, label in mx.gluon.data.vision.ImageRecordDataset(rec):
        label = np.array(label).ravel()
        start, each = int(label[0]), int(label[1])
        assert each >= 5 and len(label) >= start + 5 and (len(label) - start) % each == 0
        found.append(label[start:].tolist())
    return found

print(json.dumps(CALL))
"""


def read_by(reader, rec_path, folder, width=1):
    """The labels that a reader gives, or None if it fails or crashes."""
    call = f"{reader}({str(rec_path)!r}, {str(rec_path.with_suffix('.idx'))!r}, {width})"
    code, out, err = run_script(ORACLES.replace("CALL", call), folder, is_warm=True)
    assert "NameError" not in err and "SyntaxError" not in err, err
    return json.loads(out.splitlines()[-1]) if code == 0 else None


SOUND = {  # for the readers with an oracle: datasets on which they do not stumble, and the labels that they give
    "imagerecorditer": ([([3], IMAGE), ([4], IMAGE)], [[3.0], [4.0]]),
    "imagedetiter": ([(TWO, IMAGE), (ONE, IMAGE)], 2),
    "imagedetrecorditer": ([(TWO, IMAGE), (ONE, IMAGE)], 2),
    "arcface": ([([3], IMAGE), ([4], IMAGE)], [3, 4]),
    "arcface, several labels, one of key 0": ([([3], IMAGE), ([4, 7], IMAGE)], [3, 4]),
    "arcface, a header": ([([3, 4], NONE), ([0, 1], IMAGE), ([0, 1], IMAGE), ([1, 3], NONE)], [0, 0]),
    "gluoncv": ([(TWO, IMAGE), (SIX, IMAGE)], 2),
}


@pytest.mark.parametrize("case", list(SOUND))
def test_a_reader_reads_what_is_sound_for_it(tmp_path, case):
    contents, labels = SOUND[case]
    oracle = case.split(",")[0]
    rec_path = dataset(tmp_path, contents)
    assert for_reader(rec_path, oracle.replace("detrecord", "det"))[0] == []
    found = read_by(oracle, rec_path, tmp_path)
    assert (len(found) if isinstance(labels, int) else found) == labels


STUMBLES = {  # a dataset on which a reader stumbles, what verify() says, and what the reader gives: None if it fails
    "imagerecorditer, several numbers of labels": ([([3], IMAGE), ([4, 5], IMAGE)], "are 1 in 1 record, 2 in 1 record", None),
    "imagerecorditer, boxes": ([(ONE, IMAGE), (TWO, IMAGE), (ONE, IMAGE)], "ImageDetIter read labels for detection", None),
    "imagerecorditer, no image": ([([3], IMAGE), ([3], NONE)], "record 1, index 1: ImageRecordIter needs an image", None),
    "imagedetiter, one label": ([([3], IMAGE), ([3], IMAGE)], "record 0, index 0: no header of detection labels", None),
    "imagedetiter, no object": ([(ONE, IMAGE), ([2, 5], IMAGE)], "record 1, index 1: it has no object", None),
    "imagedetiter, no real object": ([(ONE, IMAGE), ([2, 5, *[-1] * 5], IMAGE)], "object 1 has the box -1, -1", None),
    "imagedetiter, 8 numbers": ([(ONE, IMAGE), ([*ONE, 1], IMAGE)], "which does not add up to its 8 labels", None),
    "imagedetiter, object lost": ([([*ONE, 1, 0.5, 0.5, 0.4, 0.6], IMAGE)], "leaves the object out without a word", [[BOX]]),
    "imagedetiter, two widths": ([(ONE, IMAGE), (ONE, IMAGE), (SIX, IMAGE)], "5 in 2 records, 6 in 1 record", None),
    "imagedetiter, no image": ([(ONE, IMAGE), (ONE, NONE)], "ImageDetIter needs an image", None),
    "imagedetrecorditer, no object": ([(ONE, IMAGE), ([2, 5], IMAGE)], "it has no object", None),
    "arcface, no key 0": ([(1, [3], IMAGE), (2, [3], IMAGE)], "the record of key 0 first, and there is none", None),
    "arcface, labels": ([([3, 1], IMAGE)] * 5, "reads the keys 1 to 2 alone; 3 of 5 images are lost", [3, 3]),
    "arcface, labels of class 0": ([([0, 1], IMAGE)] * 5, "reads no image; 5 of 5 images are lost", []),
    "arcface, one label in a list": ([([3], IMAGE)] * 5, "1 label behind its header", None),
    "arcface, header cut short": (
        [([2, 9], NONE), ([0], IMAGE), ([0], IMAGE)],
        "keys 1 to 1, as the header record says; 1 of 2",
        [0],
    ),
    "arcface, no image": ([([3], IMAGE), ([3], NONE)], "record 1, index 1: arcface_torch takes this record for an image", None),
    "arcface, no class": ([([3], IMAGE), ([3.75], IMAGE)], "cuts off the rest: 3.75", [3, 3]),
    "arcface, two sizes": (
        [([3], IMAGE), ([3], jpeg(100, 112))],
        "the image has 100 x 112 pixels, the first one 112 x 112",
        None,
    ),
    "gluoncv, one label": ([([3], IMAGE)], "RecordFileDetection fails there", None),
    "gluoncv, no object": ([(ONE, IMAGE), ([2, 5], IMAGE)], "record 1, index 1: it has no object", None),
    "gluoncv, no image": ([(ONE, IMAGE), (ONE, NONE)], "RecordFileDetection needs an image", None),
}


@pytest.mark.parametrize("case", list(STUMBLES))
def test_verify_says_what_a_reader_stumbles_on(tmp_path, case):
    contents, said, given = STUMBLES[case]
    oracle = case.split(",")[0]
    rec_path = dataset(tmp_path, contents)
    if "in a list" in case:  # with a flag of 1, as MXNet writes it
        records = [(number, np.array(labels), image) for number, (labels, image) in enumerate(contents)]
        shutil.rmtree(tmp_path / "alone")
        rec_path = with_flags(tmp_path, records)
    found, _ = for_reader(rec_path, oracle.replace("detrecord", "det"))
    assert any(said in message for message in found), found
    labels = read_by(oracle, rec_path, tmp_path, max(len(content[-2]) for content in contents))
    assert np.array(labels).shape == np.array(given).shape and np.allclose(labels, given) if given else labels == given


def with_flags(folder, records):
    (folder / "alone").mkdir()
    writer = mx.recordio.MXIndexedRecordIO(str(folder / "alone" / "train.idx"), str(folder / "alone" / "train.rec"), "w")
    for index, labels, image in records:
        writer.write_idx(index, mx.recordio.pack(mx.recordio.IRHeader(0, labels, index, 0), image))
    writer.close()
    return folder / "alone" / "train.rec"


@pytest.mark.parametrize("character", "#?;")
def test_a_path_that_imagerecorditer_cannot_open(tmp_path, character):
    rec_path = dataset(tmp_path, [([3], IMAGE)], f"a{character}b")
    found, notes = for_reader(rec_path, "imagerecorditer")
    assert (
        f"cannot open this path, which holds {character!r}" in found[0] and read_by("imagerecorditer", rec_path, tmp_path) is None
    )
    boxes = write(rec_path.with_name(f"c{character}d"), [(0, ONE, IMAGE)])
    found, notes = for_reader(boxes, "imagedetiter")
    assert found == [] and any("ImageDetRecordIter cannot open" in note for note in notes)
    assert len(read_by("imagedetiter", boxes, tmp_path)) == 1 and read_by("imagedetrecorditer", boxes, tmp_path) is None


def test_gluoncv_opens_the_idx_beside_the_rec(tmp_path):
    rec_path = dataset(tmp_path, [(ONE, IMAGE)])
    shutil.move(str(rec_path.with_suffix(".idx")), str(tmp_path / "other.idx"))
    report = verify(rec_path, pixels="none", idx_path=tmp_path / "other.idx", reader="gluoncv")
    assert [problem.layer for problem in report.problems] == ["for"] and "opens the .idx beside" in str(report)
    assert read_by("gluoncv", rec_path, tmp_path) is None


def test_a_label_width_is_a_note(tmp_path):
    rec_path = dataset(tmp_path, [([3, 4], IMAGE), ([5, 6], IMAGE)])
    found, notes = for_reader(rec_path, "imagerecorditer")
    assert found == [] and any("give ImageRecordIter label_width=2" in note for note in notes)
    assert read_by("imagerecorditer", rec_path, tmp_path) is None
    assert read_by("imagerecorditer", rec_path, tmp_path, 2) == [[3.0, 4.0], [5.0, 6.0]]


# Readers that are not there


@pytest.mark.parametrize("reader", list(READERS))
def test_no_reader_stumbles_on_what_it_is_for(tmp_path, reader):
    labels = ONE if reader in ("imagedetiter", "gluoncv") else [0]
    rec_path = dataset(tmp_path, [(labels, jpeg(seed=index)) for index in range(5)])
    report = verify(rec_path, reader=reader)
    assert report.ok, str(report)


FACES = [([3, 4], NONE), ([0, 1], IMAGE), ([0, 1], IMAGE), ([1, 3], NONE)]


@pytest.mark.parametrize("reader", sorted(set(READERS) - {"arcface"}))
def test_records_without_an_image_are_for_insightface_alone(tmp_path, reader):
    found, _ = for_reader(dataset(tmp_path, FACES), reader)
    assert "record 0, index 0: " in found[0] and "needs an image in every record" in found[0]
    assert "convert InsightFace's layout to the plain one" in found[0]
    assert "record 3, index 3: " in found[1]


def test_arcface_has_notes_on_sizes_names_and_several_labels(tmp_path):
    rec_path = dataset(tmp_path, [([0], jpeg(100, 100)), ([0, 1], jpeg(100, 100))], "faces")
    found, notes = for_reader(rec_path, "arcface")
    assert found == [] and any("the images have 100 x 100 pixels" in note for note in notes)
    assert any("opens train.rec and train.idx" in note for note in notes)
    assert any("1 image has several labels, on which arcface_torch raises TypeError" in note for note in notes)


def test_dali_needs_an_idx_and_has_a_note_on_labels(tmp_path):
    rec_path = dataset(tmp_path, [([0], IMAGE), ([0, 1], IMAGE)])
    rec_path.with_suffix(".idx").unlink()
    found, notes = for_reader(rec_path, "dali")
    assert ["cannot read without the .idx" in message for message in found] == [True]
    assert any("1 in 1 record, 2 in 1 record: DALI gives arrays" in note for note in notes)
    rec_path.write_bytes(b"")
    found, _ = for_reader(rec_path, "dali")
    assert "DALI fails on a file without a record" in found[0]


def test_rocal_stumbles_on_flags_ids_splits_and_other_files(tmp_path):
    rec_path = dataset(tmp_path, [([0, 1], IMAGE), (7, [0], IMAGE), (7, [0], png())])
    found, notes = for_reader(rec_path, "rocal")
    assert "record 0, index 0: rocAL passes over a record that has labels behind its header (flag 2)" in found[0]
    assert "1 of 3 records have the id of another" in found[1]
    assert len(found) == 2 and any("1 image is no JPEG" in note for note in notes)
    shutil.copy(str(rec_path), str(rec_path.with_name("other.rec")))
    assert "holds 'other.rec', 'train.idx', 'train.rec'" in for_reader(rec_path, "rocal")[0][2]


@pytest.mark.parametrize("place", [0, 4, 40])
def test_rocal_stumbles_on_a_record_that_is_split(tmp_path, place):
    image = bytearray(IMAGE + bytes(60))
    rec_path = dataset(tmp_path, [([0], IMAGE), ([0], bytes(image)), ([0], IMAGE)])
    assert for_reader(rec_path, "rocal")[0] == []
    start = len(IMAGE) + -len(IMAGE) % 4 + place
    image[start : start + 4] = struct.pack("<I", MAGIC)
    rec_path = write(tmp_path / "alone" / "train", [(0, [0], IMAGE), (1, [0], bytes(image)), (2, [0], IMAGE)])
    (found,) = for_reader(rec_path, "rocal")[0]
    assert "record 1, index 1: rocAL fails on a record of several parts" in found


def test_rocal_reads_less_than_4_gib(tmp_path):
    rec_path = str(dataset(tmp_path, [([0], IMAGE)]))
    problems = ProblemCollector()
    with FileBuffer(rec_path) as buffer:
        rules = READERS["rocal"](rec_path, rec_path[:-3] + "idx", buffer, problems)
        structure = check_structure(buffer, rec_path, problems, rules.look_at)
        for size, expected in ((2**32 - 1, 0), (2**32, 1)):
            rules.conclude(replace(structure, size=size))
            assert problems.num_problems == expected
    assert "the .rec has 4,294,967,296 bytes" in problems.problems[0].message


def test_sagemaker_wants_classes_in_one_row_and_images_not_too_small(tmp_path):
    rec_path = dataset(tmp_path, [([1], jpeg(224, 300)), ([2], jpeg(300, 224))])
    (found,), notes = for_reader(rec_path, "sagemaker")
    assert "2 classes from 1 to 2, without 0" in found and not any("image_shape" in note for note in notes)
    write(tmp_path / "alone" / "train", [(0, [0, 1], jpeg(223, 300)), (1, [0.5], jpeg(300, 223)), (2, [-1], IMAGE)])
    (several, fraction, negative), notes = for_reader(rec_path, "sagemaker")
    assert "record 0, index 0: SageMaker takes one label" in several and "from 0 on: 0.5" in fraction and "on: -1" in negative
    assert any("3,224,224 by default; the smallest height is 112, the smallest width 112" in note for note in notes)


def test_sagemaker_knows_detection_by_its_labels(tmp_path):
    long = [2, 5, *BOX * 70]
    contents = [(ONE, IMAGE), (long, jpeg(channels=1)), ([2, 5, 2, *BOX[1:]], png(channels=4)), ([2, 5], IMAGE)]
    found, notes = for_reader(dataset(tmp_path, contents), "sagemaker")
    assert "record 3, index 3: it has no object" in found[0]
    assert "2 classes from 0 to 2, without 1" in found[1] and len(found) == 2
    assert any("at least label_width=352" in note for note in notes)
    assert any("2 images are stored with other than 3 channels" in note for note in notes)


# What all have in common


def test_many_problems_of_one_kind_are_one(tmp_path):
    found, _ = for_reader(dataset(tmp_path, [([3], IMAGE)] * 30), "imagedetiter")
    assert len(found) == 1 and found[0].startswith(
        "for: 30 records have other labels than those of detection, the first: record 0"
    )


def test_a_damaged_dataset_is_looked_at_as_far_as_it_goes(tmp_path):
    rec_path = dataset(tmp_path, [([3], IMAGE), ([3, 4], IMAGE), ([3], IMAGE)])
    rec_path.write_bytes(rec_path.read_bytes()[:-8])
    report = verify(rec_path, pixels="none", reader="rocal")
    assert {"structure", "for"} <= {problem.layer for problem in report.problems}
    assert "record 1, index 1: rocAL passes over" in str(report)


@pytest.mark.parametrize("reader", ["mxnet", "", 3, ["dali"]])
def test_a_reader_that_is_not_known_is_refused(tmp_path, reader):
    with pytest.raises(ValueError, match="reader must be one of 'imagerecorditer', "):
        verify(dataset(tmp_path, [([3], IMAGE)]), reader=reader)


def test_the_command_has_the_same_readers(tmp_path):
    (option,) = [param for param in reading.verify.params if param.name == "reader"]
    assert option.opts == ["--for"] and list(option.type.choices) == list(READERS)
    assert all(f"'{reader}'" in inspect.getdoc(verify) for reader in READERS)
    rec_path = dataset(tmp_path, [([3, 1], IMAGE)] * 5)
    assert "no problem" in call("verify", rec_path, "--pixels", "none").stdout
    said = call("verify", rec_path, "--pixels", "none", "--for", "arcface", code=1).stdout
    assert re.search(r"for: the record of key 0 has an image and 2 labels", said)
    assert "--for" in call("verify", rec_path, "--for", "torch", code=2).stderr

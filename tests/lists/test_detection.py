# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""COCO, VOC and YOLO: the labels that come of them, what is counted, and what is refused."""

import json
import re

import cv2
import detection as data
import numpy as np
import pytest

from mxnet_im2rec import (
    AnnotationError,
    ErrorLimitExceeded,
    Failure,
    RecordFile,
    check_list,
    contact_sheet,
    from_coco,
    from_voc,
    from_yolo,
    im2rec,
    transforms,
    verify,
)


def coco(folder, **options):
    return from_coco(data.write_coco(folder), **options)


def voc(folder, **options):
    return from_voc(data.write_voc(folder), **options)


def yolo(folder, **options):
    return from_yolo(data.write_yolo(folder), data.NAMES, **options)


FORMATS = [coco, voc, yolo]
every_format = pytest.mark.parametrize("make", FORMATS)


def labels_of(source):
    found = list(source.entries())
    assert not [entry for entry in found if isinstance(entry, Failure)], found
    return {entry.index: list(entry.labels) for entry in found}


@every_format
@pytest.mark.parametrize("header", ["full", "minimal"])
def test_the_labels(make, header, tmp_path):
    source = make(tmp_path / "data", header=header)
    expected = {position: data.labels(position, header) for position in (0, 1, 3)}
    found = labels_of(source)
    assert found.keys() == expected.keys()
    for position, labels in expected.items():
        assert np.array_equal(np.float32(found[position]), np.float32(labels)) or make is yolo
        assert found[position] == pytest.approx(labels, abs=1e-12)
    assert source.classes == {"cat": 0, "dog": 1, "zebra": 2}
    report = source.report
    assert (report.num_images, report.num_objects, report.num_without_objects) == (3, 4, 1)
    assert report.num_clipped == report.num_empty_boxes == report.num_crowd == 0
    assert str(report) == "3 images with 4 objects, 0 of them clipped; 1 image without objects"


@every_format
def test_images_without_objects(make, tmp_path):
    dummy = make(tmp_path / "dummy", empty="dummy")
    assert labels_of(dummy)[2] == [4, 5, *data.SIZES[2], -1, -1, -1, -1, -1]
    assert dummy.count() == 4
    failures = [entry for entry in make(tmp_path / "error", empty="error").entries() if isinstance(entry, Failure)]
    assert [(failure.index, failure.path.split("/")[-1]) for failure in failures] == [(2, "002.png")]
    assert "empty='skip' leaves it out" in failures[0].reason


def test_the_sixth_number(tmp_path):
    found = labels_of(voc(tmp_path / "voc", difficult=True))
    assert [labels[4 + 5 :: 6] for labels in found.values()] == [[0, 1], [0], [1]]
    assert {labels[1] for labels in labels_of(coco(tmp_path / "coco", difficult=True)).values()} == {6}


@every_format
@pytest.mark.needs_mxnet
def test_mxnets_readers_read_what_is_packed(make, tmp_path):
    import mxnet as mx

    source = make(tmp_path / "data")
    assert check_list(source).ok
    resize = transforms.Compose([transforms.Resize((32, 32))])
    report = im2rec(source, tmp_path / "out", resize, num_workers=2, encoding=".png", progress=False)
    assert verify(report.rec_path, source, transformations=resize, progress=False).ok
    one = mx.image.ImageDetIter(1, (3, 32, 32), path_imgrec=report.rec_path, path_imgidx=report.idx_path)
    other = mx.io.ImageDetRecordIter(
        path_imgrec=report.rec_path, path_imgidx=report.idx_path, batch_size=1, data_shape=(3, 32, 32), label_pad_width=30
    )
    expected = [np.float32(data.labels(position)[4:]).reshape(-1, 5) for position in (0, 1, 3)]
    for reader, start in ((one, 0), (other, 8)):  # ImageDetRecordIter puts its own four numbers and the header before
        found = []
        for batch in reader:
            numbers = batch.label[0].asnumpy()[0].reshape(-1)[start:]
            rows = numbers[: len(numbers) // 5 * 5].reshape(-1, 5)
            found.append(rows[rows[:, 0] >= 0])
        assert len(found) == 3
        for rows, wanted in zip(found, expected):
            assert np.allclose(rows, wanted, atol=1e-7)


def test_boxes_are_clipped_and_counted(tmp_path):
    given = data.coco_data()
    given["annotations"] = [
        {"id": 1, "image_id": 100, "category_id": 21, "bbox": [-6, 4, 30, 400]},  # clipped
        {"id": 2, "image_id": 100, "category_id": 21, "bbox": [10, 10, 0, 5]},  # no area
        {"id": 3, "image_id": 100, "category_id": 21, "bbox": [100, 10, 5, 5]},  # outside
        {"id": 4, "image_id": 100, "category_id": 21, "bbox": [10, 10, 1e-9, 5]},  # no area as float32
        {"id": 5, "image_id": 100, "category_id": 21, "bbox": [1, 1, 5, 5], "iscrowd": 1},
        {"id": 6, "image_id": 100, "category_id": 21, "bbox": [1, 1, 5, 5], "ignore": 1},
        {"id": 7, "image_id": 101, "category_id": 21, "bbox": [10, 10, 5, 5], "segmentation": [[1, 2, 3]]},
    ]
    source = from_coco(data.write_coco(tmp_path, given))
    for _ in range(2):  # it counts from 0 each time
        found = labels_of(source)
        assert found[0][4:] == pytest.approx([0, 0, 0.1, 24 / 60, 1])
        report = source.report
        assert (report.num_clipped, report.num_empty_boxes, report.num_crowd, report.num_ignored) == (1, 3, 1, 1)
        assert (report.num_images, report.num_objects, report.num_without_objects) == (2, 2, 2)
    assert "objects left out: 1 crowd, 1 ignored, 3 without an area" in str(report)


def test_voc_from_one(tmp_path):
    annotations = data.write_voc(tmp_path)
    found = labels_of(from_voc(annotations, voc_origin=1))
    width, height = data.SIZES[1]
    assert found[1][4:] == pytest.approx([1, 9 / width, 9 / height, 19 / width, 44 / height])
    assert found[0][9:] == pytest.approx([2, 0, 0, 59 / 60, 39 / 40])
    with pytest.raises(ValueError, match="voc_origin must be 0 or 1"):
        from_voc(annotations, voc_origin=2)


@pytest.mark.parametrize("make", [coco, voc])
def test_a_size_that_is_not_the_images_fails_at_its_place(make, tmp_path):
    source = make(tmp_path)
    path = next(tmp_path.rglob("001.png"))
    cv2.imwrite(str(path), np.zeros((50, 51, 3), np.uint8))
    (failure,) = [entry for entry in source.entries() if isinstance(entry, Failure)]
    assert failure.index == 1
    assert failure.reason == "the annotation is of an image of 50 x 50 pixels, the file has 51 x 50"


def test_an_image_that_its_exif_turns(tmp_path):
    from PIL import Image

    path = data.write_coco(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", data.SIZES[0])
    image.save(tmp_path / "train" / "000.png", "JPEG", exif=exif)
    (failure,) = [entry for entry in from_coco(path).entries() if isinstance(entry, Failure)]
    assert "the file has 40 x 60; if its EXIF orientation turns it" in failure.reason


@every_format
def test_a_missing_image_fails_where_it_is_read(make, tmp_path):
    source = make(tmp_path)
    next(tmp_path.rglob("001.png")).unlink()
    report = im2rec(source, tmp_path / "out", num_workers=0, error_limit=1, progress=False)
    assert [failure.index for failure in report.failures] == [1]
    assert re.search("No such file", report.failures[0].reason)


@every_format
def test_the_folder_of_the_images(make, tmp_path):
    source = make(tmp_path / "data")
    images = next((tmp_path / "data").rglob("001.png")).parent
    images.rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="not where they usually are, in '.*'; give the folder of the images"):
        remake(make, tmp_path / "data")
    assert labels_of(remake(make, tmp_path / "data", images=tmp_path / "elsewhere")).keys() == {0, 1, 3}
    assert source.root != str(tmp_path / "elsewhere")


def remake(make, folder, **options):
    if make is coco:
        return from_coco(folder / "annotations" / "instances_train.json", **options)
    if make is voc:
        return from_voc(folder / "Annotations", **options)
    return from_yolo(folder / "labels" / "train", data.NAMES, **options)


@every_format
@pytest.mark.parametrize("option", [{"header": "large"}, {"empty": "keep"}, {"difficult": 3}])
def test_wrong_options(make, option, tmp_path):
    with pytest.raises((TypeError, ValueError), match=next(iter(option))):
        make(tmp_path, **option)


@every_format
def test_a_change_of_the_annotations_is_noticed(make, tmp_path):
    source = make(tmp_path)
    first = source.digest
    assert source.is_unchanged()
    path = next(path for path in sorted(tmp_path.rglob("*")) if path.suffix in (".json", ".xml", ".txt"))
    path.write_text(path.read_text("utf-8") + "\n", encoding="utf-8")
    assert not source.is_unchanged()
    assert remake(make, tmp_path).digest != first


def change(path, *keys, value=...):
    found = json.loads(path.read_text("utf-8"))
    place = found
    for key in keys[:-1]:
        place = place[key]
    if value is ...:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    path.write_text(json.dumps(found), encoding="utf-8")


BAD_COCO = {
    "no list": (["categories"], ..., "has no list 'categories'"),
    "no id": (["images", 1, "id"], ..., "image 1 has no 'id'"),
    "no name": (["images", 1, "file_name"], ..., "image 101 has no 'file_name'"),
    "no width": (["images", 1, "width"], 0, "image 101: the image must have a width"),
    "a width in words": (["images", 1, "width"], "wide", "image 101: the width must be a number, found 'wide'"),
    "an id twice": (["images", 1, "id"], 100, "image 100: another image has this id"),
    "no image of this id": (["annotations", 1, "image_id"], 5, "annotation 1: no image has the id 5"),
    "no category of this id": (["annotations", 1, "category_id"], 5, "annotation 1: no category has the id 5"),
    "a box of three": (["annotations", 1, "bbox"], [1, 2, 3], "annotation 1: 'bbox' must be [x, y, width, height]"),
    "a box of words": (["annotations", 1, "bbox"], [1, 2, 3, "x"], "annotation 1: each number of 'bbox' must be a number"),
    "not a number": (["annotations", 1, "bbox"], [1, 2, 3, float("nan")], "must be a number, found nan"),
    "a negative width": (["annotations", 1, "bbox"], [1, 2, -3, 4], "annotation 1: 'bbox' has a negative width or height"),
    "an annotation that is none": (["annotations", 1], 7, "annotation 1 is no object: 7"),
    "two categories of a name": (["categories", 1, "name"], "cat", "both called 'cat'"),
    "a category without a name": (["categories", 1, "name"], "", "has no name"),
}


@pytest.mark.parametrize("case", BAD_COCO)
def test_malformed_annotations_of_coco(case, tmp_path):
    keys, value, said = BAD_COCO[case]
    path = data.write_coco(tmp_path)
    change(path, *keys, value=value)
    with pytest.raises(AnnotationError, match=re.escape(said)) as caught:
        from_coco(path)
    assert "instances_train.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "[" * 100_000, '"a"'])
def test_what_is_no_coco_at_all(text, tmp_path):
    path = data.write_coco(tmp_path)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AnnotationError, match="instances_train.json"):
        from_coco(path)


LAUGHS = "<!DOCTYPE lolz [<!ENTITY lol 'lol'>" + "".join(
    f"<!ENTITY lol{n} '{f'&lol{n - 1 if n > 1 else str()};' * 10}'>" for n in range(1, 10)
)
BAD_XML = {
    "no XML": ("<annotation>", "is no XML"),
    "nothing": ("", "is no XML"),
    "a billion laughs": (LAUGHS + "]><annotation>&lol9;</annotation>", "document type"),
    "an external entity": ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><annotation>&x;</annotation>", "document type"),
    "no size": (data.xml(1).replace("size>", "sise>"), "has no <size>"),
    "no width": (data.xml(1).replace("<width>50</width>", ""), "<size> has no <width>"),
    "no name": (data.xml(1).replace("<name>dog</name>", ""), "object 1: <object> has no <name>"),
    "no box": (data.xml(1).replace("bndbox>", "box>"), "object 1: there is no <bndbox>"),
    "no xmax": (data.xml(1).replace("<xmax>20</xmax>", ""), "object 1: <bndbox> has no <xmax>"),
    "a word": (data.xml(1).replace("<xmax>20</xmax>", "<xmax>far</xmax>"), "object 1: <xmax> must be a number, found 'far'"),
    "backwards": (data.xml(1).replace("<xmax>20</xmax>", "<xmax>2</xmax>"), "object 1: the box ends before it begins"),
}


@pytest.mark.parametrize("case", BAD_XML)
def test_malformed_annotations_of_voc(case, tmp_path):
    text, said = BAD_XML[case]
    annotations = data.write_voc(tmp_path)
    (annotations / "001.xml").write_text(text, encoding="utf-8")
    with pytest.raises(AnnotationError, match=re.escape(said)) as caught:
        labels_of(from_voc(annotations))
    assert "001.xml" in str(caught.value)


def test_numbers_of_voc_with_a_point_and_another_name_of_the_file(tmp_path):
    annotations = data.write_voc(tmp_path)
    text = data.xml(1).replace(">20<", ">20.5<").replace("001.png", "renamed.jpg")
    (annotations / "001.xml").write_text(text, encoding="utf-8")
    source = from_voc(annotations)
    assert labels_of(source)[1][7] == pytest.approx(20.5 / 50)
    assert [entry.path for entry in source.entries()][1] == "001.png"


BAD_YOLO = {
    "four numbers": ("0 0.5 0.5 0.1\n", "line 1: expected 'class x y width height', found 4 numbers"),
    "an outline": (
        "0 0.5 0.5 0.1 0.1\n0 0.1 0.1 0.2 0.2 0.3 0.3\n",
        "line 2: expected 'class x y width height', found 7 numbers",
    ),
    "no such class": ("3 0.5 0.5 0.1 0.1\n", "line 1: the class must be a whole number below 3, found '3'"),
    "a class in words": ("cat 0.5 0.5 0.1 0.1\n", "line 1: the class must be a whole number below 3, found 'cat'"),
    "pixels": ("0 20 20 10 10\n", "line 1: expected shares of the image's sides, from 0 to 1"),
    "negative": ("0 0.5 0.5 -0.1 0.1\n", "line 1: expected shares"),
    "a word": ("0 0.5 x 0.1 0.1\n", "line 1: each number must be a number, found 'x'"),
    "not a number": ("0 0.5 nan 0.1 0.1\n", "line 1: each number must be a number"),
    "no text": (b"\xff\xfe\x00", "is no text in UTF-8"),
}


@pytest.mark.parametrize("case", BAD_YOLO)
def test_malformed_labels_of_yolo(case, tmp_path):
    text, said = BAD_YOLO[case]
    labels = data.write_yolo(tmp_path)
    (labels / "train" / "001.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(AnnotationError, match=re.escape(said)) as caught:
        from_yolo(labels, data.NAMES)
    assert "001.txt" in str(caught.value)


def test_a_label_of_yolo_without_an_image(tmp_path):
    labels = data.write_yolo(tmp_path)
    (labels / "train" / "009.txt").write_text("", encoding="utf-8")
    (labels / "classes.txt").write_text("cat\n", encoding="utf-8")  # which tools put there
    with pytest.raises(AnnotationError, match=r"009.txt.*: there is no image of this name"):
        from_yolo(labels, data.NAMES)


@pytest.mark.parametrize(
    "name, text",
    [
        ("names.txt", "cat\ndog\n\nzebra\n"),
        ("data.yaml", "train: a\nnames: ['cat', dog, \"zebra\"]  # all\nnc: 3\n"),
        ("data.yaml", "names:\n  0: cat\n  1: dog\n  # the last\n  2: zebra\nnc: 3\n"),
        ("data.yml", "nc: 3\nnames:\n  - cat\n  - dog # a dog\n  - 'zebra'\n"),
        ("data.yml", "names:\n- cat\n- dog\n- zebra\nnc: 3\n"),
    ],
)
def test_the_names_of_yolo(name, text, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    source = from_yolo(data.write_yolo(tmp_path / "data"), tmp_path / name)
    assert source.classes == {"cat": 0, "dog": 1, "zebra": 2}


@pytest.mark.parametrize(
    "text, said",
    [
        ("nc: 3\n", "has no 'names:'"),
        ("names: cat\n", "line 1: expected \\[name"),
        ("names:\n  1: cat\n", "line 2: expected the class 0, found 1"),
        ("names:\nnc: 3\n", "there is no class"),
    ],
)
def test_names_of_yolo_that_cannot_be_read(text, said, tmp_path):
    (tmp_path / "data.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(AnnotationError, match=said):
        from_yolo(data.write_yolo(tmp_path / "data"), tmp_path / "data.yaml")


@pytest.mark.needs_mxnet
@pytest.mark.parametrize(
    "name, arguments",
    [
        ("CenterCrop", (20,)),
        ("RandomResizedCrop", (20,)),
        ("CropResize", (0, 0, 20, 20)),
        ("RandomFlipLeftRight", ()),
        ("RandomFlipTopBottom", ()),
        ("Rotate", (30,)),
        ("RandomRotation", ((-30, 30),)),
    ],
)
def test_stock_transforms_that_move_boxes_are_refused(name, arguments, tmp_path):
    from mxnet.gluon import nn
    from mxnet.gluon.data.vision import transforms as gluon

    moving = getattr(gluon, name)(*arguments)
    nested = nn.Sequential()
    nested.add(gluon.Compose([gluon.Resize(30), moving]))
    for transform in (moving, nested):
        with pytest.raises(ValueError, match=f"would move the objects.*{name}"):
            im2rec(coco(tmp_path / f"{type(transform).__name__}{id(transform)}"), tmp_path / "out", transform, progress=False)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.needs_mxnet  # to run a function
def test_what_does_not_move_boxes_passes(tmp_path):
    source = coco(tmp_path / "data")
    with pytest.raises(ValueError, match="CenterCrop"):
        im2rec(source, tmp_path / "out", transforms.CenterCrop(20), num_workers=0, progress=False)
    for passing in (transforms.Resize(20), lambda image: image):
        assert im2rec(source, tmp_path / "out", passing, num_workers=0, progress=False).num_records == 3
    few = list(source.entries())[:2] + [(9, 1, data.picture(0))]  # not all of them have boxes
    assert im2rec(few, tmp_path / "out", transforms.CenterCrop(20), num_workers=0, root=source.root).num_records == 3


def test_boxes_are_drawn_with_the_names(tmp_path):
    source = coco(tmp_path / "data")
    report = im2rec(source, tmp_path / "out", num_workers=0, encoding=".png", progress=False)
    with RecordFile(report.rec_path) as records:
        plain = [(record.index, [float(record.index)], record.content) for record in records]
    from mxnet_im2rec import IndexedRecordWriter

    with IndexedRecordWriter(tmp_path / "plain") as writer:
        for index, labels, content in plain:
            writer.write(index, labels, content)
    with_boxes, without = (contact_sheet(tmp_path / f"{name}.rec", cell=200) for name in ("out", "plain"))
    assert not np.array_equal(with_boxes[:200], without[:200])
    assert (tmp_path / "out.classes.txt").read_text("utf-8") == "0\tcat\n1\tdog\n2\tzebra\n"
    assert np.array_equal(contact_sheet(tmp_path / "out.rec", cell=200, classes=source.classes), with_boxes)
    renamed = contact_sheet(tmp_path / "out.rec", cell=200, classes={"tiger": 0, "wolf": 1, "horse": 2})
    assert not np.array_equal(renamed, with_boxes)
    with pytest.raises(TypeError, match="classes"):
        contact_sheet(tmp_path / "out.rec", classes=3)


def test_a_whole_run_with_verify_and_an_error_limit(tmp_path):
    with pytest.raises(ErrorLimitExceeded, match="no object"):
        im2rec(voc(tmp_path / "a", empty="error"), tmp_path / "out", num_workers=0, progress=False)
    assert im2rec(voc(tmp_path / "b"), tmp_path / "out", num_workers=2, verify=True, progress=False).num_records == 3

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""MXNet is the oracle: what was packed is read back by its own readers, ids, labels and pixels compared."""

import cv2
import mxnet as mx
import numpy as np
import pytest
from helpers import dataset_bytes, read_records
from mxnet.gluon.data.vision import ImageRecordDataset, transforms
from photos import PHOTOS, make_varieties, write_list
from reference import reference_tool

from mxnet_im2rec import ListEntry, im2rec


def decode(payload, flag=1):
    return cv2.imdecode(np.frombuffer(payload, np.uint8), flag)


def names_of(folder):
    return [line.split("\t")[-1] for line in (folder / "images.lst").read_text("utf-8").splitlines()]


def psnr(one, other):
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


@pytest.mark.parametrize("color", [1, 0, -1])
@pytest.mark.parametrize("encoding", [".jpg", ".png"])
def test_every_variety_is_stored_as_opencv_decodes_it(varieties, tmp_path, color, encoding):
    report = im2rec(varieties / "images.lst", tmp_path / "out", num_workers=2, color=color, encoding=encoding)
    records = read_records(report)
    names = names_of(varieties)
    assert [key for key, _, _ in records] == list(range(len(names)))
    for name, (key, header, payload) in zip(names, records):
        assert (header.id, header.label, header.flag) == (key, key % 3, 0)
        source = decode((varieties / name).read_bytes(), {1: 1, 0: 0, -1: -1}[color])
        if encoding == ".png":
            stored = decode(payload, -1)
            assert stored.dtype == source.dtype and np.array_equal(stored, source), name
        else:
            if source.dtype == np.uint16:
                source = (source >> 8).astype(np.uint8)
            if source.ndim == 3 and source.shape[2] == 4:
                source = source[:, :, :3]
            expected = cv2.imencode(".jpg", source, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
            assert payload == expected, name


@pytest.mark.parametrize("color", [1, 0])
def test_records_equal_those_of_pack_img(photos, tmp_path, color):
    report = im2rec(photos / "images.lst", tmp_path / "out", num_workers=0, color=color, quality=80)
    reader = mx.recordio.MXIndexedRecordIO(report.idx_path, report.rec_path, "r")
    for index, name in enumerate(names_of(photos)):
        image = cv2.imread(str(photos / name), color)
        expected = mx.recordio.pack_img(mx.recordio.IRHeader(0, float(index % 3), index, 0), image, quality=80)
        assert reader.read_idx(index) == expected


def test_a_transforms_own_output_is_what_is_stored(varieties, tmp_path):
    compose = transforms.Compose([transforms.Resize((90, 60)), transforms.ToTensor(), transforms.Normalize(0, 1)])
    exact = im2rec(varieties / "images.lst", tmp_path / "exact", transformations=compose, num_workers=2, encoding=".png")
    lossy = im2rec(varieties / "images.lst", tmp_path / "lossy", transformations=compose, num_workers=2)
    for name, (_, _, png), (_, _, jpeg) in zip(names_of(varieties), read_records(exact), read_records(lossy)):
        rgb = cv2.cvtColor(decode((varieties / name).read_bytes()), cv2.COLOR_BGR2RGB)
        tensor = compose(mx.nd.array(rgb, dtype=np.uint8)).asnumpy()
        expected = np.rint(tensor.transpose(1, 2, 0) * 255).astype(np.uint8)
        assert np.array_equal(cv2.cvtColor(decode(png), cv2.COLOR_BGR2RGB), expected), name
        bgr = cv2.cvtColor(expected, cv2.COLOR_RGB2BGR)
        assert jpeg == cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes(), name
        assert psnr(decode(jpeg), bgr) > 25, name


def test_transforms_see_rgb_and_colours_come_back_right(tmp_path):
    red = np.zeros((20, 30, 3), np.uint8)
    red[:, :, 2] = 200  # OpenCV's order is BGR
    cv2.imwrite(str(tmp_path / "red.png"), red)
    seen = []

    def look(image):
        seen.append((image.shape, image.dtype, image.asnumpy()[0, 0].tolist()))
        return image

    entries = [ListEntry(0, (0.0,), "red.png")]
    report = im2rec(entries, tmp_path / "out", transformations=look, num_workers=0, root=tmp_path, encoding=".png")
    assert seen == [((20, 30, 3), np.uint8, [200, 0, 0])]
    assert np.array_equal(decode(read_records(report)[0][2]), red)
    im2rec(entries, tmp_path / "grey", transformations=look, num_workers=0, root=tmp_path, color=0)
    assert seen[1][0] == (20, 30, 1)


def test_rgba_goes_through_transforms_with_color_as_stored(varieties, tmp_path):
    entries = [ListEntry(0, (0.0,), "alpha.png")]
    compose = transforms.Compose([transforms.Resize(40)])
    report = im2rec(entries, tmp_path / "out", transformations=compose, num_workers=0, root=varieties, color=-1, encoding=".png")
    source = decode((varieties / "alpha.png").read_bytes(), -1)
    assert np.array_equal(decode(read_records(report)[0][2], -1), cv2.resize(source, (40, 40)))


@pytest.mark.parametrize("channels", [3, 1])
def test_image_record_iter_gives_the_stored_pixels(varieties, tmp_path, channels):
    compose = transforms.Compose([transforms.Resize((64, 48))])
    report = im2rec(varieties / "images.lst", tmp_path / "out", transformations=compose, num_workers=2, color=int(channels == 3))
    records = read_records(report)
    iterator = mx.io.ImageRecordIter(
        path_imgrec=report.rec_path, path_imgidx=report.idx_path, data_shape=(channels, 48, 64), batch_size=5, shuffle=False
    )
    read = 0
    for batch in iterator:
        images, labels = batch.data[0].asnumpy(), batch.label[0].asnumpy()
        for image, label in zip(images[: 5 - batch.pad], labels):
            _, header, payload = records[read]
            assert label == header.label
            stored = np.atleast_3d(decode(payload, -1))
            expected = stored[:, :, ::-1].transpose(2, 0, 1)  # the iterator gives RGB, channels first
            assert np.array_equal(image, expected)
            read += 1
    assert read == len(records) == report.num_records


def test_image_record_dataset_gives_images_and_labels(photos, tmp_path):
    report = im2rec(photos / "images.lst", tmp_path / "out", num_workers=1, encoding=".png")
    dataset = ImageRecordDataset(report.rec_path)
    assert len(dataset) == report.num_records == 4 * len(PHOTOS)
    for index, name in enumerate(names_of(photos)):
        image, label = dataset[index]
        assert label == index % 3
        assert np.array_equal(image.asnumpy()[:, :, ::-1], cv2.imread(str(photos / name)))


def test_many_labels_are_an_array_and_one_is_a_scalar(photos, tmp_path):
    names = PHOTOS
    write_list(tmp_path / "many.lst", names, lambda index: [index, 0.25, -1e-3])
    report = im2rec(tmp_path / "many.lst", tmp_path / "many", num_workers=1, root=photos)
    for index, (_, header, _) in enumerate(read_records(report)):
        assert header.flag == 3
        assert np.array_equal(header.label, np.array([index, 0.25, -1e-3], np.float32))
    iterator = mx.io.ImageRecordIter(
        path_imgrec=report.rec_path, path_imgidx=report.idx_path, data_shape=(3, 32, 32), batch_size=5, label_width=3
    )
    assert next(iterator).label[0].asnumpy()[:, 0].tolist() == [0, 1, 2, 3, 4]
    first = im2rec(tmp_path / "many.lst", tmp_path / "first", num_workers=1, root=photos, pack_labels=False)
    assert [(header.flag, header.label) for _, header, _ in read_records(first)] == [(0, index) for index in range(5)]


def test_pass_through_keeps_every_byte(tmp_path):
    names = make_varieties(tmp_path)
    write_list(tmp_path / "images.lst", names)
    report = im2rec(tmp_path / "images.lst", tmp_path / "out", pass_through=True, num_workers=2)
    for name, (_, _, payload) in zip(names, read_records(report)):
        assert payload == (tmp_path / name).read_bytes(), name
        assert mx.image.imdecode(payload).shape[2] == 3, name


def test_payloads_with_recordio_magic_read_back(photos, tmp_path):
    """A BMP whose pixels are the magic everywhere: the writer must split it, and readers put it together."""
    magic = bytes.fromhex("0a23d7ce")
    bmp = bytearray(cv2.imencode(".bmp", np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    bmp[54:] = (magic * 200)[: len(bmp) - 54]
    for shift in range(4):
        (tmp_path / f"{shift}.bmp").write_bytes(bytes(bmp) + magic * shift + b"x" * shift)
    entries = [ListEntry(shift, (1.0,), f"{shift}.bmp") for shift in range(4)]
    report = im2rec(entries, tmp_path / "out", pass_through=True, num_workers=0, root=tmp_path)
    for shift, (_, _, payload) in enumerate(read_records(report)):
        assert payload == (tmp_path / f"{shift}.bmp").read_bytes()
    iterator = mx.io.ImageRecordIter(
        path_imgrec=report.rec_path, path_imgidx=report.idx_path, data_shape=(3, 16, 16), batch_size=4
    )
    expected = decode(bytes(bmp))[:, :, ::-1].transpose(2, 0, 1)
    assert all(np.array_equal(image, expected) for image in next(iterator).data[0].asnumpy())


@pytest.fixture(scope="module")
def reference(photos, tmp_path_factory):
    """A folder of JPEGs; and a function that packs its list by mxnet.tools.im2rec with some arguments."""
    folder = tmp_path_factory.mktemp("reference")
    for name in PHOTOS:
        cv2.imwrite(str(folder / (name[:-4] + ".jpg")), cv2.imread(str(photos / name)))
    with reference_tool(tmp_path_factory.mktemp("errors")) as ask:
        yield folder, lambda *arguments: ask("run", arguments)


REFERENCE_OPTIONS = {
    "--resize 120": {"transformations": transforms.Compose([transforms.Resize(120, keep_ratio=True)])},
    "--quality 70": {"quality": 70},
    "--color 0": {"color": 0},
    "--pass-through": {"pass_through": True},
}


@pytest.mark.parametrize("arguments", REFERENCE_OPTIONS)
def test_same_bytes_as_the_reference_tool(reference, tmp_path, arguments):
    """mxnet.tools.im2rec on the same list, with the Gluon transforms that mean the same."""
    folder, run = reference
    for name in ("theirs.lst", "ours.lst"):
        write_list(tmp_path / name, [name[:-4] + ".jpg" for name in PHOTOS])
    assert run(tmp_path / "theirs", folder, *arguments.split())[0] is None
    report = im2rec(tmp_path / "ours.lst", tmp_path / "ours", num_workers=2, root=folder, **REFERENCE_OPTIONS[arguments])
    assert dataset_bytes(report) == ((tmp_path / "theirs.rec").read_bytes(), (tmp_path / "theirs.idx").read_bytes())

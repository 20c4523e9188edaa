# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The names of mx.recordio: the same bytes and values as MXNet's own, and MXNet's classes work on ours."""

import io
import random
import string
import warnings

import cv2
import mxnet as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photos import EXIF_ORIENTATION, SKIMAGE, make_varieties
from PIL import Image

import mxnet_im2rec
from mxnet_im2rec import ImageError, recordio

LABELS = {
    "whole": 3,
    "part": 3.25,
    "rounded": 0.1,
    "beyond float32": 1e39,
    "not a number": float("nan"),
    "bool": True,
    "float32": np.float32(0.1),
    "float64": np.float64(0.1),
    "int64": np.int64(7),
    "bool of NumPy": np.bool_(True),
    "0-d": np.array(4.0),
    "one in an array": np.array([4.0]),
    "one in a list": [1],
    "tuple": (1, 2.5),
    "int64 array": np.arange(5),
    "2-d": np.arange(6.0).reshape(2, 3),
    "not contiguous": np.arange(10.0)[::2],
    "empty": [],
    "a thousand": [index / 7 for index in range(1000)],
}
each_label = pytest.mark.parametrize("label", list(LABELS.values()), ids=list(LABELS))
OPENCV = tuple(map(int, cv2.__version__.split(".")[:2]))
PAYLOADS = [b"", b"image", bytearray(b"image"), memoryview(b"image")]


def write_both(folder, cls, records, *, by_index=True):
    """The same records by MXNet's class and by ours; the four or two files."""
    for name, module in (("mxnet", mx.recordio), ("ours", recordio)):
        paths = [str(folder / f"{name}.idx")] * by_index + [str(folder / f"{name}.rec")]
        writer = getattr(module, cls)(*paths, "w")
        for key, record in records:
            assert (writer.write_idx(key, record) if by_index else writer.write(record)) is None
        writer.close()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_same_header(ours, theirs):
    assert tuple(ours)[::2] == tuple(theirs)[::2] and ours.id2 == theirs.id2
    assert type(ours.label) is type(theirs.label)
    np.testing.assert_array_equal(ours.label, theirs.label)
    if isinstance(ours.label, np.ndarray):
        assert (ours.label.dtype, ours.label.flags.writeable) == (theirs.label.dtype, theirs.label.flags.writeable)


@each_label
@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: f"{type(payload).__name__}{len(payload)}")
def test_pack_and_unpack_are_mxnets(label, payload):
    header = (9, label, 2**64 - 1, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the overflow
        theirs = mx.recordio.pack(mx.recordio.IRHeader(*header), payload)
        assert recordio.pack(recordio.IRHeader(*header), payload) == recordio.pack(header, payload) == theirs
    ours, rest = recordio.unpack(theirs)
    expected, expected_rest = mx.recordio.unpack(theirs)
    assert_same_header(ours, expected)
    assert rest == expected_rest == bytes(payload)
    assert isinstance(ours, recordio.IRHeader)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("label", [1.0, [1.0, 2.0]])
def test_unpack_gives_the_type_that_it_gets(kind, label):
    record = kind(recordio.pack((0, label, 7, 0), b"image"))
    ours, theirs = recordio.unpack(record), mx.recordio.unpack(record)
    assert_same_header(ours[0], theirs[0])
    assert type(ours[1]) is type(theirs[1]) is kind
    assert bytes(ours[1]) == b"image"


@given(
    st.one_of(
        st.floats(width=32),
        st.integers(-(2**60), 2**60),
        st.lists(st.floats(width=32), max_size=20),
        st.lists(st.floats(width=32), max_size=20).map(lambda labels: np.array(labels, np.float32)),
    ),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=40),
)
@settings(deadline=None, max_examples=150)
def test_any_record_is_packed_as_mxnet_packs_it(label, index, id2, payload):
    record = recordio.pack((0, label, index, id2), payload)
    assert record == mx.recordio.pack((0, label, index, id2), payload)
    header, rest = recordio.unpack(record)
    assert_same_header(header, mx.recordio.unpack(record)[0])
    assert rest == payload


@given(st.binary(max_size=80))
@settings(deadline=None, max_examples=150)
def test_any_bytes_are_unpacked_as_mxnet_unpacks_them_or_refused_as_it_does(data):
    try:
        theirs = mx.recordio.unpack(data)
    except Exception:
        with pytest.raises(mxnet_im2rec.RecordFormatError):
            recordio.unpack(data)
    else:
        ours = recordio.unpack(data)
        assert_same_header(ours[0], theirs[0])
        assert ours[1] == theirs[1]


@pytest.mark.parametrize("index", [-1, 2**64, 1.0, np.float32(3), "1", None])
def test_an_id_that_mxnet_refuses_is_refused(index):
    for module in (mx.recordio, recordio):
        with pytest.raises(Exception) as caught:
            module.pack((0, 1.0, index, 0), b"")
    assert isinstance(caught.value, mxnet_im2rec.errors.ArgumentValueError)
    assert "from 0 to 2**64 - 1" in str(caught.value)


@pytest.mark.parametrize("payload", ["text", None, 3])
def test_a_payload_that_is_no_bytes_is_refused(payload):
    for module in (mx.recordio, recordio):
        with pytest.raises(TypeError) as caught:
            module.pack((0, 1.0, 1, 0), payload)
    assert str(caught.value) == f"s must be bytes, not {payload!r}"


def test_the_end_of_a_file_cannot_be_unpacked():
    with pytest.raises(TypeError, match="s must be bytes, a whole record, not None"):
        recordio.unpack(None)


# Images.


@pytest.fixture(scope="module")
def bgr():
    return cv2.imread(str(SKIMAGE / "chelsea.png"))[:60, :80]


@pytest.mark.parametrize("quality", [0, 1, 50, 95, 100, 300, np.int64(9)])
@pytest.mark.parametrize("encoding", [".jpg", ".JPG", ".jpeg", ".png", ".PNG", ".bmp", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pack_img_and_unpack_img_are_mxnets(bgr, encoding, quality, channels):
    image = bgr if channels == 3 else bgr[:, :, 0]
    header = (0, [1.0, 2.0], 7, 3)
    record = recordio.pack_img(header, image, quality=quality, img_fmt=encoding)
    assert record == mx.recordio.pack_img(header, image, quality=quality, img_fmt=encoding)
    for flags in ([], [-1], [0], [1]):
        ours, theirs = recordio.unpack_img(record, *flags), mx.recordio.unpack_img(record, *flags)
        assert_same_header(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


def test_the_defaults_of_pack_img_are_mxnets(bgr):
    header = recordio.IRHeader(0, 1, 2, 3)
    assert recordio.pack_img(header, bgr) == mx.recordio.pack_img(header, bgr)


def test_what_cannot_be_decoded_is_none_as_in_mxnet(bgr):
    record = recordio.pack_img((0, 1.0, 2, 0), bgr)
    assert recordio.unpack_img(record[:60])[1] is mx.recordio.unpack_img(record[:60])[1] is None
    for module in (mx.recordio, recordio):
        with pytest.raises((cv2.error, ImageError)) as caught:
            module.unpack_img(record[:24])
    assert "there is no image: 0 bytes" in str(caught.value)


@pytest.mark.parametrize(
    ("image", "options", "error", "message"),
    [
        (None, {"img_fmt": ".xyz"}, ValueError, "img_fmt must be '.jpg', '.jpeg', '.png', or another"),
        (None, {"img_fmt": "jpg"}, ValueError, "img_fmt must be '.jpg'"),
        (None, {"img_fmt": 3}, TypeError, "img_fmt must be a str"),
        (None, {"quality": "a"}, TypeError, "quality must be a whole number, not 'a'"),
        ("photo.jpg", {}, TypeError, "img must be a NumPy array"),
        (np.zeros((4, 6), bool), {}, TypeError, "^img must be an array of uint8, or of uint16 for PNG; this one is of bool$"),
        (np.zeros((4, 6), complex), {}, TypeError, "^img must be an array of uint8, .* of complex128$"),
        (np.zeros((2, 65_501), np.uint8), {}, ImageError, "^a JPEG has at most 65,500 pixels a side, this image is 65,501 x 2"),
        (np.zeros((4, 6, 5), np.uint8), {}, ImageError, r"cannot encode shape \(4, 6, 5\)"),
        (np.zeros((0, 6, 3), np.uint8), {}, ImageError, r"cannot encode shape \(0, 6, 3\)"),
    ],
)
def test_pack_img_says_what_is_wrong(bgr, image, options, error, message, capfd):
    with pytest.raises(error, match=message) as caught:
        recordio.pack_img((0, 1, 2, 3), bgr if image is None else image, **options)
    assert "\n" not in str(caught.value)
    assert "65,500" not in message or capfd.readouterr().err == ""


@pytest.mark.parametrize("iscolor", [True, "1", 1.0, None, 2**40])
def test_unpack_img_names_a_wrong_iscolor(bgr, iscolor):
    record = recordio.pack_img((0, 1, 2, 3), bgr)
    with pytest.raises((TypeError, ValueError), match="^iscolor must be .*, not ") as caught:
        recordio.unpack_img(record, iscolor)
    assert isinstance(caught.value, mxnet_im2rec.errors.ArgumentError)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("varieties")
    make_varieties(folder)
    contents = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    image = Image.open(io.BytesIO(contents["colour.png"])).crop((0, 0, 50, 30))
    for orientation in range(1, 9):
        for kind in ("JPEG", "PNG"):
            exif, stream = Image.Exif(), io.BytesIO()
            exif[EXIF_ORIENTATION] = orientation
            image.save(stream, kind, exif=exif)
            contents[f"{kind} of orientation {orientation}"] = stream.getvalue()
    return contents


@pytest.mark.parametrize("options", [{}, {"flag": 0}, {"to_rgb": False}, {"flag": 0, "to_rgb": False}], ids=str)
def test_imdecode_is_mxnets(files, options):
    for name, data in files.items():
        if options.get("flag") == 0 and "png" in name.lower() and OPENCV >= (4, 12):
            continue  # it leaves the gamma of a PNG out of account
        ours = recordio.imdecode(data, **options)
        theirs = mx.image.imdecode(data, **{key: int(value) for key, value in options.items()}).asnumpy()
        assert (ours.shape, ours.dtype) == (theirs.shape, np.uint8), name
        assert np.array_equal(ours, theirs), name
        assert ours.flags.c_contiguous and ours.flags.writeable


@pytest.mark.parametrize("flag", [1, 0])
def test_a_jpeg_that_is_cut_off_gives_the_rows_that_are_there(flag):
    data = (SKIMAGE / "rocket.jpg").read_bytes()
    whole = recordio.imdecode(data, flag)
    for part in (0.3, 0.54, 0.9, 0.99):
        cut = data[: int(len(data) * part)]
        ours, theirs = recordio.imdecode(cut, flag), mx.image.imdecode(cut, flag).asnumpy()
        assert ours.shape == theirs.shape == whole.shape
        rows = int(len(whole) * part * 0.8)
        assert np.array_equal(ours[:rows], theirs[:rows]) and np.array_equal(ours[:rows], whole[:rows])


def test_a_jpeg_that_ends_before_its_image_is_refused():
    data = (SKIMAGE / "rocket.jpg").read_bytes()
    with pytest.raises(ImageError, match="cannot decode it: .*JPEG"):
        recordio.imdecode(data[: data.index(b"\xff\xda") - 100])


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_imdecode_takes_whatever_holds_bytes(files, kind):
    assert recordio.imdecode(kind(files["colour.jpg"])).shape == (300, 451, 3)
    assert recordio.imdecode(kind(files["grey.jpg"]), 0).shape == (300, 451, 1)


@pytest.mark.parametrize(
    ("data", "flag", "error", "message"),
    [
        (b"", 1, ImageError, "there is no image: 0 bytes"),
        (b"no image at all", 1, ImageError, "cannot decode it"),
        ("text", 1, TypeError, "buf must be the bytes of an image file"),
        (np.zeros(9), 1, TypeError, "buf must be the bytes of an image file"),
        (b"x", -1, ValueError, "flag must be 1"),
    ],
)
def test_imdecode_says_what_is_wrong(data, flag, error, message):
    with pytest.raises(error, match=message):
        recordio.imdecode(data, flag)


# Files.

MAGIC = b"\x0a\x23\xd7\xce"
RECORDS = [b"", b"a", b"four", b"x" * 1001, MAGIC, b"head" + MAGIC + b"tail" + MAGIC, b"x" + MAGIC, MAGIC * 3, b""]


def test_the_files_are_mxnets_byte_for_byte(tmp_path):
    keyed = [(7 * number, record) for number, record in enumerate(RECORDS)]
    files = write_both(tmp_path, "MXIndexedRecordIO", keyed)
    assert files["ours.rec"] == files["mxnet.rec"]
    assert files["ours.idx"] == files["mxnet.idx"]


@pytest.mark.parametrize(("writer", "reader"), [(recordio, mx.recordio), (mx.recordio, recordio)], ids=["ours", "mxnet's"])
def test_each_reads_what_the_other_has_written(tmp_path, writer, reader):
    path = str(tmp_path / "a.rec")
    stream = writer.MXRecordIO(path, "w")
    for record in RECORDS:
        stream.write(record)
    del stream
    found = reader.MXRecordIO(path, "r")
    assert [found.read() for _ in range(len(RECORDS) + 2)] == [*RECORDS, None, None]
    found.reset()
    assert found.read() == RECORDS[0]


def test_keys_positions_and_attributes_are_mxnets(tmp_path):
    seen = []
    for name, module in (("mxnet", mx.recordio), ("ours", recordio)):
        paths = [str(tmp_path / f"{name}.idx"), str(tmp_path / f"{name}.rec")]
        writer = module.MXIndexedRecordIO(*paths, "w")
        steps = [writer.tell(), writer.writable, writer.is_open, writer.flag, writer.pid]
        for key in (5, np.int64(3), "12", 5, -4, 2**70):
            writer.write_idx(key, b"record %d" % int(key))
            steps.append((writer.tell(), list(writer.keys), dict(writer.idx)))
        writer.write(b"no key")
        with pytest.raises(ValueError):
            writer.write_idx("no number", b"")
        writer.close()
        writer.close()
        steps += [writer.is_open, writer.pid, writer.keys, writer.idx]
        reader = module.MXIndexedRecordIO(*paths, "r")
        steps += [reader.keys, reader.idx, reader.writable, reader.is_open, reader.key_type]
        steps += [reader.read(), [reader.read_idx(key) for key in reader.keys], reader.read(), reader.read_idx(np.int64(3))]
        steps += [reader.seek(12), reader.read(), reader.read(), reader.read_idx(3.0)]
        with pytest.raises(KeyError) as caught:
            reader.read_idx(100)
        steps.append(caught.value.args)
        reader.reset()
        steps += [reader.read(), reader.keys]
        reader.close()
        steps += [reader.is_open, reader.keys, reader.read_idx(3), reader.is_open]  # it opens by itself
        seen.append((steps, (tmp_path / f"{name}.rec").read_bytes(), (tmp_path / f"{name}.idx").read_bytes()))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("key_type", [str, float])
def test_keys_of_another_type_are_mxnets(tmp_path, key_type):
    keys = [key_type(number) for number in (3, 1, 2)]
    files = write_both(tmp_path, "MXRecordIO", [(0, b"x")], by_index=False)
    assert files["ours.rec"] == files["mxnet.rec"]
    for name, module in (("mxnet", mx.recordio), ("ours", recordio)):
        paths = [str(tmp_path / f"{name}.idx"), str(tmp_path / f"{name}.rec")]
        writer = module.MXIndexedRecordIO(*paths, "w", key_type)
        for key in keys:
            writer.write_idx(key, str(key).encode())
        del writer
        reader = module.MXIndexedRecordIO(*paths, "r", key_type=key_type)
        assert reader.keys == keys
        assert [reader.read_idx(key) for key in keys] == [str(key).encode() for key in keys]
    assert (tmp_path / "ours.idx").read_bytes() == (tmp_path / "mxnet.idx").read_bytes()


@pytest.mark.parametrize("text", ["1\t0\textra\n", " 1 \t 0 \n", "1\t0", "1\t0\r\n"])
def test_lines_that_mxnet_reads_are_read(tmp_path, text):
    (tmp_path / "a.idx").write_bytes(text.encode())
    (tmp_path / "a.rec").write_bytes(b"")
    paths = [str(tmp_path / "a.idx"), str(tmp_path / "a.rec")]
    assert recordio.MXIndexedRecordIO(*paths, "r").idx == mx.recordio.MXIndexedRecordIO(*paths, "r").idx == {1: 0}


def test_mxnets_datasets_and_loader_work_on_ours(tmp_path, bgr, monkeypatch):
    writer = recordio.MXIndexedRecordIO(str(tmp_path / "a.idx"), str(tmp_path / "a.rec"), "w")
    for key in range(20):
        writer.write_idx(key, recordio.pack_img((0, float(key), key, 0), bgr + np.uint8(key), img_fmt=".png"))
    writer.close()
    for name in recordio.__all__:
        if name != "imdecode":
            monkeypatch.setattr(mx.recordio, name, getattr(recordio, name))
    dataset = mx.gluon.data.RecordFileDataset(str(tmp_path / "a.rec"))
    assert type(dataset._record) is recordio.MXIndexedRecordIO
    assert len(dataset) == 20
    assert recordio.unpack(dataset[7])[0].label == 7.0
    images = mx.gluon.data.vision.ImageRecordDataset(str(tmp_path / "a.rec"))
    loader = mx.gluon.data.DataLoader(images, batch_size=5, num_workers=2, thread_pool=True)
    batches = [(data.asnumpy(), label.asnumpy()) for data, label in loader]
    assert np.concatenate([label for _, label in batches]).tolist() == list(range(20))
    expected = np.stack([bgr[:, :, ::-1] + np.uint8(key) for key in range(20)])
    assert np.array_equal(np.concatenate([data for data, _ in batches]), expected)


# What MXNet's own tests do.


def test_255_records(tmp_path):
    path = str(tmp_path / "rec")
    writer = recordio.MXRecordIO(path, "w")
    for code in range(255):
        writer.write(chr(code).encode("utf-8"))
    del writer
    reader = recordio.MXRecordIO(path, "r")
    assert [reader.read() for _ in range(256)] == [*(chr(code).encode("utf-8") for code in range(255)), None]


def test_255_records_by_shuffled_keys(tmp_path):
    paths = str(tmp_path / "idx"), str(tmp_path / "rec")
    writer = recordio.MXIndexedRecordIO(*paths, "w")
    for code in range(255):
        writer.write_idx(code, chr(code).encode("utf-8"))
    del writer
    reader = recordio.MXIndexedRecordIO(*paths, "r")
    assert sorted(reader.keys) == list(range(255))
    random.shuffle(reader.keys)
    for key in reader.keys:
        assert reader.read_idx(key) == chr(key).encode("utf-8")


def test_label_arrays_of_every_size():
    for size in range(1, 255):
        content = "".join(random.choices(string.ascii_uppercase + string.digits, k=255 - size)).encode()
        label = np.random.uniform(size=size).astype(np.float32)
        header, found = recordio.unpack(recordio.pack((0, label, 0, 0), content))
        assert np.array_equal(header.label, label)
        assert found == content

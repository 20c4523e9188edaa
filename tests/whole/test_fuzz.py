# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Every parser on bytes that no one has written on purpose: a result or the error it promises, soon, and nothing else.

Some examples here, always the same ones; ``IM2REC_FUZZ_EXAMPLES=100000 pytest tests/test_fuzz.py`` tries as many others of each.
"""

import gzip
import io
import os
import signal
import struct
import time
import tracemalloc

import cv2
import numpy as np
import pytest
from helpers import read_list
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from mxnet_im2rec import ListEntry, OutputError, ResumeError, from_table, im2rec
from mxnet_im2rec.dataset.failures import read_failures, write_failures
from mxnet_im2rec.dataset.journal import Checkpoint, Journal, KeptFailure, Publishing
from mxnet_im2rec.errors import ArgumentValueError, ImageError, ListLineError, RecordFormatError
from mxnet_im2rec.images import jpeg, tiff
from mxnet_im2rec.images.checks import check_readable_by_mxnet, check_size, check_whole
from mxnet_im2rec.images.codec import one_thread
from mxnet_im2rec.images.formats import describe, sniff
from mxnet_im2rec.images.sizes import image_size
from mxnet_im2rec.limits import MAX_INDEX
from mxnet_im2rec.lists.lines import format_line, parse_line, why_unlistable
from mxnet_im2rec.lists.lst_file import LstFile
from mxnet_im2rec.recordio.frames import MAGIC_BYTES, find_record, frame, read_frame, read_record
from mxnet_im2rec.recordio.header import Header, pack_header, unpack_header
from mxnet_im2rec.recordio.index import read_index
from mxnet_im2rec.recordio.record import scan
from mxnet_im2rec.values import Failure

BY_HAND = int(os.environ.get("IM2REC_FUZZ_EXAMPLES", "0"))
SECONDS = 2.0  # of the CPU, for a few KB; what takes quadratic time has large examples of its own

pytestmark = pytest.mark.timeout(0 if BY_HAND else 180)


def fuzz(examples):
    return settings(
        max_examples=BY_HAND or examples, deadline=None, derandomize=not BY_HAND, suppress_health_check=list(HealthCheck)
    )


def soon(function, *arguments, seconds=SECONDS):
    """What the function gives, or raises, within the time it may take."""
    started = time.process_time()
    try:
        return function(*arguments)
    finally:
        assert time.process_time() - started < seconds


def outcome(error, function, *arguments):
    """What the function gives, or the error that it may raise."""
    try:
        return soon(function, *arguments)
    except error as found:
        return found


@st.composite
def mutated(draw, originals, head=64, most=6):
    """One of the originals with some bytes changed, cut out, put in, or there twice; its begin more often than the rest."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, most))):
        end = len(data) if draw(st.booleans()) else min(head, len(data))
        place = draw(st.integers(0, end))
        kind = draw(st.sampled_from(["flip", "byte", "word", "cut", "end", "insert", "twice"]))
        if kind == "flip" and place < len(data):
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte":
            data[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
        elif kind == "word":
            word = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(data)]))
            size = draw(st.sampled_from([2, 4]))
            data[place : place + size] = word.to_bytes(8, "little")[:size][:: draw(st.sampled_from([1, -1]))]
        elif kind == "cut":
            del data[place : place + draw(st.integers(1, 40))]
        elif kind == "end":
            del data[place:]
        elif kind == "insert":
            data[place:place] = draw(st.binary(min_size=1, max_size=20))
        else:
            data[place:place] = data[place : place + draw(st.integers(1, 200))]
    return bytes(data)


# Lists


def spaced(pieces):
    return st.lists(pieces, max_size=12).map(b"".join)


LIST_PIECES = st.one_of(
    st.sampled_from(
        [b"\t", b" ", b"\n", b"\r\n", b"#", b"\xef\xbb\xbf", b"\xc2\xa0", b"\x1c", b"\x85", b"\x00", b"a b.jpg", b"\xff", b"_"]
    ),
    st.sampled_from(
        [b"1", b"0", b"-1", b"1e999", b"nan", b"1.5", b"18446744073709551616", b"1_0", "١".encode(), b".", b"+.e1", b"1e39"]
    ),
    st.binary(max_size=6),
)
LINES = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda pair: f"{pair[0]}\t{pair[1]}\tphoto.jpg\n".encode())
PATHS = st.text(min_size=1, max_size=20).filter(lambda path: why_unlistable(path) is None)
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
LABELS = st.lists(st.one_of(FLOAT32, st.integers(-9, 9)), min_size=1, max_size=5).map(tuple)
ENTRIES = st.tuples(st.integers(0, MAX_INDEX), LABELS, PATHS).map(lambda parts: ListEntry(*parts))


@fuzz(400)
@given(st.one_of(st.binary(max_size=200), spaced(st.one_of(LIST_PIECES, LINES))), st.booleans())
@example(b"\xef\xbb\xbf #", True)
@example(b"\n\xef\xbb\xbf#", True)
def test_of_a_list_nothing_is_lost(tmp_path_factory, data, pack_labels):
    path = tmp_path_factory.getbasetemp() / "fuzz.lst"
    path.write_bytes(data)
    without_bom = data[3:] if data.startswith(b"\xef\xbb\xbf") else data
    stripped = [line.strip() for line in without_bom.split(b"\n")]
    expected = [number for number, line in enumerate(stripped, 1) if line and not line.startswith(b"#")]
    results = soon(list, read_list(path, pack_labels, warn=False))
    assert [result.line for result in results] == expected
    assert LstFile(path).count() == len(expected)
    entries = [result for result in results if isinstance(result, ListEntry)]
    assert len({entry.index for entry in entries}) == len(entries)
    for entry in entries:
        assert 0 <= entry.index <= MAX_INDEX and entry.path
        assert entry.labels and all(abs(label) < 3.5e38 for label in entry.labels)
        assert pack_labels or len(entry.labels) == 1
    for result in results:
        assert isinstance(result, (ListEntry, Failure))
        assert isinstance(result, ListEntry) or (result.stage == "list" and result.reason)


TABLES = {
    "fuzz.csv": b'path,label\na.jpg,1\n"b,\n c.jpg",2\n',
    "fuzz.tsv": b"\xef\xbb\xbfpath\tlabel\r\na.jpg\tcat\r\n\r\nb.jpg\tdog\r\n",
    "fuzz.jsonl": b'{"path": "a.jpg", "label": 1}\n\n{"path": "b.jpg", "label": 2.5}\n',
    "fuzz.csv.gz": gzip.compress(b"path,label\na.jpg,1\nb.jpg,2\n", mtime=0),
}


@fuzz(600)
@given(st.sampled_from(sorted(TABLES)), st.data())
def test_any_bytes_are_a_table_or_an_error(tmp_path_factory, name, data):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data.draw(st.one_of(mutated([TABLES[name]]), st.binary(max_size=60), spaced(LIST_PIECES))))
    source = outcome((ListLineError, ArgumentValueError), from_table, path)  # the second where a column is not there
    if isinstance(source, Exception):
        return
    found = list(soon(source.entries))
    assert len(found) == source.count()
    for place, each in enumerate(found):
        if isinstance(each, ListEntry):
            assert each.index == place
            assert why_unlistable(each.path) or parse_line(format_line(each))[:3] == each[:3]


@fuzz(200)
@given(st.one_of(st.text(max_size=60), spaced(LIST_PIECES).map(lambda data: data.decode("utf-8", "surrogateescape"))))
def test_a_line_is_an_entry_or_says_why_not(text):
    entry = outcome(ListLineError, parse_line, text, 7)
    if isinstance(entry, ListEntry) and why_unlistable(entry.path) is None:
        assert parse_line(format_line(entry), 7) == entry


@fuzz(200)
@given(ENTRIES)
def test_a_line_gives_its_entry_back(entry):
    line = format_line(entry)
    assert parse_line(line) == entry
    assert parse_line(line.encode().strip().decode() + "\r\n") == entry  # as it is read from a file
    without_tabs = "  ".join([str(entry.index), *map(repr, entry.labels), "a b"])
    assert parse_line(without_tabs) == entry._replace(path="a b")


@pytest.mark.parametrize(
    "text", ["1\t" + "1" * 100_000 + "x\tp", "1 " * 100_000, "1\t" * 100_000, "1" * 100_000, "1 " + "1." * 50_000]
)
def test_a_long_line_takes_no_time(text):
    outcome(ListLineError, parse_line, text)


# Records


@st.composite
def any_frames(draw):
    """Frames of any flag and any length, most of them nearly right."""
    pieces = []
    for _ in range(draw(st.integers(0, 6))):
        payload = draw(st.binary(max_size=9))
        length = draw(st.sampled_from([len(payload), len(payload), len(payload) + 1, 2**29 - 1]))
        pieces += [MAGIC_BYTES, struct.pack("<I", draw(st.integers(0, 7)) << 29 | length), payload, bytes(-len(payload) & 3)]
    return b"".join(pieces)


RECORDS = [
    b"".join(b"".join(frame(pack_header(index, labels) + image)) for index, (labels, image) in enumerate(records))
    for records in [
        [([1.0], b"abc"), ([1.0, 2.0], b"x" * 30)],
        [([0.5], MAGIC_BYTES * 2 + b"xyz" + MAGIC_BYTES + b"abcd"), ([3.0], b"")],
    ]
]


@fuzz(400)
@given(st.one_of(st.binary(max_size=100), any_frames(), mutated(RECORDS)), st.integers(0, 40))
def test_any_bytes_are_records_or_an_error(data, offset):
    buffer = memoryview(data)
    for read in (read_frame, read_record):
        outcome(RecordFormatError, read, buffer, offset, "a.rec")
    record = outcome(RecordFormatError, read_record, buffer, offset, "a.rec")
    if isinstance(record, tuple):
        payload, following = record
        assert offset + 8 + len(payload) <= following <= len(data)
    assert min(offset, len(data)) <= soon(find_record, buffer, offset) <= max(len(data), offset)
    records = []
    outcome(RecordFormatError, lambda: records.extend(scan(buffer, "a.rec")))
    assert sum(header.size for _, header, _ in records) <= len(data)
    assert [offset for offset, _, _ in records[1:]] == [following for _, _, following in records[:-1]]


@pytest.mark.parametrize("middle", [b"", b"abcd" * 1000])
def test_a_record_of_many_parts_takes_no_more_memory_than_the_file(middle):
    parts = [MAGIC_BYTES + struct.pack("<I", 2 << 29 | len(middle)) + middle] * (400_000 // (8 + len(middle)))
    data = MAGIC_BYTES + struct.pack("<I", 1 << 29) + b"".join(parts) + MAGIC_BYTES + struct.pack("<I", 3 << 29)
    tracemalloc.start()
    try:
        payload, following = read_record(memoryview(data), 0, "a.rec")
        assert tracemalloc.get_traced_memory()[1] < 2.3 * len(data)  # the payload, and once while it is put together
    finally:
        tracemalloc.stop()
    assert following == len(data) and len(payload) == len(parts) * (len(middle) + 4) + 4


@fuzz(200)
@given(st.one_of(st.binary(max_size=60), mutated([pack_header(7, [1.0]), pack_header(7, [1.0] * 5)], head=8)))
def test_any_bytes_are_a_header_or_an_error(data):
    header = outcome(ValueError, unpack_header, data)
    if isinstance(header, Header):
        assert 24 <= header.size == 24 + 4 * header.flag <= len(data)
        assert len(header.labels) == max(header.flag, 1)
    else:
        expected, found = header.args


ROWS_OF_INDEX = st.tuples(st.integers(0, MAX_INDEX), st.integers(0, 2**63 - 1)).map(lambda row: b"%d\t%d\n" % row)
INDEX_PIECES = st.sampled_from(
    [
        b"\t",
        b"\n",
        b"\r\n",
        b" ",
        b"0",
        b"12",
        b"-1",
        b"+1",
        b"1_0",
        b"18446744073709551615",
        b"9223372036854775808",
        "²".encode(),
        b"1.0",
    ]
)


@fuzz(300)
@given(
    st.one_of(
        st.binary(max_size=100),
        spaced(INDEX_PIECES),
        spaced(ROWS_OF_INDEX),
        mutated([b"0\t0\n1\t52\n18446744073709551615\t104\n"], head=9),
    )
)
def test_any_bytes_are_an_index_or_an_error(tmp_path_factory, data):
    path = str(tmp_path_factory.getbasetemp() / "fuzz.idx")
    with open(path, "wb") as stream:
        stream.write(data)
    found = outcome(RecordFormatError, read_index, path)
    if isinstance(found, RecordFormatError):
        assert found.path == path and 1 <= found.offset <= data.count(b"\n") + 1
        return
    lines = [(number, line.split()) for number, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    assert [each.dtype for each in found] == [np.uint64, np.int64, np.int64]
    assert [each.tolist() for each in found] == [
        [int(words[0]) for _, words in lines],
        [int(words[1]) for _, words in lines],
        [number for number, _ in lines],
    ]


# Image files


def make_images():
    """Small files of every format and variety that is looked into, 19 x 13."""
    rgba = Image.fromarray(np.random.RandomState(0).randint(0, 255, (4, 5, 4), np.uint8)).resize((19, 13))
    rgb, pixels = rgba.convert("RGB"), np.asarray(rgba)
    exif = Image.Exif()
    exif[0x0112] = 6
    wanted = [
        (rgb, "JPEG", {}),
        (rgb, "JPEG", {"progressive": True}),
        (rgb, "JPEG", {"exif": exif, "comment": b"a \xff\xd9 comment"}),
        (rgb.convert("L"), "JPEG", {}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (rgb, "PNG", {}),
        (rgba, "PNG", {"exif": exif}),
        (rgb.convert("P"), "PNG", {}),
        (rgb.convert("1"), "PNG", {}),
        (rgb, "BMP", {}),
        (rgb.convert("P"), "BMP", {}),
        (rgb.convert("1"), "BMP", {}),
        (rgb, "TIFF", {}),
        (rgb, "TIFF", {"compression": "tiff_lzw"}),
        (rgb.convert("CMYK"), "TIFF", {"compression": "packbits"}),
        (rgba, "TIFF", {"compression": "tiff_adobe_deflate"}),
        (rgb, "TIFF", {"tiffinfo": {0x0112: 6}}),
        (rgb.convert("P"), "GIF", {}),
        (rgb, "WEBP", {}),
        (rgb, "WEBP", {"lossless": True}),
        (rgba, "WEBP", {"exif": exif}),
    ]
    files = []
    for image, format_name, options in wanted:
        stream = io.BytesIO()
        image.save(stream, format_name, **options)
        files.append(stream.getvalue())
    files += [cv2.imencode(name, pixels[:, :, :3].astype(np.uint16) * 257)[1].tobytes() for name in (".png", ".tiff")]
    files.append(b"BM" + struct.pack("<IIIIHHHH", 26 + 60 * 13, 0, 26, 12, 19, 13, 1, 24) + bytes(60 * 13))
    return files


IMAGES = make_images()
SIGNATURES = [data[:20] for data in IMAGES] + [b"II+\0", b"MM\0*", b"\xff\xd8\xff\xda", b"<?xml", b"P6 ", b"\0\0\0\x20ftypavif"]


@pytest.mark.parametrize("data", IMAGES, ids=range(len(IMAGES)))
def test_as_they_are_these_files_are_whole(data):
    """Else what is done to them says nothing."""
    assert image_size(data) in ((13, 19), (19, 13))
    check_whole(data)
    check_size(data, 13 * 19)
    with pytest.raises(ImageError):
        check_size(data, 13 * 19 - 1)


@pytest.mark.whole
@fuzz(1000)
@given(
    st.one_of(
        mutated(IMAGES),
        mutated(IMAGES, head=300, most=2),
        st.tuples(st.sampled_from(SIGNATURES), st.binary(max_size=200)).map(b"".join),
        st.binary(max_size=100),
    )
)
def test_any_bytes_are_looked_at_without_harm(data):
    name = soon(sniff, data)
    assert sniff(memoryview(data)) == name
    assert (name or "no known image format") in soon(describe, data)
    whole = outcome(ImageError, check_whole, data)
    assert whole is None or isinstance(whole, ImageError)
    readable = outcome(ImageError, check_readable_by_mxnet, data)
    assert readable is None or isinstance(readable, ImageError)
    if readable is None:
        assert name in ("JPEG", "PNG", "BMP", "TIFF") and whole is None
    size = soon(image_size, data)
    assert size is None or (len(size) == 2 and all(type(each) is int and each > 0 for each in size))
    assert image_size(memoryview(data)) == size
    allowed = outcome(ImageError, check_size, data, 1000)
    is_too_large = size is None or size[0] * size[1] > 1000
    is_part_of_tiff = name in ("TIFF", "BigTIFF") and "strips or tiles" in str(allowed)
    assert isinstance(allowed, ImageError) == (is_too_large or is_part_of_tiff)
    check_size(data, None)
    of_jpeg = outcome(ImageError, jpeg.size, data)
    if name == "JPEG" and isinstance(of_jpeg, tuple) and min(of_jpeg) > 0 and size is not None:
        assert of_jpeg[0] * of_jpeg[1] == size[0] * size[1]
    tags = outcome(struct.error, tiff.read_tags, data)
    assert isinstance(tags, struct.error) or all(len(values) > 0 for values in tags.values())


@pytest.fixture
def opencv_of_one_thread():
    """Else the threads that OpenCV starts are in the way of tests that fork."""
    with one_thread():
        yield


@fuzz(300)
@given(st.one_of(mutated(IMAGES), mutated(IMAGES, most=1)))
def test_what_opencv_decodes_has_the_size_that_was_told(opencv_of_one_thread, data):
    """Else a small file could say that it is small, and fill the memory."""
    size = image_size(data)
    if size is None or size[0] * size[1] > 1 << 16:
        return
    if sniff(data) == "PNG" and outcome(ImageError, check_whole, data) is not None:
        return  # OpenCV takes as much memory as the length of a chunk says, up to 4 GiB; so the package never gives it such a PNG
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return
    assert image is None or image.shape[0] * image.shape[1] == size[0] * size[1]


def long_tiff(number):
    """A directory of so many tags, each of them the whole file."""
    return b"II*\0" + struct.pack("<IH", 8, number) + struct.pack("<HHII", 273, 1, 12 * number, 0) * number


LONG = {
    "ff": b"\xff\xd8\xff\xe0\0\4ab" + b"\xff" * 1_000_000 + b"\0",
    "ff in a scan": b"\xff\xd8\xff\xda\0\2" + b"\xff" * 1_000_000,
    "markers": b"\xff\xd8" + b"\xff\xe0\0\0" * 100_000,
    "markers without a length": b"\xff\xd8" + b"\xff\x01" * 300_000,
    "PNG chunks": b"\x89PNG\r\n\x1a\n" + bytes(1_200_000),
    "TIFF": long_tiff(65535),
    "blanks": b" " * 1_000_000,
}


@pytest.mark.parametrize("name", list(LONG))
def test_a_large_file_takes_no_time(name):
    for check in (sniff, describe, check_whole, check_readable_by_mxnet, image_size, jpeg.size, jpeg.read_head, tiff.read_tags):
        outcome((ImageError, struct.error), check, LONG[name])


# What a run leaves behind

TEXTS = st.one_of(
    st.none(), st.text(st.characters(), min_size=1, max_size=20), st.sampled_from(["a\tb\n\r\\n\x1b", "\ud800", "\udcff.jpg"])
)
NUMBERS = st.one_of(st.none(), st.integers(0, MAX_INDEX))
FAILURES = st.lists(st.builds(Failure, NUMBERS, NUMBERS, TEXTS, TEXTS.map(str), TEXTS.map(str)), max_size=6)


@fuzz(200)
@given(FAILURES)
def test_a_table_of_failures_gives_them_back(tmp_path_factory, failures):
    path = str(tmp_path_factory.getbasetemp() / "fuzz.failures.tsv")
    write_failures(path, failures)
    assert read_failures(path) == failures
    with open(path, "rb") as stream:
        lines = stream.read().decode("utf-8").split("\n")
    assert len(lines) == len(failures) + 2 and all(line.count("\t") == 4 for line in lines[:-1])


TABLE = b"line\tindex\tpath\tstage\treason\n"
ROWS = [
    TABLE + b"7\t6\ta\\tb.jpg\tread\tno \\x1b such \\\\ file\n\t\t\tlist\tit \\udcff is\n",
    TABLE + b"1\t18446744073709551615\tb\tc\td\n",
]


@fuzz(200)
@given(st.one_of(st.binary(max_size=80), st.binary(max_size=80).map(lambda data: TABLE + data), mutated(ROWS, head=31)))
def test_any_bytes_are_a_table_of_failures_or_an_error(tmp_path_factory, data):
    path = str(tmp_path_factory.getbasetemp() / "fuzz.failures.tsv")
    with open(path, "wb") as stream:
        stream.write(data)
    found = outcome(ValueError, read_failures, path)
    if isinstance(found, ValueError):
        assert path in str(found) and "line" in str(found)
    else:
        assert all(isinstance(each, Failure) for each in found)


def real_journal(folder):
    path = str(folder / "real.journal")
    journal = Journal(path)
    journal.open()
    journal.start({"seed": "0", "list": "no file"})
    journal.add(Checkpoint(8, "0123", 7, 700, 70), [KeptFailure(3, 3, Failure(4, 3, "c.jpg", "read", "it is \udcff"))])
    journal.add(Checkpoint(16, "4567", 15, 1500, 150), [])
    journal.mark_publishing(Publishing("0123456789ab", (None, None, None, 17, 18)))
    journal.mark_publishing(None)
    journal.close()
    with open(path, "rb") as stream:
        return stream.read()


@pytest.fixture(scope="module")
def journals(tmp_path_factory):
    return [real_journal(tmp_path_factory.mktemp("journal"))]


@pytest.mark.whole
@fuzz(400)
@given(st.data())
def test_any_journal_counts_as_far_as_it_is_understood(tmp_path_factory, journals, data):
    path = str(tmp_path_factory.getbasetemp() / "fuzz.journal")
    lines = journals[0].splitlines(keepends=True)
    cut = b"".join(lines[:3])
    content = data.draw(
        st.one_of(
            mutated(journals, head=200), st.binary(max_size=100), st.binary(max_size=100).map(lambda rest: cut + rest + b"\n")
        )
    )
    with open(path, "wb") as stream:
        stream.write(content)
    journal = Journal(path)
    soon(journal.open)
    try:
        kept = journal.checkpoint
        if content.startswith(cut):  # what stands before the damage counts
            assert kept is not None
        if kept is not None:
            assert all(isinstance(each, KeptFailure) for each in journal.failures)
    finally:
        journal.close()


@st.composite
def one_digit_wrong(draw, original):
    """What still is JSON, and says something else."""
    data = bytearray(original)
    place = draw(st.sampled_from([place for place, byte in enumerate(data) if chr(byte).isdigit()]))
    data[place] = draw(st.sampled_from(b"0123456789"))
    return bytes(data)


RUN = 24


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A run that was killed, as a dict of its files; and what it would have made."""
    folder = tmp_path_factory.mktemp("interrupted")
    for number in range(RUN):
        (folder / f"{number}.gif.png").write_bytes(IMAGES[5 + number % 4] if number not in (5, 20) else b"no image")
    (folder / "images.lst").write_text("".join(f"{number}\t1\t{number}.gif.png\n" for number in range(RUN)))
    expected = pack(folder)
    whole = read_files(folder)
    for name in whole:
        (folder / name).unlink()

    def die(done, total, failed):
        if done == 18:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        pack(folder, progress=die)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    return folder, read_files(folder), whole, expected.failures


def pack(folder, **options):
    options = {"num_workers": 0, "pass_through": True, "batch_size": 4, "error_limit": None, "progress": False, **options}
    return im2rec(folder / "images.lst", folder / "out", **options)


def read_files(folder):
    return {path.name: path.read_bytes() for path in folder.glob("out.*")}


@fuzz(60)
@given(st.data())
def test_whatever_the_journal_says_the_dataset_is_right_or_there_is_none(interrupted, data):
    folder, left, whole, failures = interrupted
    for path in folder.glob("out.*"):
        path.unlink()
    name = data.draw(st.sampled_from([name for name in left if "journal" in name]))
    for each, content in left.items():
        (folder / each).write_bytes(content)
    wrong = st.one_of(mutated([left[name]], head=len(left[name]), most=3), one_digit_wrong(left[name]))
    (folder / name).write_bytes(data.draw(wrong))
    try:
        report = pack(folder, resume=True)
    except (ResumeError, OutputError):
        assert not (folder / "out.rec").exists()
        report = pack(folder)
    assert read_files(folder) == whole
    assert report.failures == failures

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""im2rec(): its arguments, its failures, its report, and what it leaves behind."""

import inspect
import logging
import multiprocessing
import os
import shutil
import threading
from pathlib import Path

import cv2
import mxnet as mx
import numpy as np
import pytest
from helpers import children_left, dataset_bytes, read_records, run_script
from mxnet.gluon import nn
from mxnet.gluon.data.vision import transforms
from photos import PHOTOS, SKIMAGE, write_list

from mxnet_im2rec import EmptyDatasetError, ErrorLimitExceeded, Failure, LabelPrecisionWarning, ListEntry, PackReport, im2rec
from mxnet_im2rec.dataset.failures import read_failures
from mxnet_im2rec.images import codec as images

WORKERS = [0, 2]


@pytest.fixture
def folder(tmp_path, photos):
    """A folder of the test's own, with the photos in it and a list of them."""
    for name in PHOTOS:
        shutil.copy(photos / name, tmp_path / name)
    write_list(tmp_path / "images.lst", PHOTOS)
    return tmp_path


def files_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_the_signature_is_the_one_promised():
    parameters = inspect.signature(im2rec).parameters
    positional = [
        ("list_file", inspect.Parameter.empty),
        ("output_path", inspect.Parameter.empty),
        ("transformations", None),
        ("num_workers", None),
        ("batch_size", 4096),
        ("pack_labels", True),
        ("color", 1),
        ("encoding", ".jpg"),
        ("quality", 95),
        ("pass_through", False),
        ("error_limit", 0),
    ]
    found = [(name, each.default) for name, each in parameters.items() if each.kind is each.POSITIONAL_OR_KEYWORD]
    assert found == positional
    keywords = {name: each.default for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY}
    assert {"root": None, "seed": 0, "progress": None, "mp_context": None}.items() <= keywords.items()


SNIPPET = """
from mxnet_im2rec import im2rec
from mxnet.gluon.data.vision import transforms
import os
import multiprocessing as mp

list_file = 'images.lst'
output_path = os.path.join(os.getcwd(), 'images_rec')
transformations = transforms.Compose([transforms.Resize(300),
                                      transforms.ToTensor(),
                                      transforms.Normalize(0, 1)])
im2rec(list_file, output_path, transformations=transformations,
       num_workers=mp.cpu_count() - 1, batch_size=4096,
       pack_labels=True, color=1, encoding='.jpg',
       quality=95, pass_through=False, error_limit=0)
"""


def test_the_snippet_works_as_a_plain_script(folder):
    before = files_in(folder)
    code, out, err = run_script(SNIPPET, folder)
    err = [line for line in err.splitlines() if not line.startswith("libpng warning")]  # of a profile in one of the photos
    assert (code, out, err) == (0, "", [])
    assert set(files_in(folder)) - set(before) == {"images_rec.rec", "images_rec.idx", "script_under_test.py"}
    report = PackReport(str(folder / "images_rec.rec"), str(folder / "images_rec.idx"), 0, 0, (), 0.0)
    records = read_records(report)
    assert [key for key, _, _ in records] == [0, 1, 2, 3, 4]
    assert all(cv2.imdecode(np.frombuffer(payload, np.uint8), -1).shape == (300, 300, 3) for _, _, payload in records)


def test_spawn_without_a_main_guard_says_what_to_do(folder):
    code, out, err = run_script(SNIPPET.replace("error_limit=0)", "error_limit=0, mp_context='spawn')"), folder, is_warm=True)
    assert code != 0
    assert "WorkerDiedError" in err and "if __name__ == '__main__':" in err
    assert not (folder / "images_rec.rec").exists()


@pytest.mark.parametrize(
    "output, names",
    [
        ("out", ["out.idx", "out.rec"]),
        ("out.rec", ["out.idx", "out.rec"]),
        ("out.v2", ["out.v2.idx", "out.v2.rec"]),
        ("sub", ["sub/images.idx", "sub/images.rec"]),
        ("sub/", ["sub/images.idx", "sub/images.rec"]),
    ],
)
def test_output_paths(folder, output, names):
    (folder / "sub").mkdir()
    report = im2rec(folder / "images.lst", f"{folder}/{output}", num_workers=0)
    assert [str(Path(path).relative_to(folder)) for path in (report.idx_path, report.rec_path)] == names
    assert all((folder / name).is_file() for name in names)


def test_relative_paths_are_relative_to_the_list_or_to_root(folder, monkeypatch):
    (folder / "lists").mkdir()
    shutil.move(str(folder / "images.lst"), str(folder / "lists" / "images.lst"))
    with pytest.raises(ErrorLimitExceeded, match="No such file.*lists/astronaut.png"):
        im2rec(folder / "lists" / "images.lst", folder / "out", num_workers=0)
    assert im2rec(folder / "lists" / "images.lst", folder / "out", num_workers=0, root=folder).num_records == 5
    monkeypatch.chdir(folder)
    assert im2rec([ListEntry(3, (1,), "coffee.png")], "out", num_workers=1).num_records == 1


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"encoding": ".webp"}, ValueError, r"'\.jpg', '\.jpeg' or '\.png'"),
        ({"encoding": "jpg"}, ValueError, r"'\.jpg', '\.jpeg' or '\.png'"),
        ({"quality": 0}, ValueError, "1 to 100"),
        ({"quality": 101}, ValueError, "1 to 100"),
        ({"quality": 50.5}, ValueError, "1 to 100"),
        ({"encoding": ".png", "quality": 10}, ValueError, "0 to 9"),
        ({"encoding": ".png", "quality": -1}, ValueError, "0 to 9"),
        ({"color": 2}, ValueError, "1 .*0 .*-1"),
        ({"num_workers": -1}, ValueError, "at least 0"),
        ({"num_workers": 1.5}, TypeError, "whole number"),
        ({"batch_size": 0}, ValueError, "at least 1"),
        ({"error_limit": -1}, ValueError, "at least 0"),
        ({"seed": "x"}, TypeError, "whole number"),
        ({"pass_through": True, "transformations": lambda image: image}, ValueError, "pass_through"),
        ({"transformations": [transforms.Resize(3)]}, TypeError, "Compose"),
        ({"transformations": 3}, TypeError, "callable"),
        ({"root": "/no/such/folder"}, NotADirectoryError, "/no/such/folder"),
        ({"output_path": "/no/such/folder/out"}, FileNotFoundError, "/no/such/folder"),
        ({"output_path": ""}, ValueError, "empty"),
        ({"list_file": "/no/such.lst"}, FileNotFoundError, "/no/such.lst"),
        ({"mp_context": "thread"}, ValueError, "'fork', 'spawn'"),
        ({"mp_context": 1}, TypeError, "mp_context"),
        ({"pass_through": "no"}, TypeError, "pass_through"),
        ({"pack_labels": "no"}, TypeError, "pack_labels"),
        ({"fast_decode": None}, TypeError, "fast_decode"),
        ({"verify": 2}, TypeError, "verify"),
        ({"progress": "yes"}, TypeError, "progress"),
        ({"list_file": None}, TypeError, "list_file"),
        ({"output_path": None}, TypeError, "output_path"),
        ({"transformations": transforms.ToTensor}, TypeError, "instance"),
        ({"list_file": [("0",)]}, TypeError, "ListEntry"),
    ],
)
def test_wrong_arguments_are_told_at_once_and_leave_nothing(folder, arguments, error, message):
    before = files_in(folder)
    call = {"list_file": folder / "images.lst", "output_path": folder / "out", "num_workers": 2, **arguments}
    with pytest.raises(error, match=message):
        im2rec(**call)
    assert files_in(folder) == before
    assert not children_left()


@pytest.mark.parametrize("quality, level", [(95, 3), (0, 0), (9, 9)])
def test_png_quality_is_its_compression(folder, quality, level):
    write_list(folder / "images.lst", PHOTOS[1:3])
    report = im2rec(folder / "images.lst", folder / "out", num_workers=0, encoding=".png", quality=quality)
    for name, (_, _, payload) in zip(PHOTOS[1:3], read_records(report)):
        image = cv2.imread(str(folder / name))
        assert payload == cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, level])[1].tobytes()


def test_jpeg_is_another_name_of_jpg(folder):
    one = dataset_bytes(im2rec(folder / "images.lst", folder / "one", num_workers=0, encoding=".jpg"))
    assert one == dataset_bytes(im2rec(folder / "images.lst", folder / "two", num_workers=0, encoding=".jpeg"))


def raises(image):
    raise RuntimeError("no luck\nwith this one")


def returns_nan(image):
    return image.astype("float32") * float("nan")


def exits(image):
    raise SystemExit(3)


BAD_TRANSFORMS = [
    (raises, "RuntimeError: no luck with this one"),
    (returns_nan, "NaN"),
    (exits, "SystemExit"),
    (lambda image: image.asnumpy().tolist(), "list"),
    (lambda image: image.astype("int32"), "int32"),
    (lambda image: image.transpose((2, 0, 1)), "transpose"),
    (lambda image: image.reshape((-1,)), "shape"),
    (lambda image: mx.nd.zeros((0, 5, 3)), "shape"),
    (transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.25)]), "Normalize"),
    (transforms.CropResize(0, 0, 10_000, 10_000), "MXNetError"),
]


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("transform, reason", BAD_TRANSFORMS)
def test_a_transform_that_fails_is_a_failure_of_its_image(folder, transform, reason, workers):
    with pytest.raises(ErrorLimitExceeded) as caught:
        im2rec(folder / "images.lst", folder / "out", transformations=transform, num_workers=workers, error_limit=2)
    assert [failure.stage for failure in caught.value.failures] == ["transform"] * 3
    assert all(reason in failure.reason for failure in caught.value.failures)
    assert not any("Traceback" in failure.reason for failure in caught.value.failures)
    assert [failure.path for failure in caught.value.failures] == PHOTOS[:3]


def fails_below(image):
    return raises(image)


@pytest.mark.parametrize("workers, method", [(0, None), (2, "fork"), (1, "spawn")])
def test_a_failure_of_a_transform_keeps_the_traceback_from_there_on(folder, workers, method):
    with pytest.raises(ErrorLimitExceeded) as caught:
        im2rec(folder / "images.lst", folder / "out", fails_below, num_workers=workers, error_limit=1, mp_context=method)
    for failure in caught.value.failures:
        assert "in fails_below" in failure.traceback and "in raises" in failure.traceback
        assert "no luck" in failure.traceback and "mxnet_im2rec/" not in failure.traceback
        assert "Traceback" not in str(failure) + repr(failure)
        assert failure == Failure(failure.line, failure.index, failure.path, failure.stage, failure.reason)
    cause = caught.value.__cause__
    assert (type(cause), str(cause)) == ((RuntimeError, "no luck\nwith this one") if workers == 0 else (type(None), "None"))


def test_the_cause_is_that_of_the_last_failure(folder):
    write_list(folder / "images.lst", [PHOTOS[0], "no_such.png"])
    with pytest.raises(ErrorLimitExceeded) as caught:
        im2rec(folder / "images.lst", folder / "out", raises, num_workers=0, error_limit=1)
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    (folder / "images.lst").write_text(f"0\t1\t{PHOTOS[0]}\nno line\n")
    with pytest.raises(ErrorLimitExceeded) as caught:
        im2rec(folder / "images.lst", folder / "out", raises, num_workers=0, error_limit=1)
    assert caught.value.__cause__ is None


def hybrid(*blocks):
    block = nn.HybridSequential()
    block.add(*blocks)
    block.hybridize()
    return block


normalize = hybrid(transforms.ToTensor(), transforms.Normalize((0, 0, 0), (1, 1, 1)))


@pytest.mark.parametrize(
    "transform",
    [
        transforms.Compose([transforms.ToTensor(), transforms.Normalize((0, 0, 0), (1, 1, 1))]),
        hybrid(transforms.CropResize(5, 5, 30, 30), transforms.Cast("float32")),
        lambda image: normalize(image),
    ],
    ids=["compose", "hybrid", "function"],
)
def test_failures_say_the_same_whatever_the_number_of_workers(folder, transform):
    noise = np.random.RandomState(0)
    sizes = {"whole.png": (50, 50, 3), "grey.png": (50, 50), "alpha.png": (50, 50, 4), "small.png": (20, 20, 3)}
    for name, size in sizes.items():
        cv2.imwrite(str(folder / name), noise.randint(0, 256, size).astype(np.uint8))
    names = ["whole", "grey", "alpha", "small", "grey", "grey", "alpha", "alpha", "whole", "small", "alpha", "grey"]
    write_list(folder / "images.lst", [f"{name}.png" for name in names])
    tables, told = [], []
    for workers in (0, 1, 2):
        arguments = {"num_workers": workers, "error_limit": None, "color": -1}
        report = im2rec(folder / "images.lst", folder / "out", transform, **arguments)
        tables.append(Path(report.failures_path).read_bytes())
        told.append(report.failures)
    assert told[0] == told[1] == told[2] and tables[0] == tables[1] == tables[2]
    for name in sizes:  # every image says the same as another of its kind
        assert len({failure.reason for failure in told[0] if failure.path == name}) <= 1
    assert len(told[0]) >= 5 and not any("shape in" in failure.reason or "MXPlan" in failure.reason for failure in told[0])


@pytest.fixture
def bad_list(folder):
    """A list with every kind of failure, and the failures' (line, index, stage, part of the reason)."""
    jpeg = cv2.imencode(".jpg", cv2.imread(str(folder / "rocket.jpg")))[1].tobytes()
    (folder / "half.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "no end.jpg").write_bytes(jpeg[:-2])
    (folder / "half.png").write_bytes((folder / "coffee.png").read_bytes()[:100_000])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "page.jpg").write_bytes(b"<html><body>404</body></html>")
    (folder / "folder.jpg").mkdir()
    (folder / "tiny.jpg").write_bytes((SKIMAGE / "no_time_for_that_tiny.gif").read_bytes()[:300])  # no OpenCV decodes a part
    lines = [
        b"0\t1\tastronaut.png",
        b"1\t1\tno_such_file.jpg",
        b"2\t1\thalf.jpg",
        b"3\t1\tno end.jpg",
        b"4\t1\thalf.png",
        b"5\t1\tempty.jpg",
        b"6\t1\tpage.jpg",
        b"7\t1\tfolder.jpg",
        b"8\t1\ttiny.jpg",
        b"x\t1\tcoffee.png",
        b"-1\t1\tcoffee.png",
        b"9\tcat\tcoffee.png",
        b"10\t1e39\tcoffee.png",
        b"0\t1\tcoffee.png",
        b"12\t1\tcaf\xe9.png",
        b"13\t1",
        b"18446744073709551615\t2.5\tcoffee.png",
    ]
    (folder / "bad.lst").write_bytes(b"\n".join(lines))
    failures = [
        (2, 1, "read", "No such file"),
        (3, 2, "decode", "truncated"),
        (4, 3, "decode", "truncated"),
        (5, 4, "decode", "truncated"),
        (6, 5, "read", "empty"),
        (7, 6, "decode", "HTML"),
        (8, 7, "read", "directory"),
        (9, 8, "decode", "GIF"),
        (10, None, "list", "'x'"),
        (11, None, "list", "'-1'"),
        (12, 9, "list", "'cat'"),
        (13, 10, "list", "float32"),
        (14, 0, "list", "earlier line"),
        (15, None, "list", "UTF-8"),
        (16, 13, "list", "label"),
    ]
    return folder / "bad.lst", failures


@pytest.mark.parametrize("workers", WORKERS)
def test_failures_up_to_the_limit_are_left_out_logged_and_listed(bad_list, workers, caplog):
    path, expected = bad_list
    with caplog.at_level(logging.WARNING, "mxnet_im2rec"):
        report = im2rec(path, path.parent / "out", num_workers=workers, error_limit=15)
    assert [(each.line, each.index, each.stage) for each in report.failures] == [each[:3] for each in expected]
    for failure, (_, _, _, part) in zip(report.failures, expected):
        assert part in failure.reason, failure
    assert [record.getMessage() for record in caplog.records] == [f"failed: {failure}" for failure in report.failures]
    assert report.num_records == 2
    assert [key for key, _, _ in read_records(report)] == [0, 2**64 - 1]
    assert "15 entries failed" in str(report) and "... and 5 more" in str(report)


@pytest.mark.parametrize("workers", WORKERS)
def test_one_failure_over_the_limit_ends_the_run_and_touches_nothing(bad_list, workers):
    path, expected = bad_list
    folder = path.parent
    (folder / "out.rec").write_bytes(b"old rec")
    (folder / "out.idx").write_bytes(b"old idx")
    before = files_in(folder)
    with pytest.raises(ErrorLimitExceeded) as caught:
        im2rec(path, folder / "out", num_workers=workers, error_limit=14)
    assert [each.line for each in caught.value.failures] == [each[0] for each in expected]
    assert caught.value.error_limit == 14
    assert "15 entries failed" in str(caught.value) and "line 16" in str(caught.value)
    assert read_failures(folder / "out.failed-run.failures.tsv") == list(caught.value.failures)
    assert caught.value.failures_path == str(folder / "out.failed-run.failures.tsv")
    assert caught.value.failures_path in str(caught.value)
    (folder / "out.failed-run.failures.tsv").unlink()
    assert files_in(folder) == before
    assert (folder / "out.rec").read_bytes() == b"old rec" and (folder / "out.idx").read_bytes() == b"old idx"
    assert not children_left()


def test_no_limit_lists_every_failure(bad_list):
    path, expected = bad_list
    assert len(im2rec(path, path.parent / "out", num_workers=2, error_limit=None).failures) == len(expected)


def test_pass_through_refuses_what_mxnet_does_not_decode(folder):
    image = cv2.imread(str(folder / "coffee.png"))
    cv2.imwrite(str(folder / "really.webp"), image)
    shutil.move(str(folder / "really.webp"), str(folder / "named.jpg"))
    shutil.copy(SKIMAGE / "no_time_for_that_tiny.gif", folder / "tiny.gif")
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    (folder / "half.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    shutil.copy(folder / "coffee.png", folder / "a png.jpg")
    write_list(folder / "images.lst", ["named.jpg", "tiny.gif", "half.jpg", "a png.jpg"])
    report = im2rec(folder / "images.lst", folder / "out", pass_through=True, num_workers=0, error_limit=None)
    assert ["WebP" in report.failures[0].reason, "GIF" in report.failures[1].reason] == [True, True]
    assert "truncated" in report.failures[2].reason
    assert read_records(report)[0][2] == (folder / "coffee.png").read_bytes()


@pytest.mark.parametrize("content", [b"", b"# nothing but this\n\n"])
def test_an_empty_list_makes_no_empty_dataset(folder, content):
    (folder / "empty.lst").write_bytes(content)
    with pytest.raises(EmptyDatasetError, match=r"empty\.lst.*no entries"):
        im2rec(folder / "empty.lst", folder / "out", num_workers=1)
    assert not list(folder.glob("out*"))


def test_a_list_whose_every_entry_fails_makes_no_empty_dataset(folder):
    write_list(folder / "images.lst", ["no1.jpg", "no2.jpg"])
    with pytest.raises(EmptyDatasetError, match="all 2 entries") as caught:
        im2rec(folder / "images.lst", folder / "out", num_workers=0, error_limit=None)
    assert len(caught.value.failures) == 2
    assert [path.name for path in folder.glob("out*")] == ["out.failed-run.failures.tsv"]
    assert str(folder / "out.failed-run.failures.tsv") in str(caught.value)


def test_entries_that_all_fail_once_more_are_counted_as_those_that_only_names(folder):
    write_list(folder / "images.lst", [*PHOTOS, "no1.jpg", "no2.jpg"])
    report = im2rec(folder / "images.lst", folder / "out", num_workers=0, error_limit=None)
    for only, words in ((report.failures, "all 2 entries"), (report.failures[:1], "the only entry")):
        said = rf"^{words} of '\S+images\.lst' that only names failed; nothing was written\. The first: line \d+"
        with pytest.raises(EmptyDatasetError, match=said):
            im2rec(folder / "images.lst", folder / "rest", num_workers=0, error_limit=None, only=only)
    with pytest.raises(EmptyDatasetError, match=r"^only names no entry of '\S+images\.lst'; nothing was written$"):
        im2rec(folder / "images.lst", folder / "rest", num_workers=0, only=[])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello world\n", r"no known image format (it starts with 68 65 6c 6c 6f 20 77 6f, 'hello wo')"),
        (b"\0\1\2\3" * 9, "no known image format (it starts with 00 01 02 03 00 01 02 03)"),
        (b"<html>404</html>", "XML or HTML data"),
    ],
)
def test_a_file_that_is_no_image_is_said_to_be_none(folder, data, words):
    (folder / "text.jpg").write_bytes(data)
    write_list(folder / "images.lst", ["text.jpg", *PHOTOS])
    report = im2rec(folder / "images.lst", folder / "out", num_workers=0, error_limit=1)
    advice = "; if it is one all the same, max_pixels=None decodes it" if "it starts with" in words else ""
    assert report.failures[0].reason == f"it is no image: {words}{advice}"


def test_an_inexact_label_warns_once_with_its_line(folder):
    write_list(folder / "images.lst", PHOTOS, lambda index: [2**24 + index])
    with pytest.warns(LabelPrecisionWarning, match=r"line 2: the label 16777217 becomes 16777216") as caught:
        report = im2rec(folder / "images.lst", folder / "out", num_workers=0)
    assert len(caught) == 1
    assert read_records(report)[1][1].label == 2**24


def test_the_report(folder):
    report = im2rec(folder / "images.lst", folder / "out", num_workers=1)
    assert report.num_records == 5 and report.failures == () and report.seconds > 0
    assert report.num_bytes == Path(report.rec_path).stat().st_size
    assert str(report).startswith("5 records, ") and str(folder / "out.rec") in str(report)
    assert str(Failure(3, None, "a\x1b[2Jb", "read", "why")) == r"line 3, 'a\x1b[2Jb': read: why"


def test_a_record_over_the_formats_limit_is_a_failure(folder, monkeypatch):
    sizes = sorted((folder / name).stat().st_size + 24 for name in PHOTOS)
    monkeypatch.setattr("mxnet_im2rec.limits.MAX_RECORD_BYTES", sizes[-2])
    report = im2rec(folder / "images.lst", folder / "out", pass_through=True, num_workers=0, error_limit=1)
    assert report.num_records == 4
    assert report.failures[0].stage == "pack" and "limit" in report.failures[0].reason


def test_a_result_that_cannot_be_stored_is_a_failure(folder):
    report = im2rec(
        folder / "images.lst",
        folder / "out",
        transformations=lambda image: mx.nd.zeros((1, 70_000 if image.shape[0] == 512 else 9, 3), dtype="uint8"),
        num_workers=0,
        error_limit=2,
    )
    assert [failure.stage for failure in report.failures] == ["encode", "encode"]


@pytest.mark.parametrize("workers", WORKERS)
def test_progress_is_told_to_a_callable(folder, workers):
    told = []
    write_list(folder / "images.lst", [*PHOTOS, "no_such.jpg"])
    im2rec(folder / "images.lst", folder / "out", num_workers=workers, error_limit=1, progress=lambda *args: told.append(args))
    assert told == [(1, 6, 0), (2, 6, 0), (3, 6, 0), (4, 6, 0), (5, 6, 0), (6, 6, 1)]


def test_an_iterator_of_entries_has_no_total_and_is_read_as_needed(folder):
    taken = []

    def entries():
        for index in range(500):
            taken.append(index)
            yield ListEntry(index, (0.0,), PHOTOS[index % 5])

    ahead = []

    def progress(done, total, failures):
        assert total is None
        ahead.append(len(taken) - done)

    im2rec(entries(), folder / "out", root=folder, num_workers=2, batch_size=20, pass_through=True, progress=progress)
    assert len(ahead) == 500 and max(ahead) <= 20


def test_an_exception_in_the_parent_leaves_no_child_and_no_file(folder):
    before = files_in(folder)

    def progress(done, total, failures):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        im2rec(folder / "images.lst", folder / "out", num_workers=2, progress=progress)
    assert files_in(folder) == before
    assert not children_left()


class Halve(nn.Block):
    """A Block of a user's own."""

    def forward(self, x):
        return x[::2, ::2]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_own_blocks_lambdas_and_used_composes_work_with_every_start_method(folder, method):
    half = 2
    used = transforms.Compose([transforms.Resize(64), transforms.ToTensor()])
    used(mx.nd.zeros((70, 70, 3), dtype="uint8")).wait_to_read()
    inner = Halve()
    transforms_ = [Halve(), lambda image: image[::half, ::half], used]
    if method == "spawn":  # a worker that starts so takes two seconds: a Block that holds others, and a lambda that does
        transforms_ = [transforms.Compose([Halve(), used]), lambda image: used(inner(image)[::half, ::half])]
    for transform in transforms_:
        options = {"transformations": transform, "num_workers": 2 if method == "fork" else 1, "mp_context": method}
        report = im2rec(folder / "images.lst", folder / "out", **options)
        expected = im2rec(folder / "images.lst", folder / "expected", transformations=transform, num_workers=0)
        assert dataset_bytes(report) == dataset_bytes(expected)


def test_a_context_object_and_the_global_start_method_are_honoured(folder):
    context = multiprocessing.get_context("forkserver")
    assert im2rec(folder / "images.lst", folder / "out", num_workers=1, mp_context=context).num_records == 5


def pack_in_daemon(folder, num_workers, queue):
    try:
        report = im2rec(folder / "images.lst", folder / "daemon", num_workers=num_workers)
        queue.put(report.num_records)
    except Exception as error:
        queue.put(repr(error))


@pytest.mark.parametrize("num_workers, expected", [(None, 5), (0, 5), (2, "num_workers=0")])
def test_a_daemonic_process_has_no_workers(folder, num_workers, expected):
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    with images.one_thread():
        process = context.Process(target=pack_in_daemon, args=(folder, num_workers, queue), daemon=True)
        process.start()
    found = queue.get()
    process.join(60)
    assert found == expected if isinstance(expected, int) else expected in found


def test_concurrent_calls_leave_opencvs_threads_as_they_were(folder):
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    threads = [
        threading.Thread(target=im2rec, args=(folder / "images.lst", folder / f"out{number}"), kwargs={"num_workers": 1})
        for number in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert cv2.getNumThreads() == 2
    cv2.setNumThreads(before)
    outputs = {(folder / f"out{number}.rec").read_bytes() for number in range(3)}
    assert len(outputs) == 1


UNLOADABLE = """
import sys
from pathlib import Path
Path('own_transform.py').write_text('def halve(image): return image[::2]')
sys.path.insert(0, '.')
from mxnet_im2rec import im2rec
if __name__ == '__main__':
    from own_transform import halve
    Path('own_transform.py').unlink()
    im2rec('images.lst', 'out', halve, num_workers=1, mp_context='spawn')
"""


def test_a_transform_that_a_worker_cannot_load_is_told_as_that(folder):
    script = UNLOADABLE.replace("Path('own", "__name__ == '__main__' and Path('own", 1)
    code, out, err = run_script(script, folder, is_warm=True)
    assert code == 1
    assert "could not load what it needs" in err and "No module named 'own_transform'" in err


def test_np_semantics_of_the_caller_reach_the_transforms(folder):
    seen = []

    def look(image):
        seen.append(type(image))
        return image[::2]

    mx.npx.set_np()
    try:
        im2rec(folder / "images.lst", folder / "out", transformations=look, num_workers=0)
        compose = transforms.Compose([transforms.Resize(64), transforms.ToTensor()])
        assert im2rec(folder / "images.lst", folder / "out", transformations=compose, num_workers=1).num_records == 5
    finally:
        mx.npx.reset_np()
    assert set(seen) == {mx.np.ndarray}


def test_inside_a_training_script_mxnet_and_opencv_stay_as_they_were(folder):
    """Fork after operators, OpenMP, OpenCV's threads and a reader have all run in the parent; and all of them afterwards."""
    big = np.random.RandomState(0).randint(0, 256, (1500, 2000, 3)).astype(np.uint8)
    compose = transforms.Compose([transforms.Resize((900, 600)), transforms.ToTensor()])
    net = nn.Dense(3)
    net.initialize()

    def train():
        cv2.GaussianBlur(cv2.resize(big, (1000, 800)), (5, 5), 1)
        data = compose(mx.nd.array(big, dtype="uint8")).reshape((1, -1))[:, :5000]
        with mx.autograd.record():
            loss = net(data).sum()
        loss.backward()
        return loss.asscalar()

    first = train()
    threads = cv2.getNumThreads()
    report = im2rec(folder / "images.lst", folder / "out", transformations=compose, num_workers=2)
    assert cv2.getNumThreads() == threads
    assert train() == first
    reader = mx.io.ImageRecordIter(
        path_imgrec=report.rec_path, path_imgidx=report.idx_path, data_shape=(3, 600, 900), batch_size=5
    )
    assert next(reader).data[0].shape == (5, 3, 600, 900)
    again = im2rec(folder / "images.lst", folder / "again", transformations=compose, num_workers=2)
    assert dataset_bytes(again) == dataset_bytes(report)


PENDING = """
import mxnet_im2rec, mxnet as mx
from mxnet_im2rec import im2rec
mx.nd.random.normal(0, -1, shape=(2, 2))  # fails in a thread of MXNet's, and no one has asked yet
try:
    im2rec('images.lst', 'out', num_workers=1, progress=False)
except mx.MXNetError as error:
    print('raised', 'scale' in str(error))
print(im2rec('images.lst', 'out', num_workers=1, progress=False).num_records)
"""


def test_an_operator_that_failed_before_is_raised_and_does_not_abort_the_process_at_the_fork(folder):
    code, out, err = run_script(PENDING, folder, is_warm=True)
    assert (code, out.split()) == (0, ["raised", "True", "5"]), err


def test_a_transform_that_cannot_be_run_is_each_images_failure_and_leaves_nothing_to_a_fork(folder):
    too_large = transforms.Compose([transforms.Resize(10**6)])
    with pytest.raises(EmptyDatasetError) as caught:
        im2rec(folder / "images.lst", folder / "out", too_large, num_workers=0, error_limit=None)
    assert {each.stage for each in caught.value.failures} == {"transform"}
    assert im2rec(folder / "images.lst", folder / "out", num_workers=1).num_records == 5


@pytest.mark.parametrize("verified", [False, True])
@pytest.mark.parametrize("workers", WORKERS)
def test_a_transform_that_changes_the_folder_changes_no_path(folder, monkeypatch, tmp_path_factory, workers, verified):
    """Every path that is given is taken from the folder in which the call was made."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def leave(image):
        os.chdir(elsewhere)
        return image

    write_list(folder / "images.lst", [*PHOTOS, "none.png", *PHOTOS])
    monkeypatch.chdir(folder)
    options = {"num_workers": workers, "error_limit": 1, "verify": verified, "root": "."}
    report = im2rec("images.lst", "out", leave, **options)
    assert report.rec_path == str(folder / "out.rec") and report.num_records == 2 * len(PHOTOS)
    os.link(folder / PHOTOS[0], folder / "none.png")
    os.chdir(folder)
    assert im2rec("images.lst", "rest", leave, only="out.failures.tsv", **options).num_records == 1
    assert not list(elsewhere.iterdir())


def test_a_list_behind_a_link_to_a_folder_is_the_one_that_the_system_finds(folder, monkeypatch, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path / "deep" / "er")
    write_list(tmp_path / "deep" / "images.lst", PHOTOS[:2])
    monkeypatch.chdir(folder)
    assert im2rec("link/../images.lst", "out", num_workers=0, root=str(folder)).num_records == 2

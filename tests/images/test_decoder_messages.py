# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Damage inside images: the decoders' words are caught, and reach the report, the log, the journal and the commands."""

import json
import logging
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import shell
from helpers import REPO, dataset_bytes, run_script
from photos import SKIMAGE, write_list
from PIL import Image

from mxnet_im2rec import DamagedImage, ErrorLimitExceeded, ImageError, check_list, contact_sheet, im2rec, verify
from mxnet_im2rec.images import codec as images
from mxnet_im2rec.images.decoder_messages import listen_to, means_damage
from mxnet_im2rec.transforms.pipeline import DamagedBytes

WORDS = "Corrupt JPEG data: "


def photo(seed=0, restart=0):
    """A JPEG of a real photo, another for each seed."""
    cat = np.asarray(Image.open(SKIMAGE / "chelsea.png").convert("RGB"))[seed : 250 + seed, :400, ::-1]
    return cv2.imencode(".jpg", cat, [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_RST_INTERVAL, restart])[1].tobytes()


def damaged(jpeg, length=512):
    """Other bytes in the middle of the scan, none of which is a marker's."""
    middle = len(jpeg) // 2
    return jpeg[:middle] + np.random.RandomState(0).randint(0, 255, length).astype(np.uint8).tobytes() + jpeg[middle + length :]


BAD = [3, 4, 11]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """12 photos in a list, three of them damaged inside; and a PNG with a profile that libpng remarks on."""
    folder = tmp_path_factory.mktemp("mixed")
    names = [f"{number}.jpg" for number in range(12)] + ["profile.png"]
    for number, name in enumerate(names[:-1]):
        (folder / name).write_bytes(damaged(photo(number)) if number in BAD else photo(number))
    (folder / "profile.png").write_bytes((SKIMAGE / "astronaut.png").read_bytes())
    write_list(folder / "images.lst", names)
    return folder


def words_of(data):
    """What the decoder says, by a decode that nothing catches, in a process of its own."""
    code = "import sys, cv2, numpy; cv2.imdecode(numpy.frombuffer(sys.stdin.buffer.read(), numpy.uint8), 1)"
    return subprocess.run([sys.executable, "-c", code], input=data, stderr=subprocess.PIPE, check=True).stderr.decode()


# ---- the report


@pytest.mark.parametrize("options", [{"num_workers": 0}, {"num_workers": 2}, {"num_workers": 2, "mp_context": "spawn"}])
def test_the_report_and_the_log_name_damaged_images_and_the_terminal_is_silent(mixed, tmp_path, options, caplog, capfd):
    plain = im2rec(mixed / "images.lst", tmp_path / "out", progress=False, batch_size=4, **options)
    assert [(each.line, each.index, each.path) for each in plain.damaged] == [(n + 1, n, f"{n}.jpg") for n in BAD]
    assert all(isinstance(each, DamagedImage) and each.reason.startswith(WORDS) for each in plain.damaged)
    assert plain.damaged[0].reason == words_of((mixed / "3.jpg").read_bytes()).strip()
    assert (plain.num_records, plain.failures, plain.failures_path) == (13, (), None)
    logged = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert logged == [f"damaged inside, and stored all the same: {each}" for each in plain.damaged]
    assert "3 images are damaged inside and stored all the same:\n  line 4, index 3, '3.jpg': Corrupt" in str(plain)
    assert capfd.readouterr().err == ""


def test_the_pixels_are_those_of_opencv(mixed, tmp_path):
    report = im2rec(mixed / "images.lst", tmp_path / "out", progress=False, num_workers=0, encoding=".png")
    from mxnet_im2rec import RecordFile

    with RecordFile(report.rec_path) as records:
        expected = cv2.imdecode(np.frombuffer((mixed / "3.jpg").read_bytes(), np.uint8), 1)
        np.testing.assert_array_equal(records[3].image()[:, :, ::-1], expected)


@pytest.mark.parametrize("options", [{"num_workers": 0}, {"num_workers": 2}])
@pytest.mark.parametrize("pass_through", [False, True])
def test_strict_makes_failures_of_them(mixed, tmp_path, options, pass_through, capfd):
    options = {"strict": True, "pass_through": pass_through, "progress": False, **options}
    report = im2rec(mixed / "images.lst", tmp_path / "out", error_limit=None, **options)
    assert [(each.index, each.stage) for each in report.failures] == [(n, "decode") for n in BAD]
    assert all(f"damaged inside, though it decodes; its decoder says: {WORDS}" in each.reason for each in report.failures)
    assert (report.num_records, report.damaged) == (10, ())
    with pytest.raises(ErrorLimitExceeded, match="decode: the image is damaged inside"):
        im2rec(mixed / "images.lst", tmp_path / "none", **options)
    assert capfd.readouterr().err == ""


def test_pass_through_decodes_nothing(mixed, tmp_path, monkeypatch):
    monkeypatch.setattr(images, "decode", None)
    report = im2rec(mixed / "images.lst", tmp_path / "out", pass_through=True, progress=False)
    assert (report.num_records, report.damaged) == (13, ())


def test_the_same_bytes_as_without_looking(mixed, tmp_path):
    names = [f"{n}.jpg" for n in range(12) if n not in BAD]
    write_list(tmp_path / "good.lst", names)
    first = im2rec(tmp_path / "good.lst", tmp_path / "first", root=mixed, progress=False, num_workers=0)
    second = im2rec(tmp_path / "good.lst", tmp_path / "second", root=mixed, progress=False, num_workers=0, strict=True)
    assert dataset_bytes(first) == dataset_bytes(second)


def test_strict_must_be_a_flag(mixed, tmp_path):
    with pytest.raises(TypeError, match="strict must be"):
        im2rec(mixed / "images.lst", tmp_path / "out", strict="yes")


def test_a_damaged_record_keeps_its_words_on_its_way():
    record = pickle.loads(pickle.dumps(DamagedBytes.of(b"record", "words"), pickle.HIGHEST_PROTOCOL))
    assert (record, record.damage) == (b"record", "words")


@pytest.mark.needs_mxnet
def test_fast_decode_tells_too(mixed, tmp_path):
    from mxnet.gluon.data.vision import transforms

    options = {"progress": False, "num_workers": 0, "fast_decode": True}
    report = im2rec(mixed / "images.lst", tmp_path / "out", transforms.Resize(60), **options)
    assert [each.index for each in report.damaged] == BAD


def test_a_failure_has_the_words_of_its_decoder(tmp_path, capfd):
    png = bytearray(cv2.imencode(".png", np.random.RandomState(0).randint(0, 256, (40, 40, 3)).astype(np.uint8))[1].tobytes())
    png[len(png) // 2] ^= 0xFF
    (tmp_path / "bad.png").write_bytes(png)
    write_list(tmp_path / "images.lst", ["bad.png"])
    with pytest.raises(ErrorLimitExceeded, match="OpenCV cannot decode it: PNG data, .*; its decoder says: libpng error: "):
        im2rec(tmp_path / "images.lst", tmp_path / "out", num_workers=0, progress=False)
    assert capfd.readouterr().err == ""


def test_the_report_shows_a_few_of_many():
    from mxnet_im2rec import PackReport

    many = tuple(DamagedImage(n, n, "x.jpg", "words") for n in range(1, 8))
    text = str(PackReport("/a.rec", "/a.idx", 7, 700, (), 1.0, damaged=many))
    assert text.splitlines()[3] == "7 images are damaged inside and stored all the same:"
    assert text.splitlines()[-1] == "  ... and 2 more"
    one = str(PackReport("/a.rec", "/a.idx", 7, 700, (), 1.0, damaged=many[:1]))
    assert one.splitlines()[3:] == ["1 image is damaged inside and stored all the same:", "  line 1, index 1, 'x.jpg': words"]


# ---- an interrupted run


class Interruption(Exception):
    pass


def interrupt_after(number):
    def progress(done, total, failures):
        if done == number:
            raise Interruption

    return progress


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_resumed_run_reports_the_damage_of_the_interrupted_one(mixed, tmp_path, num_workers):
    options = {"batch_size": 2, "num_workers": num_workers}
    whole = im2rec(mixed / "images.lst", tmp_path / "whole", progress=False, **options)
    with pytest.raises(Interruption):
        im2rec(mixed / "images.lst", tmp_path / "out", progress=interrupt_after(8), **options)
    report = im2rec(mixed / "images.lst", tmp_path / "out", progress=False, resume=True, **options)
    assert report.num_resumed > 4
    assert report.damaged == whole.damaged
    assert dataset_bytes(report) == dataset_bytes(whole)


def test_damage_of_what_failed_before_has_its_place(mixed, tmp_path):
    """Twice interrupted: the first entry, which fails, is mended by a damaged image meanwhile."""
    for name in os.listdir(mixed):
        (tmp_path / name).write_bytes((mixed / name).read_bytes())
    (tmp_path / "0.jpg").write_bytes(b"none")
    options = {"batch_size": 2, "num_workers": 0, "error_limit": None}
    for number in (6, 9):
        with pytest.raises(Interruption):
            im2rec(tmp_path / "images.lst", tmp_path / "out", progress=interrupt_after(number), resume=True, **options)
        (tmp_path / "0.jpg").write_bytes(damaged(photo(0)))
    report = im2rec(tmp_path / "images.lst", tmp_path / "out", progress=False, resume=True, **options)
    assert [each.index for each in report.damaged] == [0, *BAD]
    assert (report.failures, report.num_records) == ((), 13)


def test_another_strictness_is_not_resumed(mixed, tmp_path):
    from mxnet_im2rec import ResumeError

    options = {"batch_size": 2, "num_workers": 0}
    with pytest.raises(Interruption):
        im2rec(mixed / "images.lst", tmp_path / "out", progress=interrupt_after(8), **options)
    with pytest.raises(ResumeError, match="strict was False, is True"):
        im2rec(mixed / "images.lst", tmp_path / "out", progress=False, resume=True, strict=True, error_limit=None, **options)


# ---- what is damage, and what is not


@pytest.mark.parametrize(
    "line, is_damage",
    [
        ("Corrupt JPEG data: premature end of data segment", True),
        ("Corrupt JPEG data: bad Huffman code", True),
        ("Corrupt JPEG data: found marker 0xd3 instead of RST2", True),
        ("Corrupt JPEG data: 5 extraneous bytes before marker 0xd9", True),
        ("Corrupt JPEG data: 4 extraneous bytes before marker 0xd9", False),
        ("Corrupt JPEG data: bad ICC marker", False),
        ("Premature end of JPEG file", True),
        ("Inconsistent progression sequence for component 0 coefficient 3", True),
        ("Warning: unknown JFIF revision number 2.01", False),
        ("Unknown Adobe color transform code 7", False),
        ("Invalid SOS parameters for sequential JPEG", False),
        ("libpng warning: iCCP: known incorrect sRGB profile", False),
        ("libpng error: IDAT: CRC error", True),
        ("", False),
    ],
)
def test_harmless_words(line, is_damage):
    assert means_damage(line) is is_damage


def test_remarks_on_metadata_are_no_damage(capfd):
    jfif = bytearray(photo())
    jfif[jfif.index(b"JFIF\0") + 5] = 7
    assert "unknown JFIF revision" in words_of(bytes(jfif))
    is_silent = tuple(map(int, cv2.__version__.split(".")[:2])) >= (4, 12)
    assert is_silent or "sRGB" in words_of((SKIMAGE / "astronaut.png").read_bytes())
    for data in (bytes(jfif), (SKIMAGE / "astronaut.png").read_bytes(), photo()):
        assert listen_to(images.decode, data, 1)[1] is None
    assert capfd.readouterr().err == ""


def test_a_log_of_opencv_is_taken_whole_and_a_failure_has_no_time_in_it(capfd):
    def decode():
        os.write(
            2, b"[ WARN:0@0.145] global grfmt_x.cpp:304 callback first:\n\t[0] prec(8)\n\n[ERROR:3@7.1] global a.cpp:1 f second\n"
        )
        os.write(2, b"mine\n")
        raise ImageError("no image")

    with pytest.raises(ImageError, match="^no image; its decoder says: first:$"):
        listen_to(decode)
    assert capfd.readouterr().err == "mine\n"
    cut = cv2.imencode(".bmp", np.zeros((20, 20, 3), np.uint8))[1].tobytes()[:-100]
    with pytest.raises(ImageError, match="; its decoder says: Unexpected end of input stream$"):
        listen_to(images.decode, cut, 1)
    assert capfd.readouterr().err == ""


# ---- what else is printed


def test_what_others_print_meanwhile_is_passed_on_in_order(capfd):
    def decode():
        os.write(2, b"one\n")
        image = images.decode(damaged(photo()), 1)
        os.write(2, b"\ntwo\nthree, without an end")
        return image

    image, damage = listen_to(decode)
    assert image.shape == (250, 400, 3)
    assert damage.startswith(WORDS)
    assert capfd.readouterr().err == "one\n\ntwo\nthree, without an end"
    assert listen_to(images.decode, photo(), 1)[1] is None  # nothing is left of it


@pytest.mark.needs_mxnet
def test_what_a_transform_prints_reaches_stderr(mixed, tmp_path):
    code = f"""
import os, sys
from mxnet_im2rec import im2rec

def talk(image):
    os.write(2, b"from C\\n")
    print("from Python", file=sys.stderr, flush=True)
    return image

for workers in (0, 2):
    im2rec({str(mixed / "images.lst")!r}, {str(tmp_path / "out")!r}, talk, num_workers=workers, progress=False)
"""
    exit_code, _, err = run_script(code, tmp_path, is_warm=True)
    assert exit_code == 0, err
    assert (err.count("from C"), err.count("from Python")) == (26, 26)  # lines of two workers may mix
    assert err.count(WORDS) == err.count("damaged inside, and stored all the same") == 2 * len(BAD)


def test_exceptions_pass_and_stderr_is_back(capfd):
    def fail():
        os.write(2, b"before it failed\n")
        raise KeyError("mine")

    for _ in range(3):
        with pytest.raises(KeyError, match="mine"):
            listen_to(fail)
        os.write(2, b"behind it\n")
    assert capfd.readouterr().err == "before it failed\nbehind it\n" * 3
    with pytest.raises(ImageError, match=r"^OpenCV cannot decode it"):
        listen_to(images.decode, b"no image", 1)


def test_threads_do_not_take_each_others_words():
    good, bad = photo(), damaged(photo())
    found = []

    def work(is_bad):
        for _ in range(20):
            found.append((is_bad, listen_to(images.decode, bad if is_bad else good, 1)[1] is not None))

    threads = [threading.Thread(target=work, args=(number % 2 == 1,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(is_bad == is_found for is_bad, is_found in found)


def test_a_child_that_is_forked_while_a_thread_decodes_has_its_own_stderr(capfd):
    decoding, forked = threading.Event(), threading.Event()

    def decode():
        decoding.set()
        forked.wait(0.2)  # the fork waits for this; it cannot come before

    thread = threading.Thread(target=listen_to, args=(decode,))
    thread.start()
    decoding.wait()
    child = os.fork()
    if not child:
        os.write(2, b"of the child\n")
        os._exit(0 if listen_to(images.decode, damaged(photo()), 1)[1] else 1)
    forked.set()
    assert os.waitpid(child, 0)[1] == 0
    thread.join()
    assert capfd.readouterr().err == "of the child\n"


@pytest.mark.parametrize("closed", [(2,), (0, 1, 2)])
def test_it_works_without_a_stderr(mixed, tmp_path, closed):
    """Nor is anything printed into a file that has got the number 2 instead."""
    code = f"""
import json, sys
from mxnet_im2rec import im2rec
report = im2rec({str(mixed / "images.lst")!r}, "out", num_workers=0, progress=False)
with open("found", "w") as stream:
    json.dump([each.index for each in report.damaged], stream)
"""
    (tmp_path / "script.py").write_text(code)
    close = " ".join(f"{number}>&-" if number else "<&-" for number in closed)
    shell = f"exec {sys.executable} script.py {close}"
    assert subprocess.run(["sh", "-c", shell], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPO)}).returncode == 0
    assert json.loads((tmp_path / "found").read_text()) == BAD
    assert verify(tmp_path / "out.rec", pixels="none").ok


def test_a_stderr_that_is_closed_later(tmp_path):
    code = f"""
import os, sys
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(REPO / "tests" / "support")!r}]
from mxnet_im2rec.images import codec as images
from mxnet_im2rec.images.decoder_messages import listen_to
from test_decoder_messages import damaged, photo
os.close(2)
print(listen_to(images.decode, damaged(photo()), 1)[1])
try:
    os.fstat(2)
except OSError:
    print("still closed")
"""
    exit_code, out, _ = run_script(code, tmp_path)
    assert exit_code == 0
    assert out.startswith(WORDS) and out.endswith("still closed\n")


def test_no_descriptor_is_left_and_one_that_another_has_taken_is_not_written_to(tmp_path):
    listen_to(images.decode, photo(), 1)
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(50):
        listen_to(images.decode, damaged(photo()), 1)
    assert sorted(os.listdir("/proc/self/fd")) == before
    code = f"""
import os, sys
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(REPO / "tests" / "support")!r}]
from mxnet_im2rec.images import codec as images
from mxnet_im2rec.images.decoder_messages import listen_to
from test_decoder_messages import damaged, photo
listen_to(images.decode, photo(), 1)
os.closerange(3, 100)
files = [open(f"mine {{number}}", "w") for number in range(20)]
assert listen_to(images.decode, damaged(photo()), 1)[1] is not None
for file in files:
    file.flush()
    assert os.fstat(file.fileno()).st_size == 0
"""
    exit_code, _, err = run_script(code, tmp_path)
    assert exit_code == 0, err


# ---- check, verify, view, the commands


@pytest.mark.parametrize("pass_through", [False, True])
def test_check_finds_damage_when_it_decodes(mixed, pass_through, capfd):
    assert not check_list(mixed / "images.lst", pass_through=pass_through).num_warnings
    report = check_list(mixed / "images.lst", decode=True, pass_through=pass_through)
    found = [(each.index, each.kind, each.severity) for each in report.findings if each.severity != "note"]
    assert found == [(n, "damaged inside", "warning") for n in BAD]
    assert f"its decoder says: {WORDS}" in report.findings[0].message
    assert report.ok
    assert capfd.readouterr().err == ""


def test_check_finds_what_does_not_decode(tmp_path):
    png = bytearray(cv2.imencode(".png", np.random.RandomState(0).randint(0, 256, (40, 40, 3)).astype(np.uint8))[1].tobytes())
    png[len(png) // 2] ^= 0xFF
    (tmp_path / "bad.png").write_bytes(png)
    write_list(tmp_path / "images.lst", ["bad.png"])
    assert check_list(tmp_path / "images.lst").ok
    report = check_list(tmp_path / "images.lst", decode=True)
    assert report.counts == {"damaged": 1} and "its decoder says: libpng error" in report.findings[0].message
    assert check_list(tmp_path / "images.lst", decode=True, pass_through=True).counts == {"damaged": 1}
    with pytest.raises(TypeError, match="decode must be"):
        check_list(tmp_path / "images.lst", decode="yes")


def test_verify_and_view_are_silent_and_name_it(mixed, tmp_path, capfd, caplog):
    stored = im2rec(mixed / "images.lst", tmp_path / "stored", pass_through=True, progress=False)
    capfd.readouterr()
    report = verify(stored.rec_path, mixed / "images.lst", mixed, num_workers=0, progress=False)
    assert [problem.index for problem in report.problems] == BAD
    made = im2rec(mixed / "images.lst", tmp_path / "made", progress=False, num_workers=0)
    assert verify(made.rec_path, mixed / "images.lst", mixed, num_workers=1, progress=False).ok
    caplog.clear()
    contact_sheet(stored.rec_path)
    logged = [record.getMessage() for record in caplog.records]
    assert [text.partition(" is damaged")[0] for text in logged] == [f"the image with index {n}" for n in BAD]
    assert capfd.readouterr().err == ""


def test_the_commands(mixed, tmp_path):
    out, err = shell("pack", "images.lst", tmp_path / "out", "--json", folder=mixed, is_warm=True)
    assert [(each["line"], each["path"]) for each in json.loads(out)["reports"][0]["damaged"]] == [
        (n + 1, f"{n}.jpg") for n in BAD
    ]
    said = [line for line in err.splitlines() if ": warning: " in line or "Corrupt" in line]
    assert [line.partition(" Corrupt")[0] for line in said] == [
        f"images.lst:{n + 1}: warning: '{n}.jpg': damaged inside, and stored all the same:" for n in BAD
    ]
    out, err = shell("pack", "images.lst", tmp_path / "out", "--strict", "--overwrite", folder=mixed, code=1, is_warm=True)
    assert "images.lst:4: error: '3.jpg': decode: the image is damaged inside" in err
    out, err = shell("check", "images.lst", "--decode", folder=mixed, is_warm=True)
    assert out.startswith("images.lst:4: warning: '3.jpg': it is damaged inside")
    assert "Corrupt" not in err and "libpng" not in err


def test_im2rec_py_names_it_too(mixed, tmp_path):
    prefix = tmp_path / "images"
    prefix.with_suffix(".lst").write_bytes((mixed / "images.lst").read_bytes())
    command = [sys.executable, "-m", "mxnet_im2rec.cli.legacy", str(prefix), str(mixed)]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    said = [line for line in done.stdout.splitlines() if "Corrupt" in line or "libpng" in line]
    assert len(said) == len(BAD)
    assert all(f"'{n}.jpg': packed all the same, but the image is damaged inside" in line for n, line in zip(BAD, said))


def test_a_progressive_jpeg(tmp_path):
    Image.open(SKIMAGE / "chelsea.png").save(tmp_path / "a.jpg", progressive=True)
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 8] = b"\x12\x34\x56\x78" * 2
    assert listen_to(images.decode, bytes(data), 1)[1].startswith((WORDS, "Inconsistent progression"))

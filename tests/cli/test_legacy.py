# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""im2rec.py against mxnet.tools.im2rec: the same options, the same bytes; and where ours is meant to be another."""

import contextlib
import errno
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from helpers import REPO, limited, wait_for
from photos import PHOTOS, SKIMAGE, make_varieties, write_list
from PIL import Image
from reference import reference_tool

from mxnet_im2rec import RecordFile
from mxnet_im2rec.cli import legacy
from mxnet_im2rec.cli.legacy import command, entries, packing
from mxnet_im2rec.cli.legacy.work import Work


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Has MXNet's tool do something: 'run', 'parse' or 'read', with these arguments; gives what it gives."""
    with reference_tool(tmp_path_factory.mktemp("errors")) as ask_it:
        yield ask_it


def pairwise(**options):
    """Combinations in which any two values of any two options meet, in one at least; the same ones every time."""
    names = list(options)
    pairs = itertools.combinations(names, 2)
    missing = {frozenset([(a, x), (b, y)]) for a, b in pairs for x in range(len(options[a])) for y in range(len(options[b]))}
    found = []
    while missing:
        chosen = dict(min(missing, key=sorted))
        for name in [name for name in names if name not in chosen]:
            gains = [sum(frozenset([(name, x), other]) in missing for other in chosen.items()) for x in range(len(options[name]))]
            chosen[name] = gains.index(max(gains))
        missing -= {frozenset(pair) for pair in itertools.combinations(chosen.items(), 2)}
        found.append({name: options[name][chosen[name]] for name in names})
    return found


def arguments(options):
    """Options as a command has them: False is left out, True is the option alone."""
    argv = []
    for name, value in options.items():
        if value is not False and value is not None:
            values = [] if value is True else value if isinstance(value, list) else [value]
            argv += ["--" + name.replace("_", "-"), *map(str, values)]
    return argv


def files_of(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder of many kinds of image files, with subfolders, links, and names of all sorts."""
    folder = tmp_path_factory.mktemp("legacy") / "images"
    folder.mkdir()
    make_varieties(folder)
    rng = np.random.RandomState(3)
    cv2.imwrite(str(folder / "one pixel.png"), rng.randint(0, 256, (1, 1, 3), np.uint8))
    cv2.imwrite(str(folder / "flat.png"), rng.randint(0, 256, (2, 90, 3), np.uint8))
    cv2.imwrite(str(folder / "tall.jpg"), rng.randint(0, 256, (91, 4, 3), np.uint8))
    cv2.imwrite(str(folder / "square.png"), rng.randint(0, 65536, (20, 20, 3)).astype(np.uint16))
    cv2.imwrite(str(folder / "UPPER.JPG"), rng.randint(0, 256, (31, 40), np.uint8))
    Image.new("1", (17, 9), 1).save(folder / "bits.png")
    Image.fromarray(rng.randint(0, 256, (12, 14, 2), np.uint8), "LA").save(folder / "grey alpha.png")
    (folder / "notes.txt").write_text("no image")
    (folder / "noending").write_text("no image")
    (folder / "folder.jpg").mkdir()
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    for name in ("b", "a/deep", "a b", "Z", "empty"):
        (folder / name).mkdir(parents=True)
    for number, name in enumerate(["b/1.jpg", "a/deep/2.jpeg", "a b/3.Jpeg", "Z/4.jpg", "a/5.jpg", "b/.hidden.jpg", "b/.jpg"]):
        cv2.imwrite(str(folder / "x.jpg"), rng.randint(0, 256, (10 + number, 12, 3), np.uint8))
        os.rename(folder / "x.jpg", folder / name)
    (folder / "linked").symlink_to(folder / "a", target_is_directory=True)
    (folder / "link.png").symlink_to(folder / "colour.png")
    return folder


# --list

LIST_CASES = pairwise(
    recursive=[False, True],
    exts=[None, [".png"], [".jpg", ".PNG", ".bmp"], [".gif"], ["", "jpg"]],
    chunks=[None, 1, 2, 3, 40],
    train_ratio=[None, 0.5, 0.7, 0.9, 0.0, 1],
    test_ratio=[None, 0.1, 0.3, 0.25, 1.0],
    no_shuffle=[False, True],
)

# What they are packed with: any two values of any two options meet.

PACK_CASES = pairwise(
    resize=[None, 1, 37, 150],
    center_crop=[False, True],
    quality=[None, 1, 7, 60],
    color=[None, -1, 0, 1],
    encoding=[None, ".png", ".jpg"],
    pack_label=[False, True],
    pass_through=[False, True],
    num_thread=[None, 2, 3],
)

ODD_LINES = (
    "0\t1\tcolour.jpg\n"
    " 1 \t 2.5 \t  naïve 写真.jpg \t \n"
    "+2\t1e-3\t16777217\t-1e-40\tUPPER.JPG\r\n"
    "# a remark\n"
    "#\twith\ttabs\n"
    "\n"
    " \t \n"
    "1_000\t1_0.5\tb/1.jpg\n"
    "007\tnan\tinf\t-inf\tflat.png\n"
    "18446744073709551615\tInfinity\ttall.jpg\n"
    "5\t0.1\t1e39\tone pixel.png\n"
    "5\t0.2\t\u00a0with blanks  in it.jpg\u3000\n"
    "5\t\u0663\tb/../b/1.jpg\n"
    "1000000\t-0.0\thash#tag;semi.png"
)


def write_lists(folder):
    """Three lists under the prefix 'd', the last one odd."""
    names = ["colour.jpg", "grey.jpg", "cmyk.jpg", "rotated.jpg", "palette.png", "alpha.png", "16 bits.png"]
    write_list(folder / "d_0.lst", [*names, "progressive.jpg", "grey.png", "colour.bmp", "colour.tif", "square.png", "bits.png"])
    write_list(folder / "d_1_val.lst", ["grey alpha.png", *names[:2]], lambda index: [index, 0.1, -index / 3])
    (folder / "d_train.lst").write_bytes(ODD_LINES.encode("utf-8"))


def test_the_cases_cover_all_pairs():
    assert 25 <= len(LIST_CASES) <= 60 and 16 <= len(PACK_CASES) <= 40
    for color, encoding in itertools.product([-1, 0, 1], [".png", ".jpg"]):
        assert any(case["color"] == color and case["encoding"] == encoding for case in PACK_CASES)


@pytest.mark.needs_mxnet
@pytest.mark.parametrize("number", range(len(LIST_CASES)))
def test_lists_are_those_of_the_reference(root, ask, tmp_path, capsys, number):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    argv = ["--list", *arguments(LIST_CASES[number]), "--"]
    error, out = ask("run", [*argv, tmp_path / "theirs" / "d", root])
    assert error is None
    code = legacy.main([*argv, str(tmp_path / "ours" / "d"), str(root)])
    expected = files_of(tmp_path / "theirs")
    assert expected and files_of(tmp_path / "ours") == expected
    said = capsys.readouterr()
    assert said.out == out
    assert code == ("no image under" in said.err)
    assert code == 0 or not any(expected.values())


@pytest.mark.needs_mxnet
@pytest.mark.parametrize("number", range(len(PACK_CASES)))
def test_datasets_are_those_of_the_reference(root, ask, tmp_path, capfd, number):
    for who in ("theirs", "ours"):
        (tmp_path / who).mkdir()
        write_lists(tmp_path / who)
    argv = arguments(PACK_CASES[number])
    assert ask("run", [*argv, tmp_path / "theirs" / "d", root])[0] is None
    assert legacy.main([*argv, str(tmp_path / "ours" / "d"), str(root)]) == 0
    made, expected = files_of(tmp_path / "ours"), files_of(tmp_path / "theirs")
    assert (
        sorted(made) == sorted(expected) == sorted(f"{name}.{kind}" for name in ("d_0", "d_1_val", "d_train") for kind in KINDS)
    )
    for name, content in expected.items():
        assert made[name] == content, name
    said = capfd.readouterr()
    counts = (("d_0", 13), ("d_1_val", 3), ("d_train", 10))
    assert said.out.splitlines() == [f"{tmp_path}/ours/{name}.rec: {count} records" for name, count in counts]
    assert "d_train.lst:12: warning: the index 5 was on an earlier line (2 such lines)" in said.err


KINDS = ("lst", "rec", "idx")


@pytest.mark.needs_mxnet
def test_from_folder_to_datasets_as_the_reference(root, ask, tmp_path):
    """Several lists of one prefix, empty ones among them, made and packed."""
    for who in ("theirs", "ours"):
        (tmp_path / who).mkdir()
        prefix = str(tmp_path / who / "d")
        steps = [["--list", "--recursive", "--chunks", "12", "--train-ratio", "0.5", "--test-ratio", "0.25", prefix, str(root)]]
        steps.append(["--pass-through", prefix, str(root)])
        for step in steps:
            assert legacy.main(step) == 0 if who == "ours" else ask("run", step)[0] is None
    made = files_of(tmp_path / "ours")
    assert made == files_of(tmp_path / "theirs")
    assert len(made) == 12 * 3 * 3
    assert b"" in made.values()


@pytest.mark.needs_mxnet
@pytest.mark.parametrize("prefix, names", [("f", ["f/a.lst", "f/b c.lst"]), ("g.lst", ["g.lst"]), ("x.y", ["x.y.lst"])])
def test_prefixes_as_the_reference_takes_them(root, ask, tmp_path, prefix, names):
    """A folder, the list's full name, a name with a dot."""
    for who in ("theirs", "ours"):
        for name in names:
            (tmp_path / who / name).parent.mkdir(parents=True, exist_ok=True)
            write_list(tmp_path / who / name, ["colour.jpg"])
    assert ask("run", ["--pass-through", tmp_path / "theirs" / prefix, root])[0] is None
    assert legacy.main(["--pass-through", str(tmp_path / "ours" / prefix), str(root)]) == 0
    found = []
    for folder in (tmp_path / "theirs", tmp_path / "ours"):
        files = [path for path in folder.rglob("*") if path.is_file()]
        found.append({str(path.relative_to(folder)): path.read_bytes() for path in files})
    assert found[0] == found[1] and len(found[0]) == 3 * len(names)


@pytest.mark.needs_mxnet
def test_the_parser_is_that_of_the_reference(ask):
    calls = [
        ["p", "r"],
        ["a/../p", "r/", "--list"],
        ["--li", "--rec", "p", "r", "--no-shuf", "--ext", ".a", ".b"],
        ["--exts", ".a", "--list", "p", "r"],
        ["p", "r", "--chunks", "3", "--train-ratio", ".5", "--test", "1"],
        ["--res=5", "p", "--color", "-1", "r", "--enc", ".png", "--pack", "--pass", "--cen", "--qual", "3", "--num", "7"],
    ]
    for argv in calls:
        args = command.parser().parse_args(argv)
        args.prefix, args.root = os.path.abspath(args.prefix), os.path.abspath(args.root)
        assert vars(args) == ask("parse", argv)


BAD_LINES = [
    "0 1 blanks.jpg",
    "1\tno label.jpg",
    "x\t1\ta.jpg",
    "1.0\t1\ta.jpg",
    "3\t\ta.jpg",
    "4\tone\ta.jpg",
    "\t5\t1\ta.jpg",
    "6\t1\ta\tb.jpg",
    "7\t1\t\t",
    "8\t0x1\ta.jpg",
    "9\t1\ta.jpg\r10\t2\tb.jpg\r\n11\t3\tc.jpg",
    "12\t1\t2\t3",
    "13\t1\t\x1f a.jpg\x85",
]


@pytest.mark.needs_mxnet
def test_lines_are_read_as_the_reference_reads_them(ask, tmp_path):
    path = tmp_path / "d.lst"
    path.write_bytes("\n".join([*BAD_LINES, ODD_LINES]).encode("utf-8"))
    expected = ask("read", [path])
    ours = [entry for entry in entries.read_list(str(path), True, entries.Remarks(str(path))) if hasattr(entry, "labels")]
    found = [[entry.index, entry.path, *entry.labels] for entry in ours]
    assert repr(found) == repr(expected)  # repr: a NaN is not equal to itself
    assert len(found) == 6 + 10


# Where ours is another


def prepare(folder, names, labels=lambda index: [index % 3]):
    for name in set(names):
        if (SKIMAGE / name).is_file():
            shutil.copy(SKIMAGE / name, folder / name)
    return write_list(folder / "d.lst", names, labels)


def indices(rec_path):
    with RecordFile(str(rec_path)) as records:
        return [record.index for record in records]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_bad_images_and_lines_are_left_out_and_reported(tmp_path, capfd, threads):
    prepare(tmp_path, ["camera.png", "missing.png", "text.jpg", "empty.jpg", "folder", "flat.png", "rocket.jpg"])
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "empty.jpg").write_text("")
    (tmp_path / "folder").mkdir()
    cv2.imwrite(str(tmp_path / "flat.png"), np.zeros((1, 32000, 3), np.uint8))
    lines = ["8 1 camera.png", "x\t1\tcamera.png", "9\tone\tcamera.png", "-1\t1\tcamera.png", "10\t1e39\tcamera.png", "nothing"]
    with open(tmp_path / "d.lst", "a", encoding="utf-8") as stream:
        stream.write("\n".join([*lines, f"{2**64}\t1\tcamera.png", "11\t1\tcamera.png\n"]))
    assert legacy.main(["--resize", "80", "--num-thread", threads, "--center-crop", str(tmp_path / "d"), str(tmp_path)]) == 1
    said = capfd.readouterr()
    assert said.out == f"{tmp_path / 'd.rec'}: 4 records\n"
    assert indices(tmp_path / "d.rec") == [0, 5, 6, 11]
    errors = [line for line in said.err.splitlines() if ": error: " in line]
    places = [int(line.split(":")[1]) for line in errors]
    assert places == [2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14]
    assert "'missing.png': read: No such file or directory" in errors[0]
    assert "OpenCV cannot decode it: no known image format" in errors[1]
    assert "the file is empty" in errors[2]
    assert "with tabs between them; found '8 1 camera.png'" in errors[4]
    assert "the label 1e39 is out of the range of float32" in errors[8]
    assert "11 of 15 entries failed, left out of" in said.err
    assert "Traceback" not in said.err


def test_what_becomes_too_large_is_a_failure(tmp_path, capfd):
    prepare(tmp_path, ["camera.png", "tall.png"])
    cv2.imwrite(str(tmp_path / "tall.png"), np.zeros((70000, 1, 3), np.uint8))
    assert legacy.main(["--num-thread", "2", str(tmp_path / "d"), str(tmp_path)]) == 1
    assert "d.lst:2: error: 'tall.png': encode: " in capfd.readouterr().err
    assert indices(tmp_path / "d.rec") == [0]
    (tmp_path / "d.lst").write_text("0\t1\ttall.png\n")
    assert legacy.main(["--resize", "40000", str(tmp_path / "d"), str(tmp_path)]) == 1
    assert "--resize 40000 would make it 40000 x 2800000000" in capfd.readouterr().err


def test_where_all_fail_the_old_dataset_stays(tmp_path, capsys):
    prepare(tmp_path, ["a.png", "b.png"])
    (tmp_path / "d.rec").write_text("old")
    assert legacy.main([str(tmp_path / "d"), str(tmp_path / "nowhere")]) == 1
    said = capsys.readouterr()
    assert (tmp_path / "d.rec").read_text() == "old"
    assert sorted(files_of(tmp_path)) == ["d.lst", "d.rec"]
    assert "all 2 entries failed" in said.err and "nowhere', is no folder" in said.err
    assert said.out == ""


def test_an_empty_list_makes_an_empty_dataset_and_a_warning(tmp_path, capsys):
    (tmp_path / "d.lst").write_text("# nothing\n\n")
    assert legacy.main([str(tmp_path / "d"), str(tmp_path)]) == 0
    assert files_of(tmp_path) == {"d.lst": b"# nothing\n\n", "d.rec": b"", "d.idx": b""}
    assert "MXNet's readers crash on it" in capsys.readouterr().err


@pytest.mark.needs_mxnet
@pytest.mark.parametrize("threads", ["1", "2"])
def test_doubtful_images_are_packed_with_a_warning(ask, tmp_path, capfd, threads):
    """As the reference packs them, without a word."""
    for who in ("theirs", "ours", "ours raw"):
        (tmp_path / who).mkdir()
        prepare(tmp_path / who, ["rocket.jpg", "half.jpg"])
        whole = (SKIMAGE / "rocket.jpg").read_bytes()
        (tmp_path / who / "half.jpg").write_bytes(whole[: len(whole) // 2])
    assert ask("run", [tmp_path / "theirs" / "d", tmp_path / "theirs"])[0] is None
    argv = ["--num-thread", threads, str(tmp_path / "ours" / "d"), str(tmp_path / "ours")]
    assert legacy.main(argv) == 0
    warning = "d.lst:2: warning: 'half.jpg': packed all the same, but the JPEG is truncated"
    assert warning in capfd.readouterr().err
    assert files_of(tmp_path / "ours") == files_of(tmp_path / "theirs")
    assert (
        legacy.main(["--pass-through", "--num-thread", threads, str(tmp_path / "ours raw" / "d"), str(tmp_path / "ours raw")])
        == 0
    )
    assert warning in capfd.readouterr().err


def test_train_does_not_take_train_val_along(tmp_path, capsys):
    for name in ("train", "train_val", "train2", "train_0"):
        write_list(tmp_path / f"{name}.lst", [])
    assert legacy.main([str(tmp_path / "train"), str(tmp_path)]) == 0
    assert sorted(name for name in files_of(tmp_path) if not name.endswith(".lst")) == ["train.idx", "train.rec"]
    said = capsys.readouterr().err
    assert "passed over, though the names begin with 'train': train2.lst, train_0.lst, train_val.lst; to pack one" in said


def test_without_a_list_of_just_that_name_those_that_list_makes_are_packed(tmp_path, capsys):
    taken = ["t_0.lst", "t_12_train.lst", "t_test.lst", "t_train.lst", "t_val.lst"]
    for name in [*taken, "t_a.lst", "t2.lst", "t_val2.lst", "t_0x.lst", "other.lst"]:
        (tmp_path / name).write_text("")
    (tmp_path / "t.lst").mkdir()
    assert legacy.main([str(tmp_path / "t"), str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.glob("*.rec")) == [name.replace(".lst", ".rec") for name in taken]
    assert ": t2.lst, t_0x.lst, t_a.lst, t_val2.lst;" in capsys.readouterr().err


def test_no_list_is_a_wrong_call(tmp_path, capsys):
    (tmp_path / "train2.lst").write_text("")
    for prefix, words in (("train", "there is no list with the prefix"), ("no/d", "is not there"), ("f", "in the folder")):
        (tmp_path / "f").mkdir(exist_ok=True)
        assert legacy.main([str(tmp_path / prefix), str(tmp_path)]) == 2
        said = capsys.readouterr()
        assert words in said.err and said.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f", "train2.lst"]


@pytest.mark.parametrize(
    "argv, words",
    [
        (["p"], "required: root"),
        (["p", "r", "--color", "2"], "invalid choice"),
        (["p", "r", "--resize", "-1"], "--resize must be at least 0"),
        (["p", "r", "--list", "--chunks", "0"], "--chunks must be at least 1"),
        (["p", ".", "--list", "--train-ratio", "90"], "--train-ratio must be from 0 to 1"),
        (["p", ".", "--list", "--test-ratio", "nan"], "--test-ratio must be from 0 to 1"),
        (["p", "nowhere", "--list"], "nowhere"),
        (["nowhere/p", ".", "--list"], "make it first"),
    ],
)
def test_wrong_calls(tmp_path, monkeypatch, capsys, argv, words):
    monkeypatch.chdir(tmp_path)
    assert legacy.main(argv) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.startswith("im2rec.py: error: ") and said.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_what_a_list_cannot_hold_is_reported(tmp_path, capsys):
    for name in ("tab\there.jpg", " blank.jpg", "fine.jpg"):
        shutil.copy(SKIMAGE / "rocket.jpg", tmp_path / name)
    assert legacy.main(["--list", str(tmp_path / "d"), str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.count("the list cannot hold this name") == 2 and "'tab\\there.jpg'" in said
    assert len((tmp_path / "d.lst").read_text().splitlines()) == 3


def test_images_that_rounding_leaves_out_are_counted(tmp_path, capsys):
    for number in range(10):
        (tmp_path / f"{number}.jpg").write_text("")
    assert legacy.main(["--list", "--train-ratio", ".75", "--test-ratio", ".25", str(tmp_path / "d"), str(tmp_path)]) == 0
    assert "1 image of 10 in none of the lists" in capsys.readouterr().err


def test_a_folder_that_cannot_be_read_is_reported(root, tmp_path, monkeypatch, capsys):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("Z"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert legacy.main(["--list", "--recursive", str(tmp_path / "d"), str(root)]) == 1
    assert "a folder cannot be read, its images are in no list: Permission denied: " in capsys.readouterr().err
    assert "Z/" not in (tmp_path / "d.lst").read_text("utf-8")


@pytest.mark.parametrize("argv", [[], ["--pass-through"], ["--num-thread", "2"]])
def test_names_that_are_not_utf8_keep_their_bytes(tmp_path, argv):
    """The reference raises UnicodeEncodeError, and OpenCV crashes on such a name."""
    images = os.fsencode(tmp_path) + b"/images"
    os.mkdir(images)
    shutil.copy(SKIMAGE / "rocket.jpg", images + b"/caf\xe9.jpg")
    assert run(["--list", tmp_path / "d", tmp_path / "images"])[0] == 0
    assert (tmp_path / "d.lst").read_bytes() == b"0\t0.000000\tcaf\xe9.jpg\n"
    assert run([*argv, tmp_path / "d", tmp_path / "images"])[0] == 0
    assert indices(tmp_path / "d.rec") == [0]


def test_a_list_in_utf8_whatever_the_locale_and_with_a_bom(tmp_path):
    prepare(tmp_path, ["naïve.png"])
    shutil.copy(SKIMAGE / "camera.png", tmp_path / "naïve.png")
    (tmp_path / "d.lst").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "d.lst").read_bytes())
    code, out, err = run([tmp_path / "d", tmp_path], LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert (code, indices(tmp_path / "d.rec")) == (0, [0]), err


def test_a_label_that_loses_digits_is_reported_once(tmp_path, capsys):
    prepare(tmp_path, ["camera.png"] * 3, lambda index: [16777217 + 2 * index])
    assert legacy.main(["--pass-through", str(tmp_path / "d"), str(tmp_path)]) == 0
    said = capsys.readouterr().err
    assert said.count("d.lst:1: warning: the label 16777217 is stored as 16777216, a float32") == 1 == said.count("is stored as")


# As a program


def start(argv, how=("-m", "mxnet_im2rec.cli.legacy"), **environment):
    return subprocess.Popen(
        [sys.executable, *how, *map(str, argv)],
        env={**os.environ, "PYTHONPATH": str(REPO), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process, timeout=60):
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def run(argv, **environment):
    return finish(start(argv, **environment))


def test_help_and_version_load_nothing_heavy():
    code = "import sys; from mxnet_im2rec.cli.legacy import main; code = main([{!r}]); print(code, *sorted(sys.modules))"
    for option, words in (("--help", "example:"), ("--version", "im2rec.py of mxnet_im2rec")):
        out = subprocess.check_output([sys.executable, "-c", code.format(option)], text=True, cwd=str(REPO))
        assert words in out
        code_and_modules = out.splitlines()[-1].split()
        assert code_and_modules[0] == "0"
        assert not {"mxnet", "cv2", "numpy", "multiprocessing"} & set(code_and_modules)


def test_packing_does_not_load_mxnet(photos, tmp_path):
    shutil.copy(photos / "images.lst", tmp_path / "d.lst")
    code = "import sys; from mxnet_im2rec.cli.legacy import main; print(main(sys.argv[1:]), 'mxnet' in sys.modules)"
    command = [sys.executable, "-c", code, str(tmp_path / "d"), str(photos), "--num-thread", "2"]
    assert subprocess.check_output(command, text=True, cwd=str(REPO)).splitlines()[-1] == "0 False"


@pytest.mark.parametrize("argv", [["--help"], ["--list", "--recursive", "d", "."], ["d", "."]])
def test_a_closed_pipe_is_no_traceback(tmp_path, monkeypatch, argv):
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path, ["camera.png"])
    process = start(argv)
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(60) == 0
    assert "Traceback" not in err and "BrokenPipe" not in err
    assert (tmp_path / "d.rec").exists() == (argv == ["d", "."])


@pytest.mark.parametrize("argv", [["--help"], ["--list", "--recursive", "d", "."]])
def test_output_that_cannot_be_printed_is_one_line(tmp_path, monkeypatch, argv):
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path, ["camera.png"])
    command = [sys.executable, "-m", "mxnet_im2rec.cli.legacy", *argv]
    with open("/dev/full", "w") as full:
        environment = {**os.environ, "PYTHONPATH": str(REPO)}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    assert done.returncode == 1
    assert done.stderr == "im2rec.py: error: cannot print: No space left on device\n"


@pytest.mark.parametrize("options", [["--num-thread", "1"], ["--num-thread", "2"], ["--num-thread", "2", "--pass-through"]])
def test_a_pipe_in_the_list_is_a_failure_at_once(tmp_path, capfd, options):
    prepare(tmp_path, [PHOTOS[0], "pipe.jpg", PHOTOS[1]])
    os.mkfifo(tmp_path / "pipe.jpg")
    with limited(30):
        assert legacy.main([*options, str(tmp_path / "d"), str(tmp_path)]) == 1
    said = f"d.lst:2: error: 'pipe.jpg': read: no file of an image: '{tmp_path / 'pipe.jpg'}' is a pipe, a device or a folder\n"
    assert said in capfd.readouterr().err
    assert indices(tmp_path / "d.rec") == [0, 2]


WAITING = """
import os, stat, sys
from mxnet_im2rec.cli.legacy import main, work
original = work.Work.__call__

def wait_at_a_pipe(self, entry):
    path = os.path.join(self._root, entry.path)
    if stat.S_ISFIFO(os.stat(path).st_mode):
        with open(path, "rb") as stream:
            stream.read()
    return original(self, entry)

work.Work.__call__ = wait_at_a_pipe
"""  # a worker that hangs, from which it can be freed
THAT_WAITS = ("-c", WAITING + "sys.exit(main(sys.argv[1:]))\n")


@pytest.fixture
def stuck(tmp_path):
    """A list of photos and, among them, a pipe at which THAT_WAITS waits until someone writes to it."""
    prepare(tmp_path, [*PHOTOS, "pipe.jpg", *PHOTOS])
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "d.rec").write_text("old")
    (tmp_path / "d.idx").write_text("old")
    return tmp_path


def open_other_end(folder):
    """The pipe's end to write to if someone reads from it, else None."""
    try:
        return os.open(folder / "pipe.jpg", os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        assert error.errno == errno.ENXIO
        return None


def reader_of_the_pipe(process, folder, other_than=None):
    """The process, of this one and its workers, that has the pipe open and waits for what it gives; None while there is none.

    Before it waits is no time for a signal: Python would see to that after the wait.
    """
    program = psutil.Process(process.pid)
    for each in [program, *program.children()]:
        with contextlib.suppress(OSError, psutil.NoSuchProcess):  # it is about to end
            has_it_open = any(fd.resolve() == folder / "pipe.jpg" for fd in Path(f"/proc/{each.pid}/fd").iterdir())
            if each.pid != other_than and has_it_open and each.status() == psutil.STATUS_SLEEPING:
                return each.pid
    return None


@pytest.mark.parametrize("threads", ["1", "2"])
def test_ctrl_c_stops_at_once_and_leaves_nothing(stuck, threads):
    process = start(["--num-thread", threads, stuck / "d", stuck], THAT_WAITS)
    end = wait_for(lambda: open_other_end(stuck))
    wait_for(lambda: reader_of_the_pipe(process, stuck))
    os.killpg(process.pid, signal.SIGINT)
    code, out, err = finish(process, 20)
    os.close(end)
    assert code == 130, err
    assert "Traceback" not in err and "stopped by Ctrl-C" in err
    assert (stuck / "d.rec").read_text() == (stuck / "d.idx").read_text() == "old"
    assert not [name for name in os.listdir(stuck) if "partial" in name]


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize(("signum", "expected"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_to_the_program_alone_clears_up_too(stuck, signum, expected, threads):
    process = start(["--num-thread", threads, stuck / "d", stuck], THAT_WAITS)
    end = wait_for(lambda: open_other_end(stuck))
    wait_for(lambda: reader_of_the_pipe(process, stuck))
    workers = psutil.Process(process.pid).children(recursive=True)
    assert bool(workers) == (threads == "2")
    os.kill(process.pid, signum)
    code, out, err = finish(process, 20)
    os.close(end)
    assert code == expected, err
    assert err.splitlines()[-1].startswith(f"im2rec.py: stopped by {signum.name}; ")
    assert "Traceback" not in err
    assert (stuck / "d.rec").read_text() == (stuck / "d.idx").read_text() == "old"
    assert not [name for name in os.listdir(stuck) if "partial" in name]
    wait_for(lambda: not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers), 10)


def test_a_signal_that_comes_again_does_not_disturb_the_clearing_up(root, tmp_path, monkeypatch, capsys):
    def signal_twice(*paths):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(os, "replace", signal_twice)
    assert legacy.main(["--list", str(tmp_path / "d"), str(root)]) == 143
    assert files_of(tmp_path) == {}
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGINT)) == before


def test_a_signal_that_is_swallowed_or_becomes_another_error_is_still_one(root, tmp_path, monkeypatch, capsys):
    class Finalized:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)
            time.sleep(0.01)  # here the handler raises, in vain

    def swallow(*paths):
        Finalized()
        time.sleep(20)

    def load(*paths):
        try:
            signal.raise_signal(signal.SIGHUP)
            time.sleep(20)
        except BaseException:
            sys.excepthook(*sys.exc_info())  # as NumPy does when it is loaded
            raise ImportError("failed to import") from None

    for replace, code, name in ((swallow, 143, "SIGTERM"), (load, 129, "SIGHUP")):
        monkeypatch.setattr(os, "replace", replace)
        started = time.monotonic()
        assert legacy.main(["--list", str(tmp_path / "d"), str(root)]) == code
        assert time.monotonic() - started < 10
        said = capsys.readouterr().err
        assert f"stopped by {name}; " in said and "Traceback" not in said and "ImportError" not in said
    assert files_of(tmp_path) == {}


def test_the_image_of_a_killed_worker_is_tried_again(stuck):
    process = start(["--num-thread", "2", stuck / "d", stuck], THAT_WAITS)
    end = wait_for(lambda: open_other_end(stuck))
    reader = wait_for(lambda: reader_of_the_pipe(process, stuck))
    shutil.copy(SKIMAGE / "rocket.jpg", stuck / "photo.jpg")
    os.replace(stuck / "photo.jpg", stuck / "pipe.jpg")
    os.kill(reader, signal.SIGKILL)
    code, out, err = finish(process)
    os.close(end)
    assert code == 0, err
    assert indices(stuck / "d.rec") == list(range(11))
    assert "Traceback" not in err


def test_an_image_that_kills_two_workers_is_left_out(stuck):
    process = start(["--num-thread", "2", stuck / "d", stuck], THAT_WAITS)
    end = wait_for(lambda: open_other_end(stuck))
    first = wait_for(lambda: reader_of_the_pipe(process, stuck))
    os.kill(first, signal.SIGKILL)
    os.kill(wait_for(lambda: reader_of_the_pipe(process, stuck, first)), signal.SIGKILL)
    code, out, err = finish(process)
    os.close(end)
    assert code == 1, err
    assert f"{stuck / 'd.lst'}:6: error: 'pipe.jpg': worker: " in err and "SIGKILL" in err
    assert "1 of 11 entries failed" in err and "Traceback" not in err
    assert indices(stuck / "d.rec") == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert not [name for name in os.listdir(stuck) if "partial" in name]


def test_an_image_without_progress_is_left_out(stuck, monkeypatch, capfd):
    monkeypatch.setattr(packing, "_TIMEOUT", 1.0)
    monkeypatch.setattr(Work, "__call__", Work.__call__)  # to be put back
    exec(WAITING, {})
    assert legacy.main(["--num-thread", "2", str(stuck / "d"), str(stuck)]) == 1
    assert ":6: error: 'pipe.jpg': worker: there was no progress on it" in capfd.readouterr().err
    assert indices(stuck / "d.rec") == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]


def test_an_interrupted_list_leaves_the_old_one(root, tmp_path, monkeypatch, capsys):
    (tmp_path / "d.lst").write_text("old")

    def interrupt(*paths):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    assert legacy.main(["--list", str(tmp_path / "d"), str(root)]) == 130
    assert files_of(tmp_path) == {"d.lst": b"old"}


def test_an_output_that_cannot_be_written_is_one_line(tmp_path, capsys):
    prepare(tmp_path, ["camera.png"])
    os.rename(tmp_path / "d.lst", tmp_path / ("d" * 250 + ".lst"))  # a name to which nothing can be added
    assert legacy.main([str(tmp_path / ("d" * 250)), str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("im2rec.py: error: cannot ") and "File name too long" in said


def test_memory_that_is_used_up_is_one_line(tmp_path, monkeypatch, capsys):
    def use_it_up(*args):
        raise MemoryError

    prepare(tmp_path, ["camera.png"])
    monkeypatch.setattr(packing, "_pack_list", use_it_up)
    assert legacy.main([str(tmp_path / "d"), str(tmp_path)]) == 1
    assert capsys.readouterr().err == "im2rec.py: error: the memory is used up; try a smaller --num-thread\n"


@pytest.mark.parametrize(
    ("asked", "taken", "is_said"), [("100000", 64, True), ("65", 64, True), ("64", 64, False), ("-1", -1, False)]
)
def test_no_more_workers_than_the_machine_bears(tmp_path, monkeypatch, capsys, asked, taken, is_said):
    """Starts none of them: so many take the machine down."""
    seen = []
    prepare(tmp_path, ["camera.png"])
    monkeypatch.setattr("mxnet_im2rec.arguments.usable_cpus", lambda: 2)
    monkeypatch.setattr(packing, "_pack", lambda path, work, args: seen.append(args.num_thread) or True)
    assert legacy.main(["--num-thread", asked, str(tmp_path / "d"), str(tmp_path)]) == 0
    assert seen == [taken]
    said = f"im2rec.py: --num-thread {asked} is more than this machine bears: taking 64, the result is the same\n"
    assert capsys.readouterr().err == (said if is_said else "")

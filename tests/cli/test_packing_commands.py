# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``im2rec pack`` and ``im2rec merge``."""

import inspect
import json
import signal
import subprocess
import sys

import pytest
from commands import ENVIRONMENT, SLOW, call, running, shell, start
from helpers import run_script, wait_for

from mxnet_im2rec import RecordFile, arguments, im2rec, mxnet_compat
from mxnet_im2rec.cli.errors import describe_error
from mxnet_im2rec.cli.transforms_options import TransformOptions

stock = mxnet_compat.import_mxnet().gluon.data.vision.transforms

TRANSFORMS = """
import os

import neighbour
from mxnet.gluon.data.vision import transforms
from mxnet.gluon import Block

ready = transforms.Compose([transforms.Resize(neighbour.SIZE)])

def make():
    return transforms.Compose([transforms.Resize(neighbour.SIZE)])

class Smaller(Block):
    def __init__(self):
        super().__init__()
        self.inner = transforms.Resize(neighbour.SIZE)

    def forward(self, image):
        print("this is not the result")
        return self.inner(image)

def smaller(image):
    return ready(image)

def broken(image):
    raise KeyError("inner \\x1b[31m")

def failing():
    return 1 / 0

number = 3

calls = []

def stopping(image):
    calls.append(image)
    if len(calls) == 4 and os.path.exists("stop"):
        raise KeyboardInterrupt
    return image
"""


def test_verbose_shows_where_a_transform_failed(folder):
    options = ["--workers", "1", "--transforms", "mine.py:broken", "--error-limit", "none"]
    quiet, loud = (call("pack", "photos.lst", "out", *options, *more, code=1) for more in ([], ["-v"]))
    assert "KeyError" in quiet.stderr and "Traceback" not in quiet.stderr
    assert 'mine.py", line' in loud.stderr and "in broken" in loud.stderr and "\x1b" not in loud.stderr
    assert "worker.py" not in loud.stderr


@pytest.fixture
def folder(photos, tmp_path, monkeypatch):
    """The current folder, with lists, good and bad, and transforms."""
    names = ["camera.png", "rocket.jpg", "chelsea.png", "coffee.png"]
    write(tmp_path / "photos.lst", *(f"{index}\t{index % 2}\t{photos / name}" for index, name in enumerate(names)))
    write(tmp_path / "bad.lst", f"0\t1\t{photos / names[0]}", "1\t1\tno\x1bsuch.png", "what", f"3\t1\t{photos / names[1]}")
    (tmp_path / "mine.py").write_text(TRANSFORMS)
    (tmp_path / "neighbour.py").write_text("SIZE = 48\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("mine", "neighbour", "im2rec_transforms_file"):  # of another test
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield tmp_path
    for name in ("mine", "neighbour", "im2rec_transforms_file"):
        sys.modules.pop(name, None)


def write(path, *lines):
    path.write_text("".join(line + "\n" for line in lines), "utf-8")


def sizes(rec):
    with RecordFile(rec) as records:
        return [record.image().shape[:2] for record in records]


def test_pack_prints_the_report(folder):
    result = call("pack", "photos.lst", "out")
    assert result.stdout.startswith("4 records, ")
    assert str(folder / "out.rec") in result.stdout
    assert result.stderr == ""
    assert sizes("out.rec") == [(512, 512), (427, 640), (300, 451), (400, 600)]


def test_pack_says_what_has_verified_the_dataset(folder):
    result = call("pack", "photos.lst", "out", "--verify", "--short-edge", "100", "--workers", "0")
    by = "by its own bytes, the list, OpenCV, which decoded every image, MXNet's ImageRecordIter"
    assert result.stderr == f"note: verified {folder / 'out.rec'}, {by}: no problem\n"
    assert call("pack", "photos.lst", "out", "--verify", "--short-edge", "100", "--workers", "0", "--resume", "-q").stderr == ""
    lines = (folder / "photos.lst").read_text("utf-8").splitlines()
    write(folder / "ragged.lst", *lines, "9\t8\t" + lines[0].partition("\t")[2])  # which ImageRecordIter refuses
    result = call("pack", "ragged.lst", "ragged", "--verify", "--workers", "0", "--json")
    assert "ImageRecordIter" not in result.stderr
    assert json.loads(result.stdout)["reports"][0]["verified_by"] == ["the list", "OpenCV, which decoded every image"]


def test_every_option_arrives(folder, monkeypatch):
    seen = {}

    def record(list_file, output, transformations, **options):
        seen.update(options, list_file=list_file, output=output, transformations=transformations)
        raise ValueError("enough")

    monkeypatch.setattr("mxnet_im2rec.packing.im2rec.im2rec", record)
    args = ["--workers", 3, "--batch-size", 7, "--color", "-1", "--encoding", ".png", "--quality", 5, "--error-limit", "none"]
    args += ["--resume", "--only", "bad.lst", "--timeout", "none", "--max-pixels", "1000"]
    args += ["--no-pack-labels", "--seed", "-4", "--fast-decode", "--verify", "--start-method", "spawn", "--root", folder]
    call("pack", "photos.lst", "out", *args, "--pass-through", "-q", code=2)
    assert (
        seen.items()
        >= {
            "list_file": "photos.lst",
            "output": "out",
            "transformations": None,
            "num_workers": 3,
            "batch_size": 7,
            "color": -1,
            "encoding": ".png",
            "quality": 5,
            "pass_through": True,
            "error_limit": None,
            "pack_labels": False,
            "seed": -4,
            "fast_decode": True,
            "verify": True,
            "mp_context": "spawn",
            "resume": True,
            "only": "bad.lst",
            "timeout": None,
            "max_pixels": 1000,
            "root": str(folder),
        }.items()
    )


def test_the_defaults_are_those_of_im2rec(folder, monkeypatch):
    seen = {}

    def record(list_file, output, transformations, **options):
        seen.update(options)
        raise ValueError("enough")

    monkeypatch.setattr("mxnet_im2rec.packing.im2rec.im2rec", record)
    call("pack", "photos.lst", "out", "--error-limit", "0", code=2)
    parameters = inspect.signature(im2rec).parameters
    for name, value in seen.items():
        if name != "progress":
            assert value == parameters[name].default, name


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([30, None, None], lambda: [stock.Resize(30)]),
        ([None, 30, None], lambda: [stock.Resize(30, keep_ratio=True)]),
        ([None, 30, 20], lambda: [stock.Resize(30, keep_ratio=True), stock.CenterCrop(20)]),
        ([None, None, 20], lambda: [stock.CenterCrop(20)]),
    ],
)
def test_the_options_make_the_transforms_of_gluon(folder, args, expected):
    names = ["--resize", "--short-edge", "--center-crop"]
    options = [str(word) for name, value in zip(names, args) if value for word in (name, value)]
    call("pack", "photos.lst", "ours", *options, "--workers", "0")
    im2rec("photos.lst", "theirs", stock.Compose(expected()), num_workers=0)
    assert (folder / "ours.rec").read_bytes() == (folder / "theirs.rec").read_bytes()


def test_no_option_no_transforms():
    assert TransformOptions(None, None, None, None).make() is None


@pytest.mark.parametrize(
    "named", ["mine.py:ready", "mine.py:make", "mine.py:Smaller", "mine.py:smaller", "mine:make", "./mine.py:ready"]
)
def test_transforms_of_the_user(folder, named):
    result = call("pack", "photos.lst", "out", "--transforms", named, "--workers", "0", "--json")
    assert json.loads(result.stdout)["ok"] is True
    assert set(sizes("out.rec")) == {(48, 48)}


@pytest.mark.parametrize("named", ["../mine.py:Smaller", "mine:make"])
def test_transforms_of_the_user_reach_spawned_workers(folder, named):
    """A file's by value, a module's by its name; and the file's folder hides nothing that is installed."""
    (folder / "elsewhere").mkdir()
    here = folder / "elsewhere" if named.startswith("..") else folder  # which python -m itself puts first
    if here != folder:
        (folder / "json.py").write_text("raise ImportError('hidden')\n")
    args = ["--transforms", named, "--start-method", "spawn", "--workers", 1, "--json"]
    out, err = shell("pack", folder / "photos.lst", folder / "out", *args, folder=here, is_warm=True)
    assert json.loads(out)["reports"][0]["num_records"] == 4
    assert err.count("this is not the result") == (4 if named.endswith("Smaller") else 0)
    assert set(sizes("out.rec")) == {(48, 48)}


def test_spawned_workers_of_the_console_script(folder):
    code = "import sys\n\nfrom mxnet_im2rec.cli.main import main\n\nif __name__ == '__main__':\n    sys.exit(main())\n"
    args = ["pack", "photos.lst", "out", "--start-method", "spawn", "--workers", "1"]
    returncode, out, err = run_script(f"import sys\n\nsys.argv[1:] = {args!r}\n" + code, folder, is_warm=True)
    assert returncode == 0, err
    assert out.startswith("4 records")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("mine.py:failing", "line 29: ZeroDivisionError"),
        ("mine.py:number", "int"),
        ("mine.py:nope", "ready, make"),
        ("nosuch.py:make", "nosuch.py"),
        ("nosuch:make", "No module named 'nosuch'"),
        ("wrong.py:make", "line 2: SyntaxError"),
        ("wrong:make", "line 2: SyntaxError"),
        ("exits.py:make", "SystemExit"),
        ("mine.py", "FILE.py:NAME"),
        (":make", "FILE.py:NAME"),
    ],
)
def test_transforms_that_cannot_be_loaded(folder, named, said):
    (folder / "wrong.py").write_text("x = 1\ndef make(:\n")
    (folder / "exits.py").write_text("raise SystemExit('no \x1b[31m')\n")
    result = call("pack", "photos.lst", "out", "--transforms", named, code=2)
    assert said in result.stderr
    assert named.partition(":")[0] in result.stderr
    assert len(result.stderr.splitlines()) <= 2
    assert "\x1b" not in result.stderr
    assert not list(folder.glob("out*"))


def test_a_transform_that_raises_is_a_failure_with_its_line(folder):
    result = call("pack", "photos.lst", "out", "--transforms", "mine.py:broken", code=1)
    assert result.stderr.startswith("photos.lst:1: error: ")
    assert "transform: KeyError" in result.stderr
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--resize", "3", "--short-edge", "3"], "--short-edge"),
        (["--resize", "3", "--transforms", "mine.py:make"], "--transforms"),
        (["--resize", "3", "--pass-through"], "--pass-through"),
        (["--resize", "0"], "--resize"),
        (["--resize", "16385"], "16385 is not in the range 1<=x<=16384. The limit is there because a worker holds whole images"),
        (["--short-edge", "100000"], "'--short-edge': 100000 is not in the range 1<=x<=16384"),
        (["--center-crop", "100000"], "'--center-crop': 100000 is not in the range 1<=x<=16384"),
        (["--center-crop", "few"], "'few' is not a valid integer"),
        (["--error-limit", "-1"], "--error-limit"),
        (["--error-limit", "few"], "none"),
        (["--quality", "101"], "Error: --quality is the quality of JPEG here, and must be a whole number from 1 to 100"),
        (["--encoding", ".gif"], "--encoding"),
        (["--color", "2"], "--color"),
        (["--workers", "-1"], "--workers"),
        (["--root", "nosuch"], "nosuch"),
        (["extra"], "'out' does not exist"),
        (["--timeout", "0"], "Error: --timeout must be"),
        (["--timeout", "soon"], "--timeout"),
        (["--max-pixels", "0"], "--max-pixels"),
        (["--only", "nosuch.tsv"], "nosuch.tsv"),
        (["--only", "photos.lst"], "no list of failures"),
    ],
)
def test_pack_called_wrongly(folder, args, said):
    before = sorted(folder.iterdir())
    result = call("pack", "photos.lst", "out", *args, code=2)
    assert said in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) <= 2
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ([], "OUTPUT"),
        (["photos.lst"], "OUTPUT"),
        (["nosuch.lst"], "nosuch.lst"),
        (["photos.lst", "bad.lst"], "'bad.lst' is a list"),
        (["photos.lst", "bad.lst", "out"], "make it first"),
        (["photos.lst", "packed/photos.lst", "packed"], "photos.rec"),
        (["photos.lst", "no/such/out"], "make it first"),
    ],
)
def test_paths_that_make_no_sense(folder, paths, said):
    (folder / "packed").mkdir()
    (folder / "packed" / "photos.lst").write_text("")
    assert said in call("pack", *paths, code=2).stderr
    assert [path.name for path in folder.rglob("*.rec")] == []


def test_a_folder_as_output_is_reported(folder):
    (folder / "packed").mkdir()
    result = call("pack", "photos.lst", "packed", "--resize", "32", "--workers", "0")
    assert result.stderr == "note: OUTPUT is a folder: writing packed/photos.rec\n"
    assert sizes("packed/photos.rec") == [(32, 32)] * 4
    for args in (["packed", "-q", "--overwrite"], ["out"]):
        assert call("pack", "photos.lst", *args, "--resize", "32", "--workers", "0").stderr == ""


@pytest.mark.parametrize("cpus", [1, 2, 4, 5, 96])
def test_no_more_workers_than_the_machine_bears(monkeypatch, cpus):
    """The check alone: so many processes take the machine down."""
    monkeypatch.setattr(arguments, "usable_cpus", lambda: cpus)
    most = max(64, 16 * cpus)
    assert arguments.workers(most) == most
    for needs_processes in (True, False):
        for count in (most + 1, 100_000):
            with pytest.raises(ValueError) as raised:
                arguments.workers(count, needs_processes)
            said = f"--workers must be at most {most} here, not {count}; the CPUs that there are to use: {cpus}"
            with running("pack"):
                assert describe_error(raised.value) == said


def test_failures_are_reported_in_terms_of_the_command_line(folder):
    (folder / "picture.webp").write_bytes(b"RIFF\x1a\0\0\0WEBPVP8L" + bytes(14))
    write(folder / "webp.lst", "0\t1\tpicture.webp", *read("photos.lst")[1:])
    args = ["pack", "webp.lst", "out", "--pass-through", "--error-limit", "1"]
    result = call(*args, code=1)
    for text in (result.stdout, result.stderr, call(*args, "--json", "--overwrite", code=1).stdout):
        assert "pack it without --pass-through" in text
        assert "pass_through" not in text


def test_several_lists_go_into_a_folder(folder):
    (folder / "packed").mkdir()
    write(folder / "val.lst", (folder / "photos.lst").read_text().splitlines()[2])
    result = call("pack", "photos.lst", "val.lst", "packed/", "--resize", "32", "--workers", "0", "--json")
    found = json.loads(result.stdout)
    assert [(each["list_file"], each["num_records"]) for each in found["reports"]] == [("photos.lst", 4), ("val.lst", 1)]
    assert sizes("packed/photos.rec") == [(32, 32)] * 4
    text = call("pack", "photos.lst", "val.lst", "packed", "--workers", "0", "--overwrite").stdout
    assert [line for line in text.splitlines() if "record" in line][0].startswith("4 records")
    assert "1 record," in text


def test_the_first_list_that_fails_ends_the_call(folder):
    (folder / "packed").mkdir()
    (folder / "last.lst").write_text((folder / "photos.lst").read_text())
    result = call("pack", "photos.lst", "bad.lst", "last.lst", "packed", "--json", "--workers", "0", code=1)
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert [each["list_file"] for each in found["reports"]] == ["photos.lst"]
    assert [each["line"] for each in found["error"]["failures"]] == [2]
    assert sorted(path.name for path in (folder / "packed").iterdir()) == [
        "bad.failed-run.failures.tsv",
        "photos.idx",
        "photos.rec",
    ]


def test_a_failure_above_the_limit_ends_it_with_the_line_and_what_to_do(folder):
    result = call("pack", "bad.lst", "out", code=1)
    first, second = result.stderr.splitlines()
    assert first.startswith("bad.lst:2: error: 'no\\x1bsuch.png': read: ")
    assert second.startswith("Error: 1 entry failed, --error-limit is 0: no output was written.")
    assert result.stdout == ""
    assert second.endswith("out.failed-run.failures.tsv'")
    assert [path.name for path in folder.glob("out*")] == ["out.failed-run.failures.tsv"]
    assert call("pack", "bad.lst", "out", "-q", code=1).stderr.splitlines()[0] == first


def test_failures_within_the_limit_are_reported_and_exit_1(folder):
    result = call("pack", "bad.lst", "out", "--error-limit", "2", code=1)
    assert [line.split(":")[1] for line in result.stderr.splitlines()] == ["2", "3"]
    assert "2 entries failed and are left out" in result.stdout
    assert "\x1b" not in result.stdout + result.stderr
    assert len(sizes("out.rec")) == 2
    found = json.loads(call("pack", "bad.lst", "out", "--error-limit", "none", "--json", "-q", "--overwrite", code=1).stdout)
    assert found["ok"] is False
    assert [each["line"] for each in found["reports"][0]["failures"]] == [2, 3]


def test_an_empty_list_exits_1(folder):
    write(folder / "empty.lst", "# nothing")
    result = call("pack", "empty.lst", "out", code=1)
    assert "has no entries" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.filterwarnings("default::mxnet_im2rec.LabelPrecisionWarning")
def test_a_warning_is_one_plain_line(folder, photos):
    write(folder / "large.lst", f"0\t16777217\t{photos / 'camera.png'}")
    result = call("pack", "large.lst", "out", "--workers", "0")
    assert result.stderr.startswith("warning: line 1: the label 16777217 becomes 16777216")
    assert len(result.stderr.splitlines()) == 1
    assert call("pack", "large.lst", "quiet", "--workers", "0", "-q").stderr == ""


def test_a_worker_that_dies_exits_1(folder):
    (folder / "dies.py").write_text("import os\n\ndef die(image):\n    os._exit(7)\n")
    out, err = shell(
        "pack", "photos.lst", "out", "--transforms", "dies.py:die", "--workers", 1, folder=folder, code=1, is_warm=True
    )
    assert "camera.png" in err
    assert "Traceback" not in err
    assert out == ""


def test_the_bytes_are_those_of_the_function(folder):
    shell("pack", "photos.lst", "ours", "--short-edge", 100, "--seed", 3, "--quality", 80, "--verify", folder=folder)
    im2rec("photos.lst", "theirs", stock.Compose([stock.Resize(100, keep_ratio=True)]), seed=3, quality=80)
    for extension in ("rec", "idx"):
        assert (folder / f"ours.{extension}").read_bytes() == (folder / f"theirs.{extension}").read_bytes()


def test_a_list_through_a_pipe(folder):
    words = f"{sys.executable} -m mxnet_im2rec pack <(grep rocket photos.lst) out --pass-through --root ."
    process = subprocess.run(["bash", "-c", words], env=ENVIRONMENT, capture_output=True, timeout=100)
    assert process.returncode == 0, process.stderr
    assert len(sizes("out.rec")) == 1


def test_what_failed_is_packed_later_and_merged(folder, photos):
    call("pack", "bad.lst", "most", "--error-limit", "none", "-q", code=1)
    (folder / "no\x1bsuch.png").write_bytes((photos / "chelsea.png").read_bytes())
    args = ["--only", "most.failures.tsv", "--error-limit", "1", "--json"]
    found = json.loads(call("pack", "bad.lst", "rest", *args, code=1).stdout)
    assert found["reports"][0]["num_records"] == 1
    assert "3 records" in call("merge", "most.rec", "rest.rec", "all").stdout
    assert len(sizes("all.rec")) == 3
    assert "one list" in call("pack", "bad.lst", "photos.lst", folder, "--only", "most.failures.tsv", code=2).stderr


def read(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read().splitlines()


def test_an_interrupted_run_says_how_to_go_on_and_does(folder):
    (folder / "slow.py").write_text(SLOW)
    args = ["photos.lst", "out", "--transforms", "slow.py:slow", "--workers", "0", "--batch-size", "2"]
    call("pack", "photos.lst", "whole", *args[2:])
    process = start("pack", *args, folder=folder, is_warm=True)
    journal = folder / "out.rec.journal.partial"
    wait_for(lambda: journal.exists() and journal.read_bytes().count(b'"checkpoint"') > 1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert out == ""
    *_, kept, last = err.splitlines()
    assert "--resume goes on from there" in kept
    assert last == "Interrupted."
    assert not (folder / "out.rec").exists()
    found = json.loads(call("pack", *args, "--resume", "--json").stdout)["reports"][0]
    assert found["num_resumed"] > 0
    assert (folder / "out.rec").read_bytes() == (folder / "whole.rec").read_bytes()
    assert not list(folder.glob("*.partial"))


@pytest.fixture
def parts(folder):
    for number, name in enumerate(["one", "two"]):
        write(folder / f"{name}.lst", *(f"{10 * number + place}{line[1:]}" for place, line in enumerate(read("photos.lst"))))
        call("pack", f"{name}.lst", name, "--resize", "32", "--workers", "0")
    return folder


def test_merge_puts_datasets_one_behind_the_other(parts):
    found = json.loads(call("merge", "one.rec", "two.rec", "all", "--json").stdout)
    assert found["num_records"] == 8
    assert (parts / "all.rec").read_bytes() == (parts / "one.rec").read_bytes() + (parts / "two.rec").read_bytes()


def test_merge_overwrites_only_on_demand(parts):
    before = (parts / "two.rec").read_bytes()
    assert "--overwrite" in call("merge", "one.rec", "two.rec", code=2).stderr
    assert (parts / "two.rec").read_bytes() == before
    call("merge", "one.rec", "two.rec", "two", "--overwrite")
    assert len(sizes("two.rec")) == 8


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ([], 2, "OUTPUT"),
        (["one.rec"], 2, "OUTPUT"),
        (["nosuch.rec", "all"], 2, "nosuch.rec"),
        (["one.rec", "one.rec", "all"], 1, "more than once"),
        (["one.rec", "one.lst", "all"], 1, "one.lst"),
    ],
)
def test_merge_that_cannot_be(parts, args, code, said):
    result = call("merge", *args, code=code)
    assert said in result.stderr
    assert len(result.stderr.splitlines()) <= 2
    assert not list(parts.glob("all*"))


def test_pack_replaces_only_on_demand_and_says_so(folder):
    call("pack", "photos.lst", "out", "--resize", "32", "--workers", "0")
    before = (folder / "out.rec").read_bytes()
    for name in ("out", "out.rec"):
        said = call("pack", "photos.lst", name, "--workers", "0", code=2).stderr
        assert said == f"Error: '{folder / 'out.rec'}' is there already; give another name, or --overwrite to replace it\n"
    assert (folder / "out.rec").read_bytes() == before
    result = call("pack", "photos.lst", "out", "--resize", "48", "--workers", "0", "--overwrite")
    assert result.stderr == f"note: replaced {folder / 'out.rec'}\n"
    assert sizes("out.rec") == [(48, 48)] * 4
    (folder / "out.rec").unlink()
    assert "out.idx' is there already" in call("pack", "photos.lst", "out", code=2).stderr


def test_of_several_lists_none_is_packed_if_one_would_be_replaced(folder):
    (folder / "packed").mkdir()
    write(folder / "val.lst", read("photos.lst")[2])
    call("pack", "val.lst", "packed", "--pass-through", "-q")
    assert "val.rec' is there already" in call("pack", "photos.lst", "val.lst", "packed", code=2).stderr
    assert sorted(path.name for path in (folder / "packed").iterdir()) == ["val.idx", "val.rec"]


def test_a_job_that_is_started_twice_has_nothing_to_do(folder):
    args = ["pack", "photos.lst", "out", "--resize", "32", "--workers", "0", "--resume"]
    assert call(*args).stderr == ""
    before = (folder / "out.rec").stat().st_ino
    result = call(*args, "--json")
    assert result.stderr == f"note: nothing to do: {folder / 'out.rec'} is complete\n"
    found = json.loads(result.stdout)
    assert (found["ok"], found["reports"][0]["num_resumed"]) == (True, 4)
    assert (folder / "out.rec").stat().st_ino == before
    said = call(*args, "--quality", "50", code=1).stderr
    assert "made again" in said and "To replace it, pack with --overwrite in the place of --resume" in said
    assert "leave one of them out" in call(*args, "--overwrite", code=2).stderr
    call("pack", "bad.lst", "some", "--workers", "0", "--error-limit", "none", "-q", code=1)
    for _ in range(2):
        again = call("pack", "bad.lst", "some", "--workers", "0", "--error-limit", "none", "--resume", code=1)
        assert "nothing to do" in again.stderr and "2 entries failed" in again.stdout


def test_what_an_interrupted_pack_with_overwrite_says_is_true(folder):
    call("pack", "photos.lst", "out", "--workers", "0", "--quality", "50", "--transforms", "mine.py:smaller")
    args = ["pack", "photos.lst", "out", "--workers", "0", "--batch-size", "2", "--transforms", "mine.py:stopping"]
    (folder / "stop").touch()
    said = call(*args, "--overwrite", code=130).stderr
    (folder / "stop").unlink()
    assert f"3 records are kept beside '{folder / 'out.rec'}'; --resume in the place of --overwrite goes on from there" in said
    assert "leave one of them out" in call(*args, "--overwrite", "--resume", code=2).stderr
    result = call(*args, "--resume")
    assert result.stderr == f"note: replaced {folder / 'out.rec'}\n"
    assert "3 of them were there from an earlier run" in result.stdout
    assert sizes("out.rec") == [(512, 512), (427, 640), (300, 451), (400, 600)]


def test_what_an_interrupted_pack_says_is_true(folder):
    args = ["pack", "photos.lst", "out", "--workers", "0", "--batch-size", "2", "--transforms", "mine.py:stopping"]
    (folder / "stop").touch()
    assert "; --resume goes on from there" in call(*args, code=130).stderr
    (folder / "stop").unlink()
    said = call(*args, "--quality", "7", "--resume", code=1).stderr
    assert "begin again, with --overwrite in the place of --resume" in said
    assert call(*args, "--quality", "7", "--overwrite").stdout.startswith("4 records, ")
    args = ["pack", "photos.lst", "some", "--workers", "0", "--batch-size", "2", "--transforms", "mine.py:stopping"]
    (folder / "neighbour.py").write_text("SIZE = 49\n")


def test_an_interrupted_run_is_given_up_by_merge_only_on_demand(folder):
    call("pack", "photos.lst", "one", "-q", "--pass-through")
    (folder / "stop").touch()
    call("pack", "photos.lst", "out", "--workers", "0", "--batch-size", "2", "--transforms", "mine.py:stopping", code=130)
    said = call("merge", "one.rec", "out", code=1).stderr
    assert "go on with it by im2rec pack LIST... OUTPUT with --resume, or give --overwrite to give it up" in said
    assert call("merge", "one.rec", "out", "--overwrite").stdout.startswith("4 records, ")

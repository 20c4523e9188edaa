# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What all commands have in common: exit codes, streams, signals, help; and the ways to call them, for the other tests."""

import fcntl
import inspect
import json
import logging
import math
import os
import pty
import re
import resource
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import psutil
import pytest
from commands import ENVIRONMENT, HOME, SECONDS, SLOW, call, running, shell, start
from helpers import wait_for

import mxnet_im2rec
from mxnet_im2rec import ErrorLimitExceeded, Failure, OutputError, Problem, VerifyError
from mxnet_im2rec.cli import errors, output, progress, wording
from mxnet_im2rec.cli.main import cli
from mxnet_im2rec.errors import ArgumentValueError
from mxnet_im2rec.text import Argument, Call, Text

ALL = wording.all_commands(cli)
COMMANDS = list(ALL)  # such as `pack` and `import table`


@pytest.fixture(scope="module")
def packed(photos, tmp_path_factory):
    """A small dataset of real photos, packed by the command."""
    folder = tmp_path_factory.mktemp("packed")
    call("pack", photos / "images.lst", folder / "photos", "--resize", "64", "--workers", "0")
    return folder / "photos.rec"


# Help


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_an_example_that_parses(command):
    text = call(*command.split(), "--help").stdout
    assert "Example" in text
    examples = [line.strip() for line in text.splitlines() if line.startswith("    im2rec ")]
    assert examples
    for example in examples:
        words, begin = shlex.split(example)[1:], command.split()
        assert words[: len(begin)] == begin
        ALL[command].make_parser(click.Context(ALL[command])).parse_args(words[len(begin) :])


def test_no_example_packs_among_the_images():
    texts = [call(*args, "--help").stdout for args in [[], *(command.split() for command in COMMANDS)]]
    texts += [(HOME / name).read_text("utf-8") for name in ("README.md", "tutorials/command_line.md")]
    calls = [shlex.split(call) for text in texts for call in re.findall(r"im2rec (?:pack|merge) .*", text) if "`" not in call]
    assert len(calls) > 10
    assert not [words for words in calls if "photos" in words and words[words.index("photos") - 1] != "--root"]
    assert "existing folder" in texts[1 + COMMANDS.index("pack")]


def test_help_says_what_an_option_is():
    for command in COMMANDS:
        for param in ALL[command].params:
            if isinstance(param, click.Option):
                assert len(param.help or "") > 12, (command, param.name)
                assert not (param.help or "").startswith("As it"), (command, param.name)
    options = {param.name: param.help for param in ALL["pack"].params if isinstance(param, click.Option)}
    assert "resumed" in options["batch_size"] and "in flight" in options["batch_size"]


def test_help_shows_every_command_the_exit_codes_and_completion():
    text = call("--help").stdout
    assert [line.split()[0] for line in text[text.index("Commands:") :].splitlines()[1:]] == list(cli.commands)
    for word in ("Exit code", "_IM2REC_COMPLETE=bash_source", "130", "143"):
        assert word in text
    assert call("-h").stdout == text


def test_help_lines_fit_a_terminal():
    for args in [[], *(command.split() for command in COMMANDS)]:
        assert max(map(len, call(*args, "--help").stdout.splitlines())) <= 100


def test_version():
    assert mxnet_im2rec.__version__ in call("--version").stdout


def test_help_is_quick_and_loads_nothing_heavy(tmp_path):
    code = (
        "import sys\nfrom mxnet_im2rec.cli.main import cli\n"
        "try:\n    cli(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'mxnet', 'cv2', 'numpy', 'tqdm', 'multiprocessing'} & set(sys.modules)), file=sys.stderr)"
    )
    process = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr.decode().strip() == "[]"

    def seconds(run):  # of the CPU: other tests may run at the same time
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    with_click = min(seconds(lambda: subprocess.run([sys.executable, "-c", "import click"], check=True)) for _ in range(5))
    assert min(seconds(lambda: shell("--help", folder=tmp_path)) for _ in range(5)) < 3 * with_click


def test_completion_offers_commands_and_options(tmp_path):
    def offered(words, position):
        env = {"_IM2REC_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
        return shell(folder=tmp_path, env=env)[0].split()

    assert offered("im2rec sa", 1) == ["plain,salvage"]
    assert offered("im2rec pack --short", 2) == ["plain,--short-edge"]


# Wrong calls


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "Missing command"),
        (["packk"], "packk"),
        (["--nope"], "--nope"),
        (["pack", "--nope"], "--nope"),
        (["pack"], "LIST... and then OUTPUT"),
        (["info", "nosuch.rec"], "nosuch.rec"),
        (["list", "nosuch", "x"], "nosuch"),
        (["check", "no\x1b[31msuch.lst"], r"no\x1b[31msuch.lst"),
        (["check", "--no\x1b[31m"], r"--no\x1b[31m"),
    ],
)
def test_a_wrong_call_exits_2_and_says_why_on_stderr(args, said):
    result = call(*args, code=2)
    assert result.stdout == ""
    assert said in result.stderr
    assert "\x1b" not in result.stderr
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) <= 2


@pytest.mark.parametrize(
    ("args", "kind", "said"),
    [
        (["info", "nope.rec", "--json"], "BadParameter", "nope.rec"),
        (["info", "--json", "nope.rec"], "BadParameter", "nope.rec"),
        (["--json", "info", "nope.rec"], "NoSuchOption", "--json"),
        (["info", "--nope", "x", "--json"], "NoSuchOption", "--nope"),
        (["info", "--json"], "MissingParameter", "REC"),
        (["packk", "--json"], "", "packk"),
        (["pack", "x.lst", "out", "--resize", "0", "--json"], "BadParameter", "--resize"),
        (["pack", "x.lst", "out", "--json", "--error-limit", "x"], "BadParameter", "none"),
        (["pack", "nope.lst", "out", "--json"], "BadParameter", "nope.lst"),
        (["list", "--json", "no\x1b[31msuch", "x"], "BadParameter", "such"),
        (["view", "nope.rec", "x.png", "--json"], "BadParameter", "nope.rec"),
        (["index", "nope.rec", "--json"], "BadParameter", "nope.rec"),
        (["merge", "nope.rec", "all", "--json"], "BadParameter", "nope.rec"),
        (["merge", "all", "--json"], "UsageError", "REC... and then OUTPUT"),
    ],
)
def test_a_wrong_call_is_json_too_if_that_is_asked_for(args, kind, said):
    result = call(*args, code=2)
    found = json.loads(result.stdout)
    assert sorted(found) == ["error", "ok"] and found["ok"] is False
    assert sorted(found["error"]) == ["message", "type"]
    assert kind in found["error"]["type"]
    assert said in found["error"]["message"]
    assert "\x1b" not in result.stdout
    assert result.stderr.startswith("Error: ")


def test_json_as_a_file_s_name_is_no_option():
    assert call("info", "--", "--json", code=2).stdout == ""


def test_a_wrong_call_is_json_for_a_shell_too(tmp_path):
    out, err = shell("info", "nope.rec", "--json", folder=tmp_path, code=2)
    assert json.loads(out)["error"]["type"] == "BadParameter"
    assert "nope.rec" in err
    with open("/dev/full", "w") as stdout:
        shell("info", "nope.rec", "--json", folder=tmp_path, code=2, stdout=stdout)


# Errors to exit codes and to words


FAILURE = Failure(3, 2, "a\x1b[31m.jpg", "decode", "it is broken")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("x"), 2),
        (TypeError("x"), 2),
        (FileNotFoundError(2, "No such file or directory", "x"), 2),
        (PermissionError(13, "Permission denied", "x"), 2),
        (OSError(28, "No space left on device"), 1),
        (OutputError("x"), 1),
        (ErrorLimitExceeded([FAILURE], 0), 1),
        (VerifyError([Problem("index", 1, 2, "x")], "x.rec"), 1),
        (ImportError("x"), 1),
        (MemoryError(), 1),
        (KeyError("x"), 1),
    ],
)
def test_every_error_has_its_exit_code_and_words(error, code):
    assert errors.exit_code(error) == code
    with running("pack"):
        assert errors.describe_error(error)


@pytest.mark.parametrize(
    ("command", "message", "said"),
    [
        ("pack", Text("use ", Argument("num_workers", 0)), "use --workers 0"),
        ("pack", Text(Argument("mp_context", "fork"), " forks"), "--start-method fork forks"),
        ("pack", Text("give ", Argument("pass_through", True)), "give --pass-through"),
        ("pack", Text("give ", Argument("pack_labels", False)), "give --no-pack-labels"),
        ("pack", Text("or ", Argument("error_limit", None)), "or --error-limit none"),
        ("pack", Text(Argument("list_file"), ", ", Argument("output_path")), "LIST, OUTPUT"),
        ("pack", Text("other ", Argument("transformations")), "other --transforms"),
        ("merge", Text(Argument("rec_paths"), " and ", Argument("overwrite", True)), "REC and --overwrite"),
        ("verify", Text("no ", Argument("list_file"), " for ", Argument("rec_path")), "no LIST for REC"),
        ("verify", Text(Argument("pixels", "none"), " or ", Argument("idx_path")), "--pixels none or --idx"),
        ("check", Text(Argument("num_threads"), "; ", Argument("max_pixels", None)), "--threads; --max-pixels none"),
        ("info", Text(Argument("path"), " is odd"), "--plot is odd"),
        ("view", Text(Argument("path"), " is odd"), "OUTPUT.png is odd"),
        ("index", Text(Argument("idx_path"), " is odd"), "IDX is odd"),
        ("list", Text(Argument("root"), " is odd"), "ROOT is odd"),
        ("pack", Text(Argument("root"), " is odd"), "--root is odd"),
        ("list", Text("pack with ", Argument("root", function="im2rec")), "pack with --root"),
        ("pack", Text("an ", Argument("unheard_of", 1)), "an unheard_of=1"),
        ("info", Text(Call("salvage", "x.rec", "out"), " saves"), "im2rec salvage x.rec OUTPUT saves"),
        ("info", Text(Call("salvage", "a b's.rec", "out")), "im2rec salvage 'a b'\"'\"'s.rec' OUTPUT"),
        ("info", Text(Call("salvage", "a\x1b.rec", "out")), "im2rec salvage 'a\\x1b.rec' OUTPUT"),
        ("info", Text(Call("salvage", None, "out")), "im2rec salvage REC OUTPUT"),
        ("info", Text(Call("build_index", "x.rec")), "im2rec index x.rec"),
        ("info", Text(Call("build_index")), "im2rec index REC"),
        ("pack", Text(Call("concatenate")), "im2rec merge REC... OUTPUT"),
        ("pack", Text(Call("unheard_of", "x")), "mxnet_im2rec.unheard_of('x')"),
        ("pack", "num_workers=0 in a file's name", "num_workers=0 in a file's name"),
    ],
)
def test_a_message_has_the_names_of_the_command_that_runs(command, message, said):
    with running(command):
        assert errors.describe_error(ValueError(message)) == said
        assert errors.describe_error(OSError(22, message, "x")) == f"'x': {said}"
        assert output.plain({"a": [Problem("index", 1, 2, message)]})["a"][0]["message"] == said


def test_a_file_s_name_does_not_break_a_line():
    error = FileNotFoundError(2, "No such file or directory", "a\nb")
    assert errors.describe_error(error) == "'a\\nb': No such file or directory"


def test_an_error_of_an_argument_is_worded_part_by_part():
    error = ArgumentValueError("root", "is odd", "x", help=Text("give ", Argument("list_file"), " too"))
    with running("verify"):
        assert errors.describe_error(error) == "--root is odd, not 'x'; give LIST too"


def test_what_a_transform_says_is_its_own():
    with running("pack"):
        for stage, reason, said in (
            ("transform", "batch_size", "batch_size"),
            ("encode", Text(Argument("batch_size")), "--batch-size"),
        ):
            failure = Failure(1, 2, "x.jpg", stage, reason)
            assert output.describe_failure(failure, "x") == f"x:1: error: 'x.jpg': {stage}: {said}"


def test_a_problem_s_advice_is_a_command():
    error = VerifyError([Problem("index", 1, 2, Text("gone; ", Call("build_index"), " makes it"))] * 2, "x.rec")
    with running("pack"):
        said = errors.describe_error(error)
    assert said.count("im2rec index REC makes it") == 2
    assert "mxnet_im2rec" not in said


def test_the_table_of_the_commands_is_whole():
    assert list(wording.FUNCTIONS) == COMMANDS
    for function in wording.FUNCTIONS.values():
        assert function in mxnet_im2rec.__all__


ELSEWHERE = {"progress"}  # -v, -q and whether there is a terminal


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_of_the_function_has_its_option(command):
    theirs = set(inspect.signature(getattr(mxnet_im2rec, wording.FUNCTIONS[command])).parameters)
    if command.startswith("import "):
        theirs |= set(inspect.signature(mxnet_im2rec.import_list).parameters) - {"source"}
    ours = {param.name for param in ALL[command].params}
    assert theirs - ours <= ELSEWHERE


def test_a_bug_is_called_one_and_its_traceback_comes_with_vv(packed, monkeypatch):
    def break_down(*args, **options):
        raise KeyError("inner\x1b")

    monkeypatch.setattr("mxnet_im2rec.tools.summary.summarize", break_down)
    said = call("info", packed, code=1).stderr
    assert "KeyError" in said
    assert "-vv" in said
    assert "Traceback" not in said
    assert len(said.splitlines()) == 1
    assert "\x1b" not in said
    for args in (["-vv", "info", packed], ["info", packed, "-v", "-v"], ["-v", "info", packed, "-v"]):
        assert "Traceback" in call(*args, code=1).stderr


def test_a_failure_reads_as_a_compiler_s_error():
    assert output.describe_failure(FAILURE, "photos.lst") == "photos.lst:3: error: 'a\\x1b[31m.jpg': decode: it is broken"
    assert output.describe_failure(Failure(None, None, None, "pack", "why"), "x") == "x: error: pack: why"


# Streams


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("naïve 写真.jpg\n\tx", "naïve 写真.jpg\n\tx"),
        ("a\x1b[31mb\r\x07", "a\\x1b[31mb\\r\\x07"),
        ("\udce9\u202e\x9b", "\\udce9\\u202e\\x9b"),
        ("a\u3000b\xa0c", "a\u3000b\xa0c"),
    ],
)
def test_nothing_reaches_the_terminal_that_it_would_obey(text, shown):
    assert output.printable(text) == shown


def test_an_encoding_that_lacks_letters_is_no_error(photos, tmp_path):
    folder = tmp_path / "写真"
    folder.mkdir()
    (folder / "camera.png").write_bytes((photos / "camera.png").read_bytes())
    out, _ = shell("list", folder, folder / "x", folder=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert "\\u5199\\u771f" in out


def test_a_closed_pipe_is_no_traceback(packed, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        _, err = shell("info", packed, folder=tmp_path, code=141, stdout=stdout)
    assert err == ""


def test_a_full_disk_behind_stdout_is_an_error(packed, tmp_path):
    with open("/dev/full", "w") as stdout:
        _, err = shell("info", packed, folder=tmp_path, code=1, stdout=stdout)
    assert "cannot write to stdout" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("closed", [1, 2])
def test_it_works_without_a_stdout_or_a_stderr(packed, tmp_path, closed):
    words = " ".join(map(shlex.quote, [sys.executable, "-m", "mxnet_im2rec", "info", str(packed)]))
    assert subprocess.run(f"{words} {closed}>&-", shell=True, env=ENVIRONMENT, timeout=SECONDS).returncode == 0


@dataclass
class Everything:
    number: object
    table: object
    _hidden: int = 0

    @property
    def ok(self):
        return True


def test_json_of_everything_a_report_may_hold():
    report = Everything((np.float32(0.5), np.int64(3), np.arange(2), math.nan, -math.inf), {1.0: 1, (2, 3): 2, 0.5: Path("x")})
    assert json.loads(json.dumps(output.plain(report), allow_nan=False)) == {
        "number": [0.5, 3, [0, 1], None, None],
        "table": {"1": 1, "2x3": 2, "0.5": "x"},
        "ok": True,
    }


@pytest.mark.parametrize("args", [["-q", "info"], ["info", "-q"]])
def test_quiet_before_and_after_the_command_gives_the_result_alone(packed, args):
    result = call(*args, packed)
    assert "20 records" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(("options", "lines"), [([], ["warning: two"]), (["-v"], ["info: one", "warning: two"]), (["-q"], [])])
def test_what_the_library_logs(packed, monkeypatch, options, lines):
    def log_and_give(*args, **options):
        logging.getLogger("mxnet_im2rec").info("one")
        logging.getLogger("mxnet_im2rec").warning("two")
        return "three"

    monkeypatch.setattr("mxnet_im2rec.tools.summary.summarize", log_and_give)
    result = call("info", packed, *options)
    assert result.stderr.splitlines() == lines
    assert result.stdout == "three\n"
    assert not logging.getLogger("mxnet_im2rec").handlers


# Progress


def test_progress_lines_come_now_and_then(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 9.9, 10.1, 15.0, 20.2, 31.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    show = progress.ProgressLines("a\x1b.lst", "images")
    for done in range(1, 5):
        show(done * 1000, 50_000, done - 3 if done > 3 else 0)
    show(12_000, None, 3)
    show(13_000)
    assert capsys.readouterr().err.splitlines() == [
        "'a\\x1b.lst': 3,000 of 50,000 images",
        "'a\\x1b.lst': 12,000 images, 3 failed",
        "'a\\x1b.lst': 13,000 images",
    ]


def test_the_bar_and_the_failures_keep_apart_on_a_terminal(photos, tmp_path):
    lines = (photos / "images.lst").read_text().splitlines()
    lines[4] = "4\t1\tnosuch.png"
    (tmp_path / "bad.lst").write_text("\n".join(lines) + "\n")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    args = ["pack", "bad.lst", "out", "--root", photos, "--resize", "64", "--error-limit", "1", "--workers", "1"]
    process = start(*args, folder=tmp_path, stderr=theirs, is_warm=True)
    os.close(theirs)
    seen = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not data:
            break
        seen += data
    os.close(ours)
    assert process.wait(SECONDS) == 1
    assert "19 records" in process.stdout.read()
    process.stdout.close()
    text = seen.decode()
    assert "20/20" in text
    assert "failures=1" in text
    assert re.search(r"[\r\n]bad\.lst:5: error: 'nosuch\.png': read: [^\r\n]*\r\n", text)


# Signals


@pytest.mark.needs_mxnet
@pytest.mark.parametrize(("signum", "code", "workers"), [("SIGINT", 130, 2), ("SIGTERM", 143, 2), ("SIGTERM", 143, 0)])
def test_a_signal_ends_it_at_once_and_nothing_is_left(photos, tmp_path, signum, code, workers):
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "out.rec").write_bytes(b"before")
    args = ["pack", photos / "images.lst", "out", "--transforms", "slow.py:slow", "--workers", workers, "--overwrite"]
    process = start(*args, folder=tmp_path, is_warm=True)
    wait_for(lambda: list(tmp_path.glob("*.partial")) or process.poll() is not None)
    time.sleep(0.5)
    children = psutil.Process(process.pid).children(recursive=True)
    started = time.monotonic()
    while process.poll() is None:
        if signum == "SIGINT":
            os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does, again and again
        else:
            process.terminate()
        time.sleep(0.05)
    assert time.monotonic() - started < 10
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == code, err
    assert out == ""
    said = [line for line in err.splitlines() if not line.startswith("libpng warning")]
    assert said == ["Interrupted." if signum == "SIGINT" else "Ended by SIGTERM."]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["out.rec", "slow.py"]
    assert (tmp_path / "out.rec").read_bytes() == b"before"
    wait_for(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children))
    assert len(children) >= workers


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_that_python_swallows_ends_it_all_the_same(packed, monkeypatch, capsys, signum, code):
    class Finalized:
        def __del__(self):
            signal.raise_signal(signum)
            time.sleep(0.01)  # here the handler raises, in vain

    def summarize(*args, **options):
        Finalized()
        time.sleep(20)

    monkeypatch.setattr("mxnet_im2rec.tools.summary.summarize", summarize)
    started = time.monotonic()
    said = call("info", packed, code=code).stderr
    assert time.monotonic() - started < 10
    assert said == ("Interrupted.\n" if code == 130 else f"Ended by {signal.Signals(signum).name}.\n")
    assert "Traceback" not in capsys.readouterr().err


def test_a_signal_that_becomes_another_error_is_still_one(packed, monkeypatch, capsys):
    def summarize(*args, **options):
        try:
            signal.raise_signal(signal.SIGINT)
            time.sleep(20)
        except KeyboardInterrupt:
            sys.excepthook(*sys.exc_info())  # as NumPy does when it is loaded
            raise ImportError("failed to import") from None

    monkeypatch.setattr("mxnet_im2rec.tools.summary.summarize", summarize)
    assert call("info", packed, code=130).stderr == "Interrupted.\n"


def test_a_signal_that_is_caught_ends_it_at_the_next_step(photos, tmp_path, monkeypatch):
    def im2rec(*args, progress, **options):
        try:
            signal.raise_signal(signal.SIGINT)
            time.sleep(20)
        except BaseException:
            pass
        progress(1, 2, 0)
        raise AssertionError("it went on")

    monkeypatch.setattr("mxnet_im2rec.packing.im2rec.im2rec", im2rec)
    for options in ([], ["-q"]):
        assert call("pack", photos / "images.lst", tmp_path / "x", *options, code=130).stderr == "Interrupted.\n"


def test_handlers_are_put_back(packed):
    def handlers():
        return [
            sys.unraisablehook,
            sys.excepthook,
            *(signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)),
        ]

    before = handlers()
    call("info", packed)
    call("info", "nosuch", code=2)
    assert handlers() == before


# The ways in


def test_the_console_scripts_are_declared():
    text = (HOME / "setup.py").read_text("utf-8")
    assert "im2rec = mxnet_im2rec.__main__:main" in text
    assert "im2rec.py = mxnet_im2rec.cli.legacy:main" in text


def test_the_library_neither_prints_nor_exits_nor_knows_click():
    package = Path(mxnet_im2rec.__file__).parent
    rooms = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in ("cli", "__main__.py")]
    assert len(rooms) > 50
    for path in rooms:
        text = path.read_text("utf-8")
        assert not re.search(r"import click|from \.+cli|mxnet_im2rec\.cli", text), path
        if path.name != "mxnet_reader_process.py":  # a program of its own
            assert not re.search(r"^\s+(print\(|sys\.exit\()", text, re.MULTILINE), path

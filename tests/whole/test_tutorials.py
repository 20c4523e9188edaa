# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What the documents show works: their code runs, as plain scripts in a folder of real photos, and their links lead somewhere.

The blocks that open with "python" behind the fence are one script together; one with "python script" is a script of its own.
Those with "console" are sessions: what stands behind "$ " is run by bash, after the scripts, and what it prints must be what
follows, but for times, sizes and the folder, which the documents call /data.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

import pytest
import skimage.data
import warm

import mxnet_im2rec
from mxnet_im2rec.cli.progress import ProgressLines

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / "tutorials").glob("*.md"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *TUTORIALS])
PHOTOS = ["coffee.png", "coins.png", "grass.png", "hubble_deep_field.jpg", "moon.png", "motorcycle_left.png", "rocket.jpg"]
SECONDS = 900  # for a document, which may start 30 programs: a hang ends, and a machine that is busy otherwise fails no test

pytestmark = pytest.mark.timeout(2 * SECONDS + 60)

CLASSES = {
    "everyday": ["coffee.png", "coins.png", "motorcycle_left.png", "motorcycle_right.png"],
    "space": ["hubble_deep_field.jpg", "moon.png", "rocket.jpg"],
    "texture": ["brick.png", "grass.png", "gravel.png"],
}

_MARK = "-- end of this command --"
_MASKED = [
    # where a command takes more than ten seconds, on a machine that is busy otherwise, it tells its progress
    (re.compile(r"^\S+: [\d,]+( of [\d,]+)? (images|entries|images decoded and read)(, [\d,]+ failed)?\n", re.MULTILINE), ""),
    (re.compile(r"\bin [\d.]+ s\b( \([\d,]+ a second\))?"), "in # s"),
    (re.compile(r"[\d.,]+ (bytes|KiB|MiB)"), "# bytes"),
    (re.compile(r'("seconds": )[\d.e-]+'), r"\1#"),
    (re.compile(r'("num_bytes": )\d+'), r"\1#"),
    (re.compile(r"\bbytes [\d,]+ to [\d,]+: .*"), "bytes # to #"),
    (re.compile(r"[\d.]+ dB"), "# dB"),
    (re.compile(r" +"), " "),  # columns are as wide as the sizes in them
]
_FENCE = re.compile(r"^```(.*)$")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*)$")


def read_blocks(text: str) -> List[Tuple[str, int, List[str]]]:
    """Every fenced block: what stands behind the opening fence, the number of its first line, its lines."""
    blocks: List[Tuple[str, int, List[str]]] = []
    is_open = False
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and not is_open:
            blocks.append((fence.group(1).strip(), number + 1, []))
            is_open = True
        elif fence:
            assert not fence.group(1), f"line {number}: a fence opens inside of a block"
            is_open = False
        elif is_open:
            blocks[-1][2].append(line)
    assert not is_open, "the last block is not closed"
    return blocks


def make_scripts(text: str) -> List[str]:
    """The document's script and those that stand alone, each with its lines where the document has them, for the tracebacks."""
    together: List[str] = []
    alone = []
    for language, first, lines in read_blocks(text):
        if language == "python":
            together += [""] * (first - 1 - len(together)) + lines
        elif language == "python script":
            alone.append("\n".join([""] * (first - 1) + lines) + "\n")
        else:
            assert not language.startswith("py"), f"line {first - 1}: {language!r} is not run by any test"
    assert any(map(str.strip, together)), "there is no code to run"
    return ["\n".join(together) + "\n", *alone]


def read_sessions(text: str) -> List[Tuple[int, str, str]]:
    """Every command of the sessions: the number of its line, the command, and what it prints. "> " continues a command."""
    commands: List[Tuple[int, str, str]] = []
    for language, first, lines in read_blocks(text):
        if language != "console":
            continue
        assert lines[0].startswith("$ "), f"line {first}: a session begins with a command"
        for number, line in enumerate(lines, first):
            if line.startswith("$ "):
                commands.append((number, line[2:], ""))
            elif line.startswith("> ") or line == ">":
                assert not commands[-1][2], f"line {number}: a command goes on behind its output"
                commands[-1] = (commands[-1][0], f"{commands[-1][1]}\n{line[2:]}", "")
            else:
                commands[-1] = (*commands[-1][:2], commands[-1][2] + line + "\n")
    return commands


def run_sessions(text: str, folder: Path, is_warm: bool = False) -> List[Tuple[int, str, str, str]]:
    """Run the commands in one bash; of each the number of its line, itself, what it should print and what it did."""
    commands = read_sessions(text)
    if not commands:
        return []
    programs = folder.parent / f"{folder.name}_bin"
    programs.mkdir()
    for name, module in (("im2rec", "mxnet_im2rec"), ("im2rec.py", "mxnet_im2rec.cli.legacy")):
        start = f'"{sys.executable}" -S "{warm.__file__}"' if is_warm else f'"{sys.executable}"'
        (programs / name).write_text(f'#!/bin/sh\nexec {start} -m {module} "$@"\n', "utf-8")
        (programs / name).chmod(0o755)
    home = str(Path(mxnet_im2rec.__file__).resolve().parents[1])
    paths = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": home, "OMP_NUM_THREADS": "1"}
    if is_warm:
        paths[warm.CHANNEL] = str(warm.channel().fileno())
    script = "".join(f"{command}\n_code=$?\necho '{_MARK}'\n(exit $_code)\n" for _, command, _ in commands)
    process = subprocess.run(
        ["bash", "-c", script],
        cwd=str(folder),
        env={**os.environ, **paths},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        pass_fds=[warm.channel().fileno()] if is_warm else [],
    )
    output = process.stdout.decode("utf-8", "replace").replace(str(folder.resolve()), "/data")
    output = "".join(line for line in output.splitlines(True) if not line.startswith("libpng warning"))
    outputs = output.split(f"{_MARK}\n")
    assert len(outputs) == len(commands) + 1, output
    return [(*command, printed) for command, printed in zip(commands, outputs)]


def mask(text: str) -> str:
    """The text without what differs from one machine, and one run, to the next."""
    for pattern, instead in _MASKED:
        text = pattern.sub(instead, text)
    return text


def check_sessions(document: Path, folder: Path, is_warm: bool = False) -> None:
    for number, command, expected, printed in run_sessions(document.read_text("utf-8"), folder, is_warm):
        assert mask(printed) == mask(expected), f"{document.name}, line {number}: {command}\n{printed}"


def read_links(text: str) -> List[str]:
    return _LINK.findall(text)


def anchors(text: str) -> List[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = [match.group(1) for match in map(_HEADING.match, text.splitlines()) if match]
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def run_script(path: Path, folder: Path, is_warm: bool = False) -> str:
    """Run it in the folder, with the package under test; its output. A warm one finds MXNet loaded, see warm.py."""
    home = str(Path(mxnet_im2rec.__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
    options = {
        "cwd": str(folder),
        "env": {**os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"},
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
    }
    command = [sys.executable, "-X", "faulthandler", str(path)]
    process = warm.WarmProcess([path], **options) if is_warm else subprocess.Popen(command, **options)
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # faulthandler shows where it hangs
        output, _ = process.communicate(timeout=20)
    text = output.decode("utf-8", "replace")
    assert process.returncode == 0, f"{path.name} ended with {process.returncode}:\n{text}"
    return text


def run_document(document: Path, folder: Path, is_warm: bool = False) -> str:
    """Run its scripts one after the other; their output."""
    output = ""
    for number, script in enumerate(make_scripts(document.read_text("utf-8"))):
        path = folder / f"{document.stem.lower()}_script_{number}.py"
        path.write_text(script, "utf-8")
        output += run_script(path, folder, is_warm)
    return output


@pytest.mark.parametrize("unit", ["images", "entries", "images decoded and read"])
@pytest.mark.parametrize(("done", "line"), [((7,), "7 {}"), ((1, 1_000), "1 of 1,000 {}"), ((8, 10, 3), "8 of 10 {}, 3 failed")])
def test_the_progress_of_a_slow_machine_does_not_count(done, line, unit, monkeypatch, capsys):
    monkeypatch.setattr("mxnet_im2rec.cli.progress.LINE_SECONDS", 0)
    ProgressLines("/data/photos.lst", unit)(*done)
    printed = capsys.readouterr().err
    assert printed == f"/data/photos.lst: {line.format(unit)}\n"
    assert mask(f"first\n{printed}last\n") == "first\nlast\n"


def test_there_are_tutorials():
    assert [path.name for path in TUTORIALS] == [
        "command_line.md",
        "faces.md",
        "im2rec.md",
        "other_sources.md",
        "verify_and_inspect.md",
    ]


@pytest.mark.needs_mxnet
@pytest.mark.parametrize("document", TUTORIALS, ids=lambda path: path.name)
def test_tutorial_runs(document, tmp_path):
    """Their programs find MXNet loaded; the README's, and the demo's, load it."""
    run_document(document, tmp_path, is_warm=True)
    check_sessions(document, tmp_path, is_warm=True)
    assert list(tmp_path.glob("*.rec"))


@pytest.mark.needs_mxnet
def test_readme_runs(tmp_path):
    source = Path(skimage.data.__file__).parent
    lines = []
    for index, name in enumerate(PHOTOS):
        shutil.copyfile(source / name, tmp_path / name)
        lines.append(f"{index}\t{index % 2}\t{name}\n")
    (tmp_path / "images.lst").write_text("".join(lines), "utf-8")
    run_document(ROOT / "README.md", tmp_path)
    assert len((tmp_path / "images_rec.idx").read_text().splitlines()) == len(PHOTOS)
    assert (tmp_path / "images_rec.rec").stat().st_size > 0


def test_readme_session_is_real(tmp_path):
    source = Path(skimage.data.__file__).parent
    for name, photos in CLASSES.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for photo in photos:
            shutil.copyfile(source / photo, tmp_path / "photos" / name / photo)
    text = (ROOT / "README.md").read_text("utf-8")
    words = [command.split()[1] for _, command, _ in read_sessions(text)]
    assert words == ["list", "check", "pack", "view"]
    check_sessions(ROOT / "README.md", tmp_path)


def test_readme_opens_with_demo_and_test():
    blocks = read_blocks((ROOT / "README.md").read_text("utf-8"))
    commands = [line.split("#")[0].strip() for line in blocks[0][2]]
    assert commands == ["make demo", "make test"]


@pytest.mark.needs_mxnet
def test_demo_runs_twice(tmp_path):
    outputs = [run_script(ROOT / "tutorials" / "demo.py", tmp_path, is_warm) for is_warm in (False, True)]
    folder = tmp_path / "demo_out"
    count = len((folder / "images.lst").read_text("utf-8").splitlines())
    assert count >= 4
    for output in outputs:
        assert f"Copied {count} photos" in output
        assert f"{count} records" in output
        assert f"All {count} labels came back" in output
    assert [path.name for path in tmp_path.iterdir()] == ["demo_out"]
    assert len(list(folder.iterdir())) == count + 3  # the list, the .rec and the .idx


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for link in read_links(document.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), f"{document.name} links to {link}"
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), f"{document.name} links to {link}"


def test_readme_links_to_every_tutorial():
    links = read_links((ROOT / "README.md").read_text("utf-8"))
    assert {path.relative_to(ROOT).as_posix() for path in TUTORIALS} <= set(links)


def test_a_failing_block_is_noticed(tmp_path):
    document = tmp_path / "document.md"
    document.write_text("# A\n\n```python\nx = 1\n```\n\nText.\n\n```python\nassert x == 2, 'found out'\n```\n", "utf-8")
    with pytest.raises(AssertionError, match=r"line 10(.|\n)*found out"):
        run_document(document, tmp_path)


def test_a_session_that_is_not_true_is_noticed(tmp_path):
    document = tmp_path / "document.md"
    session = "$ printf '%s\\n' one \\\n> two\none\ntwo\n$ false\n$ echo $?\n{}\n"
    document.write_text(f"# A\n\n```console\n{session.format(1)}```\n", "utf-8")
    check_sessions(document, tmp_path)
    shutil.rmtree(f"{tmp_path}_bin")
    document.write_text(f"# A\n\n```console\n{session.format(0)}```\n", "utf-8")
    with pytest.raises(AssertionError, match=r"line 9: echo"):
        check_sessions(document, tmp_path)


@pytest.mark.parametrize(
    "text", ["no code\n", "```python\nx = 1\n", "```py\nx = 1\n```\n", "```python\n```\n"], ids=["none", "open", "py", "empty"]
)
def test_a_document_without_runnable_code_is_noticed(text):
    with pytest.raises(AssertionError):
        make_scripts(text)

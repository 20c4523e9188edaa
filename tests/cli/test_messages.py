# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Messages name arguments and functions as the surface has them: Python its arguments, the command line its options.

First over the source of every room: no message has a name as plain text, and every name has its option. Then over calls that
fail, each made on both surfaces.
"""

import ast
import inspect
import logging
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import call
from photos import EXIF_ORIENTATION
from PIL import Image

import mxnet_im2rec
from mxnet_im2rec.cli import wording
from mxnet_im2rec.cli.main import cli
from mxnet_im2rec.cli.transforms_options import load_named
from mxnet_im2rec.text import Text

PACKAGE = Path(mxnet_im2rec.__file__).parent
ROOMS = sorted(path for path in PACKAGE.rglob("*.py") if "cli" not in path.relative_to(PACKAGE).parts)
FUNCTIONS = [name for name in mxnet_im2rec.__all__ if inspect.isfunction(getattr(mxnet_im2rec, name))]
ARGUMENTS = {name for function in FUNCTIONS for name in inspect.signature(getattr(mxnet_im2rec, function)).parameters}
OPTIONS = {param.name for command in wording.all_commands(cli).values() for param in command.params}
PYTHON_S_OWN = {"lists", "progress", "source"}  # the command line has no option for them
NOUNS = {"classes, in ", "image is left out:"}  # strings that begin with a word that is an argument's name as well
# Rooms that the command line does not come to with arguments of a user's.
ONLY_OF_PYTHON = [
    "dataset/indexed_writer.py",
    "lists/arrays.py",
    "lists/dataset.py",
    "recordio/batches.py",
    "recordio/mxnet_",
    "images/mxnet_like.py",
    "transforms/opencv_steps.py",
]
WITH_UNDERSCORE = "|".join(sorted(name for name in ARGUMENTS if "_" in name))
ANY = "|".join(sorted(ARGUMENTS))
PLAIN_NAME = re.compile(
    rf"\b(?:{WITH_UNDERSCORE})\b|\b(?:{ANY})=|^(?:{ANY})(?:,| must | is | has | may )|\b(?:{'|'.join(FUNCTIONS)})\("
)
AN_OPTION = re.compile(r"(?<![\w-])--[a-z]")
MAKERS = {"Text", "Argument", "Call", "message_of"}  # of messages with parts


def name_of_call(node):
    function = node.func
    return getattr(function, "id", getattr(function, "attr", ""))


def strings_of(tree):
    """The strings of a module that are no docstrings."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


@pytest.fixture(scope="module")
def trees():
    assert len(ROOMS) > 30
    return {path: ast.parse(path.read_text("utf-8")) for path in ROOMS}


def test_no_message_names_an_argument_or_a_function_as_plain_text(trees):
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}: {node.value!r}: make it of parts, with Text(..., Argument(...)) or Call(...)"
        for path, tree in trees.items()
        for node in strings_of(tree)
        if " " in node.value and PLAIN_NAME.search(node.value) and node.value not in NOUNS
    ]
    assert found == []


def test_no_message_of_the_library_names_an_option(trees):
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}: {node.value!r}"
        for path, tree in trees.items()
        for node in strings_of(tree)
        if AN_OPTION.search(node.value) and "pip " not in node.value
    ]
    assert found == []


def test_every_name_in_a_message_is_one_and_has_its_option(trees):
    arguments, functions = set(), set()
    for path, tree in trees.items():
        if str(path.relative_to(PACKAGE)).startswith(tuple(ONLY_OF_PYTHON)):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                if name_of_call(node) in ("Argument", "ArgumentValueError", "ArgumentTypeError"):
                    arguments.add(node.args[0].value)
                elif name_of_call(node) == "Call":
                    functions.add(node.args[0].value)
    assert len(arguments) > 20 and len(functions) > 2
    assert arguments - ARGUMENTS == set()
    assert arguments - OPTIONS <= PYTHON_S_OWN
    assert functions <= set(wording.FUNCTIONS.values())


def texts_named_in(statements):
    """The names to which these statements give a Text."""
    assigned = [node for node in statements if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)]
    targets = [target for node in assigned if name_of_call(node.value) in MAKERS for target in node.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def test_no_message_loses_its_parts_in_an_f_string(trees):
    """As far as the source shows it: what is made in the braces, or what the function or the module calls by a name of a Text."""
    found = set()
    for path, tree in trees.items():
        of_module = texts_named_in(tree.body)
        for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
            texts = of_module | texts_named_in(ast.walk(function))
            for node in [node for node in ast.walk(function) if isinstance(node, ast.FormattedValue)]:
                for inside in ast.walk(node.value):
                    is_made = isinstance(inside, ast.Call) and name_of_call(inside) in MAKERS
                    if is_made or (isinstance(inside, ast.Name) and inside.id in texts):
                        found.add(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert found == set()


# Calls that fail, on both surfaces


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with small images, lists, datasets whole and damaged, and what else the calls need."""
    folder = tmp_path_factory.mktemp("made")
    images = folder / "images"
    images.mkdir()
    random = np.random.RandomState(0)
    for number in range(4):
        cv2.imwrite(str(images / f"{number}.png"), random.randint(0, 256, (20, 20, 3), np.uint8))
    (images / "w.webp").write_bytes(b"RIFF\x1a\0\0\0WEBPVP8L" + bytes(14))
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    Image.new("RGB", (20, 20)).save(images / "turned.jpg", exif=exif)
    (folder / "turned.lst").write_text("0\t1\tturned.jpg\n")
    (folder / "good.lst").write_text("".join(f"{number}\t1\t{number}.png\n" for number in range(4)))
    (folder / "webp.lst").write_text("0\t1\tw.webp\n1\t1\t1.png\n")
    (folder / "table.csv").write_text("path,label,breed\n0.png,1,cat\n1.png,cat,dog\n")
    (folder / "semicolons.csv").write_text("path;label\n0.png;1\n")
    (folder / "gone.lst").write_text("0\t1\t0.png\n1\t1\tgone.png\n")
    mxnet_im2rec.im2rec(str(folder / "good.lst"), str(folder / "good"), root=images, num_workers=0)
    mxnet_im2rec.im2rec(str(folder / "gone.lst"), str(folder / "gone"), root=images, num_workers=0, error_limit=1)
    whole = (folder / "good.rec").read_bytes()
    (folder / "odd.rec").write_bytes(whole)
    (folder / "late.lst").write_text("".join(f"{number}\t1\t{number}.png\n" for number in range(5)))
    with pytest.raises(mxnet_im2rec.ErrorLimitExceeded):  # at the last entry; what was secured before it stays
        mxnet_im2rec.im2rec(str(folder / "late.lst"), str(folder / "late"), batch_size=2, root=images, num_workers=0)
    (folder / "locked.py").write_text("import threading\n\nlock = threading.Lock().acquire\n")
    second = int((folder / "good.idx").read_text().split()[3])  # where the second record begins
    (folder / "cut.rec").write_bytes(whole[:second] + b"oops" + whole[second + 4 :])
    (folder / "odd.idx").write_text("what\n")
    for name in ("full", "full.png"):
        (folder / name).mkdir()
    return folder


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A copy of it, as the current folder."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


IN = "root='images', num_workers=0"
AT = "--root images --workers 0"
CASES = {  # what Python calls, what one types, and what each of them says, with bars between
    "a wrong number": (
        f"im2rec('good.lst', 'x', quality=101, {IN})",
        f"pack good.lst x --quality 101 {AT}",
        "quality is the quality of JPEG here",
        "--quality is the quality of JPEG here",
    ),
    "too many workers": (
        "im2rec('good.lst', 'x', num_workers=10**6)",
        "pack good.lst x --workers 1000000",
        "num_workers must be",
        "--workers must be",
    ),
    "no time": (
        f"im2rec('good.lst', 'x', timeout=0, {IN})",
        f"pack good.lst x --timeout 0 {AT}",
        "timeout must be",
        "--timeout must be",
    ),
    "more failures than allowed": (
        f"im2rec('gone.lst', 'x', {IN})",
        f"pack gone.lst x {AT}",
        "error_limit is 0",
        "--error-limit is 0|allow more with --error-limit",
    ),
    "no entry is left": (
        f"im2rec('good.lst', 'x', error_limit=None, max_pixels=1, {IN})",
        f"pack good.lst x --error-limit none --max-pixels 1 {AT}",
        "all 4 entries|max_pixels allows 1",
        "all 4 entries|--max-pixels allows 1",
    ),
    "a format that may not pass": (
        f"im2rec('webp.lst', 'x', error_limit=1, pass_through=True, {IN})",
        f"pack webp.lst x --error-limit 1 --pass-through {AT}",
        "pack it without pass_through",
        "pack it without --pass-through",
    ),
    "the table that would be replaced": (
        f"im2rec('gone.lst', 'gone', only='gone.failures.tsv', {IN})",
        f"pack gone.lst gone --only gone.failures.tsv --overwrite {AT}",
        "only is the table|give another output_path|mxnet_im2rec.concatenate()",
        "--only is the table|give another OUTPUT|im2rec merge REC... OUTPUT",
    ),
    "other settings than before": (
        f"im2rec('late.lst', 'late', batch_size=2, resume=True, max_pixels=9999, {IN})",
        f"pack late.lst late --batch-size 2 --resume --max-pixels 9999 {AT}",
        "max_pixels was |begin again, with resume=False",
        "--max-pixels was |begin again, with --overwrite in the place of --resume",
    ),
    "transforms that cannot travel": (
        "im2rec('good.lst', 'x', load_transforms('locked.py:lock'), mp_context='spawn', num_workers=1, root='images')",
        "pack good.lst x --transforms locked.py:lock --start-method spawn --workers 1 --root images",
        "transformations cannot be sent|num_workers=0, or mp_context='fork' where",
        "--transforms cannot be sent|--workers 0, or --start-method fork where",
    ),
    "a list that is there": (
        "make_list('images', 'good')",
        "list images good",
        "overwrite=True to replace it",
        "--overwrite to replace it",
    ),
    "ratios above 1": (
        "make_list('images', 'x', train_ratio=0.8, test_ratio=0.8)",
        "list images x --train-ratio 0.8 --test-ratio 0.8",
        "train_ratio and test_ratio together",
        "--train-ratio and --test-ratio together",
    ),
    "no extension": (
        "make_list('images', 'x', exts=[])",
        "list images x --exts ,",
        "exts is empty",
        "--exts is empty",
    ),
    "what to pack with": (
        "make_list('images', 'x', relative_to='images')",
        "list images x --relative-to images",
        "pack with this as root",
        "pack with this as --root",
    ),
    "a column that is not there": (
        "from_table('table.csv', label='breed', group='patient')",
        "import table table.csv x --label breed --group patient",
        "group names the column 'patient', which 'table.csv' does not have; its columns: 'path', 'label', 'breed'",
        "--group names the column 'patient', which 'table.csv' does not have; its columns: 'path', 'label', 'breed'",
    ),
    "labels of two kinds": (
        "from_table('table.csv')",
        "import table table.csv x",
        "label names the column 'label', whose labels are numbers and text|or give classes if",
        "--label names the column 'label', whose labels are numbers and text|or give --classes if",
    ),
    "another separator": (
        "from_table('semicolons.csv')",
        "import table semicolons.csv x",
        "with sep=';' it has more",
        "with --sep ';' it has more",
    ),
    "a file that is no table": (
        "from_table('good.lst')",
        "import table good.lst x",
        "path_or_frame must end in .csv|else give sep",
        "SOURCE must end in .csv|else give --sep",
    ),
    "a format that may not pass, in a list": (
        "check_list('webp.lst', 'images', pass_through=True)",
        "check webp.lst --root images --pass-through",
        "pack it without pass_through",
        "pack it without --pass-through",
    ),
    "an image that is turned": (
        "check_list('turned.lst', 'images', pass_through=True)",
        "check turned.lst --root images --pass-through",
        "or pack it without pass_through",
        "or pack it without --pass-through",
    ),
    "an image that is too large": (
        "check_list('good.lst', 'images', max_pixels=9)",
        "check good.lst --root images --max-pixels 9",
        "max_pixels allows 9",
        "--max-pixels allows 9",
    ),
    "too many threads": (
        "check_list('good.lst', num_threads=10**6)",
        "check good.lst --threads 1000000",
        "num_threads must be",
        "--threads must be",
    ),
    "what was not compared": (
        "verify('good.rec', 'good.lst', pixels='none')",
        "verify good.rec good.lst --pixels none",
        "no root was given|decoded: pixels='none'",
        "no --root was given|decoded: --pixels none",
    ),
    "no list to compare with": (
        "verify('good.rec', pixels='none')",
        "verify good.rec --pixels none",
        "no list_file was given",
        "no LIST was given",
    ),
    "a wrong measure": (
        "verify('good.rec', min_psnr=-1)",
        "verify good.rec --min-psnr -1",
        "min_psnr must be",
        "--min-psnr must be",
    ),
    "a measure that is too strict": (
        "verify('good.rec', 'good.lst', min_psnr=90, root='images', num_workers=0)",
        f"verify good.rec good.lst --min-psnr 90 {AT}",
        "other transformations, seed, color or fast_decode than|min_psnr is too strict",
        "--center-crop, --transforms, --seed, --color or --fast-decode than|--min-psnr is too strict",
    ),
    "other settings than in packing": (
        "verify('good.rec', 'good.lst', color=0, root='images', num_workers=0)",
        f"verify good.rec good.lst --color 0 {AT}",
        "other transformations or another color",
        "other --resize, --short-edge, --center-crop, --transforms or another --color",
    ),
    "a damaged .rec": (
        "verify('cut.rec', pixels='none')",
        "verify cut.rec --pixels none",
        "mxnet_im2rec.salvage() saves",
        "im2rec salvage REC OUTPUT saves",
    ),
    "a damaged .idx": (
        "verify('odd.rec', pixels='none')",
        "verify odd.rec --pixels none",
        "mxnet_im2rec.build_index() makes",
        "im2rec index REC makes",
    ),
    "a .rec that cannot be read": (
        "summarize('cut.rec')",
        "info cut.rec",
        "mxnet_im2rec.salvage('|cut.rec', out) keeps",
        "im2rec salvage |cut.rec OUTPUT keeps",
    ),
    "an .idx that cannot be read": (
        "summarize('odd.rec')",
        "info odd.rec",
        "mxnet_im2rec.build_index() makes",
        "im2rec index REC makes",
    ),
    "a diagram of no kind": (
        "summarize('good.rec').plot('x.what')",
        "info good.rec --plot x.what",
        "path must end in",
        "--plot must end in",
    ),
    "a picture of another kind": (
        "contact_sheet('good.rec', path='x.gif')",
        "view good.rec x.gif",
        "path must be that of",
        "OUTPUT.png must be that of",
    ),
    "a folder for a picture": (
        "contact_sheet('good.rec', path='full.png')",
        "view good.rec full.png",
        "path must be the picture's file",
        "OUTPUT.png must be the picture's file",
    ),
    "the .rec for the .idx": (
        "build_index('good.rec', 'good.rec')",
        "index good.rec good.rec",
        "idx_path '",
        "IDX '",
    ),
    "no name for the output": (
        "concatenate(['good.rec'], 'full')",
        "merge good.rec full",
        "output_path 'full' is a folder, and there is no input file",
        "OUTPUT 'full' is a folder, and there is no input file",
    ),
}


def said_by_python(code, caplog):
    """What the call says, in its error, its report, and its log."""
    with caplog.at_level(logging.INFO, "mxnet_im2rec"):
        try:
            message = str(
                eval(code, {**vars(mxnet_im2rec), "load_transforms": lambda named: load_named(named, "--transforms", "Compose")})
            )
        except Exception as error:
            message = str(error)
    return "\n".join([message, *caplog.messages])


MARKED = [
    pytest.param(case, marks=pytest.mark.needs_mxnet) if case == "transforms that cannot travel" else case for case in CASES
]


@pytest.mark.parametrize("case", MARKED)
def test_python_names_its_arguments(folder, caplog, case):
    code, _, names, _ = CASES[case]
    said = said_by_python(code, caplog)
    for words in names.split("|"):
        assert words in said
    assert not AN_OPTION.search(said)


@pytest.fixture
def lost(monkeypatch):
    """The Texts that lose their parts in an f-string, since the fixture began."""
    found = []
    monkeypatch.setattr(Text, "__format__", lambda text, how: found.append(text) or str.__format__(text, how))
    return found


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("case", MARKED)
def test_the_command_line_names_its_options(folder, lost, case, form):
    _, line, _, names = CASES[case]
    result = call(*line.split(), *(["--json"] if form == "json" else []), code=None)
    said = result.stdout + result.stderr
    is_said = form == "text" or case != "what to pack with"  # which is for a reader
    for words in names.split("|") if is_said else []:
        assert words in said
    assert not PLAIN_NAME.search(re.sub(r'"\w+": ', "", said)) and "mxnet_im2rec." not in said
    assert lost == []

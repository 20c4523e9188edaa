# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What works where MXNet is not installed, and what never loads an MXNet that is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import HOME, shell
from helpers import run_script
from photos import PHOTOS, SKIMAGE, write_list

# MXNet is hidden from every process that has this as its sitecustomize.py.
HIDDEN = """
import sys
class Hider:
    def find_spec(self, fullname, path=None, target=None):
        if fullname == "mxnet":
            raise ModuleNotFoundError("No module named 'mxnet'", name="mxnet")
sys.meta_path.insert(0, Hider())
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "mxnet" else find_spec(name, package)
"""
# An MXNet that leaves a note whenever a process imports it.
TELLING = """
import os, sys
open(os.environ["MXNET_IMPORTED"], "a").write(repr(sys.argv))
raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for name in PHOTOS:
        shutil.copy(SKIMAGE / name, folder / name)
    write_list(folder / "images.lst", PHOTOS)
    return folder


def environment(folder, **more):
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(HOME)]), **more}


@pytest.fixture
def hidden(tmp_path):
    """The environment of a process to which MXNet is not installed."""
    folder = tmp_path / "hidden"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HIDDEN)
    return environment(folder)


@pytest.fixture
def telling(tmp_path):
    """The environment of processes in which MXNet must not be imported, and the file that is there if it was."""
    folder = tmp_path / "telling"
    (folder / "mxnet").mkdir(parents=True)
    (folder / "mxnet" / "__init__.py").write_text(TELLING)
    imported = tmp_path / "imported"
    return environment(folder, MXNET_IMPORTED=str(imported)), imported


def test_an_import_of_mxnet_would_be_noticed(tmp_path, telling, images):
    env, imported = telling
    (tmp_path / "mine.py").write_text("def mine(image):\n    return image\n")
    out, err = shell("pack", images / "images.lst", "out", "--transforms", "mine.py:mine", folder=tmp_path, env=env, code=1)
    assert imported.exists()


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_packing_with_named_transforms_never_loads_mxnet(tmp_path, telling, images, start_method):
    env, imported = telling
    options = ["--short-edge", 60, "--center-crop", 50, "--workers", 2, "--start-method", start_method]
    shell("pack", images / "images.lst", "out", *options, folder=tmp_path, env=env)
    assert (tmp_path / "out.rec").stat().st_size > 0
    assert not imported.exists(), imported.read_text()


def test_no_other_command_loads_mxnet(tmp_path, telling, images):
    env, imported = telling
    shutil.copytree(str(images), str(tmp_path / "photos" / "class"))
    for line in [
        "list photos made",
        "check made.lst --decode",
        "pack made.lst a --pass-through",
        "pack made.lst b --resize 50 --workers 0",
        "pack made.lst b --resize 50 --resume",
        "merge b.rec c",
        "info c.rec",
        "view b.rec sheet.png",
        "extract b.rec extracted",
        "index b.rec",
        "salvage b.rec saved",
        "verify b.rec --pixels none",
    ]:
        shell(*line.split(), folder=tmp_path, env=env)
        assert not imported.exists(), line


def test_the_drop_in_never_loads_mxnet(tmp_path, telling, images):
    env, imported = telling
    code = f"""
import sys
from mxnet_im2rec.cli.legacy import main
sys.argv = ["im2rec.py", "made", {str(images)!r}, "--resize", "50", "--num-thread", "2"]
main()
"""
    shutil.copy(images / "images.lst", tmp_path / "made.lst")
    (tmp_path / "run.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=str(tmp_path), env={**os.environ, **env}, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made.rec").stat().st_size > 0
    assert not imported.exists(), imported.read_text()


def test_verify_leaves_imagerecorditer_out_and_says_so(tmp_path, hidden, images):
    options = ["--short-edge", 60, "--workers", 0]
    out, err = shell("pack", images / "images.lst", "out", *options, "--verify", folder=tmp_path, env=hidden)
    assert "verified, but not through ImageRecordIter: MXNet is not installed" in err
    out, err = shell("verify", "out.rec", images / "images.lst", "--root", images, *options[:2], folder=tmp_path, env=hidden)
    assert "5 records verified" in out
    assert "not read through ImageRecordIter: MXNet is not installed; the images were decoded by OpenCV alone" in out
    rec = bytearray((tmp_path / "out.rec").read_bytes())
    rec[32:36] = b"xxxx"  # the begin of the first image
    (tmp_path / "out.rec").write_bytes(rec)
    out, err = shell("verify", "out.rec", folder=tmp_path, env=hidden, code=1)
    assert "the image" in out


def test_an_mxnet_that_cannot_be_imported_is_a_problem(tmp_path, telling, images):
    env, imported = telling
    shell("pack", images / "images.lst", "out", "--resize", 60, folder=tmp_path, env=env)
    out, err = shell("verify", "out.rec", folder=tmp_path, env=env, code=1)
    assert "the system lacks libgomp.so.1: apt-get install libgomp1 (Debian, Ubuntu)" in out


def test_transforms_that_need_mxnet_are_refused_in_one_line(tmp_path, hidden, images):
    (tmp_path / "mine.py").write_text("def mine(image):\n    return image\n")
    out, err = shell("pack", images / "images.lst", "out", "--transforms", "mine.py:mine", folder=tmp_path, env=hidden, code=1)
    assert err.startswith(
        "Error: These transformations need MXNet; only Compose, Resize and CenterCrop of mxnet_im2rec.transforms"
    )
    assert "MXNet is not installed: pip install " in err
    assert len(err.splitlines()) == 1


def test_a_file_of_transforms_that_imports_mxnet_is_refused_in_one_line(tmp_path, hidden, images):
    (tmp_path / "mine.py").write_text("import os\nfrom mxnet.gluon.data.vision.transforms import Resize\n")
    out, err = shell("pack", images / "images.lst", "out", "--transforms", "mine.py:Resize", folder=tmp_path, env=hidden, code=2)
    assert "mine.py:Resize: line 2: ModuleNotFoundError: No module named 'mxnet'" in err
    assert "Install MXNet: pip install --no-deps mxnet==1.9.1" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("module", ["numpy", "click"])
def test_a_package_that_is_missing_is_named_in_one_line(tmp_path, hidden, images, module):
    place = hidden["PYTHONPATH"].split(os.pathsep)[0]
    (Path(place) / "sitecustomize.py").write_text(HIDDEN.replace('"mxnet"', repr(module)).replace("'mxnet'", repr(module)))
    out, err = shell("pack", images / "images.lst", "out", folder=tmp_path, env=hidden, code=1)
    assert err.splitlines()[-1].endswith(f"No module named '{module}': pip install {module}"), err
    assert len(err.splitlines()) == 1


def test_python_does_the_same(tmp_path, hidden, images, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", hidden["PYTHONPATH"])
    code = f"""
import sys
sys.path.insert(0, {hidden["PYTHONPATH"].split(os.pathsep)[0]!r})
import sitecustomize
from mxnet_im2rec import im2rec, transforms, verify
compose = transforms.Compose([transforms.Resize(60, keep_ratio=True), transforms.CenterCrop(50)])
report = im2rec({str(images / "images.lst")!r}, "out", compose, num_workers=2)
found = verify(report.rec_path, {str(images / "images.lst")!r}, {str(images)!r}, transformations=compose)
print(report.num_records, found.ok, "mxnet" in sys.modules)
"""
    code, out, err = run_script(code, tmp_path)
    assert (code, out.strip()) == (0, "5 True False"), err

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""An OpenCV that cannot be imported: what the API and the command line say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import REPO

from mxnet_im2rec import shared_libraries
from mxnet_im2rec.shared_libraries import advice_on

LIBGL = "libGL.so.1: cannot open shared object file: No such file or directory"
KINDS = {
    "no OpenCV": (
        "raise ModuleNotFoundError(\"No module named 'cv2'\", name='cv2')",
        "",
        "OpenCV is not installed: pip install opencv-python-headless",
    ),
    "no libGL": (
        f"raise ImportError({LIBGL!r})",
        "opencv-python",
        f"OpenCV cannot be imported ({LIBGL}): the system lacks libGL.so.1: apt-get install libgl1 (Debian, Ubuntu); or use the "
        "OpenCV that needs no screen: pip uninstall --yes opencv-python && pip install --force-reinstall --no-deps "
        "opencv-python-headless==4.9.0.80",
    ),
    "no library of the headless one": (
        "raise ImportError('libz.so.1: cannot open shared object file: No such file or directory')",
        "opencv-python-headless",
        "OpenCV cannot be imported (libz.so.1: cannot open shared object file: No such file or directory): the system lacks "
        "libz.so.1: apt-get install zlib1g (Debian, Ubuntu)",
    ),
    "no NumPy": (
        "import numpy_that_is_missing",
        "opencv-python",
        "OpenCV cannot be imported (No module named 'numpy_that_is_missing'): pip install numpy_that_is_missing",
    ),
    "an old one with NumPy 2": (
        "raise ImportError('numpy.core.multiarray failed to import')",
        "opencv-contrib-python",
        "OpenCV cannot be imported (numpy.core.multiarray failed to import): it is too old for this NumPy: "
        "pip install --upgrade --no-deps opencv-contrib-python",
    ),
    "half an OpenCV": (
        "from json import no_such_name",
        "opencv-python-headless",
        "pip install --force-reinstall --no-deps opencv-python-headless",
    ),
}


def run_with(folder, code, package, *command):
    """Run Python where cv2 is this code, and this package has brought it; its exit code, what it prints, and its errors."""
    (folder / "cv2.py").write_text(code, "utf-8")
    if package:
        info = folder / f"{package.replace('-', '_')}-4.9.0.80.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 4.9.0.80\n", "utf-8")
    hide = "from mxnet_im2rec import shared_libraries; shared_libraries._loads = bool  # all but what the error names is there\n"
    hide += "from importlib import metadata; real = metadata.version\n" + (
        "def version(name):\n"
        f"    if name != {package!r}: raise metadata.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "metadata.version = version\n"
    )
    (folder / "sitecustomize.py").write_text(hide, "utf-8")
    path = os.pathsep.join([str(folder), str(REPO)])
    done = subprocess.run(
        [sys.executable, *command], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("code", "package", "line"), list(KINDS.values()), ids=list(KINDS))
def test_the_api_raises_one_error_whose_message_is_one_line(tmp_path, code, package, line):
    exit_code, _, errors = run_with(tmp_path, code, package, "-c", "from mxnet_im2rec import im2rec")
    assert exit_code == 1
    last = errors.strip().splitlines()[-1]
    assert last.startswith("mxnet_im2rec.errors.OpenCVUnavailableError: OpenCV ")
    assert last.endswith(line)


def test_the_command_line_says_the_same_in_one_line(tmp_path):
    code, package, line = KINDS["no libGL"]
    words = ["pack", str(tmp_path / "images.lst"), str(tmp_path / "out")]
    Path(words[1]).write_text("0\t0\ta.png\n", "utf-8")
    exit_code, printed, errors = run_with(tmp_path, code, package, "-m", "mxnet_im2rec", *words)
    assert (exit_code, printed, errors) == (1, "", f"Error: {line}\n")


def test_help_needs_no_opencv(tmp_path):
    exit_code, printed, errors = run_with(tmp_path, *KINDS["no libGL"][:2], "-m", "mxnet_im2rec", "pack", "--help")
    assert (exit_code, errors) == (0, "")
    assert "--resize" in printed


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libGL.so.1", "libgl1"),
        ("libgthread-2.0.so.0", "libglib2.0-0"),
        ("libglib-2.0.so.0", "libglib2.0-0"),
        ("libgomp.so.1", "libgomp1"),
        ("libquadmath.so.0", "libquadmath0"),
    ],
)
def test_a_library_is_named_with_debians_package(library, package, monkeypatch):
    monkeypatch.setattr(shared_libraries, "_loads", lambda library: True)
    error = OSError(f"{library}: cannot open shared object file: No such file or directory")
    assert advice_on(error) == f"the system lacks {library}: apt-get install {package} (Debian, Ubuntu)"


def test_other_libraries_that_are_missing_are_named_too(monkeypatch):
    monkeypatch.setattr(shared_libraries, "_loads", lambda library: library in ("libgthread-2.0.so.0", "libxcb.so.1"))
    of_mxnet = advice_on(OSError("libgomp.so.1: cannot open shared object file: No such file or directory"))
    assert of_mxnet == ("the system lacks libgomp.so.1, libquadmath.so.0: apt-get install libgomp1 libquadmath0 (Debian, Ubuntu)")
    of_opencv = advice_on(ImportError(LIBGL))
    assert of_opencv == ("the system lacks libGL.so.1, libglib-2.0.so.0: apt-get install libgl1 libglib2.0-0 (Debian, Ubuntu)")


def test_whether_a_library_loads_is_tried():
    assert shared_libraries._loads("libc.so.6")
    assert not shared_libraries._loads("libnot-there.so.9")


def test_a_library_of_a_package_that_is_not_known():
    error = OSError("libodd+c-1.so.3: cannot open shared object file: No such file or directory")
    assert advice_on(error) == "the system lacks libodd+c-1.so.3: install the package of your system that has it"


@pytest.mark.parametrize("message", ["libfoo.so: undefined symbol: bar", "No module named 'x'", ""])
def test_no_advice_where_no_library_is_missing(message):
    assert advice_on(ImportError(message)) == ""

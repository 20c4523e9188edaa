# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What `make` does where an environment cannot be made, and what texts say of installing."""

import os
import re
import subprocess

import pytest
from helpers import REPO

from mxnet_im2rec.mxnet_advice import HOW_TO_INSTALL

TEXTS = sorted(
    path
    for folder in ("mxnet_im2rec", "tutorials", "benchmarks", ".ci", ".")
    for path in (REPO / folder).glob("*" if folder == "." else "**/*")
    if path.suffix in (".py", ".md", ".toml", "") and path.is_file()
)
PYTHONS = {
    "no ensurepip": ('[ "$1" = -m ] || exit 1\n', "makes no virtual environments: apt-get install python3-venv (Debian, Ubuntu)"),
    "venv fails": (
        '[ "$1" = -m ] || exit 0\nmkdir -p "$3/bin"; touch "$3/bin/python" "$3/pyvenv.cfg"\necho noise; echo disk full; exit 1\n',
        "-m venv FOLDER: disk full",
    ),
}


def make_venv(python, folder):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "--silent", f"PYTHON={python}", f"VENV={folder}", f"{folder}/bin/pip"],
        cwd=str(REPO),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(params=list(PYTHONS))
def failing(request, tmp_path):
    """A Python that makes no environment, and what is said of it."""
    code, said = PYTHONS[request.param]
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{code}", "utf-8")
    python.chmod(0o755)
    return python, f"Error: {python} {said.replace('FOLDER', str(tmp_path / 'venv'))}"


def test_an_environment_that_cannot_be_made_leaves_nothing(failing, tmp_path):
    python, said = failing
    for _ in range(2):
        done = make_venv(python, tmp_path / "venv")
        assert done.returncode
        assert done.stderr.splitlines()[0] == said
        assert len(done.stderr.splitlines()) == 2  # and make's own
        assert os.listdir(tmp_path) == ["python"]


def test_a_folder_that_was_there_stays(failing, tmp_path):
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "kept").write_text("kept", "utf-8")
    assert make_venv(failing[0], tmp_path / "venv").returncode
    assert (tmp_path / "venv" / "kept").read_text("utf-8") == "kept"


def test_a_python_that_is_not_there(tmp_path):
    done = make_venv("python3.99", tmp_path / "venv")
    assert (
        done.stderr.splitlines()[0]
        == "Error: there is no Python python3.99: give another one, such as PYTHON=python3, or install it"
    )
    assert os.listdir(tmp_path) == []


def test_no_text_installs_the_package_from_an_index_where_it_is_not():
    assert len(TEXTS) > 100
    for path in TEXTS:
        for line in path.read_text("utf-8").splitlines():
            assert not re.search(r"pip3? install[^|;`]*\bmxnet[_-]im2rec\b(?!/)", line), f"{path}: {line}"


def test_readme_has_the_command_that_adds_mxnet():
    assert HOW_TO_INSTALL in (REPO / "README.md").read_text("utf-8").splitlines()


def test_a_system_without_python_is_given_the_package_that_brings_it(tmp_path):
    """As a minimal Debian is; `make` would find the one of this machine."""
    command = ["/bin/bash", str(REPO / ".ci" / "make-venv"), "python3", str(tmp_path / "venv")]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "Error: there is no python3: apt-get install python3-venv (Debian, Ubuntu)\n")

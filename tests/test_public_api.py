# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The public names, and the one-way imports between the rooms."""

import ast
import doctest
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import mxnet_im2rec

PACKAGE = Path(mxnet_im2rec.__file__).parent
SOURCES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
MODULES = sorted(name for name in SOURCES if not name.endswith("__init__"))

# Lower rooms know nothing of higher ones, nor of their neighbours.
FLOORS = [
    {"text"},
    {"errors", "report", "header", "cpus", "progress", "imagesize", "filebuffer"},
    {"framing", "imagefile", "listfile", "mxnet_compat", "parallel", "findings", "journal", "arguments", "remarks"},
    {"publish"},
    {"images", "listmaker", "native", "operators", "writer", "failures", "fingerprint"},
    {"reader", "transforms", "listcheck"},
    {"worker", "concat", "repair", "summary", "contact", "structure"},
    {"sources", "readback"},
    {"verification"},
    {"pack"},
    {"cli.signals"},
    {"cli.common", "cli.legacy"},
    {"cli.choice", "cli.lists"},
    {"cli.packing", "cli.reading"},
    {"cli.main"},
    {"__main__"},
]


def imports_of(module):
    """The modules of this package that a module imports when it runs, wherever in it, but not for types alone."""
    tree = ast.parse(SOURCES[module].read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            inside = module.split(".")[: -node.level] + ([node.module] if node.module else [])
            names = {".".join(inside)} | {".".join([*inside, alias.name]) for alias in node.names}
            assert node.module is None or names & set(MODULES), f"{module} imports from {node.module}"
            found |= names & set(MODULES)
    return found


def test_every_module_has_its_floor():
    assert sorted(set().union(*FLOORS)) == MODULES


@pytest.mark.parametrize("floor", range(len(FLOORS)))
def test_imports_flow_one_way(floor):
    below = set().union(*FLOORS[:floor])
    for module in FLOORS[floor]:
        assert imports_of(module) <= below, module


def test_all_names_exist_and_are_documented():
    for name in mxnet_im2rec.__all__:
        value = getattr(mxnet_im2rec, name)
        if name != "__version__":
            assert inspect.getdoc(value), name
            assert value.__module__.startswith("mxnet_im2rec."), name


def test_every_error_is_public():
    errors = importlib.import_module("mxnet_im2rec.errors")
    names = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, errors.Im2RecError)}
    assert names <= set(mxnet_im2rec.__all__)


def test_dir_and_star_import_give_the_public_names():
    assert set(mxnet_im2rec.__all__) <= set(dir(mxnet_im2rec))
    namespace = {}
    exec("from mxnet_im2rec import *", namespace)
    assert set(mxnet_im2rec.__all__) <= set(namespace)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'im2rek'"):
        mxnet_im2rec.im2rek  # noqa: B018


def test_importing_it_loads_neither_mxnet_nor_cv2():
    code = "import sys, mxnet_im2rec; print(sorted({'mxnet', 'cv2', 'numpy'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=str(PACKAGE.parent)).strip() == "[]"


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_run(module):
    failures, _ = doctest.testmod(importlib.import_module(f"mxnet_im2rec.{module}"))
    assert failures == 0


def test_source_files_carry_the_licence():
    for path in [*SOURCES.values(), *PACKAGE.parent.glob("tests/*.py"), *PACKAGE.parent.glob("benchmarks/*.py")]:
        lines = path.read_text("utf-8").splitlines()[:2]
        assert lines == ["# Copyright 2026 the mxnet_im2rec authors", "# SPDX-License-Identifier: Apache-2.0"], path

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

# A file in the root imports files in the root only. A folder imports lower floors only, so never a neighbour on its own floor.
FLOORS = [
    {"storage", "engine", "images"},
    {"recordio", "lists", "transforms"},
    {"dataset", "verification"},
    {"packing", "tools"},
    {"cli"},
]
FLOOR_OF = {folder: number for number, folders in enumerate(FLOORS, 1) for folder in folders}
DOORS = {"__init__": "gives the public names", "__main__": "is the command"}  # which are above all floors


def folder_of(module):
    """The folder on a floor that a module is in; empty for the root."""
    return module.partition(".")[0] if "." in module else ""


def imports_of(module):
    """The modules of this package that a module imports when it runs, wherever in it, but not for types alone."""
    tree = ast.parse(SOURCES[module].read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    inside = module.split(".")[:-1]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("mxnet_im2rec") for alias in node.names), module
        if isinstance(node, ast.ImportFrom) and node.level:
            place = inside[: len(inside) - node.level + 1] + (node.module.split(".") if node.module else [])
            names = {".".join(place), *(".".join([*place, alias.name]) for alias in node.names)}
            known = names & set(MODULES) or {name for name in names if f"{name}.__init__" in SOURCES}
            assert known or not place, f"{module} imports {node.module}"
            found |= known
    return found


@pytest.mark.parametrize("module", [module for module in MODULES if module not in DOORS])
def test_imports_go_down_the_floors(module):
    folder = folder_of(module)
    floor = FLOOR_OF[folder] if folder else 0
    for imported in imports_of(module):
        there = folder_of(imported)
        assert there == folder or not there or FLOOR_OF[there] < floor, f"{module} imports {imported}"


def test_no_modules_import_each_other():
    graph = {module: imports_of(module) for module in MODULES}
    done = set()

    def visit(module, above):
        assert module not in above, f"a circle: {above[above.index(module) :]}"
        if module not in done:
            for imported in graph.get(module, ()):
                visit(imported, [*above, module])
            done.add(module)

    for module in MODULES:
        visit(module, [])


def test_every_folder_has_its_floor_and_hides_no_public_name():
    folders = {folder_of(module) for module in SOURCES} - {""}
    assert folders <= set(FLOOR_OF)
    assert not folders & set(mxnet_im2rec.__all__)


def test_no_file_is_long():
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in SOURCES.items()}
    assert {name: length for name, length in lengths.items() if length > 450} == {}


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


NEED_MXNET = ("packing.im2rec", "packing.settings", "transforms.plan")  # their examples
MARKED = [pytest.param(name, marks=pytest.mark.needs_mxnet) if name in NEED_MXNET else name for name in MODULES]


@pytest.mark.parametrize("module", MARKED)
def test_examples_in_docstrings_run(module):
    failures, _ = doctest.testmod(importlib.import_module(f"mxnet_im2rec.{module}"))
    assert failures == 0


def test_source_files_carry_the_licence():
    for path in [*SOURCES.values(), *PACKAGE.parent.glob("tests/**/*.py"), *PACKAGE.parent.glob("benchmarks/*.py")]:
        lines = path.read_text("utf-8").splitlines()[:2]
        assert lines == ["# Copyright 2026 the mxnet_im2rec authors", "# SPDX-License-Identifier: Apache-2.0"], path

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Importing MXNet: lazily, on a NumPy that lacks the old names, and where it cannot be done."""

import json
import os
import subprocess
import sys

import numpy
import pytest
from helpers import REPO

from mxnet_im2rec import mxnet_advice, mxnet_compat, mxnet_numpy
from mxnet_im2rec.errors import MXNetUnavailableError

FORGET_ALIASES = """
import numpy
IS_2 = numpy.__version__.startswith("2.")
kept = numpy.bool if IS_2 else bool  # NumPy 2 has a bool of its own, and needs it
for name in ("object", "int", "float", "complex", "str") if IS_2 else ("bool", "object", "int", "float", "complex", "str"):
    vars(numpy).pop(name, None)
    getattr(numpy, "__deprecated_attrs__", {}).pop(name, None)
    assert not hasattr(numpy, name), name
"""
BLOCK = """
import sys
class Blocker:
    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] == BLOCKED:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
for name in list(sys.modules):
    if name.split(".")[0] in (BLOCKED, "_distutils_hack"):
        del sys.modules[name]
sys.meta_path[:] = [Blocker()] + [finder for finder in sys.meta_path if "istutils" not in type(finder).__name__]
"""
TELL_ERROR = """
import json
from mxnet_im2rec.mxnet_compat import import_mxnet
try:
    import_mxnet()
except ImportError as error:
    print(json.dumps([type(error).__name__, str(error), type(error.__cause__).__name__]))
"""


def run(code, *folders):
    """Run code in a fresh interpreter, with modules from these folders; gives what it prints."""
    path = os.pathsep.join([*map(str, folders), str(REPO)])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def error_of_importing(code, *folders):
    """The name of the error of import_mxnet(), its message and the name of its cause, after this code ran."""
    return json.loads(run(code + TELL_ERROR, *folders))


def finders():
    return [finder for finder in sys.meta_path if isinstance(finder, mxnet_numpy._BeforeMXNet)]


def test_installing_twice_changes_nothing():
    mxnet_numpy.install()
    before = list(sys.meta_path)
    mxnet_numpy.install()
    assert sys.meta_path == before
    assert len(finders()) == 1


def test_installing_puts_the_finder_first(monkeypatch):
    others = [finder for finder in sys.meta_path if finder not in finders()]
    monkeypatch.setattr(sys, "meta_path", list(others))
    mxnet_numpy.install()
    assert finders() == sys.meta_path[:1]
    assert sys.meta_path[1:] == others


def test_the_finder_finds_only_what_it_changes():
    (finder,) = finders()
    assert [finder.find_spec(name) for name in ("mxnet.gluon", "json", "numpy")] == [None] * 3
    assert isinstance(finder.find_spec("mxnet").loader, mxnet_numpy._Loader)


def test_importing_mxnet_gives_mxnet():
    assert mxnet_compat.import_mxnet() is sys.modules["mxnet"]
    assert mxnet_compat.import_mxnet().__name__ == "mxnet"


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, mxnet_im2rec; print(sorted({'mxnet', 'cv2', 'numpy', 'tqdm', 'cloudpickle'} & set(sys.modules)))"
    assert run(code) == "[]"


def test_importing_the_package_does_not_touch_numpy():
    code = FORGET_ALIASES + "import mxnet_im2rec\nprint([name for name in ('int', 'object') if hasattr(numpy, name)])"
    assert run(code) == "[]"


@pytest.mark.whole
def test_without_the_package_mxnet_does_not_import_where_numpy_lacks_the_names():
    code = FORGET_ALIASES + "try:\n    import mxnet\nexcept AttributeError as error:\n    print('AttributeError', error)"
    assert run(code).startswith("AttributeError")


@pytest.mark.parametrize("how", ["from mxnet.gluon import nn", "import_mxnet()"])
@pytest.mark.whole
def test_mxnet_imports_and_works_where_numpy_lacks_the_names(how):
    code = f"""{FORGET_ALIASES}
from mxnet_im2rec.mxnet_compat import import_mxnet
{how}
import mxnet
assert numpy.bool is kept and numpy.object is object and numpy.float is float
print(mxnet.nd.array([1, 2], dtype="uint8").sum().asscalar(), mxnet.nd.ones((2,)).asnumpy().tolist())
"""
    assert run(code) == "3 [1.0, 1.0]"


def test_names_that_numpy_has_are_left_alone(monkeypatch):
    kept = object()
    monkeypatch.setitem(vars(numpy), "bool", kept)
    monkeypatch.delitem(vars(numpy), "object", raising=False)
    mxnet_numpy._put_back_names()
    assert vars(numpy)["bool"] is kept
    assert vars(numpy)["object"] is object


MISSING = {
    "None in sys.modules": "import sys\nsys.modules['mxnet'] = None\n",
    "found by no finder": f"BLOCKED = 'mxnet'\n{BLOCK}",
}


@pytest.mark.parametrize("code", list(MISSING.values()), ids=list(MISSING))
def test_a_missing_mxnet_is_told_with_the_command_to_install_it(code):
    name, message, cause = error_of_importing(code)
    assert name == "MXNetUnavailableError"
    assert message == f"MXNet is not installed: {mxnet_advice.HOW_TO_INSTALL}"
    assert cause == "ModuleNotFoundError"


@pytest.mark.parametrize(("blocked", "command"), [("distutils", "pip install setuptools"), ("requests", "pip install requests")])
@pytest.mark.whole
def test_a_missing_module_that_mxnet_needs_is_told_with_the_command_to_install_it(blocked, command):
    name, message, cause = error_of_importing(f"BLOCKED = {blocked!r}\n{BLOCK}")
    assert name == "MXNetUnavailableError"
    assert blocked in message
    assert message.endswith(command)
    assert cause == "ModuleNotFoundError"


def test_a_missing_numpy_is_told_with_the_command_to_install_it():
    name, message, cause = error_of_importing(f"BLOCKED = 'numpy'\n{BLOCK}")
    assert name == "MXNetUnavailableError"
    assert message.endswith("pip install numpy")
    assert cause == "ModuleNotFoundError"


BROKEN = {
    "NumPy 2": ("2.1.0", "raise AttributeError('`np.bool` was removed')", "AttributeError", "install it again"),
    "a shared library": (
        "1.23.5",
        "raise OSError('libgomp.so.1: cannot open shared object file: No such file or directory')",
        "OSError",
        "the system lacks libgomp.so.1: apt-get install libgomp1",
    ),
    "a name gone": ("1.23.5", "from json import no_such_name", "ImportError", "install it again"),
}


TELL_ERROR_OF_A_SCRIPT = """
import json, mxnet_im2rec
try:
    from mxnet import nd
except ImportError as error:
    print(json.dumps([type(error).__name__, str(error), type(error.__cause__).__name__]))
"""


@pytest.mark.parametrize("tell", [TELL_ERROR, TELL_ERROR_OF_A_SCRIPT], ids=["import_mxnet()", "from mxnet import"])
@pytest.mark.parametrize(("version", "code", "cause", "command"), list(BROKEN.values()), ids=list(BROKEN))
def test_an_mxnet_that_fails_to_import_is_told_with_what_it_said(tmp_path, version, code, cause, command, tell):
    (tmp_path / "mxnet").mkdir()
    (tmp_path / "mxnet" / "__init__.py").write_text(code, encoding="utf-8")
    names = ["all", "any", "prod", "round", "sort", "isin"]
    stub = f"__version__ = {version!r}\n" + "".join(f"{name} = None\n" for name in names)
    (tmp_path / "numpy.py").write_text(stub, encoding="utf-8")
    name, message, found_cause = json.loads(run(tell, tmp_path))
    assert (name, found_cause) == ("MXNetUnavailableError", cause)
    assert f"Python {sys.version_info[0]}.{sys.version_info[1]} with NumPy {version} ({cause}: " in message
    assert command in message
    assert "\n" not in message


def test_the_error_is_an_importerror_of_the_family(monkeypatch):
    monkeypatch.setitem(sys.modules, "mxnet", None)
    with pytest.raises(ImportError) as caught:
        mxnet_compat.import_mxnet()
    assert type(caught.value) is MXNetUnavailableError


@pytest.mark.parametrize(
    ("said", "explained"),
    [
        (
            "MXNetError: Error in operator hybridsequential3_resize0_fwd: [09:30:59] src/a.cc:7: Check failed: 1 == 3: x",
            "Error in operator hybridsequential_resize_fwd: src/a.cc:7: Check failed: 1 == 3: x",
        ),
        ("Error in operator conv2d12_conv2d0: bad", "Error in operator conv2d_conv2d: bad"),
        ("photo_0 has 12 channels at [09:30]", "photo_0 has 12 channels at [09:30]"),
    ],
)
def test_what_an_error_says_has_no_time_of_day_and_no_counted_names(said, explained):
    assert mxnet_compat.explain(RuntimeError(said)) == explained


@pytest.mark.whole
def test_a_record_with_labels_is_packed_without_what_numpy_has_removed():
    code = "import warnings, mxnet_im2rec, mxnet\nwarnings.simplefilter('error')\n"
    code += "record = mxnet.recordio.pack(mxnet.recordio.IRHeader(0, [1, 2], 3, 0), b'abc')\n"
    code += "assert mxnet.recordio.unpack(record)[0].label.tolist() == [1, 2]\n"
    code += "import numpy\nimage = numpy.zeros((8, 8, 3), 'uint8')\n"
    code += "print(len(mxnet.recordio.pack_img(mxnet.recordio.IRHeader(0, 1, 3, 0), image)) > 24)"
    assert run(code) == "True"


@pytest.mark.skipif(int(numpy.__version__.split(".")[0]) < 2, reason="before NumPy 2 the text of its numbers is that of Python's")
def test_the_arguments_of_operators_may_be_numpys_numbers():
    code = """
import mxnet_im2rec, mxnet, numpy
shape = (numpy.int64(3), numpy.int32(2))
assert mxnet.nd.zeros(shape).reshape(shape[::-1]).shape == (2, 3)
assert mxnet.sym.reshape(mxnet.sym.var("x"), shape=shape).eval(x=mxnet.nd.zeros(6))[0].shape == (3, 2)
assert isinstance(numpy.bool(True), numpy.bool) and numpy.bool is not bool
"""
    assert run(code) == ""


@pytest.mark.whole
def test_an_import_of_mxnet_that_has_failed_can_be_made_again_once_the_package_is_there():
    code = (
        FORGET_ALIASES
        + """
import sys
try:
    import mxnet
except AttributeError:
    assert [name for name in sys.modules if name.startswith("mxnet.")]
import mxnet_im2rec, mxnet
print(mxnet.nd.ones((2,)).sum().asscalar(), mxnet.util.is_np_array(), mxnet.context.cpu())
"""
    )
    assert run(code) == "2.0 False cpu(0)"


def test_to_look_for_mxnet_changes_nothing_in_numpy():
    code = (
        FORGET_ALIASES
        + """
import importlib.util, mxnet_im2rec
assert importlib.util.find_spec("mxnet").origin
print([name for name in ("int", "object") if hasattr(numpy, name)])
"""
    )
    assert run(code) == "[]"


def test_a_folder_of_that_name_is_no_mxnet(tmp_path):
    (tmp_path / "mxnet").mkdir()
    hide = "import sys\nsys.path = [place for place in sys.path if 'site-packages' not in place]\n"
    name, message, cause = error_of_importing(hide, tmp_path)
    assert (name, cause) == ("MXNetUnavailableError", "ModuleNotFoundError")
    assert message.startswith("MXNet is not installed: pip install ")

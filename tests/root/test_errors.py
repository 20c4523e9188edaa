# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The errors and the values of a run: their family, their way through pickle, their print."""

import copy
import dataclasses
import pickle

import pytest

from mxnet_im2rec import arguments, errors
from mxnet_im2rec.text import Argument, Text, message_of
from mxnet_im2rec.values import Failure, PackReport, format_bytes

FAILURE = Failure(3, 7, "a b.jpg", "decode", "it is broken")

ERRORS = {
    "Im2RecError": (errors.Im2RecError("m"), {}),
    "ListLineError": (errors.ListLineError("m", 7, "a.jpg"), {"index": 7, "path": "a.jpg"}),
    "ImageError": (errors.ImageError("m"), {}),
    "TransformResultError": (errors.TransformResultError("m"), {}),
    "ErrorLimitExceeded": (
        errors.ErrorLimitExceeded([FAILURE, FAILURE], 1),
        {"failures": (FAILURE, FAILURE), "error_limit": 1, "question": ""},
    ),
    "EmptyDatasetError": (errors.EmptyDatasetError("m", [FAILURE]), {"failures": (FAILURE,)}),
    "WorkerDiedError": (errors.WorkerDiedError("m", ["a.jpg", "b.jpg"], -9), {"paths": ("a.jpg", "b.jpg"), "exitcode": -9}),
    "AnnotationError": (errors.AnnotationError("m"), {}),
    "ResumeError": (errors.ResumeError("m"), {}),
    "ListChangedError": (errors.ListChangedError("m"), {}),
    "OutputError": (errors.OutputError("m"), {}),
    "RecordFormatError": (
        errors.RecordFormatError("a.rec", 4, "x", "y"),
        {"path": "a.rec", "offset": 4, "expected": "x", "found": "y"},
    ),
    "VerifyError": (errors.VerifyError([FAILURE], "a.rec"), {"problems": (FAILURE,), "rec_path": "a.rec", "num_problems": 1}),
    "MXNetUnavailableError": (errors.MXNetUnavailableError("m"), {}),
    "OpenCVUnavailableError": (errors.OpenCVUnavailableError("m"), {}),
}
FAMILY = {
    "Im2RecError": Exception,
    "AnnotationError": ValueError,
    "ListLineError": ValueError,
    "ImageError": ValueError,
    "TransformResultError": ValueError,
    "ErrorLimitExceeded": errors.Im2RecError,
    "EmptyDatasetError": ValueError,
    "WorkerDiedError": RuntimeError,
    "ResumeError": ValueError,
    "ListChangedError": ValueError,
    "OutputError": OSError,
    "RecordFormatError": ValueError,
    "VerifyError": ValueError,
    "MXNetUnavailableError": ImportError,
    "OpenCVUnavailableError": ImportError,
}
each_error = pytest.mark.parametrize(("error", "attributes"), list(ERRORS.values()), ids=list(ERRORS))


def raised(error, cause):
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def test_every_error_of_the_module_is_in_these_tables():
    defined = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.Im2RecError)}
    assert defined == set(ERRORS) == set(FAMILY)


@pytest.mark.parametrize(("name", "parent"), list(FAMILY.items()), ids=list(FAMILY))
def test_every_error_is_of_the_family_and_of_a_builtin_kind(name, parent):
    assert issubclass(getattr(errors, name), errors.Im2RecError)
    assert issubclass(getattr(errors, name), parent)


@pytest.mark.parametrize(("name", "parent"), list(FAMILY.items()), ids=list(FAMILY))
def test_the_tree_in_the_docstring_is_true(name, parent):
    (line,) = [line for line in errors.__doc__.splitlines() if name in line.replace("(", " ").split()]
    assert parent in (Exception, errors.Im2RecError) or f"{name} ({parent.__name__})" in line


@each_error
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_survives_pickling(error, attributes, protocol):
    found = pickle.loads(pickle.dumps(error, protocol))
    assert type(found) is type(error)
    assert (str(found), found.args, found.__cause__) == (str(error), error.args, None)
    assert vars(found) == vars(error) == attributes


@each_error
def test_every_error_survives_pickling_with_its_cause(error, attributes):
    inner = raised(errors.ListLineError("inner", 1, "b.jpg"), KeyError("innermost"))
    found = pickle.loads(pickle.dumps(raised(copy.copy(error), inner)))
    assert vars(found) == attributes
    assert type(found.__cause__) is errors.ListLineError
    assert (str(found.__cause__), found.__cause__.index, found.__cause__.path) == ("inner", 1, "b.jpg")
    assert type(found.__cause__.__cause__) is KeyError
    assert found.__cause__.__cause__.args == ("innermost",)


@each_error
def test_every_error_survives_copying(error, attributes):
    found = copy.deepcopy(error)
    assert (type(found), str(found), vars(found)) == (type(error), str(error), attributes)


WRONG_ARGUMENTS = [
    (lambda: arguments.whole_number("seed", "x"), TypeError, ("seed", "must be a whole number", "'x'", "")),
    (lambda: arguments.whole_number("chunks", 0, 1), ValueError, ("chunks", "must be at least 1", "0", "")),
    (lambda: arguments.number("min_psnr", None), TypeError, ("min_psnr", "must be a number", "None", "")),
    (lambda: arguments.number("min_psnr", float("nan")), ValueError, ("min_psnr", "must be a number", "nan", "")),
    (lambda: arguments.seconds("timeout", -1.5), ValueError, ("timeout", "must be more than 0 seconds", "-1.5", "")),
    (lambda: arguments.flag("verify", "no"), TypeError, ("verify", "must be True or False", "'no'", "")),
    (lambda: arguments.progress(3), TypeError, ("progress", "must be None, True, False or callable", "3", "")),
    (lambda: arguments.path("root", b"x"), TypeError, ("root", "must be a str or a PathLike of str", "b'x'", "")),
]


@pytest.mark.parametrize(("check", "kind", "parts"), WRONG_ARGUMENTS)
def test_a_wrong_argument_is_a_builtin_error_with_its_parts(check, kind, parts):
    with pytest.raises(kind) as raised:
        check()
    error = raised.value
    for found in (error, pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert isinstance(found, errors.ArgumentError) and isinstance(found, kind)
        assert not isinstance(found, errors.Im2RecError)
        assert (found.argument, found.rule, found.found, found.help) == parts
        assert str(found) == f"{parts[0]} {parts[1]}, not {parts[2]}"
        assert message_of(found).parts[0] == Argument(parts[0])


def test_a_wrong_argument_says_what_helps():
    error = errors.ArgumentValueError("root", "is empty", help=Text("give ", Argument("list_file"), " too"))
    assert str(error) == "root is empty; give list_file too"
    assert Argument("list_file") in message_of(pickle.loads(pickle.dumps(error))).parts


def test_a_wrong_argument_is_shown_in_one_line_and_pickles_whatever_it_is():
    found = pickle.loads(pickle.dumps(errors.ArgumentTypeError("list_file", "must be a path", [lambda: None, "x" * 1000])))
    assert len(str(found)) < 250


def test_an_output_that_is_there_is_replaced_only_on_demand(tmp_path):
    (tmp_path / "there").touch()
    (tmp_path / "link").symlink_to("nowhere")
    arguments.refuse_existing([str(tmp_path / "new")], False)
    for name in ("there", "link"):
        paths = [str(tmp_path / "new"), str(tmp_path / name)]
        arguments.refuse_existing(paths, True)
        with pytest.raises(FileExistsError) as raised:
            arguments.refuse_existing(paths, False)
        assert str(raised.value) == f"{paths[1]!r} is there already; give another name, or overwrite=True to replace it"
        assert Argument("overwrite", True) in message_of(raised.value).parts
    with pytest.raises(TypeError, match="overwrite must be True or False, not 'yes'"):
        arguments.refuse_existing([], "yes")


def test_the_error_limit_is_a_part_of_its_message():
    assert Argument("error_limit") in message_of(errors.ErrorLimitExceeded([FAILURE], 0)).parts


@pytest.mark.parametrize(("count", "limit", "start"), [(1, 0, "1 entry failed, error_limit is 0;"), (3, 2, "3 entries failed")])
def test_the_message_of_the_error_limit_has_the_last_failure(count, limit, start):
    failures = [Failure(line, line, f"{line}.jpg", "read", "gone") for line in range(1, count + 1)]
    message = str(errors.ErrorLimitExceeded(failures, limit))
    assert message.startswith(start)
    assert message.endswith(str(failures[-1]))
    assert "no output was written" in message


FAILURES = {
    "all known": (FAILURE, "line 3, index 7, 'a b.jpg': decode: it is broken"),
    "line alone": (Failure(3, None, None, "list", "r"), "line 3: list: r"),
    "line and path": (Failure(3, None, "a.jpg", "list", "r"), "line 3, 'a.jpg': list: r"),
    "no line": (Failure(None, 0, "a.jpg", "read", "r"), "index 0, 'a.jpg': read: r"),
    "nothing known": (Failure(None, None, None, "list", "r"), "an entry: list: r"),
    "control characters": (Failure(1, 0, "a\n\x1b[31m.jpg", "read", "r"), "line 1, index 0, 'a\\n\\x1b[31m.jpg': read: r"),
}


@pytest.mark.parametrize(("failure", "text"), list(FAILURES.values()), ids=list(FAILURES))
def test_a_failure_prints_what_is_known(failure, text):
    assert str(failure) == text


def test_failures_are_values():
    assert pickle.loads(pickle.dumps(FAILURE)) == FAILURE == dataclasses.replace(FAILURE)
    assert len({FAILURE, dataclasses.replace(FAILURE), dataclasses.replace(FAILURE, line=4)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        FAILURE.line = 5


def report_of(num_records, failures=(), seconds=2.0):
    return PackReport("/d/out.rec", "/d/out.idx", num_records, 1536, tuple(failures), seconds)


def test_a_report_prints_records_size_rate_and_paths():
    assert str(report_of(12345)).splitlines() == [
        "12,345 records, 1.5 KiB, in 2.0 s (6,172 a second)",
        "  /d/out.rec",
        "  /d/out.idx",
    ]


def test_a_report_of_one_record_and_one_failure_is_in_the_singular():
    lines = str(report_of(1, [FAILURE])).splitlines()
    assert lines[0].startswith("1 record, ")
    assert lines[3:] == ["1 entry failed and is left out:", f"  {FAILURE}"]


@pytest.mark.parametrize(("count", "shown", "last"), [(2, 2, None), (10, 10, None), (11, 10, "  ... and 1 more")])
def test_a_report_prints_ten_failures_at_most(count, shown, last):
    lines = str(report_of(5, [FAILURE] * count)).splitlines()[3:]
    assert lines[0] == f"{count} entries failed and are left out:"
    assert lines[1 : 1 + shown] == [f"  {FAILURE}"] * shown
    assert lines[1 + shown :] == ([last] if last else [])


def test_a_report_of_no_time_at_all_prints():
    assert "inf a second" in str(report_of(5, seconds=0.0))


def test_a_cause_that_does_not_pickle_is_replaced_by_what_it_says():
    class Local(Exception):
        pass

    try:
        raise errors.ImageError("no") from Local("inner")
    except errors.ImageError as error:
        copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy.__cause__, errors.Im2RecError)
    assert "Local" in str(copy.__cause__) and "inner" in str(copy.__cause__)


def test_a_report_survives_pickling():
    assert pickle.loads(pickle.dumps(report_of(5, [FAILURE]))) == report_of(5, [FAILURE])


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2, "1.0 MiB"),
        (5 * 1024**3, "5.0 GiB"),
        (1024**4, "1.0 TiB"),
        (5000 * 1024**4, "5,000.0 TiB"),
    ],
)
def test_bytes_are_reported_in_binary_units(count, text):
    assert format_bytes(count) == text

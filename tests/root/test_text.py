# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Messages that keep their parts: their value, their parts, their way through pickle, copies, errors and dataclasses."""

import copy
import dataclasses
import pickle

import pytest

from mxnet_im2rec.errors import ImageError
from mxnet_im2rec.text import Argument, Call, Text, count, message_of, reword
from mxnet_im2rec.values import Failure

ADVICE = Text("use ", Argument("num_workers", 0), " or ", Call("salvage", "a b.rec", "out"))


def upper(name):
    return name.name.upper() if isinstance(name, Argument) else name.function.upper()


@pytest.mark.parametrize(
    ("name", "wording"),
    [
        (Argument("seed"), "seed"),
        (Argument("num_workers", 0), "num_workers=0"),
        (Argument("mp_context", "fork"), "mp_context='fork'"),
        (Argument("error_limit", None), "error_limit=None"),
        (Call("build_index"), "mxnet_im2rec.build_index()"),
        (Call("build_index", "a.rec"), "mxnet_im2rec.build_index('a.rec')"),
        (Call("salvage", "it's.rec", "out"), 'mxnet_im2rec.salvage("it\'s.rec", out)'),
        (Call("salvage", None, "out"), "mxnet_im2rec.salvage()"),
    ],
)
def test_names_are_worded_as_python_has_them(name, wording):
    assert str(name) == Text(name) == wording


def test_a_text_is_a_str_and_compares_as_one():
    said = "use num_workers=0 or mxnet_im2rec.salvage('a b.rec', out)"
    assert isinstance(ADVICE, str)
    assert said == ADVICE and hash(ADVICE) == hash(said) and {said: 1}[ADVICE] == 1
    assert f"{ADVICE}" == said and ADVICE[:3] == "use"
    assert Text() == "" and not Text()


def test_a_surface_words_the_names():
    assert reword(ADVICE, upper) == "use NUM_WORKERS or SALVAGE"
    assert reword("use num_workers=0", upper) == "use num_workers=0"


@pytest.mark.parametrize("compose", [lambda a, b: Text(a, "; ", b), lambda a, b: a + "; " + b, lambda a, b: a + ("; " + b)])
def test_texts_that_are_put_together_keep_their_names(compose):
    worded = "use NUM_WORKERS or SALVAGE"
    assert reword(compose(ADVICE, ADVICE), upper) == f"{worded}; {worded}"
    assert reword(compose("x", ADVICE), upper) == f"x; {worded}"
    assert reword(Text("; ").join(each for each in ("x", ADVICE, ADVICE)), upper) == f"x; {worded}; {worded}"
    assert (Text("; ").join([]), Text("; ").join(["x"])) == ("", "x")
    added = "begin "
    added += ADVICE
    assert reword(added, upper) == "begin use NUM_WORKERS or SALVAGE"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_parts_survive_pickling(protocol):
    found = pickle.loads(pickle.dumps(ADVICE, protocol))
    assert type(found) is Text
    assert (found, found.parts) == (ADVICE, ADVICE.parts)


def test_the_parts_survive_in_values_and_copies_of_them():
    failure = Failure(1, 2, "a.jpg", "decode", ADVICE)
    copies = [
        copy.copy(failure),
        copy.deepcopy(failure),
        dataclasses.replace(failure, line=1),
        pickle.loads(pickle.dumps(failure)),
    ]
    for each in copies:
        assert each == failure
        assert each.reason.parts == ADVICE.parts
    assert dataclasses.asdict(failure)["reason"].parts == ADVICE.parts


def test_the_parts_survive_in_errors():
    for error in (ValueError(ADVICE), ImageError(ADVICE), OSError(ADVICE)):
        found = pickle.loads(pickle.dumps(error))
        assert str(found) == ADVICE
        assert message_of(found).parts == ADVICE.parts


def test_the_message_of_any_other_error_is_what_it_says():
    for error in (ValueError("x"), ValueError(), KeyError("x"), ValueError(ADVICE, 2), FileNotFoundError(2, "gone", "x")):
        assert message_of(error) == str(error)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((0, "image"), "0 images"),
        ((1, "image"), "1 image"),
        ((1, "entry", "entries"), "1 entry"),
        ((2, "entry", "entries"), "2 entries"),
        ((12345, "class", "classes"), "12,345 classes"),
    ],
)
def test_a_number_has_its_noun_in_the_singular_or_the_plural(given, said):
    assert count(*given) == said

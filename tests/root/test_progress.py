# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Telling the progress: to a function, as a bar, or to nobody."""

import io
import sys
from types import ModuleType, SimpleNamespace

import pytest

from mxnet_im2rec.progress import open_progress


def never():
    raise AssertionError("the total was asked for, though nobody wants it")


def run(progress, count, steps=((1, 0), (2, 1), (3, 1))):
    with open_progress(progress, count) as tell:
        for done, failed in steps:
            tell(done, failed)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def open_terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)  # in the test itself: between the phases of one, pytest puts its own there
    return stream


@pytest.mark.parametrize("total", [3, None])
def test_a_function_is_told_everything(total, capsys):
    told = []
    run(lambda *values: told.append(values), lambda: total)
    assert told == [(1, total, 0), (2, total, 1), (3, total, 1)]
    assert capsys.readouterr() == ("", "")


def test_the_total_is_counted_once():
    counts = []
    run(lambda *values: None, lambda: counts.append(1))
    assert counts == [1]


def test_what_a_function_raises_comes_out():
    def listener(done, total, failed):
        raise KeyError(done)

    with pytest.raises(KeyError):
        run(listener, lambda: 3)


def test_false_is_silent_even_on_a_terminal(monkeypatch):
    terminal = open_terminal(monkeypatch)
    run(False, never)
    assert terminal.getvalue() == ""


def test_none_is_silent_without_a_terminal(capsys):
    run(None, never)
    assert capsys.readouterr() == ("", "")


def test_none_shows_a_bar_on_a_terminal(monkeypatch):
    terminal = open_terminal(monkeypatch)
    run(None, lambda: 3)
    assert "3/3" in terminal.getvalue()


def test_true_writes_a_bar_to_stderr(capsys):
    run(True, lambda: 3)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "3/3" in printed.err
    assert "failures=1" in printed.err
    assert printed.err.endswith("\n")


def test_a_bar_without_a_total_counts(capsys):
    run(True, lambda: None)
    assert "3 images" in capsys.readouterr().err


def test_a_bar_does_without_failures(capsys):
    run(True, lambda: 2, [(1, 0), (2, 0)])
    printed = capsys.readouterr().err
    assert "2/2" in printed
    assert "failures" not in printed


def test_a_bar_is_closed_by_an_exception(capsys):
    with pytest.raises(KeyError), open_progress(True, lambda: 3) as tell:
        tell(1, 0)
        raise KeyError
    assert capsys.readouterr().err.endswith("\n")


@pytest.mark.parametrize(("kernel", "shown"), [(object(), True), (None, False)])
def test_none_shows_a_bar_in_a_notebook_and_not_in_a_plain_ipython(monkeypatch, capsys, kernel, shown):
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=kernel, config={})
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    run(None, lambda: 3)
    printed = capsys.readouterr()
    assert ("3/3" in printed.out + printed.err) == shown


def test_none_is_silent_where_there_is_no_stderr_at_all(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    run(None, never)

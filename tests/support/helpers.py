# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What several test files need: reading records back with MXNet, and running scripts to their end."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
from warm import WarmProcess, family

REPO = Path(__file__).resolve().parents[2]


def read_records(report):
    """Every record by MXNet's own MXIndexedRecordIO: a list of (key, header, payload) in the order of the .idx."""
    import mxnet as mx

    reader = mx.recordio.MXIndexedRecordIO(report.idx_path, report.rec_path, "r")
    records = [(key, *mx.recordio.unpack(reader.read_idx(key))) for key in reader.keys]
    reader.close()
    return records


def read_list(list_file, *args, **options):
    """The checked entries of a list, as every function of the package reads them."""
    from mxnet_im2rec.lists.open_list import open_list

    return open_list(list_file).entries(*args, **options)


def dataset_bytes(report):
    """The bytes of both files."""
    return Path(report.rec_path).read_bytes(), Path(report.idx_path).read_bytes()


def start_script(code, folder, is_warm=False, **options):
    """Run Python code as a plain script in a folder, in a session of its own, without waiting for it.

    A warm one finds MXNet loaded; see warm.py.
    """
    script = Path(folder) / "script_under_test.py"
    script.write_text(code, encoding="utf-8")
    options = {
        "cwd": str(folder),
        "env": {**os.environ, "PYTHONPATH": str(REPO)},
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "start_new_session": True,
        **options,
    }
    return WarmProcess([script], **options) if is_warm else subprocess.Popen([sys.executable, str(script)], **options)


def run_script(code, folder, timeout=120, is_warm=False):
    """Run Python code as a plain script to its end; gives (exit code, stdout, stderr)."""
    process = start_script(code, folder, is_warm)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out, err


def children_left():
    """The child processes of this one, less the helpers that Python itself keeps for 'spawn' and 'forkserver', and warm.py's."""
    helpers = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
    children = psutil.Process().children(recursive=True)
    warm = family()
    children = [child for child in children if child.pid not in warm]
    return [child for child in children if not any(helper in command_of(child) for helper in helpers)]


def command_of(process):
    """Its command line; empty for a process that has ended and that nobody has waited for."""
    try:
        return " ".join(process.cmdline())
    except psutil.ZombieProcess:
        return ""


def wait_for(condition, seconds=60):
    """Wait until a condition holds, looking often; give what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"did not happen within {seconds} s: {condition}")


class TookTooLong(BaseException):
    """No OSError, and no Exception: the code under test must not take it for a failure that it expects."""


@contextmanager
def limited(seconds=60):
    """Raise TookTooLong in the middle of whatever waits for longer than that."""

    def stop(*_):
        raise TookTooLong(f"blocked for {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)

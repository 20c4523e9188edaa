# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Calls of the commands, in this process and as processes of their own."""

import inspect
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import click
from click.testing import CliRunner
from warm import WarmProcess

import mxnet_im2rec
from mxnet_im2rec.cli.main import cli

HOME = Path(mxnet_im2rec.__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(HOME), os.environ.get("PYTHONPATH")]))}
SECONDS = 100
SLOW = "import time\n\ndef slow(image):\n    time.sleep(0.3)\n    return image\n"


def call(*args, code=0):
    """Call the command in this process; gives a result with `stdout` and `stderr`. A code of None is any."""
    separate = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}  # before click 8.2
    path = list(sys.path)
    try:
        result = CliRunner(**separate).invoke(cli, [str(arg) for arg in args], prog_name="im2rec")
    finally:
        sys.path[:] = path  # the folder of the user's transforms is in it
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert code in (None, result.exit_code), result.stdout + result.stderr
    return result


def start(*args, folder, env=None, is_warm=False, **options):
    """Start the command as a process of its own, in a session of its own; `env` adds to the environment.

    A warm one finds MXNet loaded; see warm.py.
    """
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True, **options}
    command = ["-m", "mxnet_im2rec", *map(str, args)]
    options = {"cwd": str(folder), "env": {**ENVIRONMENT, **(env or {})}, **options}
    return WarmProcess(command, **options) if is_warm else subprocess.Popen([sys.executable, *command], **options)


def shell(*args, folder, code=0, **options):
    """Call the command as a process; gives what it wrote to stdout and to stderr."""
    process = start(*args, folder=folder, **options)
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == code, f"{process.returncode}: {out}{err}"
    return out, err


@contextmanager
def running(command):
    """Words are those of this command."""
    context = click.Context(cli)
    context.invoked_subcommand = command
    with context:
        yield

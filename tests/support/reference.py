# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""MXNet's own tool, mxnet.tools.im2rec, in one process for many calls, so that MXNet is loaded once."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

from helpers import REPO

# OpenCV's threads do not survive the tool's forks.
REFERENCE = """
import contextlib, gc, io, json, sys
import mxnet_im2rec, cv2, runpy
cv2.setNumThreads(1)
for line in sys.stdin:
    what, argv = json.loads(line)
    out, error, result = io.StringIO(), None, None
    sys.argv = ["im2rec.py", *argv]
    with contextlib.redirect_stdout(out):
        if what == "run":
            try:
                runpy.run_module("mxnet.tools.im2rec", run_name="__main__")
            except BaseException as raised:
                error = type(raised).__name__
            gc.collect()  # closes what it wrote
            result = [error, out.getvalue()]
        else:
            module = runpy.run_module("mxnet.tools.im2rec", run_name="reference")
            result = vars(module["parse_args"]()) if what == "parse" else list(module["read_list"](argv[0]))
    print(json.dumps(result), flush=True)
"""


@contextmanager
def reference_tool(folder):
    """Give a function that has the tool do something: 'run', 'parse' or 'read', with some arguments. It gives the tool's answer.

    For 'run' this is the name of the error that the tool raised, or None, and what it printed.
    """
    errors = folder / "stderr"
    with open(errors, "wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", REFERENCE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, "PYTHONPATH": str(REPO), "PYTHONUTF8": "1"},
        )

    def ask(what, argv):
        process.stdin.write(json.dumps([what, list(map(str, argv))]).encode() + b"\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, errors.read_text("utf-8")
        return json.loads(answer)

    try:
        yield ask
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(30)

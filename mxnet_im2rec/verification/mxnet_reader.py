# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the process in which MXNet reads a dataset, and collects what it reports. Reads no record itself.

MXNet has a process of its own, mxnet_reader_process.py: a bad record makes MXNet abort. The process loads MXNet and reads while
this one does something else. No thread waits for its reports, so that this process may fork meanwhile: they come when the caller
asks for them.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from typing import Any, Callable, Dict, Optional

from .collecting import ProblemCollector
from .mxnet_reader_process import Launch
from .mxnet_reading import Request
from .structure import Structure

_PROGRAM = "mxnet_im2rec.verification.mxnet_reader_process"
_MOST_SECONDS = (2**31 - 1) // 1000  # that poll() waits
_MOST_BYTES = 1 << 16  # that are taken at once


class MXNetReader:
    """The process that reads a dataset through MXNet: started on entering, gone on leaving, whatever happens in between.

    1. Entering starts the process, which loads MXNet.
    2. :meth:`begin` says what is to be read.
    3. :meth:`take` takes what has been reported so far. It does not wait.
    4. :meth:`finish` waits for the end. If nothing is reported for ``timeout`` seconds, it ends the process.

    Attributes
    ----------
    progress : callable
        Receives how many images have been read.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = min(timeout, _MOST_SECONDS)
        self.progress: Callable[[int], None] = lambda num_read: None
        self._found = ProblemCollector()
        self._stack = ExitStack()
        self._poll = select.poll()
        self._rest = b""  # of a report that has come in part
        self._is_reading = False  # whether reports are to come
        self._is_cut_off = False  # whether the process has ended without a report of that

    def __enter__(self) -> MXNetReader:
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([package, *(os.path.abspath(place) for place in sys.path)])}
        with ExitStack() as stack:
            self._folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mxnet_im2rec_"))
            stderr = open(os.path.join(self._folder, "stderr"), "w+", encoding="utf-8", errors="replace")  # noqa: SIM115
            self._stderr = stack.enter_context(stderr)
            process: Any = subprocess.Popen(
                [sys.executable, "-m", _PROGRAM, json.dumps(Launch(self._folder, os.getpid())._asdict())],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.PIPE,  # which ends when this process does, so that the reader cleans up and goes too
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
            self._process = process
            stack.callback(self._end)
            self._poll.register(process.stdout.fileno(), select.POLLIN)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.close()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def begin(
        self, rec_path: str, idx_path: Optional[str], structure: Structure, sample: Optional[int], max_pixels: Optional[int]
    ) -> None:
        """Have the process read a dataset, unless it is damaged. ``sample`` and ``max_pixels`` are as in :class:`Request`."""
        if not structure.is_whole or not len(structure.ids):
            self._found.note("not read through ImageRecordIter: the .rec is damaged, see the problems of its structure")
            return
        label_width = structure.label_counts[0]
        if len(structure.label_counts) > 1 or structure.num_empty:
            many = "records have different numbers of labels"
            why = many if not structure.num_empty else "there are records without an image"
            what = f"not read through ImageRecordIter, which refuses this: {why}; the images were decoded by OpenCV alone"
            self._found.note(what)
            label_width = 0
        elif idx_path is None:
            self._found.note("read through ImageRecordIter without the .idx, which is missing or wrong")
        # ImageRecordIter takes '#', '?' and ';' in a path for something else, and reads every file of a folder.
        _link(rec_path, os.path.join(self._folder, "data.rec"))
        if idx_path is not None:
            _link(idx_path, os.path.join(self._folder, "data.idx"))
        request = Request("data.rec", None if idx_path is None else "data.idx", label_width, sample, max_pixels)
        self._is_reading = True
        with suppress(BrokenPipeError):  # it has died, which its reports will show
            os.write(self._process.stdin.fileno(), json.dumps(request._asdict()).encode() + b"\n")

    def take(self) -> None:
        """Take what has been reported."""
        while self._is_reading and self._poll.poll(0):
            self._receive()

    def finish(self, problems: ProblemCollector) -> None:
        """Wait for the end, and hand over what was found."""
        try:
            while self._is_reading:
                if not self._poll.poll(self._timeout * 1000):
                    raise subprocess.TimeoutExpired(_PROGRAM, self._timeout)
                self._receive()
            if self._is_cut_off:
                self._process.wait(timeout=self._timeout)  # how it ended by itself is reported, not that it was killed
                self._stderr.seek(0)
                self._found.add("reader", f"{_describe_end(self._process.returncode)}{_last_words(self._stderr.read())}")
        except subprocess.TimeoutExpired:
            self._found.add("reader", f"ImageRecordIter gave nothing for {self._timeout:,.0f} seconds, and was ended")
        problems.extend(self._found)

    def _receive(self) -> None:
        """Read what is there, be it the end."""
        data = os.read(self._process.stdout.fileno(), _MOST_BYTES)
        if not data:
            self._is_reading, self._is_cut_off = False, True
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._look_at(json.loads(line))

    def _look_at(self, event: Dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "progress":
            self.progress(event["done"])
        elif kind == "problem":
            self._found.add("reader", event["message"], event["position"], event["index"])
        elif kind == "note":
            self._found.note(event["message"])
        elif kind == "failed":
            self._found.add("reader", event["message"])
        if kind in ("failed", "done"):
            self._is_reading = False


def _link(path: str, name: str) -> None:
    try:
        os.symlink(path, name)
    except OSError:  # some file systems have no links
        shutil.copyfile(path, name)


def _describe_end(returncode: int) -> str:
    if returncode >= 0:
        return f"the process that ran ImageRecordIter ended with exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"ImageRecordIter crashed: {name}"


def _last_words(text: str) -> str:
    """What a process printed last, as an addition to a message: the words of MXNet, if there are any."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line for line in lines if "Error" in line or "Check failed" in line] or lines[-1:]
    return f": {said[0][:300]}" if said else ""

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the process in which MXNet reads a dataset, and collects what it reports. Reads no record itself.

MXNet has a process of its own, mxnet_reader_process.py: a bad record makes MXNet abort.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any, Callable, Optional

from ..progress import ProgressCallback
from .collecting import ProblemCollector
from .mxnet_reader_process import Request
from .structure import Structure

_PROGRAM = "mxnet_im2rec.verification.mxnet_reader_process"


def check_with_mxnet(
    rec_path: str,
    idx_path: Optional[str],
    structure: Structure,
    problems: ProblemCollector,
    progress: ProgressCallback,
    *,
    sample: Optional[int],
    max_pixels: Optional[int],
    timeout: float,
) -> None:
    """Have MXNet read a dataset in a process of its own, and collect what that process reports.

    ``progress`` receives how many images were decoded and how many were read through ImageRecordIter, together; and 0. A
    process that reports nothing for ``timeout`` seconds is ended. ``sample`` and ``max_pixels`` are as in :class:`Request`.
    """
    count = len(structure.ids)
    if not structure.is_whole or not count:
        problems.note("not read through ImageRecordIter: the .rec is damaged, see the problems of its structure")
        return
    label_width = structure.label_counts[0]
    if len(structure.label_counts) > 1 or structure.num_empty:
        why = "records have different numbers of labels" if not structure.num_empty else "there are records without an image"
        problems.note(f"not read through ImageRecordIter, which refuses this: {why}; the images were decoded by OpenCV alone")
        label_width = 0
    elif idx_path is None:
        problems.note("read through ImageRecordIter without the .idx, which is missing or wrong")
    with tempfile.TemporaryDirectory(prefix="mxnet_im2rec_") as folder:
        # ImageRecordIter takes '#', '?' and ';' in a path for something else, and reads every file of a folder.
        _link(rec_path, os.path.join(folder, "data.rec"))
        if idx_path is not None:
            _link(idx_path, os.path.join(folder, "data.idx"))
        idx = None if idx_path is None else "data.idx"
        request = Request("data.rec", idx, label_width, sample, folder, os.getpid(), max_pixels)
        run_reader(request, folder, timeout, problems, lambda done: progress(min(done, 2 * count), 0))


def _link(path: str, name: str) -> None:
    try:
        os.symlink(path, name)
    except OSError:  # some file systems have no links
        shutil.copyfile(path, name)


def run_reader(
    request: Request, folder: str, timeout: float, problems: ProblemCollector, progress: Callable[[int], None]
) -> None:
    """Run the reading process in a folder, to its end or to the timeout."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([package, *(os.path.abspath(place) for place in sys.path)])}
    with open(os.path.join(folder, "stderr"), "w+", encoding="utf-8", errors="replace") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", _PROGRAM, json.dumps(request._asdict())],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,  # which ends when this process does, so that the reader cleans up and goes too
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        try:
            ended = _collect_events(process, timeout, problems, progress)
        finally:
            process.kill()
            process.wait()
            assert process.stdin is not None and process.stdout is not None
            process.stdin.close()
            process.stdout.close()
        if not ended:
            stderr.seek(0)
            problems.add("reader", f"{_describe_end(process.returncode)}{_last_words(stderr.read())}")


def _collect_events(process: Any, timeout: float, problems: ProblemCollector, progress: Callable[[int], None]) -> bool:
    """Collect what the process reports, until it ends or is silent for too long; gives whether its end is explained."""
    events: queue.Queue = queue.Queue()
    timeout = min(timeout, threading.TIMEOUT_MAX)

    def receive() -> None:
        for line in process.stdout:
            events.put(line)
        events.put(None)

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    try:
        for line in iter(lambda: events.get(timeout=timeout), None):
            try:
                event = json.loads(line)
            except ValueError:  # cut off by the process's death
                continue
            kind = event["event"]
            if kind == "progress":
                progress(event["done"])
            elif kind == "problem":
                problems.add("reader", event["message"], event["position"], event["index"])
            elif kind == "note":
                problems.note(event["message"])
            elif kind == "failed":
                problems.add("reader", event["message"])
            if kind in ("failed", "done"):
                return True
        process.wait(timeout=timeout)  # how it ended by itself is reported, not that it was killed
    except (queue.Empty, subprocess.TimeoutExpired):
        problems.add("reader", f"ImageRecordIter gave nothing for {timeout:,.0f} seconds, and was ended")
        return True
    finally:
        process.kill()
        thread.join()
    return False


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

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The photos and the lists of a benchmark, its commands, and how they are run in turn and timed. Knows no part of it."""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from photos import make_photos, write_list
from report import Report, number
from rivals_venv import RivalsVenv

HERE = Path(__file__).resolve().parent
PYTHON = sys.executable
RUNS = str(HERE / "runs.py")
REFERENCE = [PYTHON, "-c", "import mxnet_im2rec, runpy; runpy.run_module('mxnet.tools.im2rec', run_name='__main__')"]

# Every program keeps its compiled modules, as an installed one does; pip has compiled those of the others.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Run(NamedTuple):
    """One run of a command: wall seconds, CPU seconds of all of its processes, what its last line says."""

    wall: float
    cpu: float
    printed: Any


WALL_AND_CPU = {"seconds": lambda run: run.wall, "s of CPU": lambda run: run.cpu}
WALL = {"seconds": lambda run: run.wall}
RATE = {"images/s": lambda run: run.printed["records"] / run.printed["seconds"]}


class Failed(Exception):
    """A command did not do its work; the text says which one, and what it said."""


class Bench:
    """The photos, the lists, and how commands are timed."""

    def __init__(self, arguments):
        self.work = Path(arguments.work).resolve()
        self.rounds = arguments.rounds
        self.entries = arguments.entries
        self.report = Report()
        self._rivals = None
        if arguments.folder:
            self.root = Path(arguments.folder).resolve()
            suffixes = (".jpg", ".jpeg")
            self.names = sorted(
                str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.suffix.lower() in suffixes
            )
            if not self.names:
                sys.exit(f"no .jpg in {self.root}")
        else:
            self.root = self.work / "photos"
            self.names = make_photos(self.root, min(1000, self.entries), 500, 375)

    @property
    def rivals(self):
        """The environment of the rivals, made when a part first needs it."""
        if self._rivals is None:
            self._rivals = RivalsVenv(self.work / "rivals-venv")
            versions = [f"{name} {version}" for name, version in self._rivals.versions.items()]
            self.report.fact("rivals", ", ".join(versions) or "none")
        return self._rivals

    def list_of(self, name, count, names=None):
        return write_list(self.work / f"{name}.lst", names or self.names, count)

    def out(self, name):
        return str(self.work / name)

    def ours(self, kind, list_file, root=None, workers=2, fast_decode=False, name="ours"):
        options = [str(root or self.root), self.out(name), str(workers), str(int(fast_decode))]
        return [PYTHON, RUNS, "ours", kind, list_file, *options]

    def command(self, list_file, *options):
        pack = [PYTHON, "-m", "mxnet_im2rec", "pack", "--quiet"]
        return [*pack, list_file, self.out("command"), "--root", str(self.root), *options]

    def drop_in(self, list_file, *options):
        return [PYTHON, "-m", "mxnet_im2rec.cli.legacy", list_file[: -len(".lst")], str(self.root), *options]

    def naive(self, kind, list_file):
        return [PYTHON, RUNS, "naive", kind, list_file, str(self.root), self.out("naive"), "2"]

    def reference(self, list_file, *options, root=None):
        return [*REFERENCE, list_file[: -len(".lst")], str(root or self.root), *options]

    def bare(self, list_file, processes):
        return [PYTHON, RUNS, "bare", list_file, str(self.root), str(processes)]

    def rival(self, what, list_file, *more, root=None, output=None):
        places = [str(root or self.root), str(output or self.work / "rival" / what)]
        return [self.rivals.python, str(HERE / "rivals.py"), what, list_file, *places, *more]

    def reader(self, what, *arguments, python=PYTHON):
        return [python, str(HERE / "readers.py"), what, *map(str, arguments)]

    def those_installed(self, commands):
        """Of the commands by (name, rival) those whose rival is installed, by name; the others are noted."""
        for (name, rival), _ in commands.items():
            if rival in self.rivals.missing:
                self.report.note(f"{name} is left out, it does not install: {self.rivals.missing[rival]}")
        return {name: command for (name, rival), command in commands.items() if rival not in self.rivals.missing}

    def run(self, command):
        """Run a command in the work folder, without what an earlier one left there; Failed if it fails."""
        self._remove_outputs()
        started, cpu_before = time.perf_counter(), cpu_of_children()
        done = subprocess.run(command, cwd=self.work, capture_output=True, text=True, env=ENVIRONMENT)
        wall, cpu = time.perf_counter() - started, cpu_of_children() - cpu_before
        if done.returncode:
            raise Failed(f"{' '.join(command)}\nfailed with {done.returncode}:\n{(done.stderr or done.stdout)[-3000:].strip()}")
        if command[: len(REFERENCE)] == REFERENCE:  # it exits with 0 whatever it did
            self._check_reference(str(self.work / command[len(REFERENCE)]))
        last = (done.stdout.splitlines() or [""])[-1]
        return Run(wall, cpu, json.loads(last) if last.startswith("{") else None)

    def compare(self, title, commands, measures=WALL_AND_CPU):
        """Run all commands in turn, round by round, and show the medians of each measure of a Run.

        The first round warms up. The ratios are of the first command's median. A rival of rivals_venv.py that fails is left out,
        and noted; any other command that fails ends the benchmark. Gives the medians of the first measure.
        """
        commands = dict(commands)
        runs = {name: [] for name in commands}
        failures = {}
        for _ in range(self.rounds + 1):
            for name, command in list(commands.items()):
                try:
                    runs[name].append(self.run(command))
                except Failed as failure:
                    if command[0] == PYTHON or self._rivals is None or command[0] != self.rivals.python:
                        raise
                    del commands[name]
                    failures[name] = str(failure)
        figures = {name: {what: [of(run) for run in runs[name][1:]] for what, of in measures.items()} for name in commands}
        medians = {name: {what: statistics.median(found) for what, found in each.items()} for name, each in figures.items()}
        first = next(iter(medians.values()))
        rows = []
        for name, each in figures.items():
            cells = [
                (
                    f"{number(medians[name][what])} ({number(min(found))} to {number(max(found))})",
                    number(medians[name][what] / first[what]) if first[what] else "",
                )
                for what, found in each.items()
            ]
            rows.append([name, *(text for cell in cells for text in cell)])
        columns = ["", *(text for what in measures for text in (what, "ratio"))]
        self.report.table(title, columns, rows, figures)
        for name, failure in failures.items():
            self.report.note(f"{name} is left out, it fails: {failure.splitlines()[-1]}")
            print(failure, file=sys.stderr)
        return {name: next(iter(each.values())) for name, each in medians.items()}

    @contextmanager
    def serving(self):
        """The URL of the photos while an HTTP server runs on this machine; its CPU time is noted at the end."""
        cpu_before = None
        server = [PYTHON, str(HERE / "server.py"), str(self.root)]
        with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
            cpu_before = cpu_of_children()
        cpu = (cpu_of_children() - cpu_before) / (self.rounds + 1)
        self.report.note(f"The HTTP server of img2dataset takes {number(cpu)} s of CPU a run, which is not counted.")

    def _check_reference(self, prefix):
        with open(prefix + ".lst", encoding="utf-8") as lines, open(prefix + ".idx", encoding="utf-8") as keys:
            expected, found = sum(1 for _ in lines), sum(1 for _ in keys)
        if found != expected:
            raise Failed(f"mxnet.tools.im2rec packed {found} of {expected} entries")

    def _remove_outputs(self):
        for path in self.work.iterdir():
            if path.suffix in (".rec", ".idx", ".tar"):
                path.unlink()
        shutil.rmtree(self.work / "rival", ignore_errors=True)
        (self.work / "rival").mkdir()


def cpu_of_children():
    """In seconds, of all processes that have ended, and of those that these have waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime

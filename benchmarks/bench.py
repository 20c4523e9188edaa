# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Times packing against every other way to do it: whole processes, imports included, in turn, several rounds, medians.

    python benchmarks/bench.py                      # on photos made from scikit-image's
    python benchmarks/bench.py --folder MY_PHOTOS   # on photos of your own
    python benchmarks/bench.py --only resize pass_through --rounds 5

Prints a table and writes it, with the machine and the versions, to a JSON file.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from photos import make_photos, write_list

HERE = Path(__file__).resolve().parent
PYTHON = sys.executable
RUNS = str(HERE / "runs.py")
REFERENCE = [PYTHON, "-c", "import mxnet_im2rec, runpy; runpy.run_module('mxnet.tools.im2rec', run_name='__main__')"]


class Bench:
    """The photos, the lists, and how commands are timed."""

    def __init__(self, arguments):
        self.work = Path(arguments.work).resolve()
        self.rounds = arguments.rounds
        self.entries = arguments.entries
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
            self.names = make_photos(self.root, 1000, 500, 375)
        self.results = {}

    def list_of(self, name, count, names=None):
        return write_list(self.work / f"{name}.lst", names or self.names, count)

    def out(self, name):
        return str(self.work / name)

    def ours(self, kind, list_file, root=None, workers=2, fast_decode=False, name="ours"):
        return [
            PYTHON,
            RUNS,
            "ours",
            kind,
            list_file,
            str(root or self.root),
            self.out(name),
            str(workers),
            str(int(fast_decode)),
        ]

    def command(self, list_file, *options):
        return [
            PYTHON,
            "-m",
            "mxnet_im2rec",
            "pack",
            "--quiet",
            list_file,
            self.out("command"),
            "--root",
            str(self.root),
            *options,
        ]

    def drop_in(self, list_file, *options):
        return [PYTHON, "-m", "mxnet_im2rec.cli.legacy", list_file[: -len(".lst")], str(self.root), *options]

    def naive(self, kind, list_file):
        return [PYTHON, RUNS, "naive", kind, list_file, str(self.root), self.out("naive"), "2"]

    def reference(self, list_file, *options, root=None):
        return [*REFERENCE, list_file[: -len(".lst")], str(root or self.root), *options]

    def bare(self, list_file, processes):
        return [PYTHON, RUNS, "bare", list_file, str(self.root), str(processes)]

    def compare(self, title, commands, value=None, unit="s"):
        """Run all commands in turn, round by round; the first one is what the ratios are of. The first round warms up.

        `value` takes (wall seconds, what the command printed) and gives the figure; by default the wall seconds. The CPU time of
        a command, with all of its processes, is beside it.
        """
        figures = {name: [] for name in commands}
        cpu = {name: [] for name in commands}
        for round_number in range(self.rounds + 1):
            for name, command in commands.items():
                self._remove_outputs()
                started, cpu_before = time.perf_counter(), _cpu_of_children()
                done = subprocess.run(command, cwd=self.work, capture_output=True, text=True)
                wall = time.perf_counter() - started
                if done.returncode:
                    sys.exit(f"{' '.join(command)}\nfailed:\n{done.stderr[-3000:]}")
                if command[: len(REFERENCE)] == REFERENCE:  # it exits with 0 whatever it did
                    self._check_reference(str(self.work / command[len(REFERENCE)]))
                printed = json.loads(done.stdout.splitlines()[-1]) if RUNS in command else None
                if round_number:
                    figures[name].append(value(wall, printed) if value else wall)
                    cpu[name].append(_cpu_of_children() - cpu_before)
        medians = {name: statistics.median(values) for name, values in figures.items()}
        first = next(iter(medians))
        print(f"\n{title}")
        for name, median in medians.items():
            low, high = min(figures[name]), max(figures[name])
            ratio = f"{median / medians[first]:6.2f} x" if name != first else ""
            cpu_seconds = statistics.median(cpu[name])
            print(f"  {name:42s} {median:9.2f} {unit:9s} ({low:.2f} to {high:.2f})  {cpu_seconds:6.2f} s of CPU {ratio}")
        self.results[title] = {"unit": unit, "figures": figures, "medians": medians, "cpu": cpu}
        return medians

    def _check_reference(self, prefix):
        with open(prefix + ".lst", encoding="utf-8") as lines, open(prefix + ".idx", encoding="utf-8") as keys:
            expected, found = sum(1 for _ in lines), sum(1 for _ in keys)
        if found != expected:
            sys.exit(f"mxnet.tools.im2rec packed {found} of {expected} entries")

    def _remove_outputs(self):
        for path in self.work.iterdir():
            if path.suffix in (".rec", ".idx", ".tar"):
                path.unlink()


def _cpu_of_children():
    """In seconds, of all processes that have ended, and of those that these have waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def resize(bench):
    entries = bench.list_of("entries", bench.entries)
    commands = {
        "im2rec pack --short-edge 300 --workers 2": bench.command(entries, "--short-edge", "300", "--workers", "2"),
        "im2rec.py --resize 300 --num-thread 2": bench.drop_in(entries, "--resize", "300", "--num-thread", "2"),
        "im2rec() with Gluon's Resize, 2 workers": bench.ours("resize", entries),
        "mxnet.tools.im2rec --num-thread 2": bench.reference(entries, "--resize", "300", "--num-thread", "2"),
        "bare decode + resize + encode, 2 processes": bench.bare(entries, 2),
    }
    bench.compare(f"1. Resize(300, keep_ratio=True), {bench.entries:,} entries", commands)
    commands = {"ours": bench.ours("resize", entries), "theirs": commands["mxnet.tools.im2rec --num-thread 2"]}
    for command in commands.values():
        subprocess.run(command, cwd=bench.work, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    same = (bench.work / "ours.rec").read_bytes() == (bench.work / "entries.rec").read_bytes()
    print(f"  the same bytes: {same}")
    bench.results["the same bytes as mxnet.tools.im2rec"] = same


def snippet(bench):
    entries = bench.list_of("entries", bench.entries)
    commands = {"im2rec, 2 workers": bench.ours("snippet", entries), "a user's loop, Pool(2)": bench.naive("snippet", entries)}
    bench.compare(f"2. Resize(300), ToTensor, Normalize(0, 1), {bench.entries:,} entries", commands)


def jitter(bench):
    count = bench.entries // 2
    entries = bench.list_of("half", count)
    for kind, what in (("brightness", "RandomColorJitter(0.2)"), ("jitter", "RandomColorJitter(0.2, 0.2, 0.2)")):
        commands = {"im2rec, 2 workers": bench.ours(kind, entries), "a user's loop, Pool(2)": bench.naive(kind, entries)}
        bench.compare(f"3. Resize(300), {what}, ToTensor, {count:,} entries", commands)


def pass_through(bench):
    count = bench.entries * 4
    entries = bench.list_of("many", count)
    names = bench.work / "names.txt"
    names.write_text("".join(f"{bench.names[index % len(bench.names)]}\n" for index in range(count)), encoding="utf-8")
    tar = ["tar", "--create", "--hard-dereference", "--file", bench.out("all.tar"), "--directory", str(bench.root)]
    commands = {
        "im2rec, num_workers=None": bench.ours("pass_through", entries, workers=None),
        "im2rec, 2 threads": bench.ours("pass_through", entries, workers=2),
        "mxnet.tools.im2rec --num-thread 1": bench.reference(entries, "--pass-through", "--num-thread", "1"),
        "mxnet.tools.im2rec --num-thread 2": bench.reference(entries, "--pass-through", "--num-thread", "2"),
        "tar": [*tar, "--files-from", str(names)],
    }
    bench.compare(f"4. pass_through, {count:,} entries", commands)


def large(bench):
    root, count = bench.work / "large", 200
    entries = bench.list_of("large_entries", count, make_photos(root, 20, 4000, 3000))
    commands = {
        "im2rec, 2 workers": bench.ours("resize", entries, root),
        "im2rec, 2 workers, fast_decode": bench.ours("resize", entries, root, fast_decode=True),
        "mxnet.tools.im2rec --num-thread 2": bench.reference(entries, "--resize", "300", "--num-thread", "2", root=root),
    }
    bench.compare(f"5. photos of 12 megapixels, shorter edge to 300, {count} entries", commands)
    _loss_of_fast_decode(bench, entries, root)


def _loss_of_fast_decode(bench, entries, root):
    import cv2
    import numpy as np
    from mxnet.gluon.data.vision import ImageRecordDataset

    import mxnet_im2rec  # noqa: F401

    datasets = []
    for name, fast in (("full", False), ("fast", True)):
        command = bench.ours("resize", entries, root, fast_decode=fast, name=name)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        datasets.append(ImageRecordDataset(bench.out(name) + ".rec"))
    losses = [cv2.PSNR(datasets[0][index][0].asnumpy(), datasets[1][index][0].asnumpy()) for index in range(20)]
    lowest, median = min(losses), float(np.median(losses))
    print(f"  fast_decode against full decode, PSNR: lowest {lowest:.1f} dB, median {median:.1f} dB")
    bench.results["PSNR of fast_decode, dB"] = losses


def images_a_second(wall, printed):
    return printed["records"] / printed["seconds"]


def ceiling(bench):
    entries = bench.list_of("entries", bench.entries)
    commands = {
        "bare decode + resize + encode, 2 processes": bench.bare(entries, 2),
        "im2rec, 2 workers (the call)": bench.ours("resize", entries),
    }
    medians = bench.compare("6. the share of the ceiling", commands, images_a_second, "images/s")
    bare, ours = medians.values()
    print(f"  share reached: {ours / bare:.2f}")


def scaling(bench):
    entries = bench.list_of("half", bench.entries // 2)
    commands = {}
    for processes in (1, 2, 4):
        commands[f"bare, {processes}"] = bench.bare(entries, processes)
        commands[f"im2rec, {processes}"] = bench.ours("resize", entries, workers=processes)
    bench.compare("8. how it scales", commands, images_a_second, "images/s")
    commands = {
        "python -c pass": [PYTHON, "-c", "pass"],
        "import mxnet_im2rec": [PYTHON, "-c", "import mxnet_im2rec"],
        "import mxnet": [PYTHON, "-c", "import mxnet_im2rec, mxnet"],
    }
    bench.compare("   importing", commands)


def memory(bench):
    root = bench.work / "tiny"
    names = make_photos(root, 50, 24, 16)
    print("\n7. peak memory, MiB, tiny images")
    bench.results["7. peak memory, MiB: parent, largest worker"] = peaks = {}
    for count in (10_000, 100_000, 1_000_000):
        entries = bench.list_of("tiny", count, names)
        bench._remove_outputs()
        printed = subprocess.check_output(bench.ours("encode", entries, root), stderr=subprocess.DEVNULL, text=True)
        peaks[count] = json.loads(printed)["peak_mib"]
        print(f"  {count:9,} records: parent {peaks[count][0]:6.1f}, largest worker {peaks[count][1]:6.1f}")


def reading(bench):
    root = bench.work / "reading"
    count = bench.entries * 5 // 4
    entries = bench.list_of("reading", count, make_photos(root, 100, 700, 525))
    bench._remove_outputs()
    subprocess.run(bench.ours("pass_through", entries, root, workers=None), check=True, stdout=subprocess.DEVNULL)
    rec = bench.out("ours.rec")
    size = os.path.getsize(rec) / 2**20
    print(f"\n9. reading back, {count:,} records, {size:,.0f} MiB, seconds (best of {bench.rounds}, the call alone)")
    bench.results["9. reading back"] = figures = {"MiB": size}
    for name in ("scan", "build_index", "summarize", "structure", "verify", "extract"):
        command = [PYTHON, RUNS, "reading", name, rec, bench.out("extracted")]
        runs = [json.loads(subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL)) for _ in range(bench.rounds)]
        figures[name] = min(run["seconds"] for run in runs)
        print(f"  {name:12s} {figures[name]:8.3f} s {size / figures[name]:10,.0f} MiB/s")


BENCHMARKS = [resize, snippet, jitter, pass_through, large, ceiling, memory, scaling, reading]


def versions():
    code = (
        "import mxnet_im2rec, mxnet, cv2, numpy, json; "
        "print(json.dumps({m.__name__: m.__version__ for m in (mxnet_im2rec, mxnet, cv2, numpy)}))"
    )
    return json.loads(subprocess.check_output([PYTHON, "-c", code], text=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", help="photos of your own (.jpg); by default some are made")
    parser.add_argument(
        "--entries", type=int, default=5000, help="entries of the list (default 5000); some parts take a multiple"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count, after one that warms up (default 3)")
    parser.add_argument("--only", nargs="+", choices=[each.__name__ for each in BENCHMARKS], help="these parts alone")
    parser.add_argument("--work", default="build/bench", help="folder for photos, lists and output (default build/bench)")
    parser.add_argument("--json", default="build/bench/results.json", help="where the figures go")
    arguments = parser.parse_args()
    Path(arguments.work).mkdir(parents=True, exist_ok=True)
    machine = {
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
        **versions(),
    }
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    bench = Bench(arguments)
    for part in BENCHMARKS:
        if not arguments.only or part.__name__ in arguments.only:
            part(bench)
    Path(arguments.json).write_text(json.dumps({"machine": machine, "results": bench.results}, indent=1), encoding="utf-8")
    print(f"\nwritten to {arguments.json}")


if __name__ == "__main__":
    main()

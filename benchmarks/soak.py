# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A soak: many small images are packed by runs that are killed at random and resumed, until one comes to its end.

The result must be that of a run which was left alone, and verify; little may be made twice; memory and open files must stay
flat; no process and no partial file may be left. Prints what it found; exits with 1 if a promise is broken.
"""

import argparse
import contextlib
import hashlib
import json
import mmap
import os
import random
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import psutil

FILES = 10_000  # distinct images; the list goes through them again and again
LOOK_SECONDS, SAMPLE_SECONDS = 0.005, 0.2
GONE_SECONDS = 15  # for processes whose parent was killed to notice it
GROWTH_BYTES, GROWTH_BYTES_A_RECORD = 16 << 20, 4  # what "flat" allows from the first quarter to the last
GROWTH_FILES = 6  # a worker that takes another's place has the files of the run open too
WAYS = ["the run", "its group", "SIGTERM", "Ctrl-C"]  # to end a run; a worker is the fifth


def pack(options):
    """What a user's script does; and it counts what is made, by index, and tells how far it is."""
    from mxnet_im2rec import im2rec
    from mxnet_im2rec.packing.worker import Worker

    made = os.open(options["made"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    make = Worker.__call__

    def make_counted(self, entry):
        os.write(made, struct.pack("<q", entry.index))
        return make(self, entry)

    def progress(done, total, failures):
        struct.pack_into("<q", shared, 0, done)

    Worker.__call__ = make_counted
    with open(options["progress"], "r+b") as stream:
        shared = mmap.mmap(stream.fileno(), 8)
    report = im2rec(options["list"], options["output"], progress=progress, **options["im2rec"])
    print(json.dumps({"seconds": report.seconds, "records": report.num_records, "resumed": report.num_resumed}))


class Run:
    """A process that packs, in a session of its own, and what was seen of it."""

    def __init__(self, folder, name, options):
        self._progress = folder / f"{name}.progress"
        self._progress.write_bytes(bytes(8))
        self._log = folder / f"{name}.log"
        options = {"output": str(folder / name), "progress": str(self._progress), "made": str(folder / f"{name}.made"), **options}
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, __file__, "--pack", json.dumps(options)],
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self.main = psutil.Process(self.process.pid)
        self.samples = []  # (entries done, bytes and open files of the process, and the most that a worker has)
        self._sampled = 0.0

    def done(self):
        return struct.unpack("<q", self._progress.read_bytes())[0]

    def workers(self):
        with contextlib.suppress(psutil.Error):
            return self.main.children(recursive=True)
        return []

    def wait(self, until):
        """Look at it until a condition holds; False if it ends before."""
        while self.process.poll() is None:
            if until():
                return True
            if time.monotonic() - self._sampled > SAMPLE_SECONDS:
                self._sample()
            time.sleep(LOOK_SECONDS)
        return False

    def _sample(self):
        self._sampled = time.monotonic()
        done = self.done()
        with contextlib.suppress(psutil.Error):
            own = (self.main.memory_info().rss, self.main.num_fds())
            workers = [(0, 0)]
            for worker in self.workers():
                with contextlib.suppress(psutil.Error):
                    # Its own memory: one that takes another's place is forked later, and shares more with the run.
                    workers.append((worker.memory_full_info().uss, worker.num_fds()))
            if done:  # not while it begins
                self.samples.append((done, *own, *map(max, zip(*workers))))

    def left(self):
        """The processes of its session that are still there."""
        found = []
        for each in psutil.process_iter(["status"]):
            with contextlib.suppress(OSError, psutil.Error):
                if os.getsid(each.pid) == self.process.pid and each.info["status"] != psutil.STATUS_ZOMBIE:
                    found.append(each)
        return found

    def end(self):
        """Wait for its end, and that of its workers; gives its exit code and the processes that do not go."""
        self.process.wait(GONE_SECONDS * 4)
        limit = time.monotonic() + GONE_SECONDS
        while self.left() and time.monotonic() < limit:
            time.sleep(0.02)
        return self.process.returncode, self.left()

    def said(self):
        return self._log.read_text(errors="replace")[-2000:]


def kill(run, way):
    """Gives how it was really killed."""
    workers = run.workers()
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        if way == "a worker" and workers:
            random.choice(workers).kill()
            return way
        if way == "its group":
            os.killpg(run.process.pid, signal.SIGKILL)
        elif way == "SIGTERM":
            run.main.terminate()
        elif way == "Ctrl-C":
            os.killpg(run.process.pid, signal.SIGINT)
        else:
            way = "the run"
            run.main.kill()
    return way


def plan_kills(chance, number, images, has_workers):
    """When and how: at so many entries, or so many seconds after a start, or as long after the last entry."""
    places = sorted(chance.randrange(images) for _ in range(number))
    kills = [("entries", place, chance.uniform(0, 0.05)) for place in places]
    for position in chance.sample(range(number), number // 5):
        kills[position] = ("seconds", 0, chance.uniform(0, 4))
    if number > 1:
        kills[-1] = ("entries", images, chance.uniform(0, 0.3))  # while the files are put in place, with luck
    return [(*each, chance.choice([*WAYS, *["a worker"] * has_workers])) for each in kills]


def soak(arguments, folder, list_file, broken):
    """Pack, kill and resume until it is done; gives the samples, the kills and the time."""
    options = {"list": list_file, "im2rec": {**arguments.im2rec, "resume": True}}
    chance = random.Random(arguments.seed)
    plan = plan_kills(chance, arguments.kills, arguments.images, bool(arguments.workers) and not arguments.pass_through)
    random.seed(arguments.seed)
    kills, samples, run = [], [], None
    started = time.monotonic()
    while True:
        if run is None:
            run, begun = Run(folder, "out", options), time.monotonic()
        what, place, seconds, way = plan.pop(0) if plan else ("never", 0, 0, "")
        moment = begun + seconds if what == "seconds" else None
        reached = run.wait(
            lambda run=run, what=what, place=place, moment=moment: (
                (what == "entries" and run.done() >= place) or (moment is not None and time.monotonic() >= moment)
            )
        )
        if reached:
            end = time.monotonic() + (seconds if what == "entries" else 0)
            reached = run.wait(lambda end=end: time.monotonic() >= end)
        if reached:
            done = run.done()
            way = kill(run, way)
            kills.append(way)
            print(f"  {time.monotonic() - started:6.0f} s: {way} at {done:,} entries", flush=True)
            if way == "a worker":
                begun = time.monotonic()
                continue
        code, left = run.end()
        samples += run.samples
        if left:
            broken.append(f"processes of a run are left: {[each.pid for each in left]}")
        if code == 0 or (not list(folder.glob("out.*partial*")) and (folder / "out.rec").exists()):
            break
        if not reached:
            broken.append(f"a run ended with {code}:\n{run.said()}")
            break
        run = None
    return samples, kills, time.monotonic() - started


def quarter(samples, images, number):
    return [each for each in samples if (number - 1) * images <= 4 * each[0] <= number * images]


def show_and_check_flat(name, samples, images, broken):
    rows = [
        ("memory of the run, MiB", 1, 1 << 20),
        ("open files of the run", 2, 1),
        ("memory of a worker's own, MiB", 3, 1 << 20),
    ]
    rows.append(("open files of a worker", 4, 1))
    first, last = quarter(samples, images, 1), quarter(samples, images, 4)
    if not first or not last:
        print(f"  {name}: too short for samples of its first and its last quarter")
        return
    print(f"| {name} | first quarter: least, median, most | last quarter |\n| --- | --- | --- |")
    for what, column, unit in rows:
        values = [[sample[column] for sample in part if sample[column]] for part in (first, last)]
        if not all(values):  # no workers
            continue
        cells = [[min(each), statistics.median(each), max(each)] for each in values]
        shown = [", ".join(f"{value / unit:.{1 if unit > 1 else 0}f}" for value in each) for each in cells]
        print(f"| {what} | {shown[0]} | {shown[1]} |")
        if unit > 1 and cells[1][1] - cells[0][1] > GROWTH_BYTES + GROWTH_BYTES_A_RECORD * images:
            broken.append(f"{name}: {what} grows from {shown[0]} to {shown[1]}")
        if unit == 1 and cells[1][2] > cells[0][2] + GROWTH_FILES:
            broken.append(f"{name}: {what} grow from {shown[0]} to {shown[1]}")


def digest(path):
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        for data in iter(lambda: stream.read(1 << 20), b""):
            found.update(data)
    return found.hexdigest()


def check_result(folder, images, deaths, batch_size, list_file, broken):
    from mxnet_im2rec import verify

    for end in ("rec", "idx"):
        found, expected = (folder / f"{name}.{end}" for name in ("out", "expected"))
        same = found.exists() and digest(found) == digest(expected)
        size = found.stat().st_size if found.exists() else 0
        print(f"  .{end}: {size:,} bytes, sha256 {digest(expected)[:16]}..., {'the same' if same else 'NOT the same'}")
        if not same:
            broken.append(f"the .{end} is not that of a run that was left alone")
    made = np.bincount(np.fromfile(folder / "out.made", "<i8"), minlength=images)
    twice, allowed = int(made.sum()) - images, deaths * batch_size
    print(f"  made more than once: {twice:,}; allowed, {deaths} x {batch_size:,}: {allowed:,}")
    if twice > allowed or made.min() < 1:
        broken.append(f"{twice:,} were made more than once, {(made < 1).sum():,} never")
    partial = [path.name for path in folder.iterdir() if "partial" in path.name]
    if partial:
        broken.append(f"files are left: {partial}")
    started = time.monotonic()
    report = verify(folder / "out.rec", list_file, pixels="sample")
    print(f"  verify(pixels='sample'): {'ok' if report.ok else report}, {time.monotonic() - started:.0f} s")
    if not report.ok:
        broken.append("it does not verify")


def make_images(folder, number, seed):
    """Small JPEGs, no two the same, and their names."""
    (folder / "images").mkdir(exist_ok=True)
    chance = np.random.RandomState(seed)
    names = []
    for count in range(number):
        image = cv2.resize(chance.randint(0, 255, (5, 5, 3)).astype(np.uint8), (32, 32), interpolation=cv2.INTER_CUBIC)
        names.append(f"images/{count}.jpg")
        cv2.imwrite(str(folder / names[-1]), image)
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20_000, help="entries of the list (default: 20000)")
    parser.add_argument("--kills", type=int, default=10, help="how many (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the images, and of when what is killed (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes; threads with --pass-through (default: 2)")
    parser.add_argument("--batch-size", type=int, default=4096, help="as for im2rec() (default: 4096)")
    parser.add_argument("--pass-through", action="store_true", help="store the files as they are")
    parser.add_argument("--folder", type=Path, help="where to work, a new folder in it (default: the system's temporary one)")
    parser.add_argument("--keep", action="store_true", help="keep that folder")
    parser.add_argument("--pack", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.pack:
        pack(json.loads(arguments.pack))
        return
    arguments.im2rec = {
        "num_workers": arguments.workers,
        "batch_size": arguments.batch_size,
        "pass_through": arguments.pass_through,
    }
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir=arguments.folder))
    broken = []
    try:
        names = make_images(folder, min(FILES, arguments.images), arguments.seed)
        list_file = str(folder / "images.lst")
        with open(list_file, "w", encoding="utf-8") as stream:
            stream.writelines(f"{index}\t{index % 10}\t{names[index % len(names)]}\n" for index in range(arguments.images))
        print(f"{arguments.images:,} images, {arguments.im2rec}, seed {arguments.seed}, in {folder}", flush=True)
        alone = Run(folder, "expected", {"list": list_file, "im2rec": arguments.im2rec})
        started = time.monotonic()
        alone.wait(lambda: False)
        code, left = alone.end()
        if code or left:
            sys.exit(f"the run that was left alone ended with {code}, and left {left}:\n{alone.said()}")
        print(f"left alone: {time.monotonic() - started:.0f} s", flush=True)
        samples, kills, seconds = soak(arguments, folder, list_file, broken)
        counts = ", ".join(f"{way} {kills.count(way)}" for way in [*WAYS, "a worker"] if way in kills)
        print(f"killed {len(kills)} times ({counts}): {seconds:.0f} s")
        check_result(folder, arguments.images, len(kills), arguments.batch_size, list_file, broken)
        show_and_check_flat("left alone", alone.samples, arguments.images, broken)
        show_and_check_flat("killed and resumed", samples, arguments.images, broken)
        print("\n".join(["", "BROKEN:", *broken]) if broken else "every promise was kept")
    finally:
        if not arguments.keep:
            shutil.rmtree(folder)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Times the package against every other way to do its work: whole processes, in turn, several rounds, medians.

    python benchmarks/bench.py                          # on photos made from scikit-image's
    python benchmarks/bench.py --folder MY_PHOTOS       # on photos of your own
    python benchmarks/bench.py --only resize loading    # two of its parts
    python benchmarks/bench.py --entries 100 --rounds 1 # all of it in minutes, to see whether it runs

Prints tables, and writes them with the machine and the versions as Markdown, and with every single figure as JSON.
"""

import argparse
import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import time
from datetime import date
from pathlib import Path

from photos import make_photos, write_list
from report import number
from timing import PYTHON, RATE, RUNS, WALL, Bench, Failed


def resize(bench):
    entries = bench.list_of("entries", bench.entries)
    commands = {
        "im2rec pack --short-edge 300 --workers 2": bench.command(entries, "--short-edge", "300", "--workers", "2"),
        "im2rec.py --resize 300 --num-thread 2": bench.drop_in(entries, "--resize", "300", "--num-thread", "2"),
        "im2rec() with Gluon's Resize, 2 workers": bench.ours("resize", entries),
        "mxnet.tools.im2rec --num-thread 2": bench.reference(entries, "--resize", "300", "--num-thread", "2"),
        "bare decode + resize + encode, 2 processes": bench.bare(entries, 2),
    }
    with bench.serving() as url:
        rivals = bench.those_installed(
            {
                ("WebDataset's ShardWriter, Pool(2)", "WebDataset"): bench.rival("webdataset", entries),
                ("LitData's optimize(), 2 workers", "LitData"): bench.rival("litdata", entries),
                ("img2dataset, 2 processes, from a local server", "img2dataset"): bench.rival("img2dataset", entries, url),
            }
        )
        bench.compare(f"1. Shorter edge to 300, {bench.entries:,} entries", {**commands, **rivals})
    ours, theirs = bench.ours("resize", entries), commands["mxnet.tools.im2rec --num-thread 2"]
    bench.run(theirs)
    expected = (bench.work / "entries.rec").read_bytes()
    bench.run(ours)
    same = "the same" if (bench.work / "ours.rec").read_bytes() == expected else "NOT the same"
    bench.report.note(f"Our .rec and that of mxnet.tools.im2rec are {same}, byte for byte.")


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
    root, count = bench.work / "large", max(bench.entries // 25, 20)
    entries = bench.list_of("large_entries", count, make_photos(root, 20, 4000, 3000))
    commands = {
        "im2rec, 2 workers": bench.ours("resize", entries, root),
        "im2rec, 2 workers, fast_decode": bench.ours("resize", entries, root, fast_decode=True),
        "mxnet.tools.im2rec --num-thread 2": bench.reference(entries, "--resize", "300", "--num-thread", "2", root=root),
    }
    bench.compare(f"5. Photos of 12 megapixels, shorter edge to 300, {count} entries", commands)
    _loss_of_fast_decode(bench, entries, root)


def _loss_of_fast_decode(bench, entries, root):
    import cv2
    import numpy as np

    from mxnet_im2rec import RecordFile

    images = []
    for name, fast in (("full", False), ("fast", True)):
        bench.run(bench.ours("resize", entries, root, fast_decode=fast, name=name))
        with RecordFile(bench.out(name) + ".rec") as records:
            images.append([record.image() for record in records[:20]])
    losses = [cv2.PSNR(full, fast) for full, fast in zip(*images)]
    lowest, median = min(losses), float(np.median(losses))
    bench.report.note(f"fast_decode against a full decode, PSNR: median {median:.1f} dB, lowest {lowest:.1f} dB.")


def ceiling(bench):
    entries = bench.list_of("entries", bench.entries)
    commands = {
        "bare decode + resize + encode, 2 processes": bench.bare(entries, 2),
        "im2rec, 2 workers (the call)": bench.ours("resize", entries),
    }
    bench.compare("6. The share of the ceiling, with Gluon's Resize", commands, RATE)


def growth(bench):
    root = bench.work / "tiny"
    names = make_photos(root, 50, 24, 16)
    rows, raw = [], {}
    for count in (bench.entries * 2, bench.entries * 20, bench.entries * 200):
        run = bench.run(bench.ours("encode", bench.list_of("tiny", count, names), root))
        parent, worker = run.printed["peak_mib"]
        raw[count] = run
        figures = [run.wall, run.cpu / count * 1e6, parent, worker]
        rows.append([f"{count:,} records", *(f"{figure:,.1f}" for figure in figures)])
    columns = ["", "seconds", "us of CPU a record", "peak MiB, parent", "peak MiB, largest worker"]
    bench.report.table("7. Cost as the work grows: images of 24 x 16, encoded, 2 workers, one run each", columns, rows, raw)


def scaling(bench):
    entries = bench.list_of("half", bench.entries // 2)
    commands = {}
    for processes in (1, 2, 4):
        commands[f"bare, {processes}"] = bench.bare(entries, processes)
        commands[f"im2rec, {processes}"] = bench.ours("resize", entries, workers=processes)
    bench.compare("8. How it scales, with Gluon's Resize", commands, RATE)
    commands = {
        "python -c pass": [PYTHON, "-c", "pass"],
        "import mxnet_im2rec": [PYTHON, "-c", "import mxnet_im2rec"],
        "import mxnet": [PYTHON, "-c", "import mxnet_im2rec, mxnet"],
    }
    bench.compare("8. Importing", commands, WALL)


def reading(bench):
    root = bench.work / "reading"
    count = bench.entries * 5 // 4
    entries = bench.list_of("reading", count, make_photos(root, 100, 700, 525))
    (bench.work / "packed").mkdir(exist_ok=True)
    bench.run(bench.ours("pass_through", entries, root, workers=None, name="packed/reading"))
    rec = bench.out("packed/reading.rec")
    size = os.path.getsize(rec) / 2**20
    rows, raw = [], {}
    for name in ("scan", "build_index", "summarize", "structure", "verify", "extract"):
        command = [PYTHON, RUNS, "reading", name, rec, bench.out("extracted")]
        raw[name] = [bench.run(command).printed["seconds"] for _ in range(bench.rounds)]
        rows.append([name, f"{min(raw[name]):.3f}", f"{size / min(raw[name]):,.0f}"])
    title = f"9. Reading back, {count:,} records, {size:,.0f} MiB, the call alone, best of {bench.rounds}"
    bench.report.table(title, ["", "seconds", "MiB/s"], rows, raw)


def loading(bench):
    count, folder = max(bench.entries // 5, 100), bench.work / "loading"
    _make_loading(bench, folder, count)
    epochs = 5
    expected = bench.run(bench.reader("record_file", folder, count, 0)).printed["total"]  # which the others must come to

    def read(what, python=PYTHON):
        return bench.reader(what, folder, count, epochs, expected, python=python)

    here = {
        "RecordFile, records[i].image()": read("record_file"),
        "RecordFile.batches(32, workers=1)": read("record_file_batches_1"),
        "RecordFile.batches(32, workers=2)": read("record_file_batches_2"),
        "MXNet's ImageRecordDataset": read("image_record_dataset"),
        "MXNet's ImageRecordIter, preprocess_threads=2": read("image_record_iter"),
    }
    there = {
        ("DALI on the CPU, 2 threads", "DALI"): read("dali", bench.rivals.python),
        ("WebDataset, 2 workers", "WebDataset"): read("webdataset", bench.rivals.python),
        ("LitData, 2 workers", "LitData"): read("litdata", bench.rivals.python),
    }
    measures = {"images/s": lambda run: run.printed["rate"], "ms of CPU an image": lambda run: run.printed["cpu"] * 1e3}
    title = f"10. Reading for training: {count:,} photos of 300 x 400, shuffled, decoded, {epochs} epochs after one that warms up"
    bench.compare(title, {**here, **bench.those_installed(there)}, measures)
    commands = {
        "RecordFile, records[i].content": bench.reader("record_file_bytes", folder, count, 20),
        "MXIndexedRecordIO.read_idx": bench.reader("indexed_record_io", folder, count, 20),
        "MXIndexedRecordIO.read_idx, unpack": bench.reader("indexed_record_io_unpacked", folder, count, 20),
    }
    measures = {"records/s": lambda run: run.printed["rate"], "us of CPU a record": lambda run: run.printed["cpu"] * 1e6}
    bench.compare("10. The bytes alone, shuffled", commands, measures)


def _make_loading(bench, folder, count):
    """The same JPEGs as a .rec, as two shards of tar, one for each worker, and as LitData's chunks."""
    names = make_photos(folder / "jpegs", count, 400, 300, quality=95)
    entries = write_list(folder / "photos.lst", names, count)
    bench.run(bench.ours("pass_through", entries, folder / "jpegs", workers=None, name="loading/photos"))
    for shard in range(2):
        with tarfile.open(folder / f"photos-{shard}.tar", "w") as tar:
            for index in range(shard, count, 2):
                data = (folder / "jpegs" / names[index]).read_bytes()
                for suffix, content in (("jpg", data), ("cls", str(index % 10).encode("ascii"))):
                    member = tarfile.TarInfo(f"{index:08d}.{suffix}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    if "LitData" not in bench.rivals.missing:
        bench.run(bench.rival("litdata_files", entries, root=folder / "jpegs", output=folder / "litdata"))


def parent(bench):
    measures = {
        "us of CPU of the parent a record": lambda run: run.printed["cpu"] / run.printed["records"] * 1e6,
        "records/s": lambda run: run.printed["records"] / run.printed["seconds"],
    }
    commands = {}
    for size, name, count in ((110_000, "110 KB", bench.entries), (1000, "1 KB", bench.entries * 20)):
        entries = bench.list_of(f"parent_{size}", count, ["folder/image.jpg"])
        commands[f"{count:,} records of {name}"] = [PYTHON, RUNS, "parent", entries, bench.out("parent"), str(size), "2"]
    bench.compare("11. The parent process, with bytes that are ready in the place of the codec, 2 workers", commands, measures)


def verifying(bench):
    count = max(bench.entries // 5, 2)
    entries = bench.list_of("verifying", count)
    (bench.work / "packed").mkdir(exist_ok=True)
    rec, output = bench.out("packed/verifying.rec"), bench.out("verifying.rec")
    bench.run([PYTHON, RUNS, "verifying", "pack", entries, str(bench.root), rec])
    ways = {
        "im2rec()": ("pack", output),
        "im2rec(verify=True)": ("pack and verify", output),
        "verify(rec)": ("verify", rec),
        "verify(), with the list and the sources": ("verify with sources", rec),
    }
    commands = {name: [PYTHON, RUNS, "verifying", way, entries, str(bench.root), path] for name, (way, path) in ways.items()}
    bench.compare(f"12. Verifying, {count:,} records, shorter edge 300, 2 workers", commands)


PARTS = [resize, snippet, jitter, pass_through, large, ceiling, growth, scaling, reading, loading, parent, verifying]


def describe_machine(bench):
    code = (
        "import mxnet_im2rec, mxnet, cv2, numpy, json; "
        "print(json.dumps({m.__name__: m.__version__ for m in (mxnet_im2rec, mxnet, cv2, numpy)}))"
    )
    versions = json.loads(subprocess.check_output([PYTHON, "-c", code], text=True))
    bench.report.fact("date", date.today().isoformat())
    bench.report.fact("machine", f"{len(os.sched_getaffinity(0))} cores, {processor()}, {platform.system()} {platform.machine()}")
    bench.report.fact("load when it began", number(os.getloadavg()[0]))
    versions = {"Python": platform.python_version(), **versions}
    bench.report.fact("versions", ", ".join(f"{name} {version}" for name, version in versions.items()))
    bench.report.fact("rounds", f"{bench.rounds}, after one that warms up")


def processor():
    """What Linux calls it; elsewhere what Python does."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", help="photos of your own (.jpg); by default some are made")
    parser.add_argument("--entries", type=int, default=5000, help="entries of the list; parts take a multiple (default 5000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count, after one that warms up (default 3)")
    parser.add_argument("--only", nargs="+", choices=[each.__name__ for each in PARTS], help="these parts alone")
    parser.add_argument("--work", default="build/bench", help="folder for photos, lists and output (default build/bench)")
    parser.add_argument("--markdown", default="build/bench/figures.md", help="where the tables go")
    parser.add_argument("--json", default="build/bench/results.json", help="where every figure goes")
    arguments = parser.parse_args()
    Path(arguments.work).mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    bench = Bench(arguments)
    describe_machine(bench)
    for part in PARTS:
        if not arguments.only or part.__name__ in arguments.only:
            try:
                part(bench)
            except Failed as failure:
                sys.exit(f"{part.__name__}: {failure}")
    print(f"\n{(time.monotonic() - started) / 60:.0f} minutes")
    bench.report.write(arguments.markdown, arguments.json)


if __name__ == "__main__":
    main()

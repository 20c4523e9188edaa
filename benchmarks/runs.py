# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What bench.py runs as whole processes: our calls, a user's own loop, and the bare codec. Most print one line of JSON."""

import json
import multiprocessing
import os
import resource
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, wait

COMPOSES = {
    "resize": lambda t: t.Compose([t.Resize(300, keep_ratio=True)]),
    "snippet": lambda t: t.Compose([t.Resize(300), t.ToTensor(), t.Normalize(0, 1)]),
    "brightness": lambda t: t.Compose([t.Resize(300), t.RandomColorJitter(0.2), t.ToTensor()]),
    # No hue: MXNet 1.9.1's RandomHue, and RandomColorJitter's fourth argument, crash the process on some images and draws.
    "jitter": lambda t: t.Compose([t.Resize(300), t.RandomColorJitter(0.2, 0.2, 0.2), t.ToTensor()]),
}


def ours(kind, list_file, root, output, workers, fast_decode="0"):
    """im2rec() as a script would call it."""
    from mxnet_im2rec import im2rec

    compose = None
    if kind in COMPOSES:
        from mxnet.gluon.data.vision import transforms

        compose = COMPOSES[kind](transforms)
    workers = None if workers == "None" else int(workers)
    report = im2rec(
        list_file,
        output,
        transformations=compose,
        num_workers=workers,
        root=root,
        pass_through=kind == "pass_through",
        fast_decode=fast_decode == "1",
        progress=False,
    )
    peak = [_peak_of_this_process(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024]
    print(json.dumps({"seconds": report.seconds, "records": report.num_records, "peak_mib": peak}))


def _peak_of_this_process():
    """In MiB. Not ru_maxrss: that of a process begins at the peak of the one that started it."""
    with open("/proc/self/status", encoding="ascii") as stream:
        return next(int(line.split()[1]) / 1024 for line in stream if line.startswith("VmHWM"))


def naive(kind, list_file, root, output, workers):
    """What a user writes who has the Compose and the documentation of pack_img, and no package."""
    from mxnet import recordio

    import mxnet_im2rec  # noqa: F401  # lets MXNet be imported on NumPy 1.24 and later; else of no use here

    with open(list_file, encoding="utf-8") as stream:
        lines = [line.strip().split("\t") for line in stream]
    writer = recordio.MXIndexedRecordIO(output + ".idx", output + ".rec", "w")
    with multiprocessing.Pool(int(workers), _prepare_naive, (kind, root)) as pool:
        for index, record in pool.imap(_naive_record, lines, chunksize=8):
            writer.write_idx(index, record)
    writer.close()
    print(json.dumps({"records": len(lines)}))


def _prepare_naive(kind, root):
    global compose, folder
    from mxnet.gluon.data.vision import transforms

    compose, folder = COMPOSES[kind](transforms), root


def _naive_record(line):
    import cv2
    from mxnet import nd, recordio

    image = cv2.cvtColor(cv2.imread(os.path.join(folder, line[2])), cv2.COLOR_BGR2RGB)
    tensor = compose(nd.array(image, dtype="uint8")).asnumpy()
    image = (tensor.transpose(1, 2, 0) * 255).round().astype("uint8")
    header = recordio.IRHeader(0, float(line[1]), int(line[0]), 0)
    return int(line[0]), recordio.pack_img(header, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality=95)


def bare(list_file, root, processes):
    """Decode, resize to a shorter edge of 300 and encode, from memory, the list shared out among processes side by side."""
    processes = int(processes)
    barrier = multiprocessing.Barrier(processes)
    with ProcessPoolExecutor(processes, initializer=_keep, initargs=(barrier,)) as pool:  # which notices a process that dies
        loops = [pool.submit(_bare_loop, list_file, root, number, processes) for number in range(processes)]
        wait(loops)
    errors = [loop.exception() for loop in loops if loop.exception() is not None]
    if errors:
        raise next((error for error in errors if not isinstance(error, threading.BrokenBarrierError)), errors[0])
    starts, ends, counts = zip(*(loop.result() for loop in loops))
    print(json.dumps({"seconds": max(ends) - min(starts), "records": sum(counts)}))


def _keep(barrier):
    global side_by_side
    side_by_side = barrier


def _bare_loop(list_file, root, number, processes):
    """When the loop started and ended, and how many images it made. A loop that fails before lets the others fail as well."""
    import cv2
    import numpy as np

    try:
        cv2.setNumThreads(1)
        with open(list_file, encoding="utf-8") as stream:
            names = [line.strip().split("\t")[2] for line in stream][number::processes]
        data = {}
        for name in set(names):
            with open(os.path.join(root, name), "rb") as stream:
                data[name] = np.frombuffer(stream.read(), np.uint8)
    except BaseException:
        side_by_side.abort()
        raise
    side_by_side.wait()
    started = time.perf_counter()
    for name in names:
        image = cv2.imdecode(data[name], cv2.IMREAD_COLOR)
        height, width = image.shape[:2]
        size = (300, height * 300 // width) if height > width else (width * 300 // height, 300)
        cv2.imencode(".jpg", cv2.resize(image, size), [cv2.IMWRITE_JPEG_QUALITY, 95])
    return started, time.perf_counter(), len(names)


def parent(list_file, output, size, workers):
    """im2rec() with bytes that are ready in the place of the codec: what the parent process does for a record, and how fast."""
    import mxnet_im2rec
    from mxnet_im2rec.transforms.pipeline import Pipeline

    image = bytes(int(size))

    def stub(self, entry):
        self.is_worn_out = False
        return image

    Pipeline.__call__ = stub
    first = [mxnet_im2rec.ListEntry(line=1, index=0, labels=[0], path="first.jpg")]
    mxnet_im2rec.im2rec(first, output, num_workers=int(workers), progress=False)  # loads and starts what a process does once
    cpu_before, started = _cpu_of_this_process(), time.perf_counter()
    report = mxnet_im2rec.im2rec(list_file, output, num_workers=int(workers), progress=False)
    seconds, cpu = time.perf_counter() - started, _cpu_of_this_process() - cpu_before
    print(json.dumps({"seconds": seconds, "records": report.num_records, "cpu": cpu}))


def _cpu_of_this_process():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def verifying(what, list_file, root, rec):
    """Packing with and without a proof, and the proof alone."""
    from mxnet_im2rec import im2rec, transforms, verify

    short_edge = transforms.Resize(300, keep_ratio=True)
    if what in ("pack", "pack and verify"):
        options = {"transformations": short_edge, "num_workers": 2, "verify": what == "pack and verify"}
        im2rec(list_file, rec[: -len(".rec")], root=root, progress=False, **options)
        return
    sources = (list_file, root) if what == "verify with sources" else ()
    report = verify(rec, *sources, transformations=short_edge if sources else None, num_workers=2, progress=False)
    report.raise_for_problems()


def reading(what, rec, folder):
    """One of the calls that read a dataset back."""
    import shutil

    import mxnet_im2rec

    calls = {
        "scan": lambda: _scan(rec),
        "build_index": lambda: mxnet_im2rec.build_index(rec, folder + ".idx"),
        "summarize": lambda: mxnet_im2rec.summarize(rec),
        "structure": lambda: mxnet_im2rec.verify(rec, pixels="none").raise_for_problems(),
        "verify": lambda: mxnet_im2rec.verify(rec).raise_for_problems(),
        "extract": lambda: mxnet_im2rec.extract(rec, folder),
    }
    shutil.rmtree(folder, ignore_errors=True)
    started = time.perf_counter()
    calls[what]()
    print(json.dumps({"seconds": time.perf_counter() - started}))


def _scan(rec):
    from mxnet_im2rec import RecordFile

    with RecordFile(rec) as records:
        return sum(len(record.content) for record in records)


if __name__ == "__main__":
    RUNS = (ours, naive, bare, parent, verifying, reading)
    {run.__name__: run for run in RUNS}[sys.argv[1]](*sys.argv[2:])

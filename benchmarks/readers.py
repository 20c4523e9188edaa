# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Reading a dataset in shuffled order, again and again, by ours and by the rivals: `python readers.py NAME FOLDER COUNT EPOCHS`.

A reader is a generator without end that yields images, (300, 400, 3) or (3, 300, 400) uint8 in RGB order, or a record's bytes;
to add one is to add a function to READERS. The folder holds the same JPEGs as photos.rec, photos.idx, shards of photos-*.tar, and
the dataset litdata. One epoch warms up; of the others the rate inside the loop is printed, and the CPU time of all processes.
"""

import itertools
import json
import os
import random
import sys
import time
from pathlib import Path

BATCH = 32  # of the readers that give batches


def shuffled(count):
    """Positions, each once an epoch, without end."""
    order = list(range(count))
    while True:
        random.shuffle(order)
        yield from order


def record_file(folder, count):
    from mxnet_im2rec import RecordFile

    with RecordFile(folder / "photos.rec") as records:
        for position in shuffled(count):
            yield records[position].image()


def batches(workers, folder):
    from mxnet_im2rec import RecordFile

    with RecordFile(folder / "photos.rec") as records:
        for epoch in itertools.count():
            for batch in records.batches(BATCH, shuffle=epoch, workers=workers):
                yield from batch.images


def record_file_batches_1(folder, count):
    return batches(1, folder)


def record_file_batches_2(folder, count):
    return batches(2, folder)


def record_file_bytes(folder, count):
    from mxnet_im2rec import RecordFile

    with RecordFile(folder / "photos.rec") as records:
        for position in shuffled(count):
            yield records[position].content


def indexed_record_io(folder, count):
    """The bytes with the header still before them."""
    import mxnet_im2rec  # noqa: F401  # lets MXNet be imported on NumPy 1.24 and later; else of no use here

    from mxnet import recordio  # isort: skip

    records = recordio.MXIndexedRecordIO(str(folder / "photos.idx"), str(folder / "photos.rec"), "r")
    for position in shuffled(count):
        yield records.read_idx(position)


def indexed_record_io_unpacked(folder, count):
    import mxnet_im2rec  # noqa: F401

    from mxnet import recordio  # isort: skip

    for record in indexed_record_io(folder, count):
        yield recordio.unpack(record)[1]


def image_record_dataset(folder, count):
    import mxnet_im2rec  # noqa: F401

    from mxnet.gluon.data.vision import ImageRecordDataset  # isort: skip

    dataset = ImageRecordDataset(str(folder / "photos.rec"))
    for position in shuffled(count):
        yield dataset[position][0].asnumpy()


def image_record_iter(folder, count):
    import mxnet_im2rec  # noqa: F401

    import mxnet  # isort: skip

    batches = mxnet.io.ImageRecordIter(
        path_imgrec=str(folder / "photos.rec"),
        path_imgidx=str(folder / "photos.idx"),
        data_shape=(3, 300, 400),
        batch_size=BATCH,
        shuffle=True,
        preprocess_threads=2,
        dtype="uint8",
        round_batch=False,
    )
    while True:
        for batch in batches:
            yield from batch.data[0].asnumpy()[: BATCH - batch.pad]
        batches.reset()


def dali(folder, count):
    from nvidia.dali import fn, pipeline_def, types

    @pipeline_def(batch_size=BATCH, num_threads=2, device_id=None)
    def pipeline():
        rec, idx = [str(folder / "photos.rec")], [str(folder / "photos.idx")]
        data, labels = fn.readers.mxnet(path=rec, index_path=idx, random_shuffle=True)
        return fn.decoders.image(data, device="cpu", output_type=types.RGB), labels

    running = pipeline()
    running.build()
    while True:
        yield from running.run()[0].as_array()


def decoded(data):
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def decoded_of_tar(sample):
    return decoded(sample[0]), int(sample[1])


def webdataset(folder, count):
    import webdataset as wds
    from torch.utils.data import DataLoader

    shards = sorted(map(str, folder.glob("photos-*.tar")))
    dataset = wds.WebDataset(shards, shardshuffle=len(shards)).shuffle(count).to_tuple("jpg", "cls").map(decoded_of_tar)
    loader = DataLoader(dataset, batch_size=BATCH, num_workers=2, persistent_workers=True)
    while True:
        for images, _ in loader:
            yield from images.numpy()


def litdata(folder, count):
    from litdata import StreamingDataLoader, StreamingDataset

    class Decoded(StreamingDataset):
        def __getitem__(self, index):
            sample = super().__getitem__(index)
            return decoded(sample["image"]), sample["label"]

    dataset = Decoded(str(folder / "litdata"), shuffle=True)
    loader = StreamingDataLoader(dataset, batch_size=BATCH, num_workers=2, persistent_workers=True)
    while True:
        for images, _ in loader:
            yield from images.numpy()


READERS = {
    each.__name__: each
    for each in (
        record_file,
        record_file_batches_1,
        record_file_batches_2,
        record_file_bytes,
        indexed_record_io,
        indexed_record_io_unpacked,
        image_record_dataset,
        image_record_iter,
        dali,
        webdataset,
        litdata,
    )
}


def cpu_of_tree():
    """In seconds, of this process and its children, and of theirs; of those too that have ended."""
    stats = {}  # of each process: its parent, its ticks
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = Path("/proc", name, "stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
        fields = text.rpartition(")")[2].split()
        stats[int(name)] = int(fields[1]), sum(map(int, fields[11:15]))
    ticks, family = 0, [os.getpid()]
    while family:
        one = family.pop()
        ticks += stats[one][1]
        family += [child for child, (parent, _) in stats.items() if parent == one]
    return ticks / os.sysconf("SC_CLK_TCK")


def total_of(items, what):
    """The sum of the red of all images, or of the lengths of all records; each is looked at."""
    total = 0
    for item in items:
        if isinstance(item, (bytes, bytearray)):
            total += len(item)
        else:
            if item.dtype != "uint8" or sorted(item.shape) != [3, 300, 400]:
                sys.exit(f"{what} gives {item.dtype} of {item.shape}")
            red = item[0] if item.shape[0] == 3 else item[..., 0]
            total += int(red.sum(dtype="int64"))
    return total


def main(what, folder, count, epochs, expected=None):
    """`expected` is the total of an epoch, from which another decoder may be off by a hundredth."""
    count, epochs = int(count), int(epochs)
    random.seed(0)
    items = READERS[what](Path(folder), count)
    total = total_of(itertools.islice(items, count), what)  # warms up, too
    if expected is not None and abs(total / int(expected) - 1) > 0.01:
        sys.exit(f"{what} does not give each image once: the sum of an epoch is {total} in the place of {expected}")
    started, cpu_before = time.perf_counter(), cpu_of_tree()
    for _ in itertools.islice(items, count * epochs):
        pass
    seconds, cpu, number = time.perf_counter() - started, cpu_of_tree() - cpu_before, max(count * epochs, 1)
    print(json.dumps({"rate": number / seconds, "cpu": cpu / number, "total": total}))


if __name__ == "__main__":
    main(*sys.argv[1:])

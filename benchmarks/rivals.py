# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Packing by the rivals, as their users write it; bench.py runs this as whole processes in the environment of rivals_venv.py.

Each reads a JPEG, decodes it, makes its shorter edge 300, encodes it as a JPEG of quality 95, and stores it with its label, in 2
processes. Knows nothing of mxnet_im2rec. A run that did not store every entry exits with an error.
"""

import csv
import json
import multiprocessing
import os
import shutil
import sys
from functools import partial


def read_list(list_file):
    with open(list_file, encoding="utf-8") as stream:
        lines = (line.rstrip("\n").split("\t") for line in stream)
        return [(int(index), int(label), name) for index, label, name in lines]


def shorter_edge_300(path):
    """The bytes of the JPEG to store."""
    import cv2

    cv2.setNumThreads(1)
    image = cv2.imread(path)
    height, width = image.shape[:2]
    size = (300, height * 300 // width) if height > width else (width * 300 // height, 300)
    return cv2.imencode(".jpg", cv2.resize(image, size), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def sample_of_webdataset(root, entry):
    index, label, name = entry
    return {"__key__": f"{index:08d}", "jpg": shorter_edge_300(os.path.join(root, name)), "cls": label}


def webdataset(list_file, root, output):
    """ShardWriter, fed by a Pool(2)."""
    import webdataset as wds

    entries = read_list(list_file)
    one_shard = {"maxcount": 10**9, "maxsize": 10**12, "verbose": 0}
    with wds.ShardWriter(output + "-%04d.tar", **one_shard) as sink, multiprocessing.Pool(2) as pool:
        for sample in pool.imap(partial(sample_of_webdataset, root), entries, chunksize=8):
            sink.write(sample)
    check_number(sink.total, entries)


def sample_of_litdata(root, make, entry):
    index, label, name = entry
    return {"index": index, "image": make(os.path.join(root, name)), "label": label}


def litdata(list_file, root, output, make=shorter_edge_300):
    """optimize() with 2 workers."""
    from litdata import optimize

    entries = read_list(list_file)
    optimize(partial(sample_of_litdata, root, make), entries, output, chunk_bytes="64MB", num_workers=2, verbose=False)
    with open(os.path.join(output, "index.json"), encoding="utf-8") as stream:
        check_number(sum(chunk["chunk_size"] for chunk in json.load(stream)["chunks"]), entries)


def litdata_files(list_file, root, output):
    """The files as they are, for readers.py."""
    shutil.rmtree(output, ignore_errors=True)
    litdata(list_file, root, output, make=content_of)


def content_of(path):
    with open(path, "rb") as stream:
        return stream.read()


def img2dataset(list_file, root, output, url):
    """download() in 2 processes, of which each has half of the list, without what it does by default and the others do not do."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it asks the network for its newest version otherwise
    from img2dataset import download

    entries = read_list(list_file)
    with open(output + ".csv", "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("url", "label"), *((f"{url}/{name}", label) for _, label, name in entries)])
    download(
        output + ".csv",
        image_size=300,
        output_folder=output,
        processes_count=2,
        thread_count=4,
        resize_mode="keep_ratio",
        downscale_interpolation="linear",
        encode_quality=95,
        output_format="webdataset",
        input_format="csv",
        save_additional_columns=["label"],
        number_sample_per_shard=-(-len(entries) // 2),
        extract_exif=False,
        compute_hash=None,
    )
    stored = 0
    for name in os.listdir(output):
        if name.endswith("_stats.json"):
            with open(os.path.join(output, name), encoding="utf-8") as stream:
                stored += json.load(stream)["successes"]
    check_number(stored, entries)


def check_number(stored, entries):
    if stored != len(entries):
        sys.exit(f"{stored} of {len(entries)} entries were stored")


if __name__ == "__main__":
    RIVALS = (webdataset, litdata, litdata_files, img2dataset)
    {rival.__name__: rival for rival in RIVALS}[sys.argv[1]](*sys.argv[2:])

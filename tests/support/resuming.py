# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Runs that are interrupted and resumed, in a folder of small images; for the tests of resuming."""

import os
import signal

import cv2
import numpy as np
from helpers import children_left, wait_for

from mxnet_im2rec import im2rec
from mxnet_im2rec.images.codec import one_thread

NUMBER = 120
BATCH = 16
PROVEN = 4  # records that are made again
OLD = {"out.rec": b"old rec", "out.idx": b"old idx"}


def write(folder, names):
    lines = [f"{3 * number}\t{number % 5}\t{name}\n" for number, name in enumerate(names)]
    (folder / "images.lst").write_text("".join(lines), "utf-8")


class Count:
    """A transform that counts its calls, over all processes, as bytes of a file; and may do something at one of them."""

    def __init__(self, folder, turn=False):
        self._path = str(folder / "calls")
        self.turn = turn

    def __call__(self, image):
        with open(self._path, "ab", buffering=0) as stream:
            stream.write(b".")
        return image[::-1] if self.turn else image


def replace(path, data):
    """Put another file in the place of an image, which is a link to that of all tests."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def calls(folder):
    return os.path.getsize(folder / "calls") if (folder / "calls").exists() else 0


def pack(folder, output="out", **options):
    options = {"num_workers": 0, "batch_size": BATCH, "progress": False, **options}
    return im2rec(folder / "images.lst", folder / output, **options)


def in_child(function):
    """Run in a child process that ends without any cleaning up of Python's; gives the signal or the exit code that ended it."""
    with one_thread():  # or OpenCV hangs in the child, if other tests have had its threads run
        child = os.fork()
    if not child:
        try:
            function()
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def pack_and_die(folder, at, how=signal.SIGKILL, **options):
    """Pack in a child process, which is ended when so many entries are done."""

    def progress(done, total, failed):
        if done == at:
            os.kill(os.getpid(), how)

    ended = in_child(lambda: pack(folder, progress=progress, **options))
    assert ended == (how if how == signal.SIGKILL else ended) != 0
    wait_for(lambda: not children_left())


def dataset(folder, name):
    return (folder / f"{name}.rec").read_bytes(), (folder / f"{name}.idx").read_bytes()


def partial_files(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".partial"))


def assert_old(folder):
    assert {name: (folder / name).read_bytes() for name in OLD} == OLD


def assert_resumed(folder, report, **options):
    """That the result is that of a run which was never interrupted."""
    expected = pack(folder, "expected", **options)
    assert dataset(folder, "out") == dataset(folder, "expected")
    assert report.failures == expected.failures
    assert (report.num_records, report.num_bytes) == (expected.num_records, expected.num_bytes)
    assert not partial_files(folder) and not children_left()


def is_interrupted(folder):
    """Whether a run has left anything to go on with; else what is in place is another dataset, and not to be resumed."""
    return (folder / "out.rec.journal.partial").exists()


def remove_old(folder):
    for name in OLD:
        (folder / name).unlink()


def make_images(folder):
    """So many small JPEGs."""
    generator = np.random.default_rng(0)
    for number in range(NUMBER):
        image = cv2.resize(generator.integers(0, 255, (6, 8, 3), np.uint8), (80, 60 + number % 7))
        cv2.imwrite(str(folder / f"{number}.jpg"), image)


def fill(folder, images):
    """Have a list of the images there, and an old dataset under the name that the runs take; gives the folder."""
    for path in images.iterdir():
        os.link(path, folder / path.name)  # tests replace images, and write into none
    write(folder, [f"{number}.jpg" for number in range(NUMBER)])
    for name, data in OLD.items():
        (folder / name).write_bytes(data)
    return folder

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Workers killed, Ctrl-C, a parent killed, a full disk: the call ends soon, says why, and leaves nothing behind."""

import ctypes
import faulthandler
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import cv2
import mxnet as mx
import numpy as np
import psutil
import pytest
from helpers import children_left, run_script, start_script, wait_for
from photos import PHOTOS, write_list

from mxnet_im2rec import ErrorLimitExceeded, OutputError, RecordFile, im2rec

SLOW = """
import os, sys, time
from mxnet_im2rec import im2rec

def slow(image):
    open('started-%d' % os.getpid(), 'w').close()
    while not os.path.exists('go'):
        time.sleep(0.01)
    return image

im2rec('images.lst', 'out', transformations=slow, num_workers={workers}, progress=False, mp_context={method!r})
"""


@pytest.fixture
def folder(tmp_path, photos):
    for name in PHOTOS:
        os.link(photos / name, tmp_path / name)
    write_list(tmp_path / "images.lst", PHOTOS * 4)
    (tmp_path / "out.rec").write_bytes(b"old rec")
    (tmp_path / "out.idx").write_bytes(b"old idx")
    return tmp_path


def assert_untouched(folder):
    assert (folder / "out.rec").read_bytes() == b"old rec"
    assert (folder / "out.idx").read_bytes() == b"old idx"


def partial_files(folder):
    return [path.name for path in folder.iterdir() if "partial" in path.name]


def start_slow(folder, workers=2, method=None):
    """Start a run whose workers wait inside a transform; gives it and its workers once all of them are there."""
    guard = "if __name__ == '__main__':\n    im2rec("
    code = SLOW.format(workers=workers, method=method).replace("im2rec('", guard + "'")
    process = start_script(code, folder, is_warm=True)
    wait_for(lambda: len(list(folder.glob("started-*"))) >= max(workers, 1) or process.poll() is not None)
    workers_found = [psutil.Process(int(path.name.split("-")[1])) for path in folder.glob("started-*")]
    assert process.poll() is None, process.communicate()
    return process, workers_found


def gone(processes):
    return all(not each.is_running() or each.status() == psutil.STATUS_ZOMBIE for each in processes)


WORKERS_AND_METHODS = [(2, "fork"), (1, "spawn")]  # a spawned one takes two seconds to start


@pytest.mark.parametrize("workers, method", WORKERS_AND_METHODS)
def test_a_killed_worker_is_replaced_and_the_run_goes_on(folder, workers, method):
    process, found = start_slow(folder, workers, method)
    found[0].kill()
    wait_for(lambda: len(list(folder.glob("started-*"))) > workers or process.poll() is not None)
    (folder / "go").touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "was ended by SIGKILL" in err and any(repr(name) in err for name in PHOTOS)
    wait_for(lambda: gone(found))
    expected = im2rec(folder / "images.lst", folder / "expected", transformations=as_it_is, num_workers=0)
    assert (folder / "out.rec").read_bytes() == (folder / "expected.rec").read_bytes()
    assert expected.num_records == len(PHOTOS) * 4
    assert not partial_files(folder)


def as_it_is(image):
    return image


def on_coffee(what):
    """A transform that does something bad to one photo of a list, known by its size."""

    def transform(image):
        if image.shape[:2] == (400, 600):
            what()
        return image

    return transform


def hang():
    while True:
        signal.pause()


def limit_memory(more):
    """Let this process have so many bytes more than it has."""
    with open("/proc/self/statm") as stream:
        limit = int(stream.read().split()[0]) * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def fill_memory():
    limit_memory(400 << 20)
    hoard = []
    while True:
        hoard.append(bytearray(64 << 20))


def crash():
    faulthandler.disable()  # the dump of a crash that is meant is none of the test's output
    os.kill(os.getpid(), signal.SIGSEGV)


BAD_TRANSFORMS = {
    "raises": (lambda: 1 / 0, "transform", "ZeroDivisionError"),
    "is killed": (lambda: os.kill(os.getpid(), signal.SIGKILL), "worker", "SIGKILL"),
    "crashes": (crash, "worker", "SIGSEGV"),
    "leaves": (lambda: os._exit(0), "worker", "exit code 0"),
    "exits": (lambda: sys.exit(3), "transform", "SystemExit: 3"),
    "hangs": (hang, "worker", "no progress on it for 1 seconds"),
    "takes all memory": (fill_memory, "transform", "MemoryError"),
}


@pytest.mark.parametrize("what", list(BAD_TRANSFORMS))
def test_a_transform_that_goes_wrong_costs_its_own_image_alone(folder, what):
    transform, stage, words = BAD_TRANSFORMS[what]
    write_list(folder / "images.lst", [*PHOTOS * 3])
    shapes = [cv2.imread(str(folder / name)).shape[:2] for name in PHOTOS]
    bad = [name for name, shape in zip(PHOTOS, shapes) if shape == (400, 600)]
    report = im2rec(
        folder / "images.lst",
        folder / "out",
        transformations=on_coffee(transform),
        num_workers=2,
        error_limit=None,
        timeout=1 if what == "hangs" else 300,
    )
    assert [(each.path, each.stage) for each in report.failures] == [(name, stage) for name in bad] * 3
    assert all(words in each.reason for each in report.failures)
    assert report.num_records == 3 * (len(PHOTOS) - len(bad))
    good = [name for name in PHOTOS * 3 if name not in bad]
    with RecordFile(report.rec_path) as records:
        assert [record.image().shape[:2] for record in records] == [shapes[PHOTOS.index(name)] for name in good]
    assert not children_left() and not partial_files(folder)


@pytest.mark.parametrize("bad", [(1, 3), (2, 3), (1, 2, 4), (3, 5)])
def test_a_worker_that_ends_by_exit_of_c_writes_nothing(folder, bad):
    """It has a copy of what MXNet's stream had buffered when it was forked, and C's exit() writes that out."""

    def exit_on_one(image):
        if image.shape[1] - 20 in bad:
            ctypes.CDLL(None).exit(3)
        return image

    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((20, 20 + number, 3), 40 * number, np.uint8))
    write_list(folder / "images.lst", [f"{number}.png" for number in range(6)])
    options = {"num_workers": 1, "encoding": ".png", "error_limit": None}
    report = im2rec(folder / "images.lst", folder / "out", transformations=exit_on_one, **options)
    assert [(each.index, each.stage) for each in report.failures] == [(number, "worker") for number in bad]
    assert all("exit code 3" in each.reason for each in report.failures)
    good = [number for number in range(6) if number not in bad]
    with RecordFile(report.rec_path) as records:
        assert [record.index for record in records] == good
        assert [record.image()[0, 0, 0] for record in records] == [40 * number for number in good]
    assert report.num_bytes == os.path.getsize(report.rec_path)
    assert not children_left() and not partial_files(folder)


class Leak:
    """Keeps memory at every image, in a process that may only have so much more than it begins with."""

    def __init__(self, how):
        self._hoard, self._process, self._how = [], os.getpid(), how

    def __call__(self, image):
        if self._process != os.getpid():
            self._process = os.getpid()
            limit_memory(400 << 20)
        self._hoard.append(self._how(60 << 20))
        return image


def ndarray(size):
    array = mx.nd.zeros((size,), dtype="uint8")
    array.wait_to_read()
    return array


@pytest.mark.parametrize("how", [bytearray, ndarray, lambda size: np.ones(size, np.uint8)])
def test_a_transform_that_leaks_memory_costs_no_image(folder, how, caplog):
    with caplog.at_level(logging.WARNING, "mxnet_im2rec"):
        report = im2rec(folder / "images.lst", folder / "out", transformations=Leak(how), num_workers=2, error_limit=None)
    assert report.failures == () and report.num_records == len(PHOTOS) * 4
    assert "had no memory left" in caplog.text
    assert not children_left()


def test_a_transform_that_leaks_files_costs_no_image(folder, caplog):
    def transform(image):
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        for _ in range(50):
            os.dup(2)
        return image

    report = im2rec(folder / "images.lst", folder / "out", transformations=transform, num_workers=2, error_limit=None)
    assert report.failures == () and report.num_records == len(PHOTOS) * 4
    assert "or no files" in caplog.text


FEW_FILES = """
import resource
from mxnet_im2rec import im2rec, Im2RecError, OutputError
from mxnet.gluon.data.vision import transforms

if __name__ == "__main__":
    for limit in range(5, 26, {step}):
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        try:
            im2rec('images.lst', 'out', transforms.Resize(20), num_workers={workers}, progress=False, mp_context={method!r})
        except Im2RecError as error:
            assert 'ulimit -n' in str(error) or isinstance(error, OutputError), repr(error)
            print('refused', flush=True)
        except OSError as error:
            assert 'images.lst' in str(error.filename), repr(error)  # the list itself cannot be opened
        else:
            print('done', flush=True)
            break
"""


@pytest.mark.parametrize("method, workers, step", [("fork", 0, 1), ("fork", 3, 1), ("spawn", 1, 4)])
def test_few_files_give_an_error_that_says_what_to_do(folder, method, workers, step):
    write_list(folder / "images.lst", PHOTOS)
    code, out, err = run_script(FEW_FILES.format(workers=workers, method=method, step=step), folder)
    assert code == 0, err
    assert "refused" in out


FORKED = """
import os, pathlib, time, warnings
import cv2, numpy
import mxnet_im2rec.images.codec
from mxnet_im2rec import im2rec

mxnet_im2rec.images.codec._HANG_SECONDS = 0.5
cv2.setNumThreads(4)
cv2.GaussianBlur(numpy.zeros((3000, 3000, 3), numpy.uint8), (9, 9), 0)  # in threads
tasks = [path / 'stat' for path in pathlib.Path('/proc/self/task').iterdir() if path.name != str(os.getpid())]
while any(path.read_text().rpartition(')')[2].split()[0] != 'S' for path in tasks):  # until they sleep, to be woken in vain
    time.sleep(0.01)
warnings.simplefilter('ignore')  # Python 3.12 and later warn of this fork
child = os.fork()
if not child:
    im2rec('images.lst', 'out', num_workers=1, progress=False)
    os._exit(0)
print(child, flush=True)
os.waitpid(child, 0)
"""


def test_a_process_in_which_opencv_hangs_says_why(folder):
    process = start_script(FORKED, folder, is_warm=True)
    child = int(process.stdout.readline())
    try:
        line = process.stderr.readline()  # until then it is silent; pytest's time limit is the last resort
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        process.communicate(timeout=60)
    assert f"this process, {child}, was forked after OpenCV's threads had run" in line
    assert "cv2.setNumThreads(0)" in line and "'spawn'" in line


def test_no_warning_and_no_thread_is_left_where_opencv_answers(folder, caplog, monkeypatch):
    monkeypatch.setattr("mxnet_im2rec.images.codec._HANG_SECONDS", 60)
    threads = threading.active_count()
    im2rec(folder / "images.lst", folder / "out", num_workers=2)
    assert threading.active_count() == threads and not caplog.text


def test_a_transform_that_kills_every_worker_ends_the_run(folder):
    with pytest.raises(ErrorLimitExceeded, match="SIGKILL") as caught:
        im2rec(folder / "images.lst", folder / "out", transformations=lambda image: os.kill(os.getpid(), 9), num_workers=2)
    assert [each.path for each in caught.value.failures] == PHOTOS[:1]
    assert_untouched(folder)
    assert not children_left() and not partial_files(folder)


@pytest.mark.parametrize("workers, method", [*WORKERS_AND_METHODS, (0, None)])
def test_ctrl_c_ends_everything(folder, workers, method):
    process, found = start_slow(folder, workers, method)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does: parent and workers get it
    out, err = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in err and err.count("Traceback") == 1
    wait_for(lambda: gone(found))
    assert_untouched(folder)
    assert not partial_files(folder)


@pytest.mark.parametrize("workers, method", WORKERS_AND_METHODS)
def test_workers_end_when_the_parent_is_killed(folder, workers, method):
    process, found = start_slow(folder, workers, method)
    process.kill()
    process.wait(30)
    wait_for(lambda: gone(found))
    assert_untouched(folder)
    process.stdout.close()
    process.stderr.close()


STUCK = """
import re
from mxnet_im2rec import im2rec

def stuck(image):
    open('started-%d' % __import__('os').getpid(), 'w').close()
    re.match(r'(a+)+$', 'a' * 60 + 'b')  # which never gives Python's lock back

im2rec('images.lst', 'out', transformations=stuck, num_workers=2, progress=False)
"""


def test_workers_that_hold_pythons_lock_end_too_when_the_parent_is_killed(folder):
    process = start_script(STUCK, folder, is_warm=True)
    wait_for(lambda: len(list(folder.glob("started-*"))) == 2)
    workers = [psutil.Process(int(path.name.split("-")[1])) for path in folder.glob("started-*")]
    process.kill()
    process.communicate(timeout=30)
    wait_for(lambda: gone(workers))


FULL_DISK = """
import resource, signal, sys
from mxnet_im2rec import im2rec
import mxnet_im2rec.dataset.writer
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))
im2rec('images.lst', 'out', pass_through=True, num_workers={workers}, progress=False)
"""


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("limit", [10_000, 1_000_000, 10_000_000])
def test_a_file_that_cannot_grow_ends_the_run(folder, workers, limit):
    write_list(folder / "images.lst", PHOTOS * 20)
    process = start_script(FULL_DISK.format(limit=limit, workers=workers), folder, is_warm=True)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "OutputError" in err and "is the disk full?" in err and "full? Traceback" not in err
    assert_untouched(folder)
    assert not partial_files(folder)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB, where this process may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], stderr=subprocess.PIPE, text=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root; RLIMIT_FSIZE is tested above: " + mounted.stderr.strip())
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_ends_the_run(small_disk, photos):
    (small_disk / "out.rec").write_bytes(b"old rec")
    (small_disk / "out.idx").write_bytes(b"old idx")
    with pytest.raises(OutputError, match="disk full"):
        im2rec(photos / "images.lst", small_disk / "out", pass_through=True, num_workers=0)
    assert sorted(path.name for path in small_disk.iterdir()) == ["out.idx", "out.rec"]
    assert_untouched(small_disk)


def test_a_disk_that_is_full_only_at_the_last_flush(small_disk, photos, tmp_path):
    """MXNet says nothing of a flush that fails while it closes; the size tells."""
    size = im2rec(photos / "images.lst", tmp_path / "whole", num_workers=0, quality=1).num_bytes
    room = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "filler").write_bytes(bytes(room - size // 4096 * 4096))
    with pytest.raises(OutputError, match="disk full"):
        im2rec(photos / "images.lst", small_disk / "out", num_workers=0, quality=1)
    assert [path.name for path in small_disk.iterdir()] == ["filler"]

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The works of the tests of pools. Their worker processes import this module, so it imports little."""

import os
import signal
import threading
import time

from mxnet_im2rec.engine.ordered import ordered_map
from mxnet_im2rec.engine.pool import Pieces


class Work:
    """An item says what is to happen; its result is the item as text, in bytes, or as many bytes as the tuple (number,) says."""

    def prepare(self):
        self.is_prepared = True

    def __call__(self, item):
        if item == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if item == "exit":
            os._exit(7)
        if item == "hang":
            signal.pause()
        if item == "raise":
            raise ZeroDivisionError("on purpose")
        if item == "no pickle":
            return threading.Lock()
        if item == "prepared?":
            return self.is_prepared
        if item == "fork":
            child = os.fork()  # the child does not end itself
            if child:
                _, status = os.waitpid(child, 0)
                assert status == 0, "the child went on as if it were the worker"
        if isinstance(item, str) and item.startswith("/") and not os.path.exists(item):  # a file that says that it was here
            open(item, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        if isinstance(item, str) and item.startswith("orphan "):  # its child holds the pipes open
            if not os.fork():
                while not os.path.exists(item[len("orphan ") :]):
                    time.sleep(0.05)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
        if isinstance(item, tuple):
            return bytes(item[0])
        return f"{item}".encode()


class PiecesWork:
    """Its results are pieces, of about so many bytes."""

    def __init__(self, size=100):
        self.size = size

    def prepare(self):
        """Nothing is needed."""

    def __call__(self, item):
        return pieces_of(item, self.size)


def pieces_of(item, size=100):
    """What PiecesWork makes of an item; each is of another size."""
    return Pieces((b"%d:" % item, bytes([item % 256]) * (size + item % 7), b""))


class Leaking(Work):
    """Uses its process up: the third item of every process, and those after it, have no room. 'large' never has."""

    num_done = 0
    is_worn_out = False

    def __call__(self, item):
        self.num_done += 1
        self.is_worn_out = self.num_done > 2 or item == "large"
        return "no room" if self.is_worn_out else super().__call__(item)


class NeverReady(Work):
    """Its worker ends before it is ready: by a signal, with an exit code, or with an exception."""

    def __init__(self, how):
        self.how = how

    def prepare(self):
        if self.how == "signal":
            os.kill(os.getpid(), signal.SIGTERM)
        if self.how == "exit":
            os._exit(7)
        raise ImportError("no such module")


def run(pool, items, chunk_size=4, max_items=64, max_bytes=1 << 20):
    """The ordered map, with bounds for small tests."""
    return ordered_map(pool, items, chunk_size=chunk_size, max_items=max_items, max_bytes=max_bytes)


def results_of(items):
    """What the map gives for items that are texts or numbers, and kill nobody."""
    return [(item, str(item).encode()) for item in items]

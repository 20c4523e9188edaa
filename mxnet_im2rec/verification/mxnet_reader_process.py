# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The program in which MXNet reads a dataset; mxnet_reader.py runs it. What is done with MXNet is in mxnet_reading.py.

``python -m mxnet_im2rec.verification.mxnet_reader_process LAUNCH``, where LAUNCH is JSON (see :class:`Launch`), loads MXNet and
waits for a line on stdin, JSON too (see :class:`Request`). Each line on stdout is a JSON object with an ``event``: ``progress``,
``problem``, ``note``, ``failed``, and ``done`` as the last. Without ``done`` nothing is proven.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from types import ModuleType
from typing import Any, NamedTuple, NoReturn, Optional

from ..cpus import usable_cpus
from ..errors import MXNetUnavailableError
from ..mxnet_compat import explain, import_mxnet, is_installed
from .mxnet_reading import Reading, Request

_PARENT_SECONDS = 1.0  # how often to look for the parent where its end of the pipe stays open in another child of its own


class Launch(NamedTuple):
    """What the process is to know when it starts."""

    folder: str  # what to remove when the parent is gone: it was made for this process
    parent: Optional[int] = None  # the process that waits for this one, which ends with it; None: only stdin tells


def _leave(folder: str) -> NoReturn:
    """Exit, and remove the folder, since the parent that would remove it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _listen(launch: Launch, lines: SimpleQueue) -> None:
    """Take the lines that the parent sends, until the parent is gone, however that ended: stdin is its pipe."""
    rest = b""
    while launch.parent is None or os.getppid() == launch.parent:
        if select.select([0], [], [], _PARENT_SECONDS)[0]:
            data = os.read(0, 1 << 16)
            if not data:
                break
            *complete, rest = (rest + data).split(b"\n")
            for line in complete:
                lines.put(line)
    _leave(launch.folder)


def _load_mxnet() -> ModuleType:
    """Import MXNet, without SciPy, which it loads where that is there: a quarter of the time, and no reader needs it.

    Its operators run in one thread if nothing else is set; one of them is mx.image.imdecode.
    """
    os.environ.setdefault("MXNET_CPU_WORKER_NTHREADS", str(usable_cpus()))
    sys.modules.setdefault("scipy", None)  # type: ignore[arg-type]
    return import_mxnet()


def main(argument: str) -> None:
    """Read a dataset, and report on stdout what was found."""
    launch = Launch(**json.loads(argument))
    lines: SimpleQueue = SimpleQueue()
    for name in ("SIGINT", "SIGTERM", "SIGHUP") if launch.parent is not None else ():
        # They reach the whole group; the parent decides, and this process cleans up.
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_listen, args=(launch, lines), daemon=True).start()
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # nobody needs the memory of an MXNet that has aborted
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)  # whatever else is printed must not come between the events

        def report(**event: Any) -> None:
            try:
                stream.write(json.dumps(event) + "\n")
                stream.flush()
            except BrokenPipeError:
                _leave(launch.folder)

        try:
            mxnet = ThreadPoolExecutor(1).submit(_load_mxnet) if is_installed() else None
            Reading(Request(**json.loads(lines.get())), report, mxnet).run()
        except MXNetUnavailableError as error:
            report(event="failed", message=str(error))
        except Exception as error:
            report(event="failed", message=f"ImageRecordIter fails: {type(error).__name__}: {explain(error)[:500]}")
        else:
            report(event="done")
        stream.flush()
        os._exit(0)  # MXNet's threads may hang or crash on the way out; all is reported already


if __name__ == "__main__":
    main(sys.argv[1])

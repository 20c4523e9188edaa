# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The parent's end of one worker process: its pipes, its jobs, how it ended. The other end, and the protocol, are in ``child``.

The parent never waits in a read or a write: what has come in part is kept until the rest comes, and so is what a pipe has no
room for. A worker shares no pipe, lock or queue with another one, so whenever it dies or stops, it blocks nobody.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import warnings
from collections import deque
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Callable, Deque, List, NamedTuple, Optional, Tuple

from ..errors import WorkerDiedError
from ..text import Argument, Text
from . import child
from .jobs import Job
from .messages import MessageReader, pack
from .shared import Output, RingReader, SharedMemory, WorkerState

LEAVE_SECONDS = 5.0  # how long a worker that is done, or killed, may take to end

_FEWER = Text("use fewer workers (", Argument("num_workers"), ")")
_ADVICE = {  # by the error of starting a worker
    errno.EMFILE: Text("raise the limit of open files (ulimit -n), or ", _FEWER),
    errno.ENFILE: Text("the whole system has too many open files; ", _FEWER),
    errno.EAGAIN: Text("raise the limit of processes (ulimit -u, or that of the container), or ", _FEWER),
    errno.ENOMEM: Text("there is no memory for another process; ", _FEWER),
}
_OTHER_ADVICE = Text("use another start method (", Argument("mp_context"), "), or no workers (", Argument("num_workers", 0), ")")
_SHARED_BYTES, _SHARED_BYTES_OF_ALL = 8 << 20, 256 << 20  # that one worker shares with this process, and all workers together
_F_SETPIPE_SZ, _PIPE_BYTES = 1031, 1 << 20  # fcntl.h; the most that a user may ask for by default


class Reply(NamedTuple):
    """Some results of a worker's first job."""

    ticket: int  # of their chunk
    results: List[Any]
    finished: Optional[Job]  # the job, if these are the last of its results


class Worker:
    """A worker process, started on creation."""

    def __init__(self, context: Any, work: Callable, number: int, shared_bytes: int) -> None:
        self.number = number  # in its pool; a worker that replaces another one takes over its number
        self.jobs: Deque[Job] = deque()  # what the worker has got, and not finished
        memory = SharedMemory(shared_bytes, context)
        self._state, self.ring = WorkerState(memory), RingReader(memory)
        self._state.begin_life()
        self._num_sent = 0  # bytes, to it
        self._last_seen = (0, 0, 0)  # how many items it had begun, and how many bytes had gone to it and come from it
        self._seconds_still = 0.0  # for which none of these has changed
        self._unsent: Deque[memoryview] = deque()  # what its pipe had no room for
        jobs, self.outbox = context.Pipe(duplex=False)
        pipe, replies = context.Pipe(duplex=False)
        _widen(replies)
        self.reader = MessageReader(pipe)
        os.set_blocking(self.outbox.fileno(), False)
        os.set_blocking(pipe.fileno(), False)
        arguments = (jobs, replies, work, memory)
        self.process = context.Process(target=child.run, args=arguments, name=f"im2rec-{number}", daemon=True)
        try:
            with warnings.catch_warnings():
                # Python 3.12 warns of forking a process that has threads; MXNet has some, and stops them around a fork.
                warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
                self.process.start()
        finally:
            jobs.close()  # the child alone has these ends now, so that its death closes them
            replies.close()
            memory.close_file()

    @property
    def is_ready(self) -> bool:
        return self._state.is_ready

    @property
    def num_begun(self) -> int:
        return self._state.num_begun

    @property
    def is_worn_out(self) -> bool:
        return self._state.is_worn_out

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    @property
    def is_silent(self) -> bool:
        """Whether nothing that the worker has sent waits to be taken."""
        return not self.reader.pipe.poll()

    @property
    def position(self) -> Optional[int]:
        """The position, in the first job, of the item that the worker is on; None where it is on none."""
        position = self._state.position
        if position < 0 or not self.jobs:
            return None
        job = self.jobs[0]
        return min(max(position, job.num_received), len(job.items) - 1)

    def seconds_still(self, since: float) -> float:
        """For how many seconds the worker has made no progress. ``since`` is how many have passed since the last call."""
        seen = (self.num_begun, self._num_sent, self.reader.num_bytes)
        if seen != self._last_seen or (self.is_ready and not self.jobs):
            self._last_seen, self._seconds_still = seen, 0.0
        else:
            self._seconds_still += since
        return self._seconds_still

    def submit(self, job: Job) -> None:
        self._send((job.ticket, job.items))
        self.jobs.append(job)

    def receive(self, name_of: Callable[[Any], str]) -> Optional[Reply]:
        """The next reply; None while it is not all there. Raises WorkerDiedError for what the work has raised."""
        message = self.reader.take()
        if message is None:
            return None
        ticket, results, starts, end, is_last, error = message
        if error is not None:
            raise self._broken(error, name_of)
        self.jobs[0].num_received += len(results)
        return Reply(ticket, self.ring.take(starts, results, end), self.jobs.popleft() if is_last else None)

    def _broken(self, error: str, name_of: Callable[[Any], str]) -> WorkerDiedError:
        if not self.is_ready:
            return WorkerDiedError(f"a worker process could not load what it needs, such as the transforms' module:\n{error}")
        paths = () if self.position is None else (name_of(self.jobs[0].items[self.position]),)
        where = "".join(f" while it was on {path!r}" for path in paths)
        what = f"a worker process broke{where}; this is a defect of this package, or of the machine"
        return WorkerDiedError(f"{what}:\n{error}", paths)

    def write_into(self, output: Output, descriptor: int) -> None:
        """Have the worker write its results into a file, of which this process has a descriptor."""
        self.ring.output = descriptor
        self._send((None, output))

    def ask_to_end(self) -> None:
        """Have the worker end when it has done its jobs."""
        self._send(None)

    def _send(self, message: Any) -> None:
        self._unsent.append(pack(message))
        self.flush()

    def flush(self) -> None:
        """Send what the worker's pipe has room for. To a worker that is dead nothing is sent, and this is no error: the pool will
        see that it is dead, and why."""
        try:
            while self._unsent:
                rest = self._unsent[0]
                count = os.write(self.outbox.fileno(), rest)
                self._num_sent += count
                self._unsent[0] = rest[count:]
                if not self._unsent[0]:
                    self._unsent.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()

    def how_it_ended(self) -> Tuple[str, Optional[int]]:
        """In words, and as an exit code. None is the code of one that does not end though it was killed."""
        self.process.join(LEAVE_SECONDS)
        exitcode = self.process.exitcode
        return "had no memory left, or no files" if self.is_worn_out else _describe_exit(exitcode), exitcode

    def close(self) -> None:
        """End the process, if it has not ended, and close the pipes."""
        self.ring.child_is_dead = True
        self.process.kill()
        self.process.join(LEAVE_SECONDS)  # a process that hangs in a system call ends when the call does
        with suppress(ValueError):  # Python thinks that it runs, if another part of the program has waited for all children
            self.process.close()
        self.outbox.close()
        self.reader.pipe.close()


def start_worker(context: Any, work: Callable, number: int, num_workers: int) -> Worker:
    """Start a worker; raise WorkerDiedError, with advice, where the system does not allow it."""
    try:
        return Worker(context, work, number, min(_SHARED_BYTES, _SHARED_BYTES_OF_ALL // num_workers))
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, _OTHER_ADVICE)
        which = f"worker process {number + 1} of {num_workers}"
        raise WorkerDiedError(Text(f"{which} cannot be started: {error}; ", advice)) from error


def _widen(pipe: Connection) -> None:
    """Let a pipe hold the results of a chunk, so that a worker need not wait until its results are taken."""
    with suppress(OSError):  # the limit of all pipes of this user is reached (pipe(7)), or the system is not Linux: all works
        fcntl.fcntl(pipe.fileno(), _F_SETPIPE_SZ, _PIPE_BYTES)


def _describe_exit(exitcode: Optional[int]) -> str:
    if exitcode is None:
        return "does not answer any more"
    if exitcode >= 0:
        return f"ended with exit code {exitcode}"
    name = signal.Signals(-exitcode).name if -exitcode in set(signal.Signals) else f"signal {-exitcode}"
    hint = " (the system does that when memory runs out)" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"

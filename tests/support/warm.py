# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Python programs that find MXNet loaded: forks of one process that has loaded it and has done nothing else.

To load it takes a second and a half of CPU; a fork takes some milliseconds. The program is a process all the same, in a folder,
environment and session of its own, with its own end. Where loading is what is tested, start it with subprocess.

This file is also the program of that one process, and one that asks it in the place of python.
"""

import array
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

PIPE, STDOUT, DEVNULL = subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL
NUMBER = struct.Struct("q")
LONGEST = 1 << 20


class WarmProcess:
    """``python argv...``, as :class:`subprocess.Popen` has it; argv is a script, or -m and a module, or -c and code."""

    def __init__(self, argv, cwd=None, env=None, stdin=None, stdout=None, stderr=None, text=False, start_new_session=False):
        mine, theirs, passed_on = [], [], []
        for number, given in enumerate((stdin, stdout, stderr)):
            end = None
            if given == PIPE:
                reader, writer = os.pipe()
                end, other = (writer, reader) if number == 0 else (reader, writer)
            elif given == DEVNULL:
                other = os.open(os.devnull, os.O_RDWR)
            elif given == STDOUT:
                other = theirs[1]
            elif given is None:
                other = number
            else:
                other = given if isinstance(given, int) else given.fileno()
            mine.append(end)
            theirs.append(other)
            passed_on += [other] if given in (PIPE, DEVNULL) else []
        mode = "" if text else "b"
        self.stdin, self.stdout, self.stderr = (
            end if end is None else os.fdopen(end, ("r" if number else "w") + mode) for number, end in enumerate(mine)
        )
        self._end, told = os.pipe()
        request = [[*map(str, argv)], str(cwd or os.getcwd()), dict(os.environ if env is None else env), start_new_session]
        _ask(json.dumps(request).encode(), [*theirs, told])
        for descriptor in [*passed_on, told]:
            os.close(descriptor)
        self.returncode = None
        (self.pid,) = NUMBER.unpack(os.read(self._end, NUMBER.size))

    def wait(self, timeout=None):
        if self.returncode is None:
            if not select.select([self._end], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            (status,) = NUMBER.unpack(os.read(self._end, NUMBER.size))
            os.close(self._end)
            self.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return self.returncode

    def poll(self):
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def communicate(self, timeout=None):
        said = {}

        def read(stream):
            said[stream] = stream.read()

        if self.stdin is not None:
            self.stdin.close()
        streams = [stream for stream in (self.stdout, self.stderr) if stream is not None]
        threads = [threading.Thread(target=read, args=(stream,), daemon=True) for stream in streams]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout)
            if thread.is_alive():  # something that it has left holds the other end open
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        self.wait(timeout)
        for stream in streams:
            stream.close()
        return said.get(self.stdout), said.get(self.stderr)

    def send_signal(self, number):
        with suppress(ProcessLookupError):  # it is gone, and its end is not told yet
            if self.poll() is None:
                os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)


class WarmReader(WarmProcess):
    """In the place of the Popen of verify()'s reading process. It does not look whether its parent is there, which it has not."""

    first = None
    """Code that it runs before its own, where `mx` is MXNet."""

    def __init__(self, command, **options):
        _, module, request = command[1:]
        argv = ["-m", module] if self.first is None else ["-c", READER.format(first=self.first, module=module)]
        super().__init__([*argv, json.dumps({**json.loads(request), "parent": None})], **options)


READER = """
import runpy
import mxnet as mx
{first}
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


def family():
    """The ids of the process that forks and of all that have come of it, if it is there."""
    import psutil  # not above: what asks in the place of python is to start at once

    process = _channels.get(os.getpid(), (None, None))[1]
    return {process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))} if process else set()


def end():
    """At the end of the tests: the process that forks is to go."""
    if os.getpid() in _channels:
        ours, process = _channels.pop(os.getpid())
        ours.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:  # a test that failed has left a program behind
            process.kill()
            process.wait()


_channels = {}  # by the process that asks: to the process that forks


CHANNEL = "MXNET_IM2REC_WARM"  # the variable with the number of the channel that a program has been given


def channel():
    """To the process that forks, which is started if it is not there."""
    if os.getpid() not in _channels:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        command = [sys.executable, __file__, "--fork", str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, stdin=DEVNULL, stdout=DEVNULL)
        theirs.close()
        _channels[os.getpid()] = ours, process
    return _channels[os.getpid()][0]


def _ask(request, descriptors):
    channel().sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])


def wait_for_requests(requests):
    """Fork for every request until the other side is gone; gives a request in the process that is to run it."""
    signal.signal(signal.SIGCHLD, reap)
    while True:
        data, ancillary, *_ = requests.recvmsg(LONGEST, socket.CMSG_SPACE(4 * 4))
        if not data:
            os._exit(0)
        descriptors = array.array("i", ancillary[0][2]).tolist()
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            requests.close()
            program = os.fork()
            if not program:
                os.close(descriptors.pop())
                return (*json.loads(data), descriptors)
            tell_the_end(program, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def reap(*_):
    """Wait for those that have told the end of a program."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def tell_the_end(program, descriptors):
    """Wait for the program, and hold nothing open that is its."""
    *its_own, told = descriptors
    for descriptor in its_own:
        os.close(descriptor)
    os.write(told, NUMBER.pack(program))
    os.write(told, NUMBER.pack(os.waitpid(program, 0)[1]))
    os._exit(0)


def become(argv, folder, environment, is_session, descriptors):
    """Run the program in this process."""
    if is_session:
        os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    first = folder if argv[0] in ("-m", "-c") else str(Path(folder, argv[0]).parent)
    given = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [first, *given, *(path for path in sys.path[1:] if path not in given)]
    sys.argv = {"-m": argv[1:], "-c": ["-c", *argv[2:]]}.get(argv[0], argv)
    if argv[0] == "-m":
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
    elif argv[0] == "-c":
        exec(compile(argv[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        runpy.run_path(argv[0], run_name="__main__")


if __name__ == "__main__" and CHANNEL in os.environ:  # in the place of python, for a program that is not started by the tests
    _channels[os.getpid()] = socket.socket(fileno=int(os.environ[CHANNEL])), None
    sys.exit(WarmProcess(sys.argv[1:]).wait() & 255)

if __name__ == "__main__":
    import mxnet_im2rec.cli.main
    import mxnet_im2rec.packing.im2rec
    import mxnet_im2rec.packing.worker
    import mxnet_im2rec.verification.mxnet_reader_process  # noqa: F401
    from mxnet_im2rec.mxnet_compat import import_mxnet, is_installed

    if is_installed():
        import_mxnet()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the process that asks
    become(*wait_for_requests(socket.socket(fileno=int(sys.argv[2]))))

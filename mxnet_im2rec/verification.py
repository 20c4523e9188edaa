# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""verify(): the proof that a dataset is what it should be, from its bytes to what MXNet's ImageRecordIter makes of them.

Damage becomes a problem in the report, whatever it is; only a wrong argument, and a file that cannot be opened, raise. MXNet
reads in a process of its own (readback.py), since a bad record makes it abort.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, Union

from . import images
from .cpus import usable_cpus
from .errors import WorkerDiedError
from .findings import Findings, VerifyReport
from .listfile import ListEntry, read_list
from .parallel import ProcessPool, SerialPool, ordered_map
from .reader import idx_beside
from .sources import Match, SourceCheck, match_list
from .structure import Structure, check_index, check_structure, map_file

_SAMPLE = 64  # records whose pixels are compared with pixels='sample'
_CHUNK_MATCHES, _MATCHES_IN_FLIGHT, _BYTES_IN_FLIGHT = 8, 4096, 256 << 20

_Path = Union[str, os.PathLike]


def verify(
    rec_path: _Path,
    list_file: Union[None, _Path, Iterable[ListEntry]] = None,
    root: Optional[_Path] = None,
    *,
    idx_path: Optional[_Path] = None,
    pixels: str = "all",
    transformations: Optional[Callable] = None,
    seed: int = 0,
    color: int = 1,
    pack_labels: bool = True,
    fast_decode: bool = False,
    min_psnr: float = 20.0,
    num_workers: Optional[int] = None,
    num_records: Optional[int] = None,
    timeout: float = 300.0,
) -> VerifyReport:
    """Prove that a dataset is sound, and report all that is wrong with it.

    The structure of the .rec and of the .idx; then the list, if there is one: every entry once, in order, with its labels; then
    MXNet's ImageRecordIter: every record, every label, and the pixels, which must be those that OpenCV decodes from the stored
    bytes; then the sources, if their folder is given: what they and the transformations give now, against what is stored.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The .rec.
    list_file : str, os.PathLike or iterable of ListEntry, optional
        What it was packed from.
    root : str or os.PathLike, optional
        The folder that the list's paths are relative to. Without it the sources are not looked at.
    idx_path : str or os.PathLike, optional
        The .idx; by default the one beside the .rec.
    pixels : {'all', 'sample', 'none'}
        Whose pixels are compared: every record's; those of 64 records, spread over the file; or no one's, which leaves
        ImageRecordIter and the sources out.
    transformations, seed, color, pack_labels, fast_decode
        As they were given to :func:`mxnet_im2rec.im2rec`.
    min_psnr : float
        In dB: a stored image that is further than this from its source is a problem. PNGs must be equal. Photos stored as JPEGs
        of quality 10 have 21 or more, of quality 95 over 34; two different photos have 9 in the median, and seldom 20. Colour
        noise has only 13 even at quality 95.
    num_workers : int, optional
        Processes that compare with the sources, as for :func:`mxnet_im2rec.im2rec`.
    num_records : int, optional
        How many records there must be, where that is known.
    timeout : float
        In seconds: an ImageRecordIter that gives nothing for so long is ended, which is a problem.

    Returns
    -------
    VerifyReport
        Its ``ok`` tells whether all is well, ``raise_for_problems()`` insists on it, and ``notes`` say what was not checked.

    Raises
    ------
    OSError
        If the .rec or the list cannot be opened.
    ValueError, TypeError
        If an argument is wrong.

    Examples
    --------
    >>> from mxnet_im2rec import verify
    >>> verify('images_rec.rec', 'images.lst', root='images').raise_for_problems()  # doctest: +SKIP
    """
    started = time.monotonic()
    if pixels not in ("all", "sample", "none"):
        raise ValueError(f"pixels must be 'all', 'sample' or 'none', not {pixels!r}")
    if num_workers is not None and (isinstance(num_workers, bool) or not isinstance(num_workers, int) or num_workers < 0):
        raise ValueError(f"num_workers must be None or a whole number from 0, not {num_workers!r}")
    if timeout <= 0:
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout!r}")
    if root is not None and not os.path.isdir(root):
        raise NotADirectoryError(f"root {os.fspath(root)!r} is no folder")
    if root is not None and list_file is None:
        raise ValueError("root is the folder of the list's images; give list_file too")
    path = os.path.abspath(rec_path)
    index = idx_beside(path) if idx_path is None else os.path.abspath(idx_path)
    check = None
    if root is not None and pixels != "none":
        options = {"seed": seed, "color": color, "fast_decode": fast_decode}
        check = SourceCheck(path, os.path.abspath(root), transformations, **options)

    findings = Findings()
    buffer = map_file(path)
    structure = check_structure(buffer, path, findings)
    is_indexed = check_index(index, structure, findings)
    if num_records is not None and num_records != len(structure.ids):
        findings.add("structure", f"expected {num_records:,} records, found {len(structure.ids):,}")
    if list_file is None:
        findings.note("not compared with a list, nor with the sources: no list_file was given")
    else:
        matches = match_list(read_list(list_file, pack_labels), buffer, path, structure, findings)
        _check_sources(matches, check, pixels, len(structure.ids), min_psnr, num_workers, findings)
        if check is None:
            why = "no root was given" if root is None else "pixels='none'"
            findings.note(f"not compared with the sources: {why}")
    if pixels == "none":
        findings.note("not read through ImageRecordIter, no image was decoded: pixels='none'")
    else:
        _check_readback(path, index if is_indexed else None, structure, pixels, timeout, findings)
    return findings.report(path, len(structure.ids), time.monotonic() - started)


def _check_sources(
    matches: Iterator[Match],
    check: Optional[SourceCheck],
    pixels: str,
    count: int,
    min_psnr: float,
    num_workers: Optional[int],
    findings: Findings,
) -> None:
    """Go through the list to its end, and compare the sources on the way, if that is wanted."""
    if check is None:
        for _ in matches:
            pass
        return
    if pixels == "sample":
        step = max(1, -(-count // _SAMPLE))
        matches = (match for match in matches if match[1] % step == 0)
    workers = max(usable_cpus() - 1, 1) if num_workers is None else num_workers
    pool: Any = SerialPool(check)
    if workers:
        pool = ProcessPool(check, workers, multiprocessing.get_context(), name_of=lambda match: str(match[0].path))
    try:
        with ExitStack() as stack:
            with images.one_thread():
                stack.enter_context(pool)
            results = ordered_map(
                pool, matches, chunk_size=_CHUNK_MATCHES, max_items=_MATCHES_IN_FLIGHT, max_bytes=_BYTES_IN_FLIGHT
            )
            for (entry, position, _), result in results:
                if isinstance(result, str):
                    findings.add("source", result, position, entry.index)
                    continue
                findings.saw_psnr(result)
                if result < min_psnr:
                    what = f"{result:.1f} dB from its source {entry.path!r}, expected at least {min_psnr:.1f}"
                    findings.add("source", what, position, entry.index)
    except WorkerDiedError as error:
        findings.add("source", str(error))
        for _ in matches:  # the list is still to be held against the records
            pass


def _check_readback(
    path: str, index: Optional[str], structure: Structure, pixels: str, timeout: float, findings: Findings
) -> None:
    """Have MXNet read the dataset in a process of its own, and take down what that tells."""
    if not structure.is_whole or not len(structure.ids):
        findings.note("not read through ImageRecordIter: the .rec is damaged, see the problems of its structure")
        return
    label_width = structure.label_counts[0]
    if len(structure.label_counts) > 1 or structure.num_empty:
        why = "records have different numbers of labels" if not structure.num_empty else "there are records without an image"
        findings.note(f"not read through ImageRecordIter, which refuses this: {why}; the images were decoded by OpenCV alone")
        label_width = 0
    elif index is None:
        findings.note("read through ImageRecordIter without the .idx, which is missing or wrong")
    with tempfile.TemporaryDirectory(prefix="mxnet_im2rec_") as folder:
        # ImageRecordIter takes '#', '?' and ';' in a path for something else, and reads every file of a folder.
        _link(path, os.path.join(folder, "data.rec"))
        if index is not None:
            _link(index, os.path.join(folder, "data.idx"))
        request = {
            "rec": "data.rec",
            "idx": None if index is None else "data.idx",
            "label_width": label_width,
            "sample": _SAMPLE if pixels == "sample" else None,
        }
        _run_reader(request, folder, timeout, findings)


def _link(path: str, name: str) -> None:
    try:
        os.symlink(path, name)
    except OSError:  # there are file systems, and systems, without
        shutil.copyfile(path, name)


def _run_reader(request: Dict[str, Any], folder: str, timeout: float, findings: Findings) -> None:
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([package, *(os.path.abspath(place) for place in sys.path)])}
    with open(os.path.join(folder, "stderr"), "w+", encoding="utf-8", errors="replace") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "mxnet_im2rec.readback", json.dumps(request)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        try:
            ended = _take_down(process, timeout, findings)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        if not ended:
            stderr.seek(0)
            findings.add("reader", f"{_describe_end(process.returncode)}{_last_words(stderr.read())}")


def _take_down(process: Any, timeout: float, findings: Findings) -> bool:
    """Take down what the reader tells, until it ends or falls silent; gives whether it came to its end."""
    events: queue.Queue = queue.Queue()

    def pass_on() -> None:
        for line in process.stdout:
            events.put(line)
        events.put(None)

    thread = threading.Thread(target=pass_on, daemon=True)
    thread.start()
    try:
        for line in iter(lambda: events.get(timeout=timeout), None):
            try:
                event = json.loads(line)
            except ValueError:  # cut off by the process's death
                continue
            kind = event["event"]
            if kind == "problem":
                findings.add("reader", event["message"], event["position"], event["index"])
            elif kind == "note":
                findings.note(event["message"])
            elif kind == "failed":
                findings.add("reader", event["message"])
            if kind in ("failed", "done"):
                return True
        process.wait(timeout=timeout)  # before it is killed, so that it is its own end that is told
    except (queue.Empty, subprocess.TimeoutExpired):
        findings.add("reader", f"ImageRecordIter gave nothing for {timeout:,.0f} seconds, and was ended")
        return True
    finally:
        process.kill()
        thread.join()
    return False


def _describe_end(returncode: int) -> str:
    if returncode >= 0:
        return f"the process that ran ImageRecordIter ended with exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"ImageRecordIter crashed: {name}"


def _last_words(text: str) -> str:
    """What a process said last, as an addition to a message: MXNet's own words, if there are any."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line for line in lines if "Error" in line or "Check failed" in line] or lines[-1:]
    return f": {said[0][:300]}" if said else ""

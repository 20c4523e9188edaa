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
from typing import Any, Callable, Dict, Iterator, Optional, Union

import numpy as np

from .. import arguments
from ..engine.parallel import ProcessPool, SerialPool, ordered_map
from ..errors import ArgumentTypeError, ArgumentValueError, WorkerDiedError
from ..limits import MAX_PIXELS
from ..lists.open_list import ListLike, open_list
from ..progress import Progress, Tell, open_progress
from ..recordio.reader import idx_beside
from ..storage.filebuffer import FileBuffer
from ..text import Argument, Text
from ..transforms.processes import ready_to_fork
from .findings import Findings, VerifyReport
from .source_images import OTHER_ARGUMENTS, Difference, Likeness, Match, SourceCheck, match_list
from .structure import Structure, check_index, check_structure

_SAMPLE = 64  # records whose pixels are compared with pixels='sample'
_READERS_STUMBLE_ON = "#?;"
_CHUNK_MATCHES, _MATCHES_IN_FLIGHT, _BYTES_IN_FLIGHT = 8, 4096, 256 << 20

_Path = Union[str, os.PathLike]


def verify(
    rec_path: _Path,
    list_file: Optional[ListLike] = None,
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
    max_pixels: Optional[int] = MAX_PIXELS,
    progress: Progress = None,
) -> VerifyReport:
    """Prove that a dataset is sound, and report all that is wrong with it.

    The structure of the .rec and of the .idx, and the ids that InsightFace's header records name; then the list, if there is one:
    every entry once, in order, with its labels; then the sources, if their folder is given: what they and the transformations
    give now, against what is stored; then MXNet's ImageRecordIter: every record, every label, and the pixels, which must be those
    that OpenCV decodes from the stored bytes. A JPEG that is damaged inside decodes all the same, everywhere to the same pixels;
    it is a problem where libjpeg notices, which is not always. A comparison with sound sources tells of what can be seen.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The .rec.
    list_file : str, os.PathLike or iterable of ListEntry, optional
        What it was packed from. An entry that has no record is a problem, and so is a line that is no entry or repeats an index,
        although im2rec(..., error_limit=None) leaves them out on purpose; its report lists them.
    root : str or os.PathLike, optional
        The folder that the list's paths are relative to. Without it the sources are not looked at.
    idx_path : str or os.PathLike, optional
        The .idx; by default the one beside the .rec.
    pixels : {'all', 'sample', 'none'}
        Whose pixels are compared: every record's; those of 64 records, spread over the file; or no one's, which leaves
        ImageRecordIter and the sources out.
    transformations, seed, color, pack_labels, fast_decode
        As they were given to :func:`mxnet_im2rec.im2rec`. All but ``pack_labels`` concern the sources alone; transformations are
        refused without them.
    min_psnr : float
        In dB: a stored image that is further than this from its source is a problem. Photos stored as JPEGs of quality 10 have 21
        or more, of quality 95 over 34; two different photos have 9 in the median, and seldom 20. Colour noise has only 13 even at
        quality 95. Whatever this is, PNGs must be equal. JPEGs that OpenCV wrote, as :func:`mxnet_im2rec.im2rec` has it do, are
        compared with the JPEG that OpenCV makes of the source: columns or rows that differ are a problem, such as the one column
        that a flip did not write; a whole image that differs a little is a note, since versions of OpenCV decode a little
        differently. In other JPEGs no part may be further from its source in its mean brightness than an encoder makes it.
    num_workers : int, optional
        Processes that compare with the sources, as for :func:`mxnet_im2rec.im2rec`.
    num_records : int, optional
        How many records there must be, where that is known.
    timeout : float
        In seconds: an ImageRecordIter that gives nothing for so long is ended, which is a problem.
    max_pixels : int or None
        An image of more pixels is a problem, and is not decoded, nor is the dataset read through ImageRecordIter then, which
        knows no limit; so is one whose number of pixels its header does not tell. By default 2**28; None decodes any.
    progress : None, bool or callable
        Of decoding all images, and then of reading them through ImageRecordIter: None shows a bar on a terminal or in a notebook,
        True and False force it; a callable receives (images done, total, 0) about once a second.

    Returns
    -------
    VerifyReport
        Its ``ok`` tells whether all is well, ``raise_for_problems()`` insists on it, and ``notes`` say what was not checked and
        what is worth a look, such as detection labels that do not add up.

    Raises
    ------
    OSError
        If the .rec or the list cannot be opened, or ``rec_path``, ``idx_path`` or ``root`` is a folder where it must be none, or
        none where it must be one.
    ValueError, TypeError
        If another argument is wrong; it is told before anything is read.

    Examples
    --------
    >>> from mxnet_im2rec import verify
    >>> verify('images_rec.rec', 'images.lst', root='images').raise_for_problems()  # doctest: +SKIP
    """
    started = time.monotonic()
    path = _file("rec_path", rec_path)
    index = idx_beside(path) if idx_path is None else _file("idx_path", idx_path)
    root = _folder(root)
    source = None if list_file is None else open_list(list_file, root)
    if not isinstance(pixels, str) or pixels not in ("all", "sample", "none"):
        raise ArgumentValueError("pixels", "must be 'all', 'sample' or 'none'", pixels)
    if transformations is not None and not callable(transformations):
        raise ArgumentTypeError("transformations", "must be callable, as for packing", transformations)
    if root is not None and list_file is None:
        raise ArgumentValueError("root", "is the folder of the list's images", help=Text("give ", Argument("list_file"), " too"))
    if transformations is not None and root is None:
        help = Text("give ", Argument("list_file"), " and ", Argument("root"), " too")
        raise ArgumentValueError("transformations", "are run on the sources, to compare", help=help)
    seed = arguments.whole_number("seed", seed)
    if not isinstance(color, (int, np.integer)) or color not in (1, 0, -1):
        raise ArgumentValueError("color", "must be 1 (RGB), 0 (grey) or -1 (as stored)", color)
    pack_labels, fast_decode = arguments.flag("pack_labels", pack_labels), arguments.flag("fast_decode", fast_decode)
    min_psnr = arguments.number("min_psnr", min_psnr)
    if min_psnr < 0:
        raise ArgumentValueError("min_psnr", "must be at least 0 dB", min_psnr)
    num_workers = arguments.workers(num_workers)
    if num_records is not None:
        num_records = arguments.whole_number("num_records", num_records, 0)
    timeout = arguments.seconds("timeout", timeout)
    max_pixels = None if max_pixels is None else arguments.whole_number("max_pixels", max_pixels, 1)
    progress = arguments.progress(progress)
    check = None
    if root is not None and pixels != "none":
        options: Dict[str, Any] = {"seed": seed, "color": int(color), "fast_decode": fast_decode, "max_pixels": max_pixels}
        check = SourceCheck(path, root=root, transformations=transformations, **options)

    findings = Findings()
    buffer = FileBuffer(path)
    structure = check_structure(buffer, path, findings)
    is_indexed = check_index(index, structure, findings)
    stumbling = sorted({character for name in (path, index) for character in name if character in _READERS_STUMBLE_ON})
    if stumbling:
        found = ", ".join(map(repr, stumbling))
        findings.note(f"ImageRecordIter itself cannot open this path, which holds {found}; rename it before training")
    if num_records is not None and num_records != len(structure.ids):
        findings.add("structure", f"expected {num_records:,} records, found {len(structure.ids):,}")
    if source is None:
        findings.note(Text("not compared with a list, nor with the sources: no ", Argument("list_file"), " was given"))
    else:
        matches = match_list(source.entries(pack_labels), buffer, path, structure, findings)
        _check_sources(matches, check, pixels, len(structure.ids), min_psnr, num_workers, findings)
        if check is None:
            why = Text("no ", Argument("root"), " was given") if root is None else Text(Argument("pixels", "none"))
            findings.note(Text("not compared with the sources: ", why))
    if pixels == "none":
        findings.note(Text("not read through ImageRecordIter, no image was decoded: ", Argument("pixels", "none")))
    else:
        with open_progress(progress, lambda: 2 * len(structure.ids), "verify") as tell:
            how = {"sample": _SAMPLE if pixels == "sample" else None, "max_pixels": max_pixels}
            _check_readback(path, index if is_indexed else None, structure, how, timeout, findings, tell)
    return findings.report(path, len(structure.ids), time.monotonic() - started)


def _path(name: str, value: Any) -> str:
    path = arguments.path(name, value)
    if not path:
        raise ArgumentValueError(name, "is empty")
    return os.path.abspath(path)


def _file(name: str, value: Any) -> str:
    path = _path(name, value)
    if os.path.isdir(path):
        what = f" {path!r} is a folder; give the {'.rec' if name == 'rec_path' else '.idx'} in it"
        raise IsADirectoryError(Text(Argument(name), what))
    return path


def _folder(root: Optional[_Path]) -> Optional[str]:
    if root is None:
        return None
    path = _path("root", root)
    if not os.path.isdir(path):
        raise NotADirectoryError(Text(Argument("root"), f" {path!r} is no folder"))
    return path


def _check_sources(
    matches: Iterator[Match],
    check: Optional[SourceCheck],
    pixels: str,
    count: int,
    min_psnr: float,
    num_workers: int,
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
    pool: Any = SerialPool(check)
    hints = set()  # that were given: each stands once
    first_other, num_others = -1, 0  # of the JPEGs that have other bytes
    if num_workers:
        options: Any = {"name_of": lambda match: str(match[0].path), "starting": ready_to_fork}
        pool = ProcessPool(check, num_workers, multiprocessing.get_context(), **options)
    try:
        with pool:
            results = ordered_map(
                pool, matches, chunk_size=_CHUNK_MATCHES, max_items=_MATCHES_IN_FLIGHT, max_bytes=_BYTES_IN_FLIGHT
            )
            for (entry, position, _), result in results:
                if isinstance(result, str):  # of an image that a worker dies on
                    result = Difference(result)
                if isinstance(result, Likeness):
                    findings.saw_psnr(result.psnr)
                    if result.psnr >= min_psnr:
                        if result.has_other_bytes:
                            first_other, num_others = (first_other if num_others else position), num_others + 1
                        continue
                    what = f"{result.psnr:.1f} dB from its source {entry.path!r}, expected at least {min_psnr:.1f}"
                    result = Difference(what, Text(OTHER_ARGUMENTS, "; or ", Argument("min_psnr"), " is too strict"))
                findings.add("source", result.message + ("" if result.hint in hints else result.hint), position, entry.index)
                hints.add(result.hint)
    except WorkerDiedError as error:
        findings.add("source", str(error))
        for _ in matches:  # the list is still to be held against the records
            pass
    if num_others:
        findings.note(
            "JPEGs that are near their sources, but not byte for byte what OpenCV makes of these here: "
            f"{num_others:,}, the first in record {first_other}{OTHER_ARGUMENTS}, or another version of OpenCV"
        )


def _check_readback(
    path: str, index: Optional[str], structure: Structure, how: Dict[str, Any], timeout: float, findings: Findings, tell: Tell
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
            **how,
            "folder": folder,
            "parent": os.getpid(),
        }
        _run_reader(request, folder, timeout, findings, lambda done: tell(min(done, 2 * len(structure.ids)), 0))


def _link(path: str, name: str) -> None:
    try:
        os.symlink(path, name)
    except OSError:  # there are file systems, and systems, without
        shutil.copyfile(path, name)


def _run_reader(request: Dict[str, Any], folder: str, timeout: float, findings: Findings, tell: Callable[[int], None]) -> None:
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([package, *(os.path.abspath(place) for place in sys.path)])}
    with open(os.path.join(folder, "stderr"), "w+", encoding="utf-8", errors="replace") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "mxnet_im2rec.verification.readback", json.dumps(request)],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,  # which ends when this process does, so that the reader cleans up and goes too
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        try:
            ended = _take_down(process, timeout, findings, tell)
        finally:
            process.kill()
            process.wait()
            assert process.stdin is not None and process.stdout is not None
            process.stdin.close()
            process.stdout.close()
        if not ended:
            stderr.seek(0)
            findings.add("reader", f"{_describe_end(process.returncode)}{_last_words(stderr.read())}")


def _take_down(process: Any, timeout: float, findings: Findings, tell: Callable[[int], None]) -> bool:
    """Take down what the reader tells, until it ends or falls silent; gives whether it came to its end."""
    events: queue.Queue = queue.Queue()
    timeout = min(timeout, threading.TIMEOUT_MAX)

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
            if kind == "progress":
                tell(event["done"])
            elif kind == "problem":
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

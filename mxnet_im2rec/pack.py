# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""im2rec(): the one room where list, images, transforms, workers and writer meet."""

from __future__ import annotations

import logging
import multiprocessing
import numbers
import os
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Callable, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from . import images
from .cpus import usable_cpus
from .errors import EmptyDatasetError, ErrorLimitExceeded
from .listfile import ListEntry, count_entries, read_list
from .parallel import ProcessPool, SerialPool, ThreadPool, ordered_map
from .progress import Progress, Tell, open_progress
from .report import Failure, PackReport
from .verification import verify as verify_dataset
from .worker import InProcess, Packer
from .writer import RecordWriter

_log = logging.getLogger("mxnet_im2rec")

_CHUNK_ENTRIES = 8  # what goes to a worker at once
_BYTES_IN_FLIGHT = 256 << 20  # of records that wait for their turn
_READERS_STUMBLE_ON = "#?;"  # in a path: ImageRecordIter takes them for parts of a URI, or for a list of files


def im2rec(
    list_file: Union[str, os.PathLike, Iterable[ListEntry]],
    output_path: Union[str, os.PathLike],
    transformations: Optional[Callable] = None,
    num_workers: Optional[int] = None,
    batch_size: int = 4096,
    pack_labels: bool = True,
    color: int = 1,
    encoding: str = ".jpg",
    quality: int = 95,
    pass_through: bool = False,
    error_limit: Optional[int] = 0,
    *,
    root: Union[None, str, os.PathLike] = None,
    seed: int = 0,
    progress: Progress = None,
    mp_context: Any = None,
    fast_decode: bool = False,
    verify: bool = False,
) -> PackReport:
    """Pack the images of a list into a RecordIO dataset, a .rec with its .idx.

    The same arguments give the same bytes, whatever the number of workers and the batch size; random transforms included.
    Until the end what was at the output's names before stays untouched, and it stays for good if the call raises.

    Parameters
    ----------
    list_file : str, os.PathLike or iterable of ListEntry
        A .lst file in UTF-8 with lines ``index <tab> label [<tab> label ...] <tab> path``, or the entries themselves. It is
        streamed. Where a line has no tab, white space separates, and what follows the numbers is the path. Blanks within a path
        count, those around it do not.
    output_path : str or os.PathLike
        ``out`` or ``out.rec`` gives ``out.rec`` and ``out.idx``; a folder receives files named after the list.
    transformations : callable, optional
        A Gluon ``Compose``, any other ``Block``, or any callable. It receives an (H, W, C) uint8 NDArray, RGB (C = 3) or grey
        (C = 1), and returns uint8 (H, W, C); float (H, W, C) in [0, 255], which is rounded and saturated; or float (C, H, W)
        in [0, 1], as ``ToTensor`` makes it. None decodes and encodes again.
    num_workers : int, optional
        Worker processes. None takes the CPUs that this process may use, less one, at least one. 0 works in the calling process.
        With ``pass_through`` nothing is computed: None is 0, which is the fastest where the files are in memory or on a fast
        disk, and any other number is that of threads which read ahead.
    batch_size : int
        How many records are in flight at most, from being read from the list to being written.
    pack_labels : bool
        True packs all labels: more than one as an array (flag = count), one as the header's scalar. False packs the first.
    color : {1, 0, -1}
        1 decodes to RGB, 0 to grey, both with the EXIF orientation applied; -1 as stored: grey, RGB or RGBA, not rotated. With
        -1 the depth of 16 bits is kept only without transformations and as PNG.
    encoding : {'.jpg', '.jpeg', '.png'}
        How images are stored. JPEG leaves alpha out.
    quality : int
        1 to 100 for JPEG; the compression level, 0 to 9, for PNG, where the default of 95 means 3.
    pass_through : bool
        Store the files' bytes unchanged; ``color``, ``encoding``, ``quality`` and ``fast_decode`` have no say then. Only what
        MXNet's readers decode may pass: JPEG, PNG, BMP, TIFF.
    error_limit : int or None
        How many entries may fail. They are left out, logged as warnings and listed in the report. None means no limit.
    root : str or os.PathLike, optional
        The folder that relative image paths are relative to; by default the list file's, or the current one for an iterable.
    seed : int
        Random transforms are a function of this and the image's index.
    progress : None, bool or callable
        None shows a bar on a terminal or in a notebook, True and False force it; a callable receives (entries done, total or
        None, failures) after every entry.
    mp_context : str or multiprocessing context, optional
        How workers start: ``'fork'``, ``'spawn'`` or ``'forkserver'``. By default the platform's way, or what
        ``multiprocessing.set_start_method`` chose.
    fast_decode : bool
        Where the transformations begin with a ``Resize``, decode JPEGs at 1/2, 1/4 or 1/8 of their size, the smallest that is
        not below the resized one. Much faster for large photos. Pixels differ from those of a full decode, by how much
        ``benchmarks/README.md`` tells; so it is off by default.
    verify : bool
        Read the dataset back before it is published, as :func:`mxnet_im2rec.verify` does without a list: its structure, and
        every record, label and pixel through MXNet's ImageRecordIter.

    Returns
    -------
    PackReport
        What was written, and which entries were left out.

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong.
    OSError
        If the list cannot be opened, or the output's folder or the root is not there.
    ErrorLimitExceeded
        If more than ``error_limit`` entries fail; it carries all of them.
    EmptyDatasetError
        If there is nothing to write: MXNet crashes on an empty dataset.
    WorkerDiedError
        If a worker process is killed, or cannot be made ready; it names the images that were being worked on.
    OutputError
        If the dataset cannot be written whole.
    VerifyError
        If it was to be verified and does not; it carries the problems, and nothing was published.

    Warns
    -----
    LabelPrecisionWarning
        Once, if a label is an integer that float32 does not hold exactly.

    Notes
    -----
    With ``num_workers=0`` and a random transform, Python's and NumPy's generators are as before after the call; MXNet's cannot be
    read back and is seeded again from the system's entropy.

    Examples
    --------
    >>> from mxnet_im2rec import im2rec
    >>> from mxnet.gluon.data.vision import transforms
    >>> report = im2rec('images.lst', 'images_rec', transforms.Compose([transforms.Resize(300)]))  # doctest: +SKIP
    >>> print(report)  # doctest: +SKIP
    """
    started = time.monotonic()
    if not isinstance(list_file, (str, os.PathLike, Iterable)) or isinstance(list_file, bytes):
        raise TypeError(f"list_file must be a path or an iterable of ListEntry, not {list_file!r}")
    rec_path, idx_path = _output_paths(output_path, list_file)
    packer = Packer(
        root=_root_folder(root, list_file),
        transformations=transformations,
        seed=_whole_number("seed", seed, None),
        color=color,
        encoding=encoding,
        quality=quality,
        pass_through=_flag("pass_through", pass_through),
        fast_decode=_flag("fast_decode", fast_decode),
    )
    num_workers = _resolve_workers(num_workers, packer.pass_through)
    batch_size = _whole_number("batch_size", batch_size, 1)
    if error_limit is not None:
        error_limit = _whole_number("error_limit", error_limit, 0)
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise TypeError(f"progress must be None, True, False or callable, not {progress!r}")
    verify = _flag("verify", verify)
    entries = read_list(list_file, _flag("pack_labels", pack_labels))

    with ExitStack() as stack:
        with images.one_thread():
            pool = stack.enter_context(_open_pool(packer, num_workers, mp_context))
        # Only now, when the workers work already, MXNet is loaded if it is not yet. For pass_through it is not needed at all.
        with RecordWriter(rec_path, idx_path, through_mxnet=not packer.pass_through) as writer:
            with open_progress(progress, lambda: _count(list_file)) as tell:
                results = ordered_map(pool, entries, chunk_size=_CHUNK_ENTRIES, max_items=batch_size, max_bytes=_BYTES_IN_FLIGHT)
                num_records, failures = _write_results(results, writer, tell, error_limit)
            if not num_records:
                raise EmptyDatasetError(_why_empty(list_file, failures), failures)
            if verify:
                writer.check = lambda rec, idx: _verify(rec, idx, rec_path, num_records)
    seconds = time.monotonic() - started
    return PackReport(rec_path, idx_path, num_records, writer.num_bytes, tuple(failures), seconds)


def _write_results(
    results: Iterator[Any], writer: RecordWriter, tell: Tell, error_limit: Optional[int]
) -> Tuple[int, List[Failure]]:
    """Write the records, and count them; collect the failures, up to the limit."""
    num_records = 0
    failures: List[Failure] = []
    for entry, result in results:
        if isinstance(result, Failure):
            failures.append(result)
            _log.warning("failed: %s", result)
            if error_limit is not None and len(failures) > error_limit:
                raise ErrorLimitExceeded(failures, error_limit)
        else:
            writer.write(entry.index, result)
            num_records += 1
        tell(num_records + len(failures), len(failures))
    return num_records, failures


def _resolve_workers(num_workers: Optional[int], pass_through: bool) -> int:
    is_daemon = multiprocessing.current_process().daemon  # which may not have children
    if num_workers is None:
        return 0 if pass_through or is_daemon else max(usable_cpus() - 1, 1)
    num_workers = _whole_number("num_workers", num_workers, 0)
    if num_workers and is_daemon and not pass_through:
        raise ValueError("this is a daemonic process, which may not have worker processes; give num_workers=0")
    return num_workers


def _flag(name: str, value: Any) -> bool:
    if value not in (True, False):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def _verify(partial_rec: str, partial_idx: str, rec_path: str, num_records: int) -> None:
    """Verify what was written, under the name that it is to have."""
    report = verify_dataset(partial_rec, idx_path=partial_idx, num_records=num_records)
    replace(report, rec_path=rec_path).raise_for_problems()


def _open_pool(packer: Packer, num_workers: int, mp_context: Any) -> Union[SerialPool, ThreadPool, ProcessPool]:
    if num_workers == 0:
        return SerialPool(InProcess(packer) if packer.is_random else packer)
    if packer.pass_through:
        return ThreadPool(packer, num_workers)
    context = mp_context
    if mp_context is None or isinstance(mp_context, str):
        methods = multiprocessing.get_all_start_methods()
        if mp_context is not None and mp_context not in methods:
            raise ValueError(f"mp_context must be one of {', '.join(map(repr, methods))}, not {mp_context!r}")
        context = multiprocessing.get_context(mp_context)
    elif not hasattr(mp_context, "RawValue"):
        raise TypeError(f"mp_context must be the name of a start method or a multiprocessing context, not {mp_context!r}")
    return ProcessPool(packer, num_workers, context, name_of=lambda entry: str(entry.path))


def _output_paths(output_path: Union[str, os.PathLike], list_file: Any) -> Tuple[str, str]:
    """The .rec and .idx that ``output_path`` stands for."""
    path = os.fspath(output_path) if isinstance(output_path, (str, os.PathLike)) else None
    if not isinstance(path, str):
        raise TypeError(f"output_path must be a str or a PathLike of str, not {output_path!r}")
    separators = tuple(filter(None, (os.sep, os.altsep)))
    if not path:
        raise ValueError("output_path is empty; give a prefix, such as 'out' for out.rec and out.idx")
    if os.path.isdir(path) or path.endswith(separators):
        if not isinstance(list_file, (str, os.PathLike)):
            raise ValueError(
                f"output_path {path!r} is a folder, and there is no list file to name the output after; give a prefix in it"
            )
        path = os.path.join(path, os.path.splitext(os.path.basename(os.fspath(list_file)))[0])
    prefix = os.path.abspath(path[: -len(".rec")] if path.endswith(".rec") else path)
    folder = os.path.dirname(prefix)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"the output's folder {folder!r} does not exist; make it first")
    for name in (prefix + ".rec", prefix + ".idx"):
        if os.path.isdir(name):
            raise IsADirectoryError(f"the output {name!r} is a folder")
    if any(character in prefix for character in _READERS_STUMBLE_ON):
        _log.warning("MXNet's ImageRecordIter cannot open a path with '#', '?' or ';': %r", prefix + ".rec")
    return prefix + ".rec", prefix + ".idx"


def _root_folder(root: Union[None, str, os.PathLike], list_file: Any) -> str:
    if root is None:
        if not isinstance(list_file, (str, os.PathLike)):
            return os.getcwd()
        return os.path.dirname(os.path.abspath(list_file))
    folder = os.path.abspath(root)
    if not os.path.isdir(folder):
        raise NotADirectoryError(f"root {folder!r} is no folder")
    return folder


def _whole_number(name: str, value: Any, least: Optional[int]) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if least is not None and value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return int(value)


def _count(list_file: Any) -> Optional[int]:
    """The number of entries, where it can be told without using them up."""
    if isinstance(list_file, (str, os.PathLike)):
        return count_entries(list_file) if os.path.isfile(list_file) else None
    return len(list_file) if isinstance(list_file, Sequence) else None


def _why_empty(list_file: Any, failures: Sequence[Failure]) -> str:
    name = repr(os.fspath(list_file)) if isinstance(list_file, (str, os.PathLike)) else "the list"
    if not failures:
        return f"{name} has no entries; nothing was written"
    return f"all {len(failures):,} entries of {name} failed; nothing was written. The first: {failures[0]}"

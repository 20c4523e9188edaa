# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""im2rec(): the one room where list, images, transforms, workers and writer meet."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from contextlib import ExitStack
from dataclasses import replace
from importlib import metadata
from itertools import chain, islice
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from .. import arguments
from ..dataset.failures import format_failures, pick, read_failures, write_failures
from ..dataset.journal import KeptFailure
from ..dataset.publish import FAILED_RUN, table_paths
from ..dataset.writer import RecordWriter
from ..engine.ordered import ordered_map
from ..engine.processes import ProcessPool
from ..engine.serial import SerialPool
from ..engine.threads import ThreadPool
from ..errors import (
    ArgumentTypeError,
    ArgumentValueError,
    EmptyDatasetError,
    ErrorLimitExceeded,
    ListChangedError,
    RecordFormatError,
    ResumeError,
    name_table,
)
from ..images import codec as images
from ..limits import MAX_PIXELS
from ..lists.open_list import ListLike, open_list
from ..lists.source import ListSource
from ..progress import Progress, Tell, open_progress
from ..recordio.reader import RecordFile
from ..text import Argument, Call, Text, message_of
from ..transforms.pipeline import DamagedBytes, Pipeline
from ..transforms.processes import ready_to_fork
from ..values import DamagedImage, Failure, ListEntry, PackReport
from ..verification.verify import verify as verify_dataset
from .fingerprint import ListDigest, describe
from .worker import Worker

_log = logging.getLogger("mxnet_im2rec")

_CHUNK_ENTRIES = 8  # what goes to a worker at once
_BYTES_IN_FLIGHT = 256 << 20  # of records that wait for their turn
_BEGIN_ANEW = Text("Begin anew, without ", Argument("resume"))
_READERS_STUMBLE_ON = "#?;"  # in a path: ImageRecordIter takes them for parts of a URI, or for a list of files


def im2rec(
    list_file: ListLike,
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
    resume: bool = False,
    only: Union[None, str, os.PathLike, Sequence[Failure]] = None,
    timeout: Optional[float] = 300.0,
    max_pixels: Optional[int] = MAX_PIXELS,
    strict: bool = False,
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
        How many records are made again at most if the run is interrupted and resumed. Half of them are in flight at most, from
        being read from the list to being written; whenever so many are written they are secured on the disk.
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
        How many entries may fail. They are left out, logged as warnings, and listed in the report and in ``out.failures.tsv``,
        which changes only together with the dataset. None means no limit.
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
        Read the dataset back before it is published, as :func:`mxnet_im2rec.verify` does: its structure; that every entry which
        did not fail has its record, in order and with its labels, if the list can be read twice; and every record, label and
        pixel through MXNet's ImageRecordIter. The images are not read and transformed once more, to compare.
    resume : bool
        Go on with a run on this output that was interrupted, by whatever, from what it has left beside the output; without
        anything to resume it just runs. The result is that of a run which was never interrupted: entries that failed before are
        tried again, and put in their place if they work now. List, root, transformations and settings must be as they were;
        the images and the number of workers need not. False begins anew. Only while entries that failed are being put in their
        place an interruption may cost more than ``batch_size``: all of those are tried again then.
    only : str, os.PathLike or sequence of Failure, optional
        Pack only the entries that failed before: the ``.failures.tsv`` of a dataset, or its report's ``failures``. The list
        must have them on the same lines. The table of a run that has raised is refused: it may not list all.
        :func:`mxnet_im2rec.concatenate` joins the two datasets.
    timeout : float or None
        In seconds: a worker process that is on one image for longer is ended, and the image fails. None waits for ever, as do
        threads and the calling process, which nothing can end.
    max_pixels : int or None
        Images of more pixels fail before they are decoded, so that a small file cannot fill the memory; by default 2**28, which
        is 16,384 x 16,384. So does an image whose header does not tell its size: of OpenEXR and JPEG XL, or one that is odd. None
        allows any number, OpenCV up to 2**30.
    strict : bool
        An image that is damaged inside, and decodes all the same, fails, with the stage ``'decode'``; with ``pass_through`` every
        image is decoded for this. False stores such an image, logs a warning, and lists it in the report's ``damaged``; with
        ``pass_through`` nothing is decoded, and no one notices. Decoders do not notice all damage.

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
        If more than ``error_limit`` entries fail; it carries all of them up to there, and names the file that lists them,
        ``out.failed-run.failures.tsv``. The next run that succeeds removes that file. With ``num_workers=0`` its ``__cause__`` is
        the exception that the last one failed with.
    EmptyDatasetError
        If there is nothing to write: MXNet crashes on an empty dataset.
    WorkerDiedError
        If a worker process cannot be started or made ready. One that dies later is replaced, and its images are tried once more,
        each alone; one that kills a worker again fails.
    OutputError
        If the dataset cannot be written whole, or another run is writing it.
    ResumeError
        If an interrupted run cannot be resumed, because something changed; it says what.
    ListChangedError
        If the list file changes while it is read.
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
    source = open_list(list_file, root)
    rec_path, idx_path = _output_paths(output_path, source)
    failures_path, failed_run_path = table_paths(rec_path)
    options: Dict[str, Any] = {
        "root": source.root,
        "seed": arguments.whole_number("seed", seed),
        "color": color,
        "encoding": encoding,
        "quality": quality,
        "pass_through": arguments.flag("pass_through", pass_through),
        "fast_decode": arguments.flag("fast_decode", fast_decode),
        "max_pixels": None if max_pixels is None else arguments.whole_number("max_pixels", max_pixels, 1),
        "strict": arguments.flag("strict", strict),
    }
    pipeline = Pipeline(transformations=transformations, **options)
    num_workers = arguments.workers(num_workers, needs_processes=not pipeline.pass_through)
    pipeline.keeps_error = num_workers == 0
    batch_size = arguments.whole_number("batch_size", batch_size, 1)
    if error_limit is not None:
        error_limit = arguments.whole_number("error_limit", error_limit, 0)
    progress = arguments.progress(progress)
    timeout = None if timeout is None else arguments.seconds("timeout", timeout)
    verify, resume = arguments.flag("verify", verify), arguments.flag("resume", resume)
    entries = source.entries(arguments.flag("pack_labels", pack_labels))
    failed_before = read_failures(only) if isinstance(only, (str, os.PathLike)) else only
    if failed_before is not None:
        entries = pick(entries, failed_before)
        _refuse_failed_run(only)
        if isinstance(only, (str, os.PathLike)) and os.path.realpath(only) == os.path.realpath(failures_path):
            rule = f"is the table of {rec_path!r} itself, which the mended images alone would replace"
            help = Text("give another ", Argument("output_path"), ", and join the two with ", Call("concatenate"))
            raise ArgumentValueError("only", rule, help=help)
    settings = {
        **{name: str(value) for name, value in options.items()},
        "list": source.digest,
        "pack_labels": str(pack_labels),
        "only": "" if failed_before is None else describe([failure.line for failure in failed_before]),
        "transformations": describe(transformations),
        **_versions(),
    }

    failures: List[Failure] = []
    with ExitStack() as stack:
        pool = stack.enter_context(open_pool(Worker(pipeline), num_workers, mp_context, timeout))
        # Only now, when the workers work already, MXNet is loaded if it is not yet. For pass_through it is not needed at all.
        through_mxnet = not pipeline.pass_through
        with RecordWriter(rec_path, idx_path, through_mxnet, settings, resume) as writer:
            run = _Run(pool, writer, batch_size, error_limit, failures, pipeline)
            with open_progress(progress, lambda: source.count() if failed_before is None else len(failed_before)) as tell:
                try:
                    num_resumed = run.resume(entries)
                    run.pack(entries, tell)
                    if not writer.num_records:
                        raise EmptyDatasetError(_why_empty(source, failures), failures)
                except (ErrorLimitExceeded, EmptyDatasetError) as error:
                    _note_failed_run(failed_run_path, error)
                    raise
            if not source.is_unchanged():
                writer.forget()
                raise ListChangedError(f"{source.path!r} changed while it was read; nothing was written. Run it again")

            def finish(partial_rec: str, partial_idx: str) -> None:
                if verify:
                    packed = _packed_entries(source, pack_labels, failed_before, failures)
                    _verify(writer, rec_path, packed, None if progress is None else progress is True)

            writer.check = finish
            writer.table = format_failures(failures) if failures else ""
    noted = failures_path if failures else None
    seconds = time.monotonic() - started
    sizes = (writer.num_records, writer.num_bytes)
    return PackReport(rec_path, idx_path, *sizes, tuple(failures), seconds, num_resumed, noted, run.damaged)


class _Run:
    """The way from entries to what is written, and to the journal that a later run goes on from."""

    def __init__(
        self,
        pool: Any,
        writer: RecordWriter,
        batch_size: int,
        error_limit: Optional[int],
        failures: List[Failure],
        pipeline: Pipeline,
    ) -> None:
        self._pool = pool
        self._writer = writer
        self._error_limit = error_limit
        self._failures = failures
        self._damaged: List[Tuple[int, DamagedImage]] = []  # each with the number of entries before it
        self._pipeline = pipeline
        self._num_entries = 0
        self._digest = ListDigest()
        # What is lost by a crash is what is not secured yet and what is in flight.
        self._checkpoint_entries = -(-batch_size // 2)
        self._in_flight = max(1, batch_size - self._checkpoint_entries)

    def resume(self, entries: Iterator[Any]) -> int:
        """Pass over what is done already, and try again what failed; gives how many records were there."""
        kept, failed = self._writer.kept, self._writer.kept_failures
        if kept is None:
            return 0
        keys = iter(_check_kept(self._writer, kept.records))
        self._damaged += self._writer.kept_damaged
        places = {failure.entries: failure for failure in failed}
        again = []
        is_the_same = True
        for entry in islice(entries, kept.entries):
            if self._num_entries in places:
                again.append((places[self._num_entries], entry))
            else:
                is_the_same = is_the_same and next(keys, None) == entry.index
            self._take(entry)
        if not is_the_same or str(self._digest) != kept.digest:
            what = f"the list is not the one with which {self._writer.rec_path!r} was begun. "
            raise ResumeError(Text(what, _BEGIN_ANEW))
        self._try_again(again)
        return kept.records

    def _try_again(self, again: List[Tuple[KeptFailure, Any]]) -> None:
        results = zip((failure for failure, _ in again), self._map(iter([entry for _, entry in again])))
        outcomes = (
            (failure, result if isinstance(result, Failure) else (entry.index, self._look_at(result, entry, failure.entries)))
            for failure, (entry, result) in results
        )
        still: List[Tuple[KeptFailure, Any]] = []
        for failure, outcome in outcomes:
            if isinstance(outcome, tuple):
                self._writer.mend(chain(still, [(failure, outcome)], outcomes), self._damaged)
                still = [(failure, failure.failure) for failure in self._writer.kept_failures]
                break
            still.append((failure, outcome))
        for _, failure in still:
            self._fail(failure)

    def pack(self, entries: Iterator[Any], tell: Tell) -> None:
        """Write the records, secure them now and then, and collect the failures, up to the limit."""
        writer, failures = self._writer, self._failures
        unnoted: List[KeptFailure] = []
        next_checkpoint = self._num_entries + self._checkpoint_entries
        for entry, result in self._map(entries):
            if isinstance(result, Failure):
                unnoted.append(KeptFailure(self._num_entries, writer.num_records, result))
                self._fail(result)
            else:
                writer.write(entry.index, self._look_at(result, entry, self._num_entries))
            self._take(entry)
            if self._num_entries == next_checkpoint:
                writer.checkpoint(self._num_entries, str(self._digest), unnoted, self._damaged)
                unnoted = []
                next_checkpoint += self._checkpoint_entries
            tell(self._num_entries, len(failures))

    def _map(self, entries: Iterator[Any]) -> Iterator[Tuple[Any, Any]]:
        return ordered_map(self._pool, entries, chunk_size=_CHUNK_ENTRIES, max_items=self._in_flight, max_bytes=_BYTES_IN_FLIGHT)

    def _take(self, entry: Union[ListEntry, Failure]) -> None:
        self._num_entries += 1
        self._digest.add(entry)

    def _look_at(self, record: bytes, entry: ListEntry, num_before: int) -> bytes:
        """The record; if its image is damaged, take note of that."""
        if isinstance(record, DamagedBytes):
            image = DamagedImage(entry.line, entry.index, entry.path, record.damage)
            self._damaged.append((num_before, image))
            _log.warning("damaged inside, and stored all the same: %s", image)
        return record

    @property
    def damaged(self) -> Tuple[DamagedImage, ...]:
        """The images that are damaged inside, in the order of the list."""
        return tuple(image for _, image in sorted(self._damaged, key=lambda each: each[0]))

    def _fail(self, failure: Failure) -> None:
        self._failures.append(failure)
        _log.warning("failed: %s", failure)
        if self._error_limit is not None and len(self._failures) > self._error_limit:
            made, error = self._pipeline.last_error or (None, None)
            raise ErrorLimitExceeded(self._failures, self._error_limit) from (error if made is failure else None)


def _check_kept(writer: RecordWriter, num_records: int) -> List[int]:
    """The indices of what an interrupted run has left, after a check that it is what its journal says."""
    rec, idx = writer.partial_paths
    found = 0
    try:
        with RecordFile(rec, idx) as records:
            keys = records.keys.tolist()
            for record, key in zip(records, keys):
                found += record.index == key
    except RecordFormatError as error:
        raise ResumeError(Text("what an interrupted run has left is damaged: ", message_of(error), ". ", _BEGIN_ANEW)) from error
    if found != num_records:
        raise ResumeError(Text(f"{rec!r} holds {found:,} records, its journal says {num_records:,}. ", _BEGIN_ANEW))
    return keys


def _note_failed_run(path: str, error: Union[ErrorLimitExceeded, EmptyDatasetError]) -> None:
    """Write the table of a run that makes no dataset, and have the error name it. That of the dataset in place stays."""
    if not error.failures:
        return
    try:
        write_failures(path, error.failures)
    except OSError as why:  # the error itself matters more
        _log.warning("cannot write the table of failures: %s", why)
    else:
        name_table(error, path)


def _refuse_failed_run(only: Any) -> None:
    """The table of a run that has failed ends where that did, and there is no dataset that lacks just these entries."""
    if isinstance(only, (str, os.PathLike)) and os.fsdecode(only).endswith(FAILED_RUN):
        raise ValueError(
            f"only is {os.fsdecode(only)!r}, the table of a run that has made no dataset, and it may list a part of what fails "
            f"alone; pack the whole list again, or give the table of a dataset, such as out.failures.tsv"
        )


def _versions() -> Dict[str, str]:
    """Of what decides the bytes of a record."""
    try:
        mxnet = metadata.version("mxnet")
    except metadata.PackageNotFoundError:  # one that was built by hand
        mxnet = "unknown"
    return {"mxnet": mxnet, "opencv": images.cv2.__version__}


def _verify(writer: RecordWriter, rec_path: str, packed: Optional[Iterator[ListEntry]], progress: Optional[bool]) -> None:
    """Verify what was written, under the name that it is to have; what does not verify is of no use to a later run."""
    rec, idx = writer.partial_paths
    report = verify_dataset(rec, packed, idx_path=idx, num_records=writer.num_records, progress=progress, max_pixels=None)
    if not report.ok:
        writer.forget()
    replace(report, rec_path=rec_path).raise_for_problems()


def _packed_entries(
    source: ListSource, pack_labels: bool, failed_before: Optional[Sequence[Failure]], failures: Sequence[Failure]
) -> Optional[Iterator[ListEntry]]:
    """The entries that are records now, from the list read once more; None if it can be read only once."""
    if not source.can_be_read_twice:
        return None
    entries = source.entries(pack_labels, warn=False)
    if failed_before is not None:
        entries = pick(entries, failed_before)
    left_out = {failure.line for failure in failures}
    return (entry for entry in entries if isinstance(entry, ListEntry) and entry.line not in left_out)


def open_pool(
    work: Any, num_workers: int, mp_context: Any, timeout: Optional[float]
) -> Union[SerialPool, ThreadPool, ProcessPool]:
    """The workers for a callable from an entry to its record, with ``pass_through``; 0 is the calling process."""
    if num_workers == 0:
        return SerialPool(work)
    if work.pass_through:
        return ThreadPool(work, num_workers)
    context = mp_context
    if mp_context is None or isinstance(mp_context, str):
        methods = multiprocessing.get_all_start_methods()
        if mp_context is not None and mp_context not in methods:
            raise ArgumentValueError("mp_context", f"must be one of {', '.join(map(repr, methods))}", mp_context)
        context = multiprocessing.get_context(mp_context)
    elif not hasattr(mp_context, "RawValue"):
        raise ArgumentTypeError("mp_context", "must be the name of a start method or a multiprocessing context", mp_context)
    return ProcessPool(
        work,
        num_workers,
        context,
        failure_of=_failure_of_worker,
        name_of=lambda entry: str(entry.path),
        timeout=timeout,
        starting=ready_to_fork,
    )


def _failure_of_worker(entry: Union[ListEntry, Failure], reason: str) -> Failure:
    return entry if isinstance(entry, Failure) else Failure(entry.line, entry.index, entry.path, "worker", reason)


def _output_paths(output_path: Union[str, os.PathLike], source: ListSource) -> Tuple[str, str]:
    """The .rec and .idx that ``output_path`` stands for."""
    path = arguments.path("output_path", output_path)
    separators = tuple(filter(None, (os.sep, os.altsep)))
    if not path:
        raise ArgumentValueError("output_path", "is empty", help="give a prefix, such as 'out' for out.rec and out.idx")
    if os.path.isdir(path) or path.endswith(separators):
        if source.path is None:
            rule = f"{path!r} is a folder, and there is no list file to name the output after"
            raise ArgumentValueError("output_path", rule, help="give a prefix in it")
        path = os.path.join(path, os.path.splitext(os.path.basename(source.path))[0])
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


def _why_empty(source: ListSource, failures: Sequence[Failure]) -> str:
    name = "the list" if source.name is None else repr(source.name)
    if not failures:
        return f"{name} has no entries; nothing was written"
    return Text(f"all {len(failures):,} entries of {name} failed; nothing was written. The first: ", str(failures[0]))

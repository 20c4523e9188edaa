# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""im2rec(): the one room where list, images, transforms, workers and writer meet."""

from __future__ import annotations

import logging
import os
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Iterator, Optional, Sequence, Tuple, Union

from ..dataset.failures import format_failures, pick, read_failures, write_failures
from ..dataset.writer import RecordWriter
from ..errors import ArgumentValueError, EmptyDatasetError, ErrorLimitExceeded, ListChangedError, name_table
from ..lists.open_list import ListLike, open_list
from ..lists.source import ListSource
from ..mxnet_compat import is_installed
from ..progress import Progress, open_progress
from ..recordio.paths import DatasetPaths, is_of_failed_run, what_readers_stumble_on
from ..text import Argument, Call, Text
from ..values import Entries, Failure, ListEntry, PackReport
from .missing import MissingImages
from .moved_boxes import with_boxes_in_place
from .resuming import check_complete
from .resuming import resume as resume_run
from .run import Run
from .settings import PackSettings
from .tables import Tables
from .workers import open_pool

if TYPE_CHECKING:
    from ..verification.mxnet_reader import MXNetReader

_log = logging.getLogger("mxnet_im2rec")
_READER_SECONDS = 300.0  # for which MXNet's reader may be silent


def im2rec(
    list_file: ListLike,
    output_path: Union[str, os.PathLike],
    transformations: Optional[Callable] = PackSettings.transformations,
    num_workers: Optional[int] = PackSettings.num_workers,
    batch_size: int = PackSettings.batch_size,
    pack_labels: bool = PackSettings.pack_labels,
    color: int = PackSettings.color,
    encoding: str = PackSettings.encoding,
    quality: int = PackSettings.quality,
    pass_through: bool = PackSettings.pass_through,
    error_limit: Optional[int] = PackSettings.error_limit,
    *,
    root: Union[None, str, os.PathLike] = None,
    seed: int = PackSettings.seed,
    progress: Progress = PackSettings.progress,
    mp_context: Any = PackSettings.mp_context,
    fast_decode: bool = PackSettings.fast_decode,
    verify: bool = PackSettings.verify,
    resume: bool = PackSettings.resume,
    only: Union[None, str, os.PathLike, Sequence[Failure]] = PackSettings.only,
    timeout: Optional[float] = PackSettings.timeout,
    max_pixels: Optional[int] = PackSettings.max_pixels,
    strict: bool = PackSettings.strict,
    decode: Optional[Callable] = PackSettings.decode,
    sidecar: bool = PackSettings.sidecar,
) -> PackReport:
    """Pack the images of a list into a RecordIO dataset, a .rec with its .idx.

    The same arguments give the same bytes, whatever the number of workers and the batch size; random transforms included.
    Until the end what was at the output's names before stays untouched, and it stays for good if the call raises.

    Where the list has the names of its classes, ``out.classes.txt`` has them too, with a line ``number <tab> name`` for each. For
    ``photos_train.lst`` they are those of ``photos_train_classes.txt`` or, as :func:`mxnet_im2rec.make_list` writes it,
    ``photos_classes.txt`` beside the list.

    Parameters
    ----------
    list_file : str, os.PathLike, ListSource or iterable
        A .lst file in UTF-8 with lines ``index <tab> label [<tab> label ...] <tab> path``. It is streamed. Where a line has no
        tab, white space separates, and what follows the numbers is the path. Blanks within a path count, those around it do not.

        Or what :func:`from_arrays`, :func:`from_dataset`, :func:`from_table`, :func:`from_coco`, :func:`from_voc` or
        :func:`from_yolo` gives.

        Or an iterable of ListEntry, of ``(index, label, image)``, or of ``(label, image)``, whose index is the position, from 0.
        The label is a number, or a sequence of numbers. The image is a path, the bytes of an image file, or an array or NDArray,
        (H, W) or (H, W, C) uint8, with C = 1 (grey), 3 (RGB) or 4 (RGBA).
    output_path : str or os.PathLike
        ``out`` or ``out.rec`` gives ``out.rec`` and ``out.idx``; a folder receives files named after the list.
    transformations : callable, optional
        A ``Compose`` of :mod:`mxnet_im2rec.transforms`, which needs no MXNet; a Gluon ``Compose``, any other ``Block``, or any
        callable. It receives an (H, W, C) uint8 NDArray, RGB (C = 3) or grey (C = 1), and returns uint8 (H, W, C); float
        (H, W, C) in [0, 255], which is rounded and saturated; or float (C, H, W) in [0, 1], as ``ToTensor`` makes it. None
        decodes and encodes again.
    num_workers : int, optional
        Worker processes. None takes the CPUs that this process may use, less one, at least one. 0 works in the calling process.
        With ``pass_through`` nothing is computed: None is 0, which is the fastest where the files are in memory or on a fast
        disk, and any other number is that of threads which read ahead.
    batch_size : int
        How many images at most are made again if the run is interrupted and then resumed. Half of this number are worked on at
        a time; whenever that many are done, all that is written is secured on the disk. The dataset is the same with any number.
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
        Go on with a run on this output that was interrupted, by whatever, from what it has left beside the output. Where nothing
        is left, and no dataset is in place, it just runs. False begins again, and replaces what is there.

        The result is that of a run which was never interrupted: entries that failed before are tried again, and put in their
        places if they work now. List, root, transformations and settings must be as they were; the number of workers and
        ``batch_size`` need not. This is what is proven: the entries are compared one by one; the settings by their text; and up
        to four records that are there, the first, the last and two between, are made again and compared byte for byte. So
        their images must be there unchanged. What is not proven: that no other image has changed, nor that transformations
        which were edited do the same to the images of the other records.

        Where the dataset is in place and complete, its records and its table of failures are compared with the list, and the
        same few records are made again. If all is equal nothing is written, and ``num_resumed`` is ``num_records``; images
        that are damaged inside are not looked for. Anything else is a ResumeError.

        Only while entries that failed are being put in their places an interruption may cost more than ``batch_size``: all of
        those are tried again then.
    only : str, os.PathLike or sequence of Failure, optional
        Pack only the entries that failed before: the ``.failures.tsv`` of a dataset, or its report's ``failures``. The list
        must have them on the same lines. The table of a run that has raised is refused: it may not list all.
        :func:`mxnet_im2rec.concatenate` joins the two datasets.
    timeout : float or None
        In seconds: a worker process that is on one image for longer is ended, and the image fails. None sets no limit.
        Threads and the calling process have none either: nothing can end them.
    max_pixels : int or None
        Images of more pixels fail before they are decoded, so that a small file cannot fill the memory; by default 2**28, which
        is 16,384 x 16,384. So does an image whose header does not tell its size: of OpenEXR and JPEG XL, or one that is odd. None
        allows any number, OpenCV up to 2**30.
    strict : bool
        An image that is damaged inside, and decodes all the same, fails, with the stage ``'decode'``; with ``pass_through`` every
        image is decoded for this. False stores such an image, logs a warning, and lists it in the report's ``damaged``; with
        ``pass_through`` nothing is decoded, and no one notices. Decoders do not notice all damage.
    sidecar : bool
        Write ``out.sources.tsv`` too: a line ``index <tab> path <tab> label[,label ...]`` for each record, in the order of the
        records, without a line of column names. The path is the one of the list; :func:`mxnet_im2rec.extract` gives the files
        their names back with it. In a path a backslash is written as two, and a tab as ``\\t``, like in ``out.failures.tsv``.

    decode : callable, optional
        A decoder of your own, for images that OpenCV does not decode: raw, DICOM. It receives the absolute path of an entry's
        file, or the bytes where the entry holds bytes, and returns an array, (H, W) or (H, W, C) uint8, in RGB order; ``color``
        applies to it. Workers call it. It decides on every image but those that are arrays already. ``max_pixels`` looks at what
        it returns; ``fast_decode`` and ``strict`` have no say.

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
        ``out.failed-run.failures.tsv``, which a run that ends in any other way after failures writes too. The next run that
        succeeds removes that file. With ``num_workers=0`` its ``__cause__`` is
        the exception that the last one failed with.
    EmptyDatasetError
        If there is nothing to write: MXNet crashes on an empty dataset. It comes early, after 100 images, if none of these is
        there, nor one of 1,000 others of the list: the root is wrong then, most likely, and the message asks that.
    WorkerDiedError
        If a worker process cannot be started or made ready. One that dies later is replaced, and its images are tried once more,
        each alone; one that kills a worker again fails.
    OutputError
        If the dataset cannot be written whole, or another run is writing it.
    ResumeError
        If an interrupted run cannot be resumed, because something changed, or a dataset that is in place is another one; it
        says what differs.
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
    paths = DatasetPaths.of_output(output_path, named_after=source.path)
    if what_readers_stumble_on(paths.rec):
        _log.warning("MXNet's ImageRecordIter cannot open a path with '#', '?' or ';': %r", paths.rec)
    settings = PackSettings(
        transformations=transformations,
        num_workers=num_workers,
        batch_size=batch_size,
        pack_labels=pack_labels,
        color=color,
        encoding=encoding,
        quality=quality,
        pass_through=pass_through,
        error_limit=error_limit,
        seed=seed,
        progress=progress,
        mp_context=mp_context,
        fast_decode=fast_decode,
        verify=verify,
        resume=resume,
        only=only,
        timeout=timeout,
        max_pixels=max_pixels,
        strict=strict,
        decode=decode,
        sidecar=sidecar,
    )
    return _Packing(source, paths, settings).pack(started)


class _Packing:
    """One call of im2rec(), with everything checked that can be checked before the work."""

    def __init__(self, source: ListSource, paths: DatasetPaths, settings: PackSettings) -> None:
        self._source, self._paths, self._settings = source, paths, settings
        self._worker = settings.worker(source)
        self._reader: Optional[MXNetReader] = None  # where the dataset is to be verified
        self._failed_before = _failed_before(settings.only, paths)
        self._tables = Tables(source, paths, settings.sidecar)
        self._verified_by: Tuple[str, ...] = ()
        self._text = {"root": source.root, "list": source.digest, **settings.text(self._failed_before)}

    def pack(self, started: float) -> PackReport:
        """The whole way, from the pool to the dataset in its place."""
        settings, paths = self._settings, self._paths
        with ExitStack() as stack:
            workers = settings.num_workers or 0
            pool = stack.enter_context(open_pool(self._worker, workers, settings.mp_context, settings.timeout))
            if settings.verify:
                self._reader = stack.enter_context(self._start_reader())
            run = Run(pool, self._worker, settings, MissingImages(self._source))
            writer = RecordWriter(paths, through_mxnet=settings.need_mxnet, settings=self._text, resume=settings.resume)
            stack.enter_context(writer)
            stack.enter_context(self._tables)
            stack.enter_context(self._noting_failures(run))
            if writer.found_complete:
                return self._nothing_to_do(run, started)
            num_resumed = self._write(run, writer)
            writer.finish()
            if settings.verify:
                self._verify(run, *writer.partial_paths, writer.num_records, writer.forget)
            failures = [format_failures(run.failures)] if run.failures else []
            writer.publish(failures, **self._tables.texts(run.failures))
        return self._report(run, writer.num_records, writer.num_bytes, started, num_resumed)

    @contextmanager
    def _noting_failures(self, run: Run) -> Iterator[None]:
        """Around a run: if it raises, whatever it raises, what has failed up to there is listed beside the output.

        An error of failures names the table; of another one the log does. The table of the dataset in place stays.
        """
        try:
            yield
        except BaseException as error:
            if run.failures:
                _note_failed_run(self._paths.failed_run_failures, run.failures, error)
            raise

    def _write(self, run: Run, writer: RecordWriter) -> int:
        """Write every record; gives how many of them an interrupted run has left."""
        entries = self._tables.noting(self._entries())
        with open_progress(self._settings.progress, self._count) as show_progress:
            num_resumed = resume_run(run, writer, entries)
            run.pack(writer, entries, show_progress)
        if not writer.num_records:
            question = run.missing.question()
            if not question:
                run.missing.close()
            raise EmptyDatasetError(_why_empty(self._source, run.failures, self._failed_before, question), run.failures)
        if not self._source.is_unchanged():
            writer.forget()
            raise ListChangedError(f"{self._source.path!r} changed while it was read; nothing was written. Run it again")
        return num_resumed

    def _nothing_to_do(self, run: Run, started: float) -> PackReport:
        """Where the dataset is in place: the report, if it is the one that would be made."""
        num_records = check_complete(run, self._paths, self._tables.noting(self._entries()))
        if self._settings.verify:
            self._verify(run, self._paths.rec, self._paths.idx, num_records)
        self._tables.complete(run.failures)
        with suppress(FileNotFoundError):  # it is out of date, as after a run that has put its dataset in place
            os.unlink(self._paths.failed_run_failures)
        _log.info("nothing to do: %r is complete", self._paths.rec)
        return self._report(run, num_records, os.path.getsize(self._paths.rec), started, num_records)

    def _start_reader(self) -> MXNetReader:
        """The process of MXNet's own reader. It loads MXNet while the images are packed."""
        from ..verification.mxnet_reader import MXNetReader  # a tenth of a second that other runs need not spend

        return MXNetReader(_READER_SECONDS)

    def _verify(self, run: Run, rec: str, idx: str, num_records: int, forget: Callable[[], None] = lambda: None) -> None:
        """Verify what was written, under the name that it is to have; what does not verify is of no use to a later run."""
        from ..verification.layers import Task, prove

        entries = self._packed_entries(run.failures)
        task = Task(rec, idx, entries, num_records=num_records, max_pixels=None)
        bar = self._settings.progress
        report = prove(task, self._reader, None if bar is None else bar is True, time.monotonic())
        if not report.ok:
            forget()
        replace(report, rec_path=self._paths.rec).raise_for_problems()
        has_been_read = not any("not read through ImageRecordIter" in note or "was not run" in note for note in report.notes)
        by = ("the list", "OpenCV, which decoded every image", "MXNet's ImageRecordIter")
        self._verified_by = tuple(each for each, is_so in zip(by, (entries is not None, True, has_been_read)) if is_so)
        if not is_installed():
            _log.warning("verified, but not through ImageRecordIter: MXNet is not installed")

    def _entries(self, warn: bool = True) -> Entries:
        entries = self._source.entries(self._settings.pack_labels, warn)
        entries = with_boxes_in_place(entries, self._settings.transformations)
        return entries if self._failed_before is None else pick(entries, self._failed_before)

    def _count(self) -> Optional[int]:
        return self._source.count() if self._failed_before is None else len(self._failed_before)

    def _packed_entries(self, failures: Sequence[Failure]) -> Optional[Iterator[ListEntry]]:
        """The entries that are records now, from the list read once more; None if it can be read only once."""
        if not self._source.can_be_read_twice:
            return None
        left_out = {failure.line for failure in failures}
        entries = self._entries(warn=False)
        return (entry for entry in entries if isinstance(entry, ListEntry) and entry.line not in left_out)

    def _report(self, run: Run, num_records: int, num_bytes: int, started: float, num_resumed: int) -> PackReport:
        return PackReport(
            self._paths.rec,
            self._paths.idx,
            num_records,
            num_bytes,
            tuple(run.failures),
            time.monotonic() - started,
            num_resumed,
            self._paths.failures if run.failures else None,
            run.damaged,
            self._tables.classes_path,
            self._tables.sources_path,
            self._verified_by,
        )


def _failed_before(only: Any, paths: DatasetPaths) -> Optional[Sequence[Failure]]:
    """The failures to pack alone; None for the whole list.

    The table of a run that has failed ends where that run did, and there is no dataset that lacks just these entries.
    """
    if not isinstance(only, (str, os.PathLike)):
        return only
    failures = read_failures(only)
    if is_of_failed_run(os.fsdecode(only)):
        rule = f"is {os.fsdecode(only)!r}, the table of a run that has made no dataset, and it may not list all that fails"
        help = "pack the whole list again, or give the table of a dataset, such as out.failures.tsv"
        raise ArgumentValueError("only", rule, help=help)
    if os.path.realpath(only) == os.path.realpath(paths.failures):
        rule = f"is the table of {paths.rec!r} itself, which the mended images alone would replace"
        help = Text("give another ", Argument("output_path"), ", and join the two with ", Call("concatenate"))
        raise ArgumentValueError("only", rule, help=help)
    return failures


def _note_failed_run(path: str, failures: Sequence[Failure], error: BaseException) -> None:
    try:
        write_failures(path, failures)
    except OSError as why:  # the error itself matters more
        _log.warning("cannot write the table of failures: %s", why)
        return
    if isinstance(error, (ErrorLimitExceeded, EmptyDatasetError)):
        name_table(error, path)
    else:
        _log.warning("what failed in this run is listed in %r", path)


def _why_empty(source: ListSource, failures: Sequence[Failure], only: Optional[Sequence[Failure]], question: str) -> str:
    name = "the list" if source.name is None else repr(source.name)
    if not failures:
        what = f"{name} has no entries" if only is None else Text(Argument("only"), f" names no entry of {name}")
        return Text(what, "; nothing was written")
    what = "the only entry" if len(failures) == 1 else f"all {len(failures):,} entries"
    which = f"of {name}" if only is None else Text(f"of {name} that ", Argument("only"), " names")
    return Text(f"{what} ", which, " failed; nothing was written. The first: ", str(failures[0]), question)

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``im2rec.py``: takes the place of MXNet's own tool of that name, with its options, and makes the same bytes.

What it knows is that tool: how it numbers, shuffles and splits lists, and what it does with an image. The running of workers
and the writing of datasets are the package's; :func:`_pack_list` is where they are used. MXNet is not loaded.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import sys
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, NoReturn, Optional, Sequence, Tuple, Union

from .signals import Interrupted, insisting, signals_raise

if TYPE_CHECKING:
    import numpy as np

    from ..listfile import ListEntry
    from ..report import Failure

_PROG = "im2rec.py"
_SEED = 100  # of the shuffling
_CHUNK_ENTRIES, _ENTRIES_IN_FLIGHT, _BYTES_IN_FLIGHT = 8, 4096, 256 << 20  # as im2rec() has them
_TIMEOUT = 300.0  # seconds on one image, as im2rec() has it
_NAMES_SHOWN = 5
_OF_LIST_OPTION = re.compile(r"(_[0-9]+)?(_train|_val|_test)?\.lst")  # what --list puts behind the prefix
_EXACT_INTEGERS = 2**24  # up to here float32 holds every integer

_EPILOG = """\
example: a list of a folder with a subfolder a class, nine tenths of it for training; then both datasets, by 4 processes
  im2rec.py --list --recursive --train-ratio 0.9 flowers photos
  im2rec.py --resize 256 --num-thread 4 flowers photos

exit code: 0 if all is well, 1 if something could not be listed or packed, 2 for a wrong call;
130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP
"""

_AS_FILE_NAMES: Any = {"encoding": sys.getfilesystemencoding(), "errors": "surrogateescape"}  # names in a list keep their bytes

Image = Tuple[int, str, int]
"""Of the images that are listed: the index, the path relative to the root, the label."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        The exit code: 0 if all is well, 1 if images or lines of a list failed, 2 for a wrong call, 130 after Ctrl-C,
        143 after SIGTERM, 129 after SIGHUP.
    """
    try:
        with signals_raise() as received, insisting(received):
            return _run(argv)
    except (KeyboardInterrupt, Interrupted) as stop:
        by = "Ctrl-C" if isinstance(stop, KeyboardInterrupt) else str(stop)
        _warn(f"stopped by {by}; what was being written is not there, earlier files are as they were")
        return 128 + (stop.signum if isinstance(stop, Interrupted) else signal.SIGINT)
    except _WrongCallError as error:
        _warn(f"error: {error}")
        return 2
    except OSError as error:  # OutputError too
        _warn(f"error: {_reason(error)}")
        return 1
    except ImportError as error:
        _warn(f"error: a library cannot be loaded, install it: {error}")
        return 1
    except MemoryError:
        _warn("error: the memory is used up; try a smaller --num-thread")
        return 1


def _run(argv: Optional[Sequence[str]]) -> int:
    try:
        args = _parser().parse_args(argv)
    except SystemExit:  # after --help and --version; a wrong call is raised as such
        return 0
    args.prefix, args.root = os.path.abspath(args.prefix), os.path.abspath(args.root)
    return _make_lists(args) if args.list else _pack_lists(args)


class _WrongCallError(Exception):
    """What is asked for cannot be done; the message says what to give instead."""


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    pass


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _WrongCallError(f"{message} (see {_PROG} --help)")

    def _print_message(self, message: str, file: Any = None) -> None:
        _print(message, file, "")


def _parser() -> argparse.ArgumentParser:
    from .. import __version__

    parser = _Parser(
        prog=_PROG,
        formatter_class=_HelpFormatter,
        epilog=_EPILOG,
        description="Make lists of images, or RecordIO datasets of lists.",
    )
    parser.add_argument("--version", action="version", version=f"{_PROG} of mxnet_im2rec {__version__}")
    parser.add_argument("prefix", help="what the lists' and datasets' names begin with, or, to pack, a folder of lists")
    parser.add_argument("root", help="the folder that the images' paths are relative to")
    group = parser.add_argument_group("to make lists")
    add = group.add_argument
    add("--list", action="store_true", help="make PREFIX.lst of the images in ROOT, instead of PREFIX.rec of PREFIX.lst")
    add("--exts", nargs="+", default=[".jpeg", ".jpg", ".png"], help="the endings of images' names, in small letters")
    add("--chunks", type=int, default=1, help="how many lists to split the images into")
    add("--train-ratio", type=float, default=1.0, help="the part of a list that goes into its _train.lst")
    add("--test-ratio", type=float, default=0, help="the part that goes into its _test.lst; what is left is its _val.lst")
    add("--recursive", action="store_true", help="take subfolders too, and give each folder's images a label of their own")
    add("--no-shuffle", dest="shuffle", action="store_false", help="keep the images in the order of their names")
    group = parser.add_argument_group("to pack them")
    add = group.add_argument
    add("--pass-through", action="store_true", help="store the files' bytes as they are")
    add("--resize", type=int, default=0, help="the length to give the shorter side; 0 leaves the size")
    add("--center-crop", action="store_true", help="cut the longer side down to a square first")
    add("--quality", type=int, default=95, help="quality of JPEG, 1 to 100, or compression of PNG, 0 to 9; more than 9 is 9")
    add("--num-thread", type=int, default=1, help="how many processes do the work; the result is the same")
    add("--color", type=int, default=1, choices=[-1, 0, 1], help="1 decodes to colour, 0 to grey, -1 as stored, alpha included")
    add("--encoding", type=str, default=".jpg", choices=[".jpg", ".png"], help="how images are stored")
    add("--pack-label", action="store_true", help="store all labels of an image, not the first alone")
    return parser


# Lists


def _make_lists(args: argparse.Namespace) -> int:
    """Write the list, or the lists, of the images in the root."""
    if args.chunks < 1:
        raise _WrongCallError(f"--chunks must be at least 1, not {args.chunks}")
    for name, ratio in (("--train-ratio", args.train_ratio), ("--test-ratio", args.test_ratio)):
        if not 0 <= ratio <= 1:
            raise _WrongCallError(f"{name} must be from 0 to 1, not {ratio}")
    if not os.path.isdir(args.root):
        raise _WrongCallError(f"the folder of the images, {args.root!r}, is not there")
    folder = os.path.dirname(args.prefix)
    if not os.path.isdir(folder):
        raise _WrongCallError(f"the folder of the lists, {folder!r}, is not there; make it first")

    unread: List[OSError] = []
    if args.recursive:
        classes: Dict[str, int] = {}
        found = list(_images_below(args.root, args.exts, classes, unread.append))
        for name, label in classes.items():
            _say(f"{name} {label}")
    else:
        found = list(_images_in(args.root, args.exts))
    for error in unread:
        _warn(f"a folder cannot be read, its images are in no list: {_reason(error)}")
    lost = [path for _, path, _ in found if _loses(path)]
    for path in lost:
        _warn(f"the list cannot hold this name, rename the file: {path!r}")
    if not found:
        _warn(f"no image under {args.root!r} ends in {' '.join(args.exts)}; see --exts and --recursive")

    if args.shuffle:
        random.Random(_SEED).shuffle(found)
    parts = list(_split(found, args))
    _write_lists(parts)
    for path, images in parts:
        _warn(f"{path}: {_count(len(images), 'image')}")
    left_over = len(found) - sum(len(images) for _, images in parts)
    if left_over:
        _warn(f"{_count(left_over, 'image')} of {len(found):,} in none of the lists, by the rounding of the ratios")
    return int(bool(unread or lost or not found))


def _images_below(root: str, exts: Sequence[str], classes: Dict[str, int], on_error: Callable) -> Iterator[Image]:
    """The images in the root and its subfolders; a folder with images gets the next number, its images that as their label."""
    start = len(os.path.join(root, ""))
    index = 0
    for folder, subfolders, names in os.walk(root, onerror=on_error, followlinks=True):
        subfolders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if _ending(name) in exts and os.path.isfile(path):
                label = classes.setdefault(folder[start:] or ".", len(classes))
                yield index, path[start:], label
                index += 1


def _images_in(root: str, exts: Sequence[str]) -> Iterator[Image]:
    names = (name for name in sorted(os.listdir(root)) if _ending(name) in exts and os.path.isfile(os.path.join(root, name)))
    return ((index, name, 0) for index, name in enumerate(names))


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _loses(path: str) -> bool:
    """Whether a line of the list would not give the path back."""
    return path != path.strip() or any(character in path for character in "\t\n\r")


def _split(images: List[Image], args: argparse.Namespace) -> Iterator[Tuple[str, List[Image]]]:
    """The lists to write, with what goes into each. A last chunk that is shorter is split where the others are."""
    size = -(-len(images) // args.chunks)
    num_test, num_train = int(size * args.test_ratio), int(size * args.train_ratio)
    for number in range(args.chunks):
        name = f"{args.prefix}_{number}" if args.chunks > 1 else args.prefix
        chunk = images[number * size : (number + 1) * size]
        if args.train_ratio == 1:
            yield f"{name}.lst", chunk
            continue
        if args.test_ratio:
            yield f"{name}_test.lst", chunk[:num_test]
        if args.train_ratio + args.test_ratio < 1:
            yield f"{name}_val.lst", chunk[num_test + num_train :]
        yield f"{name}_train.lst", chunk[num_test : num_test + num_train]


def _write_lists(parts: Sequence[Tuple[str, Sequence[Image]]]) -> None:
    """Write every list beside its place, and put them there when all are whole."""
    token = f".{uuid.uuid4().hex[:8]}.partial"
    try:
        for path, images in parts:
            with open(path + token, "w", **_AS_FILE_NAMES) as stream:
                stream.writelines(f"{index}\t{label:f}\t{name}\n" for index, name, label in images)
        for path, _ in parts:
            os.replace(path + token, path)
    finally:
        for path, _ in parts:
            with suppress(OSError):  # it is in its place
                os.unlink(path + token)


# Datasets


def _pack_lists(args: argparse.Namespace) -> int:
    """Pack every list of the prefix."""
    if args.resize < 0:
        raise _WrongCallError(f"--resize must be at least 0, not {args.resize}")
    lists = _find_lists(args.prefix)
    args.num_thread = _few_enough(args.num_thread)
    work = _Work(args)
    all_well = [_pack(path, work, args) for path in lists]
    return 0 if all(all_well) else 1


def _few_enough(num_thread: int) -> int:
    """The number of workers, or the most of them that do not take the machine down; the result is the same."""
    from ..arguments import most_workers

    most = most_workers()
    if num_thread > most:
        _warn(f"--num-thread {num_thread} is more than this machine bears: taking {most}, the result is the same")
    return min(num_thread, most)


def _find_lists(prefix: str) -> List[str]:
    """The lists that the prefix stands for: all in it if it is a folder; else the one of just this name; else those that --list
    makes of it."""
    is_folder = os.path.isdir(prefix)
    folder = prefix if is_folder else os.path.dirname(prefix)
    if not os.path.isdir(folder):
        raise _WrongCallError(f"the folder of the lists, {folder!r}, is not there")
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".lst")]
    paths = [path for path in paths if os.path.isfile(path) and path.startswith(prefix)]
    chosen = paths
    if not is_folder:
        chosen = [path for path in paths if path in (prefix, f"{prefix}.lst")]
        chosen = chosen or [path for path in paths if _OF_LIST_OPTION.fullmatch(path, len(prefix))]
    others = [os.path.basename(path) for path in paths if path not in chosen]
    if others:
        shown = ", ".join(others[:_NAMES_SHOWN]) + (f" and {len(others) - _NAMES_SHOWN:,} more" if others[_NAMES_SHOWN:] else "")
        _warn(f"passed over, though the names begin with {os.path.basename(prefix)!r}: {shown}; to pack one give its own prefix")
    if not chosen:
        where = f"in the folder {prefix!r}" if is_folder else f"with the prefix {prefix!r}, such as {prefix + '.lst'!r}"
        raise _WrongCallError(f"there is no list {where}; make one with --list")
    return chosen


def _pack(list_path: str, work: _Work, args: argparse.Namespace) -> bool:
    """Pack one list, and say what came of it; whether all is well."""
    from ..errors import EmptyDatasetError, WorkerDiedError
    from ..listfile import count_entries
    from ..progress import open_progress
    from ..report import Failure

    base = os.path.splitext(list_path)[0]
    rec_path, idx_path = f"{base}.rec", f"{base}.idx"
    remarks = _Remarks(list_path)
    num_done = num_failed = 0

    with open_progress(None, lambda: count_entries(list_path)) as tell:

        def note(entry: Union[ListEntry, Failure], result: Union[bytes, Failure]) -> None:
            nonlocal num_done, num_failed
            num_done += 1
            if isinstance(result, Failure):
                num_failed += 1
                what = "" if result.path is None else f"{result.path!r}: "
                _tell(f"{list_path}:{result.line}: error: {what}{result.stage}: {result.reason}")
            elif isinstance(result, _Doubtful):
                _tell(f"{list_path}:{entry.line}: warning: {entry.path!r}: packed all the same, but {result.doubt}")
            tell(num_done, num_failed)

        try:
            entries = _read_list(list_path, args.pack_label, remarks)
            num_records = _pack_list(entries, work, rec_path, idx_path, args.num_thread, note)
        except EmptyDatasetError:
            _warn(f"{list_path}: all {_count(num_failed, 'entry')} failed; {rec_path} was not written" + work.advice())
            return False
        except WorkerDiedError as error:
            _warn(f"{list_path}: {error}; {rec_path} was not written")
            return False
    remarks.tell()
    _say(f"{rec_path}: {_count(num_records, 'record')}")
    if num_failed:
        _warn(f"{list_path}: {num_failed:,} of {_count(num_done, 'entry')} failed, left out of {rec_path}" + work.advice())
    elif not num_records:
        _warn(f"{list_path} has no entries: {rec_path} is empty, and MXNet's readers crash on it")
    return not num_failed


def _pack_list(
    entries: Iterable[Union[ListEntry, Failure]],
    work: _Work,
    rec_path: str,
    idx_path: str,
    num_thread: int,
    note: Callable[[Union[ListEntry, Failure], Union[bytes, Failure]], None],
) -> int:
    """Do the work on every entry, write the records, and give their number; ``note`` receives every entry with its result.

    Where all fail it raises EmptyDatasetError, and what was at the output's place stays.
    """
    import multiprocessing

    from ..errors import EmptyDatasetError
    from ..parallel import ProcessPool, SerialPool, ThreadPool, ordered_map
    from ..report import Failure
    from ..worker import starting_workers
    from ..writer import RecordWriter

    pool: Any
    if num_thread <= 1:
        pool = SerialPool(work)
    elif work.pass_through:
        pool = ThreadPool(work, num_thread)
    else:
        pool = ProcessPool(
            work,
            num_thread,
            multiprocessing.get_context(),
            failure_of=_failure_of_worker,
            name_of=lambda entry: str(entry.path),
            timeout=_TIMEOUT,
            starting=starting_workers,
        )
    num_records = num_failures = 0
    with pool, RecordWriter(rec_path, idx_path, through_mxnet=False) as writer:
        for entry, result in ordered_map(
            pool, entries, chunk_size=_CHUNK_ENTRIES, max_items=_ENTRIES_IN_FLIGHT, max_bytes=_BYTES_IN_FLIGHT
        ):
            if isinstance(result, Failure):
                num_failures += 1
            else:
                writer.write(entry.index, result)
                num_records += 1
            note(entry, result)
        if num_failures and not num_records:
            raise EmptyDatasetError("every entry failed")
    return num_records


def _failure_of_worker(entry: Union[ListEntry, Failure], reason: str) -> Failure:
    from ..report import Failure

    return entry if isinstance(entry, Failure) else Failure(entry.line, entry.index, entry.path, "worker", reason)


class _Remarks:
    """What is odd in a list, though it is packed; told once, at the end."""

    def __init__(self, list_path: str) -> None:
        from ..listfile import IndexSet

        self._list_path = list_path
        self._seen = IndexSet()
        self._num_repeated = 0
        self._repeated = self._inexact = ""

    def look_at(self, entry: ListEntry) -> None:
        if not self._seen.add(entry.index):
            self._num_repeated += 1
            self._repeated = self._repeated or f"{self._list_path}:{entry.line}: warning: the index {entry.index}"
        for label in entry.labels if not self._inexact else ():
            stored = _as_stored(label)
            if stored - stored != 0 or (stored != label and abs(label) > _EXACT_INTEGERS and label.is_integer()):
                self._inexact = f"{self._list_path}:{entry.line}: warning: the label {label:.17g} is stored as {stored:.17g}"
                break

    def tell(self) -> None:
        if self._repeated:
            many = f" ({self._num_repeated:,} such lines)" if self._num_repeated > 1 else ""
            _tell(f"{self._repeated} was on an earlier line{many}; all are packed, but readers by index find the last one only")
        if self._inexact:
            _tell(f"{self._inexact}, a float32; this is told once, later labels may be concerned too")


def _as_stored(label: float) -> float:
    from ..header import as_float32

    try:
        return as_float32(label)
    except OverflowError:
        return float("inf") if label > 0 else float("-inf")


def _read_list(path: str, pack_label: bool, remarks: _Remarks) -> Iterator[Union[ListEntry, Failure]]:
    """The entries, and a Failure for each line that is none."""
    from ..filebuffer import read_lines
    from ..listfile import LONGEST_LINE, TOO_LONG, ListEntry
    from ..report import Failure

    bom = b"\xef\xbb\xbf".decode(**_AS_FILE_NAMES)
    with open(path, **_AS_FILE_NAMES) as stream:
        for number, line in read_lines(stream, LONGEST_LINE):
            if len(line) > LONGEST_LINE:
                yield Failure(number, None, None, "list", TOO_LONG)
                continue
            if number == 1 and line.startswith(bom):
                line = line[len(bom) :]
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            try:
                entry = ListEntry(*_parse_line(text, pack_label), line=number)
            except ValueError as error:
                yield Failure(number, None, None, "list", str(error))
                continue
            remarks.look_at(entry)
            yield entry


def _parse_line(text: str, pack_label: bool) -> Tuple[int, Tuple[float, ...], str]:
    """The index, the labels that count, and the path. What Python takes for a number is one, as in MXNet's tool."""
    from ..header import MAX_INDEX

    fields = [field.strip() for field in text.split("\t")]
    if len(fields) < 3:
        raise ValueError(f"expected an index, a label and a path with tabs between them; found {text[:200]!r}")
    try:
        index = int(fields[0])
    except ValueError:
        index = -1
    if not 0 <= index <= MAX_INDEX:
        raise ValueError(f"the index {fields[0][:60]!r} is no whole number from 0 to 2**64 - 1")
    labels = []
    for field in fields[1:-1]:
        try:
            labels.append(float(field))
        except ValueError:
            raise ValueError(f"the label {field[:60]!r} is no number") from None
    if not pack_label:
        labels = labels[:1]
    if len(labels) == 1 and abs(_as_stored(labels[0])) == float("inf") != abs(labels[0]):
        raise ValueError(f"the label {fields[1][:60]} is out of the range of float32, in which labels are stored")
    return index, tuple(labels), fields[-1]


class _Doubtful(bytes):
    """A record that is packed, as MXNet's tool does, though its image is not as it should be."""

    doubt: str


class _Work:
    """From an entry to its record, or why there is none, by the steps of MXNet's tool. Can be pickled."""

    is_random = False

    def __init__(self, args: argparse.Namespace) -> None:
        self.pass_through: bool = args.pass_through
        self._root: str = args.root
        self._color: int = args.color
        self._center_crop: bool = args.center_crop
        self._resize: int = args.resize
        self._encoding: str = args.encoding
        self._quality: int = args.quality

    def prepare(self) -> None:
        """Make a worker process ready: one thread each, since there are as many processes as were asked for."""
        import cv2

        if cv2.getNumThreads() != 1:  # not in a worker that was forked
            cv2.setNumThreads(1)

    def advice(self) -> str:
        """What to say when images have failed."""
        return "" if os.path.isdir(self._root) else f"; ROOT, {self._root!r}, is no folder"

    def __call__(self, entry: Union[ListEntry, Failure]) -> Union[bytes, Failure]:
        from ..remarks import listen_to
        from ..report import Failure

        if isinstance(entry, Failure):
            return entry
        stage = "read"
        try:
            path = os.path.join(self._root, entry.path)
            with open(path, "rb") as stream:
                data = stream.read()
            doubt = self._doubt(data)
            if not self.pass_through:
                stage = "decode"
                image, damage = listen_to(self._decode, path, data)
                if damage is not None:
                    doubt = doubt or f"the image is damaged inside; its decoder says: {damage}"
                stage = "transform"
                image = self._shape(image)
                stage = "encode"
                data = self._encode(image)
            stage = "pack"
            record = _record(entry, data)
        except Exception as error:  # one image's failure, not the run's
            return Failure(entry.line, entry.index, entry.path, stage, _reason(error))
        if doubt:
            record = _Doubtful(record)
            record.doubt = doubt
        return record

    def _doubt(self, data: bytes) -> str:
        """What is wrong with a file that is packed all the same."""
        from .. import imagefile

        try:
            if self.pass_through:
                imagefile.check_readable_by_mxnet(data)
            else:
                imagefile.check_whole(data)
        except Exception as error:  # the file is so damaged that the check breaks; whether it is packed OpenCV decides
            return _reason(error)
        return ""

    def _decode(self, path: str, data: bytes) -> np.ndarray:
        import cv2
        import numpy as np

        from ..errors import ImageError
        from ..imagefile import describe

        if not data:
            raise ImageError("the file is empty")
        # OpenCV crashes on a name that is not UTF-8.
        image = cv2.imread(path, self._color) if _is_utf8(path) else cv2.imdecode(np.frombuffer(data, np.uint8), self._color)
        if image is None:
            raise ImageError(f"OpenCV cannot decode it: {describe(data)}, damaged or of a kind it does not know")
        return image

    def _shape(self, image: np.ndarray) -> np.ndarray:
        """Cut out the square in the middle, then give the shorter side its length."""
        import cv2

        from ..errors import ImageError

        if self._center_crop:
            height, width = image.shape[:2]
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            image = image[top : top + side, left : left + side]
        if self._resize:
            height, width = image.shape[:2]
            short = min(height, width)
            size = width * self._resize // short, height * self._resize // short
            if max(size) > 2**31 - 1:
                raise ImageError(f"--resize {self._resize} would make it {size[0]} x {size[1]}")
            image = cv2.resize(image, size)
        return image

    def _encode(self, image: np.ndarray) -> bytes:
        import cv2

        from ..errors import ImageError

        parameter = cv2.IMWRITE_PNG_COMPRESSION if self._encoding == ".png" else cv2.IMWRITE_JPEG_QUALITY
        done, encoded = cv2.imencode(self._encoding, image, [parameter, self._quality])
        if not done:
            raise ImageError(f"OpenCV cannot encode shape {image.shape} as {self._encoding}")
        return encoded.tobytes()


def _record(entry: ListEntry, data: bytes) -> bytes:
    from ..errors import ImageError
    from ..framing import MAX_LENGTH
    from ..header import pack_header

    header = pack_header(entry.index, [_as_stored(label) for label in entry.labels])
    size = len(header) + len(data)
    if size > MAX_LENGTH:
        raise ImageError(f"the record would have {size:,} bytes, RecordIO's limit is {MAX_LENGTH:,}; make the image smaller")
    return header + data


# What is said


def _is_utf8(path: str) -> bool:
    try:
        return path.encode("utf-8") == os.fsencode(path)
    except UnicodeEncodeError:
        return False


def _reason(error: BaseException) -> str:
    """An error as one line. Our own say it all; of others the type is part of what they say."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename!r}" if error.filename else error.strerror
    text = " ".join(str(getattr(error, "err", None) or error).split())[:500]
    if type(error).__module__.startswith("mxnet_im2rec"):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _count(number: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def _warn(text: str) -> None:
    _tell(f"{_PROG}: {text}")


def _tell(text: str) -> None:
    _print(text, sys.stderr, "\n")


def _say(text: str) -> None:
    _print(text, sys.stdout, "\n")


def _print(text: str, stream: Any, end: str) -> None:
    """Print, whatever the stream's encoding. Where nobody listens any more the work goes on, and what is printed is lost."""
    from ..errors import OutputError

    if stream is None:  # closed by the caller, with >&-
        return
    try:
        try:
            print(text, end=end, file=stream, flush=True)
        except UnicodeEncodeError:
            print(text.encode("ascii", "backslashreplace").decode("ascii"), end=end, file=stream, flush=True)
    except OSError as error:
        with suppress(OSError, ValueError):  # so that Python does not stumble on it again when it ends
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"cannot print: {_reason(error)}") from None


if __name__ == "__main__":
    sys.exit(main())

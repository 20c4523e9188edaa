# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""make_list(): a folder of images to image lists and a table of the classes. Opens no image.

The order, the numbers and the names of the files are those of ``mxnet.tools.im2rec --list``, as long as nothing has to be
rounded. That tool rounds images away; here each is in exactly one list.

The class table, ``PREFIX_classes.txt``, is UTF-8 with a line ``number <tab> name`` for each class; the name is the folder's path
relative to the root, with ``/`` between folders, and ``.`` for the root itself.
"""

from __future__ import annotations

import math
import numbers
import os
import random
import re
import time
import uuid
from array import array
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Union

from .. import arguments
from ..errors import EmptyDatasetError, OutputError
from ..values import ListEntry
from .lines import format_line, why_unlistable

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
"""Of the formats that MXNet's readers decode; so the lists serve with ``pass_through`` too."""

HIDDEN = "hidden"
NO_EXTENSION = "no extension"
FOLDER = "folder"
ROOT_CLASS = "."

_Path = Union[str, os.PathLike]
_TABLE_LINE = re.compile(r"([0-9]{1,20})\t([^\t]+)")
_MOST_KEPT = 1000  # of the names that are left out
_MOST_CLASSES_SHOWN = 1000
_SHOWN = 10
_TOLERANCE = 1e-6  # an image: 100 images at a ratio of 0.29 are 28.999999999999996
_SUM_TOLERANCE = 1e-9  # of ratios: 0.7 + 0.2 + 0.1 is no more than nearly 1
_LARGEST_NUMBER = 2**24  # up to here a float32 label holds every integer


@dataclass(frozen=True)
class ListReport:
    """What :func:`mxnet_im2rec.make_list` wrote. Printing it gives the table of the classes and a summary.

    Attributes
    ----------
    root : str
        The folder that the paths in the lists are relative to, absolute.
    lists : tuple of (str, int)
        The absolute path of each list, and how many entries it has.
    classes : tuple of (int, str, int)
        The number, the name and the count of images of each class, by number.
    classes_path : str
        The absolute path of the class table.
    num_images : int
        How many images the lists hold together.
    skipped : mapping of str to int
        How many files were passed over, by their extension in lower case, ``'no extension'``, ``'hidden'`` (files and folders
        whose name starts with a dot) or, if the folders within the root were not asked for, ``'folder'``. The most frequent
        first.
    left_out : tuple of (str, str)
        The images and folders that had to be left out, and why: a name that no list can carry, a broken link, a link back to a
        folder that it is in, a folder that may not be read. The first 1,000 at most.
    num_left_out : int
        How many there are in all.
    seconds : float
        How long the call took.
    """

    root: str
    lists: Tuple[Tuple[str, int], ...]
    classes: Tuple[Tuple[int, str, int], ...] = field(repr=False)
    classes_path: str
    num_images: int
    skipped: Mapping[str, int]
    left_out: Tuple[Tuple[str, str], ...] = field(repr=False)
    num_left_out: int
    seconds: float

    def __str__(self) -> str:
        nouns = "image" if self.num_images == 1 else "images", "class" if len(self.classes) == 1 else "classes"
        lines = [f"{self.num_images:,} {nouns[0]} of {len(self.classes):,} {nouns[1]} listed in {self.seconds:.1f} s"]
        lines += [f"  {_shown(path)}  {count:,}" for path, count in self.lists]
        if any(os.path.dirname(path) != self.root for path, _ in self.lists):
            lines.append(f"the paths in them are relative to {_shown(self.root)}; pack with this as root")
        lines += [f"classes, in {_shown(self.classes_path)}:", *self._class_lines()]
        if self.skipped:
            kinds = [f"{count:,} {_shown(kind)}" for kind, count in self.skipped.items()]
            more = f" and {len(kinds) - _SHOWN:,} more kinds" if len(kinds) > _SHOWN else ""
            lines.append(f"skipped: {', '.join(kinds[:_SHOWN])}{more}")
        if self.left_out:
            lines.append(f"{self.num_left_out:,} left out:")
            lines += [f"  {path!r}: {reason}" for path, reason in self.left_out[:_SHOWN]]
            if self.num_left_out > _SHOWN:
                lines.append(f"  ... and {self.num_left_out - _SHOWN:,} more")
        return "\n".join(lines)

    def _class_lines(self) -> List[str]:
        shown = [(f"{number}", _shown(name), f"{count:,}") for number, name, count in self.classes[:_MOST_CLASSES_SHOWN]]
        widths = [max((len(row[column]) for row in shown), default=0) for column in range(3)]
        lines = [f"  {row[0]:>{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}" for row in shown]
        if len(self.classes) > len(shown):
            lines.append(f"  ... and {len(self.classes) - len(shown):,} more")
        return lines


def make_list(
    root: _Path,
    prefix: _Path,
    *,
    recursive: bool = True,
    exts: Sequence[str] = IMAGE_EXTENSIONS,
    train_ratio: float = 1.0,
    test_ratio: float = 0.0,
    chunks: int = 1,
    shuffle: bool = True,
    seed: int = 100,
    stratify: bool = False,
    labels: Union[None, _Path, Mapping[str, int]] = None,
    progress: Optional[Callable[[int], Any]] = None,
) -> ListReport:
    """Make image lists of the images in a folder; each folder of images within it is a class.

    Every image found is in exactly one list, under an index that no other image of the lists has. The same tree and arguments
    give the same lists. Links are followed, but not back to a folder that they are in.

    Parameters
    ----------
    root : str or os.PathLike
        The folder. The paths in the lists are relative to it, with ``/`` between folders.
    prefix : str or os.PathLike
        ``out`` or ``out.lst`` gives ``out.lst``, or ``out_train.lst``, ``out_val.lst`` and ``out_test.lst``; with chunks
        ``out_0.lst``, ``out_1.lst``, ... or ``out_0_train.lst``, ...; and the class table ``out_classes.txt``.
    recursive : bool
        Whether to go into the folders within the root. Else its own images are one class, number 0.
    exts : sequence of str
        The extensions of images, with or without their dot, in any case.
    train_ratio, test_ratio : float
        The shares of the training and the test list, 0 to 1 each and together; what remains is the validation list. With a
        train_ratio of 1 there is one list, ``out.lst``. A list whose share is 0 is not made.
    chunks : int
        Into how many parts of about the same size the images are divided, each with lists of its own.
    shuffle : bool
        Whether to put the images in random order. Else they are sorted, and the lists divide them in this order: the test
        list has the first classes then, unless ``stratify`` is given.
    seed : int
        Of the random order.
    stratify : bool
        Divide each class by the ratios, and over the chunks, to within an image or two. The sizes of the lists are the same.
    labels : str, os.PathLike or mapping of str to int, optional
        The numbers of the classes; by default they are counted from 0 in the order of the sorted folders. A file is a class
        table as this function writes it, or has one name a line, whose numbers are 0, 1, ...; names may share a number. So
        separate trees for training and validation agree.
    progress : callable, optional
        Receives the count of images found so far, after each.

    Returns
    -------
    ListReport
        What was written, and what was passed over.

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong, or a folder with images is not in ``labels``.
    EmptyDatasetError
        If no image is found, or a list would have none.
    OSError
        If the root cannot be read, or the folder of the prefix is not there.
    OutputError
        If a list cannot be written. Whenever the call raises for another reason, nothing was written.

    Examples
    --------
    >>> from mxnet_im2rec import make_list
    >>> report = make_list('photos', 'photos', train_ratio=0.8, stratify=True)  # doctest: +SKIP
    >>> print(report)  # doctest: +SKIP
    """
    started = time.monotonic()
    extensions = _check_extensions(exts)
    train_ratio, test_ratio = _check_ratios(train_ratio, test_ratio)
    chunks, seed = arguments.whole_number("chunks", chunks, 1), arguments.whole_number("seed", seed)
    for name, value in (("recursive", recursive), ("shuffle", shuffle), ("stratify", stratify)):
        arguments.flag(name, value)
    if not (progress is None or callable(progress)):
        raise TypeError(f"progress must be None or callable, not {progress!r}")
    root, prefix = _check_root(root), _check_prefix(prefix)
    table = None if labels is None else _check_table(labels) if isinstance(labels, Mapping) else read_classes(labels)

    tree = _Tree(root, extensions)
    tree.walk(recursive, progress)
    if not tree.names:
        raise EmptyDatasetError(_why_none(tree, extensions))
    if table is None:
        table = {name: number for number, name in enumerate(tree.folders)}
    label_of_folder = _labels_of(tree, table, labels)

    order = list(range(len(tree.names)))
    if shuffle:
        random.Random(seed).shuffle(order)  # MXNet's tool gives its list the same order with random.seed(100)
    parts = _plan(len(order), chunks, train_ratio, test_ratio)
    _check_parts(parts, prefix, len(order))
    sizes = [size for _, size in parts]
    if stratify:
        divided = _divide_each_label(order, [label_of_folder[folder] for folder in tree.folder_of], sizes)
    else:
        divided = _cut(order, sizes)

    lists = [(f"{prefix}{suffix}.lst", positions) for (suffix, _), positions in zip(parts, divided)]
    classes_path = f"{prefix}_classes.txt"
    texts: List[Tuple[str, Iterator[str]]] = [(path, _entry_lines(tree, label_of_folder, chosen)) for path, chosen in lists]
    if not _is_same_file(labels, classes_path):
        texts.append((classes_path, (f"{number}\t{name}" for name, number in table.items())))
    _write_all(texts)

    counts = Counter(tree.folder_of)
    count_of = {name: counts[folder] for folder, name in enumerate(tree.folders)}
    return ListReport(
        root=root,
        lists=tuple((path, len(positions)) for path, positions in lists),
        classes=tuple(sorted((number, name, count_of.get(name, 0)) for name, number in table.items())),
        classes_path=classes_path,
        num_images=len(order),
        skipped=dict(_by_count(tree.skipped)),
        left_out=tuple(sorted(tree.left_out)),
        num_left_out=tree.num_left_out,
        seconds=time.monotonic() - started,
    )


class _Tree:
    """The images below a folder, in the order of the sorted names, those of a folder before those of the folders in it."""

    def __init__(self, root: str, extensions: FrozenSet[str]) -> None:
        self.root = root
        self._extensions = extensions
        self.names: List[str] = []
        self.folder_of = array("I")  # where each name is, as a position in folders
        self.folders: List[str] = []
        self.skipped: Counter = Counter()
        self.left_out: List[Tuple[str, str]] = []
        self.num_left_out = 0

    def path(self, position: int) -> str:
        return _join(self.folders[self.folder_of[position]], self.names[position])

    def walk(self, recursive: bool, progress: Optional[Callable[[int], Any]]) -> None:
        waiting: List[Tuple[str, FrozenSet[Tuple[int, int]]]] = [(ROOT_CLASS, frozenset())]  # a folder, and those that it is in
        while waiting:
            folder, above = waiting.pop()
            try:
                status = os.stat(self._absolute(folder))
                here = (status.st_dev, status.st_ino)
                if here in above:
                    self._leave_out(folder, "it links back to a folder that it is in")
                    continue
                names, subfolders = self._look_into(folder)
            except (PermissionError, FileNotFoundError) as error:
                if folder == ROOT_CLASS:
                    raise
                self._leave_out(folder, f"the folder cannot be read: {error.strerror}")
                continue
            for name in sorted(names):
                self._take(folder, name)
                if progress is not None:
                    progress(len(self.names))
            if recursive:
                inside = above | {here}
                waiting += [(_join(folder, name), inside) for name in sorted(subfolders, reverse=True)]
            elif subfolders:
                self.skipped[FOLDER] += len(subfolders)

    def _look_into(self, folder: str) -> Tuple[List[str], List[str]]:
        """The names of a folder's images and of the folders in it; counts the others."""
        names: List[str] = []
        subfolders: List[str] = []
        with os.scandir(self._absolute(folder)) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    self.skipped[HIDDEN] += 1
                    continue
                extension = os.path.splitext(entry.name)[1].lower()
                try:
                    if entry.is_dir():
                        subfolders.append(entry.name)
                    elif extension not in self._extensions:
                        self.skipped[extension or NO_EXTENSION] += 1
                    elif entry.is_file():
                        names.append(entry.name)
                    else:
                        self._leave_out(_join(folder, entry.name), "it is a broken link, or no regular file")
                except OSError as error:  # a link to itself, for one
                    self._leave_out(_join(folder, entry.name), f"it cannot be followed: {error.strerror}")
        return names, subfolders

    def _take(self, folder: str, name: str) -> None:
        path = _join(folder, name)
        reason = why_unlistable(path)
        if reason is not None:
            self._leave_out(path, f"its name cannot stand in a list: {reason}")
            return
        if not self.folders or self.folders[-1] != folder:  # a class has at least one image
            self.folders.append(folder)
        self.names.append(name)
        self.folder_of.append(len(self.folders) - 1)

    def _absolute(self, folder: str) -> str:
        return self.root if folder == ROOT_CLASS else os.path.join(self.root, folder)

    def _leave_out(self, path: str, reason: str) -> None:
        self.num_left_out += 1
        if len(self.left_out) < _MOST_KEPT:
            self.left_out.append((path, reason))


def _join(folder: str, name: str) -> str:
    return name if folder == ROOT_CLASS else f"{folder}/{name}"


def _plan(count: int, chunks: int, train_ratio: float, test_ratio: float) -> List[Tuple[str, int]]:
    """The suffix of each list and its number of images, in the order in which MXNet's tool cuts them off. The remainder of the
    rounding goes to the validation list, or, where there is none, to the training list."""
    parts: List[Tuple[str, int]] = []
    for chunk in range(chunks):
        size = (chunk + 1) * count // chunks - chunk * count // chunks
        suffix = f"_{chunk}" if chunks > 1 else ""
        if train_ratio == 1:
            parts.append((suffix, size))
            continue
        has_val = train_ratio + test_ratio < 1 - _SUM_TOLERANCE
        test = math.floor(size * test_ratio + _TOLERANCE) if has_val or train_ratio else size
        train = math.floor(size * train_ratio + _TOLERANCE) if has_val else size - test
        wanted = (("_test", test, test_ratio > 0), ("_train", train, train_ratio > 0), ("_val", size - test - train, has_val))
        parts += [(suffix + name, number) for name, number, is_wanted in wanted if is_wanted]
    return parts


def _check_parts(parts: Sequence[Tuple[str, int]], prefix: str, count: int) -> None:
    for suffix, size in parts:
        if not size:
            found = "1 image was found" if count == 1 else f"{count:,} images were found"
            raise EmptyDatasetError(
                f"{prefix + suffix + '.lst'!r} would have no entry: {found}; change the ratios or the chunks. Nothing was written"
            )


def _cut(order: Sequence[int], sizes: Sequence[int]) -> List[Sequence[int]]:
    divided = []
    start = 0
    for size in sizes:
        divided.append(order[start : start + size])
        start += size
    return divided


def _divide_each_label(order: Sequence[int], labels: Sequence[int], sizes: Sequence[int]) -> List[Sequence[int]]:
    """Lists of these sizes, each with its share of every label, in the order given."""
    of_label: Dict[int, List[int]] = {}
    for position in order:
        of_label.setdefault(labels[position], []).append(position)
    left = [len(positions) for positions in of_label.values()]
    part_of = array("I", [0]) * len(order)
    for part, size in enumerate(sizes):
        shares = _shares(left, size)
        for label, positions in enumerate(of_label.values()):
            start = len(positions) - left[label]
            for position in positions[start : start + shares[label]]:
                part_of[position] = part
            left[label] -= shares[label]
    divided: List[List[int]] = [[] for _ in sizes]
    for position in order:
        divided[part_of[position]].append(position)
    return list(divided)


def _shares(counts: Sequence[int], total: int) -> List[int]:
    """Divide a total in proportion to counts, by the largest remainders: each share is exact but for less than 1, and at most
    its count.

    Examples
    --------
    >>> _shares([6, 3, 1], 5)
    [3, 2, 0]
    """
    whole = sum(counts)
    if not whole:
        return [0] * len(counts)
    shares = [count * total // whole for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda place: -(counts[place] * total % whole))
    for place in by_remainder[: total - sum(shares)]:
        shares[place] += 1
    return shares


def _entry_lines(tree: _Tree, label_of_folder: Sequence[int], positions: Iterable[int]) -> Iterator[str]:
    for position in positions:
        label = float(label_of_folder[tree.folder_of[position]])
        yield format_line(ListEntry(position, (label,), tree.path(position)))


def _labels_of(tree: _Tree, table: Mapping[str, int], source: Any) -> List[int]:
    unknown = [folder for folder in tree.folders if folder not in table]
    if unknown:
        names = ", ".join(map(repr, unknown[:_SHOWN])) + (f" and {len(unknown) - _SHOWN:,} more" if len(unknown) > _SHOWN else "")
        where = "labels" if isinstance(source, Mapping) else f"the class table {os.fspath(source)!r}"
        noun = "this folder with images is" if len(unknown) == 1 else "these folders with images are"
        raise ValueError(
            f"{noun} not in {where}: {names}; add them there, or take them out of {tree.root!r}. Nothing was written"
        )
    return [table[folder] for folder in tree.folders]


def read_classes(path: _Path) -> Dict[str, int]:
    """Read a class table.

    Parameters
    ----------
    path : str or os.PathLike
        A file in UTF-8 with a line ``number <tab> name`` for each class, the numbers from 0 to 2**24; or with one name a line,
        whose numbers are 0, 1, ... Blank lines do not count.

    Returns
    -------
    dict of str to int
        The numbers of the classes, in the order of the file.

    Raises
    ------
    ValueError
        If it is neither, or a name occurs twice; it says in which line.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"labels must be a path or a mapping of names to numbers, not {path!r}")
    with open(path, "rb") as stream:
        data = stream.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"the class table {os.fspath(path)!r} is not UTF-8 (byte {error.start + 1:,}); save it as UTF-8"
        ) from None
    lines = [(number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    has_numbers = any("\t" in line for _, line in lines)
    table: Dict[str, int] = {}
    for position, (number, line) in enumerate(lines):
        where = f"the class table {os.fspath(path)!r}, line {number}"
        match = _TABLE_LINE.fullmatch(line)
        if has_numbers and match is None:
            raise ValueError(f"{where}: expected a whole number, a tab and a name, found {line[:200]!r}")
        name, label = (match.group(2), int(match.group(1))) if match is not None else (line.strip(), position)
        if label > _LARGEST_NUMBER:
            raise ValueError(f"{where}: the number {label} is beyond 2**24, up to which float32 labels are exact")
        if name in table:
            raise ValueError(f"{where}: the class {name!r} was on an earlier line")
        table[name] = label
    if not table:
        raise ValueError(f"the class table {os.fspath(path)!r} has no class in it")
    return table


def _check_table(labels: Mapping[str, int]) -> Dict[str, int]:
    table: Dict[str, int] = {}
    for name, number in labels.items():
        if not isinstance(name, str) or isinstance(number, bool) or not isinstance(number, numbers.Integral):
            raise TypeError(f"labels must map names to whole numbers, not {name!r} to {number!r}")
        if not 0 <= number <= _LARGEST_NUMBER:
            raise ValueError(f"the number of the class {name!r} must be from 0 to 2**24, not {number}")
        if why_unlistable(f"_{name}_") is not None or not name:
            raise ValueError(f"the name of a class cannot be {name!r}: no folder in a list has it")
        table[name] = int(number)
    if not table:
        raise ValueError("labels has no class in it")
    return table


def _write_all(texts: Sequence[Tuple[str, Iterator[str]]]) -> None:
    """Write the files under temporary names, and put them in place when all are whole."""
    partial = {path: f"{path}.{uuid.uuid4().hex[:8]}.partial" for path, _ in texts}
    try:
        for path, lines in texts:
            with open(partial[path], "w", encoding="utf-8", newline="\n") as stream:
                stream.writelines(line + "\n" for line in lines)
        for path, _ in texts:
            os.replace(partial[path], path)
    except OSError as error:
        raise OutputError(f"cannot write the lists to {os.path.dirname(texts[0][0])!r}: {error}") from error
    finally:
        for name in partial.values():
            with suppress(OSError):  # it is in place already
                os.unlink(name)


def _is_same_file(labels: Any, classes_path: str) -> bool:
    """Whether the table that was given stands where ours would; it is the user's then, and stays as it is."""
    if labels is None or isinstance(labels, Mapping) or not os.path.exists(classes_path):
        return False
    return os.path.samefile(labels, classes_path)


def _check_extensions(exts: Sequence[str]) -> FrozenSet[str]:
    extensions: Set[str] = set()
    for extension in [exts] if isinstance(exts, str) else exts:
        if not isinstance(extension, str):
            raise TypeError(f"exts must be extensions such as '.jpg', not {extension!r}")
        name = extension.lower()[extension.startswith(".") :]
        if not name or "." in name or "/" in name:
            raise ValueError(f"exts must be extensions such as '.jpg', not {extension!r}")
        extensions.add("." + name)
    if not extensions:
        raise ValueError("exts is empty; give the extensions of images, such as '.jpg'")
    return frozenset(extensions)


def _check_ratios(train_ratio: float, test_ratio: float) -> Tuple[float, float]:
    """Both as float, with a sum of exactly 1 where it is 1 but for rounding."""
    for name, ratio in (("train_ratio", train_ratio), ("test_ratio", test_ratio)):
        if isinstance(ratio, bool) or not isinstance(ratio, numbers.Real):
            raise TypeError(f"{name} must be a number from 0 to 1, not {ratio!r}")
        if not 0 <= ratio <= 1:
            raise ValueError(f"{name} must be from 0 to 1, not {ratio}")
    total = float(train_ratio) + float(test_ratio)
    if total > 1 + _SUM_TOLERANCE:
        raise ValueError(f"train_ratio and test_ratio together must be at most 1, not {total:g}")
    train_ratio = 1.0 - float(test_ratio) if total > 1 - _SUM_TOLERANCE else float(train_ratio)
    return train_ratio, float(test_ratio)


def _check_root(root: _Path) -> str:
    folder = os.path.abspath(_text("root", root))
    if not os.path.isdir(folder):
        raise NotADirectoryError(f"root {folder!r} is no folder")
    return folder


def _check_prefix(prefix: _Path) -> str:
    text = _text("prefix", prefix)
    text = text[: -len(".lst")] if text.endswith(".lst") else text
    if not text or text.endswith("/"):
        raise ValueError(f"prefix must be the begin of the lists' names, such as 'out' for out.lst, not {os.fspath(prefix)!r}")
    text = os.path.abspath(text)
    if not os.path.isdir(os.path.dirname(text)):
        raise FileNotFoundError(f"the folder of the lists {os.path.dirname(text)!r} does not exist; make it first")
    return text


def _text(name: str, path: _Path) -> str:
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str or a PathLike of str, not {path!r}")
    return text


def _why_none(tree: _Tree, extensions: Iterable[str]) -> str:
    found = ", ".join(f"{count:,} {_shown(kind)}" for kind, count in _by_count(tree.skipped)[:_SHOWN])
    text = f"no image ({', '.join(sorted(extensions))}) in {tree.root!r}; {'skipped: ' + found if found else 'nothing is there'}"
    if tree.left_out:
        path, reason = min(tree.left_out)
        text += f"; {tree.num_left_out:,} left out, the first: {path!r}: {reason}"
    return f"{text}. Nothing was written"


def _by_count(counts: Mapping[str, int]) -> List[Tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _shown(text: str) -> str:
    """A name for a reader; what a terminal would take for something else is escaped, and blanks at an end are seen in quotes."""
    return text if text.isprintable() and text == text.strip() else repr(text)

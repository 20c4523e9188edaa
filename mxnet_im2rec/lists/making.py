# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""make_list(): a folder of images becomes image lists and a table of the classes. Opens no image.

The order, the numbers and the names of the files are those of ``mxnet.tools.im2rec --list``, as long as nothing has to be
rounded. That tool rounds images away; here each is in exactly one list.
"""

from __future__ import annotations

import numbers
import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, FrozenSet, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Union

from .. import arguments
from ..errors import ArgumentTypeError, ArgumentValueError, EmptyDatasetError, OutputError
from ..storage.writing import write_whole
from ..text import Argument, Text, count, first_lines, visible
from ..values import ListEntry
from .classes import class_table, table_lines
from .dividing import SUM_TOLERANCE, cut, divide_each_label, plan_lists
from .lines import format_line
from .tree import ImageTree

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
"""Of the formats that MXNet's readers decode; so the lists serve with ``pass_through`` too."""

_Path = Union[str, os.PathLike]
_MOST_CLASSES_SHOWN = 1000
_SHOWN = 10


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
        num_images = count(self.num_images, "image")
        lines: List[str] = [f"{num_images} of {count(len(self.classes), 'class', 'classes')} listed in {self.seconds:.1f} s"]
        lines += [f"  {_shown(path)}  {number:,}" for path, number in self.lists]
        if any(os.path.dirname(path) != self.root for path, _ in self.lists):
            root_of_packing = Argument("root", function="im2rec")
            lines.append(Text(f"the paths in them are relative to {_shown(self.root)}; pack with this as ", root_of_packing))
        lines += [f"classes, in {_shown(self.classes_path)}:", *self._class_lines()]
        if self.skipped:
            kinds = [f"{number:,} {_shown(kind)}" for kind, number in self.skipped.items()]
            more = f" and {len(kinds) - _SHOWN:,} more kinds" if len(kinds) > _SHOWN else ""
            lines.append(f"skipped: {', '.join(kinds[:_SHOWN])}{more}")
        if self.left_out:
            lines.append(f"{self.num_left_out:,} left out:")
            found = [f"{path!r}: {reason}" for path, reason in self.left_out]
            lines += first_lines(found, _SHOWN, self.num_left_out)
        return Text("\n").join(lines)

    def _class_lines(self) -> List[str]:
        shown = [(f"{number}", _shown(name), f"{count:,}") for number, name, count in self.classes[:_MOST_CLASSES_SHOWN]]
        widths = [max((len(row[column]) for row in shown), default=0) for column in range(3)]
        lines = [f"{row[0]:>{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}" for row in shown]
        return first_lines(lines, _MOST_CLASSES_SHOWN, len(self.classes))


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
    overwrite: bool = False,
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
    overwrite : bool
        Whether to replace lists, and a class table, that are there already.

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
    FileExistsError
        If one of the lists, or the class table, is there already, unless ``overwrite`` is given.
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
    ratios = _check_ratios(train_ratio, test_ratio)
    chunks, seed = arguments.whole_number("chunks", chunks, 1), arguments.whole_number("seed", seed)
    for name, value in (("recursive", recursive), ("shuffle", shuffle), ("stratify", stratify)):
        arguments.flag(name, value)
    arguments.progress(progress, may_be_flag=False)
    root = arguments.folder("root", root)
    *outputs, classes_path = paths_of(prefix, chunks, *ratios)
    table = None if labels is None else class_table(labels)
    keeps_table = _is_same_file(labels, classes_path)
    arguments.refuse_existing(outputs if keeps_table else [*outputs, classes_path], overwrite)

    tree = ImageTree(root, extensions)
    tree.walk(recursive, progress)
    if not tree.names:
        raise EmptyDatasetError(_why_none(tree, extensions))
    if table is None:
        table = {name: number for number, name in enumerate(tree.folders)}
    label_of_folder = _labels_of(tree, table, labels)
    sizes = [size for _, size in plan_lists(len(tree.names), chunks, *ratios)]
    _check_sizes(sizes, outputs, len(tree.names))
    divided = _divide(tree, label_of_folder, sizes, seed if shuffle else None, stratify)

    texts = [(path, _entry_lines(tree, label_of_folder, chosen)) for path, chosen in zip(outputs, divided)]
    if not keeps_table:
        texts.append((classes_path, table_lines(table)))
    _write_all(texts, overwrite)
    count_of_folder = Counter(tree.folder_of)
    count_of = {name: count_of_folder[folder] for folder, name in enumerate(tree.folders)}
    return ListReport(
        root=root,
        lists=tuple(zip(outputs, sizes)),
        classes=tuple(sorted((number, name, count_of.get(name, 0)) for name, number in table.items())),
        classes_path=classes_path,
        num_images=len(tree.names),
        skipped=dict(_by_count(tree.skipped)),
        left_out=tuple(sorted(tree.left_out)),
        num_left_out=tree.num_left_out,
        seconds=time.monotonic() - started,
    )


def paths_of(prefix: _Path, chunks: int, train_ratio: float, test_ratio: float) -> List[str]:
    """What :func:`make_list` writes: the lists, and the table of the classes at the end."""
    begin = _check_prefix(prefix)
    suffixes = [suffix for suffix, _ in plan_lists(0, chunks, *_check_ratios(train_ratio, test_ratio))]
    return [*(f"{begin}{suffix}.lst" for suffix in suffixes), f"{begin}_classes.txt"]


def _check_sizes(sizes: Sequence[int], paths: Sequence[str], num_images: int) -> None:
    for size, path in zip(sizes, paths):
        if not size:
            found = f"{count(num_images, 'image was', 'images were')} found"
            raise EmptyDatasetError(
                f"{path!r} would have no entry: {found}; change the ratios or the chunks. Nothing was written"
            )


def _divide(
    tree: ImageTree, label_of_folder: Sequence[int], sizes: Sequence[int], seed: Optional[int], stratify: bool
) -> List[Sequence[int]]:
    """The positions of the images that go into each list, in random order unless the seed is None."""
    order = list(range(len(tree.names)))
    if seed is not None:
        random.Random(seed).shuffle(order)  # MXNet's tool gives its list the same order with random.seed(100)
    if stratify:
        return divide_each_label(order, [label_of_folder[folder] for folder in tree.folder_of], sizes)
    return cut(order, sizes)


def _entry_lines(tree: ImageTree, label_of_folder: Sequence[int], positions: Iterable[int]) -> Iterator[str]:
    for position in positions:
        label = float(label_of_folder[tree.folder_of[position]])
        yield format_line(ListEntry(position, (label,), tree.path(position))) + "\n"


def _labels_of(tree: ImageTree, table: Mapping[str, int], source: Any) -> List[int]:
    unknown = [folder for folder in tree.folders if folder not in table]
    if unknown:
        more = f" and {len(unknown) - _SHOWN:,} more" if len(unknown) > _SHOWN else ""
        names = ", ".join(map(repr, unknown[:_SHOWN])) + more
        folders = "this folder with images is" if len(unknown) == 1 else "these folders with images are"
        where = Text(Argument("labels")) if isinstance(source, Mapping) else f"the class table {os.fspath(source)!r}"
        advice = f"add them there, or take them out of {tree.root!r}. Nothing was written"
        raise ValueError(Text(f"{folders} not in ", where, f": {names}; {advice}"))
    return [table[folder] for folder in tree.folders]


def _write_all(texts: Sequence[Tuple[str, Iterator[str]]], overwrite: bool) -> None:
    """Write the files, and put them in place when all are whole; what has come meanwhile stays."""
    try:
        write_whole(texts, ready=lambda: arguments.refuse_existing((path for path, _ in texts), overwrite))
    except FileExistsError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write the lists to {os.path.dirname(texts[0][0])!r}: {error}") from error


def _is_same_file(labels: Any, classes_path: str) -> bool:
    """Whether the table that was given stands where ours would; it is the user's then, and stays as it is."""
    if labels is None or isinstance(labels, Mapping) or not os.path.exists(classes_path):
        return False
    return os.path.samefile(labels, classes_path)


def _check_extensions(exts: Sequence[str]) -> FrozenSet[str]:
    extensions: Set[str] = set()
    for extension in [exts] if isinstance(exts, str) else exts:
        if not isinstance(extension, str):
            raise ArgumentTypeError("exts", "must be extensions such as '.jpg'", extension)
        name = extension.lower()[extension.startswith(".") :]
        if not name or "." in name or "/" in name:
            raise ArgumentValueError("exts", "must be extensions such as '.jpg'", extension)
        extensions.add("." + name)
    if not extensions:
        raise ArgumentValueError("exts", "is empty", help="give the extensions of images, such as '.jpg'")
    return frozenset(extensions)


def _check_ratios(train_ratio: float, test_ratio: float) -> Tuple[float, float]:
    """Both as float, with a sum of exactly 1 where only rounding makes it another."""
    for name, ratio in (("train_ratio", train_ratio), ("test_ratio", test_ratio)):
        if isinstance(ratio, bool) or not isinstance(ratio, numbers.Real):
            raise ArgumentTypeError(name, "must be a number from 0 to 1", ratio)
        if not 0 <= ratio <= 1:
            raise ArgumentValueError(name, "must be from 0 to 1", ratio)
    total = float(train_ratio) + float(test_ratio)
    if total > 1 + SUM_TOLERANCE:
        rule = Text("and ", Argument("test_ratio"), f" together must be at most 1, not {total:g}")
        raise ArgumentValueError("train_ratio", rule)
    return 1.0 - float(test_ratio) if total > 1 - SUM_TOLERANCE else float(train_ratio), float(test_ratio)


def _check_prefix(prefix: _Path) -> str:
    text = arguments.path("prefix", prefix)
    text = text[: -len(".lst")] if text.endswith(".lst") else text
    if not text or text.endswith("/"):
        rule = "must be what the lists' names begin with, such as 'out' for out.lst"
        raise ArgumentValueError("prefix", rule, os.fspath(prefix))
    text = os.path.abspath(text)
    if not os.path.isdir(os.path.dirname(text)):
        raise FileNotFoundError(f"the folder of the lists {os.path.dirname(text)!r} does not exist; make it first")
    return text


def _why_none(tree: ImageTree, extensions: Iterable[str]) -> str:
    found = ", ".join(f"{number:,} {_shown(kind)}" for kind, number in _by_count(tree.skipped)[:_SHOWN])
    text = f"no image ({', '.join(sorted(extensions))}) in {tree.root!r}; {'skipped: ' + found if found else 'nothing is there'}"
    if tree.left_out:
        path, reason = min(tree.left_out)
        text += f"; {tree.num_left_out:,} left out, the first: {path!r}: {reason}"
    return f"{text}. Nothing was written"


def _by_count(counts: Mapping[str, int]) -> List[Tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _shown(text: str) -> str:
    """A name for a reader; what a terminal would take for something else is escaped, and blanks at an end are seen in quotes."""
    return visible(text) if text == text.strip() else repr(text)

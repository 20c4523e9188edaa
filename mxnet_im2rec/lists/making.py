# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""make_list(): a folder of images becomes image lists and a table of the classes.

The order, the numbers and the names of the files are those of ``mxnet.tools.im2rec --list``, as long as nothing has to be
rounded. That tool rounds images away; here each is in exactly one list.
"""

from __future__ import annotations

import numbers
import os
import random
import re
import time
from array import array
from collections import Counter
from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Union

from .. import arguments
from ..errors import ArgumentTypeError, ArgumentValueError, EmptyDatasetError, OutputError
from ..storage.writing import write_whole
from ..text import Argument, Text, count
from ..values import ListEntry
from .classes import class_table, table_lines
from .dividing import SUM_TOLERANCE, cut, divide_each_label, divide_groups, gather, plan_lists
from .filters import ImageFilter
from .lines import format_line, why_unlistable
from .list_report import ListReport, part_of, shown
from .picking import check_pattern, filter_out, leave_out_nameless, names_in
from .relative import relative_path
from .tree import MOST_KEPT, TOP, ImageTree

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
"""Of the formats that MXNet's readers decode; so the lists serve with ``pass_through`` too."""

_Path = Union[str, os.PathLike]
_SHOWN = 10
_MANY = 1_000_000  # images, of which the lists have their exact shares


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
    label_from: Union[None, str, re.Pattern] = None,
    group_from: Union[None, str, re.Pattern] = None,
    relative_to: Optional[_Path] = None,
    min_side: Optional[int] = None,
    max_aspect: Optional[float] = None,
    formats: Union[None, str, Iterable[str]] = None,
) -> ListReport:
    """Make image lists of the images in a folder; each folder of images within it is a class.

    Every image found is in exactly one list, under an index that no other image of the lists has. The same tree and arguments
    give the same lists. Links are followed, but not back to a folder that they are in. No image is opened, unless ``min_side``,
    ``max_aspect`` or ``formats`` is given.

    Parameters
    ----------
    root : str or os.PathLike
        The folder of the images.
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
        Divide each class by the ratios, and over the chunks, to within an image or two. The sizes of the lists are the same. With
        ``group_from`` it is to within a group or two, and a group counts as of the class that most of its images have.
    labels : str, os.PathLike or mapping of str to int, optional
        The numbers of the classes; by default they are counted from 0 in the order of the sorted folders. A file is a class
        table as this function writes it, or has one name a line, whose numbers are 0, 1, ...; names may share a number. So
        separate trees for training and validation agree.
    progress : callable, optional
        Receives the count of images found so far, after each.
    overwrite : bool
        Whether to replace lists, and a class table, that are there already.
    label_from : str or re.Pattern, optional
        A regular expression that finds the class of an image in its path relative to the root, with ``/`` between folders: its
        first group or, if it has none, all that it matches. ``r'(n\\d+)_[^/]*$'`` gives ``n01440764`` for
        ``n01440764_tench.JPEG``. By default the numbers of the classes are counted from 0 in sorted order. Images in whose path
        it finds nothing are left out, and reported.
    group_from : str or re.Pattern, optional
        A regular expression that finds the group of an image, such as a patient, in the same way. No group is in two lists. The
        lists then have their shares only as nearly as whole groups allow.
    relative_to : str or os.PathLike, optional
        The folder that the paths in the lists are relative to; by default the folder of the lists, where no one needs a root.
        A path has ``/`` between folders, and ``..`` where the images lie elsewhere.
    min_side : int, optional
        Filter out images whose shorter side has fewer pixels, by the header of the file.
    max_aspect : float, optional
        Filter out images whose longer side is more than this many times as long as the shorter one.
    formats : str or iterable of str, optional
        Filter out images of other formats than these, such as ``('jpeg', 'png')``, by the content of the file.

    Returns
    -------
    ListReport
        What was written, and what was passed over.

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong, or a class is not in ``labels``, or no list can hold the path from its folder to the root.
    EmptyDatasetError
        If no image is found, or a list would have none, as where there are fewer groups than lists.
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
    ratios = check_ratios(train_ratio, test_ratio)
    chunks, seed = arguments.whole_number("chunks", chunks, 1), arguments.whole_number("seed", seed)
    for name, value in (("recursive", recursive), ("shuffle", shuffle), ("stratify", stratify)):
        arguments.flag(name, value)
    arguments.progress(progress, may_be_flag=False)
    label_pattern = None if label_from is None else check_pattern("label_from", label_from)
    group_pattern = None if group_from is None else check_pattern("group_from", group_from)
    image_filter = ImageFilter(min_side, max_aspect, formats)
    root = arguments.folder("root", root)
    *outputs, classes_path = paths_of(prefix, chunks, *ratios)
    base = os.path.dirname(classes_path) if relative_to is None else arguments.folder("relative_to", relative_to)
    way = _way(root, base)
    table = None if labels is None else class_table(labels)
    keeps_table = _is_same_file(labels, classes_path)
    arguments.refuse_existing(outputs if keeps_table else [*outputs, classes_path], overwrite)

    tree = ImageTree(root, extensions)
    tree.walk(recursive, progress)
    leave_out_nameless(tree, {"class": label_pattern, "group": group_pattern})
    filtered = filter_out(tree, image_filter) if image_filter else []
    if not tree.names:
        raise EmptyDatasetError(_why_none(tree, extensions, filtered))
    names, class_of = (tree.folders, tree.folder_of) if label_pattern is None else _classes(names_in(tree, label_pattern))
    if table is None:
        table = {name: number for number, name in enumerate(names)}
    label_of = _labels_of(names, table, labels, root)
    labels_found = [label_of[each] for each in class_of]
    seed_of_order = seed if shuffle else None
    shares = None
    if group_pattern is None:
        sizes = [size for _, size in plan_lists(len(tree.names), chunks, *ratios)]
        check_sizes(sizes, outputs, len(tree.names))
        divided = _divide(labels_found, sizes, seed_of_order, stratify)
    else:
        shares = tuple(size / _MANY for _, size in plan_lists(_MANY, chunks, *ratios))
        parts = divide_groups(names_in(tree, group_pattern), shares, seed_of_order, labels_found if stratify else None)
        divided = gather(_order(len(parts), seed_of_order), parts, len(outputs))

    texts = [(path, _entry_lines(tree, way, labels_found, chosen)) for path, chosen in zip(outputs, divided)]
    if not keeps_table:
        texts.append((classes_path, table_lines(table)))
    write_all(texts, overwrite)
    by_number = sorted((number, name) for name, number in table.items())
    counts = [Counter(names[class_of[position]] for position in chosen) for chosen in divided]
    return ListReport(
        root=base,
        lists=tuple((path, len(chosen)) for path, chosen in zip(outputs, divided)),
        classes=tuple((number, name, sum(each[name] for each in counts)) for number, name in by_number),
        classes_path=classes_path,
        num_images=len(tree.names),
        skipped=dict(_by_count(tree.skipped)),
        left_out=tuple(sorted(tree.left_out)),
        num_left_out=tree.num_left_out,
        seconds=time.monotonic() - started,
        counts=tuple(tuple(each[name] for _, name in by_number) for each in counts),
        lacking=_lacking(outputs, counts, names, classes_path),
        shares=shares,
        filtered=tuple(filtered[:MOST_KEPT]),
        num_filtered=len(filtered),
    )


def paths_of(prefix: _Path, chunks: int, train_ratio: float, test_ratio: float) -> List[str]:
    """What :func:`make_list` writes: the lists, and the table of the classes at the end."""
    begin = _check_prefix(prefix)
    suffixes = [suffix for suffix, _ in plan_lists(0, chunks, *check_ratios(train_ratio, test_ratio))]
    return [*(f"{begin}{suffix}.lst" for suffix in suffixes), f"{begin}_classes.txt"]


def check_sizes(sizes: Sequence[int], paths: Sequence[str], num_images: int) -> None:
    for size, path in zip(sizes, paths):
        if not size:
            found = f"{count(num_images, 'image was', 'images were')} found"
            raise EmptyDatasetError(
                f"{path!r} would have no entry: {found}; change the ratios or the chunks. Nothing was written"
            )


def _divide(labels: Sequence[int], sizes: Sequence[int], seed: Optional[int], stratify: bool) -> List[Sequence[int]]:
    """The positions of the images that go into each list, in random order unless the seed is None."""
    order = _order(len(labels), seed)
    return divide_each_label(order, labels, sizes) if stratify else cut(order, sizes)


def _order(count: int, seed: Optional[int]) -> List[int]:
    order = list(range(count))
    if seed is not None:
        random.Random(seed).shuffle(order)  # MXNet's tool gives its list the same order with random.seed(100)
    return order


def _entry_lines(tree: ImageTree, way: str, labels: Sequence[int], positions: Iterable[int]) -> Iterator[str]:
    for position in positions:
        yield format_line(ListEntry(position, (float(labels[position]),), way + tree.path(position))) + "\n"


def _way(root: str, base: str) -> str:
    """What stands before the paths relative to the root, so that they are relative to another folder."""
    way = relative_path(root, base)
    if way == TOP:
        return ""
    reason = why_unlistable(f"{way}/image")
    if reason is not None:
        what = f"the path from {base!r} to the images, {way!r}, cannot stand in a list: {reason}; rename the folder, or give "
        raise ValueError(Text(what, Argument("relative_to", root)))
    return way if way.endswith("/") else way + "/"


def _classes(found: Sequence[str]) -> Tuple[List[str], Sequence[int]]:
    """The sorted names of the classes, and for each image the place of its class among them."""
    names = sorted(set(found))
    place_of = {name: place for place, name in enumerate(names)}
    return names, array("I", [place_of[name] for name in found])


def _labels_of(names: Sequence[str], table: Mapping[str, int], source: Any, root: str) -> List[int]:
    unknown = [name for name in names if name not in table]
    if unknown:
        more = f" and {len(unknown) - _SHOWN:,} more" if len(unknown) > _SHOWN else ""
        shown_names = ", ".join(map(repr, unknown[:_SHOWN])) + more
        classes = "this class of images is" if len(unknown) == 1 else "these classes of images are"
        where = Text(Argument("labels")) if isinstance(source, Mapping) else f"the class table {os.fspath(source)!r}"
        advice = f"add them there, or take them out of {root!r}. Nothing was written"
        raise ValueError(Text(f"{classes} not in ", where, f": {shown_names}; {advice}"))
    return [table[name] for name in names]


def _lacking(
    outputs: Sequence[str], counts: Sequence[Mapping[str, int]], names: Sequence[str], classes_path: str
) -> Dict[str, Tuple[str, ...]]:
    """The classes that a list lacks and another one has."""
    lacking = {}
    for path, count_of in zip(outputs, counts):
        lacks = tuple(name for name in names if not count_of.get(name))
        if lacks:
            lacking[part_of(path, classes_path)] = lacks
    return lacking


def write_all(texts: Sequence[Tuple[str, Iterator[str]]], overwrite: bool) -> None:
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


def check_ratios(train_ratio: float, test_ratio: float) -> Tuple[float, float]:
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


def _why_none(tree: ImageTree, extensions: Iterable[str], filtered: Sequence[Tuple[str, str]]) -> str:
    found = ", ".join(f"{number:,} {shown(kind)}" for kind, number in _by_count(tree.skipped)[:_SHOWN])
    text = f"no image ({', '.join(sorted(extensions))}) in {tree.root!r}; {'skipped: ' + found if found else 'nothing is there'}"
    if tree.left_out:
        path, reason = min(tree.left_out)
        text += f"; {tree.num_left_out:,} left out, the first: {path!r}: {reason}"
    if filtered:
        path, reason = filtered[0]
        text += f"; {len(filtered):,} filtered out, the first: {path!r}: {reason}"
    return f"{text}. Nothing was written"


def _by_count(counts: Mapping[str, int]) -> List[Tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

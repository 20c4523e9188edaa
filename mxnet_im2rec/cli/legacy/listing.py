# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``im2rec.py --list``: the images of a folder as lists, numbered, shuffled and split as MXNet's tool does it."""

from __future__ import annotations

import argparse
import os
import random
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

from ...storage.writing import write_whole
from ...text import count
from ..errors import WrongCall
from .output import AS_FILE_NAMES, print_as_it_is, reason_of, warn

_SEED = 100  # of the shuffling

Image = Tuple[int, str, int]
"""Of the images that are listed: the index, the path relative to the root, the label."""


def make_lists(args: argparse.Namespace) -> int:
    """Write the list, or the lists, of the images in the root."""
    if args.chunks < 1:
        raise WrongCall(f"--chunks must be at least 1, not {args.chunks}")
    for name, ratio in (("--train-ratio", args.train_ratio), ("--test-ratio", args.test_ratio)):
        if not 0 <= ratio <= 1:
            raise WrongCall(f"{name} must be from 0 to 1, not {ratio}")
    if not os.path.isdir(args.root):
        raise WrongCall(f"the folder of the images, {args.root!r}, is not there")
    folder = os.path.dirname(args.prefix)
    if not os.path.isdir(folder):
        raise WrongCall(f"the folder of the lists, {folder!r}, is not there; make it first")

    unread: List[OSError] = []
    if args.recursive:
        classes: Dict[str, int] = {}
        found = list(_images_below(args.root, args.exts, classes, unread.append))
        for name, label in classes.items():
            print_as_it_is(f"{name} {label}\n")
    else:
        found = list(_images_in(args.root, args.exts))
    for error in unread:
        warn(f"a folder cannot be read, its images are in no list: {reason_of(error)}")
    lost = [path for _, path, _ in found if _loses(path)]
    for path in lost:
        warn(f"the list cannot hold this name, rename the file: {path!r}")
    if not found:
        warn(f"no image under {args.root!r} ends in {' '.join(args.exts)}; see --exts and --recursive")

    if args.shuffle:
        random.Random(_SEED).shuffle(found)
    parts = list(_split(found, args))
    write_whole([(path, map(_line, images)) for path, images in parts], **AS_FILE_NAMES)
    for path, images in parts:
        warn(f"{path}: {count(len(images), 'image')}")
    left_over = len(found) - sum(len(images) for _, images in parts)
    if left_over:
        warn(f"{count(left_over, 'image')} of {len(found):,} in none of the lists, by the rounding of the ratios")
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


def _line(image: Image) -> str:
    index, name, label = image
    return f"{index}\t{label:f}\t{name}\n"


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

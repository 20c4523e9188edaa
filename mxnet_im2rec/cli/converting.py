# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The commands that make another dataset of a dataset: convert, shuffle."""

from __future__ import annotations

from typing import Any

import click

from .options import INPUT, OUTPUT, json_option, overwrite_option, saying_what_becomes_of, seed_option, verbosity_options
from .output import show
from .progress import at_work

_rec = click.argument("rec_path", metavar="REC", type=INPUT)
_output = click.argument("output_path", metavar="OUTPUT", type=OUTPUT)


@click.command(short_help="Convert faces into InsightFace's layout, or out of it.")
@_rec
@_output
@click.option(
    "--to",
    type=click.Choice(["insightface", "plain"]),
    required=True,
    help="InsightFace's layout, or one label an image in a random order.",
)
@seed_option("For --to plain: another seed, another order.")
@overwrite_option("OUTPUT")
@json_option
@verbosity_options
def convert(rec_path: str, output_path: str, **options: Any) -> None:
    """Convert REC, images of faces with the number of a person each, into OUTPUT.rec with OUTPUT.idx.

    --to insightface writes what InsightFace's face2rec2.py writes: the images of a person next to each other, records that say
    where they are, and the file 'property' beside OUTPUT. Persons are numbered from 0 on; where their numbers change,
    OUTPUT.classes.txt has the old ones.

    --to plain writes one label an image, indices from 0 on, and a random order. Every reader reads that, arcface_torch and
    NVIDIA DALI among them.

    If OUTPUT is an existing folder, the dataset goes into it and is named after REC.

    \b
    Examples:
      im2rec convert faces.rec faces_emore/train.rec --to insightface
      im2rec convert faces_emore/train.rec plain/train.rec --to plain --seed 1
    """
    from ..recordio.paths import DatasetPaths
    from ..tools.convert import convert as convert_dataset

    with at_work(rec_path), saying_what_becomes_of(DatasetPaths.of_output(output_path, named_after=rec_path).rec):
        report = convert_dataset(rec_path, output_path, **options)
    show(report)


@click.command(short_help="Write the records of a dataset in a random order.")
@_rec
@_output
@seed_option("Another seed, another order.")
@overwrite_option("OUTPUT")
@json_option
@verbosity_options
def shuffle(rec_path: str, output_path: str, **options: Any) -> None:
    """Write REC's records in a random order into OUTPUT.rec with OUTPUT.idx. Each keeps its index, its labels and its image.

    REC is read in the new order: where it is larger than the memory, have it on an SSD.

    If OUTPUT is an existing folder, the dataset goes into it and is named after REC.

    \b
    Example:
      im2rec shuffle sorted.rec shuffled --seed 1
    """
    from ..recordio.paths import DatasetPaths
    from ..tools.shuffle import shuffle as shuffle_dataset

    with at_work(rec_path), saying_what_becomes_of(DatasetPaths.of_output(output_path, named_after=rec_path).rec):
        report = shuffle_dataset(rec_path, output_path, **options)
    show(report)

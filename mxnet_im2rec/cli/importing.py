# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``im2rec import``: lists from annotations and tables of other formats."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

import click

from .errors import FAILED, OK
from .options import (
    FOLDER,
    INPUT,
    OUTPUT,
    json_option,
    overwrite_option,
    saying_what_becomes_of,
    seed_option,
    verbosity_options,
)
from .output import show
from .progress import at_work

_RATIO = click.FloatRange(0, 1)
# What import_list() takes; the others are of the function that opens the source.
_OF_LISTS = ("train_ratio", "test_ratio", "shuffle", "seed", "stratify", "min_side", "max_aspect", "formats", "overwrite")


class _InOrder(click.Group):
    """The commands in the order of their definition."""

    def list_commands(self, ctx: click.Context) -> Any:
        return list(self.commands)


@click.group("import", cls=_InOrder, no_args_is_help=False, short_help="Make lists of annotations or a table.")
@verbosity_options
def import_() -> None:
    """Make PREFIX.lst of what another format says about images, and PREFIX_classes.txt, the table of the classes.

    The paths in the list are relative to its own folder, so that `check`, `pack` and `verify` need no --root. With ratios there
    are several lists, as `list` makes them.

    \b
    Examples:
      im2rec import coco annotations/instances_val2017.json val
      im2rec import table photos.csv photos --path file --label breed

    `im2rec import FORMAT --help` says everything about a format.
    """


def _list_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of what is written, which every format has."""
    options: List[Callable[..., Any]] = [
        click.option("--train-ratio", type=_RATIO, default=1.0, show_default=True, help="The share of PREFIX_train.lst."),
        click.option(
            "--test-ratio",
            type=_RATIO,
            default=0.0,
            show_default=True,
            help="The share of PREFIX_test.lst; what remains is PREFIX_val.lst.",
        ),
        click.option(
            "--shuffle/--no-shuffle",
            default=False,
            show_default=True,
            help="Put each list in random order, or in the source's. Which image is in which list is random in any case.",
        ),
        seed_option("Of all that is random.", default=100),
        click.option("--stratify", is_flag=True, help="Divide every class by the ratios, not only the whole."),
        click.option(
            "--min-side", type=click.IntRange(min=1), metavar="N", help="Leave out images whose shorter side has fewer pixels."
        ),
        click.option(
            "--max-aspect", type=float, metavar="R", help="Leave out images with a side more than R times as long as the other."
        ),
        click.option("--formats", metavar="NAME,NAME", help="Leave out other formats than these, such as jpeg,png, by content."),
        overwrite_option("a list, or the table of the classes,"),
        json_option,
        verbosity_options,
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _detection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every format of boxes has."""
    options: List[Callable[..., Any]] = [
        click.option("--images", type=FOLDER, help="The folder of the images; by default where the format has it."),
        click.option(
            "--header",
            type=click.Choice(["full", "minimal"]),
            default="full",
            show_default=True,
            help="Begin the labels with 4, 5, width, height, or with 2, 5.",
        ),
        click.option("--difficult", is_flag=True, help="Give each object a sixth number: whether it is difficult."),
        click.option(
            "--empty",
            type=click.Choice(["skip", "dummy", "error"]),
            default="skip",
            show_default=True,
            help="Of an image without objects: leave it out and count it, give it a label that says so, or count it as failed.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@import_.command(short_help="Of COCO's JSON.")
@click.argument("annotations", metavar="SOURCE", type=INPUT)
@click.argument("prefix", metavar="PREFIX", type=OUTPUT)
@_detection_options
@_list_options
def coco(annotations: str, prefix: str, **options: Any) -> int:
    """Make PREFIX.lst of SOURCE, annotations in COCO's JSON, with the boxes as detection labels.

    \b
    Examples:
      im2rec import coco annotations/instances_val2017.json val
      im2rec import coco photos.json photos --images photos --header minimal
    """
    from ..lists.coco import from_coco

    return _import(from_coco, annotations, prefix, options)


@import_.command(short_help="Of Pascal VOC's XML.")
@click.argument("annotations", metavar="SOURCE", type=FOLDER)
@click.argument("prefix", metavar="PREFIX", type=OUTPUT)
@_detection_options
@click.option(
    "--voc-origin", type=click.IntRange(0, 1), default=0, show_default=True, help="1: the pixels of the boxes count from 1."
)
@_list_options
def voc(annotations: str, prefix: str, **options: Any) -> int:
    """Make PREFIX.lst of SOURCE, a folder of Pascal VOC's XML files, with the boxes as detection labels.

    \b
    Examples:
      im2rec import voc VOC2007/Annotations voc
      im2rec import voc Annotations voc --images photos --difficult --train-ratio 0.8
    """
    from ..lists.voc import from_voc

    return _import(from_voc, annotations, prefix, options)


@import_.command(short_help="Of YOLO's text files.")
@click.argument("labels", metavar="SOURCE", type=FOLDER)
@click.argument("prefix", metavar="PREFIX", type=OUTPUT)
@click.option("--names", type=INPUT, required=True, help="The names of the classes: a name a line, or YOLO's data.yaml.")
@_detection_options
@_list_options
def yolo(labels: str, prefix: str, **options: Any) -> int:
    """Make PREFIX.lst of SOURCE, a folder of YOLO's text files, with the boxes as detection labels.

    \b
    Examples:
      im2rec import yolo coco128/labels coco128 --names coco128.yaml
    """
    from ..lists.yolo import from_yolo

    return _import(from_yolo, labels, prefix, options)


@import_.command(short_help="Of CSV, TSV, JSON Lines or Parquet.")
@click.argument("path_or_frame", metavar="SOURCE", type=INPUT)
@click.argument("prefix", metavar="PREFIX", type=OUTPUT)
@click.option("--path", metavar="COLUMN", default="path", show_default=True, help="The column of the images' paths.")
@click.option(
    "--label",
    metavar="COLUMN",
    multiple=True,
    default=["label"],
    show_default=True,
    help="The column of the labels, numbers or names of classes; may be repeated, for several labels an image.",
)
@click.option("--index", metavar="COLUMN", help="The column of the images' indices; by default 0, 1, ... by row.")
@click.option("--sep", metavar="CHARACTER", help="What is between two cells; by default a tab in .tsv, else a comma.")
@click.option("--root", type=FOLDER, help="The folder that relative paths are relative to; by default the table's own.")
@click.option(
    "--classes",
    type=INPUT,
    metavar="FILE",
    help="The numbers of the classes: a table as `list` writes it, or a name a line. Every label is a name then.",
)
@click.option("--group", metavar="COLUMN", help="The column of what belongs together: no group is in two lists.")
@_list_options
def table(path_or_frame: str, prefix: str, label: Tuple[str, ...], sep: Optional[str], **options: Any) -> int:
    """Make PREFIX.lst of SOURCE, a table with a row for each image: .csv, .tsv, .jsonl, .parquet.

    Labels that are text become classes, numbered in the order of their names. A row that is no entry is left out and named; the
    exit code is 1 then.

    \b
    Examples:
      im2rec import table photos.csv photos --path file --label breed
      im2rec import table scans.csv scans --label finding --group patient --train-ratio 0.8
      im2rec import table ages.csv ages --label age --label height --sep ';'
    """
    from ..lists.table import from_table

    options["label"] = label[0] if len(label) == 1 else list(label)
    options["sep"] = "\t" if sep == "\\t" else sep
    return _import(from_table, path_or_frame, prefix, options)


def _import(open_source: Callable[..., Any], name: str, prefix: str, options: Dict[str, Any]) -> int:
    """Open the source, write its lists, and show what became of it."""
    from ..lists.importing import import_list
    from ..lists.making import paths_of

    of_lists = {each: options.pop(each) for each in _OF_LISTS}
    written = paths_of(prefix, 1, of_lists["train_ratio"], of_lists["test_ratio"])
    with at_work(name, "entries") as progress, saying_what_becomes_of(*written):
        report = import_list(open_source(name, **options), prefix, progress=progress, **of_lists)
    show(report, ok=report.ok)
    return OK if report.ok else FAILED

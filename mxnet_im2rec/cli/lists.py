# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``im2rec list`` and ``im2rec check``: what comes before packing."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

import click

from .errors import FAILED, OK
from .options import (
    FOLDER,
    INPUT,
    OUTPUT,
    json_option,
    max_pixels_option,
    no_pack_labels_option,
    overwrite_option,
    saying_what_becomes_of,
    seed_option,
    verbosity,
    verbosity_options,
)
from .output import show
from .progress import at_work

_RATIO = click.FloatRange(0, 1)


def filter_options(verb: str) -> Callable[..., Any]:
    """The options of :class:`mxnet_im2rec.lists.filters.ImageFilter`; the verb says what becomes of an image."""
    at_least, at_most = click.IntRange(min=1), click.FloatRange(min=1)
    formats = click.option(
        "--formats", metavar="NAME,NAME", help=f"{verb} images of other formats, such as jpeg,png, by content."
    )
    aspect = click.option("--max-aspect", type=at_most, metavar="R", help=f"{verb} images of more than R to 1.")
    side = click.option("--min-side", type=at_least, metavar="N", help=f"{verb} images whose shorter side has fewer pixels.")
    return lambda function: side(aspect(formats(function)))


@click.command("list", short_help="Make lists of the images in a folder.")
@click.argument("root", metavar="ROOT", type=FOLDER)
@click.argument("prefix", metavar="PREFIX", type=OUTPUT)
@click.option(
    "--recursive/--flat",
    default=True,
    show_default=True,
    help="Each folder of images is a class, or only those in ROOT itself are taken, as one class.",
)
@click.option("--exts", multiple=True, metavar="EXT,EXT", help="The extensions of images, such as .jpg,.png; may be repeated.")
@click.option(
    "--train-ratio", type=_RATIO, default=1.0, show_default=True, help="The share of PREFIX_train.lst; 1: PREFIX.lst alone."
)
@click.option(
    "--test-ratio",
    type=_RATIO,
    default=0.0,
    show_default=True,
    help="The share of PREFIX_test.lst; what remains is PREFIX_val.lst.",
)
@click.option("--chunks", type=click.IntRange(min=1), default=1, show_default=True, help="Into how many lists to divide them.")
@click.option("--shuffle/--no-shuffle", default=True, show_default=True, help="Put the images in random order.")
@seed_option("Of the random order.", default=100)
@click.option("--stratify", is_flag=True, help="Divide every class by the ratios, not only the whole.")
@click.option(
    "--labels",
    type=INPUT,
    metavar="FILE",
    help="The numbers of the classes: a table as this command writes it, or a name a line.",
)
@click.option(
    "--label-from",
    metavar="REGEX",
    help="What finds the class of an image in its path below ROOT, by its first group or all that it matches.",
)
@click.option(
    "--group-from", metavar="REGEX", help="What finds the group of an image, such as a patient: no group is in two lists."
)
@click.option("--relative-to", type=FOLDER, help="What the paths in the lists are relative to; by default the lists' own folder.")
@filter_options("Leave out")
@overwrite_option("a list, or the table of the classes,")
@json_option
@verbosity_options
def list_(root: str, prefix: str, exts: Tuple[str, ...], **options: Any) -> int:
    """Make PREFIX.lst of the images under ROOT, with each folder as a class, and PREFIX_classes.txt, the table of the classes.

    With ratios there are several lists, PREFIX_train.lst, PREFIX_val.lst, PREFIX_test.lst; with chunks PREFIX_0.lst,
    PREFIX_1.lst, ... The paths in them are relative to the lists' own folder, so that `check`, `pack` and `verify` need no
    --root. What is there already under one of these names is replaced only with --overwrite.

    The exit code is 1 if an image had to be left out, such as one whose name has a line feed in it, or one in whose path
    --label-from or --group-from finds nothing. An image that --min-side, --max-aspect or --formats leaves out is counted.

    \b
    Examples:
      im2rec list photos photos
      im2rec list photos photos --train-ratio 0.8 --test-ratio 0.1 --stratify
      im2rec list photos photos --flat --exts .jpg,.png --no-shuffle
      im2rec list photos photos --label-from '(n[0-9]+)_[^/]*$'
      im2rec list scans scans --train-ratio 0.8 --group-from 'patient[0-9]+' --min-side 224
    """
    from ..lists.making import make_list, paths_of

    if exts:
        options["exts"] = [each for part in exts for each in part.replace(",", " ").split()]
    written = paths_of(prefix, options["chunks"], options["train_ratio"], options["test_ratio"])
    with at_work(root, "images") as progress, saying_what_becomes_of(*written):
        report = make_list(root, prefix, progress=progress, **options)
    show(report, report.summary() if verbosity() < 0 else None, ok=not report.left_out)
    return FAILED if report.left_out else OK


@click.command(short_help="Find what is wrong with a list before packing it.")
@click.argument("list_file", metavar="LIST...", nargs=-1, required=True, type=INPUT)
@click.option("--root", type=FOLDER, help="The folder of the images; by default each list's own.")
@no_pack_labels_option("The first label alone will be stored; give it if you will pack with it.")
@click.option("--pass-through", is_flag=True, help="The files' own bytes will be stored; give it if you will pack with it.")
@click.option("--decode", is_flag=True, help="Decode every image too, and name those that are damaged inside.")
@click.option("--min-side", type=click.IntRange(min=1), metavar="N", help="Warn of images whose shorter side is below N pixels.")
@click.option("--max-aspect", type=click.FloatRange(min=1), metavar="R", help="Warn of images with sides of more than R to 1.")
@click.option("--formats", metavar="NAME,NAME", help="Warn of images of other formats, by content, than these: jpeg,png.")
@click.option("--duplicates", is_flag=True, help="Find images that stand in the lists more than once, by bytes and by pixels.")
@max_pixels_option("An image with more pixels is an error; give it if you will pack with it.")
@click.option(
    "--threads",
    "num_threads",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="How many files to look at at once.",
)
@json_option
@verbosity_options
def check(list_file: Tuple[str, ...], root: Optional[str], duplicates: bool, **options: Any) -> int:
    """Find what is wrong with LIST and its images: a line for each finding, with the line of the list, and a summary.

    Without --decode nothing is decoded, so it is quick, and damage in the middle of an image shows only when it is packed. The
    exit code is 1 if packing would fail on an entry; warnings and notes leave it at 0.

    With --duplicates all images of all lists are decoded and compared. The exit code is then 1 too if an image stands in more
    than one list; an image that stands twice in one list leaves it at 0.

    \b
    Examples:
      im2rec check photos.lst
      im2rec check train.lst --decode --min-side 224 --formats jpeg,png
      im2rec check train.lst val.lst test.lst --duplicates
    """
    from ..lists.check import check_list
    from ..lists.duplicates import find_duplicates
    from ..text import Text

    reports: List[Any] = []
    for each in list_file:
        with at_work(each, "entries") as progress:
            reports.append(check_list(each, root, progress=progress, **options))
    lines = [line for report in reports for line in _lines_of(report)]
    if duplicates:
        limits = {name: options[name] for name in ("max_pixels", "num_threads")}
        with at_work(list_file[0], "images compared") as progress:
            found = find_duplicates(list_file, root, progress=progress, **limits)
        reports.append(found)
        lines.append(str(found))
    ok = all(report.ok for report in reports)
    if len(reports) == 1:
        show(reports[0], Text("\n").join(lines))
    else:
        checks = reports[: len(list_file)]
        show({"lists": checks, "duplicates": reports[-1] if duplicates else None, "ok": ok}, Text("\n").join(lines))
    return OK if ok else FAILED


def _lines_of(report: Any) -> List[str]:
    """Of a report on one list."""
    lines = [str(finding) for finding in report.findings]
    more = sum(report.counts.values()) - len(lines)
    return [*lines, *([f"... and {more:,} more"] if more else []), report.summary()]

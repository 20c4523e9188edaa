# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``im2rec pack`` and ``im2rec merge``."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Sequence, Tuple

import click

from ..packing.settings import PackSettings
from ..recordio.paths import DatasetPaths
from .errors import FAILED, OK
from .options import (
    FOLDER,
    INPUT,
    OUTPUT,
    NumberOrNone,
    color_option,
    json_option,
    max_pixels_option,
    no_pack_labels_option,
    overwrite_option,
    saying_what_becomes_of,
    seed_option,
    verbosity,
    verbosity_options,
    workers_option,
)
from .output import collect, name_of, plain, say, show, show_collected
from .progress import at_work
from .transforms_options import TransformOptions, decoder_option, transform_options


@click.command(short_help="Pack the images of a list into a .rec and an .idx.")
@click.argument("list_file", nargs=-1, metavar="LIST...", type=INPUT)
@click.argument("output_path", metavar="OUTPUT", required=False, type=OUTPUT)
@click.option("--root", type=FOLDER, help="The folder of the images; by default the list's own.")
@transform_options
@workers_option("Worker processes; by default the CPUs, less one. 0: none. At most 64, or 16 a CPU if that is more.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=PackSettings.batch_size,
    show_default=True,
    help="How many images are made again at most when an interrupted run is resumed; half as many are in flight at a time.",
)
@color_option()
@click.option(
    "--encoding",
    type=click.Choice([".jpg", ".jpeg", ".png"]),
    default=PackSettings.encoding,
    show_default=True,
    help="How to store images.",
)
@click.option(
    "--quality", type=int, default=PackSettings.quality, show_default=True, help="JPEG: 1 to 100. PNG: compression, 0 to 9."
)
@click.option("--pass-through", is_flag=True, help="Store the files' own bytes; nothing is decoded.")
@click.option(
    "--error-limit",
    type=NumberOrNone(int, 0),
    default=str(PackSettings.error_limit),
    show_default=True,
    metavar="N|none",
    help="How many entries may fail before packing stops without output; 'none' for any number.",
)
@no_pack_labels_option("Store the first label alone.")
@seed_option("For random transforms.")
@click.option("--fast-decode", is_flag=True, help="Decode large JPEGs smaller; fast, and not quite the same pixels.")
@click.option(
    "--verify", is_flag=True, help="Verify the dataset before it appears, with MXNet's reader too if MXNet is installed."
)
@click.option("--resume", is_flag=True, help="Go on from what a run that was interrupted, or failed, has left beside OUTPUT.")
@click.option(
    "--only",
    type=INPUT,
    metavar="FAILURES.tsv",
    help="Pack only the entries that an earlier run lists as failed.",
)
@click.option(
    "--timeout",
    type=NumberOrNone(float, 0),
    default=f"{PackSettings.timeout:g}",
    show_default=True,
    metavar="SECONDS|none",
    help="An image that a worker is on for longer fails.",
)
@max_pixels_option("Images with more pixels fail before they are decoded.")
@click.option(
    "--strict", is_flag=True, help="An image that is damaged inside, though it decodes, fails; without this it is a warning."
)
@decoder_option
@click.option("--sidecar", is_flag=True, help="Write OUTPUT.sources.tsv too: index, path and labels of each record.")
@overwrite_option("OUTPUT")
@click.option(
    "--start-method", "mp_context", type=click.Choice(["fork", "spawn", "forkserver"]), help="How worker processes start."
)
@json_option
@verbosity_options
def pack(
    list_file: Tuple[str, ...],
    output_path: Optional[str],
    transforms: TransformOptions,
    overwrite: bool,
    **options: Any,
) -> int:
    """Pack the images of each LIST into a dataset: OUTPUT.rec with OUTPUT.idx.

    If OUTPUT is an existing folder, the dataset goes into it and is named after LIST; so do several lists. A dataset that is
    there already is replaced only with --overwrite. A dataset appears when it is whole; what was there before under its name
    stays until then, and for good if packing fails.

    An entry that fails (no such file, no image, ...) is reported with its line. The command stops when more than --error-limit
    of them fail, and no dataset appears. Up to there they are left out, the dataset is written, and the exit code is 1 all the
    same: 0 says that every image is in it. OUTPUT.failures.tsv lists them; when they are repaired, --only packs them alone. A
    command that stops lists its failures in OUTPUT.failed-run.failures.tsv, which is no table for --only: pack the list again.

    An image that is damaged inside, and decodes all the same, is stored with a warning that names it; --strict makes it fail.
    With --pass-through nothing is decoded, so that only --strict finds it.

    Where the classes have names, OUTPUT.classes.txt has them too: those of PREFIX_classes.txt, as `list` writes it beside LIST.

    After Ctrl-C, or when the machine has failed, the same command with --resume, in the place of --overwrite, goes on where it
    was. Where the dataset is complete already, --resume compares it with LIST and makes a few records again: if they are equal
    there is nothing to do.

    \b
    Examples:
      im2rec pack photos.lst photos_rec --short-edge 256
      im2rec pack train.lst val.lst packed/ --resize 224 --workers 8
      im2rec pack photos.lst photos_rec --transforms my_transforms.py:train
      im2rec pack photos.lst photos_rec --pass-through --error-limit none
      im2rec pack photos.lst rest --pass-through --only photos_rec.failures.tsv
    """
    if options["pass_through"] and transforms:
        raise click.UsageError("--pass-through stores the files as they are: leave the transforms out, or --pass-through.")
    if overwrite and options["resume"]:
        raise click.UsageError("--resume goes on with what is there, --overwrite replaces it: leave one of them out.")
    lists, output = list_file, _output_behind(list_file, output_path, "LIST")
    if options["only"] is not None and len(lists) > 1:
        raise click.UsageError("--only is for one list: the table belongs to that list.")
    _check_output(lists, output)
    from ..arguments import refuse_existing
    from ..packing.im2rec import im2rec

    outputs = [DatasetPaths.of_output(output, named_after=each) for each in lists]
    if not options["resume"]:
        refuse_existing((path for paths in outputs for path in (paths.rec, paths.idx)), overwrite)
    if len(lists) == 1 and os.path.isdir(output) and verbosity() >= 0:
        say(f"note: OUTPUT is a folder: writing {name_of(os.path.join(output, os.path.basename(outputs[0].rec)))}")
    reports: List[Dict[str, Any]] = []
    code = OK
    transformations = None
    for number, (each, paths) in enumerate(zip(lists, outputs)):
        with at_work(each, "images") as progress, saying_what_becomes_of(paths.rec, resumes=options["resume"]):
            if not number:
                transformations = transforms.make()
            report = im2rec(each, output, transformations, progress=progress, **options)
        code = FAILED if report.failures else code
        if report.verified_by and verbosity() >= 0:
            say(f"note: verified {name_of(report.rec_path)}, by its own bytes, {', '.join(report.verified_by)}: no problem")
        reports.append({"list_file": each, **plain(report)})
        collect(str(report), ok=code == OK, reports=reports)
    show_collected()
    return code


def _output_behind(inputs: Sequence[str], output: Optional[str], noun: str) -> str:
    """The last of the paths that were given, which is the output; there must be an input before it."""
    if output is None:
        raise click.UsageError(f"give {noun}... and then OUTPUT.")
    if not inputs:
        raise click.UsageError(f"{output!r} stands alone: give {noun}... and then OUTPUT.")
    return output


def _check_output(lists: Sequence[str], output: str) -> None:
    """What would be found only after hours, or would overwrite what was not meant."""
    if output.endswith(".lst"):
        raise click.UsageError(f"the last argument is the output, and {output!r} is a list; give LIST... and then OUTPUT")
    if len(lists) == 1:
        return
    if not os.path.isdir(output):
        raise click.UsageError(f"with several lists OUTPUT must be a folder, and {output!r} is none; make it first")
    stems: Dict[str, str] = {}
    for each in lists:
        stem = os.path.splitext(os.path.basename(each))[0]
        if stem in stems:
            raise click.UsageError(f"{stems[stem]!r} and {each!r} would both become {stem}.rec; pack them one by one")
        stems[stem] = each


@click.command(short_help="Put datasets one behind the other into a new one.")
@click.argument("rec_paths", nargs=-1, metavar="REC...", type=INPUT)
@click.argument("output_path", metavar="OUTPUT", required=False, type=OUTPUT)
@overwrite_option("OUTPUT")
@json_option
@verbosity_options
def merge(rec_paths: Tuple[str, ...], output_path: Optional[str], overwrite: bool) -> None:
    """Put the records of every REC, in this order, into one dataset: OUTPUT.rec with OUTPUT.idx.

    \b
    Example:
      im2rec merge part_0.rec part_1.rec part_2.rec all
    """
    output = _output_behind(rec_paths, output_path, "REC")
    from ..dataset.merge import concatenate

    with at_work(output), saying_what_becomes_of(DatasetPaths.of_output(output).rec):
        report = concatenate(rec_paths, output, overwrite=overwrite)
    show(report)

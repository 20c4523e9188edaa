# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The commands that read a dataset: verify, info, view, extract, index, salvage."""

from __future__ import annotations

import os
import shlex
from typing import Any, Dict, List, Optional

import click

from .errors import FAILED, OK
from .options import (
    FOLDER,
    INPUT,
    OUTPUT,
    classes_option,
    color_option,
    json_option,
    max_pixels_option,
    no_pack_labels_option,
    overwrite_option,
    saying_what_becomes_of,
    seed_option,
    verbosity_options,
    workers_option,
)
from .output import name_of, show, wants_json
from .progress import at_work
from .transforms_options import TransformOptions, decoder_option, transform_options

_rec = click.argument("rec_path", metavar="REC", type=INPUT)
_READERS = ["imagerecorditer", "imagedetiter", "arcface", "dali", "rocal", "sagemaker", "gluoncv"]
_idx = click.option("--idx", "idx_path", type=INPUT, help="The .idx; by default the one beside the .rec.")


class _Verify(click.Command):
    """It knows what a third path is meant to be."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest:
            typed = f"--root {shlex.quote(rest[0])}"
            what = f"{rest[0]!r} is one path too many; the folder of the list's images is an option: {typed}"
            raise click.UsageError(what, ctx)
        return rest


@click.command(cls=_Verify, short_help="Prove that a dataset is sound.")
@_rec
@click.argument("list_file", metavar="[LIST]", required=False, type=INPUT)
@click.option("--sources", is_flag=True, help="Compare with the images of LIST too; --root and the transforms do that as well.")
@click.option("--root", type=FOLDER, help="The folder of the list's images, by default the list's own: compare with them too.")
@_idx
@click.option(
    "--pixels",
    type=click.Choice(["all", "sample", "none"]),
    default="all",
    show_default=True,
    help="Compare the pixels of all records, of a sample of 64, or of none.",
)
@click.option("--for", "reader", type=click.Choice(_READERS), help="What is to train from it: find what this reader stumbles on.")
@transform_options
@seed_option("For random transforms; as it was packed with.")
@color_option("; as it was packed with")
@no_pack_labels_option("The first label alone is stored; as it was packed with.")
@decoder_option
@click.option("--fast-decode", is_flag=True, help="Large JPEGs were decoded smaller; as it was packed with.")
@click.option(
    "--min-psnr", type=float, default=20.0, show_default=True, metavar="DB", help="How near to its source an image must be."
)
@workers_option("Processes that compare with the sources; by default the CPUs, less one.")
@click.option("--num-records", type=click.IntRange(min=0), metavar="N", help="How many records there must be.")
@click.option("--timeout", type=float, default=300.0, show_default=True, metavar="SECONDS", help="How long MXNet may be silent.")
@max_pixels_option("Images with more pixels are not decoded; they fail.")
@json_option
@verbosity_options
def verify(rec_path: str, list_file: Optional[str], transforms: TransformOptions, **options: Any) -> int:
    """Prove that REC is sound: its bytes, its .idx, and what MXNet's ImageRecordIter makes of it.

    With LIST, every entry must be there, in order, with its labels. With --sources, the images are decoded and transformed
    again and compared: give the same --resize, --transforms, --seed, ... as for packing. The exit code is 1 if there is any
    problem. Where MXNet is not installed ImageRecordIter is left out, and a note says so.

    With --for, the rules of the reader that is to train from REC are checked too, such as the one label that arcface_torch
    needs. The reader itself is not run.

    \b
    Examples:
      im2rec verify photos_rec.rec
      im2rec verify faces/train.rec --for arcface
      im2rec verify photos_rec.rec photos.lst --short-edge 256
      im2rec verify photos_rec.rec --pixels sample --json
    """
    if options["root"] is not None and list_file is None:
        raise click.UsageError("--root is the folder of the list's images: give LIST too.")
    if (transforms or options["sources"]) and list_file is None:
        raise click.UsageError("the images of a list are compared here: give LIST too.")
    from ..verification.verify import verify as verify_dataset

    with at_work(rec_path, "images decoded and read") as progress:
        report = verify_dataset(rec_path, list_file, transformations=transforms.make(), progress=progress, **options)
    show(report)
    return OK if report.ok else FAILED


@click.command(short_help="Count what a dataset holds: formats, labels, sizes.")
@_rec
@_idx
@classes_option
@click.option("--plot", "path", type=OUTPUT, metavar="FILE", help="Draw it too, as .png, .svg or .pdf (needs matplotlib).")
@overwrite_option("the picture of --plot")
@click.option(
    "--pixels", is_flag=True, help="Decode all images: the mean and the deviation of red, green and blue, for Normalize."
)
@max_pixels_option("With --pixels: images with more pixels are not decoded; they are named.")
@workers_option("With --pixels: threads that decode; by default one for each CPU. 0: none.")
@click.option(
    "--for", "reader", type=click.Choice(["sagemaker"]), help="Print the hyperparameters for its training, nothing else."
)
@json_option
@verbosity_options
def info(
    rec_path: str, idx_path: Optional[str], path: Optional[str], overwrite: bool, reader: Optional[str], **options: Any
) -> int:
    """Count what REC holds: records, formats, labels, sizes.

    The exit code is 1 if --pixels finds an image that does not decode.

    \b
    Examples:
      im2rec info photos_rec.rec
      im2rec info photos_rec.rec --plot photos_rec.png
      im2rec info photos_rec.rec --pixels --json
      im2rec info photos_rec.rec --for sagemaker
    """
    from ..arguments import refuse_existing
    from ..tools.summary import summarize

    pictures = [] if path is None else [path]
    refuse_existing(pictures, overwrite)
    with at_work(rec_path, "records") as progress, saying_what_becomes_of(*pictures):
        if options["pixels"]:
            options["progress"] = progress
        summary = summarize(rec_path, idx_path, **options)
        if path is not None:
            summary.plot(path)
    if reader is None:
        show(summary)
    else:
        found = summary.hyperparameters()
        show(found, "\n".join(f"{name}={value}" for name, value in found.items()))
    return FAILED if options["pixels"] and summary.num_undecoded else OK


@click.command(short_help="Show some of the images in one picture.")
@_rec
@click.argument("path", metavar="OUTPUT.png", type=OUTPUT)
@click.option("--rows", type=click.IntRange(min=1), default=4, show_default=True, help="Images from top to bottom.")
@click.option("--columns", type=click.IntRange(min=1), default=6, show_default=True, help="Images from left to right.")
@seed_option("Another seed, another sample.")
@click.option("--label", type=float, help="Only images with this first label.")
@click.option("--cell", type=click.IntRange(min=32), default=160, show_default=True, help="Pixels of an image's longer edge.")
@max_pixels_option("Images with more pixels are not decoded; they fail.")
@classes_option
@_idx
@overwrite_option("OUTPUT.png")
@json_option
@verbosity_options
def view(rec_path: str, path: str, **options: Any) -> None:
    """Draw some of REC's images into one picture, with index and labels under each.

    \b
    Examples:
      im2rec view photos_rec.rec photos_rec.png
      im2rec view photos_rec.rec cats.png --label 3 --rows 2 --columns 8 --seed 1
    """
    from ..tools.contact_sheet import contact_sheet

    with at_work(rec_path), saying_what_becomes_of(path):
        sheet = contact_sheet(rec_path, path=path, **options)
    height, width = sheet.shape[:2]
    text = f"{name_of(path)}: {width:,} x {height:,} pixels"
    show({"path": os.path.abspath(path), "width": width, "height": height}, text)


@click.command(short_help="Write the images as files, with a list of them.")
@_rec
@click.argument("folder", metavar="FOLDER", type=OUTPUT)
@click.option("--by-label", is_flag=True, help="A subfolder for each first label, or its class where that has a name.")
@classes_option
@click.option("--sources", type=INPUT, metavar="FILE", help="The old names of the files; by default REC's own .sources.tsv.")
@_idx
@overwrite_option("the files of an earlier extraction in FOLDER")
@json_option
@verbosity_options
def extract(rec_path: str, folder: str, **options: Any) -> None:
    """Write REC's images as files into FOLDER, with a list of them, images.lst.

    FOLDER must be new or empty; with --overwrite it may hold an earlier extraction, and nothing else.
    Packing that list with --pass-through gives the same dataset again.

    Where REC has its .sources.tsv, as `pack --sidecar` writes it, the files have the names that they had in the list; except for
    those that would lie outside FOLDER, or that two images have. With --by-label the class is the folder, and the index the name.

    \b
    Examples:
      im2rec extract photos_rec.rec extracted
      im2rec extract photos_rec.rec extracted --by-label
    """
    from ..tools.extract import extract as extract_images

    replaced = os.path.join(folder, "images.lst")
    with at_work(rec_path), saying_what_becomes_of(replaced):
        report = extract_images(rec_path, folder, **options)
    show(report)


@click.command(short_help="Write the .idx of a .rec.")
@_rec
@click.argument("idx_path", metavar="[IDX]", required=False, type=OUTPUT)
@json_option
@verbosity_options
def index(rec_path: str, idx_path: Optional[str]) -> None:
    """Write the .idx of REC from REC alone, in the place of the one that is there. IDX is by default the one beside REC.

    \b
    Example:
      im2rec index photos_rec.rec
    """
    from ..recordio.paths import DatasetPaths
    from ..tools.build_index import build_index

    with at_work(rec_path), saying_what_becomes_of(idx_path or DatasetPaths.of_rec(rec_path).idx):
        path = build_index(rec_path, idx_path)
    found: Dict[str, Any] = {"idx_path": path}
    if wants_json():
        with open(path, "rb") as stream:
            found["num_records"] = sum(1 for _ in stream)
    show(found, path)


@click.command(short_help="Save the whole records of a damaged .rec.")
@_rec
@click.argument("output_path", metavar="OUTPUT", type=OUTPUT)
@overwrite_option("OUTPUT")
@json_option
@verbosity_options
def salvage(rec_path: str, output_path: str, overwrite: bool) -> int:
    """Save every record of the damaged REC that is still whole, into OUTPUT.rec with OUTPUT.idx. REC is not changed.

    If OUTPUT is an existing folder, the dataset goes into it and is named after REC.

    The exit code is 1 if anything was lost.

    \b
    Example:
      im2rec salvage damaged.rec saved
    """
    from ..recordio.paths import DatasetPaths
    from ..tools.salvage import salvage as salvage_records

    with at_work(rec_path), saying_what_becomes_of(DatasetPaths.of_output(output_path, named_after=rec_path).rec):
        report = salvage_records(rec_path, output_path, overwrite=overwrite)
    show(report, ok=not report.lost)
    return FAILED if report.lost else OK

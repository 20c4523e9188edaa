# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The program im2rec.py: its options, and the exit codes of every way out."""

from __future__ import annotations

import argparse
import os
import signal
from typing import Any, NoReturn, Optional, Sequence

from ..errors import WrongCall
from ..signals import Interrupted, insisting, signals_raise
from .output import PROG, print_as_it_is, reason_of, warn, worded

_EPILOG = """\
example: a list of a folder with a subfolder a class, nine tenths of it for training; then both datasets, by 4 processes
  im2rec.py --list --recursive --train-ratio 0.9 flowers photos
  im2rec.py --resize 256 --num-thread 4 flowers photos

exit code: 0 if all is well, 1 if something could not be listed or packed, 2 for a wrong call;
130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command, by default with the arguments of the process; gives the exit code, as the epilog of --help lists them."""
    try:
        with signals_raise() as received, insisting(received):
            return _run(argv)
    except (KeyboardInterrupt, Interrupted) as stop:
        by = "Ctrl-C" if isinstance(stop, KeyboardInterrupt) else str(stop)
        warn(f"stopped by {by}; what was being written is not there, earlier files are as they were")
        return 128 + (stop.signum if isinstance(stop, Interrupted) else signal.SIGINT)
    except WrongCall as error:
        warn(f"error: {error}")
        return 2
    except OSError as error:  # OutputError is one
        warn(f"error: {worded(reason_of(error))}")
        return 1
    except ImportError as error:
        warn(f"error: a library cannot be loaded, install it: {error}")
        return 1
    except MemoryError:
        warn("error: the memory is used up; try a smaller --num-thread")
        return 1


def _run(argv: Optional[Sequence[str]]) -> int:
    try:
        args = parser().parse_args(argv)
    except SystemExit:  # after --help and --version; a wrong call is raised as such
        return 0
    args.prefix, args.root = os.path.abspath(args.prefix), os.path.abspath(args.root)
    if args.list:
        from .listing import make_lists

        return make_lists(args)
    from .packing import pack_lists

    return pack_lists(args)


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    pass


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise WrongCall(f"{message} (see {PROG} --help)")

    def _print_message(self, message: str, file: Any = None) -> None:  # of --help and --version; errors are raised
        print_as_it_is(message)


def parser() -> argparse.ArgumentParser:
    from ... import __version__

    program = _Parser(
        prog=PROG,
        formatter_class=_HelpFormatter,
        epilog=_EPILOG,
        description="Make lists of images, or RecordIO datasets of lists.",
    )
    program.add_argument("--version", action="version", version=f"{PROG} of mxnet_im2rec {__version__}")
    program.add_argument("prefix", help="what the lists' and datasets' names begin with, or, to pack, a folder of lists")
    program.add_argument("root", help="the folder that the images' paths are relative to")
    group = program.add_argument_group("to make lists")
    add = group.add_argument
    add("--list", action="store_true", help="make PREFIX.lst of the images in ROOT, instead of PREFIX.rec of PREFIX.lst")
    add("--exts", nargs="+", default=[".jpeg", ".jpg", ".png"], help="the endings of images' names, in small letters")
    add("--chunks", type=int, default=1, help="how many lists to split the images into")
    add("--train-ratio", type=float, default=1.0, help="the part of a list that goes into its _train.lst")
    add("--test-ratio", type=float, default=0, help="the part that goes into its _test.lst; what is left is its _val.lst")
    add("--recursive", action="store_true", help="take subfolders too, and give each folder's images a label of their own")
    add("--no-shuffle", dest="shuffle", action="store_false", help="keep the images in the order of their names")
    group = program.add_argument_group("to pack them")
    add = group.add_argument
    add("--pass-through", action="store_true", help="store the files' bytes as they are")
    add("--resize", type=int, default=0, help="the length to give the shorter side; 0 leaves the size")
    add("--center-crop", action="store_true", help="cut the longer side down to a square first")
    add("--quality", type=int, default=95, help="quality of JPEG, 1 to 100, or compression of PNG, 0 to 9; more than 9 is 9")
    add("--num-thread", type=int, default=1, help="how many processes do the work; the result is the same")
    add("--color", type=int, default=1, choices=[-1, 0, 1], help="1 decodes to colour, 0 to grey, -1 as stored, alpha included")
    add("--encoding", type=str, default=".jpg", choices=[".jpg", ".png"], help="how images are stored")
    add("--pack-label", action="store_true", help="store all labels of an image, not the first alone")
    return program

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``im2rec``: the group that holds the others."""

from __future__ import annotations

import click

from .. import __version__
from .converting import convert, shuffle
from .errors import Program
from .importing import import_
from .lists import check, list_
from .options import verbosity_options
from .packing import merge, pack
from .reading import extract, index, info, salvage, verify, view
from .signals import leave_signals


@click.group(
    cls=Program, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="im2rec")
@verbosity_options
def cli() -> None:
    """Turn images into RecordIO datasets for Apache MXNet, and look after them.

    \b
    A session:
      im2rec list photos photos                           photos.lst, from folders that are classes
      im2rec check photos.lst                             is every image there, and whole?
      im2rec pack photos.lst photos_rec --resize 224
      im2rec view photos_rec.rec photos_rec.png           a look at what was packed

    `im2rec COMMAND --help` says everything about a command.

    \b
    Exit code: 0 if all is well, 1 if something is wrong with the data, 2 if the call was wrong;
    130 after Ctrl-C, 143 after SIGTERM. Results go to stdout, all else to stderr.

    \b
    Completion with the Tab key, in this shell:
      eval "$(_IM2REC_COMPLETE=bash_source im2rec)"       or zsh_source in zsh
    """


for command in (list_, import_, check, pack, merge, verify, info, view, extract, index, salvage, convert, shuffle):
    cli.add_command(command)


def main() -> None:
    """What the console script and ``python -m mxnet_im2rec`` run."""
    try:
        cli(prog_name="im2rec")
    except SystemExit as end:
        leave_signals(end.code)
        raise

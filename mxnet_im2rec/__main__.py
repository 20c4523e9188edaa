# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m mxnet_im2rec`` is ``im2rec``."""

import sys


def main() -> None:
    """The command; one line where a package that it needs is missing."""
    try:
        from .cli.main import main as run
    except ModuleNotFoundError as error:
        sys.exit(f"Error: {error}: pip install {error.name}")
    run()


if __name__ == "__main__":  # with the start method spawn every worker imports this
    main()

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m mxnet_im2rec`` is ``im2rec``."""

from .cli.main import main

if __name__ == "__main__":  # with the start method spawn every worker imports this
    main()

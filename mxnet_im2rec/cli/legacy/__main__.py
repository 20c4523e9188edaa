# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m mxnet_im2rec.cli.legacy`` is ``im2rec.py``."""

import sys

from .command import main

if __name__ == "__main__":  # with another start method than fork every worker imports this
    sys.exit(main())

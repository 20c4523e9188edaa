# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The commands. They parse, call the library, print, and exit; the library knows nothing of them."""

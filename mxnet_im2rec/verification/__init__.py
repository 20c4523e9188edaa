# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0

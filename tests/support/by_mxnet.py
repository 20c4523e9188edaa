# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Records and datasets written by MXNet itself, for tests of what reads them."""

from pathlib import Path

import mxnet as mx


def pack_by_mxnet(index, labels, payload):
    """A record by mx.recordio.pack(); labels are a number or several."""
    return mx.recordio.pack(mx.recordio.IRHeader(0, labels, index, 0), payload)


def write_by_mxnet(prefix, records):
    """A dataset of records (index, labels, payload); its .rec."""
    writer = mx.recordio.MXIndexedRecordIO(f"{prefix}.idx", f"{prefix}.rec", "w")
    for index, labels, payload in records:
        writer.write_idx(index, pack_by_mxnet(index, labels, payload))
    writer.close()
    return Path(f"{prefix}.rec")

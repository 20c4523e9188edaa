# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The image record's header, held against mxnet.recordio.pack and unpack in both directions."""

import struct

import mxnet as mx
import numpy as np
import pytest
from by_mxnet import pack_by_mxnet
from hypothesis import given, settings
from hypothesis import strategies as st

from mxnet_im2rec.labels import as_float32
from mxnet_im2rec.limits import MAX_INDEX, MAX_RECORD_BYTES
from mxnet_im2rec.recordio.header import pack_header, unpack_header

CASES = {
    "zero": (0, (0.0,)),
    "one label": (7, (3.0,)),
    "a negative label": (7, (-1.5,)),
    "a label that float32 rounds": (7, (0.1,)),
    "the largest index": (MAX_INDEX, (1.0,)),
    "an index of 33 bits": (2**32 + 5, (1.0,)),
    "two labels": (7, (1.0, 2.0)),
    "detection labels": (7, (2.0, 5.0, 0.0, 0.1, 0.2, 0.3, 0.4)),
    "a thousand labels": (7, tuple(index / 7 for index in range(1000))),
    "the extremes of float32": (7, (3.4028234663852886e38, -3.4028234663852886e38, 1e-45, -0.0)),
}
each_case = pytest.mark.parametrize(("index", "labels"), list(CASES.values()), ids=list(CASES))


def oracle(index, labels, payload):
    """The record as MXNet packs it: one label as a scalar, more as an array."""
    label = labels[0] if len(labels) == 1 else np.array(labels, np.float32)
    return pack_by_mxnet(index, label, payload)


@each_case
@pytest.mark.parametrize("payload", [b"", b"\xff\xd8\xff\xd9"])
def test_the_bytes_are_those_of_mxnet(index, labels, payload):
    assert pack_header(index, labels) + payload == oracle(index, labels, payload)


@each_case
def test_mxnet_unpacks_what_was_packed(index, labels):
    header, payload = mx.recordio.unpack(pack_header(index, labels) + b"payload")
    assert (header.id, header.id2, payload) == (index, 0, b"payload")
    assert header.flag == (0 if len(labels) == 1 else len(labels))
    assert np.atleast_1d(np.float32(header.label)).tolist() == np.array(labels, np.float32).tolist()


@given(
    st.integers(0, MAX_INDEX),
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
    st.binary(max_size=20),
)
@settings(deadline=None, max_examples=200)
def test_any_record_is_that_of_mxnet_and_gives_its_labels_back(index, labels, payload):
    record = pack_header(index, labels) + payload
    assert record == oracle(index, labels, payload)
    header = unpack_header(record)
    assert (header.index, header.labels.tolist(), header.size) == (index, labels, len(record) - len(payload))


def test_labels_may_be_any_sequence_of_numbers():
    assert pack_header(7, [1, 2]) == pack_header(7, (1.0, 2.0)) == pack_header(7, np.array([1, 2]))


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1 / 3, -2.5, 16777217.0, 1e-60, 3.4028234e38])
def test_as_float32_rounds_as_numpy_does(value):
    assert as_float32(value) == float(np.float32(value))


@pytest.mark.parametrize("value", [1e39, -1e39, 3.4028236e38])
def test_as_float32_refuses_what_float32_does_not_hold(value):
    with pytest.raises(OverflowError):
        as_float32(value)


def test_the_limits_are_those_of_the_format():
    assert struct.unpack("<Q", struct.pack("<Q", MAX_INDEX))[0] + 1 == 1 << 64
    assert MAX_RECORD_BYTES + 1 == 1 << 29

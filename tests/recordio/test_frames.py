# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Frames against MXNet's own writer and reader."""

import mxnet as mx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxnet_im2rec.recordio import frames as framing

MAGIC = bytes.fromhex("0a23d7ce")


def by_mxnet(folder, payloads):
    path = str(folder / "by_mxnet.rec")
    writer = mx.recordio.MXRecordIO(path, "w")
    for payload in payloads:
        writer.write(payload)
    writer.close()
    with open(path, "rb") as stream:
        return stream.read()


CASES = [
    b"",
    b"a",
    b"abc",
    b"abcd",
    MAGIC,
    MAGIC * 2,
    MAGIC * 5 + b"x",
    b"a" + MAGIC,
    b"abcd" + MAGIC,
    b"abcd" + MAGIC + b"ef",
    MAGIC + b"abcde" + MAGIC + b"f" + MAGIC,
    MAGIC[:3],
    b"xyz" + MAGIC * 3 + b"z",
    bytes(100_001),
]


@pytest.mark.parametrize("payload", CASES)
def test_frames_are_those_of_mxnet(tmp_path, payload):
    assert b"".join(framing.frame(payload)) == by_mxnet(tmp_path, [payload])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([MAGIC, b"", b"a", b"bc", b"def", b"ghij", MAGIC[:2], MAGIC[2:]]), max_size=12))
def test_any_mixture_of_magics(tmp_path_factory, pieces):
    payload = b"".join(pieces)
    framed = b"".join(framing.frame(payload))
    assert framed == by_mxnet(tmp_path_factory.getbasetemp(), [payload])
    found, following = framing.read_record(memoryview(bytes(8) + framed + b"behind"), 8, "a.rec")
    assert (bytes(found), following) == (payload, 8 + len(framed))
    assert framing.payload_of(framing.frame(payload)) == framing.payload_of([memoryview(framed)]) == payload
    for start in range(0, len(payload) + 1, 4):
        assert b"".join(framing.frame(payload[:start], memoryview(payload)[start:])) == framed


@pytest.mark.parametrize("size", [framing._SMALL - 8, framing._SMALL, 100_000])
@pytest.mark.parametrize("position", [0, 1, 4, 2002, -4])
def test_a_magic_is_found_in_any_size_where_it_is_aligned(tmp_path, size, position):
    payload = bytearray(b"x" * size)
    payload[position : position + 4 or size] = MAGIC
    assert b"".join(framing.frame(b"head", bytes(payload))) == by_mxnet(tmp_path, [b"head" + payload])


def test_a_payload_over_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(framing, "MAX_RECORD_BYTES", 10)
    framing.frame(bytes(10))
    with pytest.raises(ValueError, match="limit is 10"):
        framing.frame(bytes(11))

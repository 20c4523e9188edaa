# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a file is what it was."""

import os

import pytest

from mxnet_im2rec.storage.file_state import FileState


def test_a_file_that_is_written_again_with_the_same_bytes_is_what_it_was(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"a" * (3 << 20))
    state = FileState(str(path))
    assert state.is_unchanged()
    digest = state.digest
    os.utime(path, (1, 1))
    assert state.is_unchanged()
    path.write_bytes(b"b" * (3 << 20))
    assert not state.is_unchanged()
    assert state.digest == digest
    assert FileState(str(path)).digest != digest
    path.unlink()
    assert not state.is_unchanged()
    with pytest.raises(FileNotFoundError):
        FileState(str(path))

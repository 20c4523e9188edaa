# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Mending: records go into the places of entries that failed before, in a dataset that is not finished.

The records around them are copied, not made again. Knows the writer and the places; not how records are made.
"""

from __future__ import annotations

import os
from typing import Iterable, List, Sequence, Tuple, Union

import numpy as np

from ..errors import OutputError
from ..recordio.frames import Buffer
from ..recordio.index import read_index
from ..values import DamagedImage, Failure
from .journal import KeptFailure
from .writer import RecordWriter

Outcome = Union[Failure, Tuple[int, Sequence[Buffer]]]
"""What became of an entry: a Failure, or the index of a record and the pieces of its frames."""


def mend(
    writer: RecordWriter,
    outcomes: Iterable[Tuple[KeptFailure, Outcome]],
    damaged: Sequence[Tuple[int, DamagedImage]] = (),
) -> None:
    """Write what is kept once more, with the records that there are now in their places.

    The writer goes on with what an earlier one has left. ``outcomes`` says for each of the kept failures, in order, what became
    of it when its entry was tried again. ``damaged`` are all images that are damaged inside; it may grow while the outcomes are
    taken.
    """
    kept = writer.kept
    assert kept is not None
    rec, idx = writer.partial_paths
    failures: List[KeptFailure] = []
    num_mended = 0
    try:
        keys, offsets, _ = read_index(idx)
        ends = np.append(offsets, kept.rec_bytes)
        with open(rec, "rb") as old:
            writer.begin_next_generation()

            def copy_up_to(num_records: int) -> None:
                first = writer.num_records - num_mended
                places = zip(keys[first:num_records].tolist(), offsets[first:num_records].tolist())
                writer.copy(old.fileno(), int(ends[first]), int(ends[num_records]), places)

            for failure, outcome in outcomes:
                if isinstance(outcome, Failure):
                    failures.append(KeptFailure(failure.entries, failure.records + num_mended, outcome))
                else:
                    copy_up_to(failure.records)
                    writer.write_frames(*outcome)
                    num_mended += 1
            copy_up_to(kept.records)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot read {os.path.basename(rec)!r}: {error}") from error
    writer.checkpoint(kept.entries, kept.digest, failures, damaged, replace=True)

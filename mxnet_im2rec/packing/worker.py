# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What a worker does with one entry: the pipeline makes the image's bytes, and they become a record with header and frames."""

from __future__ import annotations

from typing import Callable, Optional, Union

from ..engine.pool import Pieces
from ..errors import ImageError
from ..limits import why_too_large
from ..recordio.frames import frame
from ..recordio.header import pack_header
from ..transforms.pipeline import DamagedBytes, Pipeline
from ..values import Failure, ListEntry


class DamagedRecord(Pieces):
    """The record of an image that is damaged inside; ``damage`` says how."""

    damage: str

    @classmethod
    def of(cls, record: Pieces, damage: str) -> DamagedRecord:
        made = cls(record)
        made.damage = damage
        return made


class Worker:
    """Makes records of entries, or says why not. Can be pickled."""

    def __init__(
        self, pipeline: Pipeline, fetch: Optional[Callable[[ListEntry], ListEntry]] = None, pack_labels: bool = True
    ) -> None:
        self.pipeline = pipeline
        self._fetch, self._pack_labels = fetch, pack_labels
        self.pass_through = pipeline.pass_through

    @property
    def is_worn_out(self) -> bool:
        """Whether the last entry failed because this process has no memory left, or can open no more files."""
        return self.pipeline.is_worn_out

    def prepare(self) -> None:
        """Make a worker process ready."""
        self.pipeline.prepare()

    def __call__(self, entry: Union[ListEntry, Failure]) -> Union[Pieces, Failure]:
        """The record as it stands in a .rec, a DamagedRecord if its image is damaged inside; or why there is none.

        A Failure of reading the list stays as it is: it keeps its place among the entries.
        """
        if isinstance(entry, Failure):
            return entry
        if self._fetch is not None:
            try:
                entry = self._fetch(entry)
            except Exception as error:  # whatever a user's dataset raises is this image's failure
                return self.pipeline.failure(entry, "read", error)
            if not self._pack_labels:
                entry = entry._replace(labels=entry.labels[:1])
        image = self.pipeline(entry)
        if isinstance(image, Failure):
            return image
        try:
            record = record_of(entry, image)
        except Exception as error:
            return self.pipeline.failure(entry, "pack", error)
        return DamagedRecord.of(record, image.damage) if isinstance(image, DamagedBytes) else record


def record_of(entry: ListEntry, image: bytes) -> Pieces:
    """The record of an image, in the pieces of its frames; ImageError if it is too large."""
    header = pack_header(entry.index, entry.labels)
    why = why_too_large(len(header) + len(image))
    if why is not None:
        raise ImageError(why)
    return Pieces(frame(header, image))

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""What a worker process has to do, and what is left of it when the process ends before it is done. Knows no process."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Deque, Optional, Sequence


@dataclass
class Retry:
    """An item that a worker had when it ended, and gave no result of."""

    item: Any
    was_tried: bool = False  # whether a worker ended while it was on this item
    reason: Optional[str] = None  # why the item is not tried once more; None where it is


@dataclass
class Job:
    """A chunk that a worker has, or part of one that it will get.

    ``retries`` is what is left of a chunk whose worker ended: each item is tried alone, one after the other, so that one that
    kills its worker takes no other item with it.
    """

    ticket: int  # of the chunk
    items: Sequence[Any]  # what the worker gets; empty where the job is no more than retries
    num_received: int = 0  # how many of their results have come
    retries: Optional[Deque[Retry]] = None
    was_tried: bool = False  # of a retry, the only item: whether a worker has ended while it was on this item

    def next_part(self) -> Job:
        """What a worker gets of this job: all of it, or the first of the retries, which takes the others along."""
        if self.retries is None:
            return self
        retry = self.retries.popleft()
        return Job(self.ticket, [retry.item], retries=self.retries, was_tried=retry.was_tried)

    def as_retries(self) -> Job:
        """This job before any worker has begun it: as retries, if it is one of them."""
        if not self.items or self.retries is None:
            return self
        return Job(self.ticket, (), retries=deque([Retry(self.items[0], self.was_tried), *self.retries]))

    def left(self) -> Deque[Retry]:
        """A retry for every item whose result has not come."""
        return deque([*map(Retry, self.items[self.num_received :]), *(self.retries or ())])

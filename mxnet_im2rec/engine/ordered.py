# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The ordered map: a pool's results in the order of the items, with a bound on what is in memory. Knows no kind of pool."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any, Deque, Dict, Iterable, Iterator, NamedTuple, Tuple

from .pool import Pieces, Pool, size_of


class _Chunk(NamedTuple):
    """Items that the pool has, and the results that have come; both without what has been yielded."""

    items: Deque[Any]
    results: Deque[Any]


def ordered_map(
    pool: Pool, items: Iterable[Any], *, chunk_size: int, max_items: int, max_bytes: int
) -> Iterator[Tuple[Any, Any]]:
    """Map the pool's work over items: each item with its result, in the order of the items.

    Items are read as far as is needed to keep the workers busy. At most ``chunk_size`` of them go to a worker at once. At most
    ``max_items`` are in flight: read, and their results not yet yielded. While results that wait for their turn take more than
    ``max_bytes``, the pool gets no more items. A result that is :class:`Pieces` is released when the next one is asked for.
    """
    source = iter(items)
    chunk_size = max(1, min(chunk_size, max_items // pool.capacity))
    chunks: Dict[int, _Chunk] = {}  # by ticket, in order
    num_tickets = num_items = num_bytes = 0  # given out so far; in flight; of results that wait for their turn
    is_exhausted = False
    while True:
        # 1. Fill the pool.
        while not is_exhausted and num_items < max_items and num_bytes <= max_bytes and pool.has_room():
            chunk = list(islice(source, min(chunk_size, max_items - num_items)))
            is_exhausted = not chunk
            if chunk:
                chunks[num_tickets] = _Chunk(deque(chunk), deque())
                num_items += len(chunk)
                pool.submit(num_tickets, chunk)
                num_tickets += 1
        if not chunks:
            return
        # 2. Take what is done, of whichever chunk.
        for ticket, results in pool.collect():
            chunks[ticket].results.extend(results)
            num_bytes += sum(map(size_of, results))
        # 3. Yield what is next in order, as far as its results are there.
        while chunks:
            first = next(iter(chunks))
            if not chunks[first].results:
                break
            item, result = chunks[first].items.popleft(), chunks[first].results.popleft()
            if not chunks[first].items:
                del chunks[first]
            num_items -= 1
            num_bytes -= size_of(result)
            try:
                yield item, result
            finally:
                if isinstance(result, Pieces):
                    result.release()

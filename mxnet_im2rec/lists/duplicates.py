# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""find_duplicates(): which images stand in lists more than once, by their bytes and by their pixels. Needs no MXNet.

Of every entry some 60 bytes and its path stay in memory; no image does.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from array import array
from hashlib import blake2b
from typing import Any, Callable, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from .. import arguments
from ..engine.ordered import ordered_map
from ..engine.threads import ThreadPool
from ..errors import ArgumentTypeError, ImageError
from ..images.checks import check_size
from ..limits import MAX_PIXELS
from ..storage.opening import open_without_waiting
from ..values import Failure, ListEntry
from .duplicates_report import MOST_GROUPS, MOST_SKIPPED, DuplicateGroup, DuplicateImage, DuplicatesReport
from .open_list import ListLike, open_list
from .source import ListSource

_CHUNK = 16  # entries that a thread takes at once
_PIECE = 1 << 20  # bytes of a file that are hashed at once
_KEY_BYTES = 16


def find_duplicates(
    lists: Union[ListLike, Sequence[ListLike]],
    root: Union[None, str, os.PathLike] = None,
    *,
    pixels: bool = True,
    max_pixels: Optional[int] = MAX_PIXELS,
    num_threads: int = 4,
    progress: Optional[Callable[[int, Optional[int], int], Any]] = None,
) -> DuplicatesReport:
    """Find images that stand in lists more than once, such as a test image that is in the training list too.

    Parameters
    ----------
    lists : sequence of str, os.PathLike or iterable of ListEntry
        The lists, each as for :func:`mxnet_im2rec.im2rec`; or the path of one list. They are streamed.
    root : str or os.PathLike, optional
        The folder that relative image paths are relative to; by default each list's own folder.
    pixels : bool
        Decode the images, and compare their pixels as well: (H, W, 3) uint8, RGB, EXIF orientation applied. So a PNG is found to
        be the same as a BMP. Alpha does not count, nor does the low byte of 16 bits. Without it only the files' bytes count,
        which is quicker.
    max_pixels : int or None
        Of an image of more pixels, as of one that does not decode, the bytes alone count. None decodes any.
    num_threads : int
        How many files are looked at at once, at least 1, and at most 64 or, if that is more, 16 for each CPU.
    progress : callable, optional
        Receives (entries done, total or None, entries that cannot be compared) after every entry.

    Returns
    -------
    DuplicatesReport
        The groups of images that are the same, those across lists first.

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong.
    OSError
        If a list cannot be opened, or the root is no folder.

    Examples
    --------
    >>> from mxnet_im2rec import find_duplicates
    >>> report = find_duplicates(['train.lst', 'test.lst'])  # doctest: +SKIP
    >>> print(report)  # doctest: +SKIP
    the same pixels in several lists: train.lst:17 'cats/tom.jpg', test.lst:3 'tom.png'
    """
    started = time.monotonic()
    arguments.flag("pixels", pixels)
    max_pixels = None if max_pixels is None else arguments.whole_number("max_pixels", max_pixels, 1)
    num_threads = arguments.few_enough("num_threads", arguments.whole_number("num_threads", num_threads, 1))
    arguments.progress(progress, may_be_flag=False)
    sources = [open_list(each, root) for each in _several(lists)]
    total = None if progress is None else _total(sources)
    seen = _Seen(sources)
    for item, looked in _look_at_all(sources, bool(pixels), max_pixels, num_threads):
        seen.add(*item, looked)
        if progress is not None:
            progress(seen.num_entries, total, seen.num_skipped)
    return seen.report(started)


def _several(lists: Any) -> List[ListLike]:
    if isinstance(lists, (str, os.PathLike, ListSource)):
        return [lists]
    if isinstance(lists, bytes) or not isinstance(lists, Iterable):
        raise ArgumentTypeError("lists", "must be a sequence of lists, or the path of one", lists)
    return list(lists)


def _total(sources: List[ListSource]) -> Optional[int]:
    counts = [source.count() for source in sources]
    return None if None in counts else sum(filter(None, counts))


class _Digests(NamedTuple):
    """Of one image: by its pixels, or by its bytes where they are not compared; and by its bytes."""

    of_image: bytes
    of_bytes: bytes


_Item = Tuple[int, Union[ListEntry, Failure]]
"""The number of a list, and what is in it."""


def _look_at_all(
    sources: List[ListSource], pixels: bool, max_pixels: Optional[int], num_threads: int
) -> Iterator[Tuple[_Item, Union[_Digests, str]]]:
    """Every entry of every list with its digests, or with the reason why there are none, in order."""

    def look(item: _Item) -> Union[_Digests, str]:
        number, entry = item
        if isinstance(entry, Failure):
            return entry.reason
        path = os.path.join(sources[number].root, entry.path)
        try:
            return _digests(path, pixels, max_pixels)
        except OSError as error:
            return f"it cannot be read: {error.strerror or error}"
        except ValueError as error:  # a name that no file can have
            return f"it cannot be read: {error}"

    items = ((number, entry) for number, source in enumerate(sources) for entry in source.entries(warn=False))
    with ThreadPool(look, num_threads) as pool:
        yield from ordered_map(pool, items, chunk_size=_CHUNK, max_items=_CHUNK * pool.capacity, max_bytes=sys.maxsize)


def _digests(path: str, pixels: bool, max_pixels: Optional[int]) -> Union[_Digests, str]:
    with open(path, "rb", buffering=0, opener=open_without_waiting) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return f"{path!r} is no regular file"
        hasher = blake2b(digest_size=_KEY_BYTES)
        kept = []
        for piece in iter(lambda: stream.read(_PIECE), b""):
            hasher.update(piece)
            if pixels:
                kept.append(piece)
    of_bytes = hasher.digest()
    return _Digests(_of_pixels(b"".join(kept), max_pixels) or of_bytes if pixels else of_bytes, of_bytes)


def _of_pixels(data: bytes, max_pixels: Optional[int]) -> Optional[bytes]:
    """A digest of the decoded image; None if it does not decode."""
    from ..images import codec as images  # loads OpenCV

    try:
        check_size(data, max_pixels)
        image = images.to_8_bits(images.decode(data, 1))
    except ImageError:
        return None
    hasher = blake2b(repr(image.shape).encode(), digest_size=_KEY_BYTES)
    hasher.update(np.ascontiguousarray(image).data)
    return hasher.digest()


class _Seen:
    """What is known of all entries so far, in arrays."""

    def __init__(self, sources: List[ListSource]) -> None:
        self._names = [source.name for source in sources]
        self._images, self._bytes = bytearray(), bytearray()  # _KEY_BYTES an entry
        self._labels = bytearray()  # 8 bytes an entry, a digest
        self._lists, self._lines = array("I"), array("Q")
        self._paths, self._ends = bytearray(), array("Q", [0])
        self._skipped: List[str] = []
        self.num_entries = 0
        self.num_skipped = 0

    def add(self, number: int, entry: Union[ListEntry, Failure], looked: Union[_Digests, str]) -> None:
        self.num_entries += 1
        if isinstance(entry, Failure) or isinstance(looked, str):
            self.num_skipped += 1
            if len(self._skipped) < MOST_SKIPPED:
                self._skipped.append(f"{DuplicateImage(self._names[number], entry.line, entry.path)}: {looked}")
            return
        self._images += looked.of_image
        self._bytes += looked.of_bytes
        self._labels += blake2b(array("d", entry.labels).tobytes(), digest_size=8).digest()
        self._lists.append(number)
        self._lines.append(entry.line or 0)
        self._paths += entry.path.encode("utf-8", "surrogateescape")
        self._ends.append(len(self._paths))

    def report(self, started: float) -> DuplicatesReport:
        across: List[DuplicateGroup] = []
        within: List[DuplicateGroup] = []
        num_copies = num_labels = 0
        for rows in self._runs():
            group = self._group(rows)
            num_copies += len(rows) - 1
            num_labels += group.has_different_labels
            (across if group.is_across else within).append(group)
        return DuplicatesReport(
            lists=tuple(self._names),
            num_entries=self.num_entries,
            groups=tuple([*across, *within][:MOST_GROUPS]),
            num_groups=len(across) + len(within),
            num_across=len(across),
            num_different_labels=num_labels,
            num_copies=num_copies,
            num_skipped=self.num_skipped,
            skipped=tuple(self._skipped),
            seconds=time.monotonic() - started,
        )

    def _runs(self) -> List[np.ndarray]:
        """The entries that are one image, where these are several, in the order of their first ones."""
        if not self._lists:
            return []
        keys = np.frombuffer(self._images, np.uint64).reshape(-1, 2)
        order = np.lexsort(keys.T)  # which is stable
        is_first = np.append(True, (keys[order[1:]] != keys[order[:-1]]).any(axis=1))
        starts = np.flatnonzero(is_first)
        ends = np.append(starts[1:], len(order))
        several = ends - starts > 1
        return sorted((order[start:end] for start, end in zip(starts[several], ends[several])), key=lambda rows: int(rows[0]))

    def _group(self, rows: np.ndarray) -> DuplicateGroup:
        of_bytes = {bytes(self._bytes[_KEY_BYTES * row : _KEY_BYTES * (row + 1)]) for row in rows.tolist()}
        lists = {self._lists[row] for row in rows.tolist()}
        labels = {(self._lists[row], bytes(self._labels[8 * row : 8 * (row + 1)])) for row in rows.tolist()}
        return DuplicateGroup(
            kind="exact" if len(of_bytes) == 1 else "same pixels",
            images=tuple(self._image(row) for row in rows.tolist()),
            is_across=len(lists) > 1,
            has_different_labels=len(labels) > len(lists),
        )

    def _image(self, row: int) -> DuplicateImage:
        path = self._paths[self._ends[row] : self._ends[row + 1]].decode("utf-8", "surrogateescape")
        return DuplicateImage(self._names[self._lists[row]], self._lines[row] or None, path)

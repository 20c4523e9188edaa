# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A dataset of Gluon's, of Hugging Face's, or any other sequence of images with labels, as a source of entries."""

from __future__ import annotations

import os
import pickle
import threading
import warnings
from typing import Any, Dict, Mapping, Optional

from ..errors import ArgumentTypeError, LabelPrecisionWarning, ListLineError
from ..labels import is_inexact
from ..text import Argument, Text, message_of
from ..values import Entries, Failure, ListEntry
from .given import checked_entry
from .source import ListSource


def from_dataset(dataset: Any, image: str = "image", label: str = "label") -> ListSource:
    """A list of the images of a dataset, for every function that takes a list.

    The index of an image is its position in the dataset.

    Parameters
    ----------
    dataset : gluon.data.Dataset, sequence or iterable
        An item is ``(image, label)``, ``(image, label, label, ...)``, or a mapping. The image is an array or NDArray, (H, W) or
        (H, W, C) uint8, with C = 1 (grey), 3 (RGB) or 4 (RGBA); an image of Pillow; the bytes of an image file; or a path. A
        label is a number, or a sequence of numbers.

        Where the dataset has ``len()`` and ``dataset[position]``, worker processes read its items, each when its turn comes.
        Then the dataset must be usable in a process that was forked from this one, or, with another start method, be picklable.
        Of any other iterable, this process reads the items.
    image, label : str
        The keys of the image and of the label, where an item is a mapping, as in Hugging Face's datasets.

    Returns
    -------
    ListSource
        What :func:`mxnet_im2rec.im2rec`, :func:`mxnet_im2rec.check_list` and :func:`mxnet_im2rec.verify` take as a list.

    Raises
    ------
    TypeError
        If the dataset is neither a sequence nor an iterable. What is wrong with an item is the failure of that item.

    Warns
    -----
    LabelPrecisionWarning
        If a label is an integer that float32 does not hold exactly.

    Examples
    --------
    >>> import numpy as np
    >>> from mxnet_im2rec import check_list, from_dataset
    >>> pairs = [(np.zeros((8, 8, 3), np.uint8), 0), (np.ones((9, 9, 3), np.uint8), 1)]
    >>> check_list(from_dataset(pairs)).ok
    True
    """
    if isinstance(dataset, (str, bytes, Mapping)) or not (_has_random_access(dataset) or hasattr(dataset, "__iter__")):
        raise ArgumentTypeError("dataset", "must be a sequence, or an iterable, of (image, label) or of mappings", dataset)
    return DatasetSource(dataset, image, label)


def _has_random_access(dataset: Any) -> bool:
    try:
        return hasattr(dataset, "__getitem__") and len(dataset) >= 0
    except (TypeError, NotImplementedError):
        return False


class DatasetSource(ListSource):
    """The items of a dataset. Where it has random access, the entries have no labels and no image: ``fetch`` gets both."""

    def __init__(self, dataset: Any, image: str, label: str) -> None:
        super().__init__(None, os.getcwd())
        self._dataset = dataset
        reader = ItemReader(dataset, image, label)
        self._read_item = reader.entry_of
        self.can_be_read_twice = _has_random_access(dataset)
        if self.can_be_read_twice:
            self.fetch = reader
            self.digest = f"{type(dataset).__module__}.{type(dataset).__qualname__}, {len(dataset)} items"
        self.classes = _classes_of(dataset)

    def count(self) -> Optional[int]:
        return len(self._dataset) if self.can_be_read_twice else None

    def _read(self) -> Entries:
        if self.can_be_read_twice:
            for position in range(len(self._dataset)):
                yield ListEntry(position, (), _name(position), position + 1)
            return
        for position, item in enumerate(self._dataset):
            try:
                yield self._read_item(item, position)
            except ListLineError as error:
                yield Failure(position + 1, error.index, error.path, "list", message_of(error))


class ItemReader:
    """Gets the item of an entry out of a dataset, one at a time. Can be pickled, if the dataset can be."""

    def __init__(self, dataset: Any, image: str, label: str) -> None:
        self._dataset, self._image, self._label = dataset, image, label
        self._lock = threading.Lock()  # nobody knows whether the dataset may be read by two threads

    def __getstate__(self) -> bytes:
        import cloudpickle  # which takes the lambda of a transform_first() along

        return cloudpickle.dumps((self._dataset, self._image, self._label))

    def __setstate__(self, state: bytes) -> None:
        self.__init__(*pickle.loads(state))  # type: ignore[misc]

    def __call__(self, entry: ListEntry) -> ListEntry:
        """The entry with its labels and its image."""
        with self._lock:
            item = self._dataset[entry.index]
            entry = self.entry_of(item, entry.index)
        for label in entry.labels:
            if is_inexact(label):
                what = f"{entry.path}: RecordIO stores labels as float32, which does not hold {label:.0f} exactly"
                warnings.warn(what, LabelPrecisionWarning, stacklevel=2)
        return entry

    def entry_of(self, item: Any, position: int) -> ListEntry:
        """The entry of an item; ListLineError says what is wrong with it."""
        name = _name(position)
        if isinstance(item, Mapping):
            missing = [key for key in (self._image, self._label) if key not in item]
            if missing:
                keys = ", ".join(map(repr, item))
                what = f"the item has no {missing[0]!r}; it has {keys}: name its keys by the arguments "
                raise ListLineError(Text(what, Argument("image"), " and ", Argument("label")), position, name)
            image, labels = item[self._image], item[self._label]
        elif isinstance(item, (tuple, list)) and len(item) >= 2:
            image, labels = item[0], item[1] if len(item) == 2 else item[1:]
        else:
            raise ListLineError(f"the item is {type(item).__name__}; expected (image, label) or a mapping", position, name)
        return checked_entry(position, labels, image, position + 1, name)


def _name(position: int) -> str:
    return f"dataset[{position}]"


def _classes_of(dataset: Any) -> Optional[Dict[str, int]]:
    """The names of the classes, where the dataset has them: Gluon's ``synsets``, torchvision's ``classes``."""
    for attribute in ("synsets", "classes"):
        names = getattr(dataset, attribute, None)
        if isinstance(names, (list, tuple)) and names and all(isinstance(name, str) for name in names):
            return {name: number for number, name in enumerate(names)} if len(set(names)) == len(names) else None
    return None

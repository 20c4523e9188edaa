# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""summarize(): how many records, formats, labels and sizes a .rec holds. Needs no MXNet, and decodes only for the pixels."""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from .. import arguments
from ..errors import RecordFormatError
from ..images.formats import sniff
from ..images.sizes import image_size
from ..labels import detection_classes
from ..limits import MAX_PIXELS
from ..lists.classes import names_of_classes
from ..recordio.paths import DatasetPaths
from ..recordio.reader import RecordFile
from ..recordio.record import Record
from ..text import count, first_lines
from ..values import format_bytes
from .hyperparameters import sagemaker_hyperparameters
from .label_text import label_text, numbered_name
from .summary_plot import draw_summary, size_text

if TYPE_CHECKING:
    from .pixel_statistics import PixelTotals

HEADER_ONLY = "header only"
UNKNOWN = "unknown"

_SHOWN = 10  # how many rows of a long list the table shows


@dataclass(frozen=True)
class RecordSize:
    """Where a record stands, and how large it is.

    Attributes
    ----------
    position : int
        In the order of the file, from 0.
    index : int
        The image's id.
    num_bytes : int
        What the record takes in the .rec: frame, header, labels, image and padding.
    """

    position: int
    index: int
    num_bytes: int


@dataclass(frozen=True)
class Summary:
    """What a .rec holds. Printing it gives a table.

    A record without an image, such as the headers of InsightFace's layout, counts in ``num_records`` and in ``formats``, and in
    nothing else as long as there is a record that has an image.

    Attributes
    ----------
    rec_path : str
        The absolute path of the file.
    num_records : int
        How many records it holds.
    num_bytes : int
        Its size in bytes.
    formats : mapping of str to int
        How many records have each image format, such as ``'JPEG'``; ``'header only'`` for those without an image and
        ``'unknown'`` for those whose content is no image. The most frequent first.
    label_widths : mapping of int to int
        How many images have that many labels.
    label_histogram : mapping of float to int
        How many images have that first label, in the order of the labels.
    object_histogram : mapping of float to int
        For a detection dataset, how many objects have that class; else empty. It is one if the labels of every image follow
        the layout of ImageDetIter.
    sizes : mapping of (int, int) to int
        How many images have that (height, width) in pixels by their header, EXIF orientation applied. The most frequent first.
        Images whose header does not give it are missing.
    smallest, largest : RecordSize
        The first record of the smallest and of the largest size.
    median_bytes : int
        The median of the records' sizes; for an even number of records the lower of the two in the middle.
    class_names : mapping of int to str
        The names of the classes by their numbers, where they are known; of those classes too that no image has.
    mean, std : (float, float, float) or None
        Of all pixels of all images, the mean and the standard deviation of red, green and blue, from 0 to 1, as
        ``transforms.Normalize`` takes them after ``ToTensor``. A grey image counts as red, green and blue of the same values;
        alpha does not count; of 16 bits the high byte counts. None without ``pixels``, or if no image decodes.
    num_undecoded : int
        With ``pixels``, how many images do not decode; they do not count in ``mean`` and ``std``.
    undecoded : tuple of str
        The first 10 of these images, each with its position, its index and the reason.
    """

    rec_path: str
    num_records: int
    num_bytes: int
    formats: Mapping[str, int] = field(repr=False)
    label_widths: Mapping[int, int] = field(repr=False)
    label_histogram: Mapping[float, int] = field(repr=False)
    object_histogram: Mapping[float, int] = field(repr=False)
    sizes: Mapping[Tuple[int, int], int] = field(repr=False)
    smallest: RecordSize
    median_bytes: int
    largest: RecordSize
    class_names: Mapping[int, str] = field(default_factory=dict, repr=False)
    mean: Optional[Tuple[float, float, float]] = None
    std: Optional[Tuple[float, float, float]] = None
    num_undecoded: int = 0
    undecoded: Tuple[str, ...] = field(default=(), repr=False)

    @property
    def num_images(self) -> int:
        """How many records have an image."""
        return self.num_records - self.formats.get(HEADER_ONLY, 0)

    def __str__(self) -> str:
        lines = [f"{self.rec_path}: {count(self.num_records, 'record')}, {format_bytes(self.num_bytes)}"]
        tables = self._tables()
        widths = _widths([row for _, rows in tables for row in rows])
        for title, rows in tables:
            lines += ["", title, *(_line(row, widths) for row in rows)]
        for name, channels in (("mean", self.mean), ("std", self.std)):
            if channels is not None:
                lines += ["", f"{name} of red, green and blue", "  " + ", ".join(f"{channel:.6f}" for channel in channels)]
        if self.num_undecoded:
            lines += ["", f"{count(self.num_undecoded, 'image')} not decoded, and not in mean and std"]
            lines += first_lines(self.undecoded, len(self.undecoded), self.num_undecoded)
        return "\n".join(lines)

    def _tables(self) -> List[Tuple[str, List[Sequence[str]]]]:
        images = self.num_images
        tables = [("format", _count_rows(self.formats.items(), str, self.num_records))]
        if self.label_widths:
            tables.append(("labels per image", _count_rows(self.label_widths.items(), str, images)))
        if self.object_histogram:
            tables.append(_histogram_table("class of the objects", "classes", self.object_histogram, self.class_names))
        elif self.label_histogram:
            tables.append(_histogram_table("first label", "labels", self.label_histogram, self.class_names))
        if images:
            rows = _count_rows(self.sizes.items(), size_text, images, _size_range)
            unsized = images - sum(self.sizes.values())
            if unsized:
                rows.append(("not in the header", f"{unsized:,}", _share(unsized, images)))
            tables.append((_with_number("height x width", "sizes", len(self.sizes)), rows))
        median = ("median", format_bytes(self.median_bytes), "")
        tables.append(("size of a record", [self._extreme("smallest"), median, self._extreme("largest")]))
        return tables

    def _extreme(self, name: str) -> Sequence[str]:
        record: RecordSize = getattr(self, name)
        return name, format_bytes(record.num_bytes), "", f"index {record.index}, at position {record.position:,}"

    def plot(self, path: Union[str, os.PathLike]) -> None:
        """Draw the images' sizes and the histogram of the labels, with matplotlib.

        Parameters
        ----------
        path : str or os.PathLike
            The picture to write; its extension, such as .png, .svg or .pdf, decides the format.

        Raises
        ------
        ImportError
            If matplotlib is not installed: ``pip install matplotlib``.
        OSError
            If the picture cannot be written.
        ValueError
            If the path has no extension, or one that matplotlib does not know.
        """
        draw_summary(self, path)

    def hyperparameters(self) -> Dict[str, Union[int, str]]:
        """What Amazon SageMaker's Image Classification or Object Detection must be given to train on this dataset.

        Returns
        -------
        dict of str to int or str
            ``num_classes``, the largest class and one; ``num_training_samples``; and ``image_shape``. For classification this is
            ``'3,height,width'`` of the smallest height and width that there are: on an image that is smaller the training fails.
            For detection it is 300, or 512 if no image has a smaller side, to which all are resized. For detection there is
            ``label_width`` too, the most labels that an image has: the validation set must be given the same one. Without
            ``image_shape`` if no image's header has its size.

        Raises
        ------
        Im2RecError
            If there is no image, or labels are not what these algorithms take: one class an image, or labels for detection.

        Examples
        --------
        >>> summarize('images_rec.rec').hyperparameters()  # doctest: +SKIP
        {'num_classes': 10, 'num_training_samples': 50000, 'image_shape': '3,224,224'}
        """
        return sagemaker_hyperparameters(self)


def summarize(
    rec_path: Union[str, os.PathLike],
    idx_path: Union[None, str, os.PathLike] = None,
    *,
    classes: Union[None, str, os.PathLike, Mapping[str, int]] = None,
    pixels: bool = False,
    max_pixels: Optional[int] = MAX_PIXELS,
    num_workers: Optional[int] = None,
    progress: Optional[Callable[[int, Optional[int], int], Any]] = None,
) -> Summary:
    """Count what a .rec holds.

    Of every record its header is read, and that of its image, which takes about 20 microseconds where the file is in memory. With
    ``pixels`` every image is decoded too.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The .rec.
    idx_path : str or os.PathLike, optional
        Its .idx; by default the one beside it, if there is one.
    classes : str, os.PathLike or mapping of str to int, optional
        The names of the classes: a table as :func:`make_list` writes it, or a mapping of names to numbers. By default the table
        beside the .rec, ``out.classes.txt``, if it is there.
    pixels : bool
        Decode all images, and give the exact mean and standard deviation of each channel.
    max_pixels : int or None
        With ``pixels``: an image of more pixels is not decoded, and counts among those that do not decode. None decodes any.
    num_workers : int, optional
        With ``pixels``: how many threads decode; by default one for each CPU. 0: the calling thread.
    progress : callable, optional
        Receives (records done, records in all, images that do not decode) after every record.

    Returns
    -------
    Summary
        Counts of formats, labels and sizes; ``print`` shows them as a table, ``plot`` draws them.

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong.
    OSError
        If a file cannot be opened.
    RecordFormatError
        If a file is damaged or the .rec is empty, or the .idx does not belong to the .rec.
    ValueError, TypeError
        If the table of the classes is none.

    Examples
    --------
    >>> print(summarize('images_rec.rec'))  # doctest: +SKIP
    >>> summarize('images_rec.rec').plot('images_rec.png')  # doctest: +SKIP
    >>> summarize('images_rec.rec', pixels=True).mean  # doctest: +SKIP
    (0.4853, 0.4561, 0.4063)
    """
    arguments.flag("pixels", pixels)
    max_pixels = None if max_pixels is None else arguments.whole_number("max_pixels", max_pixels, 1)
    arguments.progress(progress, may_be_flag=False)
    totals = _Totals()
    names = names_of_classes(classes, DatasetPaths.of_rec(rec_path).classes)
    with RecordFile(rec_path, idx_path) as records:
        if pixels:
            _add_with_pixels(totals, records, max_pixels, num_workers, progress)
        else:
            for number, record in enumerate(records, 1):
                totals.add(record)
                if progress is not None:
                    progress(number, len(records), 0)
        if not len(records):
            raise RecordFormatError(records.rec_path, 0, "at least one record", "an empty file")
        return totals.summary(records.rec_path, records.num_bytes, names)


def _add_with_pixels(
    totals: _Totals, records: RecordFile, max_pixels: Optional[int], num_workers: Optional[int], progress: Optional[Callable]
) -> None:
    from .pixel_statistics import PixelTotals, with_sums  # loads OpenCV

    totals.pixels = PixelTotals()
    for position, (record, result) in enumerate(with_sums(records, max_pixels, num_workers)):
        totals.add(record)
        if result is not None:
            totals.pixels.add(record, position, result)
        if progress is not None:
            progress(position + 1, len(records), totals.pixels.num_undecoded)


class _Totals:
    """What has been seen so far of a .rec."""

    def __init__(self) -> None:
        self.formats: Counter = Counter()
        self.label_widths: Counter = Counter()
        self.label_histogram: Counter = Counter()
        self.object_histogram: Optional[Counter] = Counter()  # None from the first image on that has no detection labels
        self.sizes: Counter = Counter()
        self.indices: List[int] = []
        self.record_bytes: List[int] = []
        self.has_image: List[bool] = []
        self.pixels: Optional[PixelTotals] = None  # which load OpenCV

    def add(self, record: Record) -> None:
        content = record.content
        self.indices.append(record.index)
        self.record_bytes.append(record.next_offset - record.offset)
        self.has_image.append(len(content) > 0)
        if not len(content):
            self.formats[HEADER_ONLY] += 1
            return
        self.formats[sniff(content) or UNKNOWN] += 1
        size = image_size(content)
        if size is not None:
            self.sizes[size] += 1
        self._add_labels(record.labels)

    def _add_labels(self, labels: np.ndarray) -> None:
        self.label_widths[len(labels)] += 1
        first = float(labels[0])
        self.label_histogram[math.nan if first != first else first] += 1  # one NaN for all, else each is a key of its own
        if self.object_histogram is not None:
            classes = detection_classes(labels.tolist())
            if classes is None:
                self.object_histogram = None
            else:
                self.object_histogram.update(classes)

    def summary(self, rec_path: str, num_bytes: int, class_names: Mapping[int, str]) -> Summary:
        record_bytes = np.array(self.record_bytes)
        of_interest = np.flatnonzero(self.has_image) if any(self.has_image) else np.arange(len(record_bytes))
        counted = record_bytes[of_interest]

        def at(position: int) -> RecordSize:
            return RecordSize(position, self.indices[position], int(record_bytes[position]))

        return Summary(
            rec_path=rec_path,
            num_records=len(record_bytes),
            num_bytes=num_bytes,
            formats=_by_count(self.formats),
            label_widths=_by_count(self.label_widths),
            label_histogram=_by_key(self.label_histogram),
            object_histogram=_by_key(self.object_histogram or {}),
            sizes=_by_count(self.sizes),
            smallest=at(int(of_interest[counted.argmin()])),
            median_bytes=int(np.sort(counted)[(len(counted) - 1) // 2]),
            largest=at(int(of_interest[counted.argmax()])),
            class_names=class_names,
            mean=None if self.pixels is None else self.pixels.mean(),
            std=None if self.pixels is None else self.pixels.std(),
            num_undecoded=0 if self.pixels is None else self.pixels.num_undecoded,
            undecoded=() if self.pixels is None else tuple(self.pixels.undecoded),
        )


def _by_count(counts: Mapping) -> Dict:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _by_key(counts: Mapping) -> Dict:
    return dict(sorted(counts.items(), key=lambda item: (item[0] != item[0], item[0])))  # a NaN comes last


def _histogram_table(
    title: str, noun: str, counts: Mapping[float, int], names: Mapping[int, str]
) -> Tuple[str, List[Sequence[str]]]:
    """A short histogram in the order of its labels; of a long one, the most frequent labels."""
    items = counts.items() if len(counts) <= _SHOWN + 1 else _by_count(counts).items()
    rows = _count_rows(items, partial(numbered_name, names=names), sum(counts.values()), _label_range)
    return _with_number(title, noun, len(counts)), rows


def _with_number(title: str, noun: str, number: int) -> str:
    return f"{title} ({number:,} {noun})" if number > _SHOWN + 1 else title


def _count_rows(items: Iterable[Tuple[Any, int]], text: Any, total: int, text_of_range: Any = None) -> List[Sequence[str]]:
    """Rows of (what, count, share). Of many, the first rows, and one row for the rest, with its range. Where each occurs once,
    one row stands for all of them."""
    items = list(items)
    all_once = all(count == 1 for _, count in items)
    shown = items if len(items) <= _SHOWN + 1 else [] if all_once else items[:_SHOWN]
    rows: List[Sequence[str]] = [(text(key), f"{count:,}", _share(count, total)) for key, count in shown]
    rest = items[len(shown) :]
    if rest:
        count = sum(count for _, count in rest)
        least, most = min(count for _, count in rest), max(count for _, count in rest)
        each = f"{least:,} each" if least == most else f"{least:,} to {most:,} each"
        remark = f"{each}, {text_of_range([key for key, _ in rest])}" if text_of_range else each
        rows.append((f"{len(rest):,} {'others' if shown else 'different'}", f"{count:,}", _share(count, total), remark))
    return rows


def _share(count: int, total: int) -> str:
    """In percent. Only nothing is 0.0 %, and only all is 100.0 %."""
    share = 100 * count / total
    return "<0.1 %" if 0 < share < 0.05 else ">99.9 %" if 99.95 <= share < 100 else f"{share:.1f} %"


def _label_range(labels: Sequence[float]) -> str:
    numbers = [label for label in labels if label == label]
    return f"from {label_text(min(numbers))} to {label_text(max(numbers))}"


def _size_range(sizes: Sequence[Tuple[int, int]]) -> str:
    """By area, which is what memory and time depend on."""
    ordered = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    return f"from {size_text(ordered[0])} to {size_text(ordered[-1])}"


def _widths(rows: List[Sequence[str]]) -> Sequence[int]:
    """Of the first three columns."""
    return [max(len(row[column]) for row in rows) for column in range(3)]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """A row of a table: what, to the left; its count and share, to the right; and a remark, as it is."""
    what, count, share, *remark = row
    return "  ".join(["", what.ljust(widths[0]), count.rjust(widths[1]), share.rjust(widths[2]), *remark]).rstrip()

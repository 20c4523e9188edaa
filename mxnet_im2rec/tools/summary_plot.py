# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Draws a Summary with matplotlib, which is imported only then. Reads no file."""

from __future__ import annotations

import math
import os
from typing import Any, Mapping, Tuple, Union

import numpy as np

from ..errors import ArgumentValueError
from ..text import count
from ..values import format_bytes
from .label_text import numbered_name

_MAX_LETTERS = 24  # of a name under its bar
_MAX_BARS = 40  # above that many labels the picture shows a curve or a histogram


def size_text(size: Tuple[int, int]) -> str:
    """``height x width``."""
    return f"{size[0]} x {size[1]}"


def draw_summary(summary: Any, path: Union[str, os.PathLike]) -> None:
    """Write the picture of a Summary that ``Summary.plot()`` describes."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("drawing a summary needs matplotlib: pip install matplotlib") from error
    figure = Figure(figsize=(11, 4.8), dpi=120, layout="constrained")  # no pyplot: the caller's backend stays as it is
    path = os.fsdecode(path)
    known = sorted(figure.canvas.get_supported_filetypes())
    extension = os.path.splitext(path)[1]
    if extension[1:].lower() not in known:  # matplotlib would put .png behind a name that has none
        raise ArgumentValueError("path", f"must end in one of .{', .'.join(known)}", path)
    size_axes, label_axes = figure.subplots(1, 2)
    _draw_sizes(figure, size_axes, summary.sizes)
    is_detection = bool(summary.object_histogram)
    histogram = summary.object_histogram if is_detection else summary.label_histogram
    _draw_labels(label_axes, histogram, is_detection, summary.class_names)
    images = count(summary.num_images, "image")
    title = f"{os.path.basename(summary.rec_path)}: {images}, {format_bytes(summary.num_bytes)}"
    figure.suptitle(title.replace("$", r"\$"), fontsize=13, fontweight="bold")
    figure.savefig(path)


def _draw_sizes(figure: Any, axes: Any, sizes: Mapping[Tuple[int, int], int]) -> None:
    """A dot for each size, larger and darker the more images have it."""
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import FuncFormatter

    axes.set_title(f"image sizes ({len(sizes):,} different)")
    axes.set_xlabel("width (pixels)")
    axes.set_ylabel("height (pixels)")
    if not sizes:
        _write(axes, "no image whose size is known")
        return
    ordered = sorted(sizes.items(), key=lambda item: item[1])  # the most frequent on top
    heights, widths = np.array([size for size, _ in ordered]).T
    counts = np.array([count for _, count in ordered])
    most = int(counts.max())
    areas = 12 + 220 * counts / most if most > 1 else 20
    norm = LogNorm(vmin=0.3, vmax=max(most, 2))  # begins below 1, where the colours are too light to be seen
    dots = axes.scatter(widths, heights, s=areas, c=counts, norm=norm, cmap="Blues", edgecolors="#1f4e79", linewidths=0.4)
    right, top = widths.max() * 1.12, heights.max() * 1.12
    square = min(right, top)
    axes.plot([0, square], [0, square], color="#cccccc", linewidth=0.8, linestyle="--", zorder=0)
    axes.set(xlim=(0, right), ylim=(0, top))
    axes.grid(color="#eeeeee", zorder=-1)
    axes.set_axisbelow(True)
    if len(sizes) == 1:
        axes.set_title(f"one image size: {size_text(ordered[0][0])} (height x width)")
    elif most > 1:
        ticks = [10**power for power in range(len(str(most))) if 10**power < 0.6 * most] + [most]
        bar = figure.colorbar(dots, ax=axes, ticks=ticks, format=FuncFormatter(lambda value, _: f"{value:,.0f}"))
        bar.ax.set_title("images", fontsize=9)
        bar.ax.set_ylim(1, most)
        bar.minorticks_off()


def _draw_labels(axes: Any, counts: Mapping[float, int], is_detection: bool, names: Mapping[int, str]) -> None:
    """Bars for a few labels, a stair for many classes, a histogram for labels that are measurements."""
    what = "object classes" if is_detection else "first labels"
    axes.set_title(f"{what} ({len(counts):,} different)")
    axes.set_xlabel("class" if is_detection else "first label")
    axes.set_ylabel("objects" if is_detection else "images")
    finite = {label: count for label, count in counts.items() if math.isfinite(label)}
    if not finite:
        _write(axes, "no labels")
        return
    labels, numbers = np.array(list(finite)), np.array(list(finite.values()))
    color = "#2f75b5"
    if len(labels) <= _MAX_BARS:
        places = np.arange(len(labels))
        bars = axes.bar(places, numbers, color=color, width=0.8)
        texts = [_tick(label, names) for label in labels]
        axes.set_xticks(places, texts, rotation=90 if sum(len(text) + 1 for text in texts) > 60 else 0)
        if len(labels) <= 12:
            axes.bar_label(bars, [f"{number:,}" for number in numbers], fontsize=9, padding=2)
        middle, half = (len(labels) - 1) / 2, max(len(labels), 4) / 2 + 0.3
        axes.set_xlim(middle - half, middle + half)
    else:
        is_whole = bool((labels == np.round(labels)).all())
        span = int(labels.max() - labels.min()) + 1
        if is_whole and span <= 3000:
            stair = np.bincount((labels - labels.min()).astype(int), numbers, span)
            axes.stairs(stair, np.arange(span + 1) + labels.min() - 0.5, fill=True, color=color)
        else:
            bins = min(max(int(np.sqrt(numbers.sum())), 10), 60)
            axes.hist(labels, bins=bins, weights=numbers, color=color)
            axes.set_ylabel(f"{axes.get_ylabel()} in each of {bins} steps")
        axes.margins(x=0.01)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.04)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _write(axes: Any, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#777777")
    axes.set(xticks=[], yticks=[])


def _tick(label: float, names: Mapping[int, str]) -> str:
    """What stands under a bar: a name, or the number."""
    text = numbered_name(label, names)
    short = text if len(text) <= _MAX_LETTERS else text[: _MAX_LETTERS - 3] + "..."
    return short.replace("$", r"\$")

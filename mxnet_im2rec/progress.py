# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""ProgressCallbacks how far a run is: a tqdm bar, a caller's function, or nothing."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Optional, Union

ProgressCallback = Callable[[int, int], None]
"""Called with how many entries are done, and how many of them failed."""

Progress = Union[None, bool, Callable[[int, Optional[int], int], Any]]


@contextmanager
def open_progress(progress: Progress, count: Callable[[], Optional[int]], name: str = "im2rec") -> Iterator[ProgressCallback]:
    """Give a function that receives the progress, and clear up behind it.

    None shows a bar on a terminal or in a notebook, True and False force it; a callable receives (done, total or None, failures).
    ``count`` gives the total, or None if it cannot be known; it is called only if someone wants to know. ``name`` is the bar's.
    """
    if callable(progress):
        listener, total = progress, count()
        yield lambda done, failed: listener(done, total, failed)
    elif progress or (progress is None and (_on_terminal() or _in_notebook())):
        yield from _bar(count(), name)
    else:
        yield lambda done, failed: None


def _bar(total: Optional[int], name: str) -> Iterator[ProgressCallback]:
    if _in_notebook():
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    failed_before = 0
    with tqdm(total=total, unit=" images", dynamic_ncols=True, desc=name) as bar:

        def tell(done: int, failed: int) -> None:
            nonlocal failed_before
            if failed != failed_before:
                failed_before = failed
                bar.set_postfix(failures=failed, refresh=False)
            bar.update(done - bar.n)

        yield tell


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()  # there is none under pythonw, or after 2>&-


def _in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, whose output is no terminal but can show a bar."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None

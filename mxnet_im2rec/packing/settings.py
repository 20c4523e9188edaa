# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The settings of a run: their defaults and their checks, each written once, and the text by which a later run knows them.

Knows no list and no output. Importing it loads neither MXNet nor OpenCV.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Sequence, Union

from ..limits import MAX_PIXELS
from ..progress import Progress

if TYPE_CHECKING:
    from ..lists.source import ListSource
    from ..values import Failure
    from .worker import Worker

_OWN_TRANSFORMS = "mxnet_im2rec.transforms.opencv_steps"
_GLUON_S_OWN = {"_prefix", "_name", "_empty_prefix", "_active", "_flags", "_monitor_all", "_backend", "_in_format", "_out_format"}


@dataclass(frozen=True)
class PackSettings:
    """Every setting of a run of :func:`mxnet_im2rec.im2rec`, which says what each of them means.

    Raises
    ------
    ValueError, TypeError
        If one of them is wrong. The pipeline checks those that it has to do with itself.
    """

    transformations: Optional[Callable] = None
    num_workers: Optional[int] = None
    batch_size: int = 4096
    pack_labels: bool = True
    color: int = 1
    encoding: str = ".jpg"
    quality: int = 95
    pass_through: bool = False
    error_limit: Optional[int] = 0
    seed: int = 0
    progress: Progress = None
    mp_context: Any = None
    fast_decode: bool = False
    verify: bool = False
    resume: bool = False
    only: Union[None, str, os.PathLike, Sequence[Failure]] = None
    timeout: Optional[float] = 300.0
    max_pixels: Optional[int] = MAX_PIXELS
    strict: bool = False
    decode: Optional[Callable] = None
    sidecar: bool = False

    def __post_init__(self) -> None:
        from .. import arguments  # which loads NumPy, and the command line only wants the defaults

        def put(name: str, check: Callable, *more: Any) -> None:
            object.__setattr__(self, name, check(name, getattr(self, name), *more))

        for name in ("pack_labels", "pass_through", "fast_decode", "verify", "resume", "strict", "sidecar"):
            put(name, arguments.flag)
        put("seed", arguments.whole_number)
        put("batch_size", arguments.whole_number, 1)
        if self.error_limit is not None:
            put("error_limit", arguments.whole_number, 0)
        if self.max_pixels is not None:
            put("max_pixels", arguments.whole_number, 1)
        if self.timeout is not None:
            put("timeout", arguments.seconds)
        arguments.progress(self.progress)
        workers = arguments.workers(self.num_workers, needs_processes=not self.pass_through)
        object.__setattr__(self, "num_workers", workers)

    @property
    def need_mxnet(self) -> bool:
        """Whether the transformations run on NDArrays, at least in part."""
        from ..transforms.plan import needs_mxnet

        return needs_mxnet(self.transformations)

    def worker(self, source: ListSource) -> Worker:
        """What makes a record of an entry of this list."""
        from ..transforms.pipeline import Pipeline
        from .worker import Worker

        pipeline = Pipeline(
            root=source.root,
            transformations=self.transformations,
            seed=self.seed,
            color=self.color,
            encoding=self.encoding,
            quality=self.quality,
            pass_through=self.pass_through,
            fast_decode=self.fast_decode,
            max_pixels=self.max_pixels,
            strict=self.strict,
            decode=self.decode,
        )
        pipeline.keeps_error = self.num_workers == 0
        return Worker(pipeline, source.fetch, self.pack_labels)

    def text(self, failed_before: Optional[Sequence[Failure]]) -> Dict[str, str]:
        """What must be the same for a run to be resumed, as far as that can be written down: what decides the bytes of records.

        Code cannot be written down. So a run that resumes also makes a few records again, and compares them.
        """
        from ..opencv_compat import cv2

        names = ("seed", "color", "encoding", "quality", "pass_through", "fast_decode", "max_pixels", "strict", "pack_labels")
        return {
            **{name: str(getattr(self, name)) for name in names},
            "only": _text_of_lines(failed_before),
            "transformations": describe(self.transformations) + (f" on MXNet {_version_of_mxnet()}" if self.need_mxnet else ""),
            "decode": describe(self.decode),
            "opencv": cv2.__version__,
        }


def describe(transform: Any) -> str:
    """A transform as a short text: its class and its children; of MXNet's own classes the parameters too; a function's name.

    Examples
    --------
    >>> from mxnet.gluon.data.vision import transforms
    >>> describe(transforms.Compose([transforms.Resize(300), transforms.ToTensor()]))
    'Compose(HybridSequential(Resize(keep=False, size=300, interpolation=1), ToTensor()))'
    """
    kind = type(transform)
    if kind.__module__ == _OWN_TRANSFORMS and not hasattr(transform, "_children"):
        return repr(transform)
    children = getattr(transform, "_children", None)
    if transform is None or not isinstance(children, dict):
        named = transform if hasattr(transform, "__qualname__") else kind
        return "None" if transform is None else f"{getattr(named, '__module__', None) or 'builtins'}.{named.__qualname__}"
    parts = [describe(child) for child in children.values()]
    if kind.__module__.startswith("mxnet."):
        held = {name: value for name, value in vars(transform).items() if name not in _GLUON_S_OWN and _is_plain(value)}
        parts += [f"{name.lstrip('_')}={value}" for name, value in held.items()]
        return f"{kind.__name__}({', '.join(parts)})"
    return f"{kind.__module__}.{kind.__qualname__}({', '.join(parts)})"


def _is_plain(value: Any) -> bool:
    """Whether it is a number or a text, or a tuple or list of such that is not empty."""
    if isinstance(value, (tuple, list)):
        return bool(value) and all(map(_is_plain, value))
    return isinstance(value, (bool, int, float, str))


def _text_of_lines(failures: Optional[Sequence[Failure]]) -> str:
    if failures is None:
        return "no table"
    lines = ",".join(str(failure.line) for failure in failures)
    return f"{len(failures)} lines, {hashlib.blake2b(lines.encode('ascii'), digest_size=8).hexdigest()}"


def _version_of_mxnet() -> str:
    from importlib import metadata  # which loads much, and few runs need it

    try:
        return metadata.version("mxnet")
    except metadata.PackageNotFoundError:  # one that was built by hand
        return "unknown"

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Applies a Gluon transform to one image, uint8 in and uint8 out. The same seed and index give the same bytes everywhere.

Knows MXNet's transforms and NDArrays; knows no file, no record and no other process.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import pickle
import random
import struct
import traceback
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np

from ..errors import ArgumentTypeError, MXNetUnavailableError
from ..images import codec as images
from ..mxnet_compat import forget_failures, import_mxnet
from ..opencv_compat import cv2
from ..text import Argument, Text
from .opencv_steps import OutOfReach, Resize, Step
from .operators import outputs_written
from .result import to_uint8
from .stock import OWN, flatten, is_deterministic, opencv_prefix, undone_by_storing


def make_plan(transformations: Callable, seed: int) -> Union[OpenCVPlan, TransformPlan]:
    """The plan for transforms. It needs MXNet only if one of them is not of :mod:`mxnet_im2rec.transforms`.

    Parameters
    ----------
    transformations : callable
        A Compose, any other Block, or any callable, from an (H, W, C) uint8 RGB NDArray to an image.
    seed : int
        Random transforms depend on nothing but this and the image's index.
    """
    if isinstance(transformations, type):
        rule = f"must be an instance, such as {transformations.__name__}(...), not the class itself"
        raise ArgumentTypeError("transformations", rule)
    if not callable(transformations):
        rule = f"must be a Compose, a Block or another callable, not {type(transformations).__name__}"
        help = "put the list into transforms.Compose([...])" if isinstance(transformations, (list, tuple)) else ""
        raise ArgumentTypeError("transformations", rule, help=help)
    if needs_mxnet(transformations):
        return TransformPlan(transformations, seed)
    return OpenCVPlan(flatten(transformations, None))


def needs_mxnet(transformations: Optional[Callable]) -> bool:
    """Whether a transform runs on NDArrays, at least in part."""
    return transformations is not None and not all(type(each) in OWN for each in flatten(transformations, None))


class OpenCVPlan:
    """Applies steps that OpenCV runs. The methods are those of :class:`TransformPlan`."""

    is_random = False

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    def prepare(self) -> None:
        """Nothing has to be made ready."""

    def forget_graphs(self, error: BaseException) -> None:
        """There are none."""

    def target_size(self, height: int, width: int) -> Optional[Tuple[int, int]]:
        return _target_size(self._steps, height, width)

    def __call__(self, image: np.ndarray, index: int, full_size: Optional[Tuple[int, int]] = None) -> np.ndarray:
        return _run(self._steps, image, full_size)


def _target_size(steps: Sequence[Step], height: int, width: int) -> Optional[Tuple[int, int]]:
    """The (width, height) that the first step makes of an image; None if that is no resize."""
    first = steps[0] if steps else None
    return first.target(height, width) if isinstance(first, Resize) else None


def _run(steps: Sequence[Step], image: np.ndarray, full_size: Optional[Tuple[int, int]]) -> np.ndarray:
    """Run steps on an image, which may have been decoded smaller than its full (height, width)."""
    for number, step in enumerate(steps):
        if number == 0 and full_size is not None and isinstance(step, Resize):
            image = step.to(image, step.target(*full_size))
        else:
            image = step.apply(image)
    return image


class TransformPlan:
    """Applies a transform to images; can be pickled, whatever it was made from.

    A prefix of stock transforms runs in OpenCV on the decoded array, where that gives the same bits; a tail that storing would
    undo does not run at all; whatever is between runs on NDArrays as it is. Operators of MXNet 1.9.1 that leave a part of their
    output unwritten write it here: a flip keeps the middle column or row of an odd side; RandomLighting and RandomHue, which are
    made for colour, leave an image of one channel as it is.

    Parameters
    ----------
    transformations, seed
        As for :func:`make_plan`.

    Examples
    --------
    >>> from mxnet.gluon.data.vision import transforms
    >>> plan = make_plan(transforms.Compose([transforms.Resize(8), transforms.ToTensor()]), seed=0)
    >>> plan(np.zeros((20, 30, 3), np.uint8), index=0).shape
    (8, 8, 3)
    """

    def __init__(self, transformations: Callable, seed: int) -> None:
        try:
            mx = import_mxnet()
        except MXNetUnavailableError as error:
            what = "These transformations need MXNet; only Compose, Resize and CenterCrop of mxnet_im2rec.transforms do not"
            raise MXNetUnavailableError(f"{what}. {error}") from error
        stock = mx.gluon.data.vision.transforms
        self._seed = seed
        self._is_in_worker = False
        self._np_semantics: Tuple[bool, bool] = (mx.util.is_np_array(), mx.util.is_np_shape())
        blocks = flatten(transformations, stock)
        # Whether the result may depend on a random generator: True unless every transform in it is known not to.
        self.is_random = not all(is_deterministic(block, stock) for block in blocks)
        self._makes_tensors = _contains(transformations, stock.ToTensor)
        self._whole: Optional[Callable] = transformations
        self._steps = opencv_prefix(blocks, stock)
        if not all(self._agree(step, block) for step, block in zip(self._steps, blocks)):
            self._steps = []
        rest = blocks[len(self._steps) :]
        # An image with another number of channels goes through the transform as a whole.
        tail, self._channels = undone_by_storing(rest, stock)
        self._middle: Optional[List[Callable]] = rest[: len(rest) - tail]
        self._tail: Optional[List[Callable]] = rest[len(rest) - tail :]
        if not self._steps and not tail:
            self._middle = [transformations]  # as the caller has put it together
        self._pickled: Optional[bytes] = None

    def _agree(self, step: Step, block: Callable) -> bool:
        """Whether OpenCV gives the same bits as MXNet on this machine: builds may differ. The tests try many more images."""
        if step is block:  # of this package: it is OpenCV's wherever it runs
            return True
        noise = np.random.RandomState(0)
        for shape in ((61, 47, 3), (40, 90, 1)):
            image = noise.randint(0, 256, shape).astype(np.uint8)
            try:
                ours = np.atleast_3d(step.apply(image.copy()))
            except (OutOfReach, cv2.error):
                continue
            try:
                with self._semantics():
                    theirs = block(self._to_ndarray(image)).asnumpy()
            except Exception:  # such as a size that is too large: the error belongs to each image
                forget_failures()
                return False
            if not np.array_equal(theirs, ours):
                logging.getLogger("mxnet_im2rec").info("OpenCV %s differs from MXNet in %r: not used", cv2.__version__, step)
                return False
        return True

    def __getstate__(self) -> dict:
        state = dict(self.__dict__)
        if self._pickled is None:
            state["_pickled"] = _dumps((self._whole, self._middle, self._tail))
        state["_whole"] = state["_middle"] = state["_tail"] = None
        return state

    def prepare(self) -> None:
        """Make a worker process ready."""
        self._is_in_worker = True
        self._load()

    def _load(self) -> None:
        """Unpickle the transforms, which loads MXNet. A worker does this when it starts."""
        if self._whole is None:
            import_mxnet()
            assert self._pickled is not None
            self._whole, self._middle, self._tail = pickle.loads(self._pickled)

    def forget_graphs(self, error: BaseException) -> None:
        """After a failure, have hybridized Blocks make their graphs again: a graph keeps what MXNet inferred from the bad image.

        These are the Blocks of the transform, and all Blocks in the traceback of the error, which a function may have used.
        """
        hybrid = import_mxnet().gluon.HybridBlock
        for each in [self._whole, *(frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__))]:
            _forget_graphs(each, hybrid)

    def target_size(self, height: int, width: int) -> Optional[Tuple[int, int]]:
        """The (width, height) that the first step makes of an image; None if the plan does not begin with a resize."""
        return _target_size(self._steps, height, width)

    def __call__(self, image: np.ndarray, index: int, full_size: Optional[Tuple[int, int]] = None) -> np.ndarray:
        """Apply the transform to one image.

        The image is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) uint8 in OpenCV's order, and so is the result. Its memory is
        handed over. Its index is for the random generators. ``full_size`` is the (height, width) that it would have if it had
        not been decoded smaller. TransformResultError if the result cannot be stored as an image; what the transform itself
        raises comes through.
        """
        if self._whole is None:
            self._load()
        channels = 1 if image.ndim == 2 else image.shape[2]
        if channels in self._channels:
            try:
                stepped = _run(self._steps, image, full_size)
            except OutOfReach:
                return self._run_blocks([self._whole], [], image, index)
            return self._run_blocks(self._middle, self._tail, stepped, index) if self._middle else stepped
        return self._run_blocks([self._whole], [], image, index)

    def _run_blocks(self, blocks: Any, tail: Any, image: np.ndarray, index: int) -> np.ndarray:
        """Run transforms on an NDArray; those of the tail, which storing undoes, only if what they get is not stored as it is."""
        image = np.ascontiguousarray(images.to_rgb(image))
        with self._semantics(), self._generators_seeded(index):
            result = self._to_ndarray(image)
            for block in blocks:
                result = block(result)
            if not _is_stored_as_it_is(result, self._channels):
                for block in tail:
                    result = block(result)
            if isinstance(result, import_mxnet().nd.NDArray):
                result = result.asnumpy()
        return images.to_bgr(to_uint8(result, image.shape[2], self._makes_tensors))

    def _to_ndarray(self, image: np.ndarray) -> Any:
        """An NDArray of the kind that the caller of im2rec() works with.

        In a worker it shares the image's memory. In the caller's process that could make a fork wait without end: it holds
        Python's lock and waits for MXNet's threads, and one of these needs the lock to give the memory back.
        """
        nd = import_mxnet().nd
        array = nd.from_numpy(image) if self._is_in_worker else nd.array(image, dtype=image.dtype)
        return array.as_np_ndarray() if self._np_semantics[0] else array

    @contextmanager
    def _generators_seeded(self, index: int) -> Iterator[None]:
        """Seed the random generators for one image. The caller's own process gets its generators back afterwards."""
        if not self.is_random:
            yield
            return
        with nullcontext() if self._is_in_worker else _generators_kept():
            _seed_generators(import_mxnet(), self._seed, index)
            yield

    @contextmanager
    def _semantics(self) -> Iterator[None]:
        """Run a transform with operators that write all of their output, and with NumPy semantics if the caller of im2rec() has
        them on. Both are settings of the thread.
        """
        np_array, np_shape = self._np_semantics
        with outputs_written(), ExitStack() as stack:
            if np_array or np_shape:
                mx = import_mxnet()
                stack.enter_context(mx.util.np_shape(np_shape))
                stack.enter_context(mx.util.np_array(np_array))
            yield


def _is_stored_as_it_is(result: Any, channels: Tuple[int, ...]) -> bool:
    return (
        getattr(result, "dtype", None) == np.uint8 and result.ndim == 3 and result.shape[2] in channels and 0 not in result.shape
    )


def _forget_graphs(transform: Any, hybrid: Any) -> None:
    if isinstance(transform, hybrid):
        transform._clear_cached_op()
    children = getattr(transform, "_children", None)
    for child in children.values() if isinstance(children, dict) else ():
        _forget_graphs(child, hybrid)


def _contains(transform: Any, kind: type) -> bool:
    if isinstance(transform, kind):
        return True
    children = getattr(transform, "_children", None)
    return isinstance(children, dict) and any(_contains(child, kind) for child in children.values())


def _seed_generators(mx: Any, seed: int, index: int) -> None:
    """Seed the generators of Python, NumPy and MXNet with a hash of both numbers, so that neighbours get unrelated numbers."""
    digest = hashlib.blake2b(struct.pack("<QQ", seed % 2**64, index), digest_size=16).digest()
    python, numpy_, mxnet_ = struct.unpack("<QII", digest)
    random.seed(python)
    np.random.seed(numpy_)
    mx.random.seed(mxnet_ % 2**31)


@contextmanager
def _generators_kept() -> Iterator[None]:
    """Put Python's and NumPy's generators back afterwards. MXNet's cannot be read: it gets a fresh seed from the system."""
    python, numpy_ = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_)
        import_mxnet().random.seed(int.from_bytes(os.urandom(4), "little") % 2**31)


def _dumps(transform: Any) -> bytes:
    """Pickle a transform, lambdas and local functions and Blocks that have already run included.

    A hybridized Block that has run holds a CachedOp, which is a pointer; it builds another where it finds None.
    """
    import cloudpickle

    cached_op = import_mxnet().ndarray.CachedOp

    class Pickler(cloudpickle.CloudPickler):
        def reducer_override(self, obj: Any) -> Any:
            return (type(None), ()) if isinstance(obj, cached_op) else super().reducer_override(obj)

    buffer = io.BytesIO()
    try:
        Pickler(buffer).dump(transform)
    except Exception as error:
        rule = f"cannot be sent to worker processes: {type(error).__name__}: {error}"
        help = Text("use ", Argument("num_workers", 0), ", or ", Argument("mp_context", "fork"), " where there is fork")
        raise ArgumentTypeError("transformations", rule, help=help) from error
    return buffer.getvalue()

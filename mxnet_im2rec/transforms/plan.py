# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A Gluon transform becomes a plan: a uint8 image in, a uint8 image out, the same for the same (seed, index) wherever it runs.

Knows MXNet's transforms and NDArrays; knows nothing of files, records or processes.
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
from typing import Any, Callable, Iterator, List, Optional, Tuple

import cv2
import numpy as np

from ..errors import ArgumentTypeError, TransformResultError
from ..images import codec as images
from ..mxnet_compat import forget_failures, import_mxnet
from ..text import Argument, Text
from .operators import outputs_written
from .stock import OutOfReach, Resize, Step, flatten, is_deterministic, native_prefix, undone_by_storing

_CHANNELS = (1, 3, 4)
_HALF_A_LEVEL = 0.5 / 255


class TransformPlan:
    """Applies a transform to images; can be pickled, whatever it was made from.

    A prefix of stock transforms runs in OpenCV on the decoded array, where that gives the same bits; a tail that storing would
    undo does not run at all; whatever is between runs on NDArrays as it is. Operators of MXNet 1.9.1 that leave a part of their
    output unwritten write it here: a flip keeps the middle column or row of an odd side; RandomLighting and RandomHue, which are
    made for colour, leave an image of one channel as it is.

    Parameters
    ----------
    transformations : callable
        A Compose, any other Block, or any callable, from an (H, W, C) uint8 RGB NDArray to an image.
    seed : int
        Random transforms depend on nothing but this and the image's index.

    Examples
    --------
    >>> from mxnet.gluon.data.vision import transforms
    >>> plan = TransformPlan(transforms.Compose([transforms.Resize(8), transforms.ToTensor()]), seed=0)
    >>> plan(np.zeros((20, 30, 3), np.uint8), index=0).shape
    (8, 8, 3)
    """

    def __init__(self, transformations: Callable, seed: int) -> None:
        if isinstance(transformations, type):
            rule = f"must be an instance, such as {transformations.__name__}(...), not the class itself"
            raise ArgumentTypeError("transformations", rule)
        if not callable(transformations):
            rule = f"must be a Compose, a Block or another callable, not {type(transformations).__name__}"
            help = "put the list into transforms.Compose([...])" if isinstance(transformations, (list, tuple)) else ""
            raise ArgumentTypeError("transformations", rule, help=help)
        mx = import_mxnet()
        stock = mx.gluon.data.vision.transforms
        self._seed = seed
        self._is_in_worker = False
        self._np_semantics: Tuple[bool, bool] = (mx.util.is_np_array(), mx.util.is_np_shape())
        blocks = flatten(transformations, stock)
        self.is_random = not all(is_deterministic(block, stock) for block in blocks)
        """Whether the result may depend on a random generator: True unless every transform in it is known not to."""
        self._makes_tensors = _contains(transformations, stock.ToTensor)
        self._whole: Optional[Callable] = transformations
        self._steps = native_prefix(blocks, stock)
        if not all(self._agree(step, block) for step, block in zip(self._steps, blocks)):
            self._steps = []
        rest = blocks[len(self._steps) :]
        tail, self._channels = undone_by_storing(rest, stock)
        """How many channels an image must have for the parts to serve; another one goes through the whole."""
        self._middle: Optional[List[Callable]] = rest[: len(rest) - tail]
        self._tail: Optional[List[Callable]] = rest[len(rest) - tail :]
        if not self._steps and not tail:
            self._middle = [transformations]  # as the caller has put it together
        self._pickled: Optional[bytes] = None

    def _agree(self, step: Step, block: Callable) -> bool:
        """Whether OpenCV does the same as MXNet on this machine: their builds may differ. The tests try it at length."""
        noise = np.random.RandomState(0)
        for shape in ((61, 47, 3), (40, 90, 1)):
            image = noise.randint(0, 256, shape).astype(np.uint8)
            try:
                ours = np.atleast_3d(step(image.copy()))
            except (OutOfReach, cv2.error):
                continue
            try:
                with self._semantics():
                    theirs = block(self._to_ndarray(image)).asnumpy()
            except Exception:  # a size that is too large, for example: each image is to say so
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
        """After unpickling this is what brings the transforms, and MXNet, into the process."""
        if self._whole is None:
            import_mxnet()
            assert self._pickled is not None
            self._whole, self._middle, self._tail = pickle.loads(self._pickled)

    def forget_graphs(self, error: BaseException) -> None:
        """After a failure: have hybridized Blocks make their graphs again, which keep what MXNet has found out of the bad image.

        They are those of the transform, and those that the error came through, wherever a function has them from.
        """
        hybrid = import_mxnet().gluon.HybridBlock
        for each in [self._whole, *(frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__))]:
            _forget_graphs(each, hybrid)

    def target_size(self, height: int, width: int) -> Optional[Tuple[int, int]]:
        """The (width, height) that the first step makes of an image; None if the plan does not begin with a resize."""
        first = self._steps[0] if self._steps else None
        return first.target(height, width) if isinstance(first, Resize) else None

    def __call__(self, image: np.ndarray, index: int, full_size: Optional[Tuple[int, int]] = None) -> np.ndarray:
        """Apply the transform to one image.

        Parameters
        ----------
        image : numpy.ndarray
            (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) uint8 in OpenCV's order: grey, BGR or BGRA. Its memory is handed over.
        index : int
            The image's index, for the random generators.
        full_size : (int, int), optional
            The (height, width) that the image would have if it had not been decoded smaller.

        Returns
        -------
        numpy.ndarray
            uint8 in OpenCV's order.

        Raises
        ------
        TransformResultError
            If the result cannot be stored as an image. What the transform itself raises comes through.
        """
        if self._whole is None:
            self._load()
        channels = 1 if image.ndim == 2 else image.shape[2]
        if channels in self._channels:
            try:
                stepped = self._run_steps(image, full_size)
            except OutOfReach:
                return self._run_blocks([self._whole], [], image, index)
            return self._run_blocks(self._middle, self._tail, stepped, index) if self._middle else stepped
        return self._run_blocks([self._whole], [], image, index)

    def _run_steps(self, image: np.ndarray, full_size: Optional[Tuple[int, int]]) -> np.ndarray:
        for number, step in enumerate(self._steps):
            if number == 0 and full_size is not None and isinstance(step, Resize):
                image = step.to(image, step.target(*full_size))
            else:
                image = step(image)
        return image

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

        In a worker it shares the image's memory. Elsewhere it may not: one of MXNet's threads would give the memory back, for
        which it needs Python's lock; and a fork, by whomever, waits for MXNet's threads while it holds that lock, for ever.
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
        """What a transform runs under: operators that write all of their output; and NumPy semantics, if the caller of im2rec()
        has them on, which are a matter of each thread and process.
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
    """Seed Python's, NumPy's and MXNet's generators with a hash of both numbers, so that neighbours have nothing in common."""
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


def to_uint8(result: Any, channels: int, makes_tensors: bool = False) -> np.ndarray:
    """Bring what a transform returned back to an image that can be stored.

    Parameters
    ----------
    result : numpy.ndarray
        (H, W, C) uint8; (H, W, C) float in [0, 255]; or (C, H, W) float in [0, 1], as ToTensor makes it.
    channels : int
        How many channels went into the transform; where a shape could be of both layouts, its side of this length is C.
    makes_tensors : bool
        Whether the transform holds a ToTensor; decides where even that leaves both layouts.

    Returns
    -------
    numpy.ndarray
        (H, W, C) uint8, rounded to the nearest level, ties to even.

    Raises
    ------
    TransformResultError
        If it is of another type, shape or dtype, holds a NaN, or is (C, H, W) with a value outside [0, 1] by more than half a
        level.
    """
    if not isinstance(result, np.ndarray):
        raise TransformResultError(f"the transform returned {type(result).__name__}, expected an NDArray")
    shape = "x".join(map(str, result.shape))
    if result.ndim != 3 or 0 in result.shape:
        raise TransformResultError(f"the transform returned shape ({shape}), expected an image of shape (H, W, C) or (C, H, W)")
    if result.dtype == np.uint8:
        if result.shape[2] not in _CHANNELS:
            hint = "; uint8 must be (H, W, C), transpose it back" if result.shape[0] in _CHANNELS else ""
            raise TransformResultError(
                f"the transform returned uint8 of shape ({shape}), which has {result.shape[2]} channels{hint}"
            )
        return np.ascontiguousarray(result)
    if not np.issubdtype(result.dtype, np.floating):
        raise TransformResultError(
            f"the transform returned {result.dtype}, expected uint8 or float; end with transforms.Cast('uint8')"
        )
    if result.dtype not in (np.float32, np.float64):
        result = result.astype(np.float32)
    low, high = float(result.min()), float(result.max())
    if low != low:
        raise TransformResultError("the transform returned a NaN")
    if not _is_channels_first(result.shape, channels, makes_tensors):
        return np.atleast_3d(cv2.convertScaleAbs(np.clip(result, 0, 255)))
    if low < -_HALF_A_LEVEL or high > 1 + _HALF_A_LEVEL:
        raise TransformResultError(
            f"the transform returned a (C, H, W) tensor with values from {low:.4g} to {high:.4g}; only [0, 1] can be stored as "
            f"an image. Leave a Normalize that changes the range to the training script"
        )
    return np.atleast_3d(cv2.merge([cv2.convertScaleAbs(plane, alpha=255) for plane in result]))


def _is_channels_first(shape: Tuple[int, ...], channels: int, makes_tensors: bool) -> bool:
    first, last = shape[0] in _CHANNELS, shape[2] in _CHANNELS
    if not (first or last):
        described = "x".join(map(str, shape))
        raise TransformResultError(
            f"the transform returned float of shape ({described}), which has no side of 1, 3 or 4 channels"
        )
    if first and last:
        first, last = shape[0] == channels, shape[2] == channels
    return makes_tensors if first == last else first


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

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""A Gluon transform becomes a plan: uint8 RGB in, uint8 RGB out, the same for the same (seed, index) wherever it runs.

Knows MXNet's transforms and NDArrays; knows nothing of files, records or processes.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import random
import struct
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Iterator, Optional, Tuple

import numpy as np

from .errors import TransformResultError
from .mxnet_compat import import_mxnet

_CHANNELS = (1, 3, 4)
_HALF_A_LEVEL = 0.5 / 255
_DETERMINISTIC = ("Resize", "CenterCrop", "CropResize", "ToTensor", "Normalize", "Cast")
_CONTAINERS = ("Compose", "Sequential", "HybridSequential")


class TransformPlan:
    """Applies a transform to images; can be pickled, whatever it was made from.

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
        if not callable(transformations):
            raise TypeError(
                f"transformations must be a Compose, a Block or another callable, not {type(transformations).__name__}"
                + ("; put the list into transforms.Compose([...])" if isinstance(transformations, (list, tuple)) else "")
            )
        mx = import_mxnet()
        self._transform: Optional[Callable] = transformations
        self._pickled: Optional[bytes] = None
        self._seed = seed
        self._np_semantics: Tuple[bool, bool] = (mx.util.is_np_array(), mx.util.is_np_shape())
        stock = {getattr(mx.gluon.data.vision.transforms, name) for name in _DETERMINISTIC}
        containers = {getattr(mx.gluon.data.vision.transforms, name) for name in _CONTAINERS}
        self.is_random = not _all_of(transformations, stock, containers)
        """Whether the result may depend on a random generator: True unless every transform in it is known not to."""
        self._makes_tensors = _contains(transformations, mx.gluon.data.vision.transforms.ToTensor)

    def __getstate__(self) -> dict:
        state = dict(self.__dict__)
        if self._transform is not None:
            state["_pickled"] = _dumps(self._transform)
            state["_transform"] = None
        return state

    def load(self) -> Callable:
        """The transform itself; after unpickling this is what brings it, and MXNet, into the process."""
        if self._transform is None:
            import_mxnet()
            assert self._pickled is not None
            self._transform = pickle.loads(self._pickled)
        return self._transform

    def __call__(self, image: np.ndarray, index: int) -> np.ndarray:
        """Apply the transform to one image.

        Parameters
        ----------
        image : numpy.ndarray
            (H, W, C) uint8, RGB or grey or RGBA; C-contiguous. Its memory is handed over.
        index : int
            The image's index, for the random generators.

        Returns
        -------
        numpy.ndarray
            (H, W, C) uint8.

        Raises
        ------
        TransformResultError
            If the result cannot be stored as an image. What the transform itself raises comes through.
        """
        transform = self.load()
        mx = import_mxnet()
        channels = image.shape[2]
        with ExitStack() as stack:
            np_array, np_shape = self._np_semantics
            if np_array or np_shape:
                stack.enter_context(mx.util.np_shape(np_shape))
                stack.enter_context(mx.util.np_array(np_array))
            if self.is_random:
                _seed_generators(mx, self._seed, index)
            array = mx.nd.from_numpy(image)
            result = transform(array.as_np_ndarray() if np_array else array)
            if isinstance(result, mx.nd.NDArray):
                result = result.asnumpy()
        return to_uint8(result, channels, self._makes_tensors)


def _all_of(transform: Any, stock: set, containers: set) -> bool:
    """Whether it is a stock transform of these, with no hooks, or a container of nothing else."""
    if type(transform) not in stock | containers or transform._forward_hooks or transform._forward_pre_hooks:
        return False
    return type(transform) in stock or all(_all_of(child, stock, containers) for child in transform._children.values())


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
def generators_kept() -> Iterator[None]:
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
    if result.dtype == np.float16:
        result = result.astype(np.float32)
    if np.isnan(np.sum(result)) and np.isnan(result).any():
        raise TransformResultError("the transform returned a NaN")
    if not _is_channels_first(result.shape, channels, makes_tensors):
        return np.rint(np.clip(result, 0, 255)).astype(np.uint8)
    low, high = float(result.min()), float(result.max())
    if low < -_HALF_A_LEVEL or high > 1 + _HALF_A_LEVEL:
        raise TransformResultError(
            f"the transform returned a (C, H, W) tensor with values from {low:.4g} to {high:.4g}; only [0, 1] can be stored as "
            f"an image. Leave a Normalize that changes the range to the training script"
        )
    levels = np.rint(np.clip(result * 255, 0, 255)).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 2, 0))


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


def _dumps(transform: Callable) -> bytes:
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
        raise TypeError(
            f"the transformations cannot be sent to worker processes: {type(error).__name__}: {error}. "
            "Use num_workers=0, or mp_context='fork' where there is fork"
        ) from error
    return buffer.getvalue()

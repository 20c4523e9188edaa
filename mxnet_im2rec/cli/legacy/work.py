# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""From an entry to its record, by the steps of MXNet's tool: read, decode, cut, resize, encode. Can be pickled."""

from __future__ import annotations

import argparse
import os
import stat
from typing import Union

import numpy as np

from ...engine.pool import Pieces
from ...errors import ImageError
from ...images.checks import check_readable_by_mxnet, check_whole
from ...images.decoder_messages import listen_to
from ...images.formats import describe
from ...opencv_compat import cv2
from ...packing.worker import DamagedRecord, record_of
from ...storage.opening import open_without_waiting
from ...transforms.processes import prepare_worker_process
from ...values import Failure, ListEntry
from .entries import as_stored
from .output import reason_of


class Work:
    """From an entry to its record, or to a Failure that says why there is none.

    As MXNet's tool does, it packs an image that is not as it should be, if OpenCV decodes it. Such a record is a DamagedRecord.

    It is never worn out, as packing's worker can be: no transform of a user's runs here, so nothing of one image stays in memory,
    and an image that has no room here would have none in a fresh process either.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.pass_through: bool = args.pass_through
        self._root: str = args.root
        self._color: int = args.color
        self._center_crop: bool = args.center_crop
        self._resize: int = args.resize
        self._encoding: str = args.encoding
        self._quality: int = args.quality

    def prepare(self) -> None:
        """Make a worker process ready."""
        prepare_worker_process()

    def advice(self) -> str:
        """What to say when images have failed."""
        return "" if os.path.isdir(self._root) else f"; ROOT, {self._root!r}, is no folder"

    def __call__(self, entry: Union[ListEntry, Failure]) -> Union[Pieces, Failure]:
        if isinstance(entry, Failure):
            return entry
        stage = "read"
        try:
            path = os.path.join(self._root, entry.path)
            with open(path, "rb", opener=open_without_waiting) as stream:
                if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                    raise ImageError(f"no file of an image: {path!r} is a pipe, a device or a folder")
                data = stream.read()
            doubt = self._doubt(data)
            if not self.pass_through:
                stage = "decode"
                image, damage = listen_to(self._decode, path, data)
                if damage is not None:
                    doubt = doubt or f"the image is damaged inside; its decoder says: {damage}"
                stage = "transform"
                image = self._shape(image)
                stage = "encode"
                data = self._encode(image)
            stage = "pack"
            labels = tuple(map(as_stored, entry.labels))
            record = record_of(entry._replace(labels=labels), data)
        except Exception as error:  # one image's failure, not the run's
            return Failure(entry.line, entry.index, entry.path, stage, reason_of(error))
        return DamagedRecord.of(record, doubt) if doubt else record

    def _doubt(self, data: bytes) -> str:
        """What is wrong with a file that is packed all the same."""
        try:
            if self.pass_through:
                check_readable_by_mxnet(data)
            else:
                check_whole(data)
        except Exception as error:  # the file is so damaged that the check breaks; whether it is packed OpenCV decides
            return reason_of(error)
        return ""

    def _decode(self, path: str, data: bytes) -> np.ndarray:
        if not data:
            raise ImageError("the file is empty")
        # OpenCV crashes on a name that is not UTF-8.
        image = cv2.imread(path, self._color) if _is_utf8(path) else cv2.imdecode(np.frombuffer(data, np.uint8), self._color)
        if image is None:
            raise ImageError(f"OpenCV cannot decode it: {describe(data)}, damaged or of a kind it does not know")
        return image

    def _shape(self, image: np.ndarray) -> np.ndarray:
        """Cut out the square in the middle, then give the shorter side its length."""
        if self._center_crop:
            height, width = image.shape[:2]
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            image = image[top : top + side, left : left + side]
        if self._resize:
            height, width = image.shape[:2]
            short = min(height, width)
            size = width * self._resize // short, height * self._resize // short
            if max(size) > 2**31 - 1:
                raise ImageError(f"--resize {self._resize} would make it {size[0]} x {size[1]}")
            image = cv2.resize(image, size)
        return image

    def _encode(self, image: np.ndarray) -> bytes:
        parameter = cv2.IMWRITE_PNG_COMPRESSION if self._encoding == ".png" else cv2.IMWRITE_JPEG_QUALITY
        done, encoded = cv2.imencode(self._encoding, image, [parameter, self._quality])
        if not done:
            raise ImageError(f"OpenCV cannot encode shape {image.shape} as {self._encoding}")
        return encoded.tobytes()


def _is_utf8(path: str) -> bool:
    try:
        return path.encode("utf-8") == os.fsencode(path)
    except UnicodeEncodeError:
        return False

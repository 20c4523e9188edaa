# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""One entry becomes the bytes of its stored image: read, check, decode, transform, encode. Knows no record and no other entry."""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple, Union

from ..errors import ArgumentTypeError, ArgumentValueError, ImageError
from ..images import codec as images
from ..images.checks import check_readable_by_mxnet
from ..text import Argument, Text
from ..values import Failure, ListEntry
from .loading import ImageLoader
from .reasons import reason_of, traceback_of

_PASS_THROUGH = Argument("pass_through", True)


class DamagedBytes(bytes):
    """What is stored of an image that is damaged inside, though it decodes; ``damage`` is the decoder's own words."""

    damage: str

    @classmethod
    def of(cls, data: bytes, damage: str) -> DamagedBytes:
        made = cls(data)
        made.damage = damage
        return made


class Pipeline:
    """Makes the bytes that are stored of an image, with the arguments of im2rec(). Can be pickled."""

    def __init__(
        self,
        *,
        transformations: Optional[Callable],
        encoding: str,
        quality: int,
        pass_through: bool,
        strict: bool = False,
        **options: Any,
    ) -> None:
        if pass_through and transformations is not None:
            rule = Text("stores the files unchanged and takes no ", Argument("transformations"))
            raise ArgumentValueError("pass_through", rule, help="give one or the other")
        if options.get("decode") is not None:
            if pass_through:
                raise ArgumentValueError("pass_through", Text("decodes nothing and takes no ", Argument("decode")))
            if not callable(options["decode"]):
                raise ArgumentTypeError("decode", "must be a function of a path or bytes that gives an array", options["decode"])
        self._loader = ImageLoader(transformations=transformations, **options)
        self._encoding = encoding
        self._parameters = images.encoder_parameters(encoding, quality)
        self.pass_through = bool(pass_through)
        self._strict = strict
        self.is_worn_out = False  # whether the last entry failed because this process lacks memory, or can open no more files
        self.keeps_error = False  # whether to keep the last error, which holds the images of its traceback in memory
        self.last_error: Optional[Tuple[Failure, BaseException]] = None

    def prepare(self) -> None:
        """Make a worker process ready."""
        self._loader.prepare()

    def __call__(self, entry: ListEntry) -> Union[bytes, Failure]:
        """The bytes to store, DamagedBytes if the image is damaged inside; or why there are none."""
        self.is_worn_out = False
        stage = "read"
        damage = None
        try:
            data = self._loader.read(entry)
            stage = "decode"
            head = self._loader.head_of(data)
            if self.pass_through:
                if not isinstance(data, bytes):
                    raise ImageError(Text("pixels have no file whose bytes could be stored; leave out ", _PASS_THROUGH))
                check_readable_by_mxnet(data, head)
            self._loader.check_size(data, head)
            if self._strict or not self.pass_through:
                decoded, damage = self._loader.decode(data, head)
            if damage is not None and self._strict:
                raise ImageError(f"the image is damaged inside, though it decodes; its decoder says: {damage}")
            if not self.pass_through:
                stage = "transform"
                image = self._loader.transform(decoded, entry.index)
                stage = "encode"
                data = images.encode(image, self._encoding, self._parameters)
        except (Exception, SystemExit) as error:  # whatever a transform raises is this image's failure, not the run's
            return self.failure(entry, stage, error)
        assert isinstance(data, bytes)
        return data if damage is None else DamagedBytes.of(data, damage)

    def failure(self, entry: ListEntry, stage: str, error: BaseException) -> Failure:
        """An entry's failure, after which the next entry can be tried."""
        self.is_worn_out = self._loader.recover(error)
        failure = Failure(entry.line, entry.index, entry.path, stage, reason_of(error), traceback_of(error))
        if self.keeps_error:
            self.last_error = failure, error
        return failure

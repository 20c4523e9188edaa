# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""RecordIO's files and records; and, for code that has ``mx.recordio``, the names of that module, without MXNet.

>>> import mxnet_im2rec as mx
>>> mx.recordio.unpack(mx.recordio.pack(mx.recordio.IRHeader(0, 4.0, 2574, 0), b'image'))
(IRHeader(flag=0, label=4.0, id=2574, id2=0), b'image')

The names are loaded when they are needed. :func:`imdecode` takes the place of ``mx.image.imdecode(...).asnumpy()``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:
    from .mxnet_files import MXIndexedRecordIO, MXRecordIO
    from .mxnet_records import IRHeader, imdecode, pack, pack_img, unpack, unpack_img

__all__ = [
    "IRHeader",
    "MXIndexedRecordIO",
    "MXRecordIO",
    "imdecode",
    "pack",
    "pack_img",
    "unpack",
    "unpack_img",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "mxnet_files" if name in ("MXIndexedRecordIO", "MXRecordIO") else "mxnet_records"
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    return sorted(set(globals()) | set(__all__))

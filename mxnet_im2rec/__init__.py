# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Turn a list of images into a RecordIO dataset for Apache MXNet, through Gluon transforms.

>>> from mxnet_im2rec import im2rec
>>> report = im2rec('images.lst', 'images_rec')  # doctest: +SKIP

Importing this package loads neither MXNet nor OpenCV. It arranges that a later ``import mxnet`` works on NumPy 1.24 to 2.x
too, so import it first.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, List

from . import mxnet_numpy as _mxnet_numpy

if TYPE_CHECKING:
    from .dataset.indexed_writer import IndexedRecordWriter
    from .dataset.merge import concatenate
    from .errors import (
        EmptyDatasetError,
        ErrorLimitExceeded,
        Im2RecError,
        ImageError,
        LabelPrecisionWarning,
        ListChangedError,
        ListLineError,
        MXNetUnavailableError,
        OpenCVUnavailableError,
        OutputError,
        RecordFormatError,
        ResumeError,
        TransformResultError,
        VerifyError,
        WorkerDiedError,
    )
    from .lists.check import check_list
    from .lists.check_report import CheckReport, Finding
    from .lists.making import ListReport, make_list
    from .packing.im2rec import im2rec
    from .recordio.reader import RecordFile
    from .recordio.record import Record
    from .tools.build_index import build_index
    from .tools.contact_sheet import contact_sheet
    from .tools.extract import ExtractReport, extract
    from .tools.salvage import LostRange, SalvageReport, salvage
    from .tools.summary import RecordSize, Summary, summarize
    from .values import DamagedImage, Failure, ListEntry, PackReport, Problem
    from .verification.report import VerifyReport
    from .verification.verify import verify

__version__ = "0.1.0"

__all__ = [
    "CheckReport",
    "DamagedImage",
    "EmptyDatasetError",
    "ErrorLimitExceeded",
    "ExtractReport",
    "Failure",
    "Finding",
    "Im2RecError",
    "ImageError",
    "IndexedRecordWriter",
    "LabelPrecisionWarning",
    "ListChangedError",
    "ListEntry",
    "ListLineError",
    "ListReport",
    "LostRange",
    "MXNetUnavailableError",
    "OpenCVUnavailableError",
    "OutputError",
    "PackReport",
    "Problem",
    "Record",
    "RecordFile",
    "RecordFormatError",
    "RecordSize",
    "ResumeError",
    "SalvageReport",
    "Summary",
    "TransformResultError",
    "VerifyError",
    "VerifyReport",
    "WorkerDiedError",
    "__version__",
    "build_index",
    "check_list",
    "concatenate",
    "contact_sheet",
    "extract",
    "im2rec",
    "make_list",
    "salvage",
    "summarize",
    "verify",
]

_HOMES = {
    "im2rec": "packing.im2rec",
    "IndexedRecordWriter": "dataset.indexed_writer",
    "concatenate": "dataset.merge",
    "ListEntry": "values",
    "CheckReport": "lists.check_report",
    "Finding": "lists.check_report",
    "check_list": "lists.check",
    "ListReport": "lists.making",
    "make_list": "lists.making",
    "DamagedImage": "values",
    "Failure": "values",
    "PackReport": "values",
    "Record": "recordio.record",
    "RecordFile": "recordio.reader",
    "ExtractReport": "tools.extract",
    "LostRange": "tools.salvage",
    "SalvageReport": "tools.salvage",
    "build_index": "tools.build_index",
    "extract": "tools.extract",
    "salvage": "tools.salvage",
    "RecordSize": "tools.summary",
    "Summary": "tools.summary",
    "summarize": "tools.summary",
    "contact_sheet": "tools.contact_sheet",
    "Problem": "values",
    "VerifyReport": "verification.report",
    "verify": "verification.verify",
}  # the rest are errors

_SUBMODULES = ("recordio", "transforms")  # which have public names of their own

_mxnet_numpy.install()


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})

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
        AnnotationError,
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
    from .lists.arrays import from_arrays
    from .lists.check import check_list
    from .lists.check_report import CheckReport, Finding
    from .lists.coco import from_coco
    from .lists.dataset import from_dataset
    from .lists.detection import DetectionReport
    from .lists.duplicates import find_duplicates
    from .lists.duplicates_report import DuplicateGroup, DuplicateImage, DuplicatesReport
    from .lists.importing import ImportReport, import_list
    from .lists.making import ListReport, make_list
    from .lists.source import ListSource
    from .lists.table import TableSource, from_table
    from .lists.voc import from_voc
    from .lists.yolo import from_yolo
    from .packing.im2rec import im2rec
    from .recordio.batches import Batch
    from .recordio.reader import RecordFile
    from .recordio.record import Record
    from .tools.build_index import build_index
    from .tools.contact_sheet import contact_sheet
    from .tools.convert import convert
    from .tools.extract import ExtractReport, extract
    from .tools.salvage import LostRange, SalvageReport, salvage
    from .tools.shuffle import shuffle
    from .tools.summary import RecordSize, Summary, summarize
    from .values import DamagedImage, Failure, ImageEntry, ListEntry, PackReport, Problem
    from .verification.report import VerifyReport
    from .verification.verify import verify

__version__ = "0.1.0"

__all__ = [
    "AnnotationError",
    "Batch",
    "CheckReport",
    "DamagedImage",
    "DetectionReport",
    "DuplicateGroup",
    "DuplicateImage",
    "DuplicatesReport",
    "EmptyDatasetError",
    "ErrorLimitExceeded",
    "ExtractReport",
    "Failure",
    "Finding",
    "Im2RecError",
    "ImageEntry",
    "ImageError",
    "ImportReport",
    "IndexedRecordWriter",
    "LabelPrecisionWarning",
    "ListChangedError",
    "ListEntry",
    "ListLineError",
    "ListReport",
    "ListSource",
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
    "TableSource",
    "TransformResultError",
    "VerifyError",
    "VerifyReport",
    "WorkerDiedError",
    "__version__",
    "build_index",
    "check_list",
    "concatenate",
    "contact_sheet",
    "convert",
    "extract",
    "from_arrays",
    "from_coco",
    "from_dataset",
    "from_table",
    "from_voc",
    "from_yolo",
    "find_duplicates",
    "im2rec",
    "import_list",
    "make_list",
    "salvage",
    "shuffle",
    "summarize",
    "verify",
]

_HOMES = {
    "dataset.indexed_writer": ["IndexedRecordWriter"],
    "dataset.merge": ["concatenate"],
    "lists.arrays": ["from_arrays"],
    "lists.check": ["check_list"],
    "lists.check_report": ["CheckReport", "Finding"],
    "lists.coco": ["from_coco"],
    "lists.dataset": ["from_dataset"],
    "lists.detection": ["DetectionReport"],
    "lists.importing": ["ImportReport", "import_list"],
    "lists.duplicates": ["find_duplicates"],
    "lists.duplicates_report": ["DuplicateGroup", "DuplicateImage", "DuplicatesReport"],
    "lists.making": ["ListReport", "make_list"],
    "lists.source": ["ListSource"],
    "lists.table": ["TableSource", "from_table"],
    "lists.voc": ["from_voc"],
    "lists.yolo": ["from_yolo"],
    "packing.im2rec": ["im2rec"],
    "recordio.batches": ["Batch"],
    "recordio.reader": ["RecordFile"],
    "recordio.record": ["Record"],
    "tools.build_index": ["build_index"],
    "tools.contact_sheet": ["contact_sheet"],
    "tools.convert": ["convert"],
    "tools.extract": ["ExtractReport", "extract"],
    "tools.salvage": ["LostRange", "SalvageReport", "salvage"],
    "tools.shuffle": ["shuffle"],
    "tools.summary": ["RecordSize", "Summary", "summarize"],
    "values": ["DamagedImage", "Failure", "ImageEntry", "ListEntry", "PackReport", "Problem"],
    "verification.report": ["VerifyReport"],
    "verification.verify": ["verify"],
}  # the rest are errors

_SUBMODULES = ("recordio", "transforms")  # which have public names of their own

_mxnet_numpy.install()


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((module for module, names in _HOMES.items() if name in names), "errors")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})

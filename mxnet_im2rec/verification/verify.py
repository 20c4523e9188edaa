# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""verify(): the proof that a dataset is what it should be, layer by layer. The layers are in files of their own.

Damage becomes a problem in the report. Only a wrong argument, and a file that cannot be opened, raise.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Any, Callable, Optional, Union

from .. import arguments
from ..errors import ArgumentTypeError, ArgumentValueError
from ..limits import MAX_PIXELS
from ..lists.open_list import ListLike, open_list
from ..lists.source import ListSource
from ..progress import Progress
from ..recordio.paths import DatasetPaths
from ..text import Argument, Text
from .layers import Task, prove
from .mxnet_reader import MXNetReader
from .reader_rules import READERS
from .report import VerifyReport
from .source_images import SourceCheck

_Path = Union[str, os.PathLike]


def verify(
    rec_path: _Path,
    list_file: Optional[ListLike] = None,
    root: Optional[_Path] = None,
    *,
    idx_path: Optional[_Path] = None,
    pixels: str = "all",
    transformations: Optional[Callable] = None,
    seed: int = 0,
    color: int = 1,
    pack_labels: bool = True,
    fast_decode: bool = False,
    min_psnr: float = 20.0,
    num_workers: Optional[int] = None,
    num_records: Optional[int] = None,
    timeout: float = 300.0,
    max_pixels: Optional[int] = MAX_PIXELS,
    progress: Progress = None,
    decode: Optional[Callable] = None,
    sources: bool = False,
    reader: Optional[str] = None,
) -> VerifyReport:
    """Prove that a dataset is sound, and report all that is wrong with it.

    1. The structure of the .rec and of the .idx, and the ids that InsightFace's header records name.
    2. The list, if there is one: every entry once, in order, with its labels.
    3. The sources, if ``sources`` says so: what they and the transformations give now must be what is stored.
    4. MXNet's ImageRecordIter: every record, every label, and the pixels, which must be those that OpenCV decodes from the stored
       bytes. Of images of different sizes it gives the middle alone. So these are decoded by ``mx.image.imdecode`` too, and whole
       images are compared.

    Where MXNet is not installed OpenCV alone decodes the images, and a note says so.

    A JPEG that is damaged inside decodes all the same, with every decoder to the same pixels. It is a problem if libjpeg notices
    the damage, which is not always so. A comparison with sound sources finds all damage that can be seen.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The .rec.
    list_file : str, os.PathLike, ListSource or iterable, optional
        What it was packed from, as for :func:`mxnet_im2rec.im2rec`. An entry that has no record is a problem, and so is a line
        that is no entry or repeats an index, although im2rec(..., error_limit=None) leaves them out on purpose; its report lists
        them.
    root : str or os.PathLike, optional
        The folder that the list's paths are relative to; by default that of the list file, or the current one for an iterable.
    idx_path : str or os.PathLike, optional
        The .idx; by default the one beside the .rec.
    pixels : {'all', 'sample', 'none'}
        Whose pixels are compared: every record's; those of 64 records, spread over the file; or none, which leaves
        ImageRecordIter and the sources out.
    transformations, seed, color, pack_labels, fast_decode, decode
        As they were given to :func:`mxnet_im2rec.im2rec`. All but ``pack_labels`` concern the sources alone; transformations are
        refused without them.
    sources : bool
        Compare the stored images with their sources, the images of the list. ``root`` and ``transformations`` do that as well,
        and so does a list of :func:`mxnet_im2rec.from_arrays`, :func:`mxnet_im2rec.from_coco` or another of these functions.
    min_psnr : float
        In dB: a stored image that is further than this from its source is a problem. Photos stored as JPEGs of quality 10 have 21
        or more, of quality 95 over 34; two different photos have 9 in the median, and seldom 20. Colour noise has only 13 even at
        quality 95. Whatever this is, PNGs must be equal. JPEGs that OpenCV wrote, as :func:`mxnet_im2rec.im2rec` has it do, are
        compared with the JPEG that OpenCV makes of the source: columns or rows that differ are a problem, such as the one column
        that a flip did not write; a whole image that differs a little is a note, since versions of OpenCV decode a little
        differently. In other JPEGs no part may be further from its source in its mean brightness than an encoder makes it.
    num_workers : int, optional
        Processes that compare with the sources, as for :func:`mxnet_im2rec.im2rec`; but None takes all CPUs.
    num_records : int, optional
        How many records there must be, where that is known.
    timeout : float
        In seconds: an ImageRecordIter that gives nothing for so long is ended, which is a problem.
    max_pixels : int or None
        An image of more pixels is a problem, and so is one whose header does not give the number of pixels. It is not decoded,
        and the dataset is not read through ImageRecordIter, which knows no limit. By default 2**28; None decodes any.
    progress : None, bool or callable
        None shows a bar on a terminal or in a notebook, True and False force it; a callable receives (images done, total, 0)
        about once a second, and at the end. An image is done when it was compared with its source, if that was asked for, and
        was read through ImageRecordIter, or decoded where that is left out.
    reader : {'imagerecorditer', 'imagedetiter', 'arcface', 'dali', 'rocal', 'sagemaker', 'gluoncv'}, optional
        What is to train from the dataset. What this reader stumbles on is a problem of the layer ``'for'``, though the dataset
        is sound: such as several labels of the image with index 0 for InsightFace's arcface_torch, which takes them for a header
        and then reads a few images without a word. What depends on how it is called becomes a note. The reader is not run. By
        default None: a dataset for any reader.

    Returns
    -------
    VerifyReport
        Its ``ok`` is whether all is well, ``raise_for_problems()`` insists on it, and ``notes`` say what was not checked and
        what is worth a look, such as detection labels that do not add up.

    Raises
    ------
    OSError
        If the .rec or the list cannot be opened, or ``rec_path``, ``idx_path`` or ``root`` is a folder where it must be none, or
        none where it must be one.
    ValueError, TypeError
        If another argument is wrong. This is checked before anything is read.

    Examples
    --------
    >>> from mxnet_im2rec import verify
    >>> verify('images_rec.rec', 'images.lst', root='images').raise_for_problems()  # doctest: +SKIP
    >>> verify('faces/train.rec', reader='arcface').raise_for_problems()  # doctest: +SKIP
    """
    started = time.monotonic()
    path = _file("rec_path", rec_path)
    index = DatasetPaths.of_rec(path).idx if idx_path is None else _file("idx_path", idx_path)
    root = None if root is None else arguments.folder("root", _path("root", root))
    source = None if list_file is None else open_list(list_file, root)
    if not isinstance(pixels, str) or pixels not in ("all", "sample", "none"):
        raise ArgumentValueError("pixels", "must be 'all', 'sample' or 'none'", pixels)
    if transformations is not None and not callable(transformations):
        raise ArgumentTypeError("transformations", "must be callable, as for packing", transformations)
    if root is not None and list_file is None:
        raise ArgumentValueError("root", "is the folder of the list's images", help=Text("give ", Argument("list_file"), " too"))
    sources = arguments.flag("sources", sources)
    for name, is_given in (("transformations", transformations is not None), ("sources", sources)):
        if is_given and source is None:
            raise ArgumentValueError(name, "concerns the images of the list", help=Text("give ", Argument("list_file"), " too"))
    if source is not None and (sources or transformations is not None or isinstance(list_file, ListSource)):
        root = source.root
    seed = arguments.whole_number("seed", seed)
    color = arguments.color(color)
    pack_labels, fast_decode = arguments.flag("pack_labels", pack_labels), arguments.flag("fast_decode", fast_decode)
    min_psnr = arguments.number("min_psnr", min_psnr)
    if min_psnr < 0:
        raise ArgumentValueError("min_psnr", "must be at least 0 dB", min_psnr)
    num_workers = arguments.workers(num_workers, num_spared=0)
    if num_records is not None:
        num_records = arguments.whole_number("num_records", num_records, 0)
    timeout = arguments.seconds("timeout", timeout)
    max_pixels = None if max_pixels is None else arguments.whole_number("max_pixels", max_pixels, 1)
    progress = arguments.progress(progress)
    if reader is not None and (not isinstance(reader, str) or reader not in READERS):
        raise ArgumentValueError("reader", f"must be one of {', '.join(map(repr, READERS))}", reader)
    check = None
    if source is not None and root is not None and pixels != "none":  # made here, since it looks at the transformations too
        check = SourceCheck(
            path,
            root=root,
            transformations=transformations,
            seed=seed,
            color=color,
            fast_decode=fast_decode,
            max_pixels=max_pixels,
            decode=decode,
            fetch=source.fetch,
            pack_labels=pack_labels,
        )

    entries = None if source is None else source.entries(pack_labels)
    task = Task(path, index, entries, check, root is not None, pixels, min_psnr, num_workers, num_records, max_pixels, reader)
    with ExitStack() as stack:
        iterator = None if pixels == "none" else stack.enter_context(MXNetReader(timeout))
        return prove(task, iterator, progress, started)


def _path(name: str, value: Any) -> str:
    path = arguments.path(name, value)
    if not path:
        raise ArgumentValueError(name, "is empty")
    return os.path.abspath(path)


def _file(name: str, value: Any) -> str:
    path = _path(name, value)
    if os.path.isdir(path):
        what = f" {path!r} is a folder; give the {'.rec' if name == 'rec_path' else '.idx'} in it"
        raise IsADirectoryError(Text(Argument(name), what))
    return path

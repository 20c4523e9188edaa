# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""convert(): a dataset of faces into InsightFace's layout, or out of it. Decodes no image; holds no more than one in memory."""

from __future__ import annotations

import logging
import os
import time
from typing import Dict, Iterable, List, Optional, Set, Tuple, Union

import numpy as np

from .. import arguments
from ..dataset.writer import RecordWriter
from ..errors import ArgumentValueError
from ..images.formats import Size
from ..images.sizes import image_size
from ..labels import EXACT_INTEGERS
from ..recordio.frames import frame
from ..recordio.header import pack_header
from ..recordio.reader import RecordFile
from ..text import Argument, Text, count
from ..values import PackReport
from .faces import Faces, read_faces
from .rewriting import classes_of, classes_path, new_dataset, publish, random_order

_Path = Union[str, os.PathLike]
_PROPERTY = "property"
_USUAL_SIZE = (112, 112)  # of the aligned faces that InsightFace trains on
_log = logging.getLogger("mxnet_im2rec")


def convert(rec_path: _Path, output_path: _Path, to: str, *, seed: int = 0, overwrite: bool = False) -> PackReport:
    """Convert a dataset of faces into InsightFace's layout, or into a plain dataset; the images stay as they are.

    The input may be of either kind. An image has one label, a person's number, or two, the person's number and whether the face
    is aligned (1 or 0), as InsightFace's datasets have them.

    The .rec is read twice: once in its order, then in the order of the output. Less than 100 bytes a record are held in
    memory, and no more than one image.

    Parameters
    ----------
    rec_path : str or os.PathLike
        The .rec of the input.
    output_path : str or os.PathLike
        ``out`` or ``out.rec`` gives ``out.rec`` and ``out.idx``; a folder receives files named after the input.
    to : {'insightface', 'plain'}
        ``'insightface'``: what InsightFace's ``face2rec2.py`` writes. Record 0 has no image and the labels (n + 1, n + 1 + number
        of persons). The images are 1 to n, those of one person next to each other, in the order of the input. Their labels are
        (person, aligned), or (person) alone where the input does not say whether the face is aligned. Then comes a record without
        an image for each person, with the labels (start, end): the images of this person are start to end - 1. Persons are
        numbered from 0 on, in the order of their labels. The file ``property`` beside the output has the number of persons, and
        the height and the width of the images; 112,112 where they are not all of one size.

        ``'plain'``: one label an image, which is the input's, indices from 0 on, and a random order. Readers that decode every
        record need it, as NVIDIA DALI and ImageRecordIter do. arcface_torch reads both, but with a new PyTorch it fails on images
        that have two labels.
    seed : int
        Of the order of ``'plain'``. The same seed gives the same order everywhere.
    overwrite : bool
        Whether to replace a dataset and a ``property`` that are there already, and to give up what an interrupted run has left
        beside the output.

    Returns
    -------
    PackReport
        What was written. Records without an image count as records.

    Raises
    ------
    EmptyDatasetError
        If the input has no image.
    FileExistsError
        If the output is there already, unless ``overwrite`` is given.
    OSError
        If a file cannot be opened or read, or the folder of the output does not exist.
    OutputError
        If the output cannot be written whole, another run is writing it, an interrupted run could still be resumed there (unless
        ``overwrite`` is given), or the input has changed meanwhile. Nothing appears then.
    RecordFormatError
        If the input is damaged, or a record has no image, or other labels. It names the record.
    ValueError
        If an argument is wrong, the output is the input, or the layout cannot hold so many images: its keys are float32.

    Notes
    -----
    The names of the persons, ``NAME.classes.txt`` beside the input, go with the dataset. Where persons get new numbers the output
    has this file in any case, ``number <tab> name``, with the old number as the name where the input has no names.

    Examples
    --------
    >>> import os, tempfile
    >>> from mxnet_im2rec import IndexedRecordWriter, RecordFile, convert
    >>> folder = tempfile.mkdtemp()
    >>> with IndexedRecordWriter(os.path.join(folder, 'plain')) as writer:
    ...     for index, person in enumerate([7, 3, 7]):
    ...         writer.write(index, person, b'an image')
    >>> report = convert(writer.rec_path, os.path.join(folder, 'train'), 'insightface')
    >>> with RecordFile(report.rec_path) as records:
    ...     for record in records:
    ...         print(record.index, record.labels, record.content)
    0 [4. 6.] b''
    1 [0.] b'an image'
    2 [1.] b'an image'
    3 [1.] b'an image'
    4 [1. 2.] b''
    5 [2. 4.] b''
    >>> with open(os.path.join(folder, 'train.classes.txt')) as lines:
    ...     print([line.split() for line in lines])
    [['0', '3'], ['1', '7']]
    """
    started = time.monotonic()
    if to not in ("insightface", "plain"):
        raise ArgumentValueError("to", "must be 'insightface' or 'plain'", to)
    seed = arguments.whole_number("seed", seed)
    paths = new_dataset(rec_path, output_path, overwrite, [_PROPERTY] if to == "insightface" else [])
    with RecordFile(rec_path) as records:
        faces, classes = read_faces(records), classes_of(records)
        with RecordWriter(paths, gives_up=overwrite) as writer:
            files: List[Tuple[str, Iterable[str]]] = []
            if to == "insightface":
                persons = np.unique(faces.persons)
                classes = _renumbered(classes, persons, records.rec_path)
                height, width = _write_insightface(writer, records, faces, persons)
                files.append((os.path.join(os.path.dirname(paths.rec), _PROPERTY), [f"{len(persons)},{height},{width}\n"]))
            else:
                _write_plain(writer, records, faces, seed)
            publish(writer, records, files, classes, "convert")
    return PackReport(paths.rec, paths.idx, writer.num_records, writer.num_bytes, (), time.monotonic() - started)


def _renumbered(classes: Dict[str, int], persons: np.ndarray, rec_path: str) -> Dict[str, int]:
    """The names for the numbers from 0 on; the old numbers are the names where there are no names, and the numbers change.

    ``persons`` are the numbers that occur, in ascending order.
    """
    if np.array_equal(persons, np.arange(len(persons))):
        return classes
    new = {old: number for number, old in enumerate(persons.tolist())}
    if not classes:
        return {str(old): number for old, number in new.items()}
    nameless = sorted(set(new) - set(classes.values()))
    if nameless:
        lacks = f"has no name for {count(len(nameless), 'label')} of {rec_path!r}, the first {nameless[0]}"
        advice = "the persons get new numbers: add the names, or move the table away"
        raise ValueError(f"the class table {classes_path(rec_path)!r} {lacks}; {advice}")
    return {name: new[number] for name, number in classes.items() if number in new}


def _write_insightface(writer: RecordWriter, records: RecordFile, faces: Faces, persons: np.ndarray) -> Size:
    """Write the records of InsightFace's layout, and give the height and the width of the images."""
    num_images = len(faces.positions)
    end = num_images + 1 + len(persons)
    if end > EXACT_INTEGERS:
        what = f"holds keys as float32, exactly up to 2**24; {num_images:,} images and {len(persons):,} persons have more keys"
        advice = Text("give ", Argument("to", "plain"), ", which arcface_torch reads as well")
        raise ArgumentValueError("to", f"is 'insightface', which {what}", help=advice)
    new_numbers = np.searchsorted(persons, faces.persons)
    order = np.argsort(new_numbers, kind="stable")
    starts = 1 + np.searchsorted(new_numbers[order], np.arange(len(persons) + 1))
    sizes: Set[Optional[Size]] = set()
    writer.write(0, pack_header(0, [num_images + 1, end]))
    for key, place in enumerate(map(int, order), 1):
        content = records[int(faces.positions[place])].content
        sizes.add(image_size(content))
        labels = [int(new_numbers[place]), *([int(faces.are_aligned[place])] if faces.are_aligned[place] >= 0 else [])]
        writer.write_frames(key, frame(pack_header(key, labels), content))
    for number in range(len(persons)):
        key = num_images + 1 + number
        writer.write(key, pack_header(key, starts[number : number + 2].tolist()))
    return _common(sizes, writer.paths.rec)


def _common(sizes: Set[Optional[Size]], rec_path: str) -> Size:
    (size, *others) = sizes
    if size is not None and not others:
        return size
    what = "the images of %r are not all of one size that their headers say; its file %r says %d,%d, as InsightFace's own do"
    _log.warning(what, rec_path, _PROPERTY, *_USUAL_SIZE)
    return _USUAL_SIZE


def _write_plain(writer: RecordWriter, records: RecordFile, faces: Faces, seed: int) -> None:
    for key, place in enumerate(map(int, random_order(len(faces.positions), seed))):
        record = records[int(faces.positions[place])]
        writer.write_frames(key, frame(pack_header(key, [int(faces.persons[place])]), record.content))

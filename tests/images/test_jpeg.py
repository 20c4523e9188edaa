# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The segments of a JPEG: the quick way from one to the next finds what a search for markers finds."""

import re
import struct

import numpy as np
import pytest
from photos import SKIMAGE
from PIL import Image

from mxnet_im2rec import ImageError
from mxnet_im2rec.images import codec, jpeg
from mxnet_im2rec.images.checks import check_readable_by_mxnet, check_size, check_whole
from mxnet_im2rec.images.sizes import image_size

MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """JPEGs of one real photo: baseline and progressive, with an orientation or without."""
    cat = Image.open(SKIMAGE / "chelsea.png").resize((90, 60))
    exif = Image.Exif()
    exif[274] = 6
    path = tmp_path_factory.mktemp("jpeg") / "a.jpg"
    photos = []
    for options in ({}, {"exif": exif}, {"progressive": True}, {"optimize": True, "exif": exif, "comment": b"cat"}):
        cat.save(path, **options)
        photos.append(path.read_bytes())
    return photos


def by_search(data):
    """Where the first scan begins, the first frame before it, and whether the end is there, found by searches alone."""
    position, scan, frame = 2, None, b""
    while True:
        match = MARKER.search(data, position)
        if match is None:
            return scan, frame, False
        start = position = match.end()
        marker = data[start - 1]
        if marker == 0xD9:
            return scan, frame, True
        if marker == 0x01 or marker == 0xD8:
            continue
        position = max(start + 2, start + int.from_bytes(data[start : start + 2], "big"))
        if marker in FRAMES and scan is None and not frame:
            frame = data[start - 1 : position]
        if marker == 0xDA and scan is None:
            scan = position
            if scan > len(data):
                return None, frame, False
            if data[-2:] == b"\xff\xd9" and scan <= len(data) - 2:
                return scan, frame, True


def is_whole(data):
    try:
        jpeg.check_end(data, jpeg.read_head(data))
    except ImageError:
        return False
    return True


def changed(data, random):
    """Other bytes in the segments, bytes too many or too few before them, or the end cut off."""
    data = bytearray(data)
    markers = [match.start() for match in MARKER.finditer(data, 2)]
    for _ in range(random.randint(1, 4)):
        place = int(random.choice(markers)) + random.randint(0, 5)
        what = random.randint(5)
        if what == 0:
            data[place:place] = b"\xff" * random.randint(1, 4)
        elif what == 1:
            data[place:place] = bytes(random.choice([0, 1, 0xC0, 0xD0, 0xD8, 0xD9, 0xDA, 0xE1, 0xFF], 3).astype(np.uint8))
        elif what == 2:
            del data[place : place + random.randint(1, 4)]
        elif what == 3:
            data[place : place + 1] = bytes([random.randint(256)])
        else:
            del data[random.randint(2, len(data)) :]
            return bytes(data)
    return bytes(data)


def test_the_quick_way_finds_what_a_search_finds(photos):
    random = np.random.RandomState(0)
    found = set()
    for number in range(4000):
        data = changed(photos[number % len(photos)], random)
        scan, frame, has_end = by_search(data)
        head = jpeg.read_head(data)
        assert (head.scan, bytes(head.frame), is_whole(data)) == (scan, frame, has_end), data.hex()
        assert jpeg.read_head(memoryview(data)).size == head.size
        found.add((head.scan is None, head.size is None, has_end))
    assert len(found) >= 6  # nearly every mix of the three came up


def test_a_head_that_is_given_changes_no_check(photos):
    for data in photos:
        head = jpeg.head_of(data)
        check_whole(data, head)
        check_readable_by_mxnet(data, head)
        assert image_size(data, head) == image_size(data) == codec.decode(data, 1, head).shape[:2]
        with pytest.raises(ImageError, match="the JPEG is truncated"):
            check_whole(data[:-2], jpeg.head_of(data[:-2]))
        with pytest.raises(ImageError, match="the JPEG is truncated"):
            check_readable_by_mxnet(data[:-2], jpeg.head_of(data[:-2]))
        with pytest.raises(ImageError, match="the JPEG is truncated"):
            codec.decode(data[:-2], 1, jpeg.head_of(data[:-2]))
        with pytest.raises(ImageError, match="pixels"):
            check_size(data, 5_399, head)
        check_size(data, 5_400, head)
    assert jpeg.head_of(b"\x89PNG\r\n\x1a\n") is None


def test_a_frame_behind_the_first_scan_does_not_count():
    frame = struct.pack(">BBHBHHB", 0xFF, 0xC0, 9, 8, 10, 20, 0)
    scan = b"\xff\xda\0\x02"
    assert jpeg.size(b"\xff\xd8" + frame + scan + jpeg.END) == (10, 20)
    late = b"\xff\xd8" + scan + frame + jpeg.END
    assert jpeg.size(late) is None
    with pytest.raises(ImageError, match="no frame header"):
        check_readable_by_mxnet(late)

# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Says what to install where a package needs a shared library of the system that is not there."""

from __future__ import annotations

import ctypes
import re

_MISSING = re.compile(r"(lib[\w+.-]+?\.so(?:\.\d+)*): cannot open shared object file")

# The libraries of the system that the wheels name, and the packages of Debian and Ubuntu that have them.
_OF_MXNET = {
    "libgomp.so.1": "libgomp1",
    "libquadmath.so.0": "libquadmath0",
}
_OF_OPENCV = {  # of opencv-python, but not of opencv-python-headless
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libICE.so.6": "libice6",
    "libSM.so.6": "libsm6",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libxcb.so.1": "libxcb1",
}
_OF_ALL = {  # few systems lack one of these
    "libgcc_s.so.1": "libgcc-s1",
    "libstdc++.so.6": "libstdc++6",
    "libz.so.1": "zlib1g",
}
_LOADED_AT_ONCE = ({"libGL.so.1", "libglib-2.0.so.0", "libgthread-2.0.so.0", "libxcb.so.1"}, set(_OF_MXNET))  # by an import


def advice_on(error: BaseException) -> str:
    """What to do about an error of importing a package; empty where no shared library is missing.

    The error names one library. Others that the same import will look for next are named too, where they are missing.

    Examples
    --------
    >>> advice_on(ImportError('libz.so.1: cannot open shared object file: No such file or directory'))
    'the system lacks libz.so.1: apt-get install zlib1g (Debian, Ubuntu)'
    """
    found = _MISSING.search(str(error))
    if found is None:
        return ""
    libraries = [found[1]]
    for together in _LOADED_AT_ONCE:
        if found[1] in together:
            libraries += sorted(each for each in together if each != found[1] and not _loads(each))
    debian = {**_OF_MXNET, **_OF_OPENCV, **_OF_ALL}
    packages = " ".join(dict.fromkeys(debian[each] for each in libraries if each in debian))
    how = f"apt-get install {packages} (Debian, Ubuntu)" if packages else "install the package of your system that has it"
    return f"the system lacks {', '.join(libraries)}: {how}"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True

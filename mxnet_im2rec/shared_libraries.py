# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Says what to install where a package needs a shared library of the system that is not there."""

from __future__ import annotations

import re

_MISSING = re.compile(r"(lib[\w+.-]+?\.so(?:\.\d+)*): cannot open shared object file")

# Which package of Debian and Ubuntu has it. MXNet and opencv-python bring along all others that they need.
_DEBIAN = {
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
    "libquadmath.so.0": "libquadmath0",
}


def advice_on(error: BaseException) -> str:
    """What to do about an error of importing a package; empty where no shared library is missing.

    Examples
    --------
    >>> advice_on(ImportError('libGL.so.1: cannot open shared object file: No such file or directory'))
    'the system lacks libGL.so.1: apt-get install libgl1 (Debian, Ubuntu)'
    """
    found = _MISSING.search(str(error))
    if found is None:
        return ""
    library = found[1]
    package = _DEBIAN.get(library)
    how = f"apt-get install {package} (Debian, Ubuntu)" if package else "install the package of your system that has it"
    return f"the system lacks {library}: {how}"

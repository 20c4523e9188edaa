# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Adds to this environment what `pip install .` leaves to the user, and says in one line what the system lacks. For `make`.

- MXNet, where pip did not bring it: on Python 3.13 and later.
- opencv-python-headless in place of opencv-python, where a library of the screen is missing.
"""

import subprocess
import sys
from importlib import metadata

from mxnet_im2rec.mxnet_advice import HOW_TO_INSTALL
from mxnet_im2rec.mxnet_compat import is_installed


def pip(*words):
    if subprocess.call([sys.executable, "-m", "pip", "--disable-pip-version-check", *words, "--quiet"]):
        raise SystemExit(f"Error: pip {' '.join(words)} failed")


def error_of(statement):
    """What an import says when it fails, in a process of its own; else nothing."""
    code = f"try:\n    {statement}\nexcept ImportError as error:\n    print(error)"
    return subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True).stdout.strip()


if not is_installed():
    print("Adding MXNet")
    pip(*HOW_TO_INSTALL.split()[1:])
if "cannot open shared object file" in error_of("import cv2"):
    try:
        version = metadata.version("opencv-python")
    except metadata.PackageNotFoundError:
        pass
    else:
        print("This system lacks what opencv-python needs for a screen. Putting opencv-python-headless in its place")
        pip("uninstall", "--yes", "opencv-python")
        pip("install", "--force-reinstall", "--no-deps", f"opencv-python-headless=={version}")
for statement in ("import mxnet_im2rec.opencv_compat", "import mxnet_im2rec, mxnet"):
    error = error_of(statement)
    if error:
        raise SystemExit(f"Error: {error}")

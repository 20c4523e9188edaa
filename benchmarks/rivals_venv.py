# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The environment of the rivals that need another NumPy than MXNet: made from rivals.txt, a rival at a time.

A rival that does not install has a reason in `missing`, and the others are there all the same.
"""

import json
import subprocess
import sys
from pathlib import Path

VERSIONS = Path(__file__).resolve().parent / "rivals.txt"
PACKAGES = {
    "WebDataset": ["webdataset", "torch", "opencv-python-headless"],
    "LitData": ["litdata", "torch", "opencv-python-headless"],
    "img2dataset": ["img2dataset", "opencv-python-headless"],
    "DALI": ["nvidia-dali-cuda130"],
}


class RivalsVenv:
    """The environment in a folder, which is made when this is, and mended where rivals.txt has changed."""

    def __init__(self, folder):
        self.python = str(folder / "bin" / "python")
        self.missing = {}
        self.versions = {}
        if not Path(self.python).exists():
            error = self._error_of([sys.executable, "-m", "venv", "--clear", str(folder)])
            if error:
                self.missing = dict.fromkeys(PACKAGES, error)
                return
        pip = [self.python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--constraint", str(VERSIONS)]
        for rival, packages in PACKAGES.items():
            installed = folder / f"{rival}.installed"  # from which rivals.txt
            if installed.exists() and installed.read_text("utf-8") == VERSIONS.read_text("utf-8"):
                continue
            print(f"installing {rival}", flush=True)
            error = self._error_of([*pip, *packages])
            if error:
                self.missing[rival] = f"pip install {' '.join(packages)}: {error}"
            else:
                installed.write_text(VERSIONS.read_text("utf-8"), "utf-8")
        code = (
            "import json; from importlib.metadata import distributions; "
            "print(json.dumps({each.metadata['Name']: each.version for each in distributions()}))"
        )
        there = json.loads(subprocess.check_output([self.python, "-c", code], text=True))
        wanted = {package for rival, packages in PACKAGES.items() if rival not in self.missing for package in packages}
        self.versions = {name: there[name] for name in sorted([*wanted, "numpy"]) if name in there}

    @staticmethod
    def _error_of(command):
        """What a command says when it fails, in a line; else nothing."""
        done = subprocess.run(command, capture_output=True, text=True)
        if not done.returncode:
            return ""
        lines = (done.stderr or done.stdout).strip().splitlines()
        said = [line for line in lines if "error" in line.lower()] or lines or [f"it exits with {done.returncode}"]
        return said[-1]

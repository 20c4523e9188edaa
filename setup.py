# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Metadata, dependencies and extras. Build and tool settings are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).resolve().parent
version = re.search(r'^__version__ = "(.+)"$', (here / "mxnet_im2rec" / "__init__.py").read_text("utf-8"), re.MULTILINE).group(1)

photos = ["scikit-image>=0.19"]  # its wheels carry real photos
plot = ["matplotlib>=3.5"]
# Later versions of pyarrow need NumPy 2, which they do not say.
parquet = ['pyarrow>=12,<22; python_version < "3.13"', 'pyarrow>=12; python_version >= "3.13"']
frames = ["pandas>=2", "polars>=1"]  # whatever NumPy there is; each Python has versions that fit
formats = [  # Pillow has AVIF from 11.3 on, which needs Python 3.9
    'pillow>=11.3; python_version >= "3.9"',
    'pillow>=10.1; python_version < "3.9"',
    'pillow-avif-plugin>=1.4; python_version < "3.9"',
    "pillow-heif>=0.16",
]

setup(
    name="mxnet_im2rec",
    version=version,
    description="Turn a list of images into a RecordIO dataset for Apache MXNet, through Gluon transforms",
    long_description=(here / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    author="the mxnet_im2rec authors",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    packages=find_packages(include=["mxnet_im2rec", "mxnet_im2rec.*"]),
    package_data={"mxnet_im2rec": ["py.typed"]},
    entry_points={"console_scripts": ["im2rec = mxnet_im2rec.__main__:main", "im2rec.py = mxnet_im2rec.cli.legacy:main"]},
    python_requires=">=3.8",
    install_requires=[
        # MXNet asks for NumPy 1, which has no wheel for Python 3.13. There MXNet is added by hand: HOW_TO_INSTALL of
        # mxnet_advice.py. It uses names that NumPy 1.24 removed; mxnet_numpy.py puts them back.
        'mxnet>=1.9.1; python_version < "3.13"',
        'setuptools; python_version == "3.12"',  # brings distutils, which MXNet needs
        'numpy>=1.17,<1.24; python_version < "3.12"',
        'numpy>=1.26,<2; python_version == "3.12"',
        'numpy>=2; python_version >= "3.13"',
        'opencv-python>=4.5; python_version < "3.13"',
        'opencv-python>=4.10.0.84; python_version >= "3.13"',  # the first that was built for NumPy 2
        "tqdm>=4.40",
        "cloudpickle>=2.0",
        "click>=8.0",
    ],
    extras_require={
        "demo": photos,
        "formats": formats,
        "plot": plot,
        "parquet": parquet,
        "test": [
            *["pytest>=7", "pytest-timeout>=2", "pytest-xdist>=3", "hypothesis>=6", "psutil>=5"],
            *[*formats, *photos, *plot, *parquet, *frames],
        ],
        "lint": ["ruff==0.17.*", "mypy>=1.5"],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        *[f"Programming Language :: Python :: 3.{minor}" for minor in range(8, 14)],
        "Topic :: Scientific/Engineering :: Image Processing",
        "Typing :: Typed",
    ],
    keywords="mxnet gluon recordio im2rec dataset images",
)

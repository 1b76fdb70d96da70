"""Metadata, dependencies and the entry point; pyproject.toml holds the build system and tool settings."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "beetl_task1" / "__init__.py").read_text()).group(1)

setup(
    name="beetl-task1",
    version=VERSION,
    description="Sleep staging carried over to older people: the BEETL Task 1 competition, from data to Codalab zip",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="BSD-3-Clause",
    python_requires=">=3.11",
    packages=find_packages(include=["beetl_task1", "beetl_task1.*"]),
    package_data={"beetl_task1": ["*/*.toml", "*/*.json", "*/*.jinja", "*/*/*.jinja"]},
    install_requires=[
        "braindecode>=1.8.1",
        "click>=8.4",
        "edfio>=0.4.10",
        "filelock>=3.15.4",
        "jinja2>=3.1",
        "joblib>=1.4",
        "matplotlib>=3.8",
        "mne>=1.11",
        "msgspec>=0.19",
        "numpy>=1.26.4",
        "pandas>=2.3",
        "pooch>=1.8",
        "requests>=2.31",
        "rich>=13",
        "scikit-learn>=1.7",
        "safetensors>=0.4.4",
        "scipy>=1.15",
        "skada>=0.5",
        "skops>=0.14",
        "threadpoolctl>=3.1",
        "torch>=2.4",
        "urllib3>=2.0.2",
    ],
    extras_require={
        "cluster": ["dask[distributed]>=2026.8"],
        "tensorboard": ["tensorboard>=2.16"],
        "wandb": ["wandb>=0.17"],
        "test": ["hypothesis>=6.100.0", "pytest>=8", "pytest-xdist>=3.5", "tensorboard>=2.16", "wandb>=0.17"],
        "lint": ["mypy>=2.4", "ruff>=0.17"],
        "docs": ["mkdocs>=1.6", "mkdocstrings[python]>=1.0"],
        "mutants": ["mutmut>=3.8"],
        "fuzz": ["atheris>=3"],
    },
    entry_points={"console_scripts": ["beetl-task1 = beetl_task1.cli:main"]},
)

"""Small hand-made competitions, in the competition's file formats."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from beetl_task1.data.files import DataFolder
from beetl_task1.recipes.experiment import Experiment
from beetl_task1.recipes.recipe import Recipe, load_recipe
from beetl_task1.task import PARTS, part

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers on two cores
STAGE_FREQUENCIES = (10.0, 6.0, 13.0, 2.0, 1.0, 4.0)
SUBJECTS = {
    ("25-64", "source"): (0, 1, 2),
    ("65-79", "target"): (0, 1, 2),
    ("65-79", "test"): (6, 10),
    ("80-95", "target"): (0, 1),
    ("80-95", "test"): (5, 10),
}
"""Subjects of the tree, with a two-digit one after a one-digit one in each test set."""


def make_night(rng: np.random.Generator, n_epochs: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Return a night (n_epochs, 2, 3000) in volts whose stages differ in frequency, and its stages."""
    y = rng.permutation(np.resize(np.arange(6), n_epochs))
    t = np.arange(3000) / 100
    X = rng.normal(scale=1e-5, size=(n_epochs, 2, 3000))
    waves = np.sin(2 * np.pi * np.array(STAGE_FREQUENCIES)[y, None] * t + rng.uniform(0, 6, (n_epochs, 1)))
    return X + 2e-5 * waves[:, None, :], y


def experiment(recipe: Recipe | str, group: str, data: DataFolder | Path, **changes) -> Experiment:
    """Return the experiment of a recipe, or of the shipped one of a name, with changes of the recipe."""
    recipe = load_recipe(recipe) if isinstance(recipe, str) else recipe
    return Experiment(recipe.but(**changes), group, data if isinstance(data, DataFolder) else DataFolder(data))


def dump(path: Path, value: object, protocol: int = 4) -> None:
    """Write a raw pickle, as the competition's files are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=protocol))


def write_part(root: Path, group: str, role: str, subjects, rng, folder: str | None = None, prefix: str | None = None):
    """Write the recordings of one part; return the labels in submission order."""
    wanted, truth = part(group, role), []
    prefix = wanted.prefixes[0] if prefix is None else prefix
    for subject in subjects:
        for session in (1, 2):
            X, y = make_night(rng)
            stem = root / (folder or wanted.folder) / f"{prefix}s{subject}r{session}"
            dump(stem.with_name(stem.name + "X.npy"), X)
            if wanted.labelled:
                dump(stem.with_name(stem.name + "y.npy"), y)
            order = root / "order" / group / f"s{subject}r{session}.npy"
            order.parent.mkdir(parents=True, exist_ok=True)
            np.save(order, 30.0 * rng.permutation(len(y)))
            truth.append(y)
    return np.concatenate(truth)


def write_tree(root: Path, seed: int = 0, marked: bool = True) -> Path:
    """Write a small competition: simulated by its marker, or one that passes for the competition's own files."""
    rng = np.random.default_rng(seed)
    root.mkdir(parents=True, exist_ok=True)
    for p in PARTS:
        truth = write_part(root, p.group, p.role, SUBJECTS[p.group, p.role], rng)
        if p.role == "test":
            (root / "truth").mkdir(exist_ok=True)
            (root / "truth" / f"{p.group}.txt").write_text("".join(f"{label}\n" for label in truth))
    if marked:
        (root / "simulation.json").write_text(json.dumps({"simulated": True, "size": "tiny", "seed": seed}))
    return root


@pytest.fixture(scope="session")
def tree(tmp_path_factory) -> Path:
    """Return a small simulated competition; not to be written to."""
    return write_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """Return a folder of cached features that the tests share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of optional real recordings, or skip."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs real recordings in {folder}, which are not part of the project")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a seeded generator."""
    return np.random.default_rng(0)

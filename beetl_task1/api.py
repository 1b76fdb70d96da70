"""The six calls of a notebook: load, train, validate, predict, score, stage.

They do what the commands of the same names do, with the same folders, so that one can go on where the other stopped.
Folders that are not given are those of the environment (``BEETL_CHECKPOINTS`` and so on), as for the commands.
"""

import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .data.files import DataFolder
from .errors import unknown
from .models.base import Resources
from .recipes.experiment import Experiment
from .recipes.recipe import DEFAULT, load_recipe
from .recipes.training import train as _train
from .scoring import whole_stages
from .submission.answer import read_answer
from .submission.predict import predict as _predict
from .submission.prediction import Prediction
from .submission.scored import score_answer
from .typed import target_group
from .validation.crossval import Validation
from .validation.crossval import validate as _validate
from .validation.scorecard import Scorecard, bare_scorecard
from .writing import default_cache

if TYPE_CHECKING:
    from .staging import StagedNight
    from .staging.reading import PathOrRaw

__all__ = ["load", "predict", "score", "stage", "train", "validate"]
Data = DataFolder | str | Path
Where = str | Path | None


def load(data: str | Path, *, unit: str = "V", allow_partial: bool = False) -> DataFolder:
    """Return the folder of a competition; nothing is read before it is asked for.

    Parameters
    ----------
    data : path
        Holds ``SleepSource/``, ``LeaderboardSleep/`` and ``finalSleep/``.
    unit : {"V", "mV", "uV"}
        Of the signals.
    allow_partial : bool
        Accept missing recordings.

    Raises
    ------
    DataError
        If there is no such folder.
    """
    return DataFolder(data, unit=unit, allow_partial=allow_partial)


def train(
    data: Data,
    group: str,
    recipe: str = DEFAULT,
    *,
    checkpoints: Where = None,
    seed: int | None = None,
    younger_target: bool | None = None,
    resources: Resources | None = None,
) -> Path:
    """Train a recipe for a target group, and return the folder of its checkpoint.

    Parameters
    ----------
    data : DataFolder or path
        As :func:`load` returns or takes it.
    group : {"65-79", "80-95"}
        Age group of the target.
    recipe : str
        Name of a recipe, or the path of a TOML file.
    checkpoints : path, optional
        Where checkpoints go; ``checkpoints`` by default.
    seed : int, optional
        Replaces the recipe's seeds, counted from this.
    younger_target : bool, optional
        For 80-95: whether the labelled 65-79 subjects train too; as the recipe says by default.
    resources : Resources, optional
        Cache, jobs, device; by default the user's cache and all cores.

    Raises
    ------
    BeetlError
        If something is not as it must be.
    """
    experiment = _experiment(data, group, recipe, seed=seed, younger_target=younger_target)
    return _train(experiment, _place(checkpoints, "checkpoints"), _resources(resources))


def validate(
    data: Data,
    group: str,
    recipe: str = DEFAULT,
    *,
    checkpoints: Where = None,
    seed: int | None = None,
    younger_target: bool | None = None,
    resources: Resources | None = None,
) -> Validation:
    """Leave one target subject out at a time, and score the pooled epochs as the leaderboard does.

    Takes what :func:`train` takes. What was predicted before is read from the cache.

    Returns
    -------
    Validation
        ``to_frame()`` has the scores, ``plot()`` draws them with the confusion matrix.
    """
    experiment = _experiment(data, group, recipe, seed=seed, younger_target=younger_target)
    return _validate(experiment, _place(checkpoints, "checkpoints"), _resources(resources))


def predict(
    data: Data,
    group: str,
    recipe: str = DEFAULT,
    *,
    checkpoints: Where = None,
    submissions: Where = None,
    allow_simulated: bool = False,
    resources: Resources | None = None,
) -> Prediction:
    """Predict the test set of a group with a trained recipe; writes ``probabilities.npz`` and ``answer.txt``.

    Parameters
    ----------
    data, group, recipe, checkpoints, resources
        As for :func:`train`.
    submissions : path, optional
        Where predictions go; ``submissions`` by default.
    allow_simulated : bool
        Let models trained on simulated data predict other data.

    Raises
    ------
    BeetlError
        If the recipe is not trained, or the test set is not as it must be.
    """
    experiment, found = _experiment(data, group, recipe), _resources(resources)
    folders = _place(checkpoints, "checkpoints"), _place(submissions, "submissions")
    return Prediction.read(_predict(experiment, *folders, found, allow_simulated=allow_simulated))


def score(
    answer: Prediction | str | Path | np.ndarray, truth: str | Path | np.ndarray, scheme: str = "rk"
) -> Scorecard:
    """Score an answer against the truth as the leaderboard does.

    Parameters
    ----------
    answer : Prediction, path or array (n_epochs,)
        Of :func:`predict`; an ``answer.txt`` or ``answer.zip``; or stages 0 to 5.
    truth : path or array (n_epochs,)
        True stages in the same order.
    scheme : {"rk", "aasm"}
        Six stages, or five with S3 and S4 as N3.

    Raises
    ------
    BeetlError
        If a file cannot be read, a value is no stage, or the lengths differ.
    """
    if isinstance(answer, Prediction):
        answer = answer.answer
    if isinstance(answer, str | Path) and isinstance(truth, str | Path):
        return score_answer(Path(answer), Path(truth), scheme)
    true, labels = _labels("truth", truth), _labels("answer", answer)
    return bare_scorecard(true, labels, name="answer", scheme_name=scheme)


def stage(
    recording: "PathOrRaw",
    group: str,
    recipe: str = DEFAULT,
    *,
    checkpoints: Where = None,
    allow_simulated: bool = False,
    hypnogram: str | Path | None = None,
    **options: Any,
) -> "StagedNight":
    """Stage a recording of your own with a trained recipe. For research; not a medical device.

    Parameters
    ----------
    recording : path or mne.io.BaseRaw
        Whatever mne reads.
    group, recipe, checkpoints
        As for :func:`train`.
    allow_simulated : bool
        Let models trained on simulated data stage it.
    hypnogram : path, optional
        A scorer's, to compare with.
    **options
        Fields of :class:`beetl_task1.staging.Options`: ``channels``, ``unit``, ``lights_off``, ``lights_on``,
        ``scheme``, ``transitions``, ``stage_names``, ``vote``.

    Raises
    ------
    BeetlError
        If something is not as it must be.
    """
    from .staging import Options
    from .staging import stage as run

    known = [each.name for each in fields(Options)]
    for option in set(options) - set(known):
        raise unknown("option", option, known)
    place, name = _place(checkpoints, "checkpoints"), load_recipe(recipe).name
    return run(
        recording, checkpoints=place, group=target_group(group), recipe=name, allow_simulated=allow_simulated,
        hypnogram=hypnogram, **options)  # fmt: skip


def _experiment(data: Data, group: str, recipe: str, **changes: Any) -> Experiment:
    folder = data if isinstance(data, DataFolder) else load(data)
    return Experiment(load_recipe(recipe).varied(**changes), target_group(group), folder)


def _labels(name: str, given: str | Path | np.ndarray) -> np.ndarray:
    return read_answer(Path(given)) if isinstance(given, str | Path) else whole_stages(name, given)


def _place(given: Where, name: str) -> Path:
    return Path(given or os.environ.get(f"BEETL_{name.upper()}") or name)


def _resources(given: Resources | None) -> Resources:
    if given is not None:
        return given
    jobs = int(os.environ.get("BEETL_JOBS") or os.cpu_count() or 1)
    cache = Path(os.environ.get("BEETL_CACHE") or default_cache())
    return Resources(cache=cache, jobs=jobs, device=os.environ.get("BEETL_DEVICE") or "auto")

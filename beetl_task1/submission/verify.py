"""Is a submission what its checkpoints predict? Everything is done again in a new process and compared."""

import multiprocessing
import tempfile
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data.content import digest
from ..data.files import DataFolder
from ..data.probabilities import load_probabilities
from ..errors import BeetlError, CheckpointError, SubmissionError
from ..models.base import Resources
from ..recipes.checkpoint import card_sha256, check_whole, checkpoint_folder, has_checkpoint, load_card
from ..recipes.experiment import Experiment
from ..recipes.recipe import recipe_from
from ..recipes.training import train
from ..task import STAGES
from ..typed import json_of
from .answer import ACCOUNT, ANSWER, PROBABILITIES, ZIP, answer_sha256, read_answer
from .blend import blend
from .manifest import entries, test_recordings
from .package import Account
from .predict import predict


@dataclass(frozen=True)
class Verified:
    """What came out.

    Attributes
    ----------
    n_rows : int
        Labels of the answer.
    n_compared : int
        Labels that were predicted again and compared.
    how : str
        ``"predicted"``, ``"retrained"``, ``"blended"`` or ``"not predicted"`` again.
    differences : list of str
        One line each: files and checkpoints that changed, then labels.
    """

    n_rows: int
    n_compared: int
    how: str
    differences: list[str]

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def verify(folder: Path, data: DataFolder, checkpoints: Path, *, retrain: bool = False, jobs: int = 1) -> Verified:
    """Predict a submission again and compare every label.

    Parameters
    ----------
    folder : path
        Holds ``submission.json``, ``answer.txt`` and ``answer.zip``.
    data : DataFolder
        The competition.
    checkpoints : path
        Where the checkpoints stand.
    retrain : bool
        Train again from scratch, in a temporary folder, instead of using the checkpoints.
    jobs : int
        Processes or threads. Networks that are trained again want the number that trained them.

    Raises
    ------
    BeetlError
        If there is no submission, or the test set cannot be read at all.
    """
    folder = Path(folder)
    account = load_account(folder)
    labels, differences = _packed_labels(folder, account)
    changed, lines = _changed_files(account, data)
    differences += lines
    how = "not predicted"
    again: np.ndarray | None = None
    if account.get("recipe") or account.get("inputs"):
        lines = [] if retrain else _changed_checkpoints(account, checkpoints) + _changed_inputs(account)
        differences += lines
        if not lines:
            how = "blended" if account.get("inputs") else "retrained" if retrain else "predicted"
            again, failed = _again(account, data, Path(checkpoints), retrain, jobs)
            differences += failed
    compared, lines = _compare(labels, again, account, changed)
    return Verified(len(labels), compared, how if again is not None else "not predicted", differences + lines)


def load_account(folder: Path) -> Account:
    """Read ``submission.json``.

    Raises
    ------
    SubmissionError
        If it is missing or damaged.
    """
    path = Path(folder) / ACCOUNT
    try:
        account: Account = json_of(path.read_bytes())
        missing = {"rows", "group", "answer_sha256", "n_rows"} - set(account)
    except FileNotFoundError as error:
        raise SubmissionError(f"{folder}: no {ACCOUNT} there; {_how_to_package(folder)}") from error
    except (OSError, ValueError, TypeError) as error:
        raise SubmissionError(f"{path}: cannot be read ({error!r}); package again") from error
    if missing:
        raise SubmissionError(f"{path}: says nothing of {', '.join(sorted(missing))}; package again")
    return account


def _how_to_package(folder: Path) -> str:
    """Return the command that packages what was predicted into a folder."""
    try:
        about = load_probabilities(folder / PROBABILITIES)[1]
        return f"make it with: beetl-task1 package --group {about['group']} --recipe {about['recipe']['name']}"
    except (BeetlError, KeyError, TypeError):
        return "give the folder of a submission, which `beetl-task1 submit` or `beetl-task1 package` made"


def _packed_labels(folder: Path, account: Account) -> tuple[np.ndarray, list[str]]:
    """Return the labels of ``answer.txt``, and what the zip or the account say otherwise."""
    labels, zipped = read_answer(folder / ANSWER), read_answer(folder / ZIP)
    differences = []
    for name, found in ((ANSWER, labels), (ZIP, zipped)):
        if answer_sha256(found) != account["answer_sha256"]:
            differences.append(f"{folder / name}: changed since it was packed ({ACCOUNT} has another sha256)")
    if len(labels) != account["n_rows"]:
        raise SubmissionError(
            f"{folder / ANSWER}: {len(labels)} labels, {ACCOUNT} says {account['n_rows']}; package again"
        )
    return labels, differences


def _changed_files(account: Account, data: DataFolder) -> tuple[set[str], list[str]]:
    """Return the recordings whose files are not those that were predicted, and a line for each."""
    now = {entry.recording: entry for entry in entries(test_recordings(data, account["group"], 1))}
    then = {row["recording"]: row for row in account["rows"]}
    lines = {name: f"{name}: not in the submission, but in the test folder" for name in now if name not in then}
    for name, row in then.items():
        if name not in now:
            lines[name] = f"{row['file']} ({name}): missing from the test folder"
        elif now[name].sha256 != row["sha256"]:
            twin = [other["file"] for other in account["rows"] if other["sha256"] == now[name].sha256]
            holds = f", it holds what {twin[0]} held" if twin else ""
            lines[name] = f"{now[name].file} ({name}): changed since it was predicted{holds}"
    return set(lines), list(lines.values())


def _changed_checkpoints(account: Account, checkpoints: Path) -> list[str]:
    lines = []
    for recipe, sha256 in account.get("cards", {}).items():
        place = checkpoint_folder(checkpoints, recipe, account["group"])
        if not has_checkpoint(place):
            lines.append(f"{place}: the checkpoint is gone; try --retrain")
            continue
        if card_sha256(place) != sha256:
            lines.append(f"{place}: trained again since, its card is another; try --retrain")
        try:
            check_whole(place, load_card(place))
        except CheckpointError as error:
            lines.append(str(error))
    return lines


def _changed_inputs(account: Account) -> list[str]:
    lines = []
    for item in account.get("inputs", ()):
        path = Path(item["file"])
        if not path.exists():
            lines.append(f"{path}: missing; it was blended")
        elif digest(path) != item["sha256"]:
            lines.append(f"{path}: changed since it was blended")
    return lines


def _again(
    account: Account, data: DataFolder, checkpoints: Path, retrain: bool, jobs: int
) -> tuple[np.ndarray | None, list[str]]:
    """Return the labels that a new process finds, or why it found none."""
    fresh = DataFolder(data.path, unit=data.unit, allow_partial=data.allow_partial)  # without what this process knows
    try:
        return _in_new_process(_predict_again, account, fresh, checkpoints, retrain, jobs), []
    except BeetlError as error:
        return None, [f"predicting again failed: {error}"]


def _in_new_process(function: Callable[..., np.ndarray], *arguments: Any) -> np.ndarray:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _predict_again(account: Account, folder: DataFolder, checkpoints: Path, retrain: bool, jobs: int) -> np.ndarray:
    group = account["group"]
    with tempfile.TemporaryDirectory() as temporary:
        here = Path(temporary)
        if account.get("inputs"):
            paths, weights = [i["file"] for i in account["inputs"]], [i["weight"] for i in account["inputs"]]
            strength = account["recipe"]["decision"]["strength"]
            made = blend([Path(p) for p in paths], group, folder, here, weights=weights, strength=strength).folder
            return read_answer(made / ANSWER)
        resources = Resources(here / "cache", jobs)
        experiment = Experiment(recipe_from(account["recipe"]), group, folder)
        if retrain:
            checkpoints = here / "checkpoints"
            train(experiment, checkpoints, resources)
        made = predict(experiment, checkpoints, here, resources, allow_simulated=True)
        return read_answer(made / ANSWER)


def _compare(
    labels: np.ndarray, again: np.ndarray | None, account: Account, changed: Collection[str]
) -> tuple[int, list[str]]:
    """Return how many labels were compared, and a line for each that differs; rows of changed files are left out."""
    if again is None:
        return 0, []
    if len(again) != len(labels):
        return 0, [f"predicted again: {len(again)} labels, the answer has {len(labels)}"]
    lines, compared = [], 0
    for row in account["rows"]:
        if row["recording"] in changed:
            continue
        first, end = row["first_row"], row["end_row"]
        compared += end - first
        for i in first + np.flatnonzero(labels[first:end] != again[first:end]):
            lines.append(
                f"line {i + 1} ({row['recording']}, epoch {i - first}): "
                f"the answer says {STAGES[labels[i]]}, predicted again {STAGES[again[i]]}"
            )
    return compared, lines

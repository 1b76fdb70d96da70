"""The whole road: train what is missing, validate, predict, package, report."""

from dataclasses import dataclass, replace
from pathlib import Path

from ..data.files import DataFolder
from ..models.base import Resources
from ..recipes.recipe import Recipe
from ..recipes.training import train_if_missing
from ..validation.crossval import Validation, validate
from ..validation.report import write_report
from .log import log_package
from .package import Submission, package
from .predict import predict

REPORT = "report.html"


@dataclass(frozen=True)
class Submitted:
    """What ``submit`` did.

    Attributes
    ----------
    trained : bool
        Whether the recipe was trained now.
    validation : Validation
        Its cross-validation, from disk where nothing changed.
    submission : Submission
        The package.
    report : Path
        The validation as one HTML page.
    """

    trained: bool
    validation: Validation
    submission: Submission
    report: Path


def submit(
    recipe: Recipe, group: str, data: DataFolder, checkpoints: Path, submissions: Path, resources: Resources
) -> Submitted:
    """Train what is missing, cross-validate, predict the test set and package the answer.

    Parameters
    ----------
    recipe : Recipe
        What to submit.
    group : {"65-79", "80-95"}
        Target group.
    data : DataFolder
        The competition.
    checkpoints, submissions : path
        Where checkpoints stand and submissions go.
    resources : Resources
        Where features are cached, and how to compute.

    Returns
    -------
    Submitted
    """
    trained = train_if_missing(recipe, group, data, checkpoints, resources)[1]
    validation = validate(recipe, group, data, checkpoints, replace(resources, log=None))
    predict(recipe, group, data, checkpoints, submissions, resources)
    packed = package(recipe.name, group, data, submissions)
    log_package(submissions, packed.folder, packed.account, local_score=validation.summary["score"])
    report = write_report(packed.folder / REPORT, [validation])
    return Submitted(trained, validation, packed, report)

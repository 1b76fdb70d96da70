"""The whole road: train what is missing, validate, predict, package, report."""

from dataclasses import dataclass, replace
from pathlib import Path

from ..models.base import Resources
from ..recipes.experiment import Experiment
from ..recipes.training import train_if_missing
from ..validation.crossval import Validation, validate
from ..validation.report import write_report
from ..writing import check_own
from .answer import submission_folder
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
    experiment: Experiment, checkpoints: Path, submissions: Path, resources: Resources, command: str = ""
) -> Submitted:
    """Train what is missing, cross-validate, predict the test set and package the answer.

    Parameters
    ----------
    experiment : Experiment
        What to submit.
    checkpoints, submissions : path
        Where checkpoints stand and submissions go.
    resources : Resources
        Where features are cached, and how to compute.
    command : str
        What the report says that made it.

    Returns
    -------
    Submitted
    """
    check_own(submission_folder(submissions, experiment.recipe.name, experiment.group) / REPORT)
    trained = train_if_missing(experiment, checkpoints, resources)[1]
    validation = validate(experiment, checkpoints, replace(resources, log=None))
    folder = predict(experiment, checkpoints, submissions, resources)
    name, score = experiment.recipe.name, validation.summary["score"]
    packed = package(name, experiment.group, experiment.data, submissions, folder, score)
    report = write_report(packed.folder / REPORT, [validation], command=command)
    return Submitted(trained, validation, packed, report)

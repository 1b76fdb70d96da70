"""The commands of a submission: ``predict``, ``package``, ``submit``, ``score``, ``verify``, ``blend`` and the rest."""

import math
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..task import STAGES
from . import options
from .advice import next_command, this_command
from .show import diff_lines, log_lines, package_lines, scorecard_lines, show, stage_counts, validation_lines

if TYPE_CHECKING:
    from ..data.files import DataFolder
    from ..recipes.experiment import Experiment

SHOWN = 10
"""Differences that ``verify`` prints."""


@options.command()
@options.with_trained
@options.checkpoints
@options.submissions_out
@options.with_resources()
@options.allow_simulated
@options.option("--seed", type=options.SEED, help="Refuse a checkpoint that was trained with another seed.")
@options.json_output
def predict(
    experiment: "Experiment", checkpoints: Path, submissions: Path, resources: options.Opener, allow_simulated: bool,
    seed: int | None,
) -> None:  # fmt: skip
    """Predict the test set of a group with a trained recipe: probabilities.npz and answer.txt.

    The seed is that of the checkpoint; --seed refuses a checkpoint that was trained with another one.

    \b
    Example:
      beetl-task1 predict --data DATA --group 65-79
    """
    from ..submission.answer import ANSWER, PROBABILITIES, read_answer
    from ..submission.predict import predict as run

    with resources("predict", experiment, checkpoints) as found:
        folder = run(experiment, checkpoints, submissions, found, allow_simulated=allow_simulated, seed=seed)
    answer, probabilities = folder / ANSWER, folder / PROBABILITIES
    labels = read_answer(answer).tolist()
    counts = {stage: labels.count(k) for k, stage in enumerate(STAGES)}
    values = {"answer": str(answer), "probabilities": str(probabilities), "label_counts": counts}
    following = next_command("package")
    lines = [f"wrote {probabilities} and {answer}", stage_counts(counts), f"next: {following}"]
    show(values | {"next": following}, lines)


@options.command()
@options.with_data
@options.group
@options.recipe
@options.submissions_out
@options.option("--labels", type=options.PATH, help="Package these labels instead: one per line.")
@click.option("--name", default="", help="With --labels: what to call the submission. [default: the file's name]")
@options.json_output
def package(data: "DataFolder", group: str, recipe: str, submissions: Path, labels: Path | None, name: str) -> None:
    """Check a prediction against the test files and zip it for Codalab.

    \b
    Example:
      beetl-task1 package --data DATA --group 65-79
      beetl-task1 package --data DATA --group 80-95 --labels mine.txt
    """
    from ..recipes.recipe import load_recipe
    from ..submission import package as packaging

    if name and labels is None:
        raise click.UsageError("--name goes with --labels; a prediction is packaged under the name of its --recipe")
    if labels is None:
        packed = packaging.package(load_recipe(recipe).name, group, data, submissions)
    else:
        packed = packaging.package_labels(labels, group, data, submissions, name)
    show({"zip": str(packed.zip_path)} | packed.account, package_lines(packed))


@options.command()
@options.with_experiment
@options.checkpoints_out
@options.submissions_out
@options.with_resources(resume=options.resume, log=options.log)
@options.json_output
def submit(experiment: "Experiment", checkpoints: Path, submissions: Path, resources: options.Opener) -> None:
    """Train what is missing, validate (cached), predict and package.

    \b
    Example:
      beetl-task1 submit --data DATA --group 65-79
    """
    from ..submission.submit import submit as run

    with resources("submit", experiment, checkpoints) as found:
        done = run(experiment, checkpoints, submissions, found, this_command())
    packed, report = done.submission, str(done.report)
    values = {"trained": done.trained, "validation": done.validation.summary, "zip": str(packed.zip_path)}
    trained = "trained now" if done.trained else "the checkpoint of this very recipe and data was there"
    lines = chain([trained], validation_lines(done.validation), package_lines(packed), [f"report: {report}"])
    show(values | {"submission": packed.account, "report": report}, lines)


@options.command()
@click.argument("answer", type=options.PATH)
@options.option("--truth", type=options.PATH, required=True,
              help="True labels in the same order, one stage 0 to 5 per line.")  # fmt: skip
@options.scheme
@options.brief
@options.json_output
def score(answer: Path, truth: Path, scheme: str) -> None:
    """Score an answer.txt or answer.zip against true labels, as the leaderboard does.

    With submission.json beside the answer, also per subject and night; with probabilities.npz, also their calibration.

    \b
    Example:
      beetl-task1 score submissions/default-65-79/answer.zip --truth truth/65-79.txt
    """
    from ..submission.scored import score_answer

    card = score_answer(answer, truth, scheme)
    head = [f"data: {card.data}"] if card.data else []
    more = () if options.asked("brief") else scorecard_lines([card])
    values = {"score": card.score, "recall": card.pooled.recall, "scorecard": card}
    show(values, chain(head, [f"score: {card.score:.2f}"], more))


@options.command()
@click.argument("submission_dir", type=options.PATH)
@options.with_data
@options.checkpoints
@options.option("--retrain", is_flag=True, help="Train again from scratch instead of using the checkpoints.")
@options.jobs
@options.json_output
def verify(submission_dir: Path, data: "DataFolder", checkpoints: Path, retrain: bool, jobs: int) -> None:
    """Predict a submission again in a new process and compare every label; the first ten differences and their count.

    --json has all differences. Names test files, checkpoints and answers that changed. Exit code 1 if anything differs.

    \b
    Example:
      beetl-task1 verify submissions/default-65-79 --data DATA
      beetl-task1 verify submissions/default-65-79 --data DATA --retrain
    """
    from ..submission.verify import verify as run

    found = run(submission_dir, data, checkpoints, retrain=retrain, jobs=jobs)
    verdict = "nothing differs" if found.ok else f"{len(found.differences)} differences"
    last = f"{found.how} again: {found.n_compared} of {found.n_rows} labels compared, {verdict}"
    more = [f"... and {len(found.differences) - SHOWN} more"] if len(found.differences) > SHOWN else []
    show(vars(found) | {"ok": found.ok}, [*found.differences[:SHOWN], *more, last])
    sys.exit(0 if found.ok else 1)


def _weights(ctx: click.Context, param: click.Parameter, text: str | None) -> list[float] | None:
    expected = f"{text!r}: expected numbers with commas between them, such as 2,1"
    try:
        weights = None if text is None else [float(part) for part in text.split(",")]
    except ValueError as error:
        raise click.BadParameter(expected) from error
    if weights and not all(0 < weight < math.inf for weight in weights):
        raise click.BadParameter(f"{expected}, each above 0")
    return weights


@options.command()
@click.argument("probabilities", nargs=-1, required=True, type=options.PATH)
@options.with_data
@options.group
@options.submissions_out
@options.option("--name", default="blend", help="What to call the submission.")
@options.option("--weights", callback=_weights, help="Comma-separated, one per file.  [default: equal]")
@options.option("--strength", type=click.FloatRange(0, 2), default=0.5,
              help="Of the decision: 0 is the plain argmax, 1 divides by the whole prior.")  # fmt: skip
@options.json_output
def blend(
    probabilities: tuple[Path, ...], data: "DataFolder", group: str, submissions: Path, name: str,
    weights: list[float] | None, strength: float,
) -> None:  # fmt: skip
    """Average saved probabilities, ours or foreign ones in the documented format, decide labels and package them.

    \b
    Example:
      beetl-task1 blend submissions/a-80-95/probabilities.npz theirs.npz --data DATA --group 80-95
    """
    from ..submission.blend import blend as run

    packed = run(probabilities, group, data, submissions, name=name, weights=weights, strength=strength)
    show({"zip": str(packed.zip_path)} | packed.account, package_lines(packed))


@options.command()
@click.argument("first", type=options.PATH)
@click.argument("second", type=options.PATH)
@options.json_output
def diff(first: Path, second: Path) -> None:
    """Show how two answers differ, per stage and subject: submission folders, answer.txt or answer.zip files.

    \b
    Example:
      beetl-task1 diff submissions/default-80-95 submissions/blend-80-95
    """
    from ..submission.diff import diff as run

    found = run(first, second)
    show(found, diff_lines(found))


@options.command()
@click.argument("submission_dir", required=False, type=options.PATH)
@options.submissions
@options.option("--score", type=float, help="Enter what the leaderboard showed for SUBMISSION_DIR.")
@click.option("--note", default="", help="Enter a remark on SUBMISSION_DIR.")
@options.json_output
def log(submission_dir: Path | None, submissions: Path, score: float | None, note: str) -> None:
    """Show what was packed when, with which recipe and commit, its local score and the leaderboard's.

    \b
    Example:
      beetl-task1 log
      beetl-task1 log submissions/default-80-95
      beetl-task1 log submissions/default-80-95 --score 66.78
    """
    from ..submission.log import enter_score, lines_of, read_log

    if (score is not None or note) and submission_dir is None:
        example = "beetl-task1 log submissions/default-80-95 --score 66.78"
        raise click.UsageError(f"to enter a score, name the submission: {example}")
    if submission_dir is not None and (score is not None or note):
        enter_score(submissions, submission_dir, score, note)
    lines = read_log(submissions)
    if submission_dir is not None and score is None and not note:
        lines = lines_of(lines, submission_dir)
    show(lines, log_lines(lines) if lines else [f"nothing packed yet in {submissions}"])


@options.command()
@click.argument("submission_dir", type=options.PATH)
@options.checkpoints
@options.out_document("--out", help="Where to write.  [default: writeup.md in SUBMISSION_DIR]")
@options.json_output
def writeup(submission_dir: Path, checkpoints: Path, out: Path | None) -> None:
    """Write the two-page method document of a submission as Markdown, filled from its cards and its validation.

    A document that you have changed stays as it is.

    \b
    Example:
      beetl-task1 writeup submissions/default-80-95
    """
    from ..submission.writeup import writeup as run

    path = str(run(submission_dir, checkpoints, out))
    show({"writeup": path}, [f"wrote {path}"])

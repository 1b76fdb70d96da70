"""``beetl-task1 train``, ``validate`` and ``models``."""

import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import options
from .advice import next_command, this_command
from .show import comparison_lines, show, trained_lines, zoo_lines

if TYPE_CHECKING:
    from ..recipes.experiment import Experiment


@options.command()
@options.with_experiment
@options.checkpoints_out
@options.with_resources(resume=options.resume, log=options.log)
@options.json_output
def train(experiment: "Experiment", checkpoints: Path, resources: options.Opener) -> None:
    """Train a recipe for a target group: source and labelled target in, checkpoint out.

    \b
    Example:
      beetl-task1 train --data DATA --group 65-79 --recipe features-boost
    """
    from ..recipes.checkpoint import load_card
    from ..recipes.training import train as run

    began = time.monotonic()
    with resources("train", experiment, checkpoints) as found:
        path = run(experiment, checkpoints, found)
    card, seconds, following = load_card(path), time.monotonic() - began, next_command("predict")
    described, nights = card.data["description"], {role: len(keys) for role, keys in card.training.items()}
    values = {"checkpoint": str(path), "data": described, "nights": nights, "chosen": card.chosen}
    values |= {"seconds": round(seconds, 1), "next": following}
    show(values, trained_lines(card, path, seconds, following))


@options.command()
@options.with_experiments
@options.scheme
@options.out_document("--report", help="Also write everything as one HTML file.")
@options.checkpoints_out
@options.with_resources(resume=options.resume)
@options.brief
@options.json_output
def validate(
    experiments: list["Experiment"], scheme: str, report: Path | None, checkpoints: Path, resources: options.Opener
) -> None:
    """Cross-validate recipes: leave one target subject out, score the pooled epochs as the leaderboard does.

    Shows every subject, night and stage, intervals over subjects, differences between recipes, what transfer brings,
    and how far the unlabelled test set is from the target. What was predicted before is not predicted again.
    A report that is there is written over only if it is as this command wrote it.

    \b
    Example:
      beetl-task1 validate --data DATA --group 80-95
      beetl-task1 validate --data DATA --group 80-95 --recipe features-logreg --recipe default --report report.html
    """
    from ..validation import crossval
    from ..validation.comparison import compare_all
    from ..validation.report import write_report
    from ..validation.verdict import verdict

    found = []
    for experiment in experiments:
        with resources("validate", experiment, checkpoints) as each:
            found.append(crossval.validate(experiment, checkpoints, each))
    if report:
        write_report(report, found, scheme, this_command())
    cards = [v.card(scheme) for v in found]
    several = [v.summary | {"cached": v.cached, "scorecard": card} for v, card in zip(found, cards, strict=True)]
    said = verdict(cards, [v.shift for v in found])
    values: dict[str, Any] = {"verdict": said, "validations": several, "comparisons": compare_all(cards)}
    values["report"] = report and str(report)
    show(values, chain(comparison_lines(found, scheme), [f"report: {report}"] if report else []))


@options.command()
@options.checkpoints
@options.json_output
def models(checkpoints: Path) -> None:
    """List the zoo: each recipe, what it is, its reference score, its checkpoints and its last validation score.

    \b
    Example:
      beetl-task1 models
    """
    from ..validation.zoo import reference_scores, zoo

    rows = zoo(checkpoints)
    show(rows, zoo_lines(rows, reference_scores()["data"]))

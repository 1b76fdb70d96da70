"""``beetl-task1 stage``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BeetlError
from . import options
from .progress import progress_bar
from .show import show

if TYPE_CHECKING:
    from ..context import Transitions
    from ..staging import StagedNight
    from ..staging.batch import StagedNights

AGREEMENTS = ("agreement", "agreement_around_sleep")
_who = {
    "group": click.option("--group", type=options.GroupName(), help="Age group whose models stage."),
    "age": click.option("--age", type=float, help="Age in years, instead of --group."),
}
_how = {
    "channels": click.option("--channels", help="What stands for Fpz-Cz and Pz-Oz: two names, differences such as "
                             'C3-M2, or one name for both.  [default: "Fpz-Cz,Pz-Oz", found or derived]'),
    "lights_off": click.option("--lights-off", help="Clock time (23:15) or seconds from the beginning.  "
                               "[default: the beginning]"),
    "lights_on": click.option("--lights-on", help="Likewise.  [default: the end]"),
    "scheme": options.scheme,
    "tree": click.option("--transitions", "tree", type=options.PATH, help="A tree that `build` wrote, to learn the "
                         "stage transitions from.  [default: counted in 39 published nights]"),
    "smooth": options.option("--smooth/--no-smooth", default=True, help="Use the order of the epochs."),
    "unit": options.unit,
    "stage_names": options.stage_names,
}  # fmt: skip
_models = {
    "recipe": options.recipe, "checkpoints": options.checkpoints, "allow_simulated": options.allow_simulated,
    "jobs": options.jobs, "device": options.device,
}  # fmt: skip


@options.command()
@click.argument("recordings", nargs=-1, required=True, type=options.PATH)
@click.option("--out", type=options.PATH, required=True, help="Folder of what is written; made if missing.")
@options.gathered("who", lambda **given: _group(**given), **_who)
@options.gathered("how", dict, **_how)
@click.option("--hypnogram", "hypnograms", multiple=True, type=options.PATH,
              help="A scorer's, to compare with; repeat it for more recordings.")  # fmt: skip
@options.gathered("models", dict, **_models)
@options.json_output
def stage(
    recordings: tuple[Path, ...], out: Path, who: tuple[str, tuple[str, ...]], how: dict[str, Any],
    hypnograms: tuple[Path, ...], models: dict[str, Any],
) -> None:  # fmt: skip
    """Stage sleep in your own recordings: EDF, BDF, BrainVision, FIF, whatever mne reads.

    Per night: a table of stages and probabilities, EDF+ annotations, a figure, statistics; and a summary of all
    nights. Says plainly what is unlike the recordings that the models were trained on. For research only: this is no
    medical device.

    \b
    Example:
      beetl-task1 stage night.edf --group 65-79 --lights-off 23:10 --lights-on 07:00 --out staged
      beetl-task1 stage *.bdf --age 83 --channels "F3-M2,O1-M2" --scheme aasm --out staged
    """
    from ..hypnograms.names import read_stage_names
    from ..models.base import Resources
    from ..recipes.recipe import load_recipe
    from ..staging import Options, Stager, stage_all

    group, notes = who
    names = [name.strip() for name in how["channels"].split(",")] if how["channels"] else None
    lights, transitions = (how["lights_off"], how["lights_on"]), _transitions(how["tree"], how["smooth"], group)
    own = read_stage_names(how["stage_names"]) if how["stage_names"] else None
    stager = Stager.load(
        models["checkpoints"], group, Options(names, how["unit"], *lights, how["scheme"], transitions, own),
        recipe=load_recipe(models["recipe"]).name, warnings=notes, allow_simulated=models["allow_simulated"],
        resources=Resources(jobs=models["jobs"], device=models["device"]),
    )  # fmt: skip
    with progress_bar("stage (recordings)") as progress:
        staged = stage_all(stager, recordings, out, hypnograms, progress)
    show(_values(staged, out), _lines(staged, out))
    if staged.failures:
        raise BeetlError(" | ".join(map(str, staged.failures)))


def _group(group: str | None, age: float | None) -> tuple[str, tuple[str, ...]]:
    """Return the group that stages, and what is to be warned of."""
    from ..staging import group_for_age

    if group is not None and age is None:
        return group, ()
    if group is None and age is not None:
        found, warning = group_for_age(age)
        return found, (warning,) if warning else ()
    raise BeetlError("expected either --group or --age; give one of them, for instance --age 70")


def _transitions(tree: Path | None, smooth: bool, group: str) -> "Transitions | None":
    from ..context import DEFAULT_TRANSITIONS, learn_transitions
    from ..data.files import DataFolder

    if not smooth:
        return None
    if tree is None:
        return DEFAULT_TRANSITIONS
    return learn_transitions(DataFolder(tree, allow_partial=True), [(group, "target")])


def _values(staged: "StagedNights", out: Path) -> dict[str, Any]:
    from ..staging.output import account_of

    shown = ("statistics", "confidence", "unlike_training", "warnings", "channels", "made_by", *AGREEMENTS)
    accounts = {name: account_of(night) for name, night in staged.nights.items()}
    nights = {name: {key: of[key] for key in shown if key in of} for name, of in accounts.items()}
    return {"out": str(out), "nights": nights, "failures": [str(error) for error in staged.failures]}


def _lines(staged: "StagedNights", out: Path) -> Iterator[str]:
    from ..staging.output import DISCLAIMER

    for name, night in staged.nights.items():
        yield _line(name, night)
        if night.unlike_training:
            yield "  unlike the training: the stages may be far off, see the warnings"
        for warning in night.warnings:
            click.echo(f"  warning: {warning}", err=True)
    if staged.summary:
        yield f"wrote {out}: per night .csv, -hypnogram.edf, .png and .json, and {staged.summary.name}"
        yield DISCLAIMER


def _line(name: str, night: "StagedNight") -> str:
    values = night.statistics
    rem = "none" if values["rem_latency"] is None else f"{values['rem_latency']:g} min"
    stages = ", ".join(f"{stage} {values[f'minutes_{stage}']:g}" for stage in night.scheme.short)
    text = (f"{name}: asleep {values['total_sleep_time']:g} of {values['time_in_bed']:g} min "
            f"({values['sleep_efficiency']:.1f}%), REM latency {rem}; minutes: {stages}; "
            f"confidence {night.confidence[night.in_bed].mean():.2f}")  # fmt: skip
    for what, found in (("all scored epochs", night.agreement), ("around sleep", night.agreement_around_sleep)):
        if found:
            accuracy = "-" if found.accuracy is None else f"{found.accuracy:.1%}"
            kappa = "-" if found.kappa is None else f"{found.kappa:.2f}"
            text += f"\n  agreement with the scorer, {what} ({found.n_epochs}): {accuracy}, kappa {kappa}"
    return text

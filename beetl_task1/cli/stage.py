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
    from ..staging import ByAge
    from ..staging.batch import StagedNights

_who = {
    "group": click.option("--group", type=options.GroupName(), help="Age group whose models stage."),
    "age": click.option("--age", type=float, help="Age in years, instead of --group."),
}
_how = {
    "channels": click.option("--channels", multiple=True, help="What stands for Fpz-Cz and Pz-Oz: two names, "
                             "differences such as C3-M2, or one name for both; repeat it, and the pairs vote.  "
                             '[default: "Fpz-Cz,Pz-Oz", found or derived]'),
    "vote": options.option("--vote", type=click.Choice(["mean", "surest"]), default="mean",
                           help="How several pairs of channels vote on an epoch."),
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
@click.argument("recordings", nargs=-1, required=True)
@options.out_folder("--out", required=True, help="Folder of what is written; made if missing.")
@options.gathered("who", lambda **given: _group(**given), **_who)
@options.gathered("how", dict, **_how)
@click.option("--hypnogram", "hypnograms", multiple=True, type=options.PATH,
              help="A scorer's, to compare with; repeat it for more recordings, or name a folder of them.")  # fmt: skip
@options.gathered("models", dict, **_models)
@click.option(
    "--also",
    multiple=True,
    type=click.Choice(["svg", "pdf", "bids"]),
    help="Write this too: the figure as SVG or PDF, events.tsv of BIDS with its sidecar; may be repeated.",
)
@options.option("--resume/--no-resume", default=True, help="Leave nights as they are that were staged before with the "
                "same weights and settings, or stage them anew.")  # fmt: skip
@options.json_output
def stage(
    recordings: tuple[str, ...], out: Path, who: tuple[str | None, tuple[str, ...]], how: dict[str, Any],
    hypnograms: tuple[Path, ...], models: dict[str, Any], also: tuple[str, ...], resume: bool,
) -> None:  # fmt: skip
    """Stage sleep in your own recordings: EDF, BDF, BrainVision, FIF, whatever mne reads.

    RECORDINGS are files, folders, patterns, or tables (CSV, TSV) with a column recording and any of age, lights_off,
    lights_on, channels, hypnogram. Per night: a table of stages and probabilities, EDF+ annotations, a figure,
    statistics; and a summary of all nights, with the reason where one failed. Says plainly what is unlike the
    recordings that the models were trained on. For research only: this is no medical device.

    \b
    Example:
      beetl-task1 stage night.edf --group 65-79 --lights-off 23:10 --lights-on 07:00 --out staged
      beetl-task1 stage *.bdf --age 83 --channels "F3-M2,O1-M2" --scheme aasm --out staged
      beetl-task1 stage night.edf --age 70 --channels "F3-M2,O1-M2" --channels "F4-M1,O2-M1" --out staged
      beetl-task1 stage cohort.csv --out staged
    """
    from ..staging import find_nights, stage_all

    nights, notes = find_nights(recordings, hypnograms)
    for note in notes:
        click.echo(f"  warning: {note}", err=True)
    with progress_bar("stage (recordings)") as progress:
        staged = stage_all(_stagers(who, how, models), nights, out, progress, resume=resume, also=also)
    show(_values(staged, out), _lines(staged, out))
    if staged.failures:
        raise BeetlError(_failed(staged, len(nights)))


def _stagers(who: tuple[str | None, tuple[str, ...]], how: dict[str, Any], models: dict[str, Any]) -> "ByAge":
    from ..hypnograms.names import read_stage_names
    from ..models.base import Resources
    from ..recipes.recipe import load_recipe
    from ..staging import ByAge, Options, Stager

    names = [[name.strip() for name in pair.split(",")] for pair in how["channels"]] or None
    lights = (how["lights_off"], how["lights_on"])
    own = read_stage_names(how["stage_names"]) if how["stage_names"] else None
    recipe, resources = load_recipe(models["recipe"]).name, Resources(jobs=models["jobs"], device=models["device"])

    def load(group: str) -> Stager:
        transitions = _transitions(how["tree"], how["smooth"], group)
        chosen = Options(names, how["unit"], *lights, how["scheme"], transitions, own, how["vote"])
        return Stager.load(models["checkpoints"], group, chosen, recipe=recipe, resources=resources,
                           allow_simulated=models["allow_simulated"])  # fmt: skip

    return ByAge(load, *who)


def _group(group: str | None, age: float | None) -> tuple[str | None, tuple[str, ...]]:
    """Return the group that stages nights without an age of their own, and what is to be warned of."""
    from ..staging import group_for_age

    if group is not None and age is not None:
        raise BeetlError("expected either --group or --age; give one of them, for instance --age 70")
    if age is None:
        return group, ()
    found, warning = group_for_age(age)
    return found, (warning,) if warning else ()


def _transitions(tree: Path | None, smooth: bool, group: str) -> "Transitions | None":
    from ..context import DEFAULT_TRANSITIONS, learn_transitions
    from ..data.files import DataFolder

    if not smooth:
        return None
    if tree is None:
        return DEFAULT_TRANSITIONS
    return learn_transitions(DataFolder(tree, allow_partial=True), [(group, "target")])


def _values(staged: "StagedNights", out: Path) -> dict[str, Any]:
    from ..staging.batch import AGREEMENTS

    shown = ("statistics", "confidence", "unlike_training", "warnings", "channels", "made_by", *AGREEMENTS)
    nights = {name: {key: of[key] for key in shown if key in of} for name, of in staged.accounts.items()}
    return {"out": str(out), "nights": nights, "kept": staged.kept,
            "failures": [str(error) for error in staged.failures.values()]}  # fmt: skip


def _lines(staged: "StagedNights", out: Path) -> Iterator[str]:
    from ..staging.staged import DISCLAIMER

    for name, account in staged.accounts.items():
        yield _line(name, account)
        if name in staged.kept:
            yield "  staged before with the same weights and settings, and left as it is; --no-resume stages it anew"
        if account["unlike_training"]:
            yield "  unlike the training: the stages may be far off, see the warnings"
        for warning in account["warnings"]:
            click.echo(f"  warning: {warning}", err=True)
    if staged.accounts:
        yield f"wrote {out}: per night .csv, -hypnogram.edf, .png and .json, and {staged.summary.name}"
        yield DISCLAIMER


def _failed(staged: "StagedNights", n_nights: int) -> str:
    if n_nights == 1:
        return str(next(iter(staged.failures.values())))
    for error in staged.failures.values():
        click.echo(f"  failed: {error}", err=True)
    return (f"{len(staged.failures)} of {n_nights} nights could not be staged; the reasons are in the column failed of "
            f"{staged.summary}: mend them, and run the same again for these alone")  # fmt: skip


def _line(name: str, account: dict[str, Any]) -> str:
    from ..staging.batch import AGREEMENTS

    values = account["statistics"]
    rem = "none" if values["rem_latency"] is None else f"{values['rem_latency']:g} min"
    minutes = {key.removeprefix("minutes_"): value for key, value in values.items() if key.startswith("minutes_")}
    stages = ", ".join(f"{stage} {value:g}" for stage, value in minutes.items())
    text = (f"{name}: asleep {values['total_sleep_time']:g} of {values['time_in_bed']:g} min "
            f"({values['sleep_efficiency']:.1f}%), REM latency {rem}; minutes: {stages}; "
            f"confidence {account['confidence']:.2f}")  # fmt: skip
    for what, found in zip(("all scored epochs", "around sleep"), map(account.get, AGREEMENTS), strict=True):
        if found:
            accuracy = "-" if found["accuracy"] is None else f"{found['accuracy']:.1%}"
            kappa = "-" if found["kappa"] is None else f"{found['kappa']:.2f}"
            text += f"\n  agreement with the scorer, {what} ({found['n_epochs']}): {accuracy}, kappa {kappa}"
    return text

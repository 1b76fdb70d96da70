"""``beetl-task1 stage``."""

from pathlib import Path

import click

from ..errors import BeetlError
from . import options

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("recordings", nargs=-1, required=True, type=_PATH)
@click.option("--out", type=_PATH, required=True, help="Folder of what is written; made if missing.")
@click.option("--group", type=options.GroupName(), help="Age group whose models stage.")
@click.option("--age", type=float, help="Age in years, instead of --group.")
@click.option("--channels", help="What stands for Fpz-Cz and Pz-Oz: two names, differences such as C3-M2, or one "
              "name for both.  [default: \"Fpz-Cz,Pz-Oz\", found or derived]")  # fmt: skip
@click.option("--lights-off", help="Clock time (23:15) or seconds from the beginning.  [default: the beginning]")
@click.option("--lights-on", help="Likewise.  [default: the end]")
@click.option("--scheme", type=click.Choice(["rk", "aasm"]), default="rk", show_default=True,
              help="Six stages, or five with N3 = S3 + S4.")  # fmt: skip
@click.option("--hypnogram", "hypnograms", multiple=True, type=_PATH,
              help="A scorer's, to compare with; repeat it for more recordings.")  # fmt: skip
@click.option("--transitions", type=_PATH, help="A tree that `build` wrote, to learn the stage transitions from.  "
              "[default: counted in 39 published nights]")  # fmt: skip
@click.option("--smooth/--no-smooth", default=True, show_default=True, help="Use the order of the epochs.")
@options.together(options.recipe, options.checkpoints, options.unit, options.allow_simulated, options.jobs,
                  options.device, options.as_json)  # fmt: skip
def stage(recordings, out, group, age, channels, lights_off, lights_on, scheme, hypnograms, transitions, smooth, recipe,
          checkpoints, unit, allow_simulated, jobs, device, as_json):  # fmt: skip
    """Stage sleep in your own recordings: EDF, BDF, BrainVision, FIF, whatever mne reads.

    Per night: a table of stages and probabilities, EDF+ annotations, a figure, statistics; and a summary of all
    nights. Says plainly what is unlike the recordings that the models were trained on. For research only: this is no
    medical device.

    \b
    Example:
      beetl-task1 stage night.edf --group 65-79 --lights-off 23:10 --lights-on 07:00 --out staged
      beetl-task1 stage *.bdf --age 83 --channels "F3-M2,O1-M2" --scheme aasm --out staged
    """
    from ..models.base import Resources
    from ..recipes.recipe import load_recipe
    from ..staging import Options, Stager, stage_all
    from .progress import progress_bar

    group, notes = _group(group, age)
    chosen = Options(channels and [name.strip() for name in channels.split(",")], unit, lights_off, lights_on, scheme,
                     _transitions(transitions, smooth, group))  # fmt: skip
    stager = Stager.load(checkpoints, group, chosen, recipe=load_recipe(recipe).name, warnings=notes,
                         allow_simulated=allow_simulated, resources=Resources(jobs=jobs, device=device))  # fmt: skip
    with progress_bar("stage (recordings)") as progress:
        batch = stage_all(stager, recordings, out, hypnograms, progress)
    _show(batch, out, as_json)
    if batch.failures:
        raise BeetlError(" | ".join(map(str, batch.failures)))


def _group(group, age):
    from ..staging import group_for_age

    if (group is None) == (age is None):
        raise BeetlError("expected either --group or --age; give one of them, for instance --age 70")
    if group is not None:
        return group, ()
    group, warning = group_for_age(age)
    return group, (warning,) if warning else ()


def _transitions(tree, smooth, group):
    from ..context import DEFAULT_TRANSITIONS, learn_transitions
    from ..data.files import DataFolder

    if not smooth:
        return None
    if tree is None:
        return DEFAULT_TRANSITIONS
    return learn_transitions(DataFolder(tree, allow_partial=True), [(group, "target")])


def _show(batch, out, as_json):
    import json

    if as_json:
        nights = {name: _night(night) for name, night in batch.nights.items()}
        failures = [str(error) for error in batch.failures]
        click.echo(json.dumps({"out": str(out), "nights": nights, "failures": failures}, indent=1))
        return
    for name, night in batch.nights.items():
        click.echo(_line(name, night))
        for warning in night.warnings:
            click.echo(f"  warning: {warning}", err=True)
    if batch.nights:
        click.echo(f"wrote {out}: per night .csv, -hypnogram.edf, .png and .json, and {batch.summary.name}")
        click.echo("for research only; not a medical device")


def _night(night):
    agreement = {
        name: found.to_dict()
        for name, found in (("agreement", night.agreement), ("agreement_around_sleep", night.agreement_around_sleep))
        if found
    }
    return {"statistics": night.statistics, "warnings": list(night.warnings), "channels": list(night.channels),
            "made_by": night.made_by, **agreement}  # fmt: skip


def _line(name, night):
    values = night.statistics
    rem = "none" if values["rem_latency"] is None else f"{values['rem_latency']:g} min"
    stages = ", ".join(f"{stage} {values[f'minutes_{stage}']:g}" for stage in night.scheme.stages)
    text = (f"{name}: asleep {values['total_sleep_time']:g} of {values['time_in_bed']:g} min "
            f"({values['sleep_efficiency']:.1f}%), REM latency {rem}; minutes: {stages}")  # fmt: skip
    for what, found in (("all scored epochs", night.agreement), ("around sleep", night.agreement_around_sleep)):
        if found:
            accuracy = "-" if found.accuracy is None else f"{found.accuracy:.1%}"
            kappa = "-" if found.kappa is None else f"{found.kappa:.2f}"
            text += f"\n  agreement with the scorer, {what} ({found.n_epochs}): {accuracy}, kappa {kappa}"
    return text

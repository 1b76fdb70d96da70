"""``beetl-task1 validate``."""

from pathlib import Path

import click

from . import options


@click.command()
@options.together(options.data, options.group)
@click.option("--recipe", "recipes", multiple=True, default=["default"], show_default=True,
              help="Name or TOML file of a recipe; give several to compare them.")  # fmt: skip
@click.option("--scheme", type=click.Choice(["rk", "aasm"]), default="rk", show_default=True,
              help="Six stages, or five with S3 and S4 as N3.")  # fmt: skip
@click.option("--report", type=click.Path(path_type=Path), help="Also write everything as one HTML file.")
@options.together(
    options.checkpoints, options.cache, options.younger_target, options.unit, options.allow_partial, options.seed,
    options.jobs, options.device, options.resume, options.brief, options.as_json,
)  # fmt: skip
def validate(
    data,
    group,
    recipes,
    scheme,
    report,
    checkpoints,
    cache,
    younger_target,
    unit,
    allow_partial,
    seed,
    jobs,
    device,
    resume,
    brief,
    as_json,
):
    """Cross-validate recipes: leave one target subject out, score the pooled epochs as the leaderboard does.

    Shows every subject, night and stage, intervals over subjects, differences between recipes, what transfer brings,
    and how far the unlabelled test set is from the target. What was predicted before is not predicted again.

    \b
    Example:
      beetl-task1 validate --data DATA --group 80-95
      beetl-task1 validate --data DATA --group 80-95 --recipe features-logreg --recipe default --report report.html
    """
    from ..data.files import DataFolder
    from ..models.base import Resources
    from ..recipes.experiment import Experiment
    from ..recipes.recipe import load_recipe
    from ..validation import crossval
    from .progress import progress_bar

    wanted = [load_recipe(name).varied(seed=seed, younger_target=younger_target) for name in dict.fromkeys(recipes)]
    _check_names([one.name for one in wanted])
    folder = DataFolder(data, unit=unit, allow_partial=allow_partial)
    found = []
    for one in wanted:
        with progress_bar(f"validate {one.name}") as progress:
            resources = Resources(cache, jobs, progress, device, resume)
            found.append(crossval.validate(Experiment(one, group, folder), checkpoints, resources))
    if report:
        from ..validation.report import write_report

        write_report(report, found, scheme)
    if as_json:
        _show_json(found, scheme)
    else:
        _show_scores(found)
        if not brief:
            _show(found, scheme)
        if report:
            click.echo(f"report: {report}")


def _check_names(names):
    from ..errors import BeetlError

    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BeetlError(f"two recipes are called {', '.join(twice)}; give one of the files another name")


def _show_json(found, scheme):
    import json

    from ..validation.comparison import compare_all

    if len(found) == 1:
        values = found[0].summary | {"cached": found[0].cached}
        values |= {} if scheme == "rk" else {"scorecard": found[0].card(scheme).to_dict()}
    else:
        pairs = compare_all([v.card(scheme) for v in found])
        values = {
            "validations": [v.summary | {"cached": v.cached, "scorecard": v.card(scheme).to_dict()} for v in found],
            "comparisons": [pair.to_dict() for pair in pairs],
        }
    click.echo(json.dumps(values, indent=1))


def _show_scores(found):
    from . import tables

    out = tables.console()
    out.print(f"data: {found[0].data}", soft_wrap=True)
    for v in found:
        cached = ", read from the last validation" if v.cached else ""
        out.print(
            f"{v.recipe} on {v.group}: {v.summary['score']:.2f} over {v.summary['n_epochs']} held-out epochs "
            f"(plain argmax {v.summary['score_argmax']:.2f}){cached}",
            soft_wrap=True,
        )


def _show(found, scheme):
    from ..validation.comparison import compare_all
    from . import tables

    out, cards = tables.console(), [v.card(scheme) for v in found]
    tables.show_scorecards(out, cards)
    tables.show_lines(out, "differences", [pair.describe() for pair in compare_all(cards)])
    transfers = [
        t.describe() if (t := v.transfer(scheme)) else f"{v.recipe}: learns nothing from the target" for v in found
    ]
    tables.show_lines(out, "with and without transfer", transfers)
    tables.show_lines(out, "seeds", [v.seeds.describe() for v in found])
    for v in found:
        if v.shift:
            tables.show_classes(out, v.shift.classes)
            tables.show_lines(out, f"the test set, as {v.recipe} sees it", v.shift.statement)
        else:
            out.print("the test set is missing or incomplete: nothing is said of it")

"""``beetl-task1 verify``."""

from pathlib import Path

import click

from . import options


@click.command()
@click.argument("submission_dir", type=click.Path(path_type=Path))
@options.together(
    options.data, options.checkpoints,
    click.option("--retrain", is_flag=True, help="Train again from scratch instead of using the checkpoints."),
    options.unit, options.allow_partial, options.jobs, options.as_json,
)  # fmt: skip
@click.pass_context
def verify(ctx, submission_dir, data, checkpoints, retrain, unit, allow_partial, jobs, as_json):
    """Predict a submission again in a new process and compare every label; one line per difference.

    Names test files, checkpoints and answers that changed. Exit code 1 if anything differs.

    \b
    Example:
      beetl-task1 verify submissions/default-65-79 --data DATA
      beetl-task1 verify submissions/default-65-79 --data DATA --retrain
    """
    from ..data.files import DataFolder
    from ..submission.verify import verify as run

    folder = DataFolder(data, unit=unit, allow_partial=allow_partial)
    result = run(submission_dir, folder, checkpoints, retrain=retrain, jobs=jobs)
    if as_json:
        import dataclasses
        import json

        click.echo(json.dumps(dataclasses.asdict(result) | {"ok": result.ok}, indent=1))
    else:
        for line in result.differences:
            click.echo(line)
        verdict = "nothing differs" if result.ok else f"{len(result.differences)} differences"
        click.echo(f"{result.how} again: {result.n_compared} of {result.n_rows} labels compared, {verdict}")
    if not result.ok:
        ctx.exit(1)

"""``beetl-task1 simulate``."""

from pathlib import Path

import click

from . import options


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to make.")
@click.option("--size", type=click.Choice(["demo", "medium", "full"]), default="demo", show_default=True,
              help="A few short nights, 80,000 epochs, or all 174,059.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same bytes.")
@click.option(
    "--prior",
    type=click.Choice(["target", "final"]),
    default="target",
    show_default=True,
    help="Class counts of the test sets: drawn around the target's, or those of the real final test set.",
)
@click.option("--border-evidence", type=click.Choice(["low", "mid", "high"]), default="low", show_default=True,
              help="How much the end of an epoch says about the next one.")  # fmt: skip
@options.jobs
@options.as_json
def simulate(out, size, seed, prior, border_evidence, jobs, as_json):
    """Simulate a competition with known truth and known order, in the competition's own file formats.

    \b
    Example:
      beetl-task1 simulate --out sim --size medium --seed 1
    """
    from ..simulate import simulate as run
    from .progress import progress_bar
    from .show import show_simulation

    with progress_bar(f"simulate {size}") as progress:
        marker = run(out, size=size, seed=seed, jobs=jobs, prior=prior, border_evidence=border_evidence,
                     progress=progress)  # fmt: skip
    show_simulation(out, marker, as_json)

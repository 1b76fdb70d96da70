"""``beetl-task1 simulate``."""

from pathlib import Path

import click

from . import options
from .progress import progress_bar
from .show import show


@options.command()
@options.out_folder("--out", required=True, help="Folder to make.")
@options.option("--size", type=click.Choice(["demo", "medium", "full"]), default="demo",
                help="A few short nights, 80,000 epochs, or all 174,059.")  # fmt: skip
@options.option("--seed", type=click.IntRange(0), default=0, help="Same seed, same bytes.")
@options.option("--prior", type=click.Choice(["target", "final"]), default="target", help="Class counts of the test "
                "sets: drawn around the target's, or those of the real final test set.")  # fmt: skip
@options.option("--border-evidence", type=click.Choice(["low", "mid", "high"]), default="low",
                help="How much the end of an epoch says about the next one.")  # fmt: skip
@options.workers
@options.json_output
def simulate(out: Path, size: str, seed: int, prior: str, border_evidence: str, jobs: int) -> None:
    """Simulate a competition with known truth and known order, in the competition's own file formats.

    \b
    Example:
      beetl-task1 simulate --out sim --size medium --seed 1
    """
    from ..simulate import simulate as run

    with progress_bar(f"simulate {size}") as bar:
        marker = run(out, size=size, seed=seed, jobs=jobs, prior=prior, border_evidence=border_evidence, progress=bar)
    made = f"simulated a {marker['size']} competition with seed {marker['seed']} in {out}"
    show({"data": str(out)} | marker, [made])

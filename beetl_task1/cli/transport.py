"""``beetl-task1 export`` and ``import``: a checkpoint as one file."""

from pathlib import Path

import click

from . import options
from .show import show


@options.command()
@options.group
@options.recipe
@options.checkpoints
@options.option("--out", type=options.PATH, required=True, help="The file to write; it must not be there yet.")
@click.option("--licence", required=True, help="One line: what others may do with the weights, such as CC-BY-4.0.")
@options.json_output
def export(group: str, recipe: str, checkpoints: Path, out: Path, licence: str) -> None:
    """Write a trained recipe as one file for another laboratory: cards and weights with their digests, no code.

    \b
    Example:
      beetl-task1 export --group 65-79 --recipe default --licence CC-BY-4.0 --out default-65-79.zip
    """
    from ..recipes.recipe import load_recipe
    from ..recipes.transport import export_checkpoint

    about = export_checkpoint(checkpoints, load_recipe(recipe).name, group, out, licence)
    show({"file": str(out)} | about, [f"wrote {out}: {len(about['sha256'])} files, {about['licence']}"])


@options.command("import")
@click.argument("file", type=options.PATH)
@options.checkpoints_out
@options.json_output
def import_(file: Path, checkpoints: Path) -> None:
    """Take over a checkpoint that `export` wrote, after every digest is checked; nothing is written over.

    \b
    Example:
      beetl-task1 import default-65-79.zip
    """
    from ..recipes.transport import import_checkpoint

    folder, about = import_checkpoint(file, checkpoints)
    lines = [f"checkpoint: {folder}", f"trained on {about.get('data')}", f"licence: {about.get('licence')}"]
    show({"checkpoint": str(folder)} | about, lines)

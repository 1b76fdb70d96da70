"""The zoo at a glance: recipes, their checkpoints and their last scores."""

import json
from pathlib import Path
from typing import Any

from ..errors import BeetlError
from ..recipes.checkpoint import checkpoint_folder, has_checkpoint, load_card
from ..recipes.recipe import load_recipe, recipe_names
from ..task import TARGET_GROUPS
from .crossval import load_summary

REFERENCE = Path(__file__).parents[1] / "recipes" / "measured.json"
"""Scores of the recipes that ship, written by ``benchmarks/zoo.py --table``."""


def zoo(checkpoints: Path) -> list[dict[str, Any]]:
    """Return a row per recipe: those that ship, then a user's own that have been trained.

    Parameters
    ----------
    checkpoints : path
        Where checkpoints and validations stand.

    Returns
    -------
    list of dict
        Keys ``recipe``, ``description`` and ``groups``: for each target group what its checkpoint was trained on
        (``None`` without one), the last cross-validated score (``None`` without one), the data of that score, and
        ``problems``: a line for each file that cannot be read;
        ``reference``: the score of each group that was measured for ``docs/zoo.md``, empty for a user's own.
    """
    shipped, reference = recipe_names(), reference_scores()["scores"]
    files = [file for group in TARGET_GROUPS for file in Path(checkpoints).glob(f"*/{group}/*.json")]
    found = {file.parent.parent.name for file in files} - set(shipped)
    return [
        {
            "recipe": name,
            "description": load_recipe(name).description if name in shipped else "your own",
            "reference": reference.get(name, {}) if name in shipped else {},
            "groups": {group: _state(Path(checkpoints), name, group) for group in TARGET_GROUPS},
        }
        for name in [*shipped, *sorted(found)]
    ]


def reference_scores() -> dict[str, Any]:
    """Return the measured scores: ``data``, what they were measured on, and ``scores``, by recipe and group."""
    measured: dict[str, Any] = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return measured


def _state(checkpoints: Path, name: str, group: str) -> dict[str, Any]:
    """Return what is known of a recipe and group; what cannot be read is a problem, and hides nothing else."""
    folder, problems = checkpoint_folder(checkpoints, name, group), []
    trained_on, summary = None, None
    try:
        trained_on = str(load_card(folder).data.get("description", "unknown data")) if has_checkpoint(folder) else None
    except BeetlError as error:
        problems.append(str(error))
    try:
        summary = load_summary(checkpoints, name, group)
    except BeetlError as error:
        problems.append(str(error))
    score, data = (summary["score"], str(summary.get("data", "unknown data"))) if summary else (None, None)
    return {"trained_on": trained_on, "score": score, "validated_on": data, "problems": problems}

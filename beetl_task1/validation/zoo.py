"""The zoo at a glance: recipes, their checkpoints and their last scores."""

from pathlib import Path

from ..models.checkpoints import has_checkpoint, load_card
from ..recipes.recipe import load_recipe, recipe_names
from ..recipes.training import checkpoint_folder
from ..task import TARGET_GROUPS
from .crossval import load_summary


def zoo(checkpoints: Path) -> list[dict]:
    """Return a row per recipe: those that ship, then a user's own that have been trained.

    Parameters
    ----------
    checkpoints : path
        Where checkpoints and validations stand.

    Returns
    -------
    list of dict
        Keys ``recipe``, ``description`` and ``groups``: for each target group what its checkpoint was trained on
        (``None`` without one), the last cross-validated score (``None`` without one) and the data of that score.
    """
    shipped = recipe_names()
    found = {p.parent.parent.name for p in Path(checkpoints).glob("*/*/*.json")} - set(shipped)
    return [_row(Path(checkpoints), name, name in shipped) for name in [*shipped, *sorted(found)]]


def _row(checkpoints: Path, name: str, shipped: bool) -> dict:
    groups = {group: _state(checkpoints, name, group) for group in TARGET_GROUPS}
    return {"recipe": name, "description": load_recipe(name).description if shipped else "your own", "groups": groups}


def _state(checkpoints: Path, name: str, group: str) -> dict:
    folder = checkpoint_folder(checkpoints, name, group)
    trained_on = load_card(folder).data["description"] if has_checkpoint(folder) else None
    summary = load_summary(checkpoints, name, group) or {}
    return {"trained_on": trained_on, "score": summary.get("score"), "validated_on": summary.get("data")}

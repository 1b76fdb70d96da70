"""Checks of what a recipe sets."""

from collections.abc import Iterable

from ..errors import BeetlError, unknown


def check_choice(where: str, name: str, value, known: Iterable[str]) -> None:
    """Refuse what is not one of the known names.

    Parameters
    ----------
    where : str
        What the error calls the place, such as ``"[loss]"``.
    name : str
        Of the setting.
    value : object
        As the recipe has it.
    known : iterable of str
        What may stand there.
    """
    if value not in known:
        raise unknown(f"{name} of {where}", str(value), known)


def check_number(where: str, name: str, value, least: float, most: float = float("inf")) -> None:
    """Refuse what is not a number from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        limit = f"at least {least:g}" if most == float("inf") else f"{least:g} to {most:g}"
        raise BeetlError(f"{where}: {name} is {value!r}; expected a number, {limit}")


def check_whole(where: str, name: str, value, least: int) -> None:
    """Refuse what is not a whole number of at least ``least``."""
    if type(value) is not int or value < least:
        raise BeetlError(f"{where}: {name} is {value!r}; expected a whole number, at least {least}")

"""Who takes which place in the rebuilt competition: the competition's own people, or whoever is of an age."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from ..task import PARTS, SOURCE_GROUP, TARGET_GROUPS, part

GROUPS = (SOURCE_GROUP, *TARGET_GROUPS)
Split = Literal["beetl", "ages", "everybody"]
"""``beetl``: the people, the numbers and the cropping of the competition. ``ages``: whoever is of an age and
has two nights. ``everybody``: also the three of whom the study has one night only."""


class Seat(NamedTuple):
    """A subject of the rebuilt competition."""

    group: str
    role: str
    number: int


BEETL = {
    person: Seat(part.group, part.role, number)
    for part in PARTS
    for number, person in zip(part.subjects, part.people, strict=True)
}
"""Seats of the competition's people by their number in Sleep-EDF."""


def group_of(age: int) -> str | None:
    """Return the competition's group of an age in years, or None."""
    bounds = {group: tuple(map(int, group.split("-"))) for group in GROUPS}
    return next((group for group, (youngest, oldest) in bounds.items() if youngest <= age <= oldest), None)


def seats_by_age(ages: dict[int, int], groups: Iterable[str]) -> dict[int, Seat]:
    """Return seats of people (their number and age), numbered in each group in the order of their numbers.

    In the target groups the first six (65-79) or five (80-95) are the labelled target, the rest the test set.
    """
    seats = {}
    for group in groups:
        for number, person in enumerate(sorted(p for p, age in ages.items() if group_of(age) == group)):
            in_target = group != SOURCE_GROUP and number in part(group, "target").subjects
            role = "source" if group == SOURCE_GROUP else "target" if in_target else "test"
            seats[person] = Seat(group, role, number)
    return seats

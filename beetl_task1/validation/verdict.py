"""What a validation says in one sentence, before its tables."""

from collections.abc import Sequence

from .comparison import Comparison, compare_all
from .scorecard import Scorecard
from .shift import Shift

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SURE = 0.05


def verdict(cards: Sequence[Scorecard], shifts: Sequence[Shift | None]) -> str:
    """Return who leads by how much, whether that can be told apart, and what to expect of the test set.

    Parameters
    ----------
    cards : sequence of Scorecard
        At least one, of the same nights.
    shifts : sequence of Shift or None
        The test set as each of them sees it.

    Examples
    --------
    ``default leads by 0.8: not to be told apart with five people; expect about 64``
    """
    best = max(range(len(cards)), key=lambda i: cards[i].score)
    shift = shifts[best]
    forecast = f"expect about {shift.guess:.0f}" if shift else "without the test set nothing is foretold"
    return f"{_standing(cards, cards[best])}; {forecast}"


def told_apart(pair: Comparison) -> bool:
    """Whether a difference is more than chance gives: interval and sign-flip test agree.

    Where so few subjects cannot bring the test below 0.05, the smallest that it can give is asked for.
    """
    excluded = pair.interval is not None and (pair.interval.low > 0 or pair.interval.high < 0)
    return excluded and pair.p_value <= max(_SURE, pair.smallest_p)


def _standing(cards: Sequence[Scorecard], best: Scorecard) -> str:
    people = _people(len(best.subjects))
    if len(cards) == 1:
        spread = best.interval
        between = f", which leave {spread.low:.0f} to {spread.high:.0f} open" if spread else ""
        return f"{best.name} scores {best.score:.1f} with {people}{between}"
    ours = [pair for pair in compare_all(cards) if pair.first == best.name]
    nearest = min(ours, key=lambda pair: pair.pooled)
    by = f"{best.name} leads by {nearest.pooled:.1f}"
    unclear = [pair.second for pair in ours if not told_apart(pair)]
    if not unclear:
        return f"{by}: told apart with {people}"
    if len(unclear) == len(ours):
        return f"{by}: not to be told apart with {people}"
    return f"{by}: not to be told apart from {' and '.join(unclear)} with {people}"


def _people(n: int) -> str:
    number = _NUMBERS[n] if n < len(_NUMBERS) else str(n)
    return f"{number} {'person' if n == 1 else 'people'}"

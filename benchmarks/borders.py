"""What borders of epochs would have to tell, before neighbours that are only guessed help the default.

    python benchmarks/borders.py --out people

The bench of real people (``real_people.py``) has slow features and the true order, but no signals, so evidence across
borders is drawn: log-likelihood ratios of ``nats`` on average for a true pair of neighbours and minus as many for any
other, normal, with the variance 2 ``nats`` of calibrated evidence. It is added to what a pair model of slow features
says (``pairs.py``, learned on ordered nights of 25-64). A soft matrix of successors follows, each row and column of sum
1, ends and gaps let go (Sinkhorn & Knopp 1967); beliefs are exchanged along it, forwards and backwards, with the
transitions of the source's people; what is heard is relative to the mean of the night. Real borders: 1.4 and 0.9 nats
on the two channels in Wake of SC4001, unknown in sleep; the simulator's ``--border-evidence mid`` has about 2 on each.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from pairs import APART as RANDOM
from pairs import described, differences, learn_pairs
from real_people import DATA, TARGETS, Bench, nights_of
from sklearn.pipeline import Pipeline

from beetl_task1.context import Transitions, classifier_prior
from beetl_task1.context.transitions import count_transitions, normalised
from beetl_task1.data.recording import Recording
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.validation.crossval import pooled_score

NATS = (0.0, 1.0, 2.3, 4.0, 6.0)
TRUSTS = (0.25, 0.5, 1.0)
"""Exponents of what is heard."""
EVIDENCE = 0.8
"""Exponent of what neighbours say, which err alike."""
APART = np.log(RANDOM)
"""The pair model saw so many random pairs for each pair of neighbours."""
SLACK, ROUNDS, STEPS = 0.02, 15, 12


def following(night: Recording) -> np.ndarray:
    """Return the rows whose next row is the next epoch."""
    return np.flatnonzero(np.diff(night.onsets) == 30)


def told_by_slow_features(model: Pipeline, night: Recording) -> np.ndarray:
    """Return the log-likelihood ratio that row ``j`` follows row ``i``, of all pairs."""
    z = described(night)
    return np.array([model.decision_function(differences(np.broadcast_to(row, z.shape), z)) for row in z]) + APART


def drawn_borders(night: Recording, nats: float, rng: np.random.Generator) -> np.ndarray:
    """Return drawn evidence across borders, of all pairs."""
    rows, n = following(night), len(night.y)
    told = rng.normal(-nats, np.sqrt(2 * nats), (n, n))
    told[rows, rows + 1] = rng.normal(nats, np.sqrt(2 * nats), len(rows))
    return told


def successors_of(told: np.ndarray) -> np.ndarray:
    """Return how likely row ``j`` follows row ``i``; the last row and column take what has no neighbour."""
    n = len(told)
    weights, sums = np.full((n + 1, n + 1), SLACK), np.ones(n + 1)
    weights[:n, :n] = np.exp(told) / n
    np.fill_diagonal(weights, 0)
    sums[n] = SLACK * n
    across = np.ones(n + 1)
    for _ in range(ROUNDS):
        down = sums / (weights @ across)
        across = sums / (weights.T @ down)
    return down[:, None] * weights * across


def true_successors(night: Recording) -> np.ndarray:
    """Return the same where the order is known."""
    n, rows = len(night.y), following(night)
    known = np.zeros((n + 1, n + 1))
    known[rows, rows + 1] = 1
    known[:n, n], known[n, :n] = 1 - known[:n, :n].sum(axis=1), 1 - known[:n, :n].sum(axis=0)
    return known


def heard(p: np.ndarray, successors: np.ndarray, chain: Transitions) -> np.ndarray:
    """Return what each epoch hears of those before and after it, relative to the mean of the night."""
    n, matrix = len(p), chain.matrix
    evidence = (np.maximum(p, 1e-12) / classifier_prior(p, chain)) ** EVIDENCE
    after, first, last = successors[:n, :n], successors[n, :n, None], successors[:n, n, None]
    belief, back = normalised(chain.stationary * evidence), np.ones_like(evidence)
    for _ in range(STEPS):
        forward = (after.T @ belief + first * chain.stationary) @ matrix
        belief = normalised(forward * evidence)
        said = normalised(back * evidence) @ matrix.T
        back = after @ (said / said.mean(axis=1, keepdims=True)) + last
    forward = normalised(forward)
    return (forward / forward.mean(axis=0)) * (back / back.mean(axis=0))


def measured(bench: Bench, protocol: str, model: Pipeline) -> list[list[float]]:
    """Return rows: nats, the mean mass on true neighbours, the score with each trust."""
    counts = sum(count_transitions(night.y, night.onsets) for night in nights_of(bench.people["25-64"]))
    chain, recipe, truth = Transitions(counts, "source people"), load_recipe("default"), bench.truth(protocol)
    said = {
        k: np.asarray(p, float) for fold in bench.run(recipe, protocol) for k, p in fold.outer.items() if k in truth
    }
    ways: list[float | None] = [*NATS, None]
    found: dict = {(nats, trust): {} for nats in ways for trust in TRUSTS}
    mass: dict = {nats: [] for nats in ways}
    for night in nights_of(bench.people[protocol]):
        slow, rows = told_by_slow_features(model, night), following(night)
        for nats in ways:
            rng = np.random.default_rng([night.key.subject, night.key.session, round(10 * (nats or 0))])
            known = nats is None
            successors = true_successors(night) if known else successors_of(slow + drawn_borders(night, nats, rng))
            mass[nats].append(successors[rows, rows + 1].mean())
            gained = heard(said[night.key], successors, chain)
            for trust in TRUSTS:
                found[nats, trust][night.key] = normalised(said[night.key] * gained**trust)
    decide = recipe.decision.decide
    alone = pooled_score(truth, decide(said))
    return [
        [np.nan if nats is None else nats, float(np.mean(mass[nats])), alone]
        + [pooled_score(truth, decide(found[nats, trust])) for trust in TRUSTS]
        for nats in ways
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="fits, those of real_people.py")
    parser.add_argument("--protocol", action="append", choices=list(TARGETS))
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"skipped: {DATA} is not there; it is not part of the project")
    bench = Bench([DATA], options.out, options.jobs)
    model = learn_pairs(nights_of(bench.people["25-64"]))
    print(
        "| group | nats at borders | on true neighbours, % | alone | trust "
        + " | ".join(f"{t:g}" for t in TRUSTS)
        + " |"
    )
    print("|" + "---|" * (4 + len(TRUSTS)))
    for protocol in options.protocol or TARGETS:
        for nats, mass, *scores in measured(bench, protocol, model):
            told = "order known" if np.isnan(nats) else f"{nats:g}"
            print(
                f"| {protocol} | {told} | {100 * mass:.0f} | " + " | ".join(f"{s:.1f}" for s in scores) + " |",
                flush=True,
            )


if __name__ == "__main__":
    main()

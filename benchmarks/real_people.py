"""Recipes on features, cross-validated on real people of all ages: what recipes are chosen by, before any simulation.

    python benchmarks/real_people.py --out people                     # the recipes on features that ship, all protocols
    python benchmarks/real_people.py --out people --recipe mine.toml --protocol 80-95
    python benchmarks/real_people.py --out people --against default   # differences per person, sign-flip tests

The file holds band powers of both channels, z-scored by recording, of nights in order, in five stages (S3 and S4 are
one, scored as S3). The models, transfers, decision, ensemble and messages are the product's own: a night with
ready-made features stands in for one with signals, and the cross-validation is that of ``validate``. Fits are kept in
``--out``; what was done is not done again. Nothing is learned here for use elsewhere.

Protocols:

- ``young``: 25-64, two people left out at a time, no target;
- ``old-mix``: the same models on the left-out nights thinned to the stage shares of 80-95;
- ``65-79``: source 25-64, one person left out, six others as target in a fixed rotation;
- ``80-95``: source 25-64 and 65-79, one person left out, five others as target;
- ``order``: how far the true next epoch can be told from these features alone. What knowing the order would be worth is
  the column ``order known`` of the other protocols.

``--file`` names another file of the same form, or several; ``--target`` and ``--test`` people (numbers of Sleep-EDF, as
in SC4**33**1E0, with commas): then one fit per recipe, from ``--source`` (25-64 without it) and target to the test
people, in the protocol of the test people's age:

    python benchmarks/real_people.py --out people --target 33,40,42,44,47 --test 41,43,45,46,48,49
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pairs import learn_pairs, successors

from beetl_task1.context import Transitions, forward_backward
from beetl_task1.context.transitions import count_transitions
from beetl_task1.data.files import OPEN, Provenance
from beetl_task1.data.recording import Recording, RecordingKey
from beetl_task1.decision import BalancedDecision
from beetl_task1.models.base import Resources
from beetl_task1.recipes.experiment import Experiment
from beetl_task1.recipes.recipe import Recipe, load_recipe, recipe_names
from beetl_task1.task import N_OUTPUTS, SOURCE_GROUP, STAGES
from beetl_task1.validation.comparison import compare
from beetl_task1.validation.crossval import decided, pooled_score
from beetl_task1.validation.outoffold import OutOfFold, Split, of, out_of_fold
from beetl_task1.validation.scorecard import Scorecard, scorecard

KEPT = Path(__file__).resolve().parents[1] / "docs" / "people.json"
DATA = Path(__file__).parents[2] / "shared" / "data" / "sleep_edf_78" / "features.npz"
SIX_OF_FIVE = np.array([0, 1, 2, 3, 5])
"""Stages of the file (W, N1, N2, N3, REM) as those of the project; N3 stands as S3, and S4 is absent."""
GROUPS = {"25-64": (25, 64), "65-79": (65, 79), "80-95": (80, 120)}
STRENGTHS = (0.0, 0.5, 0.75, 1.0)
LETTERS = b"W1234R"
PROTOCOLS = ("young", "old-mix", "65-79", "80-95", "order")
TARGETS = {"65-79": 6, "80-95": 5}
"""People with labels in the competition."""
THINNED = 1000
"""Added to the numbers of people whose nights were thinned."""


@dataclass(frozen=True)
class Fold:
    """What stands in for a competition's folder: nights by group and role."""

    nights: Mapping[tuple[str, str], list[Recording]]
    path: Path = Path("real people")
    allow_partial: bool = True
    provenance: Provenance = Provenance(OPEN, {"source": "Sleep-EDF Expanded, band powers"})  # noqa: RUF009  (frozen)

    def recordings(self, group: str, role: str) -> list[Recording]:
        """Return the nights of a part."""
        return list(self.nights.get((group, role), []))


def read_people(paths: Sequence[Path], six: bool = False) -> dict[str, dict[int, list[Recording]]]:
    """Return the nights of each person by group, scored epochs alone, in order, in five stages or ``six``."""
    people: dict[str, dict[int, list[Recording]]] = {group: {} for group in GROUPS}
    for path in paths:
        _read(path, people, six)
    return people


def _read(path: Path, people: dict[str, dict[int, list[Recording]]], six: bool) -> None:
    with np.load(path) as stored:
        for record in sorted({name.rsplit("_", 1)[0] for name in stored.files}):
            age, y = int(stored[f"{record}_age"]), stored[f"{record}_y"]
            [group] = [g for g, (youngest, oldest) in GROUPS.items() if youngest <= age <= oldest]
            scored = y >= 0
            X = stored[f"{record}_X"].reshape(len(y), -1)[scored]
            onsets = 30.0 * (int(stored[f"{record}_first"]) + np.flatnonzero(scored))
            key = RecordingKey(group, int(record[3:5]), int(record[5]))
            stages = SIX_OF_FIVE[y[scored]]
            if six:
                stages = np.array([LETTERS.index(letter) for letter in stored[f"{record}_stage"][scored]])
            night = Recording.from_features(key, X, stages, onsets)
            people[group].setdefault(key.subject, []).append(night)


def nights_of(people: Mapping[int, list[Recording]], chosen: Iterable[int] | None = None) -> list[Recording]:
    """Return the nights of people, all or some."""
    return [night for person in (people if chosen is None else chosen) for night in people[person]]


def rotation(people: Sequence[int], n_target: int) -> list[Split]:
    """Return a split per person: the people after it, in a circle, are the labelled target."""
    splits = []
    for i, person in enumerate(people):
        after = [people[(i + 1 + k) % len(people)] for k in range(n_target)]
        splits.append(Split(tuple(after), (person,)))
    return splits


def thinned(night: Recording, shares: np.ndarray, rng: np.random.Generator) -> Recording:
    """Return as many epochs of a night as have the shares given; stages that the night lacks are left out."""
    counts = np.bincount(night.y, minlength=N_OUTPUTS)
    there = (counts > 0) & (shares > 0)
    size = np.floor(shares * (counts[there] / shares[there]).min())
    rows = [rng.choice(np.flatnonzero(night.y == k), int(size[k]), replace=False) for k in np.flatnonzero(there)]
    kept = np.sort(np.concatenate(rows))
    key = night.key._replace(subject=night.key.subject + THINNED)
    return Recording.from_features(key, night.features[kept], night.y[kept], night.onsets[kept])


@dataclass(frozen=True)
class Given:
    """People named on the command line, by role; without a source those of 25-64 who have no other role."""

    source: tuple[int, ...]
    target: tuple[int, ...]
    test: tuple[int, ...]

    def protocol(self, people: Mapping[str, Mapping[int, list[Recording]]]) -> str:
        """Return the group of the test people; 65-79 where they are younger."""
        old = any(person in people["80-95"] for person in self.test)
        return "80-95" if old else "65-79"

    def nights(self, people: Mapping[str, Mapping[int, list[Recording]]], group: str) -> dict:
        """Return nights by group and role, as a competition's folder has them."""
        everybody = {number: nights for each in people.values() for number, nights in each.items()}
        missing = sorted({*self.source, *self.target, *self.test} - set(everybody))
        if missing:
            sys.exit(f"people {missing} are not in the file; expected some of {sorted(everybody)}")
        if not self.test:
            sys.exit(f"nobody to score; name people with --test, some of {sorted(everybody)}")
        source = self.source or tuple(set(people["25-64"]) - {*self.target, *self.test})
        old = [moved(night, group) for night in nights_of(everybody, (*self.target, *self.test))]
        young = [moved(night, SOURCE_GROUP) for night in nights_of(everybody, sorted(source))]
        return {(SOURCE_GROUP, "source"): young, (group, "target"): old}


class Bench:
    """Runs recipes through the protocols on one file of people."""

    def __init__(self, paths: Sequence[Path], out: Path, jobs: int, given: Given | None = None, six: bool = False):
        self.people, self.resources, self.given = read_people(paths, six), Resources(out / "cache", jobs), given
        old = np.concatenate([night.y for night in nights_of(self.people["80-95"])])
        self.old_shares = np.bincount(old, minlength=N_OUTPUTS) / len(old)

    def run(self, recipe: Recipe, protocol: str) -> list[OutOfFold]:
        """Return what is said of the people left out, fold by fold."""
        if self.given:
            fold = Fold(self.given.nights(self.people, protocol))
            split = Split(self.given.target, self.given.test)
            return [out_of_fold(Experiment(recipe, protocol, fold), [split], self.resources)]
        if protocol in TARGETS:
            people = self.people[protocol]
            fold = Fold({
                (SOURCE_GROUP, "source"): nights_of(self.people["25-64"]),
                ("65-79", "target"): nights_of(self.people["65-79"]),
                (protocol, "target"): nights_of(people),
            })  # fmt: skip
            return [
                out_of_fold(
                    Experiment(recipe, protocol, fold), rotation(list(people), TARGETS[protocol]), self.resources
                )
            ]
        young, rng = self.people["25-64"], np.random.default_rng(0)
        numbers = list(young)
        found = []
        for first in range(0, len(numbers), 2):
            out = numbers[first : first + 2]
            held_out = nights_of(young, out)
            fold = Fold({
                (SOURCE_GROUP, "source"): nights_of(young, [n for n in numbers if n not in out]),
                ("65-79", "target"): [moved(night) for night in held_out],
                ("65-79", "test"): [moved(thinned(night, self.old_shares, rng)) for night in held_out],
            })  # fmt: skip
            found.append(out_of_fold(Experiment(recipe, "65-79", fold), [Split((), tuple(out))], self.resources))
        return found if protocol == "young" else [of_thinned(fold) for fold in found]

    def truth(self, protocol: str) -> dict[RecordingKey, np.ndarray]:
        """Return the true stages of the people left out."""
        if self.given:
            nights = self.given.nights(self.people, protocol)[protocol, "target"]
            return {night.key: night.y for night in nights if night.key.subject in self.given.test}
        if protocol in TARGETS:
            return {night.key: night.y for night in nights_of(self.people[protocol])}
        young, rng = self.people["25-64"], np.random.default_rng(0)
        if protocol == "young":
            return {moved(night).key: night.y for night in nights_of(young)}
        thin = [moved(thinned(night, self.old_shares, rng)) for night in nights_of(young)]
        return {night.key: night.y for night in thin}


def moved(night: Recording, group: str = "65-79") -> Recording:
    """Return a night in the place of one of another group, as the folder of a fold knows it."""
    key = night.key._replace(group=group)
    return Recording.from_features(key, night.features, night.y, night.onsets)


def of_thinned(found: OutOfFold) -> OutOfFold:
    """Return what is said of the thinned nights, as if they were the target."""
    people = tuple(sorted({key.subject for key in found.tests[0]}))
    seeds = {seed: of_thinned(each) for seed, each in found.seeds.items() if each is not found}
    return OutOfFold((Split((), people),), (found.tests[0],), found.tests[0], seeds, {}, found.cached)


def labels_of(found: Sequence[OutOfFold], decision: BalancedDecision) -> dict[RecordingKey, np.ndarray]:
    """Decide all folds, each by its own prior."""
    return {key: y for fold in found for key, y in decided(fold, decision).items()}


def source_only_labels(found: Sequence[OutOfFold], decision: BalancedDecision) -> dict[RecordingKey, np.ndarray]:
    """Decide what models say that saw no target."""
    return {k: y for fold in found for k, y in decision.decide(of(fold.subjects, fold.source_only)).items()}


def row_of(bench: Bench, recipe: Recipe, protocol: str) -> tuple[dict, Scorecard]:
    """Return the scores of a recipe in a protocol, and its card with its own decision."""
    found, truth = bench.run(recipe, protocol), bench.truth(protocol)
    own = scorecard(truth, labels_of(found, recipe.decision), name=recipe.name)
    scores = {s: pooled_score(truth, labels_of(found, BalancedDecision(strength=s))) for s in STRENGTHS}
    without = pooled_score(truth, source_only_labels(found, recipe.decision)) if protocol in TARGETS else None
    recall = [None if own.pooled.recall[stage] is None else round(own.pooled.recall[stage], 3) for stage in STAGES]
    people = list(own.subject_scores.values())
    return {
        "recipe": recipe.name,
        "protocol": protocol,
        "score": own.score,
        "strengths": scores,
        "without_target": without,
        "people": own.subject_scores,
        "spread": float(np.std(people, ddof=1)),
        "recall": recall,
        "order": with_order(bench, found, truth, recipe.decision),
    }, own


def with_order(
    bench: Bench, found: Sequence[OutOfFold], truth: Mapping[RecordingKey, np.ndarray], decision: BalancedDecision
) -> float:
    """Return the score where the true order is known: messages along the night, transitions of the source's people."""
    counts = sum(count_transitions(night.y, night.onsets) for night in nights_of(bench.people["25-64"]))
    chain = Transitions(counts, "source people")
    said = {key: p for fold in found for key, p in fold.outer.items() if key in truth}
    smoothed = {key: forward_backward(np.asarray(p, float), chain) for key, p in said.items()}
    return pooled_score(truth, decision.decide(smoothed))


def order_told(bench: Bench) -> str:
    """Return how far the true next epoch can be told, by group, as Markdown."""
    model = learn_pairs(nights_of(bench.people["25-64"]))
    lines = ["| group | nats over chance | true next epoch first, % | in the top tenth, % |", "|---|---|---|---|"]
    for group in TARGETS:
        nats, first, tenth = np.mean([successors(model, night) for night in nights_of(bench.people[group])], axis=0)
        lines.append(f"| {group} | {nats:.2f} | {100 * first:.0f} | {100 * tenth:.0f} |")
    return "\n".join(lines) + "\n"


def table(rows: Sequence[dict], six: bool = False) -> str:
    """Return the rows as Markdown."""
    lines = [
        f"| protocol | recipe | score | strength {' / '.join(f'{s:g}' for s in STRENGTHS)} | without target | "
        f"SD over people | order known | recall W S1 S2 {'S3 S4' if six else 'S3+4'} REM, % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        strengths = " / ".join(f"{row['strengths'][s]:.1f}" for s in STRENGTHS)
        without = "" if row["without_target"] is None else f"{row['without_target']:.1f}"
        recall = " ".join("-" if r is None else f"{100 * r:.0f}" for i, r in enumerate(row["recall"]) if six or i != 4)
        lines.append(
            f"| {row['protocol']} | `{row['recipe']}` | {row['score']:.1f} | {strengths} | {without} | "
            f"{row['spread']:.1f} | {row['order']:.1f} | {recall} |"
        )
    return "\n".join(lines) + "\n"


def keep(rows: Sequence[dict], name: str) -> None:
    """Store the scores of each person beside those of the other kind of people."""
    kept = [{key: row[key] for key in ("protocol", "recipe", "score", "people")} for row in rows]
    both = (json.loads(KEPT.read_text()) if KEPT.exists() else {}) | {name: kept}
    KEPT.write_text(json.dumps(both, indent=1) + "\n")


def numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of people, as in ``33,40``."""
    return tuple(int(part) for part in text.split(","))


def parsed() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="fits and rows")
    parser.add_argument("--file", type=Path, action="append", help="people, in the form of the default file")
    parser.add_argument("--recipe", action="append", help="a name or a file; all on features without it")
    parser.add_argument("--protocol", action="append", choices=PROTOCOLS)
    parser.add_argument("--source", type=numbers, default=(), help="people who train")
    parser.add_argument("--target", type=numbers, default=(), help="people who train as labelled target")
    parser.add_argument("--test", type=numbers, default=(), help="people who are scored")
    parser.add_argument("--against", help="compare all with this recipe, person by person")
    parser.add_argument("--keep", choices=("real", "simulated"), help="store scores in docs, for realism.py")
    parser.add_argument("--six", action="store_true", help="tell S3 and S4 apart, as well as the file can")
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    options = parsed()
    files = options.file or [DATA]
    for path in files:
        if not path.exists():
            sys.exit(f"skipped: {path} is not there; it is not part of the project")
    given = Given(options.source, options.target, options.test) if options.test or options.target else None
    names = options.recipe or [name for name in recipe_names() if name.startswith(("default", "features-"))]
    bench, rows = Bench(files, options.out, options.jobs, given, options.six), []
    protocols = [given.protocol(bench.people)] if given else options.protocol or PROTOCOLS
    for protocol in protocols:
        if protocol == "order":
            print(order_told(bench), flush=True)
            continue
        cards = {}
        for name in names:
            row, card = row_of(bench, load_recipe(name), protocol)
            rows.append(row)
            cards[name] = card
            print(table([row], options.six).splitlines()[-1], flush=True)
        for name, card in cards.items():
            if options.against in cards and name != options.against:
                print("   ", compare(card, cards[options.against]).describe(), flush=True)
    (options.out / "rows.json").write_text(json.dumps(rows, indent=1) + "\n")
    if options.keep:
        keep(rows, options.keep)
    print(table(rows, options.six))


if __name__ == "__main__":
    main()

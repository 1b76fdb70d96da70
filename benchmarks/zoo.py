"""The zoo measured on a simulated competition, one recipe at a time; what is done is not done again.

    beetl-task1 simulate --out medium --size medium
    python benchmarks/zoo.py --data medium --out zoo --recipe chambon --recipe chambon-finetune
    python benchmarks/zoo.py --out zoo --table

Each recipe runs in a process of its own: ``validate`` leaves one target subject out in both groups, then the recipe is
trained on all target subjects, predicts the test sets and is scored against the simulated truth. The labelled 65-79
subjects do not train for 80-95, so that both groups share the stage on the source; ``--younger-target`` lets them.
``--as-trained`` measures transfers without the choice that undoes a stage which only hurts: rows named so.
``--device cuda --workers 16`` trains many recipes at once on a GPU; those with a transfer follow the others.
Tables are means over the seeds measured.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from realism_nights import fingerprint

from beetl_task1.data.files import DataFolder
from beetl_task1.data.probabilities import load_probabilities
from beetl_task1.decision import BalancedDecision
from beetl_task1.models.base import Resources
from beetl_task1.recipes.checkpoint import checkpoint_folder, load_card, load_weights
from beetl_task1.recipes.experiment import Experiment
from beetl_task1.recipes.recipe import Recipe, load_recipe, recipe_names
from beetl_task1.recipes.training import train_if_missing
from beetl_task1.scoring import leaderboard_score
from beetl_task1.submission.answer import PROBABILITIES
from beetl_task1.submission.predict import predict
from beetl_task1.task import TARGET_GROUPS
from beetl_task1.transfer import transfer_class
from beetl_task1.validation.crossval import validate
from beetl_task1.validation.zoo import REFERENCE

DOCS = Path(__file__).parents[1] / "docs"
RESULTS = DOCS / "zoo.json"
CURVES = DOCS / "figures" / "learning-curves.png"
COUNTERS = ("running_mean", "running_var", "num_batches_tracked")
"""Ends of the names of tensors that no gradient moves."""
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of the decision, tried on the cross-validation."""
AS_TRAINED = "-as-trained"
LEVEL = 0.01
"""Relative gain of the held-out loss in the last quarter of the passes below which it counts as levelled off."""


def measure(options: argparse.Namespace) -> dict:
    """Cross-validate, train, predict and score a recipe in both groups."""
    recipe = wanted(options.one, options)
    folder, row = DataFolder(options.data), {"recipe": recipe.name, "seeds": list(recipe.seeds), "jobs": options.jobs}
    resources = Resources(options.out / "cache", options.jobs, _tell, device=options.device)
    row |= {"device": options.device, "data": folder.provenance.describe(), "simulator": fingerprint()}
    for group in TARGET_GROUPS:
        experiment = Experiment(recipe, group, folder)
        place = options.out / f"seed{recipe.seeds[0]}"
        row[group] = cross_validated(experiment, place, resources) | submitted(experiment, place, resources)
        row |= _history(checkpoint_folder(place / "checkpoints", recipe.name, group))
    row["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return row


def cross_validated(experiment: Experiment, place: Path, resources: Resources) -> dict:
    """Return the scores of target subjects left out; strengths of the decision share the fits."""
    start = time.perf_counter()
    validation = validate(experiment, place / "checkpoints", resources)
    seconds = time.perf_counter() - start
    others = {s: experiment.but(decision=BalancedDecision(strength=s)) for s in STRENGTHS}
    return {
        "score": validation.summary["score"],
        "score_argmax": validation.summary["score_argmax"],
        "strengths": {str(s): validate(o, place / "other", resources).summary["score"] for s, o in others.items()},
        "without_transfer": validation.card_without().score,
        "recall": validation.summary["recall"],
        "validate_seconds": seconds,
    }


def submitted(experiment: Experiment, place: Path, resources: Resources) -> dict:
    """Train on all target subjects, predict the test set and score it against the simulated truth."""
    checkpoints = place / "checkpoints"
    times = [time.perf_counter()]
    train_if_missing(experiment, checkpoints, resources)
    times.append(time.perf_counter())
    folder = predict(experiment, checkpoints, place / "submissions", resources)
    times.append(time.perf_counter())
    test, _ = load_probabilities(folder / PROBABILITIES)
    truth = np.loadtxt(experiment.data.path / "truth" / f"{experiment.group}.txt", dtype=int)
    return {
        "test": leaderboard_score(truth, pooled(experiment.recipe.decision.decide(test))),
        "test_argmax": leaderboard_score(truth, pooled({key: p.argmax(axis=1) for key, p in test.items()})),
        **dict(zip(("train_seconds", "predict_seconds"), np.diff(times).tolist(), strict=True)),
    }


def wanted(name: str, options: argparse.Namespace) -> Recipe:
    """Return the recipe as the options vary it."""
    recipe = load_recipe(name).varied(seed=options.seed, younger_target=options.younger_target)
    if not options.as_trained:
        return recipe
    staged = [hasattr(transfer_class(transfer["name"]), "folds") for transfer in recipe.transfer]
    kept = tuple(t | {"folds": 0} if stage else t for t, stage in zip(recipe.transfer, staged, strict=True))
    return recipe.but(name=recipe.name + AS_TRAINED, transfer=kept)


def pooled(nights: dict) -> np.ndarray:
    """Return the values of all nights in the order of a submission."""
    return np.concatenate([nights[key] for key in sorted(nights)])


def _history(checkpoint: Path) -> dict:
    """Return the course of the training and the number of parameters; nothing where there is no history."""
    path = next(checkpoint.glob("history-seed*.csv"), None)
    if path is None:
        return {}
    from safetensors.torch import load

    table = pd.read_csv(path)
    first = table[table["stage"] == table["stage"].iloc[0]]
    tensors = load(next(iter(load_weights(checkpoint, load_card(checkpoint)).values())))
    return {
        "history": json.loads(table.to_json(orient="records")),
        "passes": len(first),
        "minutes": float(table["seconds"].sum() / 60),
        "levelled": _levelled(first["valid_loss"]),
        "parameters": int(sum(t.numel() for name, t in tensors.items() if not name.endswith(COUNTERS))),
    }


def _levelled(loss) -> bool | None:
    """Whether the best held-out loss of the last quarter is hardly below the best before it."""
    if loss.isna().all() or len(loss) < 4:
        return None
    late = len(loss) - max(1, len(loss) // 4)
    return bool(loss[late:].min() > loss[:late].min() * (1 - LEVEL))


def _tell(done: int, total: int, text: str) -> None:
    if "signals" not in text:
        print(f"{time.strftime('%H:%M:%S')} {done}/{total} {text}", flush=True)


def run(names: list[str], options: argparse.Namespace) -> int:
    """Measure recipes, each in its own process, and keep their rows; returns how many failed.

    Those without a transfer come first, since the others go on from their stage on the source.
    """
    failed = 0
    with ThreadPoolExecutor(options.workers) as pool:
        for later in (False, True):
            wave = [name for name in names if bool(load_recipe(name).transfer) == later]
            for name, code in zip(wave, pool.map(lambda name: run_one(name, options), wave), strict=True):
                print(f"{name}: {f'FAILED, exit code {code}' if code else 'done'}", flush=True)
                failed += bool(code)
    return failed


def run_one(name: str, options: argparse.Namespace) -> int:
    """Measure a recipe in a process of its own, unless its row is there, and return the exit code."""
    recipe = wanted(name, options)
    place = options.out / f"{recipe.name}-seed{recipe.seeds[0]}{'-younger' * options.younger_target}.json"
    if place.exists():
        return 0
    command = [sys.executable, __file__, "--data", options.data, "--out", options.out, "--jobs", options.jobs]
    command += ["--one", name, "--row", place, "--device", options.device]
    command += ["--younger-target"] * options.younger_target + ["--as-trained"] * options.as_trained
    command += [] if options.seed is None else ["--seed", options.seed]
    return subprocess.run([str(part) for part in command], check=False).returncode


def collect(out: Path) -> list[dict]:
    """Gather the rows, of all states of the simulator, in the file that the tables are made of; return them."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    new = [json.loads(path.read_text()) for path in sorted(out.glob("*-seed*[0-9].json"))]
    keyed = {(row["recipe"], row["seeds"][0], row.get("simulator")): row for row in [*known, *new]}
    rows = sorted(keyed.values(), key=lambda row: row["recipe"])
    for row in rows:
        if row["recipe"] not in recipe_names() or load_recipe(row["recipe"]).transfer:
            row.pop("history", None)  # curves are of the stage on the source
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    return rows


def ranked(rows: list[dict]) -> dict[str, list[dict]]:
    """Return rows by recipe, of the latest state of each; the best first, those of an earlier state (†) last.

    What ``beetl-task1 models`` lists is written of them.
    """
    found: dict[str, list[dict]] = {}
    for row in rows:
        found.setdefault(row["recipe"], []).append(row)
    found = {name: [r for r in each if state(r) == state(each[-1])] for name, each in found.items()}
    found = dict(
        sorted(found.items(), key=lambda item: (earlier(item[1]), -sum(scores_of(item[1], g) for g in TARGET_GROUPS)))
    )
    shipped = [name for name in found if not name.endswith(AS_TRAINED)]
    scores = {name: {g: round(scores_of(found[name], g), 1) for g in TARGET_GROUPS} for name in shipped}
    old = sum(earlier(found[name]) for name in shipped)
    data = rows[0]["data"] + (f"; {old} of {len(shipped)} recipes on an earlier state of the simulator" if old else "")
    REFERENCE.write_text(json.dumps({"data": data, "scores": scores}, indent=1) + "\n")
    return found


def state(row: dict) -> str | None:
    """Return the simulator's state of which a row is."""
    return row.get("simulator")


def earlier(rows: list[dict]) -> bool:
    """Whether rows were measured before the simulator last changed."""
    return any(state(row) != fingerprint() for row in rows)


def scores_of(rows: list[dict], group: str) -> float:
    """Return the mean score of the cross-validation, decided at the strength that the recipe has now."""
    strength = load_recipe(rows[0]["recipe"].removesuffix(AS_TRAINED)).decision.strength
    return mean(row[group]["strengths"][str(float(strength))] for row in rows)


def table(found: dict[str, list[dict]]) -> str:
    """Return the recipes as Markdown."""
    lines = [
        "| recipe | seeds | 65-79 | 80-95 | test 65-79 | test 80-95 | passes, levelled off | train, min | parameters |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, rows in found.items():
        if name.endswith(AS_TRAINED):
            continue
        first, seeds = rows[0], ", ".join(str(row["seeds"][0]) for row in rows)
        level = {True: "yes", False: "no", None: "-"}[first.get("levelled")]
        parameters = f"{first['parameters']:,}" if "parameters" in first else "-"
        minutes = mean(row.get("minutes", row["65-79"]["train_seconds"] / 60) for row in rows)
        cells = [_cell(scores_of(rows, g), [scores_of([row], g) for row in rows]) for g in TARGET_GROUPS]
        cells += [_cell(mean(of := [row[g]["test"] for row in rows]), of) for g in TARGET_GROUPS]
        lines.append(
            f"| `{name}`{' †' * earlier(rows)} | {seeds} | {' | '.join(cells)} | {first.get('passes', '-')}, {level} | "
            f"{minutes:.1f} | {parameters} |"
        )
    return "\n".join(lines) + "\n"


def _cell(value: float, of_seeds: list[float]) -> str:
    """Return a mean, and how far seeds lie from it."""
    return f"{value:.1f}" + (f" ± {(max(of_seeds) - min(of_seeds)) / 2:.1f}" if len(of_seeds) > 1 else "")


def twice_table(rows: list[dict], trained: list[str]) -> str:
    """Return each transfer beside its stage on the source, as inner folds choose and as trained, as Markdown.

    Of the latest state of the simulator on which it was measured without and as trained; of the seeds measured all
    three ways, if there are any.
    """
    head = [f"{kind}{group}" for kind in ("", "test ") for group in TARGET_GROUPS]
    lines = [f"| transfer: without / as chosen / as trained | {' | '.join(head)} |", "|---|---|---|---|---|"]
    for name in trained:
        chosen = name.removesuffix(AS_TRAINED)
        recipe = load_recipe(chosen)
        plain = [load_recipe(each) for each in recipe_names()]
        without = next(
            r.name for r in plain if (r.model, r.transfer, r.training) == (recipe.model, (), recipe.training)
        )
        ways = [{(state(r), r["seeds"][0]): r for r in rows if r["recipe"] == way} for way in (without, chosen, name)]
        alike = [key for key in ways[2] if key in ways[0]]
        alike = [key for key in alike if key[0] == alike[-1][0]]
        alike = [key for key in alike if key in ways[1]] or alike
        of = [[way[key] for key in alike] if alike and way.keys() >= set(alike) else None for way in ways]
        if alike:
            scores = [scores_of, lambda of, g: mean(row[g]["test"] for row in of)]
            cells = [
                " / ".join(f"{score(way, g):.1f}" if way else "-" for way in of)
                for score in scores
                for g in TARGET_GROUPS
            ]
            told = f"`{chosen}`{' †' * earlier(of[2])}, {len(alike)} seed{'s' * (len(alike) > 1)}"
            lines.append(f"| {told} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def strengths_table(found: dict[str, list[dict]]) -> str:
    """Return what strengths of the decision are worth to recipes, the mean over seeds, as Markdown."""
    head = " / ".join(map(str, STRENGTHS))
    lines = [f"| recipe | 65-79: strength {head} | 80-95 |", "|---|---|---|"]
    for name, rows in found.items():
        cells = [
            " / ".join(f"{mean(row[g]['strengths'][str(s)] for row in rows):.1f}" for s in STRENGTHS)
            for g in TARGET_GROUPS
        ]
        lines.append(f"| `{name}`{' †' * earlier(rows)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw_curves(rows: list[dict], path: Path) -> None:
    """Draw how the stages on the source went on held-out source subjects, pass by pass; each once."""
    curves = {}
    for row in rows:
        table = pd.DataFrame(row.get("history"), columns=["stage", "valid_loss", "valid_score", "seconds"])
        if set(table["stage"]) == {"source"} and table["valid_loss"].notna().all():
            curves.setdefault(tuple(table["valid_loss"]), (row, table))
    figure = Figure(figsize=(10, 4), layout="constrained")
    panels = figure.subplots(1, 2)
    for row, table in curves.values():
        for panel, key in zip(panels, ("valid_loss", "valid_score"), strict=True):
            told = f"{row['recipe']}{' †' * earlier([row])}, seed {row['seeds'][0]}"
            panel.plot(np.arange(1, len(table) + 1), table[key], marker=".", label=told)
    for panel, name in zip(panels, ("loss", "balanced accuracy, %"), strict=True):
        panel.set(xlabel="pass", ylabel=f"held-out source subjects: {name}", xlim=(0, None))
    panels[1].legend(fontsize="small")
    figure.savefig(path, dpi=100)


def put(path: Path, text: str, mark: str = "zoo") -> None:
    """Put a table between the marks of a document."""
    before, _, rest = path.read_text().partition(f"<!-- {mark} -->\n")
    after = rest.partition(f"<!-- end of {mark} -->")[2]
    path.write_text(f"{before}<!-- {mark} -->\n{text}<!-- end of {mark} -->{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a medium tree")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints, submissions, cache and rows")
    parser.add_argument("--recipe", action="append", help="a name or a file; all that ship without it")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--younger-target", action="store_true", help="for 80-95: 65-79 trains too")
    parser.add_argument("--as-trained", action="store_true", help="transfers without the choice that undoes a stage")
    parser.add_argument("--jobs", type=int, default=2, help="threads of a recipe")
    parser.add_argument("--device", default="cpu", help="where networks compute")
    parser.add_argument("--workers", type=int, default=1, help="recipes at once")
    parser.add_argument("--table", action="store_true", help="gather the rows and write the tables")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--row", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        given.row.write_text(json.dumps(measure(given), indent=1) + "\n")
    elif given.table:
        rows = collect(given.out)
        found = ranked(rows)
        put(DOCS / "zoo.md", table(found))
        put(DOCS / "zoo.md", twice_table(rows, [name for name in found if name.endswith(AS_TRAINED)]), "twice")
        put(DOCS / "zoo.md", strengths_table(found), "strengths")
        draw_curves([row for of in found.values() for row in of], CURVES)
    else:
        sys.exit(min(run(given.recipe or recipe_names(), given), 1))


if __name__ == "__main__":
    main()

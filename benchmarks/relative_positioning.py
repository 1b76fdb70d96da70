"""What the pretext of relative positioning learns, and what it is worth to the regression on top of it.

    python benchmarks/relative_positioning.py --data demo [--passes 8] [--seed 0 ...]

Three embedders: trained on pairs inside epochs (the order is unknown, as in the competition's files), trained by the
paper's rule on the true order (the data folder's `order/`), and untrained. For each: the share of pairs of held-out
source subjects that are told right (chance is 50 %), and the score of the regression, fitted on the source alone and
without a decision, on all labelled nights of either target group.
"""

import argparse
from pathlib import Path

import numpy as np

from beetl_task1.data.files import DataFolder
from beetl_task1.data.recording import Recording
from beetl_task1.models.base import Resources
from beetl_task1.models.registry import make, resolve
from beetl_task1.scoring import leaderboard_score

GROUPS = ("65-79", "80-95")


def in_order(data: DataFolder, night: Recording) -> Recording:
    """Return a night with the onsets of its epochs."""
    onsets = np.load(data.path / "order" / night.key.group / f"s{night.key.subject}r{night.key.session}.npy")
    return Recording.from_arrays(night.key, night.X, night.y, onsets=onsets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--passes", type=int, default=8)
    parser.add_argument("--holdout", type=float, default=0.2)
    parser.add_argument("--seed", type=int, action="append")
    given = parser.parse_args()
    data = DataFolder(given.data)
    shuffled = data.recordings("25-64", "source")
    ordered = [in_order(data, night) for night in shuffled]
    targets = {group: data.recordings(group, "target") for group in GROUPS}
    print("| pairs | seed | held-out pairs, % right | 65-79 | 80-95 |\n|---|---|---|---|---|")
    for seed in given.seed or [0]:
        for name, source, passes in (
            ("inside epochs", shuffled, given.passes),
            ("by the order", ordered, given.passes),
            ("none (untrained)", shuffled, 0),
        ):
            training = {"passes": passes, "holdout": given.holdout}
            settings = resolve("relative-positioning", {"training": training}, "benchmark")
            model = make("relative-positioning", settings, seed=seed, resources=Resources()).fit_source(source=source)
            right = [row["valid_score"] for row in model.history_ if row["kept"]]
            scores = [
                leaderboard_score(
                    np.concatenate([night.y for night in nights]),
                    np.concatenate([model.predict_proba(night).argmax(1) for night in nights]),
                )
                for nights in targets.values()
            ]
            told = f"{right[0]:.1f}" if right else "-"
            print(f"| {name} | {seed} | {told} | {scores[0]:.1f} | {scores[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()

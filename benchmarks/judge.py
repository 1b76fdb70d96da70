"""What a stager that was trained elsewhere, on other real people, makes of simulated nights in order.

    pip install yasa && python benchmarks/judge.py [--people 6] [--keep]

YASA's (Vallat & Walker 2021, trained on central channels of 3,000 nights) on Fpz-Cz alone, five stages: kappa, and the
recall of each stage, by cohort. It has seen no night of Sleep-EDF; what it gives on real nights of this montage is not
published by stage, so its numbers here say how like real sleep the nights look to it, and not how they should score.
YASA is no dependency of the project; without it this ends in one line. ``--keep`` stores what it found in
``docs/judge.json``, of which ``realism.py`` makes pins.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import mne
import numpy as np
from sklearn.metrics import cohen_kappa_score, recall_score

from beetl_task1.data.recording import RecordingKey
from beetl_task1.simulate import simulate_night
from beetl_task1.task import CHANNELS, SFREQ

KEPT = Path(__file__).resolve().parents[1] / "docs" / "judge.json"
FIVE = np.array([0, 1, 2, 3, 3, 4])
NAMES = ("W", "N1", "N2", "N3", "R")
COHORTS = {"25-34": "25-64", "35-64": "25-64", "65-79": "65-79", "80-95": "80-95"}


def judged(night) -> np.ndarray:
    """Return YASA's stage of each epoch of a night in order."""
    from yasa import SleepStaging

    info = mne.create_info([CHANNELS[0]], SFREQ, "eeg", verbose="ERROR")
    raw = mne.io.RawArray(night.X[:, 0].reshape(1, -1), info, verbose="ERROR")
    found = SleepStaging(raw, eeg_name=CHANNELS[0]).predict()
    names = getattr(found, "hypno", found)
    told = {"WAKE": "W", "REM": "R"}
    return np.array([NAMES.index(told.get(str(name), str(name))) for name in names])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=6, help="nights of each cohort")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="store the numbers for realism.py")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")  # of a pickled encoder of another scikit-learn
    try:
        import yasa
    except ImportError:
        sys.exit("needs YASA, which is not a dependency: pip install yasa")
    print(f"YASA {yasa.__version__}, {given.people} simulated nights of each cohort, seed {given.seed}\n")
    print(f"| cohort | kappa | {' | '.join(f'recall {name}' for name in NAMES)} |\n|---|---|{'---|' * len(NAMES)}")
    kept = {}
    for cohort, group in COHORTS.items():
        truth, told = [], []
        for subject, age in enumerate(np.linspace(*map(int, cohort.split("-")), given.people)):
            night = simulate_night(RecordingKey(group, subject, 1), seed=given.seed, age=float(age))
            truth.append(FIVE[night.y])
            told.append(judged(night))
        y, found = np.concatenate(truth), np.concatenate(told)
        kappa, recalls = cohen_kappa_score(y, found), recall_score(y, found, labels=range(len(NAMES)), average=None)
        kept[cohort] = {"kappa": round(kappa, 3), "recall": dict(zip(NAMES, recalls.round(3).tolist(), strict=True))}
        cells = " | ".join(f"{100 * recall:.0f}" for recall in recalls)
        print(f"| {cohort} | {kappa:.2f} | {cells} |", flush=True)
    if given.keep:
        KEPT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()

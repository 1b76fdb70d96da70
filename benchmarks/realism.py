"""Print every pin of the simulator beside its real number, and which hold.

    python benchmarks/realism.py                       # everything (a quarter of an hour)
    python benchmarks/realism.py --only powers rows    # some of it
    python benchmarks/realism.py --table               # the last numbers of each as a table, nothing is run

Real recordings are looked for in --real, $BEETL_REAL or ../shared/data; what needs them is skipped without. The numbers
are kept in ``docs/realism.json``, measured nights in the temporary folder under a hash of what the simulator gives.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from pin import Pin
from pins_hypnogram import pin_aged, pin_hypnograms, pin_old, pin_scorer
from pins_models import pin_confusions, pin_cross, pin_network, pin_rows, pin_transfers
from pins_people import pin_people, pin_recipes, pin_shares_of_power
from pins_scorers import pin_judge, pin_scorers
from pins_seconds import pin_seconds
from pins_signal import pin_amplitude, pin_borders, pin_powers, pin_shapes, pin_slow_waves, pin_wake
from real_nights import default_folder

PINS = {
    "hypnograms": pin_hypnograms,
    "aged": pin_aged,
    "old": pin_old,
    "scorer": pin_scorer,
    "scorers": pin_scorers,
    "judge": pin_judge,
    "shares-of-power": pin_shares_of_power,
    "people": pin_people,
    "recipes": pin_recipes,
    "amplitude": pin_amplitude,
    "powers": pin_powers,
    "slow-waves": pin_slow_waves,
    "wake": pin_wake,
    "shapes": pin_shapes,
    "borders": pin_borders,
    "seconds": pin_seconds,
    "rows": pin_rows,
    "cross": pin_cross,
    "network": pin_network,
    "transfers": pin_transfers,
    "confusions": pin_confusions,
}
NEEDS_REAL = frozenset({"hypnograms", "aged", "seconds", "scorers", "judge"}) | frozenset(
    {"shares-of-power", "people", "powers", "wake", "shapes", "cross"}
)

RECORD = Path(__file__).resolve().parents[1] / "docs" / "realism.json"


def table(record: dict[str, list[dict]]) -> str:
    """Return the pins as a Markdown table."""
    lines = ["| pin | real | simulated | asked | holds |", "|---|---|---|---|---|"]
    for name in PINS:
        for pin in record.get(name, {"pins": []})["pins"]:
            pin = Pin(**pin)
            holds = "yes" if pin.holds else "**no**"
            lines.append(f"| {pin.name} | {pin.real} | {pin.simulated} | {pin.asked} | {holds} |")
    return "\n".join(lines)


def read_record() -> dict[str, dict]:
    """Return the last numbers of every pin."""
    return json.loads(RECORD.read_text()) if RECORD.is_file() else {}


def keep(name: str, entry: dict) -> None:
    """Store the numbers of one kind of pin among the others."""
    RECORD.write_text(json.dumps(read_record() | {name: entry}, indent=1, ensure_ascii=False) + "\n")


def run(name: str, folder: Path, seed: int) -> list[Pin]:
    """Measure one kind of pin and print it."""
    start = time.perf_counter()
    pins = PINS[name](folder, seed)
    for pin in pins:
        print(
            f"{'holds' if pin.holds else 'FAILS'}  {pin.name}: real {pin.real}, simulated {pin.simulated} "
            f"({pin.asked})",
            flush=True,
        )
    print(f"       [{name}: {time.perf_counter() - start:.0f} s]", flush=True)
    return pins


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(PINS), default=list(PINS), metavar="PIN")
    parser.add_argument("--real", type=Path, default=default_folder())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    for name in [] if args.table else args.only:
        if name in NEEDS_REAL and not args.real.is_dir():
            print(f"skipped {name}: no real recordings in {args.real}")
            continue
        keep(name, {"seed": args.seed, "pins": [asdict(p) for p in run(name, args.real, args.seed)]})
    record = read_record()
    if args.table:
        print(table(record))
    pins = [p for entry in record.values() for p in entry["pins"]]
    print(f"{sum(p['holds'] for p in pins)} of {len(pins)} hold")


if __name__ == "__main__":
    main()

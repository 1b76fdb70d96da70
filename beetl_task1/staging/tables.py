"""Tables of several nights or scorers, written into a folder of their own."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ..errors import BeetlError
from ..task import EPOCH_SECONDS
from ..writing import whole_file, write_text
from .scorers import Scorers

Statistics = Mapping[str, float | None]


def check_empty(out: str | Path) -> None:
    """Refuse a folder that holds something, which might be written over."""
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BeetlError(f"{out}: expected a new or empty folder, got one that holds files; choose another --out")


def means(nights: Sequence[Statistics]) -> list[tuple[str, int, float | None, float | None, float | None]]:
    """Return each statistic with the number of nights that have it, mean, standard deviation and median."""
    frame = pd.DataFrame(list(nights), dtype=float)
    rows = zip(frame.columns, frame.count(), frame.mean(), frame.std(), frame.median(), strict=True)
    return [(str(name), int(n), *(None if pd.isna(x) else float(x) for x in values)) for name, n, *values in rows]  # type: ignore[misc]


def write_statistics(nights: Mapping[str, Statistics], out: str | Path) -> None:
    """Write ``statistics.csv``, a row for each hypnogram."""
    frame = pd.DataFrame.from_dict(dict(nights), orient="index").rename_axis("hypnogram")
    _write(frame, Path(out) / "statistics.csv")


def write_scorers(found: Scorers, out: str | Path) -> None:
    """Write agreement, statistics and their limits of agreement as CSV, a figure of these, and each consensus."""
    out = Path(out)
    for name, frame in (("agreement", found.agreement()), ("statistics", found.statistics()),
                        ("bland-altman", found.bland_altman())):  # fmt: skip
        _write(frame, out / f"{name}.csv")
    content = io.BytesIO()
    found.plot().savefig(content, format="png", metadata={"Software": None})
    with whole_file(out / "bland-altman.png") as file:
        file.write(content.getvalue())
    for night in found.nights:
        names = [found.scheme.short[stage] if stage >= 0 else "?" for stage in found.consensus(night)]
        onsets = [i * EPOCH_SECONDS for i in range(len(names))]
        _write(pd.DataFrame({"stage": names}, index=pd.Index(onsets, name="onset")), out / f"consensus-{night}.csv")


def _write(frame: pd.DataFrame, path: Path) -> None:
    write_text(path, frame.to_csv(float_format="%.6g", lineterminator="\n"))

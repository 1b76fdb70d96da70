"""Several scorings of the same nights: how far they agree, what most say, and how their statistics differ."""

import glob
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import t as student
from sklearn.metrics import accuracy_score

from ..errors import BeetlError
from ..hypnograms.formats import is_hypnogram, is_staged_table, read_hypnogram
from ..hypnograms.names import UNSCORED
from ..hypnograms.schemes import AASM, RK, Scheme
from ..hypnograms.spans import Hypnogram, n_epochs, on_grid
from ..scoring import kappa
from ..task import EPOCH_SECONDS
from ..writing import write_bytes, write_text
from .cohort import expanded, named
from .statistics import all_statistics

LIMITS = 1.96
"""Standard deviations between which 95% of the differences lie (Bland & Altman 1986)."""
_DRAWN = ("total_sleep_time", "sleep_efficiency", "sleep_onset_latency", "rem_latency", "wake_after_sleep_onset",
          "awakenings")  # fmt: skip
_WITH_LIMITS = 3
"""Scorers whose pairs are few enough to draw their limits."""


@dataclass(frozen=True)
class Scorers:
    """Scorings of the same nights by several scorers.

    Attributes
    ----------
    nights : dict
        For each night by name, and each scorer by name, labels of the scheme (n_epochs,), on one grid of epochs, -1
        where not scored.
    scheme : Scheme
        Five stages where one of the scorers has only five.
    notes : tuple of str
        What a user should know of how they were read and paired.
    """

    nights: dict[str, dict[str, np.ndarray]]
    scheme: Scheme
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The scorers in order."""
        return list(dict.fromkeys(name for night in self.nights.values() for name in night))

    def agreement(self) -> pd.DataFrame:
        """Return, for each pair and each scorer against the consensus of the others, how they agree over all nights.

        Returns
        -------
        pandas.DataFrame
            ``nights``, ``epochs`` that both scored, ``accuracy``, Cohen's ``kappa``, and ``kappa_<stage>`` of each
            stage against all others; NaN where neither has it.
        """
        pairs = {f"{a} and {b}": (self._all(a, b)) for a, b in combinations(self.names, 2)}
        if len(self.names) > 2:
            pairs |= {f"{name} and the others": self._all(name, None) for name in self.names}
        rows = {pair: self._agree(*both) for pair, both in pairs.items()}
        return pd.DataFrame.from_dict(rows, orient="index").astype(float).rename_axis("pair")

    def consensus(self, night: str, without: str | None = None) -> np.ndarray:
        """Return what most scorers of a night say, (n_epochs,), -1 where none of them scored.

        Where as many say one stage as another, the one of the scorer counts who agrees best with the others over all
        nights (Guillot et al. 2020).
        """
        votes = np.zeros((len(next(iter(self.nights[night].values()))), len(self.scheme.short)))
        for name, stages in self.nights[night].items():
            if name != without:
                scored = np.flatnonzero(stages >= 0)
                votes[scored, stages[scored]] += 1 + 0.1 * 0.5 ** (1 + self._by_reliability.index(name))
        return np.where(votes.any(axis=1), votes.argmax(axis=1), UNSCORED)

    def statistics(self) -> pd.DataFrame:
        """Return the statistics of each scorer and night, over the epochs that all of them scored."""
        rows: dict[tuple[str, str], dict[str, float | None]] = {}
        for night, by in self.nights.items():
            both = np.all([stages >= 0 for stages in by.values()], axis=0)
            rows |= {(night, name): all_statistics(stages[both], self.scheme) for name, stages in by.items()}
        return pd.DataFrame(rows, dtype=float).T.rename_axis(["night", "scorer"])

    def bland_altman(self) -> pd.DataFrame:
        """Return, for each pair and statistic, the bias (second less first) and its limits over the nights of both.

        Returns
        -------
        pandas.DataFrame
            ``nights`` of which both have the statistic, ``mean`` of both, ``bias``, ``bias_low`` and ``bias_high`` (its
            95% interval, Student's), ``sd`` of the differences, ``lower`` and ``upper`` (bias -/+ 1.96 SD); NaN below
            three nights.
        """
        limits = {f"{a} and {b}": _limits(one, other) for (a, b), (one, other) in self._pairs().items()}
        return pd.concat(limits, names=["pair", "measure"])

    def plot(self) -> Figure:
        """Return differences over means of the most used statistics, a colour for each pair, with bias and limits."""
        limits, shown, pairs = self.bland_altman(), self.drawn, self._pairs()
        figure = Figure(figsize=(14, 3.2 * -(-len(shown) // 4)), layout="constrained", dpi=110)
        panels = figure.subplots(-(-len(shown) // 4), 4, squeeze=False).ravel()
        for axes, measure in zip(panels, shown, strict=False):
            for i, ((a, b), (first, second)) in enumerate(pairs.items()):
                one, other, row = first[measure], second[measure], limits.loc[f"{a} and {b}", measure]
                axes.plot((one + other) / 2, other - one, "o", color=f"C{i}", markersize=4, label=f"{b} less {a}")
                axes.axhline(row["bias"], color=f"C{i}", linewidth=1)
                for edge in ("lower", "upper") if len(self.names) <= _WITH_LIMITS else ():
                    axes.axhline(row[edge], color=f"C{i}", linewidth=0.8, linestyle="--")
            axes.axhline(0, color="#bbbbbb", linewidth=0.6, zorder=0)
            axes.set(title=measure.replace("_", " "), xlabel="mean of both", ylabel="difference")
        for axes in panels[len(shown) :]:
            axes.set_axis_off()
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
        return figure

    @property
    def drawn(self) -> list[str]:
        """The most used statistics."""
        return [*_DRAWN, *(f"minutes_{name}" for name in self.scheme.short[1:])]

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return agreement, statistics and their limits of agreement by the names of their files."""
        return {"agreement": self.agreement(), "statistics": self.statistics(), "bland-altman": self.bland_altman()}

    def write(self, out: str | Path) -> None:
        """Write the tables as CSV, the figure, and each consensus."""
        for night in self.nights:
            names = [self.scheme.short[stage] if stage >= 0 else "?" for stage in self.consensus(night)]
            onsets = pd.RangeIndex(0, len(names) * EPOCH_SECONDS, EPOCH_SECONDS, name="onset")
            write_table(pd.DataFrame({"stage": names}, index=onsets), Path(out) / f"consensus-{night}.csv")
        for name, frame in self.tables().items():
            write_table(frame, Path(out) / f"{name}.csv")
        content = io.BytesIO()
        self.plot().savefig(content, format="png", metadata={"Software": None})
        write_bytes(Path(out) / "bland-altman.png", content.getvalue())

    def _pairs(self) -> dict[tuple[str, str], tuple[pd.DataFrame, pd.DataFrame]]:
        """Return the statistics of each pair of scorers, a row for each night."""
        found = self.statistics()
        by = {name: found.xs(name, level="scorer").reindex(list(self.nights)) for name in self.names}
        return {(a, b): (by[a], by[b]) for a, b in combinations(self.names, 2)}

    def _all(self, one: str, other: str | None) -> tuple[int, np.ndarray, np.ndarray]:
        """Return the number of nights, and the stages of epochs that both scored; ``other`` is None for the others."""
        pairs = []
        for night, by in self.nights.items():
            if one in by and (other in by or (other is None and len(by) > 1)):
                second = self.consensus(night, without=one) if other is None else by[other]
                both = (by[one] >= 0) & (second >= 0)
                pairs.append(np.stack([by[one][both], second[both]]))
        first, second = np.concatenate([np.zeros((2, 0), dtype=int), *pairs], axis=1)
        return len(pairs), first, second

    def _agree(self, nights: int, one: np.ndarray, other: np.ndarray) -> dict[str, float | None]:
        row = {"nights": nights, "epochs": len(one), "accuracy": None, "kappa": kappa(one, other)}
        if len(one):
            row["accuracy"] = accuracy_score(one, other)
        return row | {f"kappa_{name}": kappa(one == i, other == i) for i, name in enumerate(self.scheme.short)}

    @cached_property
    def _by_reliability(self) -> list[str]:
        """The scorers, who says most often what others say first."""
        pairs = {pair: self._all(*pair)[1:] for pair in combinations(self.names, 2)}
        agreed = {pair: float(np.mean(one == other)) if len(one) else 0.0 for pair, (one, other) in pairs.items()}
        shares = {name: [share for pair, share in agreed.items() if name in pair] for name in self.names}
        return sorted(self.names, key=lambda name: -float(np.mean(shares[name] or [0.0])))


def read_scorers(given: Sequence[str | Path], names: Mapping[str, str] | None = None) -> Scorers:
    """Return the scorings of several scorers, each a file of one night, or a folder or pattern of files.

    Files of folders are paired by their names, but for endings such as ``-hypnogram``. Files of a night are on one grid
    by their clocks, as far as they tell when they began; else they begin together.

    Raises
    ------
    BeetlError
        Fewer than two scorers, no night in common, or a file that cannot be read.
    """
    if len(given) < 2:
        raise BeetlError("expected two scorers or more, each a file, a folder or a pattern; name another")
    found = [expanded(one, is_hypnogram, is_staged_table) for one in given]
    several = [named(files) for files in found if files is not None]
    if several and len(several) < len(found):
        raise BeetlError("expected only files or only folders and patterns; name the folders of all scorers")
    by = several or [{"night": Path(one)} for one in given]
    common = [night for night in by[0] if all(night in files for files in by[1:])]
    if not common:
        few = [", ".join(list(files)[:3]) for files in by[:2]]
        raise BeetlError(f"no night is there from all: {few[0]} and {few[1]}; name the files alike")
    left = sum(len(files) for files in by) - len(common) * len(by)
    notes = [f"{left} files have no partner of their name, and are left out"] if left else []
    who, nights = _scorer_names([Path(one) for one in given]), {}
    for night in common:
        read: dict[str, Hypnogram] = {}
        for name, files in zip(who, by, strict=True):
            start = next((one.start for one in read.values() if one.start), None)
            read[name] = read_hypnogram(files[night], start, names=names)
            notes += [f"{files[night]}: {note}" for note in read[name].notes]
        size = n_epochs(read.values(), " and ".join(str(files[night]) for files in by))
        nights[night] = read, size
    scheme = AASM if any(one.scheme is AASM for read, _ in nights.values() for one in read.values()) else RK
    grids = {night: {name: scheme.labels(on_grid(one.spans, size)) for name, one in read.items()}
             for night, (read, size) in nights.items()}  # fmt: skip
    return Scorers(grids, scheme, tuple(notes))


def _scorer_names(paths: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths that tell them apart; a pattern is called as its folder is."""
    paths = [path.parent if glob.has_magic(path.name) and path.parent.name else path for path in paths]
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    raise BeetlError(f"{paths[0]}: is given twice; name each scorer once")


def _limits(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return bias and limits of agreement of each statistic (columns) over nights (rows)."""
    difference = other - one
    n, bias, sd = difference.count(), difference.mean(), difference.std()
    margin = student.ppf(0.975, n - 1) * sd / n**0.5
    found = pd.DataFrame({
        "nights": n.astype(float), "mean": ((one + other) / 2).mean(), "bias": bias, "bias_low": bias - margin,
        "bias_high": bias + margin, "sd": sd, "lower": bias - LIMITS * sd, "upper": bias + LIMITS * sd,
    })  # fmt: skip
    found.loc[n < 3, "mean":] = np.nan
    return found


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table of statistics as CSV."""
    write_text(path, frame.to_csv(float_format="%.6g", lineterminator="\n"))

"""What an audit finds: findings by severity, one row per night, and summaries per part of the competition."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..data.recording import RecordingKey

ERROR, WARNING, INFO = SEVERITIES = ("error", "warning", "info")
IN_ORDER, PARTLY, BLOCKS = "in order", "partly in order", "shuffled in blocks"
SHUFFLED, TOO_FEW = "shuffled", "too few epochs"


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found."""

    severity: str
    """An error would spoil a submission; a warning is what real nights have too; info is worth knowing."""
    code: str
    """What kind it is, such as ``"missing"`` or ``"flat"``; stable, for programs."""
    where: str
    """The file, recording or part."""
    message: str
    """One line: what, expected, got, next step."""


@dataclass(frozen=True)
class Order:
    """Whether the rows of a night are in the order of time, and on what evidence."""

    verdict: str
    """``"in order"``, ``"partly in order"``, ``"shuffled in blocks"``, ``"shuffled"`` or ``"too few epochs"``."""
    n_borders: int
    """Borders between neighbouring rows that were compared."""
    forecast_wins: float
    """Share of borders where the row before forecasts a row's beginning better than a random row; 0.5 by chance."""
    forecast_p: float
    """Two-sided p-value of that share (exact binomial test)."""
    jump_wins: float
    """The same for the size of the jump across the border."""
    jump_p: float
    neighbours: float | None = None
    """Share of equal labels between neighbouring rows; ``None`` without labels, as the next ones."""
    blocks: float | None = None
    """The same between rows of one block of 100."""
    anywhere: float | None = None
    """The same between any two rows of the night."""
    neighbours_z: float | None = None
    """How far ``neighbours`` is above ``anywhere``, in standard deviations of shuffled nights."""

    def describe(self) -> str:
        """Return the evidence as one line for people."""
        if self.verdict == TOO_FEW:
            return f"{self.n_borders} borders are too few to say"
        text = f"border forecast beats a random pair in {self.forecast_wins:.0%}, jump in {self.jump_wins:.0%}"
        text += " (50% by chance)"
        if self.neighbours is None:
            return text
        text += f"; neighbouring labels agree {self.neighbours:.2f}, in blocks {self.blocks:.2f}"
        return f"{text}, anywhere {self.anywhere:.2f}"


@dataclass(frozen=True)
class NightRow:
    """One night as it was found; pairs are one value per channel."""

    key: RecordingKey
    role: str
    """Part of the group: source, target or test."""
    path: str
    """File of the signal."""
    n_epochs: int = 0
    """0 where the file could not be read."""
    counts: tuple[int, ...] | None = None
    """Epochs per stage; ``None`` without labels."""
    std_uv: tuple[float, ...] = ()
    """Standard deviation of the median epoch in microvolts."""
    peak_uv: tuple[float, ...] = ()
    """Largest absolute value in microvolts."""
    flat: tuple[int, ...] = ()
    """Epochs without a signal."""
    clipped: tuple[int, ...] = ()
    """Epochs with samples at the recording's limits."""
    wild: tuple[int, ...] = ()
    """Epochs with more than ten times the usual amplitude."""
    duplicates: int = 0
    """Epochs that repeat another of the same night."""
    order: Order | None = None
    """Verdict on the order of rows."""


@dataclass(frozen=True)
class PartRow:
    """One folder of the competition: recordings and epochs that are there, against what there should be."""

    group: str
    role: str
    found: int
    expected: int
    n_epochs: int
    """Epochs that could be read."""
    expected_epochs: int | None
    """``None`` where the tree is neither the competition's nor says how many it has."""
    counts: tuple[int, ...] | None
    """Epochs per stage."""
    orders: dict[str, int]
    """Nights per verdict on the order of rows."""


@dataclass(frozen=True)
class Spectra:
    """Mean spectra of a part."""

    group: str
    role: str
    frequencies: list[float]
    """Hz."""
    power_db: dict[str, list[list[float]]]
    """By stage and for ``"all"``, one list per channel: dB of 1 uV^2/Hz, the mean over subjects of that over epochs."""


@dataclass(frozen=True)
class Distance:
    """How far a part is from the source; a measure is the log power of a band and a channel."""

    group: str
    role: str
    difference: dict[str, float]
    """By measure: mean over the part's subjects less that over the source's, in SD over the source's subjects."""
    wasserstein: dict[str, float]
    """By measure: Wasserstein distance between the part's epochs and the source's, in SD of the source's epochs."""
    outside: dict[str, float]
    """For each subject, the share of the measures that are beyond every subject of the source."""
    classes: float | None
    """Total variation between the class shares of part and source (0 alike, 1 disjoint); ``None`` without labels."""

    def describe(self) -> str:
        """Return one line for people."""
        name = max(self.difference, key=lambda key: abs(self.difference[key]))
        mean = sum(map(abs, self.difference.values())) / len(self.difference)
        text = f"{self.group} {self.role}: on average {mean:.1f} source SD off, "
        text += f"most in {name} ({self.difference[name]:+.1f})"
        return text if self.classes is None else f"{text}; class shares differ by {self.classes:.0%}"


@dataclass(frozen=True)
class Audit:
    """Everything that :func:`beetl_task1.audit.audit` found."""

    path: str
    provenance: str
    """What the data are: competition files, simulated, or rebuilt from open recordings."""
    rules: str
    """``"competition"``, or ``"open"`` and why, where what is labelled may train only so."""
    findings: Sequence[Finding]
    """The worst first."""
    parts: Sequence[PartRow]
    nights: Sequence[NightRow]
    spectra: Sequence[Spectra]
    shifts: Sequence[Distance]

    @property
    def errors(self) -> list[Finding]:
        """The findings that would spoil a submission."""
        return [finding for finding in self.findings if finding.severity == ERROR]

    @property
    def ok(self) -> bool:
        """Whether nothing would spoil a submission."""
        return not self.errors

    def describe(self) -> str:
        """Return one line: how many findings of each severity over how many nights and epochs."""
        counts = Counter(finding.severity for finding in self.findings)
        nights = f"{len(self.nights)} nights, {sum(night.n_epochs for night in self.nights):,} epochs"
        return f"{nights}: {counts[ERROR]} errors, {counts[WARNING]} warnings, {counts[INFO]} notes"

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and dicts, ready for JSON; keys as ``"65-79/s6r1"``."""
        content = asdict(self) | {"ok": self.ok}
        for row, night in zip(content["nights"], self.nights, strict=True):
            row["key"] = str(night.key)
        return content

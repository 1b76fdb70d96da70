"""What an audit finds: findings by severity, one row per night, and summaries per part of the competition."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from ..data.recording import RecordingKey

ERROR, WARNING, INFO = "error", "warning", "info"
SEVERITIES = (ERROR, WARNING, INFO)


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes
    ----------
    severity : {"error", "warning", "info"}
        An error would spoil a submission; a warning is what real nights have too; info is worth knowing.
    code : str
        What kind it is, such as ``"missing"`` or ``"flat"``; stable, for programs.
    where : str
        The file, recording or part.
    message : str
        One line: what, expected, got, next step.
    """

    severity: str
    code: str
    where: str
    message: str


@dataclass(frozen=True)
class Order:
    """Whether the rows of a night are in the order of time, and on what evidence.

    Attributes
    ----------
    verdict : str
        ``"in order"``, ``"partly in order"``, ``"shuffled in blocks"``, ``"shuffled"`` or ``"too few epochs"``.
    n_borders : int
        Borders between neighbouring rows that were compared.
    forecast_wins : float
        Share of borders at which the end of the row before forecasts the beginning of a row better than the end of a
        random other row does; 0.5 by chance.
    forecast_p : float
        Two-sided p-value of that share (exact binomial test).
    jump_wins, jump_p : float
        The same for the size of the jump across the border.
    neighbours, blocks, anywhere : float or None
        Share of equal labels between neighbouring rows, between rows of one block of 100, and between any two rows of
        the night; ``None`` without labels.
    neighbours_z : float or None
        How far ``neighbours`` lies above ``anywhere``, in standard deviations of shuffled nights.
    """

    verdict: str
    n_borders: int
    forecast_wins: float
    forecast_p: float
    jump_wins: float
    jump_p: float
    neighbours: float | None = None
    blocks: float | None = None
    anywhere: float | None = None
    neighbours_z: float | None = None

    def describe(self) -> str:
        """Return the evidence as one line for people."""
        if self.verdict == TOO_FEW:
            return f"{self.n_borders} borders are too few to say"
        text = (
            f"border forecast beats a random pair in {self.forecast_wins:.0%}, "
            f"jump in {self.jump_wins:.0%} (50% by chance)"
        )
        if self.neighbours is not None:
            text += (
                f"; neighbouring labels agree {self.neighbours:.2f}, in blocks {self.blocks:.2f}, "
                f"anywhere {self.anywhere:.2f}"
            )
        return text


IN_ORDER, PARTLY, BLOCKS, SHUFFLED, TOO_FEW = (
    "in order",
    "partly in order",
    "shuffled in blocks",
    "shuffled",
    "too few epochs",
)


@dataclass(frozen=True)
class NightRow:
    """One night as it was found.

    Attributes
    ----------
    key : RecordingKey
        Identity.
    role : str
        Part of the group: source, target or test.
    path : str
        File of the signal.
    n_epochs : int
        0 where the file could not be read.
    counts : tuple of int or None
        Epochs per stage; ``None`` without labels.
    std_uv : tuple of float
        Standard deviation of the median epoch per channel, in microvolts.
    peak_uv : tuple of float
        Largest absolute value per channel, in microvolts.
    flat, clipped, wild : tuple of int
        Epochs per channel without a signal, with samples at the recording's limits, or with more than ten times the
        usual amplitude.
    duplicates : int
        Epochs that repeat another of the same night.
    order : Order or None
        Verdict on the order of rows.
    """

    key: RecordingKey
    role: str
    path: str
    n_epochs: int = 0
    counts: tuple[int, ...] | None = None
    std_uv: tuple[float, ...] = ()
    peak_uv: tuple[float, ...] = ()
    flat: tuple[int, ...] = ()
    clipped: tuple[int, ...] = ()
    wild: tuple[int, ...] = ()
    duplicates: int = 0
    order: Order | None = None


@dataclass(frozen=True)
class PartRow:
    """One folder of the competition: what is there against what there should be.

    Attributes
    ----------
    group, role : str
        The part.
    found, expected : int
        Recordings.
    n_epochs : int
        Epochs that could be read.
    expected_epochs : int or None
        ``None`` where the tree is neither the competition's nor says how many it has.
    counts : tuple of int or None
        Epochs per stage.
    orders : dict of str to int
        Nights per verdict on the order of rows.
    """

    group: str
    role: str
    found: int
    expected: int
    n_epochs: int
    expected_epochs: int | None
    counts: tuple[int, ...] | None
    orders: dict[str, int]


@dataclass(frozen=True)
class Spectra:
    """Mean spectra of a part.

    Attributes
    ----------
    group, role : str
        The part.
    frequencies : list of float
        Hz.
    power_db : dict of str to list of list of float
        For each stage, and for ``"all"`` epochs, one list per channel: dB relative to 1 uV^2/Hz, the mean over subjects
        of the mean over epochs.
    """

    group: str
    role: str
    frequencies: list[float]
    power_db: dict[str, list[list[float]]]


@dataclass(frozen=True)
class Shift:
    """How far a part lies from the source.

    Attributes
    ----------
    group, role : str
        The part.
    difference : dict of str to float
        For each measure (log power of a band and a channel): mean over the part's subjects less that over the source's
        subjects, in standard deviations over the source's subjects.
    wasserstein : dict of str to float
        Wasserstein distance between the epochs of the part and of the source, in standard deviations of the source's
        epochs.
    outside : dict of str to float
        For each subject, the share of the measures that lie beyond every subject of the source.
    classes : float or None
        Total variation between the class shares of part and source (0 alike, 1 disjoint); ``None`` without labels.
    """

    group: str
    role: str
    difference: dict[str, float]
    wasserstein: dict[str, float]
    outside: dict[str, float]
    classes: float | None

    def describe(self) -> str:
        """Return one line for people."""
        name = max(self.difference, key=lambda key: abs(self.difference[key]))
        mean = sum(abs(value) for value in self.difference.values()) / len(self.difference)
        text = f"{self.group} {self.role}: on average {mean:.1f} source SD off, "
        text += f"most in {name} ({self.difference[name]:+.1f})"
        return text if self.classes is None else f"{text}; class shares differ by {self.classes:.0%}"


@dataclass(frozen=True)
class Audit:
    """Everything that :func:`beetl_task1.audit.audit` found.

    Attributes
    ----------
    path : str
        The folder.
    provenance : str
        What the data are: competition files, simulated, or rebuilt from open recordings.
    findings : list of Finding
        The worst first.
    parts, nights, spectra, shifts : list
        Rows as described in their types.
    """

    path: str
    provenance: str
    findings: Sequence[Finding]
    parts: Sequence[PartRow] = field(default_factory=list)
    nights: Sequence[NightRow] = field(default_factory=list)
    spectra: Sequence[Spectra] = field(default_factory=list)
    shifts: Sequence[Shift] = field(default_factory=list)

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
        counts = {severity: sum(f.severity == severity for f in self.findings) for severity in SEVERITIES}
        epochs = sum(night.n_epochs for night in self.nights)
        return (
            f"{len(self.nights)} nights, {epochs:,} epochs: {counts[ERROR]} errors, {counts[WARNING]} warnings, "
            f"{counts[INFO]} notes"
        )

    def to_dict(self) -> dict:
        """Return plain lists and dicts, ready for JSON; keys as ``"65-79/s6r1"``."""
        content = asdict(self) | {"ok": self.ok}
        for row, night in zip(content["nights"], self.nights, strict=True):
            row["key"] = str(night.key)
        return content

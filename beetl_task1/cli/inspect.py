"""``beetl-task1 inspect``."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from ..task import CHANNELS, STAGES
from . import options
from .progress import progress_bar
from .show import COLOURS, show, table, text

if TYPE_CHECKING:
    from ..audit.findings import Audit, Finding, NightRow, Order, PartRow, Spectra
    from ..data.files import DataFolder

_LEGEND = (
    "SD: of the median epoch. Epochs: flat, clipped, wild (ten times the usual amplitude), the same as another. "
    "Borders won against a random row by forecasting ahead and by the smaller jump: 50% where shuffled. Labels alike "
    "between neighbours/within 100 rows/anywhere."
)


@options.command()
@options.with_data
@options.workers
@options.json_output
@click.option(
    "--group", "groups", multiple=True, type=options.GroupName(), help="Only this target group and the source."
)
@click.option("--nights/--no-nights", default=True, show_default=True, help="Print one line per night.")
@click.pass_context
def inspect(ctx: click.Context, data: "DataFolder", groups: tuple[str, ...], jobs: int, nights: bool) -> None:
    """Audit a data folder: what is missing or damaged, what the nights are like, how far the groups are apart.

    Exit code 1 when something would spoil a submission; what real nights have too is a warning.

    \b
    Example:
      beetl-task1 inspect --data DATA --jobs 2
    """
    from ..audit import audit

    with progress_bar("inspect (nights)") as progress:
        result = audit(data, groups=groups or None, jobs=jobs, progress=progress)
    show(result.to_dict(), audit_lines(result, nights))
    if not result.ok:
        ctx.exit(1)


def audit_lines(result: "Audit", nights: bool) -> Iterator[Any]:
    """Show what an audit found, with or without a line for each night."""
    yield f"data: {result.provenance} in {result.path}"
    yield f"rules: {result.rules}"
    yield _parts(result.parts)
    if nights:
        yield _stages(result.nights)
        yield _signals(result.nights)
        yield f"  {_LEGEND}"
    if result.spectra:
        yield _spectra(result.spectra)
    for distance in result.shifts:
        yield f"from the source: {distance.describe()}"
    for finding in result.findings:
        yield _finding(finding, result.path)
    yield result.describe()


def _finding(finding: "Finding", folder: str) -> Any:
    mark = text(f"{finding.severity} [{finding.code}] ", COLOURS[finding.severity])
    return mark + text(f"{finding.where.removeprefix(f'{folder}/')}: {finding.message}", "")


def _parts(parts: Iterable["PartRow"]) -> Any:
    rows = [
        (
            f"{p.group} {p.role}",
            f"{p.found}/{p.expected}",
            f"{p.n_epochs:,}" + ("" if p.expected_epochs in (None, p.n_epochs) else f" of {p.expected_epochs:,}"),
            *(("-",) * len(STAGES) if p.counts is None else (f"{n:,}" for n in p.counts)),
            ", ".join(f"{n} {verdict}" for verdict, n in p.orders.items()),
        )
        for p in parts
    ]
    return table("parts", "part", "nights", "epochs", *STAGES, "order of epochs", rows=rows)


def _stages(nights: Iterable["NightRow"]) -> Any:
    rows = [(str(n.key), n.role, f"{n.n_epochs:,}", *map(str, n.counts)) for n in nights if n.counts]
    return table("labelled nights: stages", "night", "part", "epochs", *STAGES, rows=rows, left=2)


def _signals(nights: Iterable["NightRow"]) -> Any:
    measures = ("epochs", "SD uV", "peak uV", "flat", "clip", "wild", "same")
    order = ("order", "ahead", "jump", "labels")
    return table("nights: signals (Fpz-Cz/Pz-Oz) and order", "night", *measures, *order, rows=map(_signal, nights))


def _signal(night: "NightRow") -> tuple[str, ...]:
    pairs = (night.std_uv, night.peak_uv, night.flat, night.clipped, night.wild)
    texts = ("/".join(f"{value:.0f}" for value in pair) for pair in pairs)
    repeated = str(night.duplicates) if night.n_epochs else ""
    return (str(night.key), f"{night.n_epochs:,}", *texts, repeated, *_order(night.order))


def _order(order: "Order | None") -> tuple[str, ...]:
    if order is None:
        return ("unread", "", "", "")
    labels = [share for share in (order.neighbours, order.blocks, order.anywhere) if share is not None]
    agreement = "/".join(f"{share:.2f}".lstrip("0") for share in labels)
    return (order.verdict, f"{order.forecast_wins:.0%}", f"{order.jump_wins:.0%}", agreement)


def _spectra(spectra: Iterable["Spectra"]) -> Any:
    from ..audit.night import AUDITED_BANDS

    rows = [
        (f"{s.group} {s.role}", stage, channel, *_bands(s.frequencies, s.power_db[stage][c], AUDITED_BANDS))
        for s in spectra
        for stage in s.power_db
        for c, channel in enumerate(CHANNELS)
    ]
    return table("spectra, dB of 1 uV^2/Hz", "part", "stage", "channel", *AUDITED_BANDS, rows=rows, left=3)


def _bands(frequencies: list[float], decibel: list[float], bands: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    for low, high in bands.values():
        inside = [d for f, d in zip(frequencies, decibel, strict=True) if low <= f < high]
        yield f"{sum(inside) / len(inside):.1f}"

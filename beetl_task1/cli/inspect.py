"""``beetl-task1 inspect``."""

import click

from ..task import CHANNELS, STAGES
from . import options


@click.command()
@options.together(options.data, options.unit, options.allow_partial, options.jobs, options.as_json)
@click.option(
    "--group", "groups", multiple=True, type=options.GroupName(), help="Only this target group and the source."
)
@click.option("--nights/--no-nights", default=True, show_default=True, help="Print one line per night.")
@click.pass_context
def inspect(ctx, data, unit, allow_partial, jobs, as_json, groups, nights):
    """Audit a data folder: what is missing or damaged, what the nights are like, how far the groups are apart.

    Exit code 1 when something would spoil a submission; what real nights have too is a warning.

    \b
    Example:
      beetl-task1 inspect --data DATA --jobs 2
    """
    from ..audit import audit
    from ..data.files import DataFolder
    from .progress import progress_bar

    folder = DataFolder(data, unit=unit, allow_partial=allow_partial)
    with progress_bar("inspect (nights)") as progress:
        result = audit(folder, groups=groups or None, jobs=jobs, progress=progress)
    if as_json:
        _show_json(result)
    else:
        _show(result, nights)
    if not result.ok:
        ctx.exit(1)


_LEGEND = (
    "SD: of the median epoch. Epochs: flat, clipped, wild (ten times the usual amplitude), the same as another. "
    "Borders won against a random row by forecasting ahead and by the smaller jump: 50% where shuffled. Labels alike "
    "between neighbours/within 100 rows/anywhere."
)


def _show_json(result):
    import json

    click.echo(json.dumps(result.to_dict(), indent=1))


def _show(result, nights):
    from .show import console

    out = console()
    out.print(f"data: {result.provenance} in {result.path}", soft_wrap=True, markup=False)
    out.print(_parts(result.parts))
    if nights:
        out.print(_stages(result.nights))
        out.print(_signals(result.nights))
        out.print(f"  {_LEGEND}", soft_wrap=True)
    if result.spectra:
        out.print(_spectra(result.spectra))
    for shift in result.shifts:
        out.print(f"from the source: {shift.describe()}", soft_wrap=True, markup=False)
    _show_findings(out, result)
    out.print(result.describe(), markup=False)


def _show_findings(out, result):
    from rich.text import Text

    from .show import COLOURS

    for finding in result.findings:
        where = finding.where.removeprefix(f"{result.path}/")
        mark = Text(f"{finding.severity} [{finding.code}] ", style=COLOURS[finding.severity])
        out.print(mark + Text(f"{where}: {finding.message}"), soft_wrap=True)


def _parts(parts):
    from .show import table

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


def _stages(nights):
    from .show import table

    rows = [(str(n.key), n.role, f"{n.n_epochs:,}", *map(str, n.counts)) for n in nights if n.counts]
    return table("labelled nights: stages", "night", "part", "epochs", *STAGES, rows=rows, left=2)


def _signals(nights):
    from .show import table

    measures = ("epochs", "SD uV", "peak uV", "flat", "clip", "wild", "same")
    order = ("order", "ahead", "jump", "labels")
    return table("nights: signals (Fpz-Cz/Pz-Oz) and order", "night", *measures, *order, rows=map(_signal, nights))


def _signal(night):
    pairs = (night.std_uv, night.peak_uv, night.flat, night.clipped, night.wild)
    texts = ("/".join(f"{value:.0f}" for value in pair) for pair in pairs)
    repeated = str(night.duplicates) if night.n_epochs else ""
    return (str(night.key), f"{night.n_epochs:,}", *texts, repeated, *_order(night.order))


def _order(order):
    if order is None:
        return ("unread", "", "", "")
    labels = (order.neighbours, order.blocks, order.anywhere)
    agreement = "" if order.neighbours is None else "/".join(f"{share:.2f}".lstrip("0") for share in labels)
    return (order.verdict, f"{order.forecast_wins:.0%}", f"{order.jump_wins:.0%}", agreement)


def _spectra(spectra):
    from ..audit.night import BANDS
    from .show import table

    rows = [
        (f"{s.group} {s.role}", stage, channel, *_bands(s.frequencies, s.power_db[stage][c], BANDS))
        for s in spectra
        for stage in s.power_db
        for c, channel in enumerate(CHANNELS)
    ]
    return table("spectra, dB of 1 uV^2/Hz", "part", "stage", "channel", *BANDS, rows=rows, left=3)


def _bands(frequencies, decibel, bands):
    for low, high in bands.values():
        inside = [d for f, d in zip(frequencies, decibel, strict=True) if low <= f < high]
        yield f"{sum(inside) / len(inside):.1f}"

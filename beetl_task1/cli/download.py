"""``beetl-task1 download``."""

from pathlib import Path
from typing import Any

import click

from ..task import SOURCE_GROUP, TARGET_GROUPS
from . import options
from .inspect import audit_lines
from .progress import progress_bar
from .show import show

MB = 1_000_000
TUTORIAL = "tutorial"


@options.command()
@click.option("--group", "groups", multiple=True, type=click.Choice([SOURCE_GROUP, *TARGET_GROUPS, TUTORIAL]),
              help="Age group to fetch; may be repeated.  [default: the three of the competition]")  # fmt: skip
@click.option("--labels", is_flag=True, help="Also the final phase's true labels, for `score`, to truth/80-95.txt.")
@options.out_folder("--out", required=True, type=click.Path(path_type=Path, file_okay=False), envvar="BEETL_DATA",
                help="The data folder; made if missing.")  # fmt: skip
@click.option("--keep-archives", is_flag=True, help="Keep the zips after unpacking.")
@options.option("--api", default="https://api.figshare.com/v2", envvar="BEETL_FIGSHARE",
                help="Where figshare's API answers.")  # fmt: skip
@click.option("--inspect/--no-inspect", "look", default=True, show_default=True, help="Audit what has arrived.")
@options.jobs
@options.json_output
@click.pass_context
def download(ctx: click.Context, /, groups: tuple[str, ...], out: Path, look: bool, jobs: int, **asked: Any) -> None:
    """Fetch the competition's recordings from figshare and lay out its folders.

    Some 9 GB, and at times twice that while unpacking. A download that broke off continues when run again; what is
    complete is left alone. Every file is checked by its md5. Where figshare refuses, the error says what to download
    by hand and where to put it. Ends with `inspect`.

    \b
    Example:
      beetl-task1 download --out data
      beetl-task1 download --group 80-95 --labels --out data
    """
    from ..download import download as run

    groups = groups or (SOURCE_GROUP, *TARGET_GROUPS)
    with progress_bar("download (MB)") as bar:
        in_mb = bar and (lambda done, total, name: bar(done // MB, total // MB, name))
        result = run(out, groups, progress=in_mb, **asked)
    for note in result.notes:
        click.echo(f"note: {note}", err=True)
    lines: list[Any] = [f"{title}: {count} files" for title, count in result.files.items()]
    found = None
    if look and not set(groups) <= {TUTORIAL}:
        from ..audit import audit
        from ..data.files import DataFolder

        folder = DataFolder(out, allow_partial=set(groups) != {SOURCE_GROUP, *TARGET_GROUPS})
        with progress_bar("inspect (nights)") as bar:
            found = audit(folder, groups=[g for g in groups if g in TARGET_GROUPS] or None, jobs=jobs, progress=bar)
        lines += audit_lines(found, nights=False)
    inspected = found and found.to_dict()
    show({"data": str(out), "files": result.files, "notes": result.notes, "inspect": inspected}, lines)
    if found and not found.ok:
        ctx.exit(1)

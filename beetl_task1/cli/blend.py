"""``beetl-task1 blend``."""

from pathlib import Path

import click

from . import options


@click.command()
@click.argument("probabilities", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.together(
    options.data, options.group, options.submissions,
    click.option("--name", default="blend", show_default=True, help="What to call the submission."),
    click.option("--weights", help="Comma-separated, one per file.  [default: equal]"),
    click.option("--strength", type=click.FloatRange(0, 2), default=0.5, show_default=True,
                 help="Of the decision: 0 is the plain argmax, 1 divides by the whole prior."),
    options.unit, options.allow_partial, options.as_json,
)  # fmt: skip
def blend(probabilities, data, group, submissions, name, weights, strength, unit, allow_partial, as_json):
    """Average saved probabilities, ours or foreign ones in the documented format, decide labels and package them.

    \b
    Example:
      beetl-task1 blend submissions/a-80-95/probabilities.npz theirs.npz --data DATA --group 80-95
    """
    from ..data.files import DataFolder
    from ..submission.blend import blend as run
    from .show import show_package

    folder = DataFolder(data, unit=unit, allow_partial=allow_partial)
    shares = None if weights is None else _numbers(weights)
    result = run(probabilities, group, folder, submissions, name=name, weights=shares, strength=strength)
    show_package(result, as_json)


def _numbers(text):
    from ..errors import BeetlError

    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise BeetlError(f"--weights {text!r}: expected numbers with commas between them, such as 2,1") from error

"""Labels as text, one stage per line, in whatever form the organisers' scorer takes them."""

import numpy as np

from ..task import N_OUTPUTS
from ..typed import text_of


class NotLabels(ValueError):
    """What is wrong with a text of labels, in words that follow the name of the file."""


def parse_labels(content: bytes) -> np.ndarray:
    """Return the stages of a text, shape ``(n_epochs,)``.

    Whole numbers may be written as floats, as ``numpy.savetxt`` does; byte order marks, line ends of any system and
    blank lines at the end pass.

    Raises
    ------
    NotLabels
        If a line is no stage 0 to 5; it is named.
    """
    expected = f"expected one stage 0 to {N_OUTPUTS - 1} per line"
    try:
        lines = text_of(content).rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise NotLabels(f"not a text ({error}); {expected}") from error
    if not lines:
        raise NotLabels(f"holds no label; {expected}")
    stages = []
    for number, line in enumerate(lines, start=1):
        stage = as_stage(line)
        if stage is None:
            raise NotLabels(f"line {number} is {line.strip()[:20]!r}; {expected}")
        stages.append(stage)
    return np.array(stages, dtype=np.int64)


def as_stage(word: str) -> int | None:
    """Return the stage that a word says, such as ``"3"`` or ``"3.000e+00"``; ``None`` for any other."""
    try:
        value = float(word)
    except ValueError:
        return None
    return int(value) if value in range(N_OUTPUTS) and word.isascii() and "_" not in word else None

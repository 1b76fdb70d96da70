"""What long work tells whoever waits for it."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with (done, total, text) during long work."""

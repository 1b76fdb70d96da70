"""What a result is: frozen, typed, compared by value, and plain where a file or a program takes it."""

from typing import Any

import msgspec


class Result(msgspec.Struct, frozen=True):
    """Base of all results; :func:`beetl_task1.typed.typed` reads one back from plain values."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

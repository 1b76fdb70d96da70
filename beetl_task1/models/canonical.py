"""The same bytes for the same model: a file of skops without the addresses and times that it is written with."""

import io
import json
import zipfile
from typing import Any

_SCHEMA = "schema.json"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def canonical(content: bytes) -> bytes:
    """Return a file of skops in which objects are numbered as they come, instead of by their address in memory.

    Parameters
    ----------
    content : bytes
        As ``skops.io.dumps`` returns it.

    Returns
    -------
    bytes
        For ``skops.io.loads``, equal for equal models.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        numbers: dict[str, int] = {}
        files: dict[str, str] = {}
        schema = _numbered(json.loads(old.read(_SCHEMA)), numbers, files)
        for name, before in files.items():
            new.writestr(zipfile.ZipInfo(name, _LONG_AGO), old.read(before))
        new.writestr(zipfile.ZipInfo(_SCHEMA, _LONG_AGO), json.dumps(schema, indent=2))
    return buffer.getvalue()


def _numbered(node: Any, numbers: dict[str, int], files: dict[str, str]) -> Any:
    """Return a part of the schema with new numbers and names; ``files`` goes from new names to old ones."""
    if isinstance(node, list):
        return [_numbered(part, numbers, files) for part in node]
    if not isinstance(node, dict):
        return node
    changed = {}
    for key, value in node.items():
        changed[key] = _numbered(value, numbers, files)
        if key == "__id__":
            changed[key] = numbers.setdefault(str(value), len(numbers))
        if key == "file" and isinstance(value, str):
            stem, _, ending = value.rpartition(".")
            changed[key] = f"{numbers.setdefault(stem, len(numbers))}.{ending}"
            files[changed[key]] = value
    return changed

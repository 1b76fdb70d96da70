"""A checkpoint as one file that one laboratory can hand to another: cards and weights, no code, all digests checked."""

import json
import os
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from .. import __version__
from ..data.zips import DAMAGED, open_zip
from ..errors import BeetlError, CheckpointError
from ..store import sha256
from ..task import TARGET_GROUPS
from ..typed import NAME, json_of
from ..writing import alone, check_folder, whole_file
from .card import CARD, Card, card_sha256, checkpoint_folder, has_checkpoint, load_card
from .checkpoint import check_whole

ABOUT = "checkpoint.json"
LARGEST = 4_000_000_000
"""Bytes of the largest checkpoint that is imported, unpacked."""
_MOST_FILES = 1000
_FILE = re.compile(rf"(members/{NAME}/)?(card\.json|seed\d+-[0-9a-f]{{12}}\.weights)")


def export_checkpoint(checkpoints: Path, recipe: str, group: str, out: Path, licence: str) -> dict[str, Any]:
    """Write a trained recipe as one file; the same checkpoint gives the same bytes.

    Parameters
    ----------
    checkpoints, recipe, group : path and str
        Which checkpoint.
    out : path
        A zip; it must not be there yet.
    licence : str
        One line: what others may do with the weights.

    Returns
    -------
    dict
        What ``checkpoint.json`` in it says: recipe, group, data, licence, version, and the sha256 of each file.

    Raises
    ------
    BeetlError
        If the checkpoint is not whole, the licence is not one line, or something is at ``out``.
    """
    if not licence.strip() or len(licence.splitlines()) != 1:
        raise BeetlError(f"licence {licence!r}: say in one line what others may do with the weights")
    if os.path.lexists(out):
        raise BeetlError(f"{out}: is there already, and stays as it is; name another file with --out")
    check_folder(out.parent)
    folder = checkpoint_folder(checkpoints, recipe, group)
    card = load_card(folder)
    check_whole(folder, card)
    paths = sorted(path for path in folder.rglob("*") if _FILE.fullmatch(path.relative_to(folder).as_posix()))
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    about = {"recipe": recipe, "group": group, "data": card.data.get("description", ""), "licence": licence.strip(),
             "version": __version__, "sha256": {name: sha256(content) for name, content in files.items()}}  # fmt: skip
    with whole_file(out) as file, zipfile.ZipFile(file, "w") as archive:
        for name, content in {ABOUT: json.dumps(about, indent=1).encode(), **files}.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return about


def import_checkpoint(path: Path, checkpoints: Path) -> tuple[Path, dict[str, Any]]:
    """Lay a checkpoint of :func:`export_checkpoint` into a folder of checkpoints; nothing there is written over.

    Returns
    -------
    folder : Path
        Of the checkpoint.
    about : dict
        What the file says of itself.

    Raises
    ------
    BeetlError
        If the file is damaged, changed, far too large or holds anything else, or another checkpoint is in its place.
    """
    check_folder(checkpoints)
    about, files = _read(path)
    with tempfile.TemporaryDirectory() as temporary:
        _write(Path(temporary), files)
        card = load_card(Path(temporary))
        check_whole(Path(temporary), card)
    folder = _place(path, card, checkpoints)
    with alone(folder):
        if has_checkpoint(folder) and card_sha256(folder) != sha256(files[CARD]):
            text = f"{folder}: holds another checkpoint, which stays"
            raise CheckpointError(f"{text}; choose another folder: --checkpoints")
        _write(folder, files)
    return folder, about


def _read(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what the file says of itself, and its files by name; the card is the last."""
    try:
        with open_zip(path) as archive:
            entries = archive.infolist()
            strange = [e.filename for e in entries if e.filename != ABOUT and not _FILE.fullmatch(e.filename)]
            if strange or len(entries) > _MOST_FILES or sum(entry.file_size for entry in entries) > LARGEST:
                what = f"holds {strange[0]!r}" if strange else "is far too large"
                raise CheckpointError(f"{path}: {what}, which no export writes; ask for the file again")
            contents = {entry.filename: archive.open(entry).read(entry.file_size) for entry in entries}
        about = dict(json_of(contents.pop(ABOUT)))
        changed = {name: sha256(content) for name, content in contents.items()} != about["sha256"]
    except (*DAMAGED, TypeError) as error:
        raise CheckpointError(f"{path}: not an exported checkpoint ({error}); ask for the file again") from error
    if changed or CARD not in contents:
        raise CheckpointError(f"{path}: changed since it was exported; ask for the file again")
    return about, dict(sorted(contents.items(), key=lambda item: item[0] == CARD))


def _place(path: Path, card: Card, checkpoints: Path) -> Path:
    name = card.recipe.name
    if card.group not in TARGET_GROUPS or not re.fullmatch(NAME, name):
        raise CheckpointError(
            f"{path}: is of recipe {name!r} for {card.group!r}, which keys no folder; ask for another"
        )
    return checkpoint_folder(checkpoints, name, card.group)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        with whole_file(folder / name) as file:
            file.write(content)

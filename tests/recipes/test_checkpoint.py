"""Checkpoints: whole, refused when a byte changed, old or new when killed."""

import json

import pytest

from beetl_task1.errors import CheckpointError
from beetl_task1.recipes import checkpoint as checkpoints
from beetl_task1.recipes.checkpoint import Card, card_sha256, has_checkpoint, load_card, load_weights, save_checkpoint
from beetl_task1.recipes.recipe import Recipe

CARD = Card(
    recipe=Recipe(name="a", model="m"),
    group="65-79",
    data={"kind": "simulated"},
    training={},
    versions={},
    fingerprint="f",
)


def test_round_trip_in_order(tmp_path):
    save_checkpoint(tmp_path, CARD, {"seed10": b"ten", "seed9": b"nine"})
    card = load_card(tmp_path)
    assert list(load_weights(tmp_path, card).values()) == [b"ten", b"nine"]
    assert card.recipe.name == "a"
    assert has_checkpoint(tmp_path)


def test_a_changed_byte_or_a_missing_file(tmp_path):
    save_checkpoint(tmp_path, CARD, {"seed0": b"weights"})
    card = load_card(tmp_path)
    path = tmp_path / next(iter(card.weights))
    path.write_bytes(b"wEights")
    with pytest.raises(CheckpointError, match="changed since training"):
        load_weights(tmp_path, card)
    path.unlink()
    with pytest.raises(CheckpointError, match="are missing"):
        load_weights(tmp_path, card)


def test_killed_between_weights_and_card(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, CARD, {"seed0": b"old"})
    before = card_sha256(tmp_path)

    def killed(path, text):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write_text", killed)
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(tmp_path, CARD, {"seed0": b"new"})
    assert card_sha256(tmp_path) == before
    assert list(load_weights(tmp_path, load_card(tmp_path)).values()) == [b"old"]
    save_checkpoint(tmp_path, CARD, {"seed0": b"new"})
    assert list(load_weights(tmp_path, load_card(tmp_path)).values()) == [b"new"]
    assert len(list(tmp_path.glob("*.weights"))) == 1


def test_no_card_or_a_damaged_one(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint there"):
        load_card(tmp_path)
    for text in ("{", json.dumps({"recipe": {}}), "[]", "3"):
        (tmp_path / "card.json").write_text(text)
        with pytest.raises(CheckpointError, match="not a card"):
            load_card(tmp_path)


def test_a_changed_card_is_refused(tmp_path):
    """Simulated weights cannot pass for others by an edit."""
    path = save_checkpoint(tmp_path, CARD, {"seed0": b"weights"})
    path.write_text(path.read_text().replace("simulated", "competition"))
    with pytest.raises(CheckpointError, match="it changed since training"):
        load_card(tmp_path)

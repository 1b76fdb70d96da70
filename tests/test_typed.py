"""Values from files: each kind of mistake is one line that names the key, the value and what was expected."""

from typing import Literal

import pytest

from beetl_task1.errors import BeetlError
from beetl_task1.typed import AtLeast1, Settings, Share, overlaid, typed


class Inner(Settings):
    passes: AtLeast1 = 3
    share: Share = 0.5
    kind: Literal["shuffle", "balanced"] = "shuffle"


class Outer(Settings):
    name: str
    seeds: tuple[AtLeast1, ...] = (1,)
    inner: Inner = Inner(passes=7)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "x", "sedes": [1]}, ["sedes", "did you mean 'seeds'", "recipe x"]),
        ({"name": "x", "inner": {"passses": 1}}, ["passses", "did you mean 'passes'", "[inner] of recipe x"]),
        ({"name": "x", "inner": {"passes": 0}}, ["inner.passes is 0", "int >= 1"]),
        ({"name": "x", "inner": {"passes": True}}, ["inner.passes is True", "int"]),
        ({"name": "x", "inner": {"share": float("nan")}}, ["inner.share is nan", ">= 0"]),
        ({"name": "x", "inner": {"kind": "shufle"}}, ["'shufle'", "did you mean 'shuffle'"]),
        ({"name": "x", "inner": 3}, ["inner is 3", "object"]),
        ({"name": "x", "seeds": [1, "2"]}, ["seeds[1] is '2'", "int"]),
        ({"name": 3}, ["name is 3", "str"]),
        ({}, ["name is missing"]),
    ],
)
def test_a_mistake_is_named(values, words):
    with pytest.raises(BeetlError) as caught:
        typed(Outer, values, "recipe x")
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_whole_numbers_pass_for_numbers():
    assert typed(Inner, {"share": 1}, "x").share == 1.0


def test_tables_are_put_over_the_default():
    found = overlaid(Outer(name="x", seeds=(2, 3)), {"inner": {"share": 0.1}, "seeds": [5]}, "recipe x")
    assert found == Outer(name="x", seeds=(5,), inner=Inner(passes=7, share=0.1))

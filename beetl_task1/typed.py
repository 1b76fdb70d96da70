"""The one door for values from files: recipes, cards and results become typed here, or the error says what is wrong."""

import codecs
import difflib
import json
import re
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec

from .errors import BeetlError, unknown
from .task import LARGEST_SEED, TARGET_GROUPS

T = TypeVar("T")
Positive = Annotated[float, msgspec.Meta(gt=0)]
AtLeast0 = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
AtLeast1 = Annotated[int, msgspec.Meta(ge=1)]
Seed = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_SEED)]
_DEEPEST = 50
_LARGEST, _MOST_DOTS = 100_000, 200
"""Bytes of a TOML file, and dots of its lines: a key of many parts takes their square."""
_DEEP = f"it is nested more than {_DEEPEST} times"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""What may name a file or folder: it leads nowhere else."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what a recipe may set: frozen, compared by value, and without room for a key that it does not know."""


def text_of(content: bytes) -> str:
    """Return the text of a file: UTF-8, UTF-8 with a byte order mark as editors of Windows have it, or UTF-16 with one.

    Raises
    ------
    UnicodeDecodeError
        If it is neither.
    """
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8-sig")


def json_of(content: bytes) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    ValueError
        If it is no JSON, or nested deeper than anything of ours.
    """
    return _shallow(json.loads, content)


def toml_of(content: bytes) -> dict[str, Any]:
    """Return what a TOML file holds; errors as of :func:`json_of`, and for what takes long to read."""
    if len(content) > _LARGEST or any(line.count(b".") > _MOST_DOTS for line in content.splitlines()):
        raise ValueError(
            _DEEP if len(content) <= _LARGEST else f"{len(content):,} bytes, at most {_LARGEST:,} expected"
        )
    values: dict[str, Any] = _shallow(tomllib.loads, content)
    return values


def _shallow(load: Callable[[str], Any], content: bytes) -> Any:
    try:
        values = load(text_of(content))
    except RecursionError as error:
        raise ValueError(_DEEP) from error
    level = [values]
    for _ in range(_DEEPEST):
        level = [part for each in level if isinstance(each, dict | list)
                 for part in (each.values() if isinstance(each, dict) else each)]  # fmt: skip
        if not level:
            return values
    raise ValueError(_DEEP)


def target_group(value: str) -> str:
    """Return the name of a target group if it is one.

    Raises
    ------
    BeetlError
        If it is not; says which is near: by its letters where it is mistyped, else by the middle of the ages.
    """
    if value in TARGET_GROUPS:
        return value
    if difflib.get_close_matches(value, TARGET_GROUPS, n=1, cutoff=0.7):
        raise unknown("group", value, TARGET_GROUPS)
    ages = [int(age) for age in re.findall(r"\d+", value)]
    middle = sum(ages) / len(ages) if ages else 0.0
    for name in TARGET_GROUPS:
        youngest, oldest = map(int, name.split("-"))
        if youngest <= middle <= oldest:
            raise BeetlError(f"unknown group {value!r}; did you mean {name!r}?")
    raise BeetlError(f"unknown group {value!r}; choose one of: {', '.join(TARGET_GROUPS)}")


def typed(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """Return plain values as a type.

    Parameters
    ----------
    kind : type
        A ``msgspec.Struct``.
    values : mapping
        As TOML or JSON hold them.
    where : str
        What the error calls the place, such as ``"recipe mine"``.

    Raises
    ------
    BeetlError
        On an unknown key or name (the nearest is given), a value of another type, or one beyond its limits.
    """
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise _explained(kind, values, where, str(error)) from error


def overlaid(default: T, given: Mapping[str, Any], where: str) -> T:
    """Return a struct with what is given put over it, table by table.

    Parameters
    ----------
    default : msgspec.Struct
        Its type says what may be given.
    given : mapping
        Keys and values; a table is put over the table of the default, any other value replaces it.
    where : str
        As in :func:`typed`.
    """
    return typed(type(default), _over(msgspec.to_builtins(default), given), where)


def _over(default: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(default)
    for key, value in given.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _over(merged[key], value) if both else value
    return merged


def _explained(kind: type, values: Mapping[str, Any], where: str, text: str) -> BeetlError:
    """Return msgspec's error as one of ours: the key, what it is, what was expected."""
    what, _, path = text.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    stranger = re.fullmatch(r"Object contains unknown field `(.*)`", what)
    if stranger:
        return unknown(f"key of {_place(where, path)}", stranger[1], _type_at(kind, path).__struct_fields__)
    value = _value_at(values, path)
    choices = typing.get_args(_type_at(kind, path)) if what.startswith("Invalid enum value") else ()
    if choices:
        return unknown(f"{path} of {where}", str(value), map(str, choices))
    missing = re.fullmatch(r"Object missing required field `(.*)`", what)
    if missing:
        return BeetlError(f"{_place(where, path)}: {missing[1]} is missing; set it")
    return BeetlError(f"{where}: {path} is {value!r}; {what[0].lower() + what[1:].replace('`', '')}")


def _place(where: str, path: str) -> str:
    return f"[{path}] of {where}" if path else where


def _steps(path: str) -> list[str | int]:
    return [int(step[1:-1]) if step[0] == "[" else step for step in re.findall(r"\[\d+\]|[^.\[\]]+", path)]


def _value_at(values: Any, path: str) -> Any:
    for step in _steps(path):
        values = values[step]
    return values


def _type_at(kind: Any, path: str) -> Any:
    """Return the declared type at a path of :func:`_explained`, annotations and tuples taken away."""
    for step in _steps(path):
        kind = typing.get_args(kind)[0] if isinstance(step, int) else typing.get_type_hints(kind)[step]
        if typing.get_origin(kind) in (Annotated, types.UnionType):
            kind = typing.get_args(kind)[0]
    return kind

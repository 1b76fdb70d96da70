"""The names of the transfers, and how a recipe's tables become transfers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields

from ..errors import BeetlError, unknown
from ..models.network import Network

_TRANSFERS: dict[str, type] = {}


def register_transfer(name: str) -> Callable[[type], type]:
    """Register a dataclass as a transfer; its fields are what a recipe may set."""

    def decorate(cls: type) -> type:
        if name in _TRANSFERS:
            raise BeetlError(f"transfer {name!r} is registered already, by {_TRANSFERS[name].__module__}")
        cls.name = name
        _TRANSFERS[name] = cls
        return cls

    return decorate


def transfer_names() -> list[str]:
    """Return the registered names, sorted."""
    return sorted(_TRANSFERS)


def transfer_class(name: str) -> type:
    """Return the class of a name.

    Raises
    ------
    BeetlError
        If there is none; the nearest name is given.
    """
    if name not in _TRANSFERS:
        raise unknown("transfer", name, transfer_names())
    return _TRANSFERS[name]


def make_transfer(table: Mapping):
    """Return the transfer of a recipe's table: ``name`` and its parameters.

    Raises
    ------
    BeetlError
        On an unknown name, parameter or value.
    """
    values = dict(table)
    name = values.pop("name", None)
    if name is None:
        raise BeetlError(f"[transfer] without a name; choose one of: {', '.join(transfer_names())}")
    known = [f.name for f in fields(transfer_class(name))]
    for key in values:
        if key not in known:
            raise unknown(f"parameter of transfer {name}", key, known)
    return transfer_class(name)(**values)


def put_into(model, tables: Sequence[Mapping], recipe: str = "") -> None:
    """Give a model the transfers of a recipe.

    Raises
    ------
    BeetlError
        If a transfer is for networks and the model is none, or the other way round.
    """
    for table in tables:
        transfer = make_transfer(table)
        if isinstance(model, Network) != transfer.for_networks:
            fits = "networks" if transfer.for_networks else "models on features"
            raise BeetlError(f"recipe {recipe}: transfer {transfer.name} is for {fits}; choose another of either")
        model.transfers.append(transfer)

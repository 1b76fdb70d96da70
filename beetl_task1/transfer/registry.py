"""The names of the transfers, and how a recipe's tables become transfers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields

from ..errors import BeetlError, unknown
from ..models.network import Network
from ..models.registry import Registry

_TRANSFERS = Registry("transfer")
transfer_names, transfer_class = _TRANSFERS.names, _TRANSFERS.get


def register_transfer(name: str) -> Callable[[type], type]:
    """Register a dataclass as a transfer; its fields are what a recipe may set."""

    def decorate(cls: type) -> type:
        cls.name = name
        return _TRANSFERS.register(name)(cls)

    return decorate


def make_transfer(table: Mapping):
    """Return the transfer of a recipe's table: ``name`` and its parameters.

    Raises
    ------
    BeetlError
        On an unknown name, parameter or value.
    """
    values = dict(table)
    name = values.pop("name", None)
    if not isinstance(name, str):
        raise BeetlError(f"[transfer]: name is {name!r}; choose one of: {', '.join(transfer_names())}")
    known = [f.name for f in fields(transfer_class(name))]
    for key in values:
        if key not in known:
            raise unknown(f"parameter of transfer {name}", key, known)
    return transfer_class(name)(**values)


Transfer = object


def check_transfers(cls, transfers, where):
    for transfer in transfers:
        if issubclass(cls, Network) != transfer.for_networks:
            fits = "networks" if transfer.for_networks else "models on features"
            raise BeetlError(f"{where}: transfer {transfer.name} is for {fits}; choose another of either")


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
    by_night = sum(getattr(t, "by_night", False) for t in model.transfers)
    if by_night and not model.by_night:
        raise BeetlError(f"recipe {recipe}: the model cannot be fitted to each night; remove that transfer")
    if by_night > 1:
        raise BeetlError(f"recipe {recipe}: both transfers fit the same layers to each night; keep one of them")

"""Carrying a model over to the target group."""

from .registry import check_transfers, make_transfer, transfer_class, transfer_names

__all__ = ["check_transfers", "make_transfer", "transfer_class", "transfer_names"]

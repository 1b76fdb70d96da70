"""The one door for pickles. A pickle runs code, so only what an array or an EEG header needs is let through.

The competition's ``.npy`` files are raw pickles of numpy arrays; ``headerInfo.npy`` is a pickled ``mne.Info`` of 2021.
"""

import importlib
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError

_NPY_MAGIC = b"\x93NUMPY"
_ARRAY_MODULES = {"numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric"}
_HEADER_NAMES = {"Info", "MNEBadsList", "DigPoint", "Transform", "Projection", "Bunch", "BunchConst"}
_NUMBER_NAMES = {"NamedInt", "NamedFloat"}
_DATETIME_NAMES = {"datetime", "date", "timedelta", "timezone"}
_PLAIN_NAMES = {"list", "dict", "set", "tuple", "int", "float", "complex", "bytearray"}


class _Refused(pickle.UnpicklingError):
    """A name that is not on the allow-list."""


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Stand in for ``_codecs.encode``, which old protocols use for bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise _Refused(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles numpy arrays of plain numbers, whatever the protocol and the numpy version."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if module in _ARRAY_MODULES and name in ("_reconstruct", "scalar"):
            return getattr(importlib.import_module(_multiarray()), name)
        if module in _ARRAY_MODULES and name == "_frombuffer":
            return _new_frombuffer()
        if (module, name) == ("_codecs", "encode"):
            return lambda text, encoding="latin1": _encode(text, encoding)
        raise _Refused(f"{module}.{name}")


class _HeaderUnpickler(_ArrayUnpickler):
    """Unpickles an ``mne.Info`` of any version into inert stand-ins: no code of mne runs.

    The classes are made anew for each file, so that nothing a file does to them outlives it.
    """

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "mne":
            if name in _HEADER_NAMES:
                return type(name, (dict,), {"__setstate__": lambda self, state: None})
            if name in _NUMBER_NAMES:
                return type(name, (float,), {"__new__": lambda cls, *args: float.__new__(cls, args[-1] if args else 0)})
        if module in ("builtins", "__builtin__") and name in _PLAIN_NAMES:
            return getattr(importlib.import_module("builtins"), name)
        if module == "datetime" and name in _DATETIME_NAMES:
            return getattr(importlib.import_module("datetime"), name)
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        return super().find_class(module, name)


def _multiarray() -> str:
    return "numpy._core.multiarray" if hasattr(np, "_core") else "numpy.core.multiarray"


def _new_frombuffer():
    """Return the function that protocol 5 rebuilds an array with; a fresh one, since a pickle may alter functions."""

    def frombuffer(buffer, dtype, shape, order, axis_order=None):
        array = np.frombuffer(buffer, dtype=dtype)
        if order == "K" and axis_order is not None:
            return array.reshape(shape, order="C").transpose(axis_order)
        return array.reshape(shape, order=order)

    return frombuffer


def load_array(path: str | Path, content: bytes | None = None) -> np.ndarray:
    """Read one array of plain numbers from a raw pickle or a true ``.npy`` file.

    Parameters
    ----------
    path : path
        The file; named in errors.
    content : bytes, optional
        Its content, when it has been read already.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    DataError
        If the file is missing, empty, cut short, no array, or names anything but numpy's array parts; nothing of such
        a file is run.
    """
    content = read_bytes(path) if content is None else content
    array = _load_npy(path, content) if content.startswith(_NPY_MAGIC) else _unpickle(_ArrayUnpickler, path, content)
    if not isinstance(array, np.ndarray):
        raise DataError(
            f"{path}: expected a numpy array, got {type(array).__name__}; take the file from the download again"
        )
    if array.dtype.kind not in "fiub":
        raise DataError(
            f"{path}: expected an array of numbers, got dtype {array.dtype}; take the file from the download again"
        )
    return array


def load_header(path: str | Path):
    """Read ``headerInfo.npy`` as an :class:`mne.Info`, whatever version of mne pickled it.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    mne.Info
        With channel names, sampling rate (Hz) and filter settings of the file.

    Raises
    ------
    DataError
        If the file cannot be read as a header. X and y suffice without it, so callers may warn and go on.
    """
    raw = _unpickle(_HeaderUnpickler, path, read_bytes(path))
    try:
        names, sfreq = [str(name) for name in raw["ch_names"]], float(raw["sfreq"])
        highpass, lowpass = float(raw["highpass"]), float(raw["lowpass"])
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(f"{path}: expected a header with ch_names, sfreq, highpass and lowpass ({error!r})") from error
    import mne

    info = mne.create_info(names, sfreq, "eeg")
    with info._unlock():
        info["highpass"], info["lowpass"] = highpass, lowpass
    return info


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a file that must not be empty."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from error
    if not content:
        raise DataError(f"{path}: the file is empty; take it from the download again")
    return content


def _load_npy(path: str | Path, content: bytes) -> np.ndarray:
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{path}: cut short or damaged ({error}); take the file from the download again") from error


def _unpickle(unpickler: type[pickle.Unpickler], path: str | Path, content: bytes) -> Any:
    try:
        return unpickler(io.BytesIO(content)).load()
    except _Refused as error:
        raise DataError(
            f"{path}: the pickle names {error}, which is refused and was not run; "
            "expected plain numpy arrays: take the file from the competition's own download"
        ) from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        reason = str(error) or type(error).__name__
        raise DataError(f"{path}: cut short or damaged ({reason}); take the file from the download again") from error

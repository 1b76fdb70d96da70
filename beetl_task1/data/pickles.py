"""The one door for pickles. A pickle runs code, so only what an array or an EEG header needs is let through.

The competition's ``.npy`` files are raw pickles of numpy arrays; ``headerInfo.npy`` is a pickled ``mne.Info`` of 2021.
Not even numpy's own parts are handed to a file: it meets stand-ins made for it alone, which take the one form in which
arrays of plain numbers are pickled and build the array from its bytes.
"""

import io
import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError

_NPY_MAGIC = b"\x93NUMPY"
_ARRAY_MODULES = {"numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric"}
_HEADER_NUMBERS = {"NamedInt", "NamedFloat"}
_PLAIN = {t.__name__: t for t in (list, dict, set, tuple, int, float, complex, bytearray, object)} | {"long": int}
_AGAIN = "take the file from the download again"


class _Refused(pickle.UnpicklingError):
    """A name that is not on the allow-list, or an allowed one used in a way that plain arrays never need."""


class _DType:
    """Stands in for ``numpy.dtype``: plain numbers and texts, with a byte order, without fields."""

    def __init__(self, code: Any, align: Any = False, copy: Any = False):
        if not (isinstance(code, str) and re.fullmatch(r"[<>=|]?[fiubUS]\d{1,3}", code)):
            raise _Refused(f"numpy.dtype({str(code)[:40]!r})")
        self.value = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        if order not in ("<", ">", "=", "|") or any(part is not None for part in state[2:5]):
            raise _Refused("numpy.dtype with fields")
        if order != "|":
            self.value = self.value.newbyteorder(order)


class _Array:
    """Stands in for ``numpy.ndarray``; its value is there once its state is."""

    value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        self.value = _from_bytes(content, dtype, shape, "F" if fortran else "C")


def _from_bytes(content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    content = content.encode("latin1") if isinstance(content, str) else content
    sizes = isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)
    if not (isinstance(content, bytes | bytearray) and isinstance(dtype, _DType) and sizes and order in ("C", "F")):
        raise _Refused("an array of something else than plain numbers")
    return np.frombuffer(content, dtype=dtype.value).reshape(shape, order=order)


def _frombuffer(content: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> np.ndarray:
    """Stand in for the function that protocol 5 rebuilds an array with."""
    if order == "K" and isinstance(axes, tuple):
        return _from_bytes(content, dtype, shape, "C").transpose(axes)
    return _from_bytes(content, dtype, shape, order)


def _scalar(dtype: Any, content: Any) -> Any:
    return _from_bytes(content, dtype, (1,), "C")[0]


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """Stand in for ``_codecs.encode``, which old protocols use for bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _Refused(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


def _fresh(function: Any) -> Any:
    """Return a function that a file may alter without reaching the next one."""
    return lambda *args: function(*args)


def _rebuild(cls: Any, base: Any, state: Any) -> Any:
    """Stand in for ``copyreg._reconstructor``, which protocols 0 and 1 make a header and its numbers with."""
    if not (isinstance(cls, type) and cls.__module__ == __name__):
        raise _Refused(f"copyreg._reconstructor of {cls}")
    if issubclass(cls, float):
        return cls(state)
    rebuilt = cls()
    rebuilt.update(state if isinstance(state, dict) else {})
    return rebuilt


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles numpy arrays of plain numbers, whatever the protocol and the numpy version."""

    def __init__(self, file):
        super().__init__(file, encoding="latin1")
        self._array = type("ndarray", (_Array,), {})
        self._dtype = type("dtype", (_DType,), {})

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy", "ndarray"):
            return self._array
        if (module, name) == ("numpy", "dtype"):
            return self._dtype
        if module in _ARRAY_MODULES and name == "_reconstruct":
            array = self._array  # no reference to the unpickler: a cycle would keep the night in memory
            return lambda *args: array()
        if module in _ARRAY_MODULES and name in ("scalar", "_frombuffer"):
            return _fresh(_scalar if name == "scalar" else _frombuffer)
        if (module, name) == ("_codecs", "encode"):
            return _fresh(_encode)
        raise _Refused(f"{module}.{name}")


class _HeaderUnpickler(_ArrayUnpickler):
    """Unpickles an ``mne.Info`` of any version into inert stand-ins: no code of mne runs."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "mne" and re.fullmatch("_?[A-Z][A-Za-z]+", name):
            if name in _HEADER_NUMBERS:
                return type(name, (float,), {"__new__": lambda cls, *args: float.__new__(cls, args[-1] if args else 0)})
            return type(name, (dict,), {"__init__": lambda self, *args: None, "__setstate__": lambda self, state: None})
        if module in ("builtins", "__builtin__") and name in _PLAIN:
            return _PLAIN[name]
        if module == "datetime" and name in ("datetime", "date", "timedelta", "timezone"):
            return lambda *args: None
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module in ("copy_reg", "copyreg") and name == "_reconstructor":
            return _rebuild
        return super().find_class(module, name)


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
    array = array.value if isinstance(array, _Array) else array
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path}: expected a numpy array, got {type(array).__name__}; {_AGAIN}")
    if array.dtype.kind not in "fiub":
        raise DataError(f"{path}: expected an array of numbers, got dtype {array.dtype}; {_AGAIN}")
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
        names = [name for name in raw["ch_names"] if isinstance(name, str)]
        sfreq, highpass, lowpass = (float(raw[key]) for key in ("sfreq", "highpass", "lowpass"))
        if not (names and np.isfinite([sfreq, highpass, lowpass]).all() and sfreq > 0):
            raise ValueError("values out of range")
    except Exception as error:  # what stands in the file may be anything
        reason = str(error) or type(error).__name__
        raise DataError(f"{path}: expected a header with ch_names, sfreq, highpass and lowpass ({reason})") from error
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
        raise DataError(f"{path}: the file is empty; {_AGAIN}")
    return content


def _load_npy(path: str | Path, content: bytes) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.load(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # a damaged header can raise nearly anything
        raise DataError(f"{path}: cut short or damaged ({_one_line(error)}); {_AGAIN}") from error


def _unpickle(unpickler: type[pickle.Unpickler], path: str | Path, content: bytes) -> Any:
    file = io.BytesIO(content)
    try:
        value = unpickler(file).load()
    except _Refused as error:
        raise DataError(
            f"{path}: the pickle names {error}, which is refused and was not run; "
            "expected plain numpy arrays: take the file from the competition's own download"
        ) from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise DataError(f"{path}: cut short or damaged ({_one_line(error)}); {_AGAIN}") from error
    if file.tell() != len(content):
        raise DataError(f"{path}: {len(content) - file.tell()} bytes follow the array; {_AGAIN}")
    return value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

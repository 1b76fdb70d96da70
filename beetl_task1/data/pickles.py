"""The one door for pickles. A pickle runs code, so only what an array or an EEG header needs is let through.

The competition's ``.npy`` files are raw pickles of numpy arrays; ``headerInfo.npy`` is a pickled ``mne.Info`` of 2021.
Not even numpy's own parts are handed to a file: it meets stand-ins made for it alone, which take the one form in which
arrays of plain numbers are pickled and build the array from its bytes.
"""

import math
import pickle
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from ..errors import DataError, one_line
from .content import Content, read_bytes
from .unpickler import LONGEST_NAME, Budget, Careful, check_steps, opened

if TYPE_CHECKING:
    import mne

_NPY_MAGIC = b"\x93NUMPY"
_ARRAY_MODULES = {"numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric"}
_HEADER_NUMBERS = {"NamedInt", "NamedFloat"}
_PLAIN = {"list", "dict", "set", "tuple", "int", "float", "complex", "object", "long"}
_MOST_AXES = 32
_MOST_CHANNELS = 1000
_AGAIN = "take the file from the download again"


class _Refused(pickle.UnpicklingError):
    """A name that is not on the allow-list, or an allowed one used in a way that plain arrays never need."""


class _DType:
    """Stands in for ``numpy.dtype``: plain numbers and texts, with a byte order, without fields."""

    def __init__(self, code: Any, align: Any = False, copy: Any = False):
        if not (isinstance(code, str) and re.fullmatch(r"[<>=|]?[fiubUS]\d{1,3}", code)):
            raise _Refused(f"numpy.dtype({_shown(code)})")
        self.value = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        order = state[1] if type(state) is tuple else None
        if type(order) is not str or order not in tuple("<>=|") or any(part is not None for part in state[2:5]):
            raise _Refused("numpy.dtype with fields")
        if order != "|":
            self.value = self.value.newbyteorder(order)  # type: ignore[arg-type]


class _Array:
    """Stands in for ``numpy.ndarray``; its value is there once its state is."""

    value: np.ndarray | None = None
    budget: Budget

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state if type(state) is tuple else (None,) * 5
        order = "F" if type(fortran) in (bool, int) and fortran else "C"
        self.value = _from_bytes(_bytes(self.budget, content), dtype, shape, order)


def _bytes(budget: Budget, content: Any) -> Any:
    """Return the bytes that old protocols write as a text."""
    if not isinstance(content, str):
        return content
    budget.spend(len(content))
    return content.encode("latin1")


def _from_bytes(content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    sizes = isinstance(shape, tuple) and len(shape) <= _MOST_AXES and all(type(n) is int and n >= 0 for n in shape)
    known = isinstance(dtype, _DType) and type(order) is str and order in ("C", "F")
    if not (isinstance(content, bytes | bytearray | memoryview) and known and sizes):
        raise _Refused("an array of something else than plain numbers")
    return np.frombuffer(content, dtype=dtype.value).reshape(shape, order=order)


def _frombuffer(content: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> np.ndarray:
    """Stand in for the function that protocol 5 rebuilds an array with."""
    if type(order) is str and order == "K" and isinstance(axes, tuple) and len(axes) <= _MOST_AXES:
        return _from_bytes(content, dtype, shape, "C").transpose(axes)
    return _from_bytes(content, dtype, shape, order)


def _scalar(budget: Budget, dtype: Any, content: Any) -> Any:
    return _from_bytes(_bytes(budget, content), dtype, (1,), "C")[0]


def _encode(budget: Budget, text: Any, encoding: Any = "latin1") -> bytes:
    """Stand in for ``_codecs.encode``, which old protocols use for bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _Refused(f"_codecs.encode to {_shown(encoding)}")
    return bytes(_bytes(budget, text))


def _fresh(function: Callable[..., Any], *first: Any) -> Callable[..., Any]:
    """Return a function that a file may alter without reaching the next one."""
    return lambda *args: function(*first, *args)


def _rebuild(budget: Budget, cls: Any, base: Any, state: Any) -> Any:
    """Stand in for ``copyreg._reconstructor``, which protocols 0 and 1 make a header and its numbers with."""
    if not (isinstance(cls, type) and cls.__module__ == __name__ and issubclass(cls, float | dict)):
        raise _Refused(f"copyreg._reconstructor of {_shown(cls)}")
    if issubclass(cls, float):
        return cls(state)
    rebuilt = cls()
    if isinstance(state, dict):
        budget.spend(len(state))
        rebuilt.update(state)
    return rebuilt


def _number(cls: type[float], *args: Any) -> float:
    """Make a number that mne gave a name, which comes first."""
    return float.__new__(cls, args[-1] if args and isinstance(args[-1], int | float) else 0)


def _nothing(*args: Any) -> None:
    """Stand in for what no header is asked for, such as dates and sets: it would copy what it is given."""


def _shown(value: Any) -> str:
    """Return a name in a few letters; of anything else its type, for it may be nested without end."""
    return repr(value[:60]) if isinstance(value, str | bytes) else type(value).__name__


class _ArrayUnpickler(Careful):
    """Unpickles numpy arrays of plain numbers, whatever the protocol and the numpy version."""

    def __init__(self, content: Content):
        super().__init__(content, __name__)
        array = type("ndarray", (_Array,), {"budget": self.budget})
        makers = {
            "_reconstruct": lambda *args: array(),
            "scalar": _fresh(_scalar, self.budget),
            "_frombuffer": _fresh(_frombuffer),
        }
        self._known: dict[tuple[str, str], Any] = {(m, name): f for m in _ARRAY_MODULES for name, f in makers.items()}
        self._known |= {("numpy", "ndarray"): array, ("numpy", "dtype"): type("dtype", (_DType,), {})}
        self._known["_codecs", "encode"] = _fresh(_encode, self.budget)

    def find_class(self, module: str, name: str) -> Any:
        if max(len(module), len(name)) > LONGEST_NAME or (module, name) not in self._known:
            raise _Refused(f"{module[:LONGEST_NAME]}.{name[:LONGEST_NAME]}")
        return self._known[module, name]


class _HeaderUnpickler(_ArrayUnpickler):
    """Unpickles an ``mne.Info`` of any version into inert stand-ins: no code of mne runs."""

    def __init__(self, content: Content):
        super().__init__(content)
        ignored = {"__init__": lambda self, *args: None, "__setstate__": lambda self, state: None}
        self._number = type("Number", (float,), {"__new__": _number})
        self._table = type("Table", (dict,), ignored)
        self._known |= {("datetime", name): _nothing for name in ("datetime", "date", "timedelta", "timezone")}
        self._known |= {(module, name): _nothing for module in ("builtins", "__builtin__") for name in _PLAIN}
        self._known |= {(module, "_reconstructor"): _fresh(_rebuild, self.budget) for module in ("copy_reg", "copyreg")}
        self._known["collections", "OrderedDict"] = lambda *args: {}

    def find_class(self, module: str, name: str) -> Any:
        if module[:LONGEST_NAME].split(".")[0] == "mne" and re.fullmatch("_?[A-Z][A-Za-z]{1,100}", name):
            return self._number if name in _HEADER_NUMBERS else self._table
        return super().find_class(module, name)


def load_array(path: str | Path, content: Content | None = None) -> np.ndarray:
    """Read one array of plain numbers from a raw pickle or a true ``.npy`` file, or from its ``content``.

    Raises
    ------
    DataError
        If the file is missing, empty, cut short, no array, or names anything but numpy's array parts; nothing of such
        a file is run.
    """
    content = read_bytes(path) if content is None else content
    if content[: len(_NPY_MAGIC)] == _NPY_MAGIC:
        array: Any = _load_npy(path, content)
    else:
        array = _unpickle(_ArrayUnpickler, path, content)
    array = array.value if isinstance(array, _Array) else array
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path}: expected a numpy array, got {type(array).__name__}; {_AGAIN}")
    if array.dtype.kind not in "fiub":
        raise DataError(f"{path}: expected an array of numbers, got dtype {array.dtype}; {_AGAIN}")
    return array


def load_header(path: str | Path, content: Content | None = None) -> "mne.Info":
    """Read channel names, sampling rate (Hz) and filter settings of ``headerInfo.npy``, whatever mne pickled it.

    Its ``content`` may be given instead, as for :func:`load_array`.

    Raises
    ------
    DataError
        If the file cannot be read as a header. X and y suffice without it, so callers may warn and go on.
    """
    raw = _unpickle(_HeaderUnpickler, path, read_bytes(path) if content is None else content)
    import mne

    try:
        names = [name for name in raw["ch_names"] if isinstance(name, str)]
        sfreq, highpass, lowpass = (float(raw[key]) for key in ("sfreq", "highpass", "lowpass"))
        if not (0 < len(names) <= _MOST_CHANNELS and max(map(len, names)) <= LONGEST_NAME):
            raise ValueError("names of channels out of range")
        if not (np.isfinite([sfreq, highpass, lowpass]).all() and sfreq > 0):
            raise ValueError("values out of range")
        info = mne.create_info(names, sfreq, "eeg", verbose="ERROR")
    except Exception as error:  # what the file holds may be anything
        reason = one_line(error)
        raise DataError(f"{path}: expected a header with ch_names, sfreq, highpass and lowpass ({reason})") from error
    with info._unlock():
        info["highpass"], info["lowpass"] = highpass, lowpass
    return info


def _load_npy(path: str | Path, content: Content) -> np.ndarray:
    """Read a true ``.npy`` file; what its header says is compared with its length before room is made."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = opened(content)
            version = npy.read_magic(file)
            read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read_header(file)
            if math.prod(shape) * dtype.itemsize > len(content) or min(shape, default=0) < 0:
                raise ValueError(f"an array of shape {shape} in {len(content):,} bytes")
            return np.asarray(np.load(opened(content), allow_pickle=False))
    except Exception as error:  # a damaged header can raise nearly anything
        raise _damaged(path, error) from error


def _unpickle(unpickler: type[_ArrayUnpickler], path: str | Path, content: Content) -> Any:
    try:
        check_steps(content)
        reader = unpickler(content)
        value = reader.load()
    except _Refused as error:
        text = f"{path}: the pickle names {one_line(error)}, which is refused and was not run; expected plain numpy "
        raise DataError(f"{text}arrays: take the file from the competition's own download", "refused-pickle") from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise _damaged(path, error) from error
    if reader.file.tell() != len(content):
        raise DataError(f"{path}: {len(content) - reader.file.tell()} bytes follow the array; {_AGAIN}")
    return value


def _damaged(path: str | Path, error: Exception) -> DataError:
    return DataError(f"{path}: cut short or damaged ({one_line(error)}); {_AGAIN}")

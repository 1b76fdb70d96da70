"""The one door for pickles. A pickle runs code, so only what an array or an EEG header needs is let through.

The competition's ``.npy`` files are raw pickles of numpy arrays; ``headerInfo.npy`` is a pickled ``mne.Info`` of 2021.
Not even numpy's own parts are handed to a file: it meets stand-ins made for it alone, which take the one form in which
arrays of plain numbers are pickled and build the array from its bytes.
"""

import io
import itertools
import pickle
import pickletools
import re
import reprlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError

if TYPE_CHECKING:
    import mne

_NPY_MAGIC = b"\x93NUMPY"
_ARRAY_MODULES = {"numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric"}
_HEADER_NUMBERS = {"NamedInt", "NamedFloat"}
_PLAIN = {t.__name__: t for t in (list, dict, set, tuple, int, float, complex, object)} | {"long": int}
_OPCODES = {opcode.code.encode("latin1"): opcode for opcode in pickletools.opcodes}
_SIZES = {-2: 1, -3: 4, -4: 4, -5: 8}
"""Bytes of the number that says how long an argument is: pickletools' TAKEN_FROM_ARGUMENT1, 4, 4U and 8U."""
_AGAIN = "take the file from the download again"


class _Refused(pickle.UnpicklingError):
    """A name that is not on the allow-list, or an allowed one used in a way that plain arrays never need."""


class _DType:
    """Stands in for ``numpy.dtype``: plain numbers and texts, with a byte order, without fields."""

    def __init__(self, code: Any, align: Any = False, copy: Any = False):
        if not (isinstance(code, str) and re.fullmatch(r"[<>=|]?[fiubUS]\d{1,3}", code)):
            raise _Refused(f"numpy.dtype({reprlib.repr(code)})")
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
        raise _Refused(f"_codecs.encode to {reprlib.repr(encoding)}")
    return text.encode("latin1")


def _fresh(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that a file may alter without reaching the next one."""
    return lambda *args: function(*args)


def _rebuild(cls: Any, base: Any, state: Any) -> Any:
    """Stand in for ``copyreg._reconstructor``, which protocols 0 and 1 make a header and its numbers with."""
    if not (isinstance(cls, type) and cls.__module__ == __name__ and issubclass(cls, float | dict)):
        raise _Refused(f"copyreg._reconstructor of {reprlib.repr(cls)}")
    if issubclass(cls, float):
        return cls(state)
    rebuilt = cls()
    rebuilt.update(state if isinstance(state, dict) else {})
    return rebuilt


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles numpy arrays of plain numbers, whatever the protocol and the numpy version."""

    def __init__(self, file: io.BytesIO):
        super().__init__(file, encoding="latin1")
        array = type("ndarray", (_Array,), {})
        makers = {"_reconstruct": lambda *args: array(), "scalar": _fresh(_scalar), "_frombuffer": _fresh(_frombuffer)}
        self._known: dict[tuple[str, str], Any] = {(m, name): f for m in _ARRAY_MODULES for name, f in makers.items()}
        self._known |= {("numpy", "ndarray"): array, ("numpy", "dtype"): type("dtype", (_DType,), {})}
        self._known["_codecs", "encode"] = _fresh(_encode)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._known:
            raise _Refused(f"{module}.{name}")
        return self._known[module, name]


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
            return _fresh(_rebuild)
        return super().find_class(module, name)


def load_array(path: str | Path, content: bytes | None = None) -> np.ndarray:
    """Read one array of plain numbers from a raw pickle or a true ``.npy`` file, or from its ``content``.

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


def load_header(path: str | Path) -> "mne.Info":
    """Read channel names, sampling rate (Hz) and filter settings of ``headerInfo.npy``, whatever mne pickled it.

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
    except Exception as error:  # what the file holds may be anything
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
        raise DataError(f"{path}: the file is empty; {_AGAIN}", "empty")
    return content


def _load_npy(path: str | Path, content: bytes) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(np.load(io.BytesIO(content), allow_pickle=False))
    except Exception as error:  # a damaged header can raise nearly anything
        raise _damaged(path, error) from error


def _unpickle(unpickler: type[_ArrayUnpickler], path: str | Path, content: bytes) -> Any:
    file = io.BytesIO(content)
    try:
        _check_steps(file)
        file.seek(0)
        value = unpickler(file).load()
    except _Refused as error:
        text = f"{path}: the pickle names {_one_line(error)}, which is refused and was not run; expected plain numpy "
        raise DataError(f"{text}arrays: take the file from the competition's own download", "refused-pickle") from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise _damaged(path, error) from error
    if file.tell() != len(content):
        raise DataError(f"{path}: {len(content) - file.tell()} bytes follow the array; {_AGAIN}")
    return value


def _check_steps(file: io.BytesIO) -> None:
    """Refuse a size or memo index beyond the file, before the unpickler makes gigabytes of room for it."""
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    for steps in itertools.count():
        opcode = _OPCODES.get(file.read(1))
        if opcode is None or opcode.name == "STOP":  # whatever else is wrong, the unpickler says
            return
        kind = opcode.arg.n if opcode.arg else 0
        argument = file.readline() if kind == pickletools.UP_TO_NEWLINE else file.read(_SIZES.get(kind, kind))
        number = int(argument) if opcode.name == "PUT" else int.from_bytes(argument[:8], "little")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and number > steps:
            raise pickle.UnpicklingError(f"memo index {number} after {steps} steps")
        if opcode.name in ("GLOBAL", "INST"):
            file.readline()
        elif kind in _SIZES and file.seek(number, io.SEEK_CUR) > end:
            raise pickle.UnpicklingError("pickle data was truncated")


def _damaged(path: str | Path, error: Exception) -> DataError:
    return DataError(f"{path}: cut short or damaged ({_one_line(error)}); {_AGAIN}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

"""Unpickles step by step, and looks at each before it is taken: small files build small things, and soon.

Python's unpickler in C trusts the numbers of a file: it makes room for any memo index and size, puts values into
whatever takes them, and hashes keys however deeply they are nested. The one in Python is as quick for the few steps of
an array, and can be told to look first.
"""

import io
import itertools
import pickle
import pickletools
from collections.abc import Callable
from typing import Any, ClassVar

from .content import Content

MOST_STEPS = 100_000
"""Steps of the largest pickle that is read: an array takes 70, a header of 343 channels and their places 44,000."""
LONGEST_NAME = 1000
"""Letters of a name that is looked up, or of a key."""
_SHARED = 4
"""How often the content of a file may be taken again by calls that copy it, on average."""
_LARGE = 1 << 20
"""Bytes from which the content of an array is not copied out of the file's."""
_OPCODES = {opcode.code.encode("latin1"): opcode for opcode in pickletools.opcodes}
_SIZES = {-2: 1, -3: 4, -4: 4, -5: 8}
"""Bytes of the number that says how long an argument is: pickletools' TAKEN_FROM_ARGUMENT1, 4, 4U and 8U."""
_NEVER = {"EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER", "NEWOBJ_EX"}
"""Steps of other programs, and those that hand out what was never named."""


def opened(content: Content) -> Any:
    """Return a content as a file, from its beginning; nothing is copied."""
    if isinstance(content, bytes):
        return io.BytesIO(content)
    content.seek(0)
    return content


def check_steps(content: Content) -> None:
    """Refuse sizes and memo indices beyond the file, before anything is built.

    Raises
    ------
    pickle.UnpicklingError
        On these, on more steps than any array or header has, and on steps that neither has.
    """
    file, end = opened(content), len(content)
    for steps in itertools.count():
        opcode = _OPCODES.get(file.read(1))
        if opcode is None or opcode.name == "STOP":  # whatever else is wrong, the unpickler says
            return
        if opcode.name in _NEVER or steps >= MOST_STEPS:
            what = f"the step {opcode.name}" if opcode.name in _NEVER else f"more than {MOST_STEPS:,} steps"
            raise pickle.UnpicklingError(f"{what}, which no array or header has")
        kind = opcode.arg.n if opcode.arg else 0
        argument = file.readline() if kind == pickletools.UP_TO_NEWLINE else file.read(_SIZES.get(kind, kind))
        number = int(argument) if opcode.name == "PUT" else int.from_bytes(argument[:8], "little")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and number > steps:
            raise pickle.UnpicklingError(f"memo index {number} after {steps} steps")
        if opcode.name in ("GLOBAL", "INST"):
            file.readline()
        elif (kind in _SIZES or opcode.name == "FRAME") and file.tell() + number > end:
            raise pickle.UnpicklingError("pickle data was truncated")
        elif kind in _SIZES:
            file.seek(number, io.SEEK_CUR)


class Budget:
    """How many bytes or items calls may still copy: more than a file of this length is worth are refused."""

    def __init__(self, left: int):
        self.left = left

    def spend(self, size: int) -> None:
        """Count bytes or items before they are copied."""
        self.left -= size
        if self.left < 0:
            raise pickle.UnpicklingError("it copies its content again and again")


class Careful(pickle._Unpickler):
    """Builds only what :func:`check_steps` let through, by names that :meth:`find_class` of a subclass knows.

    Parameters
    ----------
    content : bytes or mmap
        Of the whole file.
    own : str
        Module of the stand-ins; a file may set the state of nothing else.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)
    stack: list[Any]
    metastack: list[list[Any]]

    def __init__(self, content: Content, own: str):
        self.file, self.content = opened(content), content
        super().__init__(self.file, encoding="latin1")
        self.own, self.budget = own, Budget(_SHARED * len(content))


def _look_before(opcode: bytes, look: Callable[[Careful], bool]) -> None:
    """Let a step be taken only where what it works on is as expected."""
    take, name = Careful.dispatch[opcode[0]], _OPCODES[opcode].name

    def step(unpickler: Careful) -> None:
        if not look(unpickler):
            raise pickle.UnpicklingError(f"{name} of something that no array or header has")
        take(unpickler)

    Careful.dispatch[opcode[0]] = step


def _plain(keys: list[Any]) -> bool:
    """Whether values hash and compare at once, as no nested tuple, long number or long text does."""
    return all(
        len(key) <= LONGEST_NAME if type(key) in (str, bytes)
        else key.bit_length() <= 64 if type(key) is int
        else type(key) in (float, bool, type(None))
        for key in keys
    )  # fmt: skip


def _call(unpickler: Careful) -> bool:
    args = unpickler.stack[-1]
    if type(args) is tuple:
        unpickler.budget.spend(len(args))
    return type(args) is tuple


def _state(unpickler: Careful) -> bool:
    return type(unpickler.stack[-2]).__module__ == unpickler.own


def _take_bytes(opcode: bytes, width: int) -> None:
    """Let the content of an array stay where it is; it is only read."""
    copied = Careful.dispatch[opcode[0]]

    def step(unpickler: Careful) -> None:
        frame, start = unpickler._unframer.current_frame, unpickler.file.tell() + width  # type: ignore[attr-defined]
        between = frame is None or frame.tell() == frame.getbuffer().nbytes
        size = int.from_bytes(unpickler.content[start - width : start], "little")
        if not between or size < _LARGE:
            copied(unpickler)
            return
        unpickler.stack.append(memoryview(unpickler.content)[start : start + size].toreadonly())
        unpickler.file.seek(start + size)

    Careful.dispatch[opcode[0]] = step


Careful.dispatch[pickle.BYTEARRAY8[0]] = Careful.dispatch[pickle.BINBYTES8[0]]
_take_bytes(pickle.BINBYTES, 4)
_take_bytes(pickle.BINBYTES8, 8)
_take_bytes(pickle.BYTEARRAY8, 8)
_look_before(pickle.SETITEM, lambda u: isinstance(u.stack[-3], dict) and _plain(u.stack[-2:-1]))
_look_before(pickle.SETITEMS, lambda u: isinstance(u.metastack[-1][-1], dict) and _plain(u.stack[::2]))
_look_before(pickle.DICT, lambda u: _plain(u.stack[::2]))
_look_before(pickle.ADDITEMS, lambda u: type(u.metastack[-1][-1]) is set and _plain(u.stack))
_look_before(pickle.FROZENSET, lambda u: _plain(u.stack))
_look_before(pickle.APPEND, lambda u: type(u.stack[-2]) is list)
_look_before(pickle.APPENDS, lambda u: type(u.metastack[-1][-1]) is list)
_look_before(pickle.REDUCE, _call)
_look_before(pickle.NEWOBJ, _call)
_look_before(pickle.BUILD, _state)

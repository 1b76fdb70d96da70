"""Small files that would build large things, or never end: each is refused soon, in little memory."""

import copyreg
import os
import pickle
import pickletools
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import cheap

from beetl_task1.data.pickles import load_array, load_header
from beetl_task1.errors import DataError

ARRAY = pickle.dumps(np.arange(8.0), protocol=2)
AS_C, AGAIN = b"X\x01\x00\x00\x00CtR.", b"h\x00h\x01R"
CODEC, LIST, DICT = b"c_codecs\nencode\n", b"cbuiltins\nlist\n", b"cbuiltins\ndict\n"
ORDERED, INFO = b"ccollections\nOrderedDict\n", b"cmne.io\nInfo\n"
FROM_BUFFER, DTYPE = b"cnumpy.core.numeric\n_frombuffer\n", b"cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R"


def nested(make: bytes, times: int = 60) -> bytes:
    """Return a value that holds the one before twice, again and again: few bytes, and 2 ** times leaves."""
    return b"N" + b"".join(b"q\x01h\x01" + make for _ in range(times))


def text(size: int) -> bytes:
    return b"X" + struct.pack("<I", size) + b"a" * size


def bytearray8(content: bytes) -> bytes:
    return b"\x96" + struct.pack("<Q", len(content)) + content


TUPLE = nested(b"\x86")
LONG = b"\x8b" + struct.pack("<i", 300_000) + b"\x7f" * 300_000
MANY = b"(" + b"N" * 30_000
BOMBS = {
    "nested key": b"}" + TUPLE + b"Ns.",
    "nested key among others": b"}(" + TUPLE + b"Nu.",
    "nested key of a new dict": b"(" + TUPLE + b"Nd.",
    "nested in a set": b"\x8f(" + TUPLE + b"\x90.",
    "nested in a frozen set": b"(" + TUPLE + b"\x91.",
    "nested key by a call": ORDERED + b"]]" + TUPLE + b"aNaa\x85R.",
    "nested in a set by a call": b"cbuiltins\nset\n]" + TUPLE + b"a\x85R.",
    "nested equal keys": b"}(" + TUPLE + b"N" + nested(b"\x86") + b"Nu.",
    "nested name of a type": b"cnumpy\ndtype\n" + INFO + b")RX\x01\x00\x00\x00a" + nested(b"\x86") + b"s\x85R.",
    "nested encoding": CODEC + b"X\x01\x00\x00\x00a" + INFO + b")R(X\x01\x00\x00\x00a" + TUPLE + b"u\x86R.",
    "nested into an array": b"\x80\x05" + FROM_BUFFER + b"(" + bytearray8(bytes(8)) + DTYPE
        + b"K\x01\x85X\x01\x00\x00\x00CtRK\x00" + nested(b"00]h\x01ah\x01a", 27) + b"s.",
    "long keys": b"}" + LONG + b"q\x01" + b"Ns" + b"h\x01Ns" * 20_000 + b".",
    "a text encoded again and again": CODEC + b"q\x00" + text(100_000) + b"\x85q\x01" + AGAIN * 12_000 + b".",
    "lists of a list": LIST + b"q\x00" + MANY + b"l\x85q\x01" + AGAIN * 12_000 + b".",
    "tuples of a list": b"cbuiltins\ntuple\nq\x00" + MANY + b"l\x85q\x01" + AGAIN * 12_000 + b".",
    "dicts of a dict": DICT + b"q\x00}(" + b"".join(b"M" + struct.pack("<H", i) + b"N" for i in range(10_000))
        + b"u\x85q\x01" + AGAIN * 3_000 + b".",
    "headers of a dict": b"ccopyreg\n_reconstructor\nq\x00(" + INFO + DICT + b"}("
        + b"".join(b"M" + struct.pack("<H", i) + b"N" for i in range(10_000)) + b"utq\x01" + AGAIN * 3_000 + b".",
    "sets": b"(" + b"\x8f" * 1_000_000 + b"t.",
    "headers": INFO + b"q\x00" + b"h\x00)\x81" * 400_000 + b".",
    "a memo index behind a frame": b"\x80\x04\x95" + struct.pack("<Q", 4) + b"Nr\x00\x00" + b"r\x00\x00"
        + struct.pack("<I", 400_000_000) + b"\x00.",
    "a frame": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.",
    "long4": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"\x01.",
    "long binary bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b".",
    "long text": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b".",
    "millions of digits": b"I" + b"9" * 3_000_000 + b"\n.",
    "millions of digits of a long": b"L" + b"9" * 3_000_000 + b"L\n.",
    "a long name": b"\x80\x04" + text(500_000) + b"q\x00" + b"h\x00h\x00\x93" + b".",
    "many axes": FROM_BUFFER + b"(C\x08" + bytes(8) + DTYPE + b"(" + b"K\x01" * 30_000 + b"t" + AS_C,
    "an empty array of many axes": FROM_BUFFER + b"(C\x00" + DTYPE + b"(" + b"K\x00" * 30_000 + b"t" + AS_C,
    "itself in itself": b"]q\x00h\x00a.",
    "itself as its state": b"cnumpy\nndarray\n)\x81q\x00h\x00b.",
    "nested deeply": b"]" * 90_000 + b"a" * 89_999 + b".",
}  # fmt: skip


@pytest.mark.parametrize("load", [load_array, load_header])
@pytest.mark.parametrize("case", BOMBS)
def test_a_small_file_builds_nothing_large(tmp_path, load, case):
    path = tmp_path / "a.npy"
    path.write_bytes(BOMBS[case])

    def refused():
        with pytest.raises(DataError) as caught:
            load(path)
        assert len(str(caught.value).splitlines()) == 1

    assert cheap(refused) == "ended"


def test_extensions_of_other_programs_are_not_handed_out(tmp_path):
    """The registry of extensions keeps what it gave out before, whatever names are allowed."""
    copyreg.add_extension("posix", "getpid", 241)
    try:
        assert pickle.loads(b"\x80\x02\x82\xf1)R.") == os.getpid()
        (tmp_path / "a.npy").write_bytes(b"\x80\x02\x82\xf1)R.")
        for load in (load_array, load_header):
            with pytest.raises(DataError, match="EXT1"):
                load(tmp_path / "a.npy")
    finally:
        copyreg.remove_extension("posix", "getpid", 241)


def test_a_true_npy_is_as_long_as_it_says(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(8.0))
    whole = (tmp_path / "a.npy").read_bytes()
    for shape in (b"(9,)", b"(10**9,)", b"(99999999999,)", b"(-8,)", b"(8,9,9)"):
        (tmp_path / "b.npy").write_bytes(whole.replace(b"(8,), }" + b" " * (len(shape) - 4), shape + b", }"))
        with pytest.raises(DataError, match="cut short or damaged"):
            load_array(tmp_path / "b.npy")


@pytest.mark.parametrize("names", [["a"] * 5_000, ["a" * 5_000], []])
def test_headers_of_more_than_any_amplifier_has(tmp_path, names):
    (tmp_path / "h.npy").write_bytes(
        pickle.dumps({"ch_names": names, "sfreq": 100.0, "highpass": 0.5, "lowpass": 50.0})
    )
    with pytest.raises(DataError, match="expected a header"):
        load_header(tmp_path / "h.npy")


def test_names_that_are_there_twice_are_no_warning(tmp_path, recwarn):
    (tmp_path / "h.npy").write_bytes(
        pickle.dumps({"ch_names": ["a", "a"], "sfreq": 100.0, "highpass": 0.5, "lowpass": 50.0})
    )
    load_header(tmp_path / "h.npy")
    assert not recwarn.list


OPCODES = [opcode.code.encode("latin1") for opcode in pickletools.opcodes]
VALUES = [b"h\x00", b"h\x01", b"q\x00", b"q\x01", b"K\x01", b"C\x08" + bytes(8), b"X\x01\x00\x00\x00a"]
NAMES = [CODEC, LIST, DICT, ORDERED, INFO, FROM_BUFFER, DTYPE, b"cnumpy\nndarray\n", b"ccopyreg\n_reconstructor\n"]
PIECES = st.sampled_from([*OPCODES, *VALUES, *NAMES])


def _one_line_or_array(content: bytes) -> None:
    for load in (load_array, load_header):
        try:
            load("a.npy", content)
        except DataError as error:
            assert len(str(error).splitlines()) == 1, "one line"  # noqa: PT017


@settings(max_examples=300, deadline=2000, derandomize=True)
@given(st.lists(PIECES | st.binary(max_size=9), max_size=30))
def test_any_steps_are_an_array_or_one_line(pieces):
    _one_line_or_array(b"".join(pieces) + b".")


@settings(max_examples=300, deadline=2000, derandomize=True)
@given(st.integers(0, 5), st.lists(st.tuples(st.integers(0, 300), PIECES | st.binary(max_size=9)), max_size=4))
def test_any_change_of_a_file_is_an_array_or_one_line(protocol, changes):
    content = pickle.dumps(np.arange(8.0), protocol=protocol)
    for where, put in changes:
        content = content[:where] + put + content[where + len(put) * (where % 2) :]
    _one_line_or_array(content)

"""The one door for pickles: what passes, what is refused, and that nothing of a refused file runs."""

import os
import pickle
import resource
import time

import numpy as np
import pytest

from beetl_task1.data.pickles import load_array, load_header
from beetl_task1.errors import DataError


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_arrays_of_every_protocol(tmp_path, protocol, dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    for content in (array, np.asfortranarray(array), array[:, ::2]):
        path = tmp_path / "a.npy"
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        loaded = load_array(path)
        assert loaded.dtype == dtype
        np.testing.assert_array_equal(loaded, content)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_of_numpy_1_and_2(tmp_path, protocol):
    """Numpy 2 names numpy._core where numpy 1 named numpy.core; each reads the other's files."""
    array = np.linspace(0, 1, 6)
    now = pickle.dumps(array, protocol=protocol)
    path = tmp_path / "a.npy"
    for module in (b"numpy.core.", b"numpy._core."):
        content = _rename(now, [(b"numpy._core.", module), (b"numpy.core.", module)], protocol)
        path.write_bytes(content)
        np.testing.assert_array_equal(load_array(path), array)


def test_true_npy(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3.0))
    np.testing.assert_array_equal(load_array(tmp_path / "a.npy"), np.arange(3.0))


def test_npy_with_objects_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="damaged"):
        load_array(tmp_path / "a.npy")


class _Touch:
    """Unpickled by the ordinary door, this makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("load", [load_array, load_header])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_malicious_pickle_runs_nothing(tmp_path, load, protocol):
    proof, path = tmp_path / "ran", tmp_path / "evil.npy"
    for evil in (_Touch(proof), {"ch_names": ["a"], "sfreq": _Touch(proof)}):
        path.write_bytes(pickle.dumps(evil, protocol=protocol))
        with pytest.raises(DataError, match=r"(posix|nt)\.system.*refused and was not run") as caught:
            load(path)
        assert caught.value.code == "refused-pickle"
        assert not proof.exists()


@pytest.mark.parametrize(
    "named",
    ["builtins eval", "builtins getattr", "numpy load", "numpy._core.multiarray fromfile", "mne.utils run_subprocess"],
)
def test_other_names_are_refused(tmp_path, named):
    module, name = named.split()
    (tmp_path / "a.npy").write_bytes(f"c{module}\n{name}\n(S'1'\ntR.".encode())
    for load in (load_array, load_header):
        with pytest.raises(DataError, match=f"{module}.{name}"):
            load(tmp_path / "a.npy")


def test_a_pickle_cannot_alter_what_later_files_are_read_with(tmp_path):
    """BUILD sets attributes; it must not reach the functions that the next file is read with."""
    array = pickle.dumps(np.arange(3.0), protocol=5)
    evil = b"\x80\x04cnumpy.core.numeric\n_frombuffer\n(N}V__defaults__\n(I7\ntstb."
    (tmp_path / "evil.npy").write_bytes(evil)
    with pytest.raises(DataError):
        load_array(tmp_path / "evil.npy")
    (tmp_path / "a.npy").write_bytes(array)
    np.testing.assert_array_equal(load_array(tmp_path / "a.npy"), np.arange(3.0))


def _forged(scalar_of: bytes) -> bytes:
    """Return a pickle that forges a dtype with an object field, to make numpy follow a pointer of its choosing."""
    return (
        b"cnumpy\ndtype\n(VV8\nI00\nI01\ntR(I3\nV|\nN(Va\nt}Va\n(cnumpy\ndtype\n(VO\nI00\nI01\ntRI0\ntsI8\nI1\nI0\ntb."
        if not scalar_of
        else b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(VO8\nI00\nI01\ntR" + scalar_of + b"tR."
    )


@pytest.mark.parametrize("content", [_forged(b""), _forged(b"VAAAAAAAA\n"), b"cnumpy\nndarray\n((I3\ntVd\ntR."])
@pytest.mark.parametrize("load", [load_array, load_header])
def test_numpy_itself_is_not_handed_to_a_file(tmp_path, load, content):
    """A dtype with object fields, or an array without content, can make numpy read memory that is not the file's."""
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError):
        load(tmp_path / "a.npy")


def _greedy() -> dict[str, bytes]:
    """Return small files that ask for gigabytes: a memo index, a size, a call."""
    array, block = pickle.dumps(np.arange(70.0), protocol=2), pickle.dumps(bytearray(500), protocol=5)
    size = block.index(b"\x96") + 1
    return {
        "memo": array[:2] + b"Nr" + (400_000_000).to_bytes(4, "little") + b"0" + array[2:],
        "memo as text": array[:2] + b"Np400000000\n0" + array[2:],
        "bytearray": block[:size] + (3_000_000_000).to_bytes(8, "little") + block[size + 8 :],
        "bytes": b"\x80\x04\x8e" + (2**63).to_bytes(8, "little") + b".",
        "a call": b"cbuiltins\nbytearray\n(I3000000000\ntR.",
    }


@pytest.mark.parametrize("case", _greedy())
@pytest.mark.parametrize("load", [load_array, load_header])
def test_a_small_file_that_asks_for_gigabytes(tmp_path, load, case):
    (tmp_path / "a.npy").write_bytes(_greedy()[case])
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(DataError, match="refused and was not run" if case == "a call" else "cut short or damaged"):
        load(tmp_path / "a.npy")
    assert time.perf_counter() - start < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kB"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_mutated_files_are_one_line_and_quick(tmp_path, rng, protocol, capfd):
    whole, path = bytearray(pickle.dumps(np.arange(8.0), protocol=protocol)), tmp_path / "a.npy"
    start = time.perf_counter()
    for position in range(len(whole)):
        for value in (0, 255, int(rng.integers(256))):
            path.write_bytes(whole[:position] + bytes([value]) + whole[position + 1 :])
            for load in (load_array, load_header):
                try:
                    load(path)
                except DataError as error:
                    assert "\n" not in str(error)  # noqa: PT017
    assert time.perf_counter() - start < 20
    assert capfd.readouterr().err == ""


def test_bytes_behind_the_array(tmp_path):
    (tmp_path / "a.npy").write_bytes(pickle.dumps(np.arange(3.0)) + b"more")
    with pytest.raises(DataError, match="4 bytes follow the array"):
        load_array(tmp_path / "a.npy")


def test_big_endian_and_python_2(tmp_path):
    array = np.arange(5, dtype=">f8")
    (tmp_path / "a.npy").write_bytes(pickle.dumps(array, protocol=2))
    np.testing.assert_array_equal(load_array(tmp_path / "a.npy"), array)
    python_2 = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\n"
        b"tR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x00\\x00\\x00\\x00\\xf0?\\x00\\x00\\x00\\x00\\x00\\x00\\x00@'\ntb."
    )
    (tmp_path / "a.npy").write_bytes(python_2)
    np.testing.assert_array_equal(load_array(tmp_path / "a.npy"), [1.0, 2.0])


def test_damaged_npy_headers_are_one_line(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(8.0))
    whole = (tmp_path / "a.npy").read_bytes()
    for position in range(6, 80):
        for value in (0, 10, 39, 255):
            (tmp_path / "b.npy").write_bytes(whole[:position] + bytes([value]) + whole[position + 1 :])
            try:
                load_array(tmp_path / "b.npy")
            except DataError as error:
                assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize("value", [[1.0, 2.0], {"a": 1}, np.array(["a", "b"])])
def test_what_is_no_array_of_numbers_is_refused(tmp_path, value):
    (tmp_path / "a.npy").write_bytes(pickle.dumps(value))
    with pytest.raises(DataError, match="expected a"):
        load_array(tmp_path / "a.npy")


def test_truncated_empty_and_missing(tmp_path):
    whole = pickle.dumps(np.arange(1000.0), protocol=4)
    path = tmp_path / "a.npy"
    for length in (1, 30, 500, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="cut short or damaged"):
            load_array(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        load_array(path)
    with pytest.raises(DataError, match="cannot be read"):
        load_array(tmp_path / "none.npy")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("module", ["mne.io.meas_info", "mne._fiff.meas_info"])
def test_header_of_old_and_new_mne(tmp_path, protocol, module):
    import mne

    info = mne.create_info(["Fpz-Cz", "Pz-Oz"], 100.0, "eeg")
    with info._unlock():
        info["highpass"], info["lowpass"] = 0.5, 100.0
    content = _rename(pickle.dumps(info, protocol=protocol), [(b"mne._fiff.meas_info", module.encode())], protocol)
    assert module.encode() in content
    (tmp_path / "headerInfo.npy").write_bytes(content)
    read = load_header(tmp_path / "headerInfo.npy")
    assert isinstance(read, mne.Info)
    assert (read["ch_names"], read["sfreq"]) == (["Fpz-Cz", "Pz-Oz"], 100.0)
    assert (read["highpass"], read["lowpass"]) == (0.5, 100.0)


def test_hand_made_header_of_2021(tmp_path):
    """A pickle as mne 0.23 wrote them: old module names, digitisation points, an ordered dict, a date."""
    content = (
        b"cmne.io.meas_info\nInfo\n)R("
        b"Vch_names\n(lVFpz-Cz\naVPz-Oz\na"
        b"Vsfreq\nF100.0\nVhighpass\nF0.5\nVlowpass\nF100.0\n"
        b"Vdig\n(lcmne.io._digitization\nDigPoint\n)Ra"
        b"Vcustom_ref_applied\ncmne.utils._bunch\nNamedInt\n(VFIFFV_MNE_CUSTOM_REF_OFF\nI0\ntR"
        b"Vmeas_date\ncdatetime\ndatetime\n(I2021\nI6\nI24\ntR"
        b"Vhelium_info\nccollections\nOrderedDict\n)R"
        b"u."
    )
    (tmp_path / "headerInfo.npy").write_bytes(content)
    assert load_header(tmp_path / "headerInfo.npy")["ch_names"] == ["Fpz-Cz", "Pz-Oz"]


def test_header_that_is_none(tmp_path):
    for value in ({"sfreq": 100.0}, np.zeros(3), [], 3, _header(sfreq=float("nan")), _header(sfreq=10**400)):
        (tmp_path / "headerInfo.npy").write_bytes(pickle.dumps(value))
        with pytest.raises(DataError, match="expected a header"):
            load_header(tmp_path / "headerInfo.npy")


def _header(**changes):
    return {"ch_names": ["a"], "sfreq": 100.0, "highpass": 0.5, "lowpass": 50.0} | changes


def _rename(content: bytes, names: list[tuple[bytes, bytes]], protocol: int) -> bytes:
    """Rename modules in a pickle, also where protocol 4 and 5 state the length of a name."""
    if protocol < 4:
        for old, new in names:
            content = content.replace(old, new)
        return content
    for old, new in names:
        position = 0
        while (position := content.find(old, position)) >= 0:
            start = position - 1
            length = content[start]
            text = content[position : position + length].replace(old, new, 1)
            content = content[:start] + bytes([len(text)]) + text + content[position + length :]
            position += len(new)
    return _without_frame(content)


def _without_frame(content: bytes) -> bytes:
    """Drop the frame opcode, whose length no longer holds."""
    return content[:2] + content[11:] if content[2:3] == b"\x95" else content

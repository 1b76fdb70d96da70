"""answer.txt and answer.zip."""

import contextlib
import tracemalloc
import zipfile

import numpy as np
import pytest

from beetl_task1.data.files import DataFolder
from beetl_task1.data.probabilities import load_probabilities
from beetl_task1.errors import BeetlError, SubmissionError
from beetl_task1.submission.answer import read_answer, write_answer, write_zip
from beetl_task1.submission.diff import diff
from beetl_task1.submission.package import package_labels
from beetl_task1.submission.scored import score_answer

LABELS = np.array([0, 5, 3, 2, 1, 4])


def test_one_integer_per_line(tmp_path):
    write_answer(tmp_path / "answer.txt", LABELS)
    assert (tmp_path / "answer.txt").read_bytes() == b"0\n5\n3\n2\n1\n4\n"
    np.testing.assert_array_equal(read_answer(tmp_path / "answer.txt"), LABELS)


def test_zip_holds_the_answer_alone_with_the_same_bytes(tmp_path):
    write_zip(tmp_path / "a.zip", LABELS)
    write_zip(tmp_path / "b.zip", LABELS)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["answer.txt"]
        assert archive.read("answer.txt") == b"0\n5\n3\n2\n1\n4\n"
    np.testing.assert_array_equal(read_answer(tmp_path / "a.zip"), LABELS)


def test_windows_line_ends_and_no_last_line_end(tmp_path):
    for content in (b"0\r\n5\r\n3", b"0\r5\r3\r", b"\xef\xbb\xbf0\n5\n3\n"):
        (tmp_path / "a.txt").write_bytes(content)
        np.testing.assert_array_equal(read_answer(tmp_path / "a.txt"), [0, 5, 3])


def test_a_damaged_zip_is_one_line(tmp_path):
    write_zip(tmp_path / "a.zip", np.resize(LABELS, 300))
    whole = (tmp_path / "a.zip").read_bytes()
    for position in range(len(whole)):
        (tmp_path / "b.zip").write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        with contextlib.suppress(SubmissionError):
            assert len(read_answer(tmp_path / "b.zip")) == 300


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\n6\n", "line 2 is '6'"),
        ("0\n-1\n", "line 2 is '-1'"),
        ("0\n1.5\n", r"line 2 is '1\.5'"),
        ("0\nnan\n", "line 2 is 'nan'"),
        ("0\n1e1\n", "line 2 is '1e1'"),
        ("0\n0_1\n", "line 2 is '0_1'"),
        ("0\n\u0661\n", "line 2 is"),
        ("0\n\n1\n", "line 2 is ''"),
        ("0 1\n", "line 1 is '0 1'"),
        ("", "holds no label"),
    ],
)
def test_a_line_that_is_no_stage(tmp_path, text, message):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(SubmissionError, match=message):
        read_answer(tmp_path / "a.txt")


def test_zips_that_codalab_would_not_take(tmp_path):
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("answer.txt", "0\n")
        archive.writestr("readme.txt", "0\n")
    with pytest.raises(SubmissionError, match=r"expected answer\.txt alone"):
        read_answer(tmp_path / "two.zip")
    (tmp_path / "bad.zip").write_bytes(b"PK")
    with pytest.raises(SubmissionError, match="not a readable zip"):
        read_answer(tmp_path / "bad.zip")
    with pytest.raises(SubmissionError, match="cannot be read"):
        read_answer(tmp_path / "none.zip")


TAKEN = {
    "numpy.savetxt": b"".join(b"%.18e\n" % label for label in LABELS),
    "one digit": b"0.0\n5.0\n3.0\n2.0\n1.0\n4.0\n",
    "padded": b"  0\n  5\n  3\n 2 \n\t1\n4\n",
    "blank last lines": b"0\n5\n3\n2\n1\n4\n\n \r\n\n",
    "byte order mark": b"\xef\xbb\xbf0\n5\n3\n2\n1\n4\n",
    "PowerShell": "0\r\n5\r\n3\r\n2\r\n1\r\n4\r\n".encode("utf-16"),
    "big-endian UTF-16": "\ufeff0\n5\n3\n2\n1\n4".encode("utf-16-be"),
    "all at once": b"\xef\xbb\xbf" + b"".join(b"%.18e\r\n" % label for label in LABELS) + b"\r\n\r\n",
    "plus and minus": b"-0\n+5\n3.\n2e0\n1E+00\n4\n",
}


@pytest.mark.parametrize("dress", list(TAKEN))
@pytest.mark.parametrize("zipped", [False, True])
def test_what_the_organisers_scorer_takes_is_taken(tmp_path, dress, zipped):
    path = tmp_path / ("a.zip" if zipped else "a.txt")
    path.write_bytes(TAKEN[dress])
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("answer.txt", TAKEN[dress])
    np.testing.assert_array_equal(read_answer(path), LABELS)
    truth = tmp_path / "truth.txt"
    write_answer(truth, LABELS)
    assert score_answer(path, truth).score == score_answer(truth, path).score == 100
    assert diff(path, truth).n_different == 0


def test_labels_from_numpy_are_packaged(tree, tmp_path):
    truth = np.loadtxt(tree / "truth" / "65-79.txt")
    np.savetxt(tmp_path / "mine.txt", truth)
    packed = package_labels(tmp_path / "mine.txt", "65-79", DataFolder(tree), tmp_path)
    assert (packed.folder / "answer.txt").read_bytes() == (tree / "truth" / "65-79.txt").read_bytes()


def lying(content):
    """Return a zip whose directory says that the member has 12 bytes."""
    changed = bytearray(content)
    directory = changed.rindex(b"PK\x01\x02")
    changed[directory + 24 : directory + 28] = (12).to_bytes(4, "little")
    return bytes(changed)


@pytest.mark.parametrize("dress", ["bomb", "bomb that lies", "long text", "endless"])
def test_what_is_far_too_large_is_refused_at_once(tmp_path, dress):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("answer.txt", bytes(50_000_000))
    assert path.stat().st_size < 1e6
    if dress == "bomb that lies":
        path.write_bytes(lying(path.read_bytes()))
    if dress == "long text":
        path = tmp_path / "a.txt"
        with open(path, "wb") as file:
            file.truncate(10**10)
    if dress == "endless":
        path = "/dev/zero"
    tracemalloc.start()
    with pytest.raises(SubmissionError) as refused:
        read_answer(path)
    assert tracemalloc.get_traced_memory()[1] < 5e7
    tracemalloc.stop()
    assert "at most" in str(refused.value) or "not a readable zip" in str(refused.value)


def test_probabilities_beside_an_answer_have_a_limit_too(tmp_path):
    with zipfile.ZipFile(tmp_path / "p.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("65-79/s6r1.npy", bytes(200_000_000))
    with pytest.raises(BeetlError, match="unpacks to 200,000,000 bytes, at most"):
        load_probabilities(tmp_path / "p.npz")

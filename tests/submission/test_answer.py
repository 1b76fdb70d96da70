"""answer.txt and answer.zip."""

import contextlib
import zipfile

import numpy as np
import pytest

from beetl_task1.errors import SubmissionError
from beetl_task1.submission.answer import read_answer, write_answer, write_zip

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
        ("0\n1.0\n", r"line 2 is '1\.0'"),
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

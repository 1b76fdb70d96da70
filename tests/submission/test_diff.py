"""How two answers differ, against counts by hand."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from beetl_task1.cli.submissions import diff as command
from beetl_task1.data.files import DataFolder
from beetl_task1.errors import SubmissionError
from beetl_task1.submission.answer import write_answer
from beetl_task1.submission.diff import diff
from beetl_task1.submission.package import package_labels


@pytest.fixture(scope="module")
def answers(tree, tmp_path_factory):
    """A packed submission and a bare file that differs from it in rows 0, 1, 30 and 95."""
    out = tmp_path_factory.mktemp("answers")
    truth = np.loadtxt(tree / "truth" / "65-79.txt", dtype=int)
    packed = package_labels(tree / "truth" / "65-79.txt", "65-79", DataFolder(tree), out, "first")
    other = truth.copy()
    other[[0, 1, 30, 95]] = (other[[0, 1, 30, 95]] + 1) % 6
    write_answer(out / "other.txt", other)
    return packed.folder, out / "other.txt", truth, other


def test_counts(answers):
    folder, other_file, truth, other = answers
    found = diff(folder, other_file)
    assert (found.n_rows, found.n_different) == (96, 4)
    assert found.subjects == {"s6": [48, 3], "s10": [48, 1]}
    assert found.nights["s6r2"] == [24, 1]
    assert found.table[truth[0]][other[0]] >= 1
    assert np.sum(found.table) == 96
    assert np.trace(found.table) == 92
    table = np.array(found.table)
    chance = (table.sum(0) * table.sum(1)).sum() / 96**2
    assert found.kappa == pytest.approx((92 / 96 - chance) / (1 - chance))
    json.dumps(found.to_dict(), allow_nan=False)


def test_alike_and_the_other_way_round(answers):
    folder, other_file, *_ = answers
    assert diff(folder, folder / "answer.zip").n_different == 0
    back = diff(other_file, folder)
    assert back.subjects == {"s6": [48, 3], "s10": [48, 1]}
    assert diff(other_file, other_file).subjects == {}


def test_other_lengths(answers, tmp_path):
    (tmp_path / "short.txt").write_text("0\n1\n")
    with pytest.raises(SubmissionError, match="2 labels"):
        diff(answers[0], tmp_path / "short.txt")


def test_answers_for_other_recordings(answers, tree, tmp_path):
    rows = json.loads((answers[0] / "submission.json").read_text())
    rows["rows"] = [row | {"recording": row["recording"].replace("65-79", "80-95")} for row in rows["rows"]]
    other = shutil.copytree(answers[0], tmp_path / "other")
    (other / "submission.json").write_text(json.dumps(rows))
    with pytest.raises(SubmissionError, match="answers for different recordings"):
        diff(answers[0], other)


def test_command(answers):
    result = CliRunner().invoke(command, [str(answers[0]), str(answers[1])], catch_exceptions=False)
    for words in ("4 of 96 labels differ (4.2%)", "kappa", "s10r2", "subjects", "change"):
        assert words in result.output
    values = json.loads(CliRunner().invoke(command, [str(answers[0]), str(answers[1]), "--json"]).output)
    assert values["n_different"] == 4

"""The submission log."""

import csv
import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from beetl_task1.cli.submissions import log as command
from beetl_task1.data.files import DataFolder
from beetl_task1.errors import SubmissionError
from beetl_task1.submission.log import LOG, enter_score, log_package, read_log
from beetl_task1.submission.package import package_labels

ACCOUNT = {
    "recipe": {"name": "default", "seeds": [0, 1]}, "group": "80-95", "data": "simulated data, with a comma",
    "versions": {"commit": "a" * 40}, "n_rows": 5, "partial": True, "answer_sha256": "x1",
}  # fmt: skip


def test_lines_in_order_of_packing(tmp_path):
    log_package(tmp_path, tmp_path / "default-80-95", ACCOUNT, now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    log_package(tmp_path, tmp_path / "default-80-95", ACCOUNT | {"answer_sha256": "x2"}, local_score=61.234)
    first, second = read_log(tmp_path)
    assert (first.packed, first.submission, first.recipe, first.seeds) == (
        "2026-01-02T03:04:05Z", "default-80-95", "default", "0 1",
    )  # fmt: skip
    assert (first.commit, first.partial, first.local_score, first.data) == ("a" * 40, "yes", "", ACCOUNT["data"])
    assert second.local_score == "61.23"
    with open(tmp_path / LOG, newline="") as file:
        assert [row["answer_sha256"] for row in csv.DictReader(file)] == ["x1", "x2"]


def test_a_log_that_a_spreadsheet_saved(tmp_path):
    log_package(tmp_path, tmp_path / "default-80-95", ACCOUNT)
    path = tmp_path / LOG
    path.write_bytes(path.read_text().replace("\n", "\r\n").encode("utf-8-sig"))
    enter_score(tmp_path, "default-80-95", 60)
    assert [(line.submission, line.leaderboard_score) for line in read_log(tmp_path)] == [("default-80-95", "60")]


def test_packing_the_same_again_adds_no_line(tmp_path):
    log_package(tmp_path, tmp_path / "a", ACCOUNT, local_score=50)
    enter_score(tmp_path, "a", 60)
    log_package(tmp_path, tmp_path / "a", ACCOUNT)
    lines = read_log(tmp_path)
    assert len(lines) == 1
    assert (lines[0].local_score, lines[0].leaderboard_score) == ("50.00", "60")
    enter_score(tmp_path, "a", None, note="a remark")
    enter_score(tmp_path, "a", 61)
    assert [(line.leaderboard_score, line.note) for line in read_log(tmp_path)] == [("61", "a remark")]
    enter_score(tmp_path, "a", None, note="another")
    assert [(line.leaderboard_score, line.note) for line in read_log(tmp_path)] == [("61", "another")]


def test_entered_score_goes_to_the_answer_that_is_there(tree, tmp_path):
    data = DataFolder(tree)
    truth = tree / "truth" / "65-79.txt"
    other = tmp_path / "other.txt"
    other.write_text("0\n" * 96)
    package_labels(truth, "65-79", data, tmp_path, "mine")
    wake = package_labels(other, "65-79", data, tmp_path, "mine").folder
    enter_score(tmp_path, wake, 16.67, note="all wake")
    assert [(line.leaderboard_score, line.note) for line in read_log(tmp_path)] == [("", ""), ("16.67", "all wake")]
    package_labels(truth, "65-79", data, tmp_path, "mine")
    enter_score(tmp_path, tmp_path / "mine-65-79", 100)
    assert [line.leaderboard_score for line in read_log(tmp_path)] == ["100", "16.67"]


def test_mistakes(tmp_path):
    with pytest.raises(SubmissionError, match="not in the log"):
        enter_score(tmp_path, "nothing", 50)
    log_package(tmp_path, tmp_path / "a", ACCOUNT)
    with pytest.raises(SubmissionError, match="0 to 100"):
        enter_score(tmp_path, "a", 101)
    (tmp_path / LOG).write_bytes(b"\xff\xfe nonsense")
    with pytest.raises(SubmissionError, match="not a submission log"):
        read_log(tmp_path)


def test_command(tmp_path):
    runner = CliRunner()
    assert "nothing packed yet" in runner.invoke(command, ["--submissions", str(tmp_path)]).output
    log_package(tmp_path, tmp_path / "default-80-95", ACCOUNT, local_score=61.2)
    entered = runner.invoke(command, ["default-80-95", "--score", "66.78", "--submissions", str(tmp_path)])
    for words in ("default-80-95", "66.78", "61.20", "aaaaaaaaaa", "leaderboard"):
        assert words in entered.output
    values = json.loads(runner.invoke(command, ["--json", "--submissions", str(tmp_path)]).output)
    assert values[0]["leaderboard_score"] == "66.78"
    wrong = runner.invoke(command, ["--score", "66.78", "--submissions", str(tmp_path)])
    assert wrong.exit_code == 2
    assert "to enter a score, name the submission" in wrong.output

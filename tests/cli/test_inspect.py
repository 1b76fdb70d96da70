"""``inspect`` prints what the audit found, and its exit code says whether a submission would be spoilt."""

import json
import os
import shutil

from click.testing import CliRunner

from beetl_task1.cli.inspect import inspect


def run(*arguments):
    return CliRunner().invoke(inspect, [*map(str, arguments), "--jobs", "1"], catch_exceptions=False)


def test_a_sound_tree(tree):
    result = run("--data", tree, "--group", "65-79")
    assert result.exit_code == 0
    for words in ("simulated data", "65-79 test", "too few epochs", "25-64/s0r1", "REM", "from the source", "0 errors"):
        assert words in result.output
    assert "80-95" not in result.output


def test_json(tree):
    result = run("--data", tree, "--group", "65-79", "--json")
    content = json.loads(result.output)
    assert content["ok"]
    assert content["nights"][0]["key"] == "25-64/s0r1"
    assert content["nights"][0]["order"]["verdict"] == "too few epochs"


def test_a_broken_file_is_named_and_the_rest_is_still_shown(tree, tmp_path):
    tree = shutil.copytree(tree, tmp_path / "data", copy_function=os.link)
    broken = min((tree / "LeaderboardSleep/testing").glob("*.npy"))
    broken.unlink()
    broken.write_bytes(b"nonsense")
    result = run("--data", tree, "--group", "65-79", "--no-nights")
    assert result.exit_code == 1
    assert f"error [unreadable] LeaderboardSleep/testing/{broken.name}" in result.output
    assert "from the source" in result.output
    assert "Traceback" not in result.output

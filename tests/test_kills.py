"""The tool that kills commands: it finds nothing in them, and it finds what is torn."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[1] / "tools"
TORN = """
import os, sys, time
def replace(source, target):
    content = open(source, "rb").read()
    with open(target, "wb") as file:
        file.write(content[: len(content) // 2])
        file.flush()
        time.sleep(0.05)
        file.write(content[len(content) // 2 :])
    os.remove(source)
os.replace = replace
"""
KILL = "import sys; sys.argv = ['kills.py', *sys.argv[1:]]; import kills; kills.main()"


def killed(*words, before=""):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TOOLS), *filter(None, sys.path)])}
    command = [sys.executable, "-W", "ignore", "-c", before + KILL, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_killed_commands_leave_old_or_new_and_go_on():
    done = killed("package", "stage", "--kills", "6", "--seed", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("; 0 faults") == 2


@pytest.mark.slow
def test_torn_files_are_found():
    done = killed("package", "--kills", "10", before=TORN)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "torn submissions/" in done.stdout

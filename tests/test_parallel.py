"""Where one of several calls at once fails, the others end as they would have, and one error is told."""

import time
import traceback

import pytest

from beetl_task1.errors import BeetlError
from beetl_task1.parallel import each
from beetl_task1.writing import whole_file


def write(folder, place):
    """Write a file slowly; the first call fails while the second writes."""
    (folder / f"begun{place}").touch()
    while place == 0 and not any(folder.glob(".late.*")):
        time.sleep(0.01)
    if place == 0:
        raise BeetlError("nothing more")
    with whole_file(folder / "late") as file:
        for _ in range(20):
            file.write(b"x")
            file.flush()
            time.sleep(0.02)
    return place


@pytest.mark.parametrize("threads", [False, True])
@pytest.mark.parametrize("ordered", [False, True])
def test_what_is_being_written_when_a_call_fails_is_written(tmp_path, threads, ordered):
    with pytest.raises(BeetlError, match="nothing more"):
        list(each(write, ((tmp_path, place) for place in range(9)), 2, threads=threads, ordered=ordered))
    assert (tmp_path / "late").read_bytes() == b"x" * 20
    assert [path.name for path in tmp_path.glob(".*")] == []
    assert not (tmp_path / "begun8").exists()


def divide(a, b):
    return a / b


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_came_before_a_failure_is_given(jobs):
    found = []
    with pytest.raises(ZeroDivisionError) as caught:
        found.extend(each(divide, ((6, b) for b in (1, 2, 0, 3)), jobs))
    assert found == [6, 3]
    assert "in divide" in "".join(traceback.format_exception(caught.value))

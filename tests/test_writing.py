"""Files are written whole."""

import os

import pytest

from beetl_task1.writing import whole_file, write_text


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "new" / "a.txt"
    write_text(path, "old\n")

    def half():
        with whole_file(path, "w") as file:
            file.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert path.read_text() == "old\n"
    assert os.listdir(path.parent) == ["a.txt"]


def test_the_new_file_appears_at_the_end(tmp_path):
    path = tmp_path / "a.txt"
    with whole_file(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert oct(path.stat().st_mode & 0o777) == oct(0o666 & ~_umask())


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask

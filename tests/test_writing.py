"""Files are written whole."""

import os

import pytest

from beetl_task1.errors import BeetlError
from beetl_task1.writing import check_folder, check_own, whole_file, write_own, write_text


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


def _folder(path):
    path.mkdir()


def _link(path):
    (path.parent / "target").write_text("of the user")
    path.symlink_to(path.parent / "target")


@pytest.mark.parametrize(
    "occupy",
    [
        lambda p: p.write_bytes(b""),
        lambda p: p.write_bytes(b"\xff\x00"),
        lambda p: p.write_text("a"),
        _folder,
        _link,
    ],
)
def test_a_document_of_somebody_else_stays(tmp_path, occupy):
    path = tmp_path / "a.html"
    occupy(path)
    before = path.read_bytes() if path.is_file() else None
    for attempt in (lambda: check_own(path), lambda: write_own(path, "ours")):
        with pytest.raises(BeetlError, match=r"a\.html: (holds what|is a folder)"):
            attempt()
    assert (path.read_bytes() if path.is_file() else None) == before


def test_our_own_document_is_written_again_until_it_is_changed(tmp_path):
    path = tmp_path / "new" / "a.md"
    for text in ("ours\n", "newer: für \udcff\n", ""):
        write_own(path, text)
        check_own(path)
    path.write_bytes(path.read_bytes() + b"mine")
    with pytest.raises(BeetlError, match="stays as it is"):
        write_own(path, "ours")


@pytest.mark.parametrize("where", ["file/below", "file/below/deeper", "file", "/proc/none", "/dev/null/a", "dangling"])
def test_a_folder_that_takes_no_file_is_refused_before_any_work(tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "deep")
    with pytest.raises(BeetlError, match="cannot be written to"):
        check_folder(where)
    with pytest.raises(BeetlError, match="cannot be written to"):
        check_own(f"{where}/a.html")


def test_the_check_leaves_nothing_behind(tmp_path):
    check_folder(tmp_path / "a" / "b")
    check_own(tmp_path / "a" / "b" / "c.html")
    assert not list(tmp_path.iterdir())

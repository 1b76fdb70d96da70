"""Archives from elsewhere: nothing outside the folder, nothing without limit."""

import io
import stat
import zipfile

import pytest

from beetl_task1.download.unzip import unzip
from beetl_task1.errors import DataError

LIMIT = 10_000


def make_zip(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def zip_bytes(entries):
    buffer = io.BytesIO()
    make_zip(buffer, entries)
    return buffer.getvalue()


def refused(tmp_path, entries, match, limit=LIMIT):
    archive = make_zip(tmp_path / "a.zip", entries)
    out = tmp_path / "box" / "out"
    out.mkdir(parents=True)
    with pytest.raises(DataError, match=match):
        unzip(archive, out, limit=limit)
    return out


def test_files_and_one_nesting_come_out(tmp_path):
    inner = zip_bytes([("e/y.npy", b"22")])
    archive = make_zip(tmp_path / "a.zip", [("d/", b""), ("d/x.npy", b"1"), ("in.zip", inner)])
    files = unzip(archive, tmp_path / "out", limit=LIMIT)
    assert {path.name: path.read_bytes() for path in files} == {"x.npy": b"1", "y.npy": b"22"}


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil", "..\\evil", "C:\\evil", "C:evil", "\\evil"])
def test_name_that_leads_outside(tmp_path, name):
    out = refused(tmp_path, [("good", b"1"), (name, b"evil")], "leads outside")
    assert not any(out.iterdir()), "nothing is written before all names are checked"
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_link(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(tmp_path, [(link, "/etc/passwd")], "is a link")


def test_more_bytes_than_the_limit(tmp_path):
    out = refused(tmp_path, [("zeros", bytes(LIMIT + 1))], "unpacks to 10,001 bytes, at most 10,000")
    assert not any(out.iterdir())


def test_nested_archive_shares_the_limit(tmp_path):
    refused(tmp_path, [("a", bytes(6_000)), ("in.zip", zip_bytes([("b", bytes(6_000))]))], "unpacks to 6,000")


def test_archive_that_lies_about_its_size(tmp_path):
    """The directory says 5 bytes, the stream holds more."""
    content = bytearray(zip_bytes([("a", bytes(50_000))]))
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (5).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match="not a readable zip"):
        unzip(tmp_path / "a.zip", tmp_path / "out", limit=LIMIT)
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) <= 5, "no more than it says"


def test_folders_of_another_system(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("d\\x.npy", b"1")])
    assert unzip(archive, tmp_path / "out", limit=LIMIT) == [tmp_path / "out" / "d" / "x.npy"]


def test_too_many_entries(tmp_path):
    refused(tmp_path, [(f"f{i}", b"") for i in range(5_001)], "5001 entries")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twin", ["a/x", "A/X"])
def test_name_twice(tmp_path, twin):
    refused(tmp_path, [("a/x", b"1"), (twin, b"2")], "twice")


def test_file_in_the_place_of_a_folder(tmp_path):
    refused(tmp_path, [("a", b"1"), ("a/b", b"2")], "could not be unpacked")


def test_nested_twice(tmp_path):
    inner = zip_bytes([("deep.zip", zip_bytes([("x", b"1")]))])
    refused(tmp_path, [("in.zip", inner)], "nested more than once")


def test_encrypted(tmp_path):
    content = bytearray(zip_bytes([("a", b"1")]))
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match="encrypted"):
        unzip(tmp_path / "a.zip", tmp_path / "out", limit=LIMIT)


@pytest.mark.parametrize(
    "content", [b"", b"<html>no</html>", zip_bytes([("a", b"1" * 99)])[:-30]], ids=["empty", "page", "cut"]
)
def test_no_zip(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.zip: not a readable zip"):
        unzip(tmp_path / "a.zip", tmp_path / "out", limit=LIMIT)

"""`download` against a server on 127.0.0.1 that has every fault of figshare."""

import hashlib
import io
import json
import threading
import time
import zipfile
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from beetl_task1.download import ARTICLES, LABELS, download, missing_files
from beetl_task1.download.client import Patient, Refused, Unreachable
from beetl_task1.download.layout import expected_files
from beetl_task1.errors import BeetlError, DataError

SOURCE, YOUNGER, OLDER, TUTORIAL = ARTICLES


def zipped(names, top="", repeats=1):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(top + name, f"content of {name} ".encode() * repeats)
    return buffer.getvalue()


class Figshare:
    """Serves articles, and does to a path what its list of faults says, one fault per request."""

    def __init__(self):
        self.articles, self.faults, self.requests = {}, defaultdict(list), []
        handler = type("Handler", (_Handler,), {"figshare": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def put(self, article, *files, **lies):
        entries = [
            {
                "name": name,
                "size": len(content),
                "computed_md5": hashlib.md5(content).hexdigest(),
                "download_url": f"{self.url}/files/{article.number}/{name}",
                "is_link_only": False,
            }
            | lies
            for name, content in files
        ]
        self.articles[article.number] = (entries, dict(files))

    def asked(self, path):
        return [headers for asked, headers in self.requests if asked.startswith(path)]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        self.figshare.requests.append((path, dict(self.headers)))
        faults = self.figshare.faults[path]
        fault = faults.pop(0) if faults else None
        if isinstance(fault, tuple):
            return self.answer(fault[0], b"", fault[1])
        if isinstance(fault, int):
            return self.answer(fault, b"no")
        body = self.content(path.strip("/").split("/"))
        if body is None:
            return self.answer(404, b"no")
        return self.file(body, fault)

    def content(self, parts):
        entries, files = self.figshare.articles.get(int(parts[1]), (None, {}))
        return json.dumps(entries).encode() if parts[0] == "articles" and entries is not None else files.get(parts[-1])

    def file(self, body, fault):
        begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
        if fault == "ignores range":
            begin = 0
        headers = {"Content-Range": f"bytes {begin}-{len(body) - 1}/{len(body)}"} if begin else {}
        part = body[begin:]
        if fault == "breaks off":
            headers["Content-Length"], part = str(len(part)), part[: len(part) // 2]
        if fault == "other bytes":
            part = bytes(len(part))
        self.answer(206 if begin else 200, part, headers)

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def figshare():
    figshare = Figshare()
    yield figshare
    figshare.server.shutdown()
    figshare.server.server_close()


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Note the waits instead of waiting."""
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    return waits


def get(figshare, out, *groups, attempts=4, **options):
    client = Patient(attempts=attempts, timeout=5)
    return download(out, groups or [TUTORIAL.group], api=figshare.url, client=client, **options)


def put_tutorial(figshare, top="Tutorial/", **lies):
    content = zipped([name.split("/")[1] for name in expected_files(TUTORIAL)] + ["headerInfo.npy"], top, 2_000)
    figshare.put(TUTORIAL, ("tutorial.zip", content), **lies)
    return f"/files/{TUTORIAL.number}/tutorial.zip", content


def test_whole_competition_is_laid_out(figshare, tmp_path):
    figshare.put(
        SOURCE,
        (
            "SleepSource.zip",
            zipped(
                [*expected_files(SOURCE), "SleepSource/headerInfo.npy", "__MACOSX/SleepSource/._training_s0r1X.npy"]
            ),
        ),
    )
    inner = zipped([*expected_files(YOUNGER), "LeaderboardSleep/sleep_target/headerInfo.npy"])
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("LeaderboardSleep.zip", inner)
    figshare.put(YOUNGER, ("LeaderboardSleep.zip", outer.getvalue()))
    flat = [name.rsplit("/", 1)[1].replace("testing_", "leaderboard_") for name in expected_files(OLDER)]
    figshare.put(OLDER, ("finalSleep.zip", zipped(flat)))
    labels = "0\r\n5\r\n4\r\n"
    figshare.put(LABELS, ("final_MI_label.txt", b"9"), ("final_sleep_label.txt", labels.encode()))
    result = get(figshare, tmp_path, SOURCE.group, YOUNGER.group, OLDER.group, labels=True)
    assert list(result.files.values()) == [157, 49, 38, 1]
    for article in (SOURCE, YOUNGER, OLDER):
        assert missing_files(article, tmp_path) == []
    name = "LeaderboardSleep/testing/leaderboard_s10r2X.npy"
    assert (tmp_path / name).read_text().startswith(f"content of {name}")
    assert (tmp_path / "finalSleep/testing/leaderboard_s5r1X.npy").exists(), "by number where folders are missing"
    assert (tmp_path / "truth/80-95.txt").read_text() == "0\n5\n4\n"
    assert "3 labels, the test set has 25,756" in result.notes[0]
    assert not list((tmp_path / "downloads").rglob("*.zip"))


def test_second_run_downloads_nothing(figshare, tmp_path):
    path, _ = put_tutorial(figshare)
    get(figshare, tmp_path)
    result = get(figshare, tmp_path)
    assert result.files == {TUTORIAL.title: 21}
    assert len(figshare.asked(path)) == 1
    figshare.articles.clear()
    assert "could not be asked" in get(figshare, tmp_path).notes[0], "complete data need no figshare"


def test_a_lost_file_or_a_new_version_is_fetched_again(figshare, tmp_path):
    path, _ = put_tutorial(figshare)
    get(figshare, tmp_path)
    (tmp_path / "SleepTutorial/s3r1X.npy").unlink()
    get(figshare, tmp_path)
    assert (tmp_path / "SleepTutorial/s3r1X.npy").exists()
    put_tutorial(figshare, top="v2/")
    get(figshare, tmp_path)
    assert len(figshare.asked(path)) == 3


def test_a_broken_transfer_continues(figshare, tmp_path):
    path, content = put_tutorial(figshare)
    figshare.faults[path] = ["breaks off", "breaks off"]
    seen = []
    get(figshare, tmp_path, progress=lambda done, total, text: seen.append((done, total, text)))
    starts = [int(headers.get("Range", "bytes=0-")[6:-1]) for headers in figshare.asked(path)]
    assert starts[0] == 0 < starts[1] < starts[2] < len(content)
    assert seen[-1] == (len(content), len(content), "tutorial.zip")


def test_another_run_continues_too(figshare, tmp_path):
    path, content = put_tutorial(figshare)
    figshare.faults[path] = ["breaks off", 503, 503]
    with pytest.raises(Unreachable, match="503 after 2 attempts; try again later"):
        get(figshare, tmp_path, attempts=2)
    get(figshare, tmp_path)
    assert 0 < int(figshare.asked(path)[-1]["Range"][6:-1]) <= len(content) // 2


def test_a_server_without_ranges_starts_over(figshare, tmp_path):
    path, _ = put_tutorial(figshare)
    figshare.faults[path] = ["breaks off", "ignores range"]
    assert get(figshare, tmp_path).files == {TUTORIAL.title: 21}


def test_break_offs_without_progress_end(figshare, tmp_path):
    """A size that no transfer can reach ends in an error, not in a loop."""
    put_tutorial(figshare, size=10**6)
    with pytest.raises(Unreachable):
        get(figshare, tmp_path)
    assert len(figshare.requests) < 20


def test_a_list_that_arrives_damaged_is_asked_for_again(figshare, tmp_path, waits):
    put_tutorial(figshare)
    path = f"/articles/{TUTORIAL.number}/files"
    figshare.faults[path] = ["other bytes", "breaks off"]
    assert get(figshare, tmp_path).files == {TUTORIAL.title: 21}
    assert waits == [1, 2]
    figshare.faults[path] = ["other bytes"] * 4
    with pytest.raises(Unreachable, match=r"no usable answer \(JSONDecodeError\) after 4 attempts"):
        get(figshare, tmp_path / "other")


def test_wrong_bytes_once_are_fetched_again(figshare, tmp_path):
    path, _ = put_tutorial(figshare)
    figshare.faults[path] = ["other bytes"]
    assert get(figshare, tmp_path).files == {TUTORIAL.title: 21}


def test_a_lie_about_the_md5(figshare, tmp_path):
    put_tutorial(figshare, computed_md5="0" * 32)
    with pytest.raises(BeetlError, match=r"expected md5 0{32}, got another one twice; .* by hand"):
        get(figshare, tmp_path)
    assert not (tmp_path / "SleepTutorial").exists()


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_waits_grow_until_the_server_recovers(figshare, tmp_path, waits, status):
    path, _ = put_tutorial(figshare)
    figshare.faults[path] = [status] * 3
    get(figshare, tmp_path)
    assert waits == [1, 2, 4]


@pytest.mark.parametrize(
    ("asked", "waited"), [("7", 7), ("9999", 120), ("nonsense", 1), ("Wed, 21 Oct 2015 07:28:00 GMT", 1)]
)
def test_retry_after(figshare, tmp_path, waits, asked, waited):
    path, _ = put_tutorial(figshare)
    figshare.faults[path] = [(429, {"Retry-After": asked})]
    get(figshare, tmp_path)
    assert waits == [waited]


@pytest.mark.parametrize("status", [401, 403, 404, 202])
def test_refusal_says_what_to_do_by_hand_and_that_works(figshare, tmp_path, status):
    path, content = put_tutorial(figshare)
    figshare.faults[path] = [status] * 9
    folder = tmp_path / "downloads" / str(TUTORIAL.number)
    with pytest.raises(Refused) as caught:
        get(figshare, tmp_path)
    message = str(caught.value)
    assert f"status {status}" in message
    assert f"download {TUTORIAL.page} by hand and put its files into {folder}, then run this again" in message
    assert "\n" not in message
    assert len(figshare.asked(path)) == 1, "a refusal is not retried"
    (folder / "tutorial.zip").write_bytes(content)
    assert get(figshare, tmp_path).files == {TUTORIAL.title: 21}


def test_all_of_an_article_as_the_browser_zips_it(figshare, tmp_path):
    path, content = put_tutorial(figshare)
    figshare.faults[path] = [403] * 9
    folder = tmp_path / "downloads" / str(TUTORIAL.number)
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "14779407.zip", "w") as archive:
        archive.writestr("tutorial.zip", content)
    result = get(figshare, tmp_path)
    assert result.files == {TUTORIAL.title: 21}
    assert "md5 unchecked" in result.notes[0]
    assert (folder / "14779407.zip").exists(), "what was put there by hand stays"


def test_api_that_refuses(figshare, tmp_path):
    _, content = put_tutorial(figshare)
    figshare.faults[f"/articles/{TUTORIAL.number}/files"] = [403] * 9
    folder = tmp_path / "downloads" / str(TUTORIAL.number)
    with pytest.raises(Refused, match="by hand and put its files into"):
        get(figshare, tmp_path)
    folder.mkdir(parents=True)
    (folder / "anything.zip").write_bytes(content)
    assert "md5 unchecked" in get(figshare, tmp_path).notes[0]
    assert (folder / "anything.zip").exists(), "what was put there by hand stays"


def test_data_unpacked_by_hand_are_taken_as_they_are(figshare, tmp_path):
    path, content = put_tutorial(figshare, top="")
    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path / "SleepTutorial")
    assert get(figshare, tmp_path).files == {TUTORIAL.title: 21}
    assert not figshare.asked(path)


def test_one_refusal_does_not_stop_the_other_articles(figshare, tmp_path):
    put_tutorial(figshare)
    with pytest.raises(Refused, match=str(SOURCE.number)):
        get(figshare, tmp_path, SOURCE.group, TUTORIAL.group)
    assert missing_files(TUTORIAL, tmp_path) == []


def test_article_without_its_recordings(figshare, tmp_path):
    figshare.put(TUTORIAL, ("readme.pdf", b"x"))
    with pytest.raises(DataError, match=r"lacks .* got readme.pdf; download .* by hand"):
        get(figshare, tmp_path)
    figshare.put(TUTORIAL, ("a.zip", zipped(["readme.pdf"])))
    with pytest.raises(DataError, match=r"holds no recordings, expected files like SleepTutorial/s0r1X.npy"):
        get(figshare, tmp_path)
    figshare.put(TUTORIAL, ("a.zip", zipped(["s0r1X.npy"])))
    with pytest.raises(DataError, match=r"lacks 19 of its recordings, first SleepTutorial/s0r1y.npy; put them into"):
        get(figshare, tmp_path)


def test_archives_of_the_other_task_are_left_alone(figshare, tmp_path):
    figshare.put(OLDER, ("finalMI.zip", b"large"), ("finalSleep.zip", zipped(expected_files(OLDER))))
    get(figshare, tmp_path, OLDER.group)
    assert not figshare.asked(f"/files/{OLDER.number}/finalMI.zip")


def test_evil_archive(figshare, tmp_path):
    figshare.put(TUTORIAL, ("a.zip", zipped(["../../evil.npy", "s0r1X.npy"])))
    with pytest.raises(DataError, match="leads outside"):
        get(figshare, tmp_path / "data")
    assert not list(tmp_path.rglob("*.npy"))


@pytest.mark.parametrize(
    "lie",
    [
        {"name": "../evil.zip"},
        {"name": ""},
        {"name": "a\\b.zip"},
        {"computed_md5": "?"},
        {"download_url": "file:///etc/passwd"},
    ],
)
def test_list_that_lies(figshare, tmp_path, lie):
    put_tutorial(figshare, **lie)
    with pytest.raises(BeetlError, match=r"not a plain name|no md5|no address"):
        get(figshare, tmp_path / "data")


@pytest.mark.parametrize("answer", [{"message": "no"}, ["file"], [{"size": "many"}]])
def test_answer_that_is_no_list_of_files(figshare, tmp_path, answer):
    figshare.articles[TUTORIAL.number] = (answer, {})
    with pytest.raises(
        BeetlError, match=r"expected a list of files, got another answer \(Expected .*\); try again later"
    ):
        get(figshare, tmp_path / "data")


def test_wrong_labels(figshare, tmp_path):
    figshare.put(LABELS, ("final_sleep_label.txt", b"0\n6\n"))
    with pytest.raises(DataError, match=r"expected one label 0..5 per line, got '6'"):
        download(tmp_path, [], labels=True, api=figshare.url)


def test_other_data_are_not_mixed_in(figshare, tmp_path):
    (tmp_path / "simulation.json").write_text("{}")
    with pytest.raises(DataError, match="holds simulated data"):
        get(figshare, tmp_path)


def test_nobody_there(tmp_path):
    with pytest.raises(Unreachable, match=r"no usable answer .* after 2 attempts; .* by hand"):
        download(tmp_path, ["tutorial"], api="http://127.0.0.1:9", client=Patient(2, 1))
    with pytest.raises(Unreachable, match="not an address"):
        download(tmp_path, ["tutorial"], api="figshare", client=Patient(2, 1))


def test_command(figshare, tmp_path):
    from beetl_task1.cli.download import download as command

    put_tutorial(figshare)
    options = ["--group", "tutorial", "--out", str(tmp_path / "data"), "--api", figshare.url]
    done = CliRunner().invoke(command, options, catch_exceptions=False)
    assert done.exit_code == 0
    assert "the tutorial's recordings: 21 files" in done.output
    assert (tmp_path / "data/SleepTutorial/s9r1X.npy").exists()


def test_command_ends_with_inspect(figshare, tmp_path):
    """The files of this test are no arrays, which is what `inspect` finds."""
    from beetl_task1.cli.download import download as command

    figshare.put(OLDER, ("finalSleep.zip", zipped(expected_files(OLDER))))
    options = ["--group", "80-95", "--out", str(tmp_path / "data"), "--api", figshare.url, "--jobs", "1"]
    done = CliRunner().invoke(command, options, catch_exceptions=False)
    assert "finalSleep: 38 files" in done.output
    assert "80-95 test" in done.output
    assert done.exit_code == 1
    assert CliRunner().invoke(command, [*options, "--no-inspect"], catch_exceptions=False).exit_code == 0


def test_unknown_group(tmp_path):
    with pytest.raises(BeetlError, match="did you mean '65-79'"):
        download(tmp_path, ["65-97"])


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://no.such.host.invalid", "https://127.0.0.1:9/v2"])
def test_no_network_is_one_line_after_two_attempts(tmp_path, waits, address):
    began = time.monotonic()
    groups = [article.group for article in (SOURCE, YOUNGER, OLDER)]
    with pytest.raises(Unreachable) as failed:
        download(tmp_path, groups, api=address)
    message = str(failed.value)
    assert "\n" not in message
    assert f"{address}/articles/{SOURCE.number}" in message
    assert "after 2 attempts; check the network and try again" in message
    assert message.endswith("(so for 2 more articles)")
    assert len(message) < 500
    assert sum(waits) <= 2
    assert time.monotonic() - began < 10


def test_a_connection_lost_later_is_waited_for(figshare, tmp_path):
    client = Patient(attempts=4, timeout=5)
    put_tutorial(figshare)
    download(tmp_path, [TUTORIAL.group], api=figshare.url, client=client)
    figshare.server.shutdown()
    figshare.server.server_close()
    with pytest.raises(Unreachable, match="after 4 attempts"):
        client.json(figshare.url)


@pytest.mark.parametrize("content", [b"of the user", b""])
def test_files_of_others_stay(figshare, tmp_path, content):
    put_tutorial(figshare)
    path = tmp_path / expected_files(TUTORIAL)[3]
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(DataError, match="is there, is not figshare's and stays as it is; move it away"):
        get(figshare, tmp_path)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path], "nothing was moved"
    path.unlink()
    get(figshare, tmp_path)
    path.write_bytes(content)
    get(figshare, tmp_path)
    assert path.read_bytes().startswith(b"content of"), "its own file is mended"


def test_labels_of_others_stay(figshare, tmp_path):
    figshare.put(LABELS, ("final_sleep_label.txt", b"0\n5\n4\n"))
    path = tmp_path / "truth" / "80-95.txt"
    path.parent.mkdir()
    path.write_text("1\n1\n1\n")
    put_tutorial(figshare)
    with pytest.raises(DataError, match="stays as it is"):
        get(figshare, tmp_path, labels=True)
    assert path.read_text() == "1\n1\n1\n"
    path.write_text("0\n5\n4\n")
    get(figshare, tmp_path, labels=True)

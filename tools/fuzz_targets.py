"""What `tools/fuzz.py` fuzzes: for each reader of files, a few real files, words to put into them, and the reader."""

import io
import json
import mmap
import pickle
import pickletools
import random
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from beetl_task1.data import unpickler
from beetl_task1.data.labels import NotLabels, parse_labels
from beetl_task1.data.pickles import load_array, load_header
from beetl_task1.data.probabilities import load_probabilities
from beetl_task1.download.unzip import unzip
from beetl_task1.hypnograms.edf import read_header, read_tals, record_onsets
from beetl_task1.hypnograms.formats import read_hypnogram
from beetl_task1.recipes.card import digest_of, load_card
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.recipes.transport import import_checkpoint
from beetl_task1.staging.statistics import statistics_of
from beetl_task1.submission.answer import read_answer

RECIPES = Path(__file__).parents[1] / "beetl_task1" / "recipes"
INTERESTING = [
    b"\x00",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x80",
    b"\xff" * 8,
    b"\x00" * 8,
]
WORDS = [
    b"-1",
    b"0",
    b"1e999",
    b"nan",
    b"9" * 30,
    b"\n",
    b"\r\n",
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b"'",
    b",",
    b";",
    b"\t",
]


@dataclass(frozen=True)
class Target:
    """A reader: real files by name, words that its files are made of, and how one of them is read in a folder."""

    files: Sequence[tuple[str, bytes]]
    words: Sequence[bytes]
    read: Callable[[Path, str, bytes], Any]
    change: Callable[[random.Random, "Target", bytes], bytes] | None = None

    def make(self, rng: random.Random) -> tuple[str, bytes]:
        """Return the name and content of an input."""
        name, content = rng.choice(self.files)
        return name, (self.change or changed)(rng, self, content)


def changed(rng: random.Random, target: Target, content: bytes) -> bytes:
    """Return a file with some of its bytes altered, cut, doubled, put elsewhere or replaced by words."""
    out = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        where, size = rng.randrange(len(out) + 1), rng.choice((1, 2, 4, 8, 40))
        kind = rng.randrange(6)
        if kind == 0:
            out[where : where + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            word = rng.choice(INTERESTING)
            out[where : where + len(word)] = word
        elif kind == 2:
            out[where:where] = rng.choice(target.words)
        elif kind == 3:
            del out[where : where + size]
        elif kind == 4:
            out[where:where] = out[where : where + size] * rng.choice((1, 1, 20))
        else:
            other = rng.choice(target.files)[1]
            begin = rng.randrange(len(other) + 1)
            out[where : where + size] = other[begin : begin + 4 * size]
    return bytes(out)


def _write(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def _steps(rng: random.Random, target: Target, content: bytes) -> bytes:
    """Return a changed pickle, one with further steps between its own, or one of nothing but steps."""
    kind = rng.randrange(3)
    if kind == 0:
        return changed(rng, target, content)
    if kind == 1:
        return b"".join(rng.choice(target.words) for _ in range(rng.randrange(1, 40))) + b"."
    borders = [position for _, _, position in pickletools.genops(content)]
    where = rng.choice(borders)
    return content[:where] + b"".join(rng.choice(target.words) for _ in range(rng.randrange(1, 6))) + content[where:]


def _pickles() -> Target:
    arrays = [np.arange(8.0), np.arange(6, dtype=np.int64), np.ones((2, 3), np.float32, order="F"), np.float64(3)]
    values: list[Any] = [*arrays, {"ch_names": ["a", "b"], "sfreq": 100.0, "highpass": 0.5, "lowpass": 50.0}]
    files = [("a.npy", pickle.dumps(value, protocol=p)) for value in values for p in range(6)]
    names = ["numpy ndarray", "numpy dtype", "numpy.core.multiarray scalar", "numpy.core.multiarray _reconstruct",
             "numpy.core.numeric _frombuffer", "_codecs encode", "mne.io Info", "mne.utils NamedInt",
             "copyreg _reconstructor", "collections OrderedDict",
             "builtins list", "os system", "builtins getattr"]  # fmt: skip
    opcodes = [opcode.code.encode("latin1") for opcode in pickletools.opcodes]
    memo = [code + bytes([i]) for code in (b"h", b"q") for i in range(4)]
    plain = [b"K\x01", b"C\x08" + bytes(8), b"X\x02\x00\x00\x00f8", b"X\x01\x00\x00\x00C", b"I1\n", b"\x86R", b"\x85R"]
    words = [*(b"c%b\n%b\n" % tuple(n.encode().split()) for n in names), *opcodes, *memo, *plain, *INTERESTING]

    unpickler._LARGE = 32  # so that these small files take the way of large ones

    def read(folder: Path, name: str, content: bytes) -> None:
        if b"ch_names" in content or len(content) % 4 == 0:
            load_header(name, content)
        else:
            mapped = mmap.mmap(-1, max(len(content), 1))
            mapped.write(content)
            load_array(name, mapped if len(content) % 2 else content)

    return Target(files, words, read, _steps)


def _npy() -> Target:
    files = []
    for array in (np.arange(8.0), np.ones((2, 3), np.float32, order="F"), np.array(["a"])):
        file = io.BytesIO()
        np.save(file, array)
        files.append(("a.npy", file.getvalue()))
    words = [*WORDS, b"'|O'", b"(9999999999,)", b"()", b"True", b"'<U9'", b"[('a','<f8')]", b"("]
    return Target(files, words, lambda folder, name, content: load_array(name, content))


def zipped(entries: Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of entries."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


_ZIP_WORDS = [
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"../",
    b"/",
    b"\\",
    b"C:",
    *WORDS,
]


def _zips() -> Target:
    inner = zipped([("b/y.npy", b"22")])
    packed = [zipped([("d/x.npy", b"1" * 50), ("in.zip", inner)], method) for method in (0, 8, 12, 14)]
    read = lambda folder, name, content: unzip(_write(folder, name, content), folder / "out", limit=100_000)  # noqa: E731
    return Target([("a.zip", content) for content in packed], _ZIP_WORDS, read)


def _answers() -> Target:
    files = [("a.zip", zipped([("answer.txt", b"0\n1\n5\n" * 9)], method)) for method in (0, 8, 12, 14)]
    return Target(files, _ZIP_WORDS, lambda folder, name, content: read_answer(_write(folder, name, content)))


def _labels() -> Target:
    files = [("a.txt", b"0\n1\n5\n"), ("a.txt", b"0.000e+00\r\n1.0\r\n"), ("a.txt", "0\n1\n".encode("utf-16"))]
    words = [*WORDS, b"\xef\xbb\xbf", b"1_0", "٣".encode(), b"inf", b"0x1", b"1e", b"\x85", b"\x1c"]

    def read(folder: Path, name: str, content: bytes) -> None:
        try:
            parse_labels(content)
        except NotLabels:
            read_answer(_write(folder, name, content))

    return Target(files, words, read)


def _recipes() -> Target:
    files = [("mine.toml", path.read_bytes()) for path in sorted(RECIPES.glob("*.toml"))]
    words = [*WORDS, b"[transfer]", b"[[transfer]]", b"seeds = ", b"[parameters]", b"a.b.c = 1\n", b"members = ", b"=",
             b".", b"true", b"1979-05-27", b"model = ", b"similar = ",
             b"[decision]\n", b"[[" * 50, b"[" * 3000]  # fmt: skip

    def read(folder: Path, name: str, content: bytes) -> None:
        load_recipe(str(_write(folder, name, content)))

    return Target(files, words, read)


CARD: dict[str, Any] = {
    "recipe": {"name": "mine", "model": "features-logreg", "parameters": {}, "seeds": [0], "transfer": [{"name": "a"}]},
    "group": "65-79", "data": {"kind": "simulated", "details": {}, "description": "d", "allow_partial": False},
    "training": {"source": {"25-64/s0r1": ["a", "b"]}}, "versions": {"beetl_task1": "0.1.0"}, "fingerprint": "f",
    "weights": {"seed0-000000000000.weights": "a"}, "parameters": {"C": 1.0}, "members": {}, "chosen": {"seed0": ["x"]},
}  # fmt: skip
_VALUES = [
    None,
    True,
    -1,
    10**30,
    1e999,
    "",
    "a" * 300,
    "../../evil",
    "/etc/passwd",
    "\x00",
    [],
    {},
    [[]],
    [None],
    {"a": {}},
]


def other_values(rng: random.Random, value: Any) -> Any:
    """Return plain values of which one, at any depth, is another."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(list(value))
        out = value | {key: other_values(rng, value[key])}
        return {k: v for k, v in out.items() if k != key} if rng.random() < 0.1 else out
    return rng.choice(_VALUES)


def _cards() -> Target:
    def signed(content: dict[str, Any]) -> bytes:
        return json.dumps(content | {"digest": digest_of(content)}).encode()

    def change(rng: random.Random, target: Target, content: bytes) -> bytes:
        plain = other_values(rng, CARD)
        return signed(plain) if isinstance(plain, dict) and rng.random() < 0.8 else changed(rng, target, content)

    read = lambda folder, name, content: load_card(_write(folder, name, content).parent)  # noqa: E731
    return Target([("card.json", signed(CARD))], WORDS, read, change)


def _probabilities() -> Target:
    rows = np.full((3, 6), 1 / 6, np.float32)
    whole = {"65-79/s6r1.npy": rows, "meta.npy": np.array(json.dumps({"files": [], "answer_sha256": "a"}))}

    def packed(entries: dict[str, Any]) -> list[tuple[str, bytes]]:
        out = []
        for name, array in entries.items():
            file = io.BytesIO()
            np.save(file, array)
            out.append((name, file.getvalue()))
        return out

    def change(rng: random.Random, target: Target, content: bytes) -> bytes:
        if rng.random() < 0.2:
            return changed(rng, target, content)
        entries = [(n, changed(rng, target, c) if rng.random() < 0.6 else c) for n, c in packed(whole)]
        strange = [
            np.array(json.dumps(other_values(rng, {"files": []}))),
            np.array(3),
            np.zeros((2, 6)),
            np.ones(3, np.float32),
        ]
        if rng.random() < 0.4:
            entries.append(
                (
                    rng.choice(["meta.npy", "65-79/s6r2.npy", "x/s1r1.npy", "../s1r1.npy"]),
                    packed({"a": rng.choice(strange)})[0][1],
                )
            )
        return zipped(dict(entries).items(), 0)

    read = lambda folder, name, content: load_probabilities(_write(folder, name, content))  # noqa: E731
    words = [*WORDS, *_ZIP_WORDS, b"'|O'", b"(9999999999,)", b"'<f2'", b"'<M8[s]'"]
    return Target([("p.npz", zipped(packed(whole), 0))], words, read, change)


def _exports() -> Target:
    from beetl_task1.store import sha256

    card = json.dumps(CARD | {"digest": digest_of(CARD)}).encode()
    weights = {"seed0-000000000000.weights": b"weights"}

    def packed(files: dict[str, bytes], about: Any = None) -> bytes:
        told = {"sha256": {name: sha256(content) for name, content in files.items()}} if about is None else about
        return zipped([("checkpoint.json", json.dumps(told).encode()), *files.items()], 0)

    def change(rng: random.Random, target: Target, content: bytes) -> bytes:
        if rng.random() < 0.3:
            return changed(rng, target, content)
        plain = other_values(rng, CARD)
        told = plain | {"digest": digest_of(plain)} if isinstance(plain, dict) else plain
        files = {"card.json": json.dumps(told).encode()}
        files |= (
            weights if rng.random() < 0.7 else {rng.choice(["../evil", "members/../x", "members/a/card.json"]): card}
        )
        return packed(files, rng.choice([None, None, None, *_VALUES]))

    read = lambda folder, name, content: import_checkpoint(_write(folder, name, content), folder / "out")  # noqa: E731
    return Target([("c.zip", packed({"card.json": card, **weights}))], _ZIP_WORDS, read, change)


def edf(
    annotations: Sequence[tuple[float, float, str]] = (), label: str = "EDF Annotations", n_records: int = 2
) -> bytes:
    """Return a small EDF+ file of one channel: annotations, or a signal."""
    pad = lambda text, size: str(text).encode().ljust(size)[:size]  # noqa: E731
    head = [("0", 8), ("X M 02-MAR-1951 X", 80), ("Startdate 02-MAR-2021 X X X", 80), ("02.03.21", 8),
            ("22.30.00", 8), ("512", 8),             ("EDF+C", 44), (n_records, 8), ("30", 8), ("1", 4)]  # fmt: skip
    channel = [
        (label, 16),
        ("", 80),
        ("uV", 8),
        ("-100", 8),
        ("100", 8),
        ("-32768", 8),
        ("32767", 8),
        ("", 80),
        ("64", 8),
        ("", 32),
    ]
    records = b""
    for i in range(n_records):
        tals = f"+{30 * i}\x14\x14\x00" + "".join(
            f"+{a}\x15{b}\x14{c}\x14\x00" for a, b, c in annotations[i::n_records]
        )
        records += tals.encode().ljust(128, b"\x00")[:128]
    return b"".join(pad(text, size) for text, size in (*head, *channel)) + records


_TAL = [(0.0, 30.0, "Sleep stage W"), (30.0, 30.0, "Sleep stage 2"), (60.0, 30.0, "Sleep stage R")]


def _hypnograms() -> Target:
    xml = "<a><ScoredEvents>{}</ScoredEvents></a>".format("".join(
        f"<ScoredEvent><EventConcept>Stage {i} sleep|{i}</EventConcept><Start>{30 * i}</Start><Duration>30</Duration>"
        "</ScoredEvent>"
        for i in (1, 2, 3)))  # fmt: skip
    texts = {"a.csv": "onset,duration,stage\n0,30,W\n30,30,N2\n60,30,REM\n",
             "b.csv": "Zeit;Stadium\n22:30:00;W\n22:30:30;N2\n",
             "c.csv": "epoch,stage\n1,W\n2,N2\n4,REM\n", "a.txt": "W\nN1\nN2\nREM\n", "b.txt": "0\n1\n2\n5\n",
             "a.xml": xml,
             "b.xml": "<a><EpochLength>30</EpochLength>"
             "<SleepStage>0</SleepStage><SleepStage>5</SleepStage></a>",
             "a.json": '{"hypnogram": [0, 1, 2, 4, null]}', "b.json": '["W", "N2"]',
             "events.tsv": "onset\tduration\ttrial_type\n0\t30\tW\n30\tn/a\tN2\n"}  # fmt: skip
    files = [(name, text.encode()) for name, text in texts.items()] + [("a.edf", edf(_TAL))]
    words = [*WORDS, b"22:30:00", b"25:99:99", b"inf", b"1e308", b"Sleep stage ?", b"N9", b"\x14", b"\x15", b"<!ENTITY",
             b"<SleepStage>", b"</SleepStage>", b"[" * 3000, b"99999999999999"]  # fmt: skip

    def read(folder: Path, name: str, content: bytes) -> None:
        path = _write(folder, name, content)
        if len(content) % 2:
            read_hypnogram(path, seconds=120.0)
        else:
            statistics_of(path)

    return Target(files, words, read)


def _edf() -> Target:
    def read(folder: Path, name: str, content: bytes) -> None:
        path = _write(folder, name, content)
        header = read_header(path)
        if header is not None:
            assert header.start is None or header.start.tzinfo
            assert header.cut is None or header.cut
            read_tals(path, header)
            record_onsets(path, header)

    files = [("a.edf", edf(_TAL)), ("a.edf", edf((), "EEG Fpz-Cz")), ("a.edf", edf(_TAL).replace(b"EDF+C", b"EDF+D"))]
    words = [
        *WORDS,
        b"99999999",
        b"-999",
        b"inf     ",
        b"nan     ",
        b"BIOSEMI",
        b"EDF Annotations ",
        b"\x14",
        b"\x15",
        b"+",
    ]
    return Target(files, words, read)


def recording(sfreq: int = 100, records: int = 3) -> bytes:
    """Return a small EDF file of two channels of noise, a second of each in turn."""
    pad = lambda text, size: str(text).encode().ljust(size)[:size]  # noqa: E731
    head = [("0", 8), ("X M 02-MAR-1951 X", 80), ("Startdate 02-MAR-2021 X X X", 80), ("02.03.21", 8), ("22.30.00", 8),
            ("768", 8), ("EDF+C", 44), (30 * records, 8), ("1", 8), ("2", 4)]  # fmt: skip
    names, rest = ("EEG Fpz-Cz", "EEG Pz-Oz"), (("", 80), ("uV", 8), ("-100", 8), ("100", 8), ("-32768", 8),
                                                ("32767", 8), ("HP:0.5Hz", 80), (sfreq, 8), ("", 32))  # fmt: skip
    both = [pad(name, 16) for name in names] + [pad(text, size) for text, size in rest for _ in names]
    noise = np.random.default_rng(0).normal(0, 3000, (30 * records, 2, sfreq)).astype("<i2")
    return b"".join([pad(text, size) for text, size in head] + both) + noise.tobytes()


def _nights() -> Target:
    from beetl_task1.staging.reading import read_epochs

    files = [("a.edf", recording()), ("a.rec", recording(128)), ("a.bdf", recording())]
    words = [
        *WORDS,
        b"99999999",
        b"-999    ",
        b"0       ",
        b"1e999   ",
        b"nan     ",
        b"EDF+D",
        b"mV      ",
        b"\xffBIOSEMI",
    ]

    def change(rng: random.Random, target: Target, content: bytes) -> bytes:
        """Change the header, which is what is read, far more often than the noise."""
        if rng.random() < 0.9:
            return changed(rng, replace(target, files=[("", content[:768])]), content[:768]) + content[768:]
        return changed(rng, target, content)

    return Target(files, words, lambda folder, name, content: read_epochs(_write(folder, name, content)), change)


TARGETS: dict[str, Callable[[], Target]] = {
    "pickles": _pickles, "npy": _npy, "zips": _zips, "answers": _answers, "labels": _labels, "recipes": _recipes,
    "cards": _cards, "probabilities": _probabilities, "exports": _exports, "hypnograms": _hypnograms, "edf": _edf,
    "nights": _nights,
}  # fmt: skip

"""Look for faults of a reader where it has not been yet: inputs that reach new lines are kept and changed further.

    pip install -e '.[fuzz]'
    python tools/guided.py pickles corpus -max_total_time=600
    python tools/guided.py zips corpus-zips -runs=1000000

Targets and faults are those of `tools/fuzz.py`; what comes after the folder goes to libFuzzer (`-help=1` lists it). The
folder begins with the target's real files, and goes on from there when it is named again. An input that is a fault is
written to `crash-...` in the present folder; it is read again when it is named in the place of the options.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["beetl_task1.data", "beetl_task1.download", "beetl_task1.submission", "zipfile"]
):
    from fuzz import outcome
    from fuzz_targets import TARGETS

LIMITS = ("-rss_limit_mb=2000", "-timeout=5", "-max_len=4096", "-print_final_stats=1")


def main() -> None:
    """Seed the corpus, and leave the rest to libFuzzer, which ends the process."""
    if len(sys.argv) < 3 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python tools/guided.py {{{','.join(TARGETS)}}} CORPUS [options of libFuzzer]")
    target, corpus = TARGETS[sys.argv[1]](), Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, (_, content) in enumerate(target.files):
        (corpus / f"real-{number}").write_bytes(content)
    words = corpus.with_name(corpus.name + "-words.txt")
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words if word))
    name, folder = target.files[0][0], Path(tempfile.mkdtemp(), "files")

    def read(content: bytes) -> None:
        what = outcome(target, name, content, folder)
        if what not in ("read", "refused"):
            raise RuntimeError(what)

    given = [corpus, *sys.argv[3:]] if not any(Path(word).is_file() for word in sys.argv[3:]) else sys.argv[3:]
    atheris.Setup([sys.argv[0], *LIMITS, f"-dict={words}", *map(str, given)], read)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()

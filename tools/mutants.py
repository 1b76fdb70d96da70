"""Change the code in small ways (mutmut) and count how many of the changes the tests notice.

    python tools/mutants.py beetl_task1/scoring.py tests/test_scoring.py
    python tools/mutants.py 'beetl_task1/transfer/*' tests/transfer --minutes 30

Works on a copy of the repository. Prints the changes that no test noticed, and the share that was noticed of those that
were tried; the fast ones are tried first. Mutants that change nothing (equivalent ones) count as not noticed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from mutmut.stats import status_by_exit_code

ROOT = Path(__file__).resolve().parents[1]
MUTMUT = [sys.executable, "-m", "mutmut"]
NOTICED = ("killed", "timeout")
TARGETS = {
    "beetl_task1/scoring.py": ["tests/test_scoring.py"],
    "beetl_task1/decision.py": ["tests/test_decision.py"],
    "beetl_task1/validation/*": ["tests/validation"],
    "beetl_task1/transfer/*": ["tests/transfer"],
}
"""What is mutated, and the tests that should notice, unless another module is named."""


def main() -> None:
    """Try the mutants of one module, or of :data:`TARGETS`, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", nargs="?", help="file of the package, or a pattern such as 'beetl_task1/transfer/*'")
    parser.add_argument("tests", nargs="*", default=["tests"], help="the tests that should notice; all by default")
    parser.add_argument("--minutes", type=float, default=20, help="after which no further mutant of a module is tried")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    for module, tests in ({args.module: args.tests} if args.module else TARGETS).items():
        with tempfile.TemporaryDirectory() as folder:
            copy(Path(folder), module, tests)
            run(Path(folder), args.minutes, args.jobs)
            report(Path(folder), module)


def copy(folder: Path, module: str, tests: list[str]) -> None:
    """Copy what git knows or would, and tell mutmut what to mutate."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    others = sorted({Path(name).parts[0] for name in names} - {"beetl_task1", "tests", "pyproject.toml"})
    settings = {
        "source_paths": ["beetl_task1"],
        "only_mutate": [module],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-m", "not slow"],
        "pytest_add_cli_args_test_selection": tests,
        "also_copy": others,
    }
    with open(folder / "pyproject.toml", "a", encoding="utf-8") as file:
        file.write("\n[tool.mutmut]\nuse_git_change_detection = false\n")
        file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())


def run(folder: Path, minutes: float, jobs: int) -> None:
    """Run mutmut until it is done or the time is over; every mutant's fate is on disk as it comes."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    log = folder / "mutmut.log"
    with open(log, "wb") as output, subprocess.Popen(
        [*MUTMUT, "run", "--max-children", str(jobs)], cwd=folder, env=environment, stdout=output, stderr=output,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            process.wait(timeout=60 * minutes)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            print(f"stopped after {minutes:g} minutes")
    if not list(folder.glob("mutants/**/*.meta")):
        sys.exit(f"no mutant was tried:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")


def report(folder: Path, module: str) -> None:
    """Print the survivors and the share that was noticed."""
    fates: dict[str, str] = {}
    for path in folder.glob("mutants/**/*.meta"):
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        fates |= {name: "not tried" if code is None else status_by_exit_code[code] for name, code in codes.items()}
    survivors = sorted(name for name, fate in fates.items() if fate not in (*NOTICED, "not tried"))
    for name in survivors:
        shown = subprocess.run([*MUTMUT, "show", name], cwd=folder, capture_output=True, text=True).stdout.splitlines()
        print("\n".join(line for line in shown if line[:1] in "-+#" and line[:3] not in ("---", "+++")))
    counts = Counter(fates.values())
    noticed = sum(counts[fate] for fate in NOTICED)
    tried = noticed + len(survivors)
    print(f"{module}: {noticed} of {tried} noticed ({noticed / max(tried, 1):.1%}); {dict(counts)}")


if __name__ == "__main__":
    main()

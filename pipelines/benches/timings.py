#!/usr/bin/env python3
"""Times the quickstart: cold, again, and after some edits. Prints what ran, time and CPU.

    cargo build --release && python3 pipelines/benches/timings.py [target/release/sswe]

Each edit starts from a copy of the store that the cold build left.
"""

import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SSWE = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/sswe").resolve())
GATES = "    stable { runs = 3 }\n    separates\n"
# One candidate in sixteen is refused, by the digest of its patch.
ONE_IN_16 = "test \"$(sha256sum < .sswe-candidate.patch | cut -c1)\" != 0"

def with_gates(text, *gates):
    """Adds gates of one's own, (name, command) each, in that order."""
    text = text.replace(GATES, GATES + "".join(f"    {name}\n" for name, _ in gates))
    defined = "".join(f"gate {name} {{ run = '{run}' }}\n" for name, run in sorted(gates))
    return text.replace("seeds core {", defined + "seeds core {")


ONE, TWO = ("one", ": one"), ("two", ": two")

EDITS = [
    ("the same file again", lambda text: text),
    ("stable.runs 3 to 5", lambda text: text.replace("runs = 3 }", "runs = 5 }")),
    ("a gate that refuses 1 of 16", lambda text: with_gates(text, ("odd", ONE_IN_16))),
    ("two gates swapped", lambda text: with_gates(text, TWO, ONE)),
    ("score.mode cosine to dot", lambda text: text.replace("mode = cosine", "mode = dot")),
]


def build(folder, text):
    (folder / "quickstart.sswe").write_text(text)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run([SSWE, "build", "quickstart.sswe", "--output", "json"], cwd=folder,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"the build failed with {done.returncode}: {done.stderr}")
    last = json.loads(done.stdout.splitlines()[-1])
    return last, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    text = (ROOT / "examples/quickstart.sswe").read_text()
    with tempfile.TemporaryDirectory() as temporary:
        first = pathlib.Path(temporary, "first")
        first.mkdir()
        shutil.copytree(ROOT / "examples/seeds", first / "seeds")
        last, cold, cpu = build(first, text)
        print(f"{'cold':32} ran {last['ran']:5}  {cold:6.2f} s  {'':7}  cpu {cpu:6.1f} s  result {last['result'][:12]}", flush=True)
        for name, edit in EDITS:
            folder = pathlib.Path(temporary, "edit")
            shutil.copytree(first, folder, symlinks=True)
            if "swapped" in name:
                build(folder, with_gates(text, ONE, TWO))
            last, wall, cpu = build(folder, edit(text))
            share = f"{100 * wall / cold:5.1f} %"
            print(f"{name:32} ran {last['ran']:5}  {wall:6.2f} s  {share}  cpu {cpu:6.1f} s  result {last['result'][:12]}", flush=True)
            shutil.rmtree(folder)


if __name__ == "__main__":
    os.environ.pop("SSWE_STORE", None)
    main()

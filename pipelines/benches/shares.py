"""Prints what share of each round's work its scoring takes.

    python3 pipelines/benches/shares.py target/release/sswe RUN     (in the folder of a store)

Work is the time of items, added up, with the steps that an item is made of; what a stage waits for is not in
it. The attempts on the exam are those by which a round's direction is found: without scoring they would not
be made.
"""

import collections
import json
import subprocess
import sys


def main():
    sswe, run = sys.argv[1:]
    log = subprocess.run([sswe, "log", run, "--output", "json"], check=True, capture_output=True, text=True)
    work = collections.defaultdict(lambda: collections.defaultdict(float))
    rounds = {}
    for event in map(json.loads, log.stdout.splitlines()):
        if "round" in event and "stage" in event:
            rounds[event["stage"]] = event["round"]
        if event["kind"] == "item.finished":
            stage = event["stage"]
            work[rounds.get(stage)][stage.rsplit("/", 1)[-1]] += event["wall_s"]
    print(f"{'round':6} {'work':>9}  {'gradients and scores':>22}  {'attempts on the exam':>22}")
    for number, stages in sorted(work.items(), key=lambda pair: str(pair[0])):
        if not number:
            continue
        everything = sum(stages.values())
        parts = [
            sum(seconds for stage, seconds in stages.items() if stage.split(".")[0] in ("gradient", "score")),
            sum(seconds for stage, seconds in stages.items() if stage.startswith("solve.")
                and stage != "solve.accepted"),
        ]
        shares = [f"{part:9.2f} s {100 * part / everything:8.2f} %" for part in parts]
        print(f"{number:<6} {everything:7.1f} s  {'  '.join(shares)}")


main()

"""`python -m tests.chaos_sqlite --seeds N`: run many seeds and say what happened; exit code 1 when a promise broke."""

import argparse
import asyncio
import random
import sys
from collections import Counter
from dataclasses import fields

from tqdm import tqdm

from tests.chaos_sqlite.run import KILLS, Outcome, run_seed

COUNTS = [field.name for field in fields(Outcome) if field.type in {"int", int}]


def main(arguments: list[str] | None = None) -> int:
    """Run the seeds one after the other, print a table of what they amounted to, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos_sqlite", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many (20)")
    parser.add_argument("--seed", help="the first one, else a random one; the others are counted on from it")
    parser.add_argument("--kills", type=int, default=KILLS, help=f"of servers in one seed ({KILLS})")
    wanted = parser.parse_args(arguments)
    first = int(wanted.seed or random.SystemRandom().randrange(10**6))
    print(f"seeds {first} to {first + wanted.seeds - 1}", flush=True)  # noqa: T201 - it talks to a person at a terminal
    outcomes = []
    with tqdm(range(first, first + wanted.seeds), unit=" seeds", disable=None) as bar:
        for seed in bar:
            outcomes.append(asyncio.run(run_seed(str(seed), kills=wanted.kills)))
            _tell_violations(outcomes[-1], bar)
            bar.set_postfix(violations=sum(len(outcome.violations) for outcome in outcomes))
    _print_summary(outcomes)
    return 1 if any(outcome.violations for outcome in outcomes) else 0


def _tell_violations(outcome: Outcome, bar: "tqdm[int]") -> None:
    for violation in outcome.violations:
        bar.write(f"seed {outcome.seed}: {violation.kind}: {violation.detail}")


def _print_summary(outcomes: list[Outcome]) -> None:
    rows: dict[str, object] = {"seeds": len(outcomes)}
    rows |= {name.replace("_", " "): sum(getattr(outcome, name) for outcome in outcomes) for name in COUNTS}
    answers = sum((outcome.answers for outcome in outcomes), Counter[str]())
    rows |= {f"answered {name}" if name.isdigit() else name: answers[name] for name in sorted(answers)}
    rows["slowest answer, seconds"] = round(max(outcome.slowest_seconds for outcome in outcomes), 3)
    rows["violations"] = sum(len(outcome.violations) for outcome in outcomes)
    for name, value in rows.items():
        print(f"{name:26}{value!s:>10}")  # noqa: T201 - as above


if __name__ == "__main__":
    sys.exit(main())

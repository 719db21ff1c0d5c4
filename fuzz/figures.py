#!/usr/bin/env python3
"""One row of docs/long-tests.md out of what libFuzzer printed: figures.py TARGET LOG ARTIFACTS"""

import os
import re
import sys

target, log, artifacts = sys.argv[1:]
with open(log, encoding="utf-8", errors="replace") as lines:
    text = lines.read()


def last(pattern):
    """What stands at the last place where it stands at all."""
    found = re.findall(pattern, text)
    return found[-1] if found else "?"


def number(digits):
    return f"{int(digits):,}" if digits.isdigit() else digits


files = sorted(os.listdir(artifacts))
row = [
    f"`{target}`",
    last(r"Done \d+ runs in (\d+) second"),
    number(last(r"stat::number_of_executed_units: +(\d+)")),
    number(last(r"stat::average_exec_per_sec: +(\d+)")),
    number(last(r" cov: (\d+)")),
    number(last(r" corp: (\d+)")) + " inputs",
    number(last(r"stat::peak_rss_mb: +(\d+)")) + " MiB",
    ", ".join(files) if files else "nothing",
]
print("| " + " | ".join(row) + " |", flush=True)

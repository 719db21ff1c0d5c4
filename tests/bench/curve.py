#!/usr/bin/python3
"""Draws the curve of a soak: curve.py SAMPLES.csv PICTURE.svg, nothing but Python needed."""

import csv
import sys

WIDE, HIGH, LEFT, TOP = 720, 260, 70, 40


def line(xs, ys, most_x, most_y, colour):
    points = " ".join(
        f"{LEFT + x / most_x * WIDE:.1f},{TOP + HIGH - y / most_y * HIGH:.1f}" for x, y in zip(xs, ys)
    )
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>'


def main(samples, picture):
    with open(samples, encoding="utf-8") as file:
        rows = [{key: int(value) for key, value in row.items()} for row in csv.DictReader(file)]
    seconds = [row["seconds"] for row in rows]
    resident = [row["resident_kib"] / 1024 for row in rows]
    files = [row["open_files"] for row in rows]
    most_x, most_y, most_f = max(seconds) or 1, max(resident) * 1.15, max(files) * 3
    text = 'font-family="sans-serif" font-size="12" fill="#222"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE + 2 * LEFT} {HIGH + 2 * TOP + 20}">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" {text}>Resident memory (MiB, blue) and open files (orange, right) of the daemon, '
        f'{rows[-1]["steps"]} steps of mixed load in {most_x // 60} min {most_x % 60} s</text>',
    ]
    for n in range(6):
        y = TOP + HIGH - n * HIGH / 5
        parts.append(f'<path d="M{LEFT} {y:.1f}H{LEFT + WIDE}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" {text}>{most_y * n / 5:.0f}</text>')
        parts.append(f'<text x="{LEFT + WIDE + 8}" y="{y + 4:.1f}" {text}>{most_f * n / 5:.0f}</text>')
        x = LEFT + n * WIDE / 5
        parts.append(
            f'<text x="{x:.1f}" y="{TOP + HIGH + 20}" text-anchor="middle" {text}>{most_x * n / 300:.1f} min</text>'
        )
    parts.append(line(seconds, resident, most_x, most_y, "#1f5fa8"))
    parts.append(line(seconds, files, most_x, most_f, "#d9822b"))
    parts.append("</svg>")
    with open(picture, "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n")


main(*sys.argv[1:])

"""Many sessions at once, and beside them connections that begin and never go on: what it costs the bastion,
and what those feel who work meanwhile.
"""

import html
import http.client
import json
import os
import random
import re
import resource
import select
import ssl
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import processes
from figures import attempt
from hospital import wait_for

DOOR = Path(__file__).resolve().parents[1] / "end_to_end" / "lab" / "door.py"
# A terminal on which a program sends back what it gets, key by key.
ECHO = "stty raw -echo; echo ready; exec cat"
# Addresses of the half-open connections: fewer than a share of the lobby each.
SOURCES = 40
# Lobbies that are walked at the same time.
AT_ONCE = 6


def many_files():
    """As many open files as the system lets us have: the bastion inherits it."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def keystrokes(terminal, count):
    """Microseconds from a key to its echo, sorted."""
    pauses, micros = random.Random(1), []
    for _ in range(count):
        time.sleep(pauses.uniform(0.002, 0.006))
        began = time.perf_counter_ns()
        os.write(terminal.fd, b"k")
        if not select.select([terminal.fd], [], [], 10)[0] or os.read(terminal.fd, 16) != b"k":
            raise RuntimeError("no echo within 10 s")
        micros.append((time.perf_counter_ns() - began) / 1000)
    return sorted(micros)


def sign_in(hospital):
    """Seconds of a sign-in to the console: the form, and password and code until they are accepted."""
    person, code = hospital.approvers.take()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    began = time.monotonic()
    try:
        browser = http.client.HTTPSConnection("127.0.0.1", hospital.console, timeout=30, context=context)
        browser.request("GET", "/sign-in")
        answer = browser.getresponse()
        page = answer.read().decode()
        held = re.search(r"__Host-poterne-form=([^;]+)", answer.headers["set-cookie"]).group(1)
        csrf = html.unescape(re.search(r'name="csrf" value="([^"]*)"', page).group(1))
        form = urlencode(dict(csrf=csrf, login=person.login, password=person.password, otp=code))
        headers = {
            "cookie": f"__Host-poterne-form={held}",
            "origin": f"https://127.0.0.1:{hospital.console}",
            "content-type": "application/x-www-form-urlencoded",
        }
        browser.request("POST", "/sign-in", form, headers)
        answer = browser.getresponse()
        answer.read()
        if answer.status != 303 or "__Host-poterne=" not in (answer.headers["set-cookie"] or ""):
            raise RuntimeError(f"the sign-in was answered {answer.status}")
        return time.monotonic() - began
    finally:
        hospital.approvers.give_back(person)


def felt(hospital, endpoint, terminal, keys, sign_ins, label, sessions):
    """One row: what is there, what it costs, what is felt."""
    endpoint.settle(20)
    cpu, since = endpoint.cpu(), time.monotonic()
    time.sleep(5)
    idle = (endpoint.cpu() - cpu) / (time.monotonic() - since)
    micros = keystrokes(terminal, keys)
    seconds = [attempt("sign-in", endpoint, lambda: sign_in(hospital)) for _ in range(sign_ins)]
    good = sorted(one for one in seconds if one is not None)
    return dict(
        what=label,
        sessions=sessions,
        pss=endpoint.memory(),
        peak=processes.peak_kib(hospital.poterne_pid),
        idle=idle,
        p50=micros[len(micros) // 2],
        p99=micros[int(0.99 * (len(micros) - 1))],
        sign_in=statistics.median(good) if good else None,
        slowest=good[-1] if good else None,
        failed=seconds.count(None),
    )


def newcomer(endpoint):
    """Seconds until one more session is there."""
    began = time.monotonic()
    terminal = endpoint.connect("true")
    try:
        terminal.wait()
    finally:
        endpoint.left(terminal)
    return time.monotonic() - began


def crowd(hospital, endpoint, steps, half_open, keys, show):
    """Opens sessions up to each step and measures; and once more with half-open connections beside them, if
    there are to be any. Gives the rows; each is shown as it comes."""
    terminals, rows = [], []

    def once(_):
        def one():
            terminal = endpoint.connect(ECHO, options=["-tt"])
            terminal.expect(rb"ready\r?\n", 120)
            return terminal

        return attempt("crowd", endpoint, one)

    def note(row, **more):
        rows.append(row | more)
        show(rows[-1])

    for step in steps:
        began, missing = time.monotonic(), step - len(terminals)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            terminals += [one for one in threads.map(once, range(missing)) if one]
        opening = (time.monotonic() - began) / missing
        note(felt(hospital, endpoint, terminals[0], keys, 5, f"{step} sessions", len(terminals)), opening=opening)
    if half_open:
        note(beside_half_open(hospital, endpoint, terminals, half_open, keys))
        # Once the flood is over: what it leaves behind.
        note(felt(hospital, endpoint, terminals[0], keys, 5, f"{len(terminals)} sessions, after the flood", len(terminals)))
    print(f"    the red button: {red_button(hospital, terminals):.2f} s until the last of {len(terminals)} clients had ended", flush=True)
    for terminal in terminals:
        endpoint.left(terminal)
    wait_for("all sessions end", lambda: endpoint.sessions() == 0, 120)
    return rows


def red_button(hospital, terminals):
    """Seconds from the order that ends everything until the last technician's client has ended."""
    began = time.monotonic()
    hospital.ask("lockdown", "on", "--reason", "measured")
    for terminal in terminals:
        terminal.wait(60)
    return time.monotonic() - began


def beside_half_open(hospital, endpoint, terminals, count, keys):
    line = ["/usr/bin/python3", "-B", DOOR, "half-open", str(hospital.poterne), str(count), str(SOURCES)]
    flood = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if "HALF-OPEN" not in flood.stdout.readline():
            raise RuntimeError("the half-open connections do not begin")
        label = f"{len(terminals)} sessions and {count} half-open connections"
        row = felt(hospital, endpoint, terminals[0], keys, 10, label, len(terminals))
        came = attempt("a newcomer", endpoint, lambda: newcomer(endpoint))
        said = json.loads(flood.communicate("\n", timeout=120)[0])
        return row | dict(half_open=said, newcomer=came)
    finally:
        flood.kill()
        flood.wait()

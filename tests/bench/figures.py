"""The measurements. Each gives raw samples by endpoint; nothing is judged here.

A sample that failed, hung or brought wrong bytes is None, and is counted by whoever prints.
"""

import fcntl
import hashlib
import os
import random
import select
import shlex
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

from endpoints import Poterne
from hospital import wait_for

MIB = 1 << 20
BLOCK = 256 << 10
# A transfer that is not through after this long hangs.
CAP = 60


def seal(hospital, endpoint, patience):
    """Waits until nothing is left to be sealed. CPU seconds that this took, and whether it came to an end."""
    cpu, until = endpoint.cpu(), time.monotonic() + patience
    while hospital.spools() and time.monotonic() < until:
        time.sleep(0.2)
    return endpoint.cpu() - cpu, hospital.spools() == 0


def rounds(endpoints, count):
    """Each endpoint once a round, another one first each time."""
    for n in range(count):
        turn = n % len(endpoints)
        yield n, endpoints[turn:] + endpoints[:turn]


def attempt(what, endpoint, work):
    """The outcome of the work; None if it failed, which is said."""
    try:
        return work()
    except (OSError, EOFError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"bench: {what}, {endpoint.name}: {error}", file=sys.stderr)
        return None


def set_up(endpoints, count):
    """Seconds of `ssh X true`; and, for the bastion, of each stage."""
    seconds = {endpoint.name: [] for endpoint in endpoints}
    stages = {stage: [] for stage in Poterne.STAGES}

    def once(endpoint):
        terminal = endpoint.connect("true")
        try:
            status = terminal.wait()
            ended = time.monotonic()
            if status != 0:
                raise RuntimeError(f"exit status {status}: {terminal.seen[-200:]!r}")
        finally:
            endpoint.left(terminal)
        if isinstance(endpoint, Poterne):
            times = [*terminal.times, ended]
            for stage, begin, end in zip(Poterne.STAGES, times, times[1:]):
                stages[stage].append(end - begin)
        return ended - terminal.started

    for _, order in rounds(endpoints, count):
        for endpoint in order:
            endpoint.settle()
            seconds[endpoint.name].append(attempt("set-up", endpoint, lambda: once(endpoint)))
    return seconds, stages


def further_commands(endpoints, count):
    """Seconds of a command over a connection that is open."""
    seconds = {endpoint.name: [] for endpoint in endpoints}
    masters = {endpoint.name: endpoint.master() for endpoint in endpoints}

    def once(endpoint):
        began = time.monotonic()
        subprocess.run(endpoint.over(masters[endpoint.name], "true"), check=True, timeout=CAP, stdin=subprocess.DEVNULL)
        return time.monotonic() - began

    for n, order in rounds(endpoints, count + 2):
        for endpoint in order:
            sample = attempt("further command", endpoint, lambda: once(endpoint))
            if n >= 2:
                seconds[endpoint.name].append(sample)
    for endpoint in endpoints:
        endpoint.left(masters[endpoint.name])
    return seconds


class Warmth:
    """Memory that the machine gives away at once. A hypervisor may take back what a virtual machine
    does not use and be slow to return it, which costs whoever writes new files, as a recorder does,
    several seconds a GiB. Machines that have been up for a while, or are real, do not have that; so
    memory is taken beforehand, and freed just before it will be needed."""

    def __init__(self, hospital, size, cold):
        self.path = hospital.memory / "warmth"
        self.size = 0 if cold else size

    def take(self):
        with open(self.path, "wb") as file:
            for _ in range(self.size // MIB):
                file.write(bytes(MIB))

    def free(self):
        self.path.unlink(missing_ok=True)


def zero(path, size):
    """Zeroes a file in place, so that what arrives in it next is neither left over nor new memory."""
    with open(path, "r+b" if path.exists() else "wb") as file:
        for _ in range(-(-size // MIB)):
            file.write(bytes(min(MIB, size - file.tell())))


# Digests of all that was sent.
SENT = set()


class Transfer:
    """Moves a block of random bytes over commands on a master. The clock runs from the moment both
    ends are ready, so that what is measured is the stream and not the start of a channel."""

    def __init__(self, hospital, size):
        self.bytes = bytearray(os.urandom(size))
        self.hash = hashlib.sha256(self.bytes).digest()
        SENT.add(self.hash.hex())
        self.source = hospital.memory / "source"
        self.source.write_bytes(self.bytes)
        self.landed = hospital.memory / "landed"
        self.size = size

    def _run(self, argv, work):
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        hangs = threading.Timer(CAP, process.kill)
        hangs.start()
        try:
            for pipe in (process.stdin, process.stdout):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, MIB)
            self._expect(process, b"ready\n")
            return work(process)
        finally:
            process.kill()
            process.wait()
            hangs.cancel()
            process.stdout.close()
            if not process.stdin.closed:
                process.stdin.close()

    @staticmethod
    def _expect(process, word):
        seen = b""
        while len(seen) < len(word):
            piece = os.read(process.stdout.fileno(), len(word) - len(seen))
            if not piece:
                raise EOFError(f"{seen!r} instead of {word!r}")
            seen += piece

    def down(self, endpoint, master):
        """Seconds and CPU seconds of the bastion."""
        remote = f"echo ready; read go; cat {shlex.quote(str(self.source))}"

        def work(process):
            room = memoryview(self.bytes)
            room[:] = bytes(len(room))
            cpu, began = endpoint.cpu(), time.monotonic()
            os.write(process.stdin.fileno(), b"go\n")
            filled = 0
            while count := os.readv(process.stdout.fileno(), [room[filled : filled + BLOCK]]) if filled < len(room) else 0:
                filled += count
            ended, cpu_ended = time.monotonic(), endpoint.cpu()
            if hashlib.sha256(room).digest() != self.hash:
                raise RuntimeError(f"{filled} of {len(room)} bytes came, or wrong ones")
            return ended - began, cpu_ended - cpu

        return self._run(endpoint.over(master, remote), work)

    def up(self, endpoint, master):
        """The same."""
        remote = f"echo ready; cat 1<> {shlex.quote(str(self.landed))}; echo done"
        self.bytes[:] = self.source.read_bytes()
        zero(self.landed, self.size)

        def work(process):
            cpu, began = endpoint.cpu(), time.monotonic()
            left = memoryview(self.bytes)
            while left:
                left = left[os.write(process.stdin.fileno(), left[:BLOCK]) :]
            process.stdin.close()
            self._expect(process, b"done\n")
            ended, cpu_ended = time.monotonic(), endpoint.cpu()
            if hashlib.sha256(self.landed.read_bytes()).digest() != self.hash:
                raise RuntimeError("other bytes arrived than were sent")
            return ended - began, cpu_ended - cpu

        return self._run(endpoint.over(master, remote), work)


def bulk(hospital, endpoints, ciphers, size, count, cold):
    """Seconds and the bastion's CPU seconds, by (cipher, direction); and the CPU seconds of sealing a
    GiB of it all, if that was done in time. The first round warms up."""
    transfer = Transfer(hospital, size)
    warmth = Warmth(hospital, size + size // 2, cold)
    masters = {}
    samples = {}
    for n, order in rounds(endpoints, count + 1):
        for cipher in ciphers:
            for way in ("down", "up"):
                for endpoint in order:
                    key = (endpoint.name, cipher)
                    if key not in masters:
                        masters[key] = endpoint.master(cipher)
                    warmth.take()
                    endpoint.settle()
                    warmth.free()
                    outcome = attempt(f"{way} {cipher}", endpoint, lambda: getattr(transfer, way)(endpoint, masters[key]))
                    if outcome is None:
                        # What hangs may hang for good.
                        endpoint.left(masters.pop(key))
                    if n > 0:
                        samples.setdefault((cipher, way), {}).setdefault(endpoint.name, []).append(outcome)
    for (name, _), master in masters.items():
        next(endpoint for endpoint in endpoints if endpoint.name == name).left(master)
    recorded = hospital.recorded_bytes()
    cpu, sealed = seal(hospital, endpoints[-1], 900)
    return samples, cpu / recorded * (1 << 30) if sealed else None


def copies(hospital, endpoints, size, count, cold, protocol="-O", way="down"):
    """Seconds of `scp` of a file of random bytes, as the first command of a connection: by its old
    protocol (`-O`) or by sftp (`-s`), from the target (`down`) or to it (`up`). Either side is this
    machine, so one path stands for both."""
    transfer = Transfer(hospital, size)
    warmth = Warmth(hospital, size + size // 2, cold)
    seconds = {endpoint.name: [] for endpoint in endpoints}

    def once(endpoint, master):
        far = f"{endpoint.name}:"
        files = [far + str(transfer.source), str(transfer.landed)] if way == "down" else [str(transfer.source), far + str(transfer.landed)]
        options = ["-F", str(hospital.folder / "client-any"), "-o", f"ControlPath={master.control}"]
        zero(transfer.landed, size)
        began = time.monotonic()
        subprocess.run(["scp", protocol, "-q", *options, *files], check=True, timeout=CAP, stdin=subprocess.DEVNULL)
        ended = time.monotonic()
        if hashlib.sha256(transfer.landed.read_bytes()).digest() != transfer.hash:
            raise RuntimeError("other bytes arrived than were sent")
        return ended - began

    for n, order in rounds(endpoints, count + 1):
        for endpoint in order:
            master = endpoint.master()
            warmth.take()
            endpoint.settle()
            warmth.free()
            sample = attempt(f"scp {protocol} {way}", endpoint, lambda: once(endpoint, master))
            endpoint.left(master)
            seal(hospital, endpoints[-1], 60)
            if n > 0:
                seconds[endpoint.name].append(sample)
    return seconds


def digests(hospital):
    """How many files the register has, and how many of them with a digest of nothing that was sent."""
    sessions = [one["id"] for one in hospital.json("session", "list", "--all")]
    files = [file for session in sessions for file in hospital.json("session", "show", session)["files"]]
    return len(files), sum(file["sha256"] not in SENT for file in files if "sha256" in file)


def keystrokes(endpoints, count):
    """Microseconds from a key to its echo, by a program on the target that sends back what it gets.
    The endpoints take turns key by key."""
    terminals = {}
    for endpoint in endpoints:
        terminals[endpoint.name] = terminal = endpoint.connect("stty raw -echo; echo ready; exec cat", options=["-tt"])
        terminal.expect(rb"ready\r?\n")
    micros = {endpoint.name: [] for endpoint in endpoints}
    pauses = random.Random(1)

    def once(endpoint):
        fd = terminals[endpoint.name].fd
        began = time.perf_counter_ns()
        os.write(fd, b"k")
        if not select.select([fd], [], [], 5)[0] or os.read(fd, 16) != b"k":
            raise RuntimeError("no echo within 5 s")
        return (time.perf_counter_ns() - began) / 1000

    warm_up = min(200, count // 4)
    for n, order in rounds(endpoints, count + warm_up):
        for endpoint in order:
            # The machine has nothing to do between two keys, as between those of a person.
            time.sleep(pauses.uniform(0.002, 0.006))
            sample = attempt("keystroke", endpoint, lambda: once(endpoint))
            if n >= warm_up:
                micros[endpoint.name].append(sample)
    for endpoint in endpoints:
        endpoint.left(terminals[endpoint.name])
    return micros


def idle(endpoints, count, step, at_once):
    """Opens terminals until there are so many, that many at once. Seconds of each step, memory of the
    bastion before, after each step, and when all have ended."""
    seconds = {endpoint.name: [] for endpoint in endpoints}
    memory = {endpoint.name: [] for endpoint in endpoints}
    failures = {endpoint.name: 0 for endpoint in endpoints}

    def once(endpoint):
        terminal = endpoint.connect("echo ready; exec cat", options=["-tt"])
        terminal.expect(rb"ready\r?\n", 60)
        return terminal

    for endpoint in endpoints:
        endpoint.settle()
        memory[endpoint.name].append((0, endpoint.memory()))
        terminals = []
        with ThreadPoolExecutor(at_once) as threads:
            for _ in range(count // step):
                began = time.monotonic()
                opened = list(threads.map(lambda _: attempt("idle", endpoint, lambda: once(endpoint)), range(step)))
                seconds[endpoint.name].append(time.monotonic() - began)
                failures[endpoint.name] += opened.count(None)
                terminals.extend(terminal for terminal in opened if terminal)
                endpoint.settle()
                memory[endpoint.name].append((len(terminals), endpoint.memory()))
        for terminal in terminals:
            # The end of input ends `cat`, so that sessions end in order.
            terminal.type(b"\x04")
        for terminal in terminals:
            attempt("idle, end", endpoint, terminal.wait)
            endpoint.left(terminal)
        wait_for("all sessions end", lambda: endpoint.sessions() == 0)
        endpoint.settle()
        memory[endpoint.name].append((0, endpoint.memory()))
    return seconds, memory, failures


def log_text(size):
    """Lines as a device's log has them: parts that speak in turn, about one series for a while. The
    same every time."""
    chance = random.Random(7)
    parts = ["acquisition", "gradient", "helium", "coil", "table", "reconstruction", "archive", "network", "console", "shim"]
    words = ["ready", "started", "finished", "retry", "timeout", "within limits", "recalibrated", "queued", "sent", "dropped"]
    process = {part: chance.randrange(300, 9000) for part in parts}
    lines, length, clock, series = [], 0, 1_700_000_000.0, 4711
    while length < size:
        clock += chance.expovariate(4)
        series += chance.random() < 0.03
        part = chance.choice(parts)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(clock))
        line = (
            f"{stamp}.{int(clock % 1 * 1000):03}Z scanner {part}[{process[part]}]: series {series:08}: {part} {chance.choice(words)} "
            f"after {chance.expovariate(1 / 40):.0f} ms, code {chance.choice([0, 0, 0, 0, 0, 0, 17, 42])}\n"
        )
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()


def text(hospital, endpoints, sessions, size, count, cold):
    """Seconds until so many sessions have all shown a text on a terminal, begun together; what the
    bastion keeps on its disk for a byte shown, the CPU seconds of sealing a GiB of it, and whether that
    was done within a minute."""
    shown = log_text(size)
    (hospital.memory / "text").write_bytes(shown)
    remote = f"stty -echo; echo ready; read go; cat {shlex.quote(str(hospital.memory / 'text'))}"
    expected = (b"ready\n" + shown).replace(b"\n", b"\r\n")
    warmth = Warmth(hospital, sessions * size * 3 // 2, cold)
    seconds = {endpoint.name: [] for endpoint in endpoints}
    kept = []
    patience = max(CAP, 6 * sessions * size / (20 * MIB))

    def begins(path):
        with open(path, "rb") as file:
            return file.read(len(b"ready\r\n"))

    def start(endpoint, n):
        path = hospital.memory / f"shown-{n}"
        zero(path, len(expected))
        with open(path, "r+b") as out:
            terminal = endpoint.connect(remote, options=["-tt"], stdin=subprocess.PIPE, stdout=out)
        terminal.path = path
        return terminal

    def once(endpoint, terminals):
        for terminal in terminals:
            wait_for("ready", lambda: begins(terminal.path) == b"ready\r\n")
        warmth.take()
        endpoint.settle()
        warmth.free()
        began = time.monotonic()
        for terminal in terminals:
            terminal.process.stdin.write(b"go\n")
            terminal.process.stdin.flush()
        for terminal in terminals:
            terminal.process.wait(max(0.1, began + patience - time.monotonic()))
        ended = time.monotonic()
        for terminal in terminals:
            if terminal.path.read_bytes() != expected:
                raise RuntimeError("other bytes were shown than the text has")
        return ended - began

    for _, order in rounds(endpoints, count):
        for endpoint in order:
            before = hospital.recorded_bytes()
            with ThreadPoolExecutor(4) as threads:
                terminals = list(threads.map(lambda n: start(endpoint, n), range(sessions)))
            try:
                seconds[endpoint.name].append(attempt("text", endpoint, lambda: once(endpoint, terminals)))
            finally:
                for terminal in terminals:
                    terminal.process.stdin.close()
                    endpoint.left(terminal)
            if isinstance(endpoint, Poterne) and seconds[endpoint.name][-1] is not None:
                wait_for("all sessions end", lambda: endpoint.sessions() == 0)
                cpu, sealed = seal(hospital, endpoint, 60)
                all_shown = sessions * len(expected)
                kept.append(((hospital.recorded_bytes() - before) / all_shown, cpu / all_shown * (1 << 30), sealed))
    return seconds, kept, len(zlib.compress(shown)) / len(shown)

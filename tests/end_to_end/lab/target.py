"""A target that means harm, or wants a factor of its own: it lets in who signs with a right key.

Usage: target.py PORT HOST_KEY AUTHORIZED_KEYS SAID MANNER

What each manner does stands at its class. What it has seen or done is written to SAID;
SAID-signed is there once somebody signed in. MANNER may be a file that holds its name.
"""

import base64
import os
import socket
import sys
import threading

from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from wire import CURVE, IGNORE, KEX_INIT, As, Body, Gone, Wire, message, mpint, string

GROUP_14 = "diffie-hellman-group14-sha256"
SFTP_VERSION = b"\0\0\0\5\2\0\0\0\3"


class Target:
    """Honest: a command that is run answers with its own line."""

    kex = CURVE

    def __init__(self, sock):
        self.wire = Wire(sock, host_key=HOST, patience=300, kex=self.kex)
        # Set once something was typed.
        self.typed = threading.Event()

    def serve(self):
        self.greet()
        self.wire.introduce()
        self.exchange()
        self.wire.until(5)
        self.wire.send(6, "ssh-userauth")
        self.authenticate()
        while True:
            self.heard(*self.wire.read())

    def greet(self):
        self.wire.greet()

    def exchange(self):
        self.wire.exchange()

    # Authentication.

    def authenticate(self):
        while True:
            _, body = self.wire.until(50)
            _, _, method = body.text(), body.text(), body.text()
            if method == "publickey":
                signed, name, blob = body.flag(), body.string(), body.string()
                if blob not in ALLOWED:
                    self.refuse("publickey")
                elif not signed:
                    self.wire.send(60, name, blob)
                else:
                    # Whoever signs takes us for the target.
                    open(SAID + "-signed", "w").close()
                    if self.key_taken():
                        return
            elif method == "keyboard-interactive":
                if self.asks():
                    return self.let_in()
                self.refuse("keyboard-interactive")
            else:
                self.refuse("publickey,keyboard-interactive")

    def refuse(self, methods, partial=False):
        self.wire.send(51, methods, partial)

    def let_in(self):
        self.wire.send(52)
        return True

    def key_taken(self):
        """True: in."""
        return self.let_in()

    def asks(self):
        return False

    # Channels.

    def heard(self, kind, body):
        if kind == 80:
            body.string()
            if body.flag():
                self.wire.send(82)
        elif kind == 90:
            body.string()
            self.channel = body.number()
            self.wire.send(91, self.channel, 0, 1 << 21, 1 << 15)
        elif kind == 98:
            body.number()
            what = body.text()
            if body.flag():
                self.wire.send(99, self.channel)
            if what in ("shell", "exec", "subsystem"):
                command = body.string() if what != "shell" else b""
                threading.Thread(target=self._run, args=(command,), daemon=True).start()
        elif kind == 94:
            self.typed.set()
        elif kind in (91, 92):
            self.answered(kind)

    def answered(self, kind):
        """An answer to a channel that we opened."""

    def _run(self, command):
        try:
            self.ran(command)
        except Gone:
            pass

    def ran(self, command):
        self.say(b"ran " + command + b"\r\n")
        self.end()

    def say(self, data):
        self.wire.send(94, self.channel, data)

    def end(self, status=0):
        self.wire.send(98, self.channel, "exit-status", False, status)
        self.wire.send(96, self.channel)
        self.wire.send(97, self.channel)


# Before a word is said of keys.


class EndlessLines(Target):
    """Lines before its own, without an end."""

    def greet(self):
        while True:
            self.wire.raw(b"welcome, please wait\r\n" * 100)


class EndlessLine(Target):
    """One line without an end."""

    def greet(self):
        while True:
            self.wire.raw(b"SSH-2.0-" + b"x" * 65536)


class Length(Target):
    """A packet of 4 GiB."""

    def greet(self):
        self.wire.greet()
        self.wire.length(0xFFFFFFFF, bytes(65536))
        self.wire.outcome()
        raise Gone("done")


# While keys are agreed on.


class SlipsIn(Target):
    """A message that does not belong there, which a strict exchange does not take (CVE-2023-48795)."""

    def exchange(self):
        self.wire.send(IGNORE, "one more")
        self.wire.exchange()


class Early(Target):
    """Says that we are in, before there are keys."""

    def exchange(self):
        self.wire.send(52)
        self.wire.exchange()


class Spoilt(Target):
    """Its own host key, and a signature that is not by it."""

    def exchange(self):
        reply = self.wire.reply
        self.wire.reply = lambda *values: reply(*values, spoil=True)
        self.wire.exchange()


class LowOrder(Target):
    """A point that makes the secret no secret."""

    def exchange(self):
        _, body = self.wire.until(KEX_INIT)
        self.wire.reply(string(body.string()), string(bytes(32)), bytes(32))


class Weak(Target):
    """Diffie and Hellman with a public value that leaves no secret: 0, 1 or p-1 (CVE-2023-28113)."""

    kex = GROUP_14
    value = 0

    def exchange(self):
        from paramiko.kex_group14 import KexGroup14

        _, body = self.wire.until(KEX_INIT)
        value = KexGroup14.P - 1 if self.value == -1 else self.value
        # Of p-1 the secret is 1 or p-1, as ours is even or odd: half the tries would succeed.
        secret = bytes([min(value, 1)])
        self.wire.reply(string(body.string()), mpint(value), secret)


class Weak1(Weak):
    value = 1


class WeakMost(Weak):
    value = -1


# While we sign in.


class Banners(Target):
    """Banners without an end, instead of an answer."""

    def key_taken(self):
        while True:
            self.wire.send(53, "welcome " * 4000, "")


class Token(Target):
    """Takes the key and asks one question besides; wants 424242."""

    def key_taken(self):
        self.refuse("keyboard-interactive", True)

    def asks(self):
        self.wire.send(60, "One-time code", "Type your code of the bastion", "", 1, "\x1b[2JToken\r\n of the scanner: ", False)
        return self.answers() == ["424242"]

    def answers(self):
        _, body = self.wire.until(61)
        given = [body.text() for _ in range(body.number())]
        note(",".join(given) + "\n", more=True)
        return given


class Lies(Token):
    """Says that four thousand million questions come, and sends none (CVE-2026-48107)."""

    def asks(self):
        self.wire.send(60, "", "", "", 0xFFFFFFFF)
        return self.answers() and False


class Giant(Token):
    """One question as long as a packet can be, full of what moves a terminal's cursor."""

    def asks(self):
        self.wire.send(60, "", "\x1b[2J" * 20_000, "", 1, "\x1b]0;x\x07One-time code: " * 5000, False)
        return self.answers() == ["424242"]


# Once we are in.


class Words(Target):
    """Greets as sftp does, and then sends exit signals with long messages."""

    def ran(self, _):
        self.typed.wait(60)
        self.say(SFTP_VERSION)
        for count in range(1, 2001):
            self.wire.send(98, self.channel, "exit-signal", False, "KILL", False, "x" * 200_000, "")
            note(str(count))


class Opens(Target):
    """Opens channels towards us, of every kind, before it answers (CVE-2023-38408)."""

    COUNT = 20_000
    counts = {91: 0, 92: 0}

    def ran(self, command):
        kinds = {
            "session": (),
            "auth-agent@openssh.com": (),
            "x11": ("127.0.0.1", 1),
            "forwarded-tcpip": ("127.0.0.1", 22, "127.0.0.1", 1),
            "direct-tcpip": ("127.0.0.1", 22, "127.0.0.1", 1),
            "forwarded-streamlocal@openssh.com": ("/run/x", ""),
            "direct-streamlocal@openssh.com": ("/run/x", "", 0),
            "tun@openssh.com": (1, 0),
        }
        for number in range(self.COUNT):
            kind, fields = list(kinds.items())[number % len(kinds)]
            self.wire.send(90, kind, number + 10, 0xFFFFFFFF, 1 << 15, *fields)

    def answered(self, kind):
        self.counts[kind] += 1
        if sum(self.counts.values()) == self.COUNT:
            note(f"{self.counts[91]} taken, {self.counts[92]} refused")
            self.say(b"ran\r\n")
            self.end()


class Overflows(Target):
    """Windows widened beyond measure, answers to nothing, requests without end, and then an honest word
    (CVE-2025-54804)."""

    def ran(self, command):
        for _ in range(2000):
            self.wire.send_many([
                message(93, self.channel, 0xFFFFFFFF),
                message(93, 4711, 0xFFFFFFFF),
                message(99, self.channel),
                message(100, self.channel),
                message(81),
                message(82),
                message(80, "hostkeys-00@openssh.com", False, b"x" * 1000),
                message(80, "no-such-request", True),
                message(98, self.channel, "no-such-request", True, b"x" * 1000),
                message(94, 4711, b"x" * 1000),
                message(95, self.channel, 7, b""),
                message(53, "late", ""),
                message(52),
                message(60, "", "", "", 0xFFFFFFFF),
            ])
        super().ran(command)


class Floods(Target):
    """Sends without a look at the window."""

    def ran(self, _):
        block = b"x" * 32_000
        count = 0
        while True:
            self.say(block)
            count += 1
            note(str(count))


class Paints(Target):
    """What a terminal can be told, in its most costly forms, and then what is honest."""

    def ran(self, command):
        for text in (
            "\x1b[?1049hx\x1b[?1049l" * 1000,
            "x\x1b[2147483647b" * 2000,
            "\x1b[2147483647;2147483647H\x1b[2147483647S\x1b[2147483647L" * 2000,
            "\x1b[8;65535;65535t\x1b[4;65535;65535t" * 2000,
            "\x1b]0;" + "t" * 200_000 + "\x07",
            "\x1b]52;c;" + "QUJD" * 50_000 + "\x07",
            "\x1b]8;;javascript:alert(1)\x07click\x1b]8;;\x07" * 2000,
            "\x1bPq" + "#0;2;0;0;0~" * 20_000,
            "\x1b_" + "a" * 100_000,
            "e" + "\u0301" * 50_000,
            "\x9b31m\x90\x9d" * 5000,
            "\r\n".join("\x1b[7m<script>" for _ in range(5000)),
        ):
            data = text.encode()
            for at in range(0, len(data), 30_000):
                self.say(data[at : at + 30_000])
        self.say(b"\x1b\\\x07\x18\x1b[2J\x1b[Hpainted\r\n")
        self.end()


MANNERS = {
    "endless-lines": EndlessLines,
    "endless-line": EndlessLine,
    "length": Length,
    "slips-in": SlipsIn,
    "early": Early,
    "spoilt": Spoilt,
    "low-order": LowOrder,
    "weak-0": Weak,
    "weak-1": Weak1,
    "weak-most": WeakMost,
    "banners": Banners,
    "token": Token,
    "lies": Lies,
    "giant": Giant,
    "words": Words,
    "opens": Opens,
    "overflows": Overflows,
    "floods": Floods,
    "paints": Paints,
    "honest": Target,
}


def note(text, more=False):
    with open(SAID, "a" if more else "w") as file:
        file.write(text)


def serve(sock):
    try:
        manner = open(MANNER).read() if os.path.isfile(MANNER) else MANNER
        MANNERS[manner](sock).serve()
    except (Gone, OSError):
        pass
    finally:
        sock.close()


PORT, HOST_FILE, AUTHORIZED, SAID, MANNER = int(sys.argv[1]), *sys.argv[2:6]
HOST = load_ssh_private_key(open(HOST_FILE, "rb").read(), None)
ALLOWED = {base64.b64decode(line.split()[1]) for line in open(AUTHORIZED) if line.strip()}
listener = socket.create_server(("127.0.0.1", PORT), backlog=16)
while True:
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(connection,), daemon=True).start()

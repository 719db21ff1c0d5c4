"""An SSH client that does what no honest client does: paramiko keeps the transport, and every
message of the authentication and connection layers is written and read by hand.

Usage: raw.py SCENARIO PORT ARGUMENTS… — prints one line of JSON; WAIT lines tell the test that
something outside must happen, and the test answers with a line.
"""

import base64
import hmac
import json
import os
import queue
import socket
import sys
import threading
import time

import paramiko
from paramiko.message import Message

PASSED_ON = {1, 2, 3, 4, 7, 20, 21} | set(range(30, 42))
SUCCESS, FAILURE, BANNER, INFO_REQUEST = 52, 51, 53, 60


def proxy_header(claimed):
    """A PROXY header of version 2: a connection of this address, to the bastion."""
    addresses = socket.inet_aton(claimed) + socket.inet_aton("127.0.0.1")
    ports = (50000).to_bytes(2, "big") + (22).to_bytes(2, "big")
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11, 0, len(addresses) + len(ports)]) + addresses + ports


def connect(port):
    """From RAW_FROM if that is set, behind a proxy that says RAW_CLAIMS if that is."""
    origin = (os.environ["RAW_FROM"], 0) if "RAW_FROM" in os.environ else None
    sock = socket.create_connection(("127.0.0.1", port), source_address=origin)
    if "RAW_CLAIMS" in os.environ:
        sock.sendall(proxy_header(os.environ["RAW_CLAIMS"]))
    return sock


class Raw:
    def __init__(self, port):
        sock = connect(port)
        self.transport = paramiko.Transport(sock)
        self.seen = []
        self.inbox = queue.Queue()
        self._hook()
        self.transport.start_client(timeout=20)

    def _hook(self):
        packets = self.transport.packetizer
        original = packets.read_message

        def read_message():
            try:
                kind, message = original()
            except Exception:
                self.inbox.put(("eof", b""))
                raise
            body = message.asbytes()
            if kind == 1:
                self.seen.append([kind, body.hex()])
                self.inbox.put((kind, body))
            if kind in PASSED_ON:
                return kind, message
            self.seen.append([kind, body.hex()])
            self.inbox.put((kind, body))
            ignored = Message()
            ignored.add_string(b"")
            ignored.rewind()
            return 2, ignored

        packets.read_message = read_message

    def send(self, kind, *parts):
        message = Message()
        message.add_byte(bytes([kind]))
        for part in parts:
            if isinstance(part, bool):
                message.add_boolean(part)
            elif isinstance(part, int):
                message.add_int(part)
            else:
                message.add_string(part)
        try:
            self.transport._send_message(message)
        except EOFError:
            # The server ended the connection: what it said before is in the inbox.
            pass

    def next(self, timeout=20):
        """The next message that is not a banner: kind and body."""
        while True:
            try:
                kind, body = self.inbox.get(timeout=timeout)
            except queue.Empty:
                return "silence", b""
            if kind != BANNER:
                return kind, body

    def rest(self, timeout=8):
        """Everything up to the end, as kinds."""
        kinds = []
        while not kinds or kinds[-1] not in ("eof", "silence", 1):
            kinds.append(self.next(timeout)[0])
        return kinds

    def service(self):
        self.send(5, "ssh-userauth")
        return self.next()[0]

    def userauth(self, user, method, *parts, service="ssh-connection"):
        self.send(50, user, service, method, *parts)

    def none(self, user):
        self.userauth(user, "none")
        kind, body = self.next()
        return [kind, Message(body).get_text() if kind == FAILURE else ""]

    def offer(self, user, key):
        self.userauth(user, "publickey", False, key.get_name(), key.asbytes())
        return self.next()[0]

    def sign(self, user, key, shown=None):
        """Signs with one key, showing another if one is given."""
        shown = shown or key
        blob = Message()
        blob.add_string(self.transport.session_id)
        blob.add_byte(bytes([50]))
        for part in (user, "ssh-connection", "publickey"):
            blob.add_string(part)
        blob.add_boolean(True)
        blob.add_string(shown.get_name())
        blob.add_string(shown.asbytes())
        signature = key.sign_ssh_data(blob.asbytes(), key.get_name()).asbytes()
        self.userauth(user, "publickey", True, shown.get_name(), shown.asbytes(), signature)
        kind, body = self.next()
        partial = kind == FAILURE and Message(body[-1:]).get_boolean()
        return [kind, partial]

    def interactive(self, user):
        self.userauth(user, "keyboard-interactive", "", "")
        return self.prompts()

    def prompts(self, timeout=20):
        """The next round: kind, instruction, prompts."""
        kind, body = self.next(timeout)
        if kind != INFO_REQUEST:
            return kind, "", []
        message = Message(body)
        message.get_text()
        instruction = message.get_text()
        message.get_text()
        count = message.get_int()
        texts = []
        for _ in range(count):
            texts.append(message.get_text())
            message.get_boolean()
        return kind, instruction, texts

    def answer(self, *answers):
        self.send(61, len(answers), *answers)

    def factors(self, user, password, code):
        """Up to the answer after the code."""
        self.interactive(user)
        self.answer(password)
        self.prompts()
        self.answer(code)

    def to_the_wait(self, user, password, code):
        """Walks the lobby up to the first round of the wait; gives the code to read out."""
        self.factors(user, password, code)
        kind, _, prompts = self.prompts()
        assert kind == INFO_REQUEST and "YES" in prompts[0], (kind, prompts)
        self.answer("YES")
        self.prompts()
        self.answer("raw client", "-")
        _, _, prompts = self.prompts()
        word = prompts[0].split("Code ")[1].split(".")[0]
        self.answer("")
        kind, instruction, _ = self.prompts()
        assert kind == INFO_REQUEST and "gives up" in instruction
        return word

    def until_in(self):
        """Answers the beats until the server says success, or something else."""
        while True:
            self.answer()
            kind, instruction, _ = self.prompts()
            if kind != INFO_REQUEST:
                return kind
            if "Connecting" in instruction and "hold" in sys.argv:
                return kind

    def close(self):
        self.transport.close()


def key(path):
    return paramiko.Ed25519Key.from_private_key_file(path)


def wait_for_test(text):
    print("WAIT " + text, flush=True)
    sys.stdin.readline()


def probe(port, user, password, code, *keys):
    """One try to log in: everything the server said, and how long the verdict took."""
    raw = Raw(port)
    raw.service()
    raw.none(user)
    proven = [raw.sign(user, key(path)) for path in keys]
    kind, _, prompts = raw.interactive(user)
    if kind != INFO_REQUEST:
        return {"outcome": kind, "proven": proven}
    raw.answer(password)
    raw.prompts()
    began = time.monotonic()
    raw.answer(code)
    kind, _, prompts = raw.prompts()
    seconds = time.monotonic() - began
    if kind == INFO_REQUEST and prompts and "YES" in prompts[0]:
        raw.close()
        return {"outcome": "in", "proven": proven, "seconds": seconds}
    raw.rest(5)
    return {"outcome": "refused", "proven": proven, "seconds": seconds, "seen": raw.seen}


def one_code(port, user, password, code, count):
    """Many connections that all answer with the same code at the same moment."""
    clients = [Raw(port) for _ in range(int(count))]
    for raw in clients:
        raw.service()
        raw.interactive(user)
        raw.answer(password)
        raw.prompts()
    together = threading.Barrier(len(clients))
    outcomes = []

    def go(raw):
        together.wait()
        raw.answer(code)
        kind, _, prompts = raw.prompts()
        outcomes.append("in" if kind == INFO_REQUEST and prompts else "refused")

    threads = [threading.Thread(target=go, args=(raw,)) for raw in clients]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return {"in": outcomes.count("in"), "refused": outcomes.count("refused")}


def offer_only(port, user, password, code, path):
    """A key is offered and never signed with."""
    raw = Raw(port)
    raw.service()
    offered = [raw.offer(user, key(path)) for _ in range(3)]
    raw.factors(user, password, code)
    kind, _, prompts = raw.prompts()
    return {"offered": offered, "in": kind == INFO_REQUEST and bool(prompts), "kinds": [one[0] for one in raw.seen]}


def offer_a_sign_b(port, user, password, code, own, other):
    """The account's key is offered; what is proven is another person's."""
    raw = Raw(port)
    raw.service()
    offered = raw.offer(user, key(own))
    mixed = raw.sign(user, key(other), shown=key(own))
    signed = raw.sign(user, key(other))
    again = raw.offer(user, key(own))
    raw.factors(user, password, code)
    kind, _, prompts = raw.prompts()
    return {"offered": offered, "mixed": mixed, "signed": signed, "again": again, "in": kind == INFO_REQUEST and bool(prompts)}


def channels_before(port, user):
    """Channels and requests at every step before the lobby (CVE-2025-32433)."""
    raw = Raw(port)
    kinds = []

    def barrage(number):
        raw.send(90, "session", number, 1 << 20, 1 << 15)
        for target in range(number + 1):
            raw.send(98, target, "exec", True, "touch /tmp/poterne-must-not-exist")
            raw.send(98, target, "shell", True)
        raw.send(80, "tcpip-forward", True, "127.0.0.1", 0)
        raw.send(90, "direct-tcpip", number + 100, 1 << 20, 1 << 15, "127.0.0.1", 22, "127.0.0.1", 1)

    barrage(0)
    kinds.append(raw.service())
    barrage(1)
    raw.userauth(user, "none")
    kinds.append(raw.next()[0])
    barrage(2)
    kinds.append(raw.interactive(user)[0])
    barrage(3)
    raw.answer("wrong password")
    kinds.append(raw.prompts()[0])
    barrage(4)
    raw.answer("000000")
    kinds.append(raw.prompts()[0])
    barrage(5)
    raw.rest(5)
    return {"kinds": kinds, "seen": sorted({one[0] for one in raw.seen})}


def server_numbers(port, user):
    """Messages that only a server may send, sent by the client (CVE-2018-10933)."""
    outcomes = {}
    for number in (52, 51, 53, 60, 6, 81, 82, 91, 92, 99, 100):
        for before in ("service", "interactive"):
            raw = Raw(port)
            raw.service()
            if before == "interactive":
                raw.interactive(user)
            raw.send(number)
            raw.send(90, "session", 0, 1 << 20, 1 << 15)
            raw.send(98, 0, "exec", True, "id")
            # Whatever the server makes of that, the door is where it was: a question brings an answer.
            raw.userauth(user, "password", False, "x")
            raw.next(5)
            outcomes[f"{number} {before}"] = sorted({one[0] for one in raw.seen} & {SUCCESS, 91, 92, 94, 99, 100})
            raw.close()
    return outcomes


def second_request(port, user, other, password, code, what):
    """Something that may not follow what went before (CVE-2023-48712, CVE-2023-46446)."""
    raw = Raw(port)
    raw.service()
    if what == "other-user-at-once":
        raw.none(other)
        raw.userauth(user, "none")
    else:
        raw.interactive(user)
        raw.answer(password)
        raw.prompts()
        if what == "interactive-again":
            raw.userauth(user, "keyboard-interactive", "", "")
        elif what == "other-user":
            raw.userauth(other, "keyboard-interactive", "", "")
        elif what == "password":
            raw.userauth(user, "password", False, password)
        elif what == "none":
            raw.userauth(user, "none")
        elif what == "other-service":
            raw.userauth(user, "none", service="ssh-poterne")
        elif what == "other-method":
            raw.userauth(other, "hostbased", "ssh-ed25519", b"", "host", "user", b"")
        raw.answer(code)
    kinds = raw.rest(5)
    return {"kinds": kinds, "success": SUCCESS in [one[0] for one in raw.seen]}


def password_method(port, user, password, code):
    """RFC 4252 passwords, with everything right, as often as the server lets one."""
    raw = Raw(port)
    raw.service()
    replies = []
    for secret in [password, password + code, code + password, code, "", password] * 4:
        raw.userauth(user, "password", False, secret)
        kind, body = raw.next(5)
        replies.append([kind, Message(body).get_text() if kind == FAILURE else ""])
        if kind != FAILURE:
            break
    return {"replies": replies}


def pending(port, user, password, code, trace):
    """A barrage of channels while the request waits, then approval (GHSA-xm63-rjwf-r3g8)."""
    raw = Raw(port)
    raw.service()
    word = raw.to_the_wait(user, password, code)
    for number in range(20):
        raw.send(90, "session", number, 1 << 20, 1 << 15)
        raw.send(98, number, "exec", True, "touch " + trace)
        raw.send(90, "direct-tcpip", number + 100, 1 << 20, 1 << 15, "127.0.0.1", 22, "127.0.0.1", 1)
        raw.send(80, "tcpip-forward", True, "127.0.0.1", 0)
        raw.send(94, number, "touch " + trace + "\n")
    raw.answer()
    kind, _, _ = raw.prompts()
    before = sorted({one[0] for one in raw.seen} & {81, 82, 91, 92, 93, 94, 99, 100, SUCCESS})
    wait_for_test(f"CODE {word}")
    outcome = raw.until_in()
    # What was sent before stays unheard afterwards too; what is opened now works.
    raw.send(98, 0, "exec", True, "touch " + trace)
    raw.send(90, "session", 7, 1 << 20, 1 << 15)
    after = raw.next(5)[0]
    raw.close()
    return {"waiting": kind, "before": before, "outcome": outcome, "after": after}


def leave_approved(port, user, password, code, hold):
    """Leaves between the approval and the welcome, without a word (D2)."""
    raw = Raw(port)
    raw.service()
    word = raw.to_the_wait(user, password, code)
    wait_for_test(f"CODE {word}")
    raw.until_in()
    wait_for_test("CONNECTED")
    raw.close()
    return {"left": True}


def inside(port, user, password, code, what, *more):
    """Unfriendly things on an admitted connection."""
    raw = Raw(port)
    raw.service()
    word = raw.to_the_wait(user, password, code)
    wait_for_test(f"CODE {word}")
    outcome = raw.until_in()
    assert outcome == SUCCESS, outcome

    def open_channel(number, kind="session"):
        raw.send(90, kind, number, 1 << 20, 1 << 15)
        got, body = raw.next(10)
        return (got, Message(body[4:]).get_int()) if got == 91 else (got, None)

    def request(channel, name, *parts):
        raw.send(98, channel, name, True, *parts)

    result = {}
    if what == "many-subsystems":
        _, channel = open_channel(0)
        for number in range(int(more[0])):
            raw.send(98, channel, "subsystem", False, f"x{number:06}" + "y" * 24)
        request(channel, "subsystem", "last")
        result["last"] = raw.rest_until({99, 100})
    elif what == "long-command":
        _, channel = open_channel(0)
        request(channel, "exec", "echo " + "\x01" * 200000)
        result["reply"] = raw.rest_until({99, 100})
    elif what == "nul-command":
        _, channel = open_channel(0)
        request(channel, "exec", "/usr/lib/openssh/sftp-server\0")
        result["reply"] = raw.rest_until({99, 100})
    elif what == "late-pty":
        _, channel = open_channel(0)
        request(channel, "exec", "sleep 1; tty")
        request(channel, "pty-req", "xterm", 80, 24, 0, 0, b"\0")
        # The library keeps one "wants a reply" a channel: only the second request gets its answer.
        result["reply"] = raw.rest_until({99, 100})
        result["output"] = raw.output()
    elif what == "strange-channels":
        kinds = ["tun@openssh.com", "direct-streamlocal@openssh.com", "x11", "forwarded-tcpip", "auth-agent@openssh.com", "nonsense"]
        # Each with the fields that its kind wants.
        fields = {
            "tun@openssh.com": [1, 0],
            "direct-streamlocal@openssh.com": ["/run/ctl.sock", "", 0],
            "x11": ["127.0.0.1", 1],
            "forwarded-tcpip": ["127.0.0.1", 1, "127.0.0.1", 2],
        }
        for number, kind in enumerate(kinds):
            raw.send(90, kind, number, 1 << 20, 1 << 15, *fields.get(kind, []))
            # A kind that the library does not know is refused twice.
            got, body = raw.next(5)
            while isinstance(got, int) and got in (91, 92) and Message(body).get_int() != number:
                got, body = raw.next(5)
            result[kind] = got
        raw.send(80, "streamlocal-forward@openssh.com", True, "/tmp/x")
        result["streamlocal-forward"] = raw.rest_until({81, 82})
        raw.send(80, "no-such-request", True)
        result["no-such-request"] = raw.rest_until({81, 82})
    elif what in ("sftp-unread", "resizes"):
        # Without a window nothing comes back but the answers to requests.
        raw.send(90, "session", 0, 0, 1 << 15)
        channel = Message(raw.next(10)[1][4:]).get_int()
        request(channel, "subsystem", "sftp")
        result["reply"] = raw.rest_until({99, 100})
        raw.send(94, channel, b"\0\0\0\5\1\0\0\0\3")
        if what == "resizes":
            time.sleep(1)
            # Answers that nobody reads, until no more is read of us.
            for number in range(0, 24000, 400):
                ask = [b"\0\0\0\x0a\x10" + (number + one).to_bytes(4, "big") + b"\0\0\0\1." for one in range(400)]
                raw.send(94, channel, b"".join(ask))
            for _ in range(int(more[0])):
                if raw.transport.is_active():
                    raw.send(98, channel, "window-change", False, 80, 24, 0, 0)
    wait_for_test("DONE")
    raw.close()
    return result


def rest_until(self, wanted):
    """The first kind among these; others are passed over."""
    while True:
        kind, body = self.next(20)
        if kind in wanted or not isinstance(kind, int) or kind == 1:
            return kind if isinstance(kind, int) else str(kind)
        if kind == 94:
            self.text = getattr(self, "text", "") + Message(body[4:]).get_string().decode("utf-8", "replace")


def output(self):
    """What the channel says up to its close."""
    while True:
        kind, body = self.next(10)
        if kind == 94:
            self.text = getattr(self, "text", "") + Message(body[4:]).get_string().decode("utf-8", "replace")
        elif kind in (97, 1) or not isinstance(kind, int):
            return getattr(self, "text", "")


Raw.rest_until = rest_until
Raw.output = output


def hammer(port, user, count):
    """Wrong tries, so many at a time and for ever: whatever comes of each, another follows."""

    def go(n):
        while True:
            try:
                raw = Raw(port)
                raw.service()
                raw.interactive(user)
                raw.answer("wrong")
                raw.prompts()
                raw.answer("%06d" % n)
                raw.prompts()
                raw.close()
            except Exception:
                pass

    for n in range(int(count)):
        threading.Thread(target=go, args=(n,), daemon=True).start()
    wait_for_test("HAMMERING")
    return {}


def many_tries(port, user, path):
    """Tries by all methods in turn, on one connection; how many were answered, and how it ended."""
    raw = Raw(port)
    raw.service()
    answered, kind = 0, FAILURE
    while kind in (FAILURE, 60) and answered < 200:
        method = answered % 3
        if method == 0:
            raw.userauth(user, "none")
        elif method == 1:
            raw.userauth(user, "password", False, "x")
        else:
            raw.userauth(user, "publickey", False, key(path).get_name(), key(path).asbytes())
        kind = raw.next(5)[0]
        answered += kind in (FAILURE, 60)
    return {"answered": answered, "kind": kind}


def many_devices(port, user):
    """One keyboard-interactive request that names a thousand devices: how many rounds come of it."""
    raw = Raw(port)
    raw.service()
    raw.userauth(user, "keyboard-interactive", "", ",".join(["pam"] * 1000))
    judged, kind = 0, raw.prompts()[0]
    while kind == INFO_REQUEST:
        raw.answer("wrong")
        kind, _, prompts = raw.prompts()
        if kind == INFO_REQUEST and "code" in prompts[0]:
            judged += 1
            raw.answer("000000")
            kind = raw.prompts()[0]
    return {"judged": judged, "kind": kind}


def flood(port, bytes_more):
    """Packets without a meaning, before anybody logs in."""
    raw = Raw(port)
    raw.service()
    sent, block = 0, b"x" * 16000
    while sent < int(bytes_more):
        raw.send(2, block)
        sent += len(block)
        if not raw.transport.is_active():
            break
    return {"kind": raw.next(5)[0]}


def plain(port, what):
    """No SSH at all: what is answered to these bytes, up to the end."""
    sock = connect(port)
    sock.settimeout(10)
    sock.sendall(bytes.fromhex(what))
    got = b""
    try:
        while block := sock.recv(4096):
            got += block
    except ConnectionError:
        pass
    return {"got": got.decode("latin1")}


def code_of(secret):
    """The one-time code of this moment (RFC 6238)."""
    padded = secret + "=" * (-len(secret) % 8)
    step = int(time.time() // 30).to_bytes(8, "big")
    digest = hmac.digest(base64.b32decode(padded), step, "sha1")
    start = digest[-1] & 15
    return "%06d" % ((int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF) % 1000000)


def timings(port, rounds, *people):
    """How long each verdict takes, of people side by side in each round, so that each meets the same
    machine. A person: NAME=login/password/code; of a list `a|b|c` each round takes the next."""
    named = [one.split("=", 1) for one in people]
    of = {name: [] for name, _ in named}
    seen = {name: set() for name, _ in named}

    def go(name, triples, n):
        login, password, code = triples.split("|")[n % len(triples.split("|"))].split("/")
        if code.startswith("totp:"):
            code = code_of(code.removeprefix("totp:"))
        raw = Raw(port)
        raw.service()
        raw.none(login)
        raw.interactive(login)
        raw.answer(password)
        raw.prompts()
        began = time.monotonic()
        raw.answer(code)
        raw.next()
        of[name].append(time.monotonic() - began)
        raw.rest(5)
        seen[name].add(json.dumps(raw.seen))

    for n in range(int(rounds)):
        # In another order each round: whoever is first has the least to wait.
        order = named[n % len(named) :] + named[: n % len(named)]
        threads = [threading.Thread(target=go, args=(name, triples, n)) for name, triples in order]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    return {"seconds": of, "same": len(set().union(*seen.values())) == 1}


def idle(port, count):
    """Connections that say nothing: some not even their name, some up to the first prompt."""
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(int(count) // 2)]
    asked = []
    for _ in range(int(count) - len(silent)):
        raw = Raw(port)
        raw.service()
        raw.interactive("alice")
        asked.append(raw)
    wait_for_test("IDLE")
    return {"silent": len(silent), "asked": len(asked)}


def main():
    scenario, port, *rest = sys.argv[1:]
    found = globals()[scenario.replace("-", "_")]
    result = found(int(port), *rest)
    print(json.dumps(result), flush=True)
    # Threads of the transport would keep the program for a while.
    os._exit(0)


main()

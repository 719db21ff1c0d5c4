"""Clients that knock with everything but an honest handshake.

Usage: door.py SCENARIO PORT ARGUMENTS… — prints one line of JSON: what each try was answered, as the
numbers of the messages that came and how it ended. WAIT lines tell the test that something outside must
happen, and the test answers with a line.
"""

import base64
import json
import resource
import select
import socket
import struct
import sys
import time

from cryptography.hazmat.primitives.serialization import load_ssh_private_key
from wire import CURVE, IGNORE, KEX_INIT, KEXINIT, NEWKEYS, As, Gone, Wire, message, string

# Nobody waits longer than this for an answer: less than the bastion waits for anything (docs/limits.md), so that
# one that hangs is seen as one.
PATIENCE = 12
CURVE_P = 2**255 - 19
# Points of small order: whatever is agreed on with them, everybody knows.
LOW_ORDER = {
    "0": 0,
    "1": 1,
    "p-1": CURVE_P - 1,
    "p": CURVE_P,
    "p+1": CURVE_P + 1,
    "order 8": 325606250916557431795983626356110631294008115727848805560023387167927233504,
    "order 8 too": 39382357235489614581723060781553021112529911719440698176882885853963445705823,
}


def connect(port, source="127.0.0.1", patience=PATIENCE):
    return socket.create_connection(("127.0.0.1", port), patience, source_address=(source, 0))


def wire(port, **options):
    return Wire(connect(port), patience=PATIENCE, **options)


def tried(act):
    """What came of it: the numbers of what was answered, and the end."""
    try:
        kinds, end = act().outcome()
    except Gone as gone:
        kinds, end = [], str(gone)
    if end == "silent" and not getattr(tried, "may_hang", False):
        # A bastion that hangs once will hang each time.
        print(json.dumps({"hangs": [kinds, end]}), flush=True)
        sys.exit()
    return [kinds, end]


def to(port, stage, **options):
    """A connection up to a stage of the handshake."""
    one = wire(port, **options)
    if stage != "nothing said":
        one.greet()
    if stage in ("init", "value", "keys", "service"):
        one.introduce()
    if stage == "value":
        one.send(KEX_INIT, bytes([9]) + bytes(31))
        one.until(31)
    if stage in ("keys", "service"):
        one.exchange()
    if stage == "service":
        one.service()
    return one


def lengths(port):
    """Packets that announce what they never bring (CVE-2024-43410)."""
    outcomes = {}
    for stage in ("line", "init", "keys", "service"):
        for value in (0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 1 << 20, 0, 1, 3):

            def one(stage=stage, value=value):
                peer = to(port, stage)
                peer.length(value, bytes(64))
                return peer

            outcomes[f"{stage} {value}"] = tried(one)
    # Many at once, each of which would take 4 GiB.
    crowd = [to(port, "line") for _ in range(50)]
    for one in crowd:
        one.length(0xFFFFFFFF, bytes(64))
    for number, one in enumerate(crowd):
        outcomes[f"crowd {number}"] = tried(lambda: one)
    return outcomes


def malformed(port):
    """What is no protocol at all, or one that does not add up."""
    outcomes = {}

    def said(name, data):
        def one():
            peer = wire(port)
            peer.raw(data)
            return peer

        outcomes[name] = tried(one)

    def sent(name, *messages, stage="line", patience=PATIENCE):
        def one():
            peer = to(port, stage)
            for each in messages:
                peer.raw(peer.packet(each))
            peer.sock.settimeout(patience)
            return peer

        outcomes[name] = tried(one)

    said("a long line", b"SSH-2.0-" + b"x" * 300 + b"\r\n")
    said("a line without end", b"S" * 100_000)
    said("another protocol", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    said("an old version", b"SSH-1.5-x\r\n")
    said("nothing but zeros", bytes(5000))
    said("a PROXY line", b"PROXY TCP4 198.51.100.1 127.0.0.1 50000 22\r\nSSH-2.0-lab\r\n")
    said("a PROXY header", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + b"SSH-2.0-lab\r\n")
    good = Wire(connect(port)).kexinit()
    sent("a short KEXINIT", good[:20])
    sent("a KEXINIT with more behind", good + b"x")
    sent("a list of 4 GiB", good[:17] + b"\xff\xff\xff\xff" + good[21:])
    sent("lists that are not text", good[:17] + string(b"\xff\xfe\0") * 10 + bytes(5))
    sent("no list at all", message(KEXINIT, As(bytes(16)), *[""] * 10, False, 0))
    sent("nothing in common", Wire(connect(port)).kexinit(kex="diffie-hellman-group1-sha1"))
    sent("only CBC", Wire(connect(port)).kexinit(cipher="aes256-cbc,3des-cbc"))
    sent("only none", Wire(connect(port)).kexinit(cipher="none", mac="none"))
    sent("only MD5", Wire(connect(port)).kexinit(mac="hmac-md5,hmac-sha1"))
    sent("two KEXINITs", good, good)

    def padding():
        peer = to(port, "line")
        peer.raw(struct.pack(">IB", 12, 255) + bytes(11))
        return peer

    def altered():
        peer = to(port, "keys")
        packet = bytearray(peer.packet(message(5, "ssh-userauth")))
        packet[-1] ^= 1
        peer.raw(packet)
        return peer

    outcomes["more padding than packet"] = tried(padding)
    outcomes["an altered packet"] = tried(altered)
    sent("a service of 4 GiB", b"\5\xff\xff\xff\xffssh", stage="keys")
    sent("a name that is no text", message(50, b"\xff\xfe\0alice", "ssh-connection", "none"), stage="service")
    endless = As(b"\xff\xff\xff\xff")
    sent("a key of 4 GiB", message(50, "a", "ssh-connection", "publickey", False, "ssh-ed25519", endless), stage="service")
    sent("a key that is none", message(50, "a", "ssh-connection", "publickey", True, "ssh-ed25519", "x", "y"), stage="service")
    # What is passed over rather than punished: nothing comes of it, and the minute runs on.
    tried.may_hang = True
    sent("passed over: an empty packet", b"", patience=2)
    sent("passed over: a service that is none", message(5, "ssh-connection"), stage="keys", patience=2)
    sent("passed over: answers without a question", message(61, 0xFFFFFFFF), stage="service", patience=2)
    return outcomes


def early(port):
    """Messages before their time: in the clear, at each stage of the first key exchange
    (CVE-2023-46445, CVE-2023-46446, CVE-2025-32433)."""
    before = {
        "service": message(5, "ssh-userauth"),
        "late EXT_INFO": message(7, 1, "server-sig-algs", ""),
        "request": message(50, "alice+scanner", "ssh-connection", "none"),
        "success": message(52),
        "question": message(60, "", "", "", 0),
        "answer": message(61, 0),
        "global": message(80, "tcpip-forward", True, "127.0.0.1", 0),
        "channel": message(90, "session", 0, 1 << 20, 1 << 15),
        "exec": message(98, 0, "exec", True, "id"),
        "keys at once": message(NEWKEYS),
    }
    outcomes = {}
    for strict in (True, False):
        for stage in ("line", "init", "value"):
            for name, one in before.items():
                # After the value is agreed on, NEWKEYS is what is due.
                if (stage, name) == ("value", "keys at once"):
                    continue

                def act():
                    peer = to(port, stage, strict=strict)
                    peer.raw(peer.packet(one))
                    return peer

                outcomes[f"{stage} {name}{'' if strict else ', not strict'}"] = tried(act)
    return outcomes


def points(port):
    """Public values that make the secret no secret (CVE-2023-28113), and such as are none."""
    values = {f"low order {name}": value.to_bytes(32, "little") for name, value in LOW_ORDER.items()}
    values |= {"31 bytes": bytes([9]) * 31, "33 bytes": bytes([9]) * 33, "none": b"", "64 KiB": bytes([9]) * 65536}
    values["honest"] = bytes([9]) + bytes(31)
    outcomes = {}
    for name, value in values.items():
        for kex in (CURVE, "mlkem768x25519-sha256"):
            # The hybrid's value is a key of ML-KEM and behind it a point.
            whole = bytes(1184) + value if kex != CURVE else value

            def act():
                peer = wire(port, kex=kex)
                peer.greet()
                peer.introduce()
                peer.send(KEX_INIT, whole)
                if name == "honest":
                    peer.until(NEWKEYS)
                    raise Gone("keys")
                return peer

            outcomes[f"{name} {kex}"] = tried(act)
    return outcomes


def terrapin(port):
    """What the public scanner looks at, and the attack itself (CVE-2023-48795)."""
    outcomes = {"offered": "kex-strict-s-v00@openssh.com" in to(port, "line").introduce()}

    def slipped_in(stage, strict=True):
        peer = to(port, stage, strict=strict)
        peer.send(IGNORE, "one more")
        if stage == "line":
            peer.introduce()
        peer.exchange()
        peer.service()
        return "in"

    def counting(reset):
        peer = to(port, "init")
        peer.new_keys, keys = lambda: None, peer.new_keys
        peer.exchange()
        keys(reset=reset)
        peer.service()
        return "in"

    def ends(act, *args):
        try:
            return act(*args)
        except Gone as gone:
            return str(gone)

    outcomes["before KEXINIT"] = ends(slipped_in, "line")
    outcomes["before the value"] = ends(slipped_in, "init")
    # Without the marker on our side it is as it was before 2023: a message more is none of anybody's business.
    outcomes["before the value, not strict"] = ends(slipped_in, "init", False)
    outcomes["numbers begin anew"] = ends(counting, True)
    outcomes["numbers go on"] = ends(counting, False)
    return outcomes


def extensions(port, user):
    """EXT_INFO late and often changes nothing: what is asked next is what would have been."""
    peer = to(port, "service")
    peer.send(7, 1, "server-sig-algs", "none")
    peer.send(50, user, "ssh-connection", "keyboard-interactive", "", "")
    peer.until(60)
    peer.send(7, 1, "no-flow-control", "p")
    peer.send(61, 1, "wrong")
    kind, body = peer.until(60, 51, 52)
    texts = [body.text() for _ in range(3)]
    return {"kind": kind, "prompts": body.number(), "prompt": body.text(), "texts": texts}


def half_open(port, count, sources):
    """Connections that stop somewhere: before a word, after the line, after KEXINIT; from so many
    addresses. Those that are closed are opened anew, until the test says stop."""
    count, sources = int(count), int(sources)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, count + 1000), most))
    hello = Wire(None_socket())
    line = hello.line + b"\r\n"
    first = hello.packet(hello.kexinit())
    open_now, opened, refused = [], 0, 0

    def fill(seconds):
        nonlocal opened, refused
        until = time.monotonic() + seconds
        # Where nobody takes connections as fast as we open them, the system makes each of ours wait.
        while len(open_now) < count and time.monotonic() < until:
            try:
                sock = connect(port, f"127.0.{1 + opened % sources // 250}.{1 + opened % sources % 250}", 1)
                sock.setblocking(False)
                if opened % 3:
                    sock.send(line if opened % 3 == 1 else line + first)
                open_now.append(sock)
            except OSError:
                refused += 1
            finally:
                opened += 1

    def sweep():
        """Forgets those that were closed."""
        kept = []
        for sock in open_now:
            try:
                while sock.recv(65536):
                    pass
                sock.close()
            except BlockingIOError:
                kept.append(sock)
            except OSError:
                sock.close()
        open_now[:] = kept

    fill(60)
    print("WAIT HALF-OPEN", flush=True)
    most_open, began = 0, time.monotonic()
    over = False
    while not over:
        over = bool(select.select([sys.stdin], [], [], 0.2)[0])
        sweep()
        most_open = max(most_open, len(open_now))
        fill(1)
    sys.stdin.readline()
    return {"opened": opened, "refused": refused, "open": most_open, "seconds": time.monotonic() - began}


def shown(port, user, private, public):
    """A key or a certificate, signed with: the number of the answer, and whether it counts for a part."""
    with open(private, "rb") as file:
        key = load_ssh_private_key(file.read(), None)
    with open(public) as file:
        kind, blob = file.read().split()[:2]
    peer = to(port, "service")
    said = message(50, user, "ssh-connection", "publickey", True, kind, base64.b64decode(blob))
    signature = string("ssh-ed25519") + string(key.sign(string(peer.session) + said))
    peer.send(50, As(said[1:]), signature)
    answer, body = peer.until(51, 52, 60)
    if answer == 51:
        body.string()
    return {"answer": answer, "partial": answer == 51 and body.flag()}


class None_socket:
    """For a wire that only makes packets."""

    def settimeout(self, _):
        pass


def wait_for_test(text):
    print("WAIT " + text, flush=True)
    sys.stdin.readline()


def admitted(port, user, password, code):
    """A connection that walked the whole lobby and was approved."""
    peer = to(port, "service")
    peer.sock.settimeout(60)
    peer.send(50, user, "ssh-connection", "keyboard-interactive", "", "")

    def asked():
        kind, body = peer.until(60, 51, 52)
        if kind != 60:
            return kind, []
        for _ in range(3):
            body.string()
        prompts = []
        for _ in range(body.number()):
            prompts.append(body.text())
            body.flag()
        return kind, prompts

    for answers in ([password], [code], ["YES"], ["lab", "-"]):
        asked()
        peer.send(61, len(answers), *answers)
    word = asked()[1][0].split("Code ")[1].split(".")[0]
    peer.send(61, 1, "")
    asked()
    wait_for_test(f"CODE {word}")
    kind = 60
    while kind == 60:
        peer.send(61, 0)
        kind, _ = asked()
    assert kind == 52, kind
    return peer


def inside(port, user, password, code):
    """On an admitted connection: windows beyond measure, channels and requests without end, and last
    requests whose answers nobody takes. What is honest works in between."""
    peer = admitted(port, user, password, code)
    numbers = iter(range(1 << 20))

    def command():
        """Runs one; what it said."""
        own = next(numbers)
        peer.send(90, "session", own, 1 << 20, 1 << 15)
        kind, body = peer.until(91, 92)
        if kind == 92:
            return "refused"
        body.number()
        other = body.number()
        peer.send(98, other, "exec", True, "echo $((6*7))")
        said = b""
        while True:
            kind, body = peer.until(94, 97)
            if kind == 97:
                peer.send(97, other)
                return said.decode()
            body.number()
            said += body.string()

    # Windows that overflow (CVE-2025-54804), of channels that are there and of such as are not.
    peer.send(90, "session", next(numbers), 0xFFFFFFFF, 1 << 15)
    body = peer.until(91)[1]
    body.number()
    idle = body.number()
    peer.send_many([message(93, number, 0xFFFFFFFF) for number in (idle, 4711) for _ in range(1000)])
    result = {"after overflows": command()}
    # An agent, which nobody forwards (CVE-2023-38408, CVE-2026-46673).
    peer.send(98, idle, "auth-agent-req@openssh.com", True)
    result["agent"] = peer.until(99, 100)[0]
    # What belongs to a server, or to nobody.
    peer.send_many([message(95, idle, 1, b""), message(99, idle), message(100, idle)] * 100)
    peer.send_many([message(kind) for kind in (52, 51, 81, 82)] * 100)
    result["after answers to nothing"] = command()
    # As many channels as may be asked for at once (docs/limits.md, `requests`); one is open already.
    count = 60
    peer.send_many([message(90, "session", 100_000 + number, 0xFFFFFFFF, 1 << 15) for number in range(count)])
    kinds, opened = {91: 0, 92: 0}, []
    for _ in range(count):
        kind, body = peer.until(91, 92)
        kinds[kind] += 1
        if kind == 91:
            body.number()
            opened.append(body.number())
    result["opened"], result["not opened"] = kinds[91], kinds[92]
    peer.send_many([message(97, number) for number in opened])
    for _ in opened:
        peer.until(97)
    # What is asked for a second is little, and has to be waited for.
    time.sleep(4)
    result["after channels"] = command()
    wait_for_test("QUIET")
    # The library answers these by itself.
    one = message(80, "no-such-request", True)
    sent, began = 0, time.monotonic()
    try:
        while sent < 4_000_000 and time.monotonic() - began < 60:
            peer.send_many([one] * 200)
            sent += 200
        result["unread"] = "goes on"
    except Gone as gone:
        result["unread"] = str(gone)
    result["sent"] = sent
    return result


def broken(port, user, password, code, what):
    """One message of an admitted connection that does not add up."""
    peer = admitted(port, user, password, code)
    peer.send(90, "session", 1, 1 << 20, 1 << 15)
    body = peer.until(91)[1]
    body.number()
    channel = body.number()
    wait_for_test("IN")
    huge = As(b"\xff\xff\xff\xff")
    peer.send(*{
        "request": (98, channel, "pty-req", True, huge),
        "text": (98, channel, b"\xff\xfe", True),
        "data": (94, channel, huge),
        "open": (90, huge),
        "global": (80, huge),
        "nothing": (94,),
    }[what])
    return {"outcome": peer.outcome()}


def main():
    scenario, port, *rest = sys.argv[1:]
    result = globals()[scenario.replace("-", "_")](int(port), *rest)
    print(json.dumps(result), flush=True)


main()

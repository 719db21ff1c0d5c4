"""SSH by hand, either side of it, for peers that keep no rule: any message at any time, of any length,
with any public value. One suite, which all who take part know: curve25519-sha256, ssh-ed25519,
aes256-ctr, hmac-sha2-256-etm@openssh.com.
"""

import hashlib
import hmac
import os
import struct
import threading

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

STRICT_CLIENT, STRICT_SERVER = "kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com"
MAC = "hmac-sha2-256-etm@openssh.com"
CURVE = "curve25519-sha256"
DISCONNECT, IGNORE, KEXINIT, NEWKEYS, KEX_INIT, KEX_REPLY = 1, 2, 20, 21, 30, 31


class Gone(Exception):
    """The other side ended the connection, or says nothing any more."""


def string(data):
    data = data.encode() if isinstance(data, str) else bytes(data)
    return struct.pack(">I", len(data)) + data


def mpint(value):
    size = value.bit_length() // 8 + 1 if value else 0
    return string(value.to_bytes(size, "big"))


class As(bytes):
    """Bytes that stand in a message as they are."""


def message(kind, *parts):
    """Flags are one byte, numbers four, everything else has its length before it."""
    made = bytes([kind])
    for part in parts:
        if isinstance(part, As):
            made += part
        elif isinstance(part, bool):
            made += bytes([part])
        elif isinstance(part, int):
            made += struct.pack(">I", part)
        else:
            made += string(part)
    return made


class Body:
    """What stands behind a message's number, read piece by piece."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        return self.data[self.at - count : self.at]

    def flag(self):
        return self.take(1) == b"\1"

    def number(self):
        return struct.unpack(">I", self.take(4))[0]

    def string(self):
        return self.take(self.number())

    def text(self):
        return self.string().decode("utf-8", "replace")


class Direction:
    """The keys of one way."""

    def __init__(self, derive, iv, key, mac):
        self.stream = Cipher(algorithms.AES(derive(key, 32)), modes.CTR(derive(iv, 16))).encryptor()
        self.mac = derive(mac, 32)

    def tag(self, number, packet):
        return hmac.new(self.mac, struct.pack(">I", number) + packet, hashlib.sha256).digest()


class Wire:
    """One connection. With a host key it is the server's side."""

    def __init__(self, sock, host_key=None, line=b"SSH-2.0-lab", strict=True, patience=15, kex=CURVE):
        sock.settimeout(patience)
        self.sock, self.host_key, self.line, self.strict, self.kex = sock, host_key, line, strict, kex
        self.sent = self.received = 0
        self.out = self.into = None
        self.session = None
        self.turn = threading.Lock()

    # What goes out.

    def raw(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Gone(f"sending: {error}") from None

    def packet(self, payload):
        # With keys the length stands in clear, and before what is padded.
        block, head = (16, 1) if self.out else (8, 5)
        padding = block - (len(payload) + head) % block
        padding += block if padding < 4 else 0
        packet = struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)
        if self.out:
            packet = packet[:4] + self.out.stream.update(packet[4:])
            packet += self.out.tag(self.sent, packet)
        self.sent = (self.sent + 1) & 0xFFFFFFFF
        return packet

    def send(self, kind, *parts):
        with self.turn:
            self.raw(self.packet(message(kind, *parts)))

    def send_many(self, messages):
        """Messages in one write."""
        with self.turn:
            self.raw(b"".join(self.packet(one) for one in messages))

    def length(self, value, more=b""):
        """The beginning of a packet that says it is this long."""
        self.raw(struct.pack(">I", value) + bytes(12) + more)

    # What comes in.

    def exactly(self, count):
        data = b""
        while len(data) < count:
            try:
                piece = self.sock.recv(count - len(data))
            except OSError as error:
                raise Gone("silent" if isinstance(error, TimeoutError) else f"{error}") from None
            if not piece:
                raise Gone("closed")
            data += piece
        return data

    def read(self):
        """The next message but for what says nothing: its number and its body."""
        while True:
            payload = self._payload()
            if payload[0] == DISCONNECT:
                body = Body(payload[1:])
                raise Gone(f"disconnect {body.number()}: {body.text()}")
            if payload[0] not in (IGNORE, 3, 4):
                return payload[0], Body(payload[1:])

    def _payload(self):
        size = struct.unpack(">I", self.exactly(4))[0]
        packet = struct.pack(">I", size) + self.exactly(size)
        if self.into:
            if self.exactly(32) != self.into.tag(self.received, packet):
                raise Gone("a packet under another number")
            packet = packet[:4] + self.into.stream.update(packet[4:])
        self.received = (self.received + 1) & 0xFFFFFFFF
        return packet[5 : 4 + size - packet[4]]

    def until(self, *kinds):
        """The next message of one of these numbers."""
        while True:
            kind, body = self.read()
            if kind in kinds:
                return kind, body

    # The beginning.

    def greet(self):
        """Exchanges the first lines."""
        self.raw(self.line + b"\r\n")
        self.peer_line = b""
        while not self.peer_line.startswith(b"SSH-"):
            self.peer_line = b""
            while not self.peer_line.endswith(b"\n"):
                self.peer_line += self.exactly(1)
        self.peer_line = self.peer_line.rstrip(b"\r\n")

    def kexinit(self, **instead):
        """Our KEXINIT; what is named in `instead` (kex, key, cipher, mac) is offered so."""
        marker = [STRICT_SERVER if self.host_key else STRICT_CLIENT] if self.strict else []
        kex, cipher, mac = instead.get("kex", self.kex), instead.get("cipher", "aes256-ctr"), instead.get("mac", MAC)
        lists = [",".join([kex, *marker]), instead.get("key", "ssh-ed25519"), cipher, cipher, mac, mac, "none", "none", "", ""]
        return message(KEXINIT, As(os.urandom(16)), *lists, False, 0)

    def introduce(self, **instead):
        """Sends the KEXINIT and reads the other's; gives the other's list of exchanges."""
        self.init = self.kexinit(**instead)
        with self.turn:
            self.raw(self.packet(self.init))
        kind, body = self.read()
        assert kind == KEXINIT, kind
        self.peer_init = bytes([kind]) + body.data
        body.take(16)
        kexes = body.text().split(",")
        self.strict = self.strict and (STRICT_CLIENT if self.host_key else STRICT_SERVER) in kexes
        return kexes

    def exchange(self):
        """Agrees on keys in good order."""
        own = X25519PrivateKey.generate()
        point = own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        if self.host_key:
            theirs = self.until(KEX_INIT)[1].string()
            self.reply(string(theirs), string(point), own.exchange(X25519PublicKey.from_public_bytes(theirs)))
        else:
            self.send(KEX_INIT, point)
            _, body = self.until(KEX_REPLY)
            blob, theirs = body.string(), body.string()
            self.agreed(blob, string(point), string(theirs), own.exchange(X25519PublicKey.from_public_bytes(theirs)))
            self.new_keys()

    def reply(self, theirs, ours, shared, spoil=False):
        """The server's public value, signed; `spoil` breaks the signature."""
        blob = string("ssh-ed25519") + string(self.host_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        signature = self.host_key.sign(self.agreed(blob, theirs, ours, shared))
        signature = signature[:-1] + bytes([signature[-1] ^ 1]) if spoil else signature
        self.send(KEX_REPLY, blob, As(ours), string("ssh-ed25519") + string(signature))
        self.new_keys()

    def agreed(self, blob, first, second, shared):
        """Takes note of what keys come from; gives the exchange hash."""
        shared = mpint(int.from_bytes(shared, "big"))
        ours, theirs = (self.line, self.init), (self.peer_line, self.peer_init)
        (line_c, init_c), (line_s, init_s) = (theirs, ours) if self.host_key else (ours, theirs)
        whole = b"".join(map(string, (line_c, line_s, init_c, init_s, blob))) + first + second + shared
        digest = hashlib.sha256(whole).digest()
        self.session = self.session or digest

        def derive(letter, count):
            return hashlib.sha256(shared + digest + letter + self.session).digest()[:count]

        ways = [Direction(derive, b"A", b"C", b"E"), Direction(derive, b"B", b"D", b"F")]
        self.next_out, self.next_into = reversed(ways) if self.host_key else ways
        return digest

    def new_keys(self, reset=None):
        """Takes the keys into use, both ways. `reset`: whether counting begins anew, if not as agreed."""
        reset = self.strict if reset is None else reset
        self.send(NEWKEYS)
        self.out = self.next_out
        self.sent = 0 if reset else self.sent
        self.until(NEWKEYS)
        self.into = self.next_into
        self.received = 0 if reset else self.received

    def begin(self):
        """Up to working keys."""
        self.greet()
        self.introduce()
        self.exchange()
        return self

    def service(self):
        """Asks for authentication."""
        self.send(5, "ssh-userauth")
        return self.until(6)

    def outcome(self):
        """What numbers still come, and how it ends."""
        kinds = []
        try:
            while len(kinds) < 1000:
                kinds.append(self.read()[0])
        except Gone as gone:
            return kinds, str(gone)
        return kinds, "goes on"

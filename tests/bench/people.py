"""Technicians and approvers of the test hospital, and their one-time codes (RFC 6238)."""

import base64
import hmac
import secrets
import struct
import threading
import time
from collections import deque

STEP = 30


class Person:
    """Somebody with a password and an authenticator. A code is good once, for one step early or late."""

    def __init__(self, login):
        self.login = login
        self.password = secrets.token_urlsafe(15)
        self.secret = secrets.token_bytes(20)
        self.used = 0

    def totp(self):
        return base64.b32encode(self.secret).decode()

    def code_of(self, step):
        mac = hmac.digest(self.secret, struct.pack(">Q", step), "sha1")
        start = mac[-1] & 15
        number = struct.unpack(">I", mac[start : start + 4])[0] & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"

    def take_code(self):
        """A code that was not used and will be accepted for some seconds more; None if there is none now."""
        now, into = divmod(time.time(), STEP)
        oldest = int(now) - 1 if into < STEP / 2 else int(now)
        step = max(oldest, self.used + 1)
        if step > int(now) + 1:
            return None
        self.used = step
        return self.code_of(step)


class Pool:
    """People who take turns. Whoever has a code left for this moment comes next."""

    def __init__(self, people):
        self.people = deque(people)
        self.lock = threading.Lock()

    def take(self, patience=90):
        """Somebody and their code. They are out of the pool until given back."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            with self.lock:
                for _ in range(len(self.people)):
                    person = self.people.popleft()
                    if code := person.take_code():
                        return person, code
                    self.people.append(person)
            # The next code comes with time alone.
            time.sleep(0.2)
        raise TimeoutError("nobody has a one-time code left: too few people for so many sessions")

    def give_back(self, person):
        with self.lock:
            self.people.append(person)

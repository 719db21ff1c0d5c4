"""A program on a terminal of its own, as `ssh` is when a person sits before it."""

import fcntl
import os
import re
import select
import subprocess
import termios
import time


class Terminal:
    """Runs a program with a new controlling terminal. Standard input and output are that terminal
    unless others are given; prompts and error output always are."""

    living = set()

    def __init__(self, argv, stdin=None, stdout=None):
        self.fd, slave = os.openpty()
        self.seen = b""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            argv,
            stdin=slave if stdin is None else stdin,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        Terminal.living.add(self)

    def _read(self, until):
        """More output. False once nothing can come any more."""
        left = until - time.monotonic()
        # Not `select`, which knows no file above 1023.
        readable = select.poll()
        readable.register(self.fd, select.POLLIN)
        if left <= 0 or not readable.poll(left * 1000):
            raise TimeoutError(f"waited in vain; the terminal shows {self.seen[-300:]!r}")
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)

    def expect(self, pattern, patience=30):
        """Waits for this regular expression, and forgets everything up to its end."""
        until = time.monotonic() + patience
        while not (found := re.search(pattern, self.seen)):
            if not self._read(until):
                raise EOFError(f"the program ended; the terminal shows {self.seen[-300:]!r}")
        self.seen = self.seen[found.end() :]
        return found

    def type(self, text):
        os.write(self.fd, text if isinstance(text, bytes) else text.encode())

    def wait(self, patience=30):
        """Waits for the program's end; gives its exit status."""
        until = time.monotonic() + patience
        while self._read(until):
            pass
        return self.process.wait(max(0.1, until - time.monotonic()))

    def end(self):
        """Ends the program if it still runs, and gives the terminal back."""
        Terminal.living.discard(self)
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

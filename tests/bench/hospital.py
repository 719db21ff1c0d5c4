"""The throw-away hospital of the benchmark: a target, a jump host, the bastion, its people.

Everything listens on loopback and lives in one temporary folder.
"""

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import processes
from people import Person, Pool
from terminal import Terminal

# The public half of a key pair that age publishes for tests.
OFFICER = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa"

SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 1000
MaxSessions 1000
PrintMotd no
PrintLastLog no
UseDNS no
LogLevel ERROR
# What this machine's owner has in their shell's start-up files is not measured.
SetEnv HOME={folder}
Subsystem sftp internal-sftp
"""

CLIENT = """\
IgnoreUnknown ObscureKeystrokeTiming
ObscureKeystrokeTiming no
UserKnownHostsFile {folder}/known_hosts
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
UpdateHostKeys no
IdentityFile {folder}/client
IdentitiesOnly yes
HostName 127.0.0.1
User {account}
{cipher}
Host direct jump
    Port {target}
Host jump
    ProxyJump hop
Host hop
    Port {hop}
Host poterne
    Port {poterne}
    PubkeyAuthentication no
"""

POTERNE = """\
[site]
name = "CHU Bench"
timezone = "Europe/Paris"
language = "en"
state = "{folder}/state"

[ssh]
listen = ["127.0.0.1:{poterne}"]
pending = {pending}
{console_section}

# All of them come from here.
[limits]
connections = 20000
connections-per-source = 20000
handshakes = {pending}
handshakes-per-source = {pending}
lobby-per-source = {share}

[calendars.vendor]
holidays = "none"
hours = [{{ days = "mon-sun", from = "00:00", to = "24:00" }}]

[groups.radiologie]
name = "Radiologie"

[recordings]
recipients = ["{officer}"]

[vendor.imagix]
name = "Imagix"
contract = {{ reference = "2025-117", from = "2020-01-01", until = "2037-12-31" }}
contact = {{ name = "Support", phone = "+33 1 00 00 00 00", email = "support@imagix.example" }}
sources = ["127.0.0.0/8"]
calendar = "vendor"
language = "en"
factors = ["password", "totp"]

[[vendor.imagix.allow]]
targets = ["scanner"]
rights = ["shell", "exec", "sftp-read", "sftp-write", "scp-read", "scp-write"]
approval = {{ quorum = 1, per = "session" }}
longest = "8h"

[target.scanner]
name = "IRM"
address = "127.0.0.1:{target}"
host-key = "{host_key}"
account = "{account}"
approvers = ["radiologie"]
supervision = "none"
"""

CIPHERS = {"any": "", "chacha20": "chacha20-poly1305@openssh.com", "aes256-gcm": "aes256-gcm@openssh.com"}


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(what, condition, patience=30):
    until = time.monotonic() + patience
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {patience} s")
        time.sleep(0.005)


def answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


class Hospital:
    """Target, jump host and bastion. Use it as a context: leaving it ends and removes everything."""

    def __init__(self, poterne, technicians, approvers, pending=1000, console=False):
        """`pending`: places in the lobby. `console`: whether staff have their pages too."""
        self.poterne_program = poterne
        self.pending, self.with_console = pending, console
        self.account = pwd.getpwuid(os.getuid()).pw_name
        self.counts = (technicians, approvers)
        self.started = []
        self.made = []

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for terminal in list(Terminal.living):
            terminal.end()
        for process in reversed(self.started):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for folder in self.made:
            shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, parent=None):
        folder = Path(tempfile.mkdtemp(prefix="poterne-bench-", dir=parent))
        self.made.append(folder)
        return folder

    def _start(self):
        # Recordings go to TMPDIR, as slow or fast as it is; what is copied goes through memory.
        self.folder = self._folder()
        self.memory = self._folder("/dev/shm")
        privileges = Path("/run/sshd")
        if os.getuid() == 0 and not privileges.exists():
            # Debian's sshd wants this folder and does not make it.
            privileges.mkdir(mode=0o755)
            self.made.append(privileges)
        for key in ("host", "client"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / key], check=True)
        self.host_key = " ".join((self.folder / "host.pub").read_text().split()[:2])
        self.target, self.hop, self.poterne, self.console = free_ports(4)
        self.target_sshd = self._sshd(self.target)
        self.hop_sshd = self._sshd(self.hop)
        self._start_poterne()
        self._write_client_files()
        self._enrol()

    def _sshd(self, port):
        config = self.folder / f"sshd-{port}"
        config.write_text(SSHD.format(port=port, folder=self.folder))
        process = self.run_on([shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-f", config])
        wait_for("sshd answers", lambda: answers(port))
        return process.pid

    def run_on(self, argv):
        """Starts a program that runs until the end."""
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.started.append(process)
        return process

    def _start_poterne(self):
        self.config = self.folder / "poterne.toml"
        self.config.write_text(POTERNE.format(officer=OFFICER, **self._facts()))
        process = self.run_on([self.poterne_program, "--config", self.config, "run", "--as-root"])
        self.poterne_pid = process.pid
        # Before the local socket is there, so that this is a program that has done nothing yet.
        wait_for("poterne answers", lambda: answers(self.poterne) or process.poll() is not None)
        if process.poll() is not None:
            raise RuntimeError(f"poterne did not start: {(self.folder / 'log').read_text()}")
        self.pss_at_start = processes.pss_kib(self.poterne_pid)
        self.ask("target", "credential", "scanner", "--key", str(self.folder / "client"))

    def _facts(self):
        names = ("folder", "account", "target", "hop", "poterne", "host_key", "pending")
        console = f'\n[console]\nlisten = "127.0.0.1:{self.console}"\n' if self.with_console else ""
        return {name: getattr(self, name) for name in names} | dict(console_section=console, share=self.pending // 2)

    def _write_client_files(self):
        bastion_key = self.json("status")["host_key"]
        lines = [f"[127.0.0.1]:{port} {self.host_key}\n" for port in (self.target, self.hop)]
        lines.append(f"[127.0.0.1]:{self.poterne} {bastion_key}\n")
        (self.folder / "known_hosts").write_text("".join(lines))
        for name, cipher in CIPHERS.items():
            cipher = f"Ciphers {cipher}" if cipher else ""
            (self.folder / f"client-{name}").write_text(CLIENT.format(cipher=cipher, **self._facts()))

    def _enrol(self):
        def add(verb, person, n, domain):
            contact = ["--name", "Bench Person", "--email", f"{person.login}@{domain}.example", "--phone", f"+33 6 00 00 {n:04}"]
            self.ask(*verb, *contact, "--stdin", typed=f"{person.password}\n{person.totp()}\n")
            return person

        def technician(n):
            person = Person(f"tessa-{n}")
            return add(["technician", "add", person.login, "--vendor", "imagix", "--proofing", "bench"], person, n, "imagix")

        def approver(n):
            person = Person(f"claire-{n}")
            verb = ["staff", "add", person.login, "--role", "approver", "--group", "radiologie"]
            return add(verb, person, 5000 + n, "chu")

        with ThreadPoolExecutor(4) as threads:
            self.technicians = Pool(threads.map(technician, range(self.counts[0])))
            self.approvers = Pool(threads.map(approver, range(self.counts[1])))

    def ask(self, *arguments, typed=""):
        """Runs poterne's command line, which must succeed."""
        argv = [self.poterne_program, "--config", self.config, *arguments]
        done = subprocess.run(argv, input=typed, capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise RuntimeError(f"poterne {' '.join(arguments[:2])}: {done.stderr.strip()}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.ask(*arguments, "--json"))

    def recorded_bytes(self):
        """Length of all files of recordings."""
        folder = self.folder / "state" / "recordings"
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def spools(self):
        return len(list((self.folder / "state" / "recordings").glob("*.spool")))

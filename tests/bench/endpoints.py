"""The three ways to the target, each opened as its users open it."""

import time

import processes
from hospital import wait_for
from terminal import Terminal


class Endpoint:
    """direct, jump: a key opens it, nothing is asked."""

    def __init__(self, hospital, name, bastion):
        self.hospital = hospital
        self.name = name
        self.bastion = bastion
        self.masters = 0

    def cpu(self):
        return processes.cpu_seconds(self.bastion) if self.bastion else 0.0

    def memory(self):
        return processes.pss_kib(self.bastion) if self.bastion else 0

    def sessions(self):
        """Bastion's sessions, as far as it can tell."""
        return len(processes.tree(self.bastion)) - 1 if self.bastion else 0

    def argv(self, *arguments, options=(), cipher="any", login=()):
        return ["ssh", "-F", str(self.hospital.folder / f"client-{cipher}"), *options, *login, self.name, *arguments]

    def connect(self, *arguments, options=(), cipher="any", stdin=None, stdout=None):
        """Starts ssh and sees it through every question. Gives the terminal that it runs on."""
        return Terminal(self.argv(*arguments, options=options, cipher=cipher), stdin, stdout)

    def left(self, terminal):
        """Ends what `connect` gave."""
        terminal.end()

    def master(self, cipher="any"):
        """A connection for several commands."""
        self.masters += 1
        path = self.hospital.folder / f"{self.name}-{self.masters}"
        terminal = self.connect(options=["-M", "-N", "-S", str(path)], cipher=cipher)
        terminal.control = path
        wait_for("the master listens", path.exists)
        return terminal

    def over(self, master, command):
        """The call that runs a command over a master."""
        return self.argv(command, options=["-S", str(master.control)])

    def settle(self, patience=60):
        """Waits until the bastion is at rest."""
        until = time.monotonic() + patience
        before = self.cpu()
        while self.bastion and time.monotonic() < until:
            time.sleep(0.2)
            now = self.cpu()
            if now - before <= 0.01:
                return
            before = now


class Poterne(Endpoint):
    """The bastion: the lobby is walked as a person walks it, and approved at once."""

    STAGES = ("connection", "password", "factors judged", "notice", "request", "sent", "approval", "target reached", "command")

    def sessions(self):
        return len(self.hospital.json("session", "list"))

    def connect(self, *arguments, options=(), cipher="any", stdin=None, stdout=None):
        (technician, code), (approver, approvers_code) = self._people()
        login = ("-l", f"{technician.login}+scanner")
        terminal = Terminal(self.argv(*arguments, options=options, cipher=cipher, login=login), stdin, stdout)
        terminal.technician = technician
        terminal.times = [terminal.started]
        try:
            self._walk(terminal, technician, code, approver, approvers_code)
        except BaseException:
            self.left(terminal)
            raise
        finally:
            self.hospital.approvers.give_back(approver)
        return terminal

    def _people(self):
        """A technician and an approver. Whoever had to wait for the other's next code may hold one
        that is no longer accepted, so both are then taken anew."""
        while True:
            began = time.monotonic()
            technician, approver = self.hospital.technicians.take(), self.hospital.approvers.take()
            if time.monotonic() - began < 5:
                return technician, approver
            self.hospital.technicians.give_back(technician[0])
            self.hospital.approvers.give_back(approver[0])

    def _walk(self, terminal, technician, code, approver, approvers_code):
        def answer(prompt, text):
            found = terminal.expect(prompt)
            terminal.times.append(time.monotonic())
            terminal.type(text + "\n")
            return found

        answer(rb"Password: ", technician.password)
        answer(rb"One-time code: ", code)
        answer(rb"accept: ", "YES")
        answer(rb"reads it\): ", "bench")
        terminal.expect(rb"Ticket or -: ")
        terminal.type("-\n")
        summary = answer(rb"(?s)Request (\d+): .*Code ([A-Z0-9]{4})\. Press Enter to send: ", "")
        terminal.expect(rb"Ctrl-C gives up")
        terminal.times.append(time.monotonic())
        number, shown = summary.group(1).decode(), summary.group(2).decode()
        verb = ["intervention", "approve", number, "--code", shown, "--verified", "called", "--as", approver.login]
        self.hospital.ask(*verb, typed=f"{approver.password}\n{approvers_code}\n")
        terminal.times.append(time.monotonic())
        terminal.expect(rb"APPROVED until[^\n]*\n")
        terminal.times.append(time.monotonic())

    def left(self, terminal):
        terminal.end()
        self.hospital.technicians.give_back(terminal.technician)


def endpoints(hospital):
    return [
        Endpoint(hospital, "direct", None),
        Endpoint(hospital, "jump", hospital.hop_sshd),
        Poterne(hospital, "poterne", hospital.poterne_pid),
    ]

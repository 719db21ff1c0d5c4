"""A target that takes a key or a password and then asks for a token, as paramiko's server.

Usage: asking_target.py PORT HOST_KEY AUTHORIZED_KEYS HEARD MANNER

MANNER: `token` asks one question and wants 424242; `lies` says that four thousand million questions
come and sends none. What is answered is written to HEARD, a line each. A command that is run
answers with its own line.
"""

import socket
import sys
import threading

import paramiko
from paramiko.message import Message

port, host_key, authorized, heard, manner = int(sys.argv[1]), *sys.argv[2:6]
HOST = paramiko.Ed25519Key(filename=host_key)
ALLOWED = {line.split()[1] for line in open(authorized) if line.strip()}


class Target(paramiko.ServerInterface):
    def __init__(self, transport):
        self.transport = transport

    def get_allowed_auths(self, username):
        return "publickey,keyboard-interactive"

    def check_auth_publickey(self, username, key):
        fits = key.get_base64() in ALLOWED
        return paramiko.AUTH_PARTIALLY_SUCCESSFUL if fits else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username, submethods):
        if manner == "lies":
            message = Message()
            message.add_byte(bytes([60]))
            message.add_string("")
            message.add_string("")
            message.add_string("")
            message.add_int(0xFFFFFFFF)
            self.transport._send_message(message)
            # What follows of ours never arrives at anybody.
            return paramiko.AUTH_FAILED
        query = paramiko.InteractiveQuery("One-time code", "Type your code of the bastion")
        query.add_prompt("\x1b[2JToken\r\n of the scanner: ", False)
        return query

    def check_auth_interactive_response(self, responses):
        with open(heard, "a") as file:
            file.write(",".join(responses) + "\n")
        return paramiko.AUTH_SUCCESSFUL if responses == ["424242"] else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_pty_request(self, *_):
        return True

    def check_channel_exec_request(self, channel, command):
        def answer():
            channel.sendall(b"ran " + command + b"\r\n")
            channel.send_exit_status(0)
            channel.close()

        # paramiko says yes after this returns, and has no event for that: a channel that closed before
        # would have answered nothing.
        threading.Timer(0.3, answer).start()
        return True


def serve(connection):
    transport = paramiko.Transport(connection)
    transport.add_server_key(HOST)
    try:
        transport.start_server(server=Target(transport))
    except Exception:
        return
    transport.join()


listener = socket.create_server(("127.0.0.1", port), backlog=16)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()

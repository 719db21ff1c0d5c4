"""A target that means harm, as paramiko's server: it lets everybody with a right key in.

Usage: hostile_target.py PORT HOST_KEY AUTHORIZED_KEYS SAID MANNER

MANNER says what it does once sftp was asked for. `words`: it greets, and then sends exit signals with
long messages. How many it has sent stands in SAID.
"""

import socket
import sys
import threading

import paramiko
from paramiko.message import Message

port, host_key, authorized, said, manner = int(sys.argv[1]), *sys.argv[2:6]
HOST = paramiko.Ed25519Key(filename=host_key)
ALLOWED = {line.split()[1] for line in open(authorized) if line.strip()}
VERSION = b"\0\0\0\5\2\0\0\0\3"


def words(channel, transport):
    channel.recv(9)
    channel.sendall(VERSION)
    for count in range(1, 2001):
        message = Message()
        message.add_byte(bytes([98]))
        message.add_int(channel.remote_chanid)
        message.add_string("exit-signal")
        message.add_boolean(False)
        message.add_string("KILL")
        message.add_boolean(False)
        message.add_string("x" * 200_000)
        message.add_string("")
        transport._send_user_message(message)
        with open(said, "w") as file:
            file.write(str(count))


class Target(paramiko.ServerInterface):
    def __init__(self, transport):
        self.transport = transport

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL if key.get_base64() in ALLOWED else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel, name):
        run = {"words": words}[manner]
        threading.Thread(target=run, args=(channel, self.transport), daemon=True).start()
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

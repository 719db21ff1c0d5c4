"""paramiko as a technician's tool would use it. Usage: paramiko_client.py PORT LOGIN COMMAND,
or PORT LOGIN COMMAND PASSWORD for a program that knows a password and cannot answer prompts."""

import socket
import sys

import paramiko

port, login, command, *password = sys.argv[1:]

if password:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    try:
        options = dict(look_for_keys=False, allow_agent=False, timeout=10, auth_timeout=3)
        client.connect("127.0.0.1", int(port), login, password[0], **options)
    except paramiko.SSHException as refused:
        print(f"{type(refused).__name__}: {refused}")
        sys.exit(5)
    sys.exit(0)


def ask(title, instructions, prompts):
    if instructions:
        print(instructions, flush=True)
    return [input(text) for text, _ in prompts]


transport = paramiko.Transport(socket.create_connection(("127.0.0.1", int(port))))
transport.start_client()
# The whole of the authentication, the wait for the hospital included.
transport.auth_timeout = 300
transport.auth_interactive(login, ask)
channel = transport.open_session()
channel.exec_command(command)
print(channel.makefile("r").read().decode(), end="")
status = channel.recv_exit_status()
channel.close()
transport.close()
sys.exit(status)

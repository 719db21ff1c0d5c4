"""paramiko as a technician's tool would use it. Usage: paramiko_client.py PORT LOGIN COMMAND,
or PORT LOGIN COMMAND PASSWORD for a program that knows a password and cannot answer prompts."""

import sys

from paramiko_lobby import connect

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

transport = connect(port, login)
channel = transport.open_session()
channel.exec_command(command)
print(channel.makefile("r").read().decode(), end="")
status = channel.recv_exit_status()
channel.close()
transport.close()
sys.exit(status)

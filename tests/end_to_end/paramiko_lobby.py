"""The lobby with paramiko: instructions are shown, prompts are answered in the terminal."""

import socket

import paramiko


def ask(title, instructions, prompts):
    if instructions:
        print(instructions, flush=True)
    return [input(text) for text, _ in prompts]


def connect(port, login):
    transport = paramiko.Transport(socket.create_connection(("127.0.0.1", int(port))))
    transport.start_client()
    # The whole of the authentication, the wait for the hospital included.
    transport.auth_timeout = 300
    transport.auth_interactive(login, ask)
    return transport

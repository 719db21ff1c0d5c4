"""The lobby with asyncssh: instructions are shown, prompts are answered in the terminal."""

import asyncio
import warnings

warnings.simplefilter("ignore")

import asyncssh  # noqa: E402


class Client(asyncssh.SSHClient):
    def kbdint_auth_requested(self):
        return ""

    async def kbdint_challenge_received(self, name, instructions, lang, prompts):
        if instructions:
            print(instructions, flush=True)
        loop = asyncio.get_running_loop()
        return [await loop.run_in_executor(None, input, text) for text, _ in prompts]


def connect(port, login):
    options = dict(username=login, known_hosts=None, client_factory=Client, login_timeout=300, client_keys=None, agent_path=None)
    return asyncssh.connect("127.0.0.1", int(port), **options)

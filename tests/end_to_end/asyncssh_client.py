"""asyncssh as a technician's tool would use it. Usage: asyncssh_client.py PORT LOGIN COMMAND"""

import asyncio
import sys
import warnings

warnings.simplefilter("ignore")

import asyncssh  # noqa: E402

port, login, command = sys.argv[1:]


class Client(asyncssh.SSHClient):
    def kbdint_auth_requested(self):
        return ""

    async def kbdint_challenge_received(self, name, instructions, lang, prompts):
        if instructions:
            print(instructions, flush=True)
        loop = asyncio.get_running_loop()
        return [await loop.run_in_executor(None, input, text) for text, _ in prompts]


async def main():
    options = dict(username=login, known_hosts=None, client_factory=Client, login_timeout=300, client_keys=None, agent_path=None)
    async with asyncssh.connect("127.0.0.1", int(port), **options) as connection:
        result = await connection.run(command)
        print(result.stdout, end="")
        return result.exit_status


sys.exit(asyncio.run(main()))

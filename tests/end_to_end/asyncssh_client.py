"""asyncssh as a technician's tool would use it. Usage: asyncssh_client.py PORT LOGIN COMMAND"""

import asyncio
import sys

from asyncssh_lobby import connect

port, login, command = sys.argv[1:]


async def main():
    async with connect(port, login) as connection:
        result = await connection.run(command)
        print(result.stdout, end="")
        return result.exit_status


sys.exit(asyncio.run(main()))

"""Files with asyncssh. Usage: asyncssh_files.py PORT LOGIN sftp|scp up|down FROM TO"""

import asyncio
import sys

from asyncssh_lobby import connect

import asyncssh

port, login, protocol, way, source, to = sys.argv[1:]


async def main():
    async with connect(port, login) as connection:
        if protocol == "scp":
            await asyncssh.scp(*((source, (connection, to)) if way == "up" else ((connection, source), to)))
        else:
            async with connection.start_sftp_client() as sftp:
                await (sftp.put(source, to) if way == "up" else sftp.get(source, to))


asyncio.run(main())

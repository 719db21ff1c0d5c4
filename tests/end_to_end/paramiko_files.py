"""Files with paramiko's SFTPClient. Usage: paramiko_files.py PORT LOGIN up|down FROM TO"""

import posixpath
import sys

from paramiko_lobby import connect

import paramiko

port, login, way, source, to = sys.argv[1:]
transport = connect(port, login)
sftp = paramiko.SFTPClient.from_transport(transport)
try:
    if way == "up":
        # It looks at the size of what it has written (confirm), and gives the name afterwards.
        sftp.put(source, to + ".part")
        sftp.rename(to + ".part", to)
        assert posixpath.basename(to) in sftp.listdir(posixpath.dirname(to))
        sftp.chmod(to, 0o640)
    else:
        # All parts are asked for at once (prefetch).
        sftp.get(source, to)
finally:
    transport.close()

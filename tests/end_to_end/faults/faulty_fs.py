"""A file system over a folder that fails as a file says: the word in it is read at each operation.

    faulty_fs.py BEHIND MOUNTPOINT WORD-FILE

`well`, `read-only` (EROFS), `io-error` (EIO on whatever writes), `sync-error` (EIO on a sync alone), `hangs`
(no answer to whatever writes, until the word changes), `sync-hangs` (the same for syncs alone).
"""

import errno
import os
import sys
import time

import fusepy as fuse


class Faulty(fuse.Operations):
    def __init__(self, behind, word):
        self.behind, self.file = behind, word

    def word(self):
        with open(self.file) as file:
            return file.read().strip()

    def change(self, syncs=False):
        word = self.word()
        while word == "hangs" or (syncs and word == "sync-hangs"):
            time.sleep(0.05)
            word = self.word()
        if word == "io-error" or (syncs and word == "sync-error"):
            raise fuse.FuseOSError(errno.EIO)
        if word == "read-only":
            raise fuse.FuseOSError(errno.EROFS)

    def at(self, path):
        return os.path.join(self.behind, path.lstrip("/"))

    def getattr(self, path, fh=None):
        found = os.lstat(self.at(path))
        names = ("st_atime", "st_ctime", "st_gid", "st_mode", "st_mtime", "st_nlink", "st_size", "st_uid")
        return {name: getattr(found, name) for name in names}

    def readdir(self, path, fh):
        return [".", ".."] + os.listdir(self.at(path))

    def statfs(self, path):
        found = os.statvfs(self.at(path))
        names = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_frsize", "f_namemax")
        return {name: getattr(found, name) for name in names}

    def open(self, path, flags):
        if flags & (os.O_WRONLY | os.O_RDWR):
            self.change()
        # The kernel says where each write goes.
        return os.open(self.at(path), flags & ~os.O_APPEND)

    def create(self, path, mode, fi=None):
        self.change()
        return os.open(self.at(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        self.change()
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        self.change()
        os.truncate(self.at(path), length)

    def fsync(self, path, datasync, fh):
        self.change(syncs=True)
        os.fsync(fh)

    def fsyncdir(self, path, datasync, fh):
        self.change(syncs=True)

    def release(self, path, fh):
        os.close(fh)

    def unlink(self, path):
        self.change()
        os.unlink(self.at(path))

    def rename(self, old, new):
        self.change()
        os.rename(self.at(old), self.at(new))

    def mkdir(self, path, mode):
        self.change()
        os.mkdir(self.at(path), mode)

    def rmdir(self, path):
        self.change()
        os.rmdir(self.at(path))

    def chmod(self, path, mode):
        self.change()
        os.chmod(self.at(path), mode)

    def chown(self, path, uid, gid):
        self.change()
        os.chown(self.at(path), uid, gid)

    def utimens(self, path, times=None):
        self.change()
        os.utime(self.at(path), times)


fuse.FUSE(Faulty(sys.argv[1], sys.argv[3]), sys.argv[2], foreground=True, default_permissions=True)

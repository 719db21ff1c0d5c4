"""Puts the daemon's own seccomp programs in place and makes the calls that no safe code can make.

Reads one program a line in hexadecimal, in the order in which the daemon gives them to the kernel; prints
for each call how it came out. x86-64 only: the numbers are that machine's.
"""

import ctypes
import errno
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_NO_NEW_PRIVS, SYS_SECCOMP, SET_MODE_FILTER = 38, 317, 1
CLONE_NEWUSER, CLONE_VFORK_VM = 0x10000000, 0x4100
WRITE_AND_RUN, PRIVATE_ANONYMOUS = 3 | 4, 0x22


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def call(number, *arguments):
    ctypes.set_errno(0)
    done = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(one) for one in arguments))
    return done, ctypes.get_errno()


programs = [bytes.fromhex(line) for line in sys.stdin.read().split()]
assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
for program in programs:
    held = ctypes.create_string_buffer(program, len(program))
    whole = Program(len(program) // 8, ctypes.addressof(held))
    done, why = call(SYS_SECCOMP, SET_MODE_FILTER, 0, ctypes.addressof(whole))
    assert done == 0, errno.errorcode[why]

# Arguments are such as would do no harm if one of them were let through.
CALLS = {
    "execve": (59, 0, 0, 0),
    "execveat": (322, -1, 0, 0, 0, 0),
    "fork": (57,),
    "vfork-like clone": (56, CLONE_VFORK_VM, 0, 0, 0, 0),
    "clone into a user namespace": (56, CLONE_NEWUSER | 17, 0, 0, 0, 0),
    "unshare": (272, CLONE_NEWUSER),
    "setns": (308, -1, 0),
    "ptrace": (101, 0, 0, 0, 0),
    "process_vm_readv": (310, 1, 0, 0, 0, 0, 0),
    "process_vm_writev": (311, 1, 0, 0, 0, 0, 0),
    "kill": (62, 1, 0),
    "pidfd_open": (434, 1, 0),
    "mount": (165, 0, 0, 0, 0, 0),
    "umount2": (166, 0, 0),
    "pivot_root": (155, 0, 0),
    "chroot": (161, 0),
    "fsopen": (430, 0, 0),
    "open_tree": (428, -1, 0, 0),
    "init_module": (175, 0, 0, 0),
    "finit_module": (313, -1, 0, 0),
    "kexec_load": (246, 0, 0, 0, 0),
    "reboot": (169, 0, 0, 0, 0),
    "swapon": (167, 0, 0),
    "bpf": (321, 0, 0, 0),
    "perf_event_open": (298, 0, 0, -1, -1, 0),
    "userfaultfd": (323, 0),
    "io_uring_setup": (425, 0, 0),
    "io_uring_enter": (426, -1, 0, 0, 0, 0, 0),
    "add_key": (248, 0, 0, 0, 0, 0),
    "request_key": (249, 0, 0, 0, 0),
    "keyctl": (250, 0, 0, 0, 0, 0),
    "setuid": (105, 0),
    "setgid": (106, 0),
    "setresuid": (117, -1, -1, -1),
    "setresgid": (119, -1, -1, -1),
    "setgroups": (116, 0, 0),
    "capset": (126, 0, 0),
    "personality": (135, 0xFFFFFFFF),
    "settimeofday": (164, 0, 0),
    "clock_settime": (227, 0, 0),
    "sethostname": (170, 0, -1),
    "quotactl": (179, 0, 0, 0, 0),
    "acct": (163, 0),
    "mknod": (133, 0, 0, 0),
    "mknodat": (259, -1, 0, 0, 0),
    "chown": (92, 0, 0, 0),
    "symlinkat": (266, 0, -1, 0),
    "iopl": (172, 0),
    "modify_ldt": (154, 0, 0, 0),
    "memfd_create": (319, 0, 0),
    "memory to write and run": (9, 0, 4096, WRITE_AND_RUN, PRIVATE_ANONYMOUS, -1, 0),
    "mprotect to run": (10, 0, 0, 4),
    "prctl that makes cores": (157, 4, 1, 0, 0, 0),
    "prlimit that sets": (302, 0, 4, 1, 0),
    "ioctl that types for others": (16, -1, 0x5412, 0),
    "another filter": (317, 0, 0, 0),
    "raw socket": (41, socket.AF_INET, socket.SOCK_RAW, 1),
    "ping socket": (41, socket.AF_INET, socket.SOCK_DGRAM, 1),
    "sctp socket": (41, socket.AF_INET, socket.SOCK_STREAM, 132),
    "multipath socket": (41, socket.AF_INET, socket.SOCK_STREAM, 262),
    "packet socket": (41, 17, socket.SOCK_DGRAM, 0),
    "netlink socket": (41, 16, socket.SOCK_RAW, 0),
    "vsock socket": (41, 40, socket.SOCK_STREAM, 0),
    "alg socket": (41, 38, 5, 0),
    "bluetooth socket": (41, 31, socket.SOCK_STREAM, 0),
    "the other calling convention": (0x40000000 + 39,),
}
for name, numbers in CALLS.items():
    done, why = call(*numbers)
    print(f"{name}: {errno.errorcode.get(why, why) if done == -1 else 'done'}")
done, why = call(435, 0, 0)
print(f"clone3: {errno.errorcode.get(why, why) if done == -1 else 'done'}")
# What it must still be able to do.
socket.socket(socket.AF_INET6, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, 6).close()
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
socket.socketpair()
print("sockets: done")

//! Calls that the program may make of the kernel: a list, and everything else is refused with EPERM.
//!
//! The list is systemd's `@system-service` of what the libraries here use, cut down: no program is run, no
//! process started or looked into, no user changed, nothing mounted, no namespace, no key ring, no module,
//! no BPF, no io_uring, no memory that can be written and run.

use super::{ConfineError, refused};
use libc::{c_int, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// May be made with any arguments.
const CALLS: &[c_long] = &[
    // Files that are open.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync_file_range,
    libc::SYS_syncfs,
    libc::SYS_fallocate,
    libc::SYS_ftruncate,
    libc::SYS_fadvise64,
    libc::SYS_readahead,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_splice,
    libc::SYS_pipe2,
    // Files by name; which ones is Landlock's to say.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_utimensat,
    libc::SYS_truncate,
    libc::SYS_umask,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_msync,
    libc::SYS_mlock,
    libc::SYS_mlock2,
    libc::SYS_munlock,
    libc::SYS_membarrier,
    // Threads.
    libc::SYS_futex,
    libc::SYS_futex_waitv,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_restart_syscall,
    // Signals of its own, and none to others.
    libc::SYS_tgkill,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    // Time.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_eventfd2,
    // Sockets; which kinds is said below.
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    // What it is itself, and where it runs.
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getsid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getgroups,
    libc::SYS_getrlimit,
    libc::SYS_getrusage,
    libc::SYS_getrandom,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_times,
];

/// The older names of some of these, which other machines do not have.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_getdents,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_chmod,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// Everything by which a new namespace begins.
const NAMESPACES: c_int = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;
/// What the runtime and the C library do with the process itself.
const PRCTL: [c_int; 7] = [
    libc::PR_SET_NAME,
    libc::PR_GET_NAME,
    libc::PR_SET_VMA,
    libc::PR_CAPBSET_READ,
    libc::PR_GET_DUMPABLE,
    libc::PR_GET_NO_NEW_PRIVS,
    libc::PR_GET_SECCOMP,
];
/// What is asked of handles: never to wait, how much can be read, whether it is a terminal, and how an
/// interface is called in a link-local address.
const IOCTL: [u64; 6] =
    [libc::FIONBIO, libc::FIONREAD, libc::FIOCLEX, libc::TCGETS, libc::TIOCGWINSZ, libc::SIOCGIFINDEX];
/// The bits of a socket's type that say which it is; the others are flags.
const SOCKET_TYPE: u64 = 0xf;

type Failed = seccompiler::BackendError;

fn only(argument: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompCondition, Failed> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value)
}

fn bits(value: c_int) -> u64 {
    u64::from(value.cast_unsigned())
}

/// One rule for each: any of them will do.
fn any_of(argument: u8, values: impl IntoIterator<Item = u64>) -> Result<Vec<SeccompRule>, Failed> {
    values.into_iter().map(|value| SeccompRule::new(vec![only(argument, SeccompCmpOp::Eq, value)?])).collect()
}

/// Byte streams and datagrams, of TCP and UDP alone, and local sockets.
fn sockets() -> Result<Vec<SeccompRule>, Failed> {
    let mut rules = Vec::new();
    let kinds = [libc::SOCK_STREAM, libc::SOCK_DGRAM];
    let protocols = [(libc::SOCK_STREAM, libc::IPPROTO_TCP), (libc::SOCK_DGRAM, libc::IPPROTO_UDP)];
    let asked = kinds.iter().map(|kind| (*kind, 0)).chain(protocols);
    for (kind, protocol) in asked {
        for family in [libc::AF_INET, libc::AF_INET6] {
            rules.push(SeccompRule::new(vec![
                only(0, SeccompCmpOp::Eq, bits(family))?,
                only(1, SeccompCmpOp::MaskedEq(SOCKET_TYPE), bits(kind))?,
                only(2, SeccompCmpOp::Eq, bits(protocol))?,
            ])?);
        }
    }
    rules.extend(any_of(0, [bits(libc::AF_UNIX)])?);
    Ok(rules)
}

fn rules() -> Result<BTreeMap<c_long, Vec<SeccompRule>>, Failed> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> =
        CALLS.iter().chain(OLDER).map(|call| (*call, Vec::new())).collect();
    let one = |condition| SeccompRule::new(vec![condition]);
    // A thread, never a process.
    let threads = bits(libc::CLONE_THREAD | NAMESPACES);
    let thread = only(0, SeccompCmpOp::MaskedEq(threads), bits(libc::CLONE_THREAD))?;
    rules.insert(libc::SYS_clone, vec![one(thread)?]);
    // Its arguments cannot be looked at, so the second program answers that there is no such call; the C
    // library then takes `clone`.
    rules.insert(libc::SYS_clone3, Vec::new());
    // Memory is written or run, never both.
    let (write, run) = (bits(libc::PROT_WRITE), bits(libc::PROT_EXEC));
    let mut mapped = Vec::new();
    for allowed in [0, write, run] {
        mapped.push(one(only(2, SeccompCmpOp::MaskedEq(write | run), allowed)?)?);
    }
    rules.insert(libc::SYS_mmap, mapped);
    rules.insert(libc::SYS_mprotect, vec![one(only(2, SeccompCmpOp::MaskedEq(run), 0)?)?]);
    rules.insert(libc::SYS_socket, sockets()?);
    rules.insert(libc::SYS_socketpair, any_of(0, [bits(libc::AF_UNIX)])?);
    rules.insert(libc::SYS_prctl, any_of(0, PRCTL.map(bits))?);
    rules.insert(libc::SYS_ioctl, any_of(1, IOCTL)?);
    // Limits are read, not set.
    let read_only = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    rules.insert(libc::SYS_prlimit64, vec![one(read_only)?]);
    Ok(rules)
}

/// The two programs that the kernel runs at each call, in the order in which they are given to it. Public,
/// so that a test can try them on calls that no safe code can make.
pub fn programs() -> Result<[BpfProgram; 2], ConfineError> {
    let failed = refused("seccomp");
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| failed(&error))?;
    let compile = |rules, mismatch, matched| -> Result<BpfProgram, Failed> {
        SeccompFilter::new(rules, mismatch, matched, arch)?.try_into()
    };
    let eperm = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let enosys = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    let listed =
        rules().and_then(|rules| compile(rules, eperm, SeccompAction::Allow)).map_err(|error| failed(&error))?;
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let missing = compile(clone3, SeccompAction::Allow, enosys).map_err(|error| failed(&error))?;
    // The second forbids nothing that the first must still do: putting a filter in place is no listed call.
    Ok([missing, listed])
}

/// Puts both in place for this thread and all that it starts.
pub(super) fn apply() -> Result<(), ConfineError> {
    let failed = refused("seccomp");
    for program in programs()? {
        seccompiler::apply_filter(&program).map_err(|error| failed(&error))?;
    }
    Ok(())
}

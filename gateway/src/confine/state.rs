//! What the kernel says of how this process is confined: told instead of what was once asked for.

use std::fs;

/// The lines of `/proc/PID/status` that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// Whether calls are filtered (`Seccomp: 2`).
    pub filtered: bool,
    /// Whether nothing can bring new privileges (`NoNewPrivs: 1`).
    pub no_new_privileges: bool,
    /// Whether it is root (`Uid:`, the effective one).
    pub root: bool,
    /// The powers in force, as the kernel numbers them (`CapEff`).
    pub powers: u64,
}

impl State {
    /// Of this thread, now; every other one is as it is (a test looks). `None`: the kernel does not say.
    pub fn now() -> Option<State> {
        Self::parse(&fs::read_to_string("/proc/thread-self/status").ok()?)
    }

    /// From the text of such a file.
    pub fn parse(text: &str) -> Option<State> {
        let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
        Some(State {
            filtered: line("Seccomp")? == "2",
            no_new_privileges: line("NoNewPrivs")? == "1",
            root: line("Uid")?.split_whitespace().nth(1)? == "0",
            powers: u64::from_str_radix(line("CapEff")?, 16).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        let text = "Name:\tpoterne\nUid:\t998\t0\t998\t998\nCapEff:\t0000000000000400\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t2\n";
        let state = State { filtered: true, no_new_privileges: true, root: true, powers: 0x400 };
        assert_eq!(State::parse(text), Some(state));
        assert_eq!(State::parse("Seccomp: 2"), None);
        assert!(State::now().is_some());
    }
}

//! The program shuts itself in (D35): before its runtime starts, `poterne run` gives up everything that
//! it will not need, so that a mistake in it, or in a library, is worth little to whoever finds it.
//!
//! Four walls, each by the kernel and none to be taken down again: paths and ports by Landlock
//! (`plan` says which), calls by a seccomp filter (`filter`), root's powers by capabilities, and no
//! core file. The demo and the command line's other verbs are not shut in. `docs/hardening.md` lists
//! what may and may not be done, and how to see it.

mod filter;
mod plan;
mod powers;
mod state;
mod walls;

pub use filter::programs;
pub use plan::Plan;
pub use state::State;

use crate::daemon::make_private;
use crate::descriptors;
use jiff::Timestamp;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use std::path::{Path, PathBuf};

/// Why the program does not run unconfined either.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// Root, and nobody said that this is meant.
    #[error(
        "this is root, and the daemon never runs as root: start it by its unit (`systemctl start poterne`), or as \
         its user (`runuser -u poterne -- poterne run`); for a try on a machine of your own, `poterne run --as-root` \
         gives up root's powers instead"
    )]
    Root,
    /// The configuration, which says what must stay open, is wrong.
    #[error(transparent)]
    Config(#[from] config::LoadError),
    /// A path that must be open to it is not there.
    #[error("`{path}` cannot be opened to shut the program in around it: {why}")]
    Path {
        /// Which.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The kernel refused.
    #[error("the program cannot shut itself in ({wall}): {why}")]
    Refused {
        /// Which wall.
        wall: &'static str,
        /// The system's words.
        why: String,
    },
}

impl ConfineError {
    fn at(path: &Path) -> impl Fn(&dyn std::fmt::Display) -> ConfineError {
        move |why| ConfineError::Path { path: path.to_owned(), why: why.to_string() }
    }
}

fn refused(wall: &'static str) -> impl Fn(&dyn std::fmt::Display) -> ConfineError {
    move |why| ConfineError::Refused { wall, why: why.to_string() }
}

/// Whether root may run the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsRoot {
    /// No: the service has a user of its own (least privilege).
    Never,
    /// Said on the command line. Root's powers are given up all the same.
    Said,
}

/// How every line begins that only a restart mends.
pub const RESTART: &str = "restart needed";

/// What was obtained. Kept for the daemon's life, since it says what a reload can still reach.
#[derive(Debug, Clone)]
pub struct Confined {
    plan: Plan,
    landlock: u8,
}

impl Confined {
    /// The version of Landlock's ABI that is in force: 0 none, from 4 ports too.
    pub fn landlock(&self) -> u8 {
        self.landlock
    }

    /// Whether ports are confined, which takes Linux 6.7.
    pub fn holds_ports(&self) -> bool {
        self.landlock >= walls::PORTS
    }

    /// Tells the operational log.
    pub fn tell(&self) {
        match self.landlock {
            0 => tracing::warn!(
                "this kernel has no Landlock, so paths and ports are the unit's and the firewall's to confine; \
                 calls are filtered"
            ),
            abi if self.holds_ports() => tracing::info!(abi, "shut in: paths, ports and calls"),
            abi => tracing::info!(abi, "shut in: paths and calls; ports take Linux 6.7, and are the firewall's"),
        }
    }

    /// What `next` needs and the running process can never have again: one line each, as the answer to a
    /// reload tells them. Empty: nothing.
    pub fn lacks(&self, next: &Plan) -> Vec<String> {
        let mut lacks = Vec::new();
        if self.landlock > 0 {
            lacks.extend(self.plan.paths_beyond(next));
        }
        if self.holds_ports() {
            lacks.extend(self.plan.ports_beyond(next));
        }
        lacks.into_iter().map(|what| format!("{RESTART}: {what}, which the running process has shut out")).collect()
    }
}

/// Reads the configuration, makes the state folder, and shuts the calling thread in around both.
pub fn before_the_runtime(main: &Path, at: Timestamp, as_root: AsRoot) -> Result<Confined, ConfineError> {
    let config = config::load(main, config::Options { at, unpinned: false })?;
    may_run(as_root)?;
    let state = &config.site.state;
    make_private(state).map_err(|error| ConfineError::at(state)(&format!("{error:#}")))?;
    // Limits cannot be set from inside.
    descriptors::raise();
    shut_in(Plan::of(&config, main), as_root)
}

fn may_run(as_root: AsRoot) -> Result<(), ConfineError> {
    match as_root {
        AsRoot::Never if rustix::process::geteuid().is_root() => Err(ConfineError::Root),
        _ => Ok(()),
    }
}

/// Shuts the calling thread in, and with it every thread that it will start. To be called while there is
/// no other thread. The state folder must exist.
///
/// A kernel without Landlock is no error, and is told by [`Confined::landlock`]; a filter that cannot be
/// had is one (fail closed).
pub fn shut_in(plan: Plan, as_root: AsRoot) -> Result<Confined, ConfineError> {
    may_run(as_root)?;
    // No core file of a process that holds keys, and no other process of this user looks into it.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if getrlimit(Resource::Core) != none {
        setrlimit(Resource::Core, none).map_err(|why| refused("cores")(&why))?;
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|why| refused("cores")(&why))?;
    powers::give_up()?;
    rustix::thread::set_no_new_privs(true).map_err(|why| refused("new privileges")(&why))?;
    let landlock = walls::raise(&plan)?;
    // Last: it shuts out the calls by which the others were made.
    filter::apply()?;
    Ok(Confined { plan, landlock })
}

/// Where a file is found even after it was replaced: its folder, since a rule holds what it names and not
/// what takes its place.
fn folder_of(file: &Path) -> Option<PathBuf> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    parent.canonicalize().ok()
}

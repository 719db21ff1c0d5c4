//! The bad day: the red button, alerts, the sealed envelope, changes that wait.

use super::interventions::verified;
use super::{Json, ProofFlags};
use clap::Subcommand;
use policy::{GroupId, Verified};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum AlertVerb {
    /// Those that wait for a person.
    List {
        /// Those that somebody took as well.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Take one, by the name that is signed in here: it goes on to nobody else.
    Ack {
        #[arg(value_name = "N", value_parser = number)]
        alert: u64,
        /// What you found, or do about it.
        #[arg(long)]
        note: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum BreakGlassVerb {
    /// Draw new codes and print the paper, once; those of before are void. Takes the role security.
    Print {
        /// How many codes.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
        count: u32,
        /// Into this file, which only its owner can read; to standard output, if not said.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Approve with a code of the paper. On standard input: password, fresh code, and the paper's code, a line
    /// each; at a terminal they are asked for.
    Approve {
        #[arg(value_name = "N")]
        number: u64,
        /// The code that the technician reads out.
        #[arg(long)]
        code: Option<String>,
        /// How you know the caller: called, caller or present.
        #[arg(long, value_parser = verified)]
        verified: Verified,
        /// At most so long.
        #[arg(long)]
        minutes: Option<u32>,
        #[command(flatten)]
        proof: ProofFlags,
    },
}

#[derive(Subcommand)]
pub(crate) enum ChangeVerb {
    /// What waits, and what it weakens.
    List(Json),
    /// Accept it, as a second person with the role security.
    Accept {
        /// Its digest, as `change list` prints it.
        digest: String,
        #[command(flatten)]
        proof: ProofFlags,
    },
    /// It is not to be taken.
    Refuse {
        digest: String,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum LockdownVerb {
    /// Cut all access, now. It holds across restarts.
    On {
        #[arg(long)]
        reason: String,
    },
    /// Give it back, whole or for the equipment of one group.
    Off {
        #[arg(long)]
        reason: String,
        /// Only the equipment for which this group approves; what others approve for too waits for them.
        #[arg(long)]
        group: Option<GroupId>,
    },
    /// Whether it is on.
    Status(Json),
}

/// The number of an alert, or what to write instead.
fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write the number of the alert, as `poterne alert list` shows it".to_owned())
}

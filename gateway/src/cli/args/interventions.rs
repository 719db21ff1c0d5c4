//! What is opened: targets, interventions and the proof of whoever decides, sessions.

use super::Json;
use clap::{Args, Subcommand};
use policy::{Right, Rights, StaffLogin, TargetAccount, TargetId, TechnicianLogin, Verified};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum TargetVerb {
    /// Fetch a target's host key and print the line for its file.
    Pin {
        target: TargetId,
        /// Put the line into the file, comments kept.
        #[arg(long)]
        write: bool,
        /// The last 8 characters of the fingerprint, from the device's papers or screen.
        #[arg(long, value_name = "CHARS")]
        fingerprint_ends: Option<String>,
    },
    /// Set what opens a target.
    Credential {
        target: TargetId,
        /// The login it is for; the target's own, if not said.
        #[arg(long)]
        login: Option<TargetAccount>,
        /// A file with an unencrypted OpenSSH private key.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["password", "generate"])]
        key: Option<PathBuf>,
        /// Read a password: prompted, or the first line of standard input.
        #[arg(long, conflicts_with = "generate")]
        password: bool,
        /// Make a new key, and print its public half for the target.
        #[arg(long)]
        generate: bool,
    },
}

pub(super) fn verified(text: &str) -> Result<Verified, String> {
    match text {
        "called" => Ok(Verified::Called),
        "caller" => Ok(Verified::Caller),
        "present" => Ok(Verified::Present),
        _ => Err("write called (I called the contract's number), caller (they called me) or present".to_owned()),
    }
}

#[derive(Args)]
pub(crate) struct ProofFlags {
    /// Your staff login. Password and one-time code are prompted, or two lines of standard input.
    #[arg(long = "as", value_name = "STAFF")]
    pub(crate) staff: StaffLogin,
}

#[derive(Subcommand)]
pub(crate) enum InterventionVerb {
    /// What waits and what is open; with --all, everything.
    List {
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        json: Json,
    },
    /// One intervention in full.
    Show {
        number: u64,
        #[command(flatten)]
        json: Json,
    },
    /// Say yes to one request.
    Approve {
        number: u64,
        /// The four characters that the technician reads out. A planned one that wants another
        /// approval has none yet.
        #[arg(long)]
        code: Option<String>,
        /// How you know who is asking: called, caller or present.
        #[arg(long, value_parser = verified)]
        verified: Verified,
        #[command(flatten)]
        rights: RightsFlags,
        /// Grant at most so many minutes.
        #[arg(long)]
        minutes: Option<u32>,
        #[command(flatten)]
        proof: ProofFlags,
    },
    /// Say no to one request.
    Refuse {
        number: u64,
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        proof: ProofFlags,
    },
    /// Withdraw a request that still waits, or a planned one.
    Withdraw { number: u64 },
    /// Open one in advance; prints the code to read to the technician.
    Plan {
        #[command(flatten)]
        what: PlanFlags,
        /// From when, as 2026-11-29T15:00:00+01:00; now, if not said.
        #[arg(long)]
        from: Option<jiff::Timestamp>,
        /// Until when; at most 8 hours later.
        #[arg(long)]
        until: jiff::Timestamp,
    },
    /// Open one out of hours, if you are on call; prints the code to read to the technician.
    Emergency {
        #[command(flatten)]
        what: PlanFlags,
        /// For how many minutes, from now on; 120 at most.
        #[arg(long)]
        minutes: u32,
    },
    /// Give a live one more time: a new approval, counted from now.
    Extend {
        number: u64,
        /// Until so many minutes from now.
        #[arg(long)]
        minutes: u32,
        /// How you know who is asking: called, caller or present.
        #[arg(long, value_parser = verified)]
        verified: Verified,
        #[command(flatten)]
        proof: ProofFlags,
    },
    /// Write down what an emergency was, having looked at it; by another person than approved it.
    Review {
        number: u64,
        #[arg(long)]
        text: String,
    },
}

/// Rights that are left of those that the rules give.
#[derive(Args)]
pub(crate) struct RightsFlags {
    /// Grant these rights only, with commas between them.
    #[arg(long, value_delimiter = ',', value_name = "RIGHTS", value_parser = listed_right)]
    rights: Vec<Right>,
    /// Grant this right only, and the others that are named; as often as needed. So commands are named:
    /// --right "command tar -cf - a,b".
    #[arg(long, value_name = "RIGHT")]
    right: Vec<Right>,
}

impl RightsFlags {
    /// Those that were named; `None`: no right was, and nothing is struck.
    pub(crate) fn named(self) -> Option<Rights> {
        let all: Rights = self.rights.into_iter().chain(self.right).collect();
        (!all.is_empty()).then_some(all)
    }
}

/// A right in a list with commas. A command may hold one, and would become another command by it.
fn listed_right(text: &str) -> Result<Right, String> {
    match text.parse() {
        Ok(Right::Command(_)) => {
            Err("write a command by itself, as --right \"command …\": it may hold a comma".to_owned())
        }
        Ok(right) => Ok(right),
        Err(error) => Err(error.to_string()),
    }
}

#[derive(Args)]
pub(crate) struct PlanFlags {
    #[arg(long)]
    pub(crate) technician: TechnicianLogin,
    #[arg(long)]
    pub(crate) target: TargetId,
    /// The login on it; the target's own, if not said.
    #[arg(long)]
    pub(crate) login: Option<TargetAccount>,
    #[arg(long)]
    pub(crate) reason: String,
    #[arg(long, default_value = "-")]
    pub(crate) ticket: String,
    /// How you know who is asking: called, caller or present.
    #[arg(long, value_parser = verified)]
    pub(crate) verified: Verified,
    #[command(flatten)]
    pub(crate) rights: RightsFlags,
    #[command(flatten)]
    pub(crate) proof: ProofFlags,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Subcommand)]
pub(crate) enum SessionVerb {
    /// Live sessions; with --all, the ended ones too.
    List {
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        json: Json,
    },
    /// One session in full.
    Show {
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Print the receipt over its closing entry, as the vendor's contact gets it.
    Receipt { id: String },
    /// Watch a live session, as an approver of its equipment. Freeze, resume and cut from there.
    Watch {
        id: String,
        /// Your staff login, if you are not signed in here. Password and code are prompted.
        #[arg(long = "as", value_name = "STAFF")]
        staff: Option<StaffLogin>,
    },
    /// Stop both directions of everything, at once.
    Freeze {
        id: String,
        /// Why; the technician reads it.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let it go on. Another one's freeze asks for your own password and fresh code.
    Resume {
        id: String,
        /// Your staff login, if another one froze it.
        #[arg(long = "as", value_name = "STAFF")]
        staff: Option<StaffLogin>,
    },
    /// End a session at once.
    Cut {
        id: String,
        #[arg(long)]
        reason: String,
    },
}

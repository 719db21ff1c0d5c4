//! What can be typed. Man pages and completions come from here.

use clap::{Args, Parser, Subcommand};
use policy::{GroupId, Right, StaffLogin, TargetAccount, TargetId, TechnicianLogin, VendorId, Verified};
use std::net::IpAddr;
use std::path::PathBuf;

/// The one door through which a hospital's vendors come in.
#[derive(Parser)]
#[command(name = "poterne", version, arg_required_else_help = true)]
pub(crate) struct Call {
    /// The main configuration file.
    #[arg(long, global = true, env = "POTERNE_CONFIG", value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    pub(crate) config: PathBuf,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Run the daemon in the foreground.
    Run {
        /// The clock is right although the journal's last entry is over 30 days old.
        #[arg(long)]
        confirm_clock: bool,
    },
    /// Start a complete throw-away site on this machine's loopback.
    #[cfg(feature = "demo")]
    Demo(crate::demo::DemoArgs),
    /// Check or show the configuration.
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Take the configuration anew: whole or not at all.
    Reload(Json),
    /// What the daemon is doing.
    Status(Json),
    /// Technicians of the vendors.
    #[command(subcommand)]
    Technician(TechnicianVerb),
    /// The hospital's staff.
    #[command(subcommand)]
    Staff(StaffVerb),
    /// Equipment: its host key, its credential.
    #[command(subcommand)]
    Target(TargetVerb),
    /// Interventions: requests and what became of them.
    #[command(subcommand)]
    Intervention(InterventionVerb),
    /// Sessions: live and ended.
    #[command(subcommand)]
    Session(SessionVerb),
    /// Could this technician reach that target, and why (not)?
    Explain {
        #[arg(long)]
        technician: TechnicianLogin,
        #[arg(long)]
        target: TargetId,
        /// When, as 2026-11-29T15:00:00+01:00; now, if not said.
        #[arg(long)]
        at: Option<jiff::Timestamp>,
        /// From which address.
        #[arg(long)]
        from: Option<IpAddr>,
        #[command(flatten)]
        json: Json,
    },
    /// The journal's public key and newest checkpoint.
    #[command(subcommand)]
    Journal(JournalVerb),
}

#[derive(Args, Clone, Copy)]
pub(crate) struct Json {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum ConfigVerb {
    /// Load the files as the daemon would, and say what is wrong.
    Check {
        /// Judge the people in the register too: quorums, credentials.
        #[arg(long)]
        state: bool,
    },
    /// Print every value in force, defaults included.
    Show(Json),
}

#[derive(Args)]
pub(crate) struct PersonFlags {
    /// First name and surname.
    #[arg(long)]
    pub(crate) name: String,
    /// E-mail address at work.
    #[arg(long)]
    pub(crate) email: String,
    /// Telephone at work.
    #[arg(long)]
    pub(crate) phone: String,
    /// Wait for password and TOTP secret as two lines of standard input; an empty line has it made.
    /// Lines that are there already are taken without this.
    #[arg(long)]
    pub(crate) stdin: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Subcommand)]
pub(crate) enum TechnicianVerb {
    /// Create an enrolled technician; password and TOTP secret are shown once.
    Add {
        login: TechnicianLogin,
        #[arg(long)]
        vendor: VendorId,
        /// How the hospital made sure who this is.
        #[arg(long)]
        proofing: String,
        /// A public key, as the line of an id_ed25519.pub, or a file that holds it.
        #[arg(long = "key", value_name = "KEY")]
        keys: Vec<String>,
        #[command(flatten)]
        person: PersonFlags,
    },
    /// All technicians.
    List(Json),
    /// Switch an account off for good, ending its sessions at once.
    Disable {
        login: TechnicianLogin,
        #[arg(long)]
        reason: String,
    },
    /// Lift a lock.
    Unlock { login: TechnicianLogin },
}

#[derive(Subcommand)]
pub(crate) enum StaffVerb {
    /// Create a member of staff; password and TOTP secret are shown once.
    Add {
        login: StaffLogin,
        /// approver, operator, security or auditor; several times for several.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<lifecycle::Role>,
        /// A group they approve for; several times for several.
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<GroupId>,
        #[command(flatten)]
        person: PersonFlags,
    },
    /// All staff.
    List(Json),
    /// Switch an account off.
    Disable {
        login: StaffLogin,
        #[arg(long)]
        reason: String,
    },
}

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

fn verified(text: &str) -> Result<Verified, String> {
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
        /// The four characters that the technician reads out.
        #[arg(long)]
        code: String,
        /// How you know who is asking: called, caller or present.
        #[arg(long, value_parser = verified)]
        verified: Verified,
        /// Grant these rights only.
        #[arg(long, value_delimiter = ',', value_name = "RIGHT")]
        rights: Option<Vec<Right>>,
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
    /// Withdraw a request that still waits.
    Withdraw { number: u64 },
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
    /// End a session at once.
    Cut {
        id: String,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum JournalVerb {
    /// The verifier key, for `poterne-verify`. Print it at installation and keep it elsewhere.
    Key,
    /// The newest signed checkpoint. Keep some elsewhere.
    Checkpoint,
}

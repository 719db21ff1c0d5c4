//! What is kept and proven: recordings, the journal, exports, backups, retention and holds.

use super::{Json, ProofFlags};
use clap::{Args, Subcommand};
use lifecycle::HoldId;
use policy::{TargetId, TechnicianLogin, VendorId};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum RetentionVerb {
    /// What goes when, what is held, and whether anything may go now.
    Plan(Json),
    /// Erase what is due now instead of at the daily run, under the same rules.
    Run(Json),
    /// Print what was erased so far, for `backup restore --tombstones`: keep it beside the backups.
    Tombstones,
}

#[derive(Subcommand)]
pub(crate) enum HoldVerb {
    /// Hold a session, an intervention, or all there is about a vendor or a technician.
    Add {
        /// A session, with its intervention.
        #[arg(long, value_name = "ID", group = "what")]
        session: Option<String>,
        /// An intervention, with its sessions.
        #[arg(long, value_name = "NUMBER", group = "what")]
        intervention: Option<u64>,
        /// A vendor: its interventions and accounts.
        #[arg(long, group = "what")]
        vendor: Option<VendorId>,
        /// A technician: their account and interventions.
        #[arg(long, value_name = "LOGIN", group = "what")]
        account: Option<TechnicianLogin>,
        #[arg(long)]
        reason: String,
        /// The last day, as 2027-06-30.
        #[arg(long, value_name = "DATE")]
        until: jiff::civil::Date,
        #[command(flatten)]
        json: Json,
    },
    /// All holds, those that are over included.
    List(Json),
    /// Let go of what a hold holds.
    Release {
        id: HoldId,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum SubjectVerb {
    /// Write down for a technician or a member of staff what is kept about them, and who read their
    /// recordings: as JSON, and beside it as text.
    Export {
        login: String,
        /// The file; the text goes beside it as .txt.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

#[derive(Subcommand)]
pub(crate) enum RecordingVerb {
    /// All recordings, and how whole each is.
    List(Json),
    /// One recording: where it lies, and of what it consists.
    Show {
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Show it as it was.
    Replay {
        id: String,
        #[command(flatten)]
        reading: ReadingFlags,
        /// Which channel; the first terminal, if not said.
        #[arg(long)]
        channel: Option<u32>,
        /// How many times as fast.
        #[arg(long, default_value_t = 1.0)]
        speed: f64,
        /// Show no pause longer than so many seconds.
        #[arg(long, value_name = "SECONDS")]
        idle_limit: Option<f64>,
        /// Begin at this second, or at 1:23:45.
        #[arg(long, default_value = "0", value_name = "TIME")]
        at: String,
    },
    /// Write it as a plain file to standard output.
    Export {
        id: String,
        #[arg(long)]
        format: ExportFormat,
        #[command(flatten)]
        reading: ReadingFlags,
        /// Which channel; the first terminal, if not said.
        #[arg(long)]
        channel: Option<u32>,
    },
    /// Which keys open which recordings, and what would be lost with one of them.
    Recipients {
        /// The recordings that nobody could open any more if this key were lost.
        #[arg(long, value_name = "AGE1...")]
        without: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Change who opens recordings, from now on.
    ///
    /// Prints what would stand in the configuration, and what the change means; with --write, puts it there,
    /// comments kept. It holds, and is journalled, with the next `poterne reload`. What is sealed stays as it
    /// is: it opens to the keys it was sealed to, and to no others.
    Rekey {
        /// A security officer's public key to add.
        #[arg(long, value_name = "AGE1...")]
        add: Vec<String>,
        /// One to remove.
        #[arg(long, value_name = "AGE1...")]
        remove: Vec<String>,
        /// A second person's public key to add.
        #[arg(long, value_name = "AGE1...")]
        add_second: Vec<String>,
        /// One to remove.
        #[arg(long, value_name = "AGE1...")]
        remove_second: Vec<String>,
        /// How many persons it takes from now on: one-person or two-persons.
        #[arg(long, value_name = "HOW")]
        reading: Option<String>,
        /// Put it into the configuration.
        #[arg(long)]
        write: bool,
    },
    /// Take the outer layer off, with the second person's key, for the first person to read.
    ///
    /// Where it takes two persons to read: what is written opens to the first persons' keys alone, and to
    /// nobody else. They read it with --unwrapped DIR.
    Unwrap {
        id: String,
        /// A folder that is not there yet.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        keys: KeyFlags,
    },
    /// Look for something in what was readable, in all recordings that a filter leaves.
    ///
    /// With one word, a regular expression, looked for in the transcripts of all recordings in the scope.
    /// With a session's id before it, a plain text, looked for in every picture of that one recording,
    /// full-screen programs included; case does not count there.
    #[command(allow_missing_positional = true)]
    Search {
        /// Of this session alone; then TEXT is a plain text.
        #[arg(conflicts_with_all = ["vendor", "target", "technician", "from", "to", "ignore_case", "jobs", "most"])]
        id: Option<String>,
        /// What to look for.
        #[arg(value_name = "REGEX|TEXT")]
        text: String,
        #[command(flatten)]
        scope: ScopeFlags,
        #[command(flatten)]
        reading: ReadingFlags,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    /// The asciicast of one terminal, for any player.
    Asciicast,
    /// What was readable, line by line.
    Text,
    /// The bytes of a channel without a terminal, as they were shown.
    Raw,
}

#[derive(Args)]
pub(crate) struct ScopeFlags {
    #[arg(long)]
    pub(crate) vendor: Option<VendorId>,
    #[arg(long)]
    pub(crate) target: Option<TargetId>,
    #[arg(long)]
    pub(crate) technician: Option<TechnicianLogin>,
    /// Sessions that began on this day or later, as 2026-11-03 or with a time.
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<String>,
    /// Sessions that began on this day or before, as 2026-11-30; with a time: before it.
    #[arg(long, value_name = "DAY")]
    pub(crate) to: Option<String>,
    /// Letters match in either case.
    #[arg(long, short = 'i')]
    pub(crate) ignore_case: bool,
    /// How many recordings are read at once; as many as there are processors, if not said.
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<std::num::NonZeroUsize>,
    /// Hits of one recording that are given.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) most: usize,
}

#[derive(Args)]
pub(crate) struct ReadingFlags {
    #[command(flatten)]
    pub(crate) keys: KeyFlags,
    /// The folder that the second person wrote with `recording unwrap`: then your key is enough.
    #[arg(long, value_name = "DIR")]
    pub(crate) unwrapped: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct KeyFlags {
    /// Your key file, as age-keygen wrote it; where it takes two persons, a second --key with theirs.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) key: Vec<PathBuf>,
    /// Why you read it. It is journalled.
    #[arg(long)]
    pub(crate) purpose: String,
}

#[derive(Args)]
pub(crate) struct ExportFlags {
    #[command(flatten)]
    pub(crate) scope: EvidenceFlags,
    /// Where to write it: a file that is not there yet.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Why, and for whom. It is journalled; asked for if not said.
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// A signed checkpoint or a receipt kept elsewhere, to be proven in the bundle; as often as needed.
    #[arg(long, value_name = "FILE")]
    pub(crate) anchor: Vec<PathBuf>,
    /// An officer's key file: recordings are opened here and encrypted anew for --for. Where it takes two
    /// persons, a second --key with theirs.
    #[arg(long, value_name = "FILE", requires = "recipient")]
    pub(crate) key: Vec<PathBuf>,
    /// The folder that the second person wrote with `recording unwrap`: then your key is enough. For more
    /// than one recording, a folder with one of them for each session, named by its id.
    #[arg(long, value_name = "DIR", requires = "recipient")]
    pub(crate) unwrapped: Option<PathBuf>,
    /// For whom recordings are encrypted anew: an age recipient.
    #[arg(long = "for", value_name = "AGE1…", requires = "key")]
    pub(crate) recipient: Option<String>,
}

#[derive(Args)]
#[group(skip)]
pub(crate) struct EvidenceFlags {
    /// One session.
    #[arg(long, value_name = "ID", conflicts_with_all = ["intervention", "vendor"])]
    pub(crate) session: Option<String>,
    /// One intervention, with all its sessions.
    #[arg(long, value_name = "N", conflicts_with = "vendor")]
    pub(crate) intervention: Option<u64>,
    /// All interventions of this vendor from --from to --to.
    #[arg(long, requires = "from", requires = "to")]
    pub(crate) vendor: Option<VendorId>,
    /// The first day, as 2026-11-01.
    #[arg(long, value_name = "DAY", requires = "vendor")]
    pub(crate) from: Option<jiff::civil::Date>,
    /// The last day, as 2026-11-30.
    #[arg(long, value_name = "DAY", requires = "vendor")]
    pub(crate) to: Option<jiff::civil::Date>,
}

#[derive(Subcommand)]
pub(crate) enum BackupVerb {
    /// Make a set, beside the running daemon. Recordings that an earlier set has are not written again.
    Create {
        /// The folder of all sets, on another machine's disk.
        #[arg(short = 'o', long = "output", value_name = "DIR")]
        into: PathBuf,
        /// Who can open it, instead of `[backup] recipients`. Can be repeated.
        #[arg(long, value_name = "AGE1")]
        to: Vec<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Check a set to its last byte, and the journal in it. Best on another machine.
    Verify {
        #[command(flatten)]
        set: SetFlags,
    },
    /// Put a set back into an empty state folder, the daemon stopped. Afterwards nothing opens before
    /// two of the staff accept.
    Restore {
        #[command(flatten)]
        set: SetFlags,
        /// The file of the vault's key.
        #[arg(long, value_name = "FILE")]
        vault_key: PathBuf,
        /// What was erased since, a line `recording s-…` each: it is not brought back.
        #[arg(long, value_name = "FILE")]
        tombstones: Option<PathBuf>,
        /// There is no newer set: entries that a checkpoint knows are lost.
        #[arg(long)]
        older: bool,
    },
}

#[derive(Args)]
pub(crate) struct SetFlags {
    /// The folder of the set, beside the `recordings` that it refers to.
    #[arg(value_name = "SET")]
    pub(crate) set: PathBuf,
    /// The file of the age identity that opens it.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: PathBuf,
    /// The journal's verifier key from outside: itself, or a file that holds it.
    #[arg(long, value_name = "VKEY")]
    pub(crate) key: String,
    /// A signed checkpoint from outside. Can be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) since: Vec<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum JournalVerb {
    /// The verifier key, for `poterne-verify`. Print it at installation and keep it elsewhere.
    Key,
    /// The newest signed checkpoint. Keep some elsewhere.
    Checkpoint,
    /// Where checkpoints were given out, when, and over how many entries.
    Anchors {
        /// Give the newest one out by each way first.
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Entries are gone: say that you know, and why. Two persons must, operators or security, before
    /// anything opens again.
    AcceptRollback {
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        proof: ProofFlags,
    },
    /// Print entries as they become durable, one a line. Journalled, with what it is for.
    Follow {
        /// How they are written: json, rfc5424, cef or ocsf.
        #[arg(long, value_name = "FORMAT", default_value = "json")]
        format: String,
        /// Begin with this entry; 0 is the first. Without it: only what is new.
        #[arg(long, value_name = "N")]
        from: Option<u64>,
        /// Print what is there, and end.
        #[arg(long)]
        once: bool,
        /// What you read it for.
        #[arg(long, value_name = "TEXT")]
        purpose: String,
    },
}

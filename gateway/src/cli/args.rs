//! What can be typed. Man pages and completions come from here.

use clap::{Args, Parser, Subcommand};
use lifecycle::{ExportScope, HoldId, TokenId};
use policy::{GroupId, Right, Rights, StaffLogin, TargetAccount, TargetId, TechnicianLogin, VendorId, Verified};
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
        /// Run although this is root, without root's powers: to try it on a machine of your own.
        #[arg(long)]
        as_root: bool,
    },
    /// Start a complete throw-away site on this machine's loopback.
    #[cfg(feature = "demo")]
    Demo(crate::demo::DemoArgs),
    /// Sign in at this terminal for 15 minutes.
    Login(ProofFlags),
    /// Sign out at this terminal.
    Logout,
    /// Who is signed in at this terminal.
    Whoami(Json),
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
    /// Tokens by which another program reads an export, and nothing else.
    #[command(subcommand)]
    Token(TokenVerb),
    /// Equipment: its host key, its credential.
    #[command(subcommand)]
    Target(TargetVerb),
    /// Interventions: requests and what became of them.
    #[command(subcommand)]
    Intervention(InterventionVerb),
    /// Sessions: live and ended.
    #[command(subcommand)]
    Session(SessionVerb),
    /// Recordings of ended sessions: opened here, with your key file.
    #[command(subcommand)]
    Recording(RecordingVerb),
    /// Write a sealed bundle of evidence, which `poterne-verify bundle` checks anywhere.
    Export(ExportFlags),
    /// Vendors: whom a brake holds.
    #[command(subcommand)]
    Vendor(VendorVerb),
    /// Addresses at the vendors' door: who is penalised, and for what.
    #[command(subcommand)]
    Source(SourceVerb),
    /// The red button: cuts all access, now, until it is lifted.
    #[command(subcommand)]
    Lockdown(LockdownVerb),
    /// Alerts: which wait for a person, and taking one by your name.
    #[command(subcommand)]
    Alert(AlertVerb),
    /// The sealed envelope: codes on paper for when no approver's console works.
    #[command(subcommand)]
    BreakGlass(BreakGlassVerb),
    /// Weakening changes of the configuration that wait for a second person.
    #[command(subcommand)]
    Change(ChangeVerb),
    /// Make a backup, check one, put one back.
    #[command(subcommand)]
    Backup(BackupVerb),
    /// A second wall of nftables.
    #[command(subcommand)]
    Firewall(FirewallVerb),
    /// Write the man pages into a folder.
    Manual {
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Print completions for a shell.
    Completions { shell: clap_complete::Shell },
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
    /// Registers and reports, for auditors and for whoever runs the machine.
    #[command(subcommand)]
    Report(ReportVerb),
    /// Look at the machine around the daemon: directory, patches, traces, clock, disk, keys, listeners.
    /// Works without the daemon, and says what it then cannot know. Exit status: 0 all green, 1 something
    /// red, 2 something amber.
    Doctor {
        /// Look at this tree instead of the machine's own; paths are below it, the configuration's too.
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
        /// The site's, if not said.
        #[arg(long)]
        language: Option<Language>,
        #[command(flatten)]
        json: Json,
    },
    /// Webhooks and mail that tell of requests.
    #[command(subcommand)]
    Notify(NotifyVerb),
    /// What is erased when.
    #[command(subcommand)]
    Retention(RetentionVerb),
    /// Keep what an incident needs from being erased.
    #[command(subcommand)]
    Hold(HoldVerb),
    /// What is kept about one person.
    #[command(subcommand)]
    Subject(SubjectVerb),
}

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

#[derive(Args)]
pub(crate) struct IdentityFlags {
    /// First name and surname.
    #[arg(long)]
    pub(crate) name: String,
    /// E-mail address at work.
    #[arg(long)]
    pub(crate) email: String,
    /// Telephone at work.
    #[arg(long)]
    pub(crate) phone: String,
}

#[derive(Subcommand)]
pub(crate) enum TechnicianVerb {
    /// Invite a technician, who enrols themselves over plain ssh. Prints the invitation.
    Invite {
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
        identity: IdentityFlags,
        #[command(flatten)]
        json: Json,
    },
    /// Open an enrolled account, with the word that the technician reads out to you, who called the
    /// number in the contract.
    Activate {
        login: TechnicianLogin,
        #[arg(long)]
        word: String,
    },
    /// One technician in full.
    Show {
        login: TechnicianLogin,
        #[command(flatten)]
        json: Json,
    },
    /// Throw the factors away, end the sessions, and print a new invitation.
    Reset {
        login: TechnicianLogin,
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
    /// Lift a disabled account: its old factors stay gone, a new invitation is printed. Who left, or
    /// whose account was misused, gets a new account instead.
    Enable {
        login: TechnicianLogin,
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
    /// Public keys of an account.
    #[command(subcommand)]
    Key(KeyVerb),
    /// Create a technician without enrolment; password and TOTP secret are shown once. `invite` is
    /// better: then nobody but the technician ever sees them.
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
pub(crate) enum KeyVerb {
    /// Add one: a line, or a file that holds it.
    Add { login: TechnicianLogin, key: String },
    /// Remove one: its fingerprint, its line, or a file that holds it.
    Remove { login: TechnicianLogin, key: String },
}

#[derive(Subcommand)]
pub(crate) enum StaffVerb {
    /// Invite a member of staff, who chooses their factors in the console. Prints the code, to be
    /// handed over in person or by telephone; it is good once, for 24 hours.
    Invite {
        login: StaffLogin,
        /// approver, operator, security or auditor; several times for several.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<lifecycle::Role>,
        /// A group they approve for; several times for several.
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<GroupId>,
        #[command(flatten)]
        identity: IdentityFlags,
        #[command(flatten)]
        json: Json,
    },
    /// Throw the factors away, sign the person out everywhere, and print a new invitation. It also
    /// renews an invitation that ran out.
    Reset {
        login: StaffLogin,
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
    /// Give other roles and groups, instead of those that are there. Never one's own.
    Change {
        login: StaffLogin,
        /// approver, operator, security or auditor; several times for several.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<lifecycle::Role>,
        /// A group they approve for; several times for several.
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<GroupId>,
        #[arg(long)]
        reason: String,
    },
    /// Lift a lock.
    Unlock { login: StaffLogin },
    /// Create a member of staff without enrolment; password and TOTP secret are shown once. `invite`
    /// is better: then nobody but the person ever sees them.
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
pub(crate) enum TokenVerb {
    /// Make a token that reads one export; it is shown once.
    Make {
        /// interventions or sessions.
        scope: ExportScope,
        /// What it is for.
        #[arg(long)]
        label: String,
        /// For how long, at most 400.
        #[arg(long, default_value_t = 90, value_name = "DAYS")]
        days: u16,
        #[command(flatten)]
        json: Json,
    },
    /// End one at once.
    Revoke { id: TokenId },
    /// All tokens, without what opens anything.
    List(Json),
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
    /// An officer's key file: recordings are opened here and encrypted anew for --for.
    #[arg(long, value_name = "FILE", requires = "recipient")]
    pub(crate) key: Option<PathBuf>,
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
pub(crate) enum ReportVerb {
    /// Every intervention, by number and without gap. Takes the role auditor or security, and is
    /// journalled.
    Register {
        #[command(flatten)]
        period: PeriodFlags,
        /// Of this vendor alone.
        #[arg(long)]
        vendor: Option<VendorId>,
        #[command(flatten)]
        shape: ShapeFlags,
    },
    /// Every account that logged in, with what makes it legitimate: who made sure of the person and
    /// when, the contract, the factors. Takes the role auditor or security, and is journalled.
    Accounts {
        #[command(flatten)]
        period: PeriodFlags,
        /// Of this vendor alone; then no staff.
        #[arg(long)]
        vendor: Option<VendorId>,
        #[command(flatten)]
        shape: ShapeFlags,
    },
    /// What nobody uses: targets, vendors, accounts, staff, grants. Takes the role auditor, security or
    /// operator, and is journalled.
    Dormant {
        /// Not used for so many days.
        #[arg(long, default_value_t = 90, value_name = "DAYS")]
        days: u16,
        /// Of this vendor alone; then no targets and no staff.
        #[arg(long)]
        vendor: Option<VendorId>,
        #[command(flatten)]
        shape: ShapeFlags,
    },
    /// What is kept how long, by which rule and under which key.
    Retention {
        #[command(flatten)]
        shape: ShapeFlags,
    },
    /// Each rule with its state, read from the live system, and the proof. Takes the role auditor,
    /// security or operator.
    Conformity {
        #[arg(long, default_value = "md")]
        format: MatrixFormat,
        /// The site's, if not said.
        #[arg(long)]
        language: Option<Language>,
        /// Into this file, which only its owner can read; to standard output, if not said.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Args)]
pub(crate) struct PeriodFlags {
    /// From this day on, as 2026-01-31; from the beginning, if not said.
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<jiff::civil::Date>,
    /// Until this day, included; until now, if not said.
    #[arg(long, value_name = "DAY")]
    pub(crate) to: Option<jiff::civil::Date>,
}

/// How a report is written down.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A narrow table to read on a terminal.
    Text,
    /// All columns, with semicolons between; nothing in it is a formula.
    Csv,
    /// All fields, as the daemon tells them.
    Json,
    /// All columns as a spreadsheet (OpenDocument).
    Ods,
}

/// How the matrix of rules is written down.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatrixFormat {
    /// Markdown.
    Md,
    /// One page that needs nothing else, to read and to print.
    Html,
    /// All fields, as the daemon tells them.
    Json,
}

/// In which language.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// French.
    #[value(name = "fr", alias = "french")]
    French,
    /// English.
    #[value(name = "en", alias = "english")]
    English,
}

impl From<Language> for config::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::French => config::Language::French,
            Language::English => config::Language::English,
        }
    }
}

#[derive(Args)]
pub(crate) struct ShapeFlags {
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    /// Begin CSV with the mark by which some spreadsheets know UTF-8.
    #[arg(long)]
    pub(crate) bom: bool,
    /// The site's, if not said.
    #[arg(long)]
    pub(crate) language: Option<Language>,
    /// Into this file, which only its owner can read; to standard output, if not said.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum VendorVerb {
    /// All vendors.
    List(Json),
    /// Take a vendor's access away, now: sessions end, nobody of it logs in.
    Freeze {
        vendor: VendorId,
        #[arg(long)]
        reason: String,
    },
    /// Give it back.
    Thaw {
        vendor: VendorId,
        #[arg(long)]
        reason: String,
    },
    /// Its credentials leaked: passwords, codes and keys of all its technicians are void now, sessions end,
    /// and each gets a new invitation.
    RotateAll {
        vendor: VendorId,
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
}

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
        #[arg(value_name = "N")]
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
pub(crate) enum SourceVerb {
    /// Who has a penalty, for what and how long, and which limits are being reached.
    List(Json),
    /// Forgive one.
    Lift {
        /// An address, or the network as it is listed.
        source: String,
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

#[derive(Subcommand)]
pub(crate) enum FirewallVerb {
    /// Print nftables rules for this configuration: vendors in, targets out, nothing else.
    Render,
    /// Print a drop-in for the unit: the addresses that the service may speak with, and no others.
    Unit {
        /// A network besides vendors and targets: the staff's, and the servers of names, mail and logs.
        #[arg(long = "allow", value_name = "NETWORK", required = true)]
        besides: Vec<ipnet::IpNet>,
    },
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

#[derive(Subcommand)]
pub(crate) enum NotifyVerb {
    /// Send a test over each channel, once; the mail goes to your own address.
    Test {
        /// Only over this one: a webhook's name, or mail.
        #[arg(long, value_name = "NAME")]
        channel: Option<String>,
        #[command(flatten)]
        json: Json,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(args: &[&str]) -> Result<Option<Vec<String>>, String> {
        let line = ["poterne", "intervention", "approve", "12", "--verified", "called", "--as", "claire"];
        match Call::try_parse_from(line.iter().chain(args)).map_err(|error| error.to_string())?.verb {
            Verb::Intervention(InterventionVerb::Approve { rights, .. }) => {
                Ok(rights.named().map(|rights| rights.iter().map(ToString::to_string).collect()))
            }
            _ => Err("another verb".to_owned()),
        }
    }

    /// A comma in a command is the command's own; in a list it stands between rights.
    #[test]
    fn rights_are_named_in_a_list_and_one_by_one() {
        let all = |names: &[&str]| Ok(Some(names.iter().map(|name| (*name).to_owned()).collect()));
        assert_eq!(named(&[]), Ok(None));
        assert_eq!(named(&["--rights", "exec,shell"]), all(&["shell", "exec"]));
        assert_eq!(
            named(&["--right", "command tar -cf - a,b", "--right", "shell", "--rights", "sftp-read"]),
            all(&["shell", "command tar -cf - a,b", "sftp-read"])
        );
        assert!(named(&["--rights", "command a,shell"]).unwrap_err().contains("--right"));
        assert!(named(&["--right", "shell,exec"]).is_err());
    }
}

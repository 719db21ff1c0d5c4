//! What can be typed. Man pages and completions come from here.

use clap::{Args, Parser, Subcommand};
use lifecycle::{ExportScope, TokenId};
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
    /// Vendors: whom a brake holds.
    #[command(subcommand)]
    Vendor(VendorVerb),
    /// The red button: cuts all access, now, until it is lifted.
    #[command(subcommand)]
    Lockdown(LockdownVerb),
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
    /// Webhooks and mail that tell of requests.
    #[command(subcommand)]
    Notify(NotifyVerb),
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
    /// Where a text came to be shown. Case does not count.
    Search {
        id: String,
        text: String,
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
pub(crate) struct ReadingFlags {
    /// Your key file, as age-keygen wrote it.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Why you read it. It is journalled.
    #[arg(long)]
    pub(crate) purpose: String,
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
}

#[derive(Subcommand)]
pub(crate) enum LockdownVerb {
    /// Cut all access, now. It holds across restarts.
    On {
        #[arg(long)]
        reason: String,
    },
    /// Give it back.
    Off {
        #[arg(long)]
        reason: String,
    },
    /// Whether it is on.
    Status(Json),
}

#[derive(Subcommand)]
pub(crate) enum FirewallVerb {
    /// Print nftables rules for this configuration: vendors in, targets out, nothing else.
    Render,
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
pub(crate) enum JournalVerb {
    /// The verifier key, for `poterne-verify`. Print it at installation and keep it elsewhere.
    Key,
    /// The newest signed checkpoint. Keep some elsewhere.
    Checkpoint,
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

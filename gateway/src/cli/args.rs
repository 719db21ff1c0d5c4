//! What can be typed. Man pages and completions come from here.

mod crisis;
mod evidence;
mod interventions;
mod people;
mod reports;

pub(crate) use crisis::{AlertVerb, BreakGlassVerb, ChangeVerb, LockdownVerb};
pub(crate) use evidence::{
    BackupVerb, EvidenceFlags, ExportFlags, ExportFormat, HoldVerb, JournalVerb, KeyFlags, ReadingFlags, RecordingVerb,
    RetentionVerb, ScopeFlags, SubjectVerb,
};
pub(crate) use interventions::{InterventionVerb, PlanFlags, ProofFlags, SessionVerb, TargetVerb};
pub(crate) use people::{IdentityFlags, KeyVerb, PersonFlags, StaffVerb, TechnicianVerb, TokenVerb, VendorVerb};
pub(crate) use reports::{Format, Language, MatrixFormat, PeriodFlags, ReportVerb, ShapeFlags};

use clap::{Args, Parser, Subcommand};
use policy::{TargetId, TechnicianLogin};
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
    /// Print every value of the files, defaults included; warns while others are in force.
    Show(Json),
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

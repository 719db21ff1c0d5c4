//! People: technicians with their keys, staff with their tokens, companies.

use super::Json;
use clap::{Args, Subcommand};
use lifecycle::{ExportScope, TokenId};
use policy::{GroupId, StaffLogin, TechnicianLogin, VendorId};

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

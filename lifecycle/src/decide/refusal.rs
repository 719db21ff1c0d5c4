//! Why something was not done, in words.

use crate::account::IdentityError;
use crate::ids::{InterventionNumber, SessionId, TokenId};
use crate::staff::Role;
use jiff::Timestamp;
use policy::{Denial, Right, StaffLogin, TechnicianLogin, VendorId};

/// What is wrong with a technician's public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Somebody has it.
    #[error("this key belongs to an account already: a key is one person's")]
    Taken,
    /// There are as many as there may be.
    #[error("the account has 8 keys already: remove one first")]
    TooMany,
    /// It is not the account's.
    #[error("the account has no such key: write its fingerprint, `SHA256:…`, as `technician show` prints it")]
    Missing,
    /// It was struck with all credentials of its vendor (IDM-14).
    #[error("this key was struck when all credentials of its vendor had to be made anew: make another")]
    Struck,
    /// It cannot be read.
    #[error("not an OpenSSH public key: write the line of an id_ed25519.pub")]
    Unreadable,
}

/// What is wrong with a token that somebody wants to make or revoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It would open nothing.
    #[error("the token would be over already: choose a later end")]
    Over,
    /// Nothing opens for ever.
    #[error("a token lasts 400 days at most: choose an earlier end, and renew it then")]
    TooLong,
    /// What is to be kept of it is no digest.
    #[error("the digest is not 64 lower-case hexadecimal digits")]
    Digest,
    /// Another has the same secret.
    #[error("there is this very token already: make another")]
    Taken,
    /// It was revoked meanwhile, or its maker may not read that any more.
    #[error("the token does not hold any more")]
    NoMore,
    /// It was revoked before.
    #[error("the token is revoked already")]
    Revoked,
    /// The journal is proven by its folder, not by a list.
    #[error("the journal is not read by a token: copy its folder, and check it with `poterne-verify`")]
    Journal,
    /// Who has an account is for people to read.
    #[error("accounts are not read by a token: `poterne report accounts`, signed in as auditor or security")]
    Accounts,
}

/// What is wrong with the time that somebody wants to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// It ends before it begins, or lies in the past.
    #[error("the window ends before it begins, or is over: write a later --until")]
    Over,
    /// One code opens no longer a window (D7).
    #[error("the window is longer than 8 hours: plan several")]
    TooLong,
    /// An emergency is shorter (D14).
    #[error("an emergency lasts 2 hours at most: write fewer --minutes")]
    EmergencyTooLong,
    /// Nobody plans so far ahead.
    #[error("the window lies more than 3 months ahead: plan it later")]
    TooFarAhead,
    /// An emergency is not made long by parts (D14).
    #[error("an emergency lasts 2 hours at most in all: write fewer --minutes, or open another one")]
    EmergencyOver,
    /// The rules do not let it last longer than it does already.
    #[error("nothing would be gained: it may last until {until} as it is, and no approval reaches beyond {reach}")]
    NothingGained {
        /// Until when it lasts.
        until: Timestamp,
        /// How far an approval reaches.
        reach: Timestamp,
    },
}

/// Why a command was not carried out. A value with a text that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// They would give themselves access or rights.
    #[error("`{0}` would do this for themselves: nobody changes their own access or rights, ask another operator")]
    OwnRights(StaffLogin),
    /// The approver made the account that asks (APR-02).
    #[error("`{staff}` set up the account of `{technician}`: another person must approve")]
    OwnSetUp {
        /// The approver.
        staff: StaffLogin,
        /// Who asks.
        technician: TechnicianLogin,
    },
    /// No role at all.
    #[error("`{0}` would have no role: name at least one of approver, operator, security, auditor")]
    NoRole(StaffLogin),
    /// An approver of nothing.
    #[error("`{0}` would be an approver of no group, and could approve nothing: name at least one group")]
    NoGroup(StaffLogin),
    /// The staff account is not in the state for this.
    #[error("the account of `{staff}` is {state}: {hint}")]
    StaffState {
        /// Whose.
        staff: StaffLogin,
        /// What it is.
        state: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// Not a language that there are texts in.
    #[error("`{}` is not a language of these pages: write fr or en", .0.escape_default())]
    Language(String),
    /// The token cannot be made, or be revoked.
    #[error(transparent)]
    Token(TokenError),
    /// No such token.
    #[error("there is no token `{0}`")]
    NoToken(TokenId),
    /// The login is or was somebody's.
    #[error("the login `{0}` is taken, and logins are never given out twice: choose another")]
    LoginTaken(String),
    /// No such account.
    #[error("there is no technician `{0}`: see `poterne technician list`")]
    NoTechnician(TechnicianLogin),
    /// No such member of staff.
    #[error("there is no staff account `{0}`: see `poterne staff list`")]
    NoStaff(StaffLogin),
    /// Not in the configuration.
    #[error("there is no {what} `{name}` in the configuration: declare it, then `poterne reload`")]
    NotDeclared {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The identity is not whole.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// One human being, two accounts of the vendor.
    #[error(
        "{0} has an account already, `{1}`, which has the same mail address or the same telephone: one person has one account"
    )]
    SamePerson(String, String),
    /// No such intervention.
    #[error("there is no intervention {0}: see `poterne intervention list`")]
    NoIntervention(InterventionNumber),
    /// It does not wait for this.
    #[error("intervention {number} is {state}: nothing to {verb}")]
    NotWaiting {
        /// Which one.
        number: InterventionNumber,
        /// What it is.
        state: &'static str,
        /// What was to be done with it.
        verb: &'static str,
    },
    /// Password or code of the member of staff do not hold.
    #[error(
        "password or one-time code of `{0}` do not hold, or the code was used: wait for the next code and try again"
    )]
    StaffFactors(StaffLogin),
    /// The member of staff is locked.
    #[error("`{0}` is locked after several wrong tries: wait a minute, or ask another operator")]
    StaffLocked(StaffLogin),
    /// The member of staff has not the role.
    #[error("`{staff}` has not the role {role}: ask somebody who has")]
    Role {
        /// Who.
        staff: StaffLogin,
        /// Which role is needed.
        role: Role,
    },
    /// The code is not the one read out.
    #[error("the code is not the one that the technician of intervention {number} sees: {left} tries left")]
    WrongCode {
        /// Which request.
        number: InterventionNumber,
        /// Tries left before it is refused.
        left: u8,
    },
    /// The rules say no.
    #[error("{}", denial_text(.0))]
    Denied(Denial),
    /// The account is not in the state for this.
    #[error("the account of `{technician}` is {state}: {hint}")]
    AccountState {
        /// Whose.
        technician: TechnicianLogin,
        /// What it is.
        state: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The check word is another.
    #[error(
        "the word is not the one that `{technician}` was shown ({left} tries left): call the number in the contract, not another one"
    )]
    WrongWord {
        /// Whose.
        technician: TechnicianLogin,
        /// Tries left before the account has to be reset.
        left: u8,
    },
    /// The key is there already, or is not there.
    #[error(transparent)]
    Key(KeyError),
    /// The vendor is frozen already.
    #[error("the vendor `{0}` is frozen already")]
    VendorFrozen(VendorId),
    /// The vendor is not frozen.
    #[error("the vendor `{0}` is not frozen")]
    VendorNotFrozen(VendorId),
    /// The window of a plan is not one.
    #[error(transparent)]
    Window(WindowError),
    /// Nobody of these groups is on call now.
    #[error("`{0}` is in no group that is on call now: an emergency is opened by whoever is on call")]
    NotOnCall(StaffLogin),
    /// The code read to the technician is another.
    #[error("the planned code does not fit: {0} tries left")]
    WrongPlannedCode(u8),
    /// The same person has approved it.
    #[error("`{0}` approved it: another person must look at it")]
    OwnReview(StaffLogin),
    /// Another request or intervention of this technician is going on (IDM-18).
    #[error("intervention {0} of this technician is still going on")]
    Busy(InterventionNumber),
    /// As many requests wait as may, over all vendors or of this one (T19).
    #[error("as many requests wait as may: ask again once the hospital has answered some")]
    Crowded,
    /// As many watch the session as may.
    #[error("as many people watch this session as may (`limits.watchers`)")]
    WatchersFull,
    /// Two refusals a short while ago.
    #[error("two requests were refused: the next one is possible at {0}")]
    CoolingDown(Timestamp),
    /// A text is longer than an entry should hold.
    #[error("the {0} is longer than 2000 characters: shorten it")]
    TooLong(&'static str),
    /// A text is missing.
    #[error("the {0} is empty: write one")]
    Empty(&'static str),
    /// The session is over.
    #[error("the session is over")]
    SessionOver,
    /// No such session is live.
    #[error("there is no live session {0}: see `poterne session list`")]
    NotLive(SessionId),
    /// There is nothing to resume.
    #[error("the session {0} is not frozen: there is nothing to resume")]
    NotFrozen(SessionId),
    /// It goes on by itself once somebody watches.
    #[error("the session {0} waits for somebody to watch: `poterne session watch {0}`")]
    WaitsForWatcher(SessionId),
    /// Who lets go on what somebody else froze says anew who they are.
    #[error("somebody else froze it: prove yourself with `--as`, your password and a fresh code")]
    FrozenByAnother,
    /// Who lets go on what reached its limit says anew who they are.
    #[error("its recording has reached the limit: with `--as`, your password and a fresh code it gets as much again")]
    FrozenByQuota,
    /// Nothing was recorded whole yet.
    #[error("the recording of {0} is not sealed yet: try again in a moment")]
    NotSealed(SessionId),
    /// A request is approved with its code.
    #[error("this request has a code: ask the technician for the four characters, and write --code")]
    CodeMissing,
    /// What is planned gives what it was planned with.
    #[error("a planned intervention was narrowed when it was planned: leave --rights and --minutes out")]
    NarrowedAlready,
    /// Access is not cut.
    #[error("there is no lockdown: nothing to end")]
    NoLockdown,
    /// Nothing was rolled back.
    #[error("nothing of the journal is missing: there is nothing to accept")]
    NoRollback,
    /// Two persons accept, not one twice.
    #[error("`{0}` accepted already, and is you: another person must")]
    AcceptedAlready(StaffLogin),
    /// Entries of the journal are gone, and not enough persons have accepted it.
    #[error(
        "entries of the journal are missing (`poterne status` says which): nothing opens before {missing} more of the staff, operators or security, accept it by `poterne journal accept-rollback`"
    )]
    RollbackOpen {
        /// How many more must.
        missing: usize,
    },
    /// No such alert.
    #[error("there is no alert {0}: see `poterne alert list --all`")]
    NoAlert(u64),
    /// Somebody took it.
    #[error("alert {alert} was taken by `{by}` already")]
    AlertTaken {
        /// Which one.
        alert: u64,
        /// Who took it.
        by: StaffLogin,
    },
    /// Whoever asked for the change that it is about does not take it (T8).
    #[error("alert {0} is about a change that you asked for: another person must take it")]
    OwnAlert(u64),
    /// Not as many codes as one paper has.
    #[error("a paper has 1 to {max} codes", max = crate::break_glass::MOST_CODES)]
    BreakGlassCount,
    /// The code on paper does not hold.
    #[error("this is no code of the sealed envelope that is in force, or it was used: everybody was told of this try")]
    BreakGlassWrong,
    /// At the command line an approval takes a code on paper.
    #[error(
        "approvals are given in the console; where no console works, open the sealed envelope: `poterne break-glass approve`"
    )]
    CommandLineSealed,
    /// Nothing waits.
    #[error("no change of the configuration waits: see `poterne change list`")]
    NoChange,
    /// Another change waits than the one that was looked at.
    #[error("another change waits by now than the one you looked at: see `poterne change list`")]
    OtherChange,
    /// Who asked for the change does not accept it too (T8).
    #[error("`{0}` asked for this change: another person with the role security must accept it")]
    OwnChange(StaffLogin),
    /// Whoever could be made up for it does not accept a change (T8).
    #[error(
        "the account of `{staff}` was made, reset or changed less than {} hours ago, and accepts no change before {from:.0}: another person with the role security must",
        crate::SETTLES_AFTER.as_hours()
    )]
    Unsettled {
        /// Who would accept.
        staff: StaffLogin,
        /// From when on they may.
        from: Timestamp,
    },
    /// The right is not in the permit.
    #[error("the right {0} was not granted")]
    RightMissing(Right),
}

fn denial_text(denial: &Denial) -> String {
    let text = match denial {
        Denial::ApproverNotOfTarget => "you are in none of the groups that approve for this target",
        Denial::ApproverIsRequester => "you are the person who asks: another one must approve",
        Denial::ApproverOfVendor => "you are of the vendor who asks: a person of the hospital must approve",
        Denial::ApproverTwice => "you approved already: another person must",
        Denial::CallBackNeeded => {
            "this request asks that you call the number in the vendor's contract yourself: call it, then approve with `--verified called`"
        }
        Denial::ApprovalOver => "the approval would end before it begins: choose a later end",
        Denial::NoRight => "no right would be left: strike fewer",
        Denial::Closed { .. } => {
            "it is outside the opening hours: choose another time, or `poterne intervention emergency` if you are on call"
        }
        Denial::ContractOver { .. } | Denial::ContractNotBegun { .. } => {
            "the vendor's contract does not cover that day"
        }
        Denial::TargetForbidden { because } => return format!("a rule forbids it: {because}"),
        other => return format!("the rules do not allow it ({})", other.code()),
    };
    text.to_owned()
}

//! The lives of an account, an intervention and a session.
//!
//! Pure: commands are decided against the [`Register`], which is nothing but the fold of all
//! [`Event`]s; what happens next is always an event that the journal holds first. The one thing
//! that lives outside the fold is the moment-to-moment state of a running session, a machine that
//! takes inputs and says what to do ([`Session`]); it performs nothing itself.
#![forbid(unsafe_code)]

mod account;
mod alert;
mod break_glass;
mod change;
mod decide;
mod event;
mod evidence;
mod file;
mod guard;
mod ids;
mod intervention;
mod leak;
pub mod order;
mod record;
mod register;
pub mod retention;
mod rollback;
mod session;
mod staff;
mod token;
mod visible;
mod visits;

pub use account::{Account, AccountState, Identity, IdentityError, Invitation};
pub use alert::{Alert, Alerts};
pub use break_glass::{BreakGlass, MOST_CODES};
pub use change::{SETTLES_AFTER, WaitingChange};
pub use decide::{
    Admission, Attempt, CodeCheck, Command, Decided, Explained, FactorsRequired, JoinFacts, JoinRefusal, Judged,
    KeyError, MOST_CONNECTIONS, PlanFacts, Refusal, RequestFacts, StaffAttempt, TokenError, WRONG_CODES, WindowError,
    check_window, decide, is_cut,
};
pub use event::{
    Actor, ChannelKind, EndCause, Event, FactorCause, FreezeCause, Lack, PenalisedSource, RecordingState, SessionEnd,
    WithdrawCause,
};
pub use evidence::{Concerned, EvidenceScope};
pub use file::{Alarm, FileAct, FileChange, FileMove, FileResult};
pub use guard::{Guard, Lock, Tries};
pub use ids::{AccountId, HoldId, InterventionNumber, SessionId, TokenId};
pub use intervention::{Intervention, InterventionState, Plan, Requested};
pub use record::{
    AlarmRecord, Bounded, ChannelRecord, FileDone, FileRecord, Frozen, LegacyUse, Presence, Readers, Reading,
    RefusedChannel, Sealed, SessionRecord, Warning,
};
pub use register::{Credential, Register};
pub use rollback::{ACCEPTANCES, Forgotten, Rollback, Rollbacks};
pub use session::{Input, Output, Session, Terms};
pub use staff::{Role, Staff, StaffState};
pub use token::{ExportScope, Reader, Token};
pub use visible::{is_hidden, visible};
pub use visits::Visit;

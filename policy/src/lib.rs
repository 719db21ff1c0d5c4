//! Who may reach what, when, and on which terms.
//!
//! Pure: no input or output, no clock, no randomness. The instant of the question is an argument
//! ([`Request::at`]), the rules are a value ([`PolicySet`]) and the answer names the rules it
//! rests on ([`Verdict::because`]), so that any decision can be asked again years later.
//!
//! The order of the checks stands in one place, [`evaluate`]. What it hands out on the good path
//! is never a right but [`ApprovalTerms`]; only [`ApprovalTerms::redeem`], fed with the approvals
//! of people of the hospital, makes a [`Permit`].
#![forbid(unsafe_code)]

mod approval;
mod asked;
mod calendar;
mod evaluate;
mod holidays;
mod ids;
mod right;
mod rules;
mod verdict;

pub use approval::{Approval, ApprovalTerms, Permit, Person, Verified};
pub use asked::{Asked, Direction, transfers_in};
pub use calendar::{Calendar, CivilMinute, DateRange, ExtraOpening, WeeklyInterval};
pub use evaluate::{Request, evaluate};
pub use holidays::{HolidayRules, Region, easter_sunday};
pub use ids::{CalendarId, GroupId, IdError, StaffLogin, TargetAccount, TargetId, TechnicianLogin, VendorId};
pub use right::{CommandLine, NoCommandLine, Reach, Right, Rights, UnknownRight};
pub use rules::{AllowRule, Contract, ForbidRule, Per, PolicySet, Sources, Supervision, Target, Vendor};
pub use verdict::{Decision, Denial, RuleId, Verdict};

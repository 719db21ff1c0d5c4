//! What a bundle of evidence is about (EVI-01).

use crate::ids::{InterventionNumber, SessionId};
use crate::register::Register;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use policy::VendorId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// What a bundle is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceScope {
    /// One session, and the intervention that it ran under.
    Session(SessionId),
    /// One intervention, with all its sessions.
    Intervention(InterventionNumber),
    /// All interventions of a vendor that touch these days.
    Vendor {
        /// Whose.
        vendor: VendorId,
        /// The first day.
        from: Date,
        /// The last day.
        to: Date,
    },
}

impl fmt::Display for EvidenceScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvidenceScope::Session(session) => write!(f, "session {session}"),
            EvidenceScope::Intervention(number) => write!(f, "intervention {number}"),
            EvidenceScope::Vendor { vendor, from, to } => write!(f, "vendor {vendor} from {from} to {to}"),
        }
    }
}

/// The ids whose entries are evidence of something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concerned {
    /// Interventions.
    pub interventions: BTreeSet<InterventionNumber>,
    /// Sessions.
    pub sessions: BTreeSet<SessionId>,
    /// No entry about them is older.
    pub since: Option<Timestamp>,
}

impl Register {
    /// What a bundle about this is made from; empty where there is nothing of the kind. Days are the
    /// site's own.
    pub fn concerned(&self, scope: &EvidenceScope, zone: &TimeZone) -> Concerned {
        let midnight = |day: Date| day.to_zoned(zone.clone()).map(|at| at.timestamp()).ok();
        let numbers: Vec<InterventionNumber> = match scope {
            EvidenceScope::Session(id) => self.sessions.get(id).map(|one| one.number).into_iter().collect(),
            EvidenceScope::Intervention(number) => vec![*number],
            EvidenceScope::Vendor { vendor, from, to } => {
                let (from, to) = (midnight(*from), to.tomorrow().ok().and_then(midnight));
                let touches = |one: &&crate::Intervention| {
                    one.asked.vendor == *vendor
                        && to.is_none_or(|to| one.prepared < to)
                        && one.ended.is_none_or(|ended| from.is_none_or(|from| ended >= from))
                };
                self.interventions.values().filter(touches).map(|one| one.number).collect()
            }
        };
        let mut concerned = Concerned::default();
        for one in numbers.iter().filter_map(|number| self.interventions.get(number)) {
            concerned.interventions.insert(one.number);
            concerned.since = Some(concerned.since.map_or(one.prepared, |since| since.min(one.prepared)));
            let wanted = |id: &&SessionId| !matches!(scope, EvidenceScope::Session(only) if only != *id);
            concerned.sessions.extend(one.sessions.iter().filter(wanted).cloned());
        }
        concerned
    }
}

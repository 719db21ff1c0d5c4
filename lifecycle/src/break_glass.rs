//! Sealed codes on paper, for when no approver's console works (T16, EMG-03).
//!
//! A code stands in for the console, never for a person: whoever uses one still brings their own password and
//! fresh code, is an approver of that target, and hears the code that the technician reads out.

use crate::decide::Refusal;
use crate::event::{Actor, Event};
use crate::register::Register;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Codes that one print may have.
pub const MOST_CODES: u32 = 20;

/// What is known of the codes in the envelope; the codes themselves are nowhere but on the paper. Part of the
/// fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakGlass {
    /// The generation of their digests in the vault.
    pub secret: u64,
    /// How many there are, numbered from 1.
    pub count: u32,
    /// When they were printed.
    pub printed: Timestamp,
    /// Those that were used.
    pub used: BTreeSet<u32>,
}

impl BreakGlass {
    /// How many are still good.
    pub fn left(&self) -> u32 {
        self.count.saturating_sub(u32::try_from(self.used.len()).unwrap_or(u32::MAX))
    }

    /// Whether the envelope was opened, so that new ones are to be printed.
    pub fn is_opened(&self) -> bool {
        !self.used.is_empty()
    }
}

pub(crate) fn apply(envelope: &mut Option<BreakGlass>, at: Timestamp, event: &Event) {
    match event {
        Event::BreakGlassPrinted { count, secret, .. } => {
            *envelope = Some(BreakGlass { secret: *secret, count: *count, printed: at, used: BTreeSet::new() });
        }
        Event::BreakGlassUsed { place, .. } => {
            if let Some(envelope) = envelope {
                envelope.used.insert(*place);
            }
        }
        _ => {}
    }
}

/// New codes; those before are good for nothing from then on.
pub(crate) fn print(count: u32, secret: u64, by: Actor) -> Result<Vec<Event>, Refusal> {
    if count == 0 || count > MOST_CODES {
        return Err(Refusal::BreakGlassCount);
    }
    Ok(vec![Event::BreakGlassPrinted { count, secret, by }])
}

impl Register {
    /// Whether the code at this place of that print is good, still.
    pub fn break_glass_holds(&self, secret: u64, place: u32) -> bool {
        self.break_glass.as_ref().is_some_and(|envelope| {
            envelope.secret == secret && (1..=envelope.count).contains(&place) && !envelope.used.contains(&place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::InterventionNumber;

    /// EMG-03: single use, and a new print voids the old one.
    #[test]
    fn a_code_is_good_once_and_for_its_own_print() {
        let mut register = Register::default();
        assert!(!register.break_glass_holds(1, 1));
        for event in print(2, 1, Actor::Root(0)).unwrap() {
            register.apply(Timestamp::UNIX_EPOCH, &event);
        }
        assert!(register.break_glass_holds(1, 1) && register.break_glass_holds(1, 2));
        assert!(!register.break_glass_holds(1, 0) && !register.break_glass_holds(1, 3));
        let used = Event::BreakGlassUsed {
            place: 1,
            number: InterventionNumber(1),
            staff: "claire".parse().unwrap(),
            by: Actor::Root(0),
        };
        register.apply(Timestamp::UNIX_EPOCH, &used);
        assert!(!register.break_glass_holds(1, 1) && register.break_glass_holds(1, 2));
        let envelope = register.break_glass.clone().unwrap();
        assert_eq!((envelope.left(), envelope.is_opened()), (1, true));
        for event in print(2, 2, Actor::Root(0)).unwrap() {
            register.apply(Timestamp::UNIX_EPOCH, &event);
        }
        assert!(!register.break_glass_holds(1, 2) && register.break_glass_holds(2, 1));
        assert!(print(0, 3, Actor::Root(0)).is_err() && print(MOST_CODES + 1, 3, Actor::Root(0)).is_err());
    }
}

//! So many in a second, and some at once.

use std::time::Duration;
use tokio::time::Instant;

/// What may come at once, in seconds of the pace.
const AT_ONCE: u32 = 4;

/// The pace of one connection.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When what came so far would be over at the pace.
    paid: Option<Instant>,
}

impl Pace {
    /// Counts one. `false`: it is too many.
    #[must_use]
    pub(crate) fn goes(&mut self, per_second: u32, now: Instant) -> bool {
        let each = Duration::from_secs(1) / per_second.max(1);
        let paid = self.paid.map_or(now, |paid| paid.max(now)) + each;
        let goes = paid <= now + Duration::from_secs(1) * AT_ONCE;
        if goes {
            self.paid = Some(paid);
        }
        goes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_and_a_stream_is_held_to_its_pace() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert_eq!((0..300).filter(|_| pace.goes(50, now)).count(), 200);
        let later = now + Duration::from_secs(1);
        assert_eq!((0..300).filter(|_| pace.goes(50, later)).count(), 50);
        let much_later = now + Duration::from_secs(100);
        assert_eq!((0..300).filter(|_| pace.goes(50, much_later)).count(), 200);
    }
}

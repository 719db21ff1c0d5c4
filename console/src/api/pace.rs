//! How often one token reads: each reading is an entry in the journal, and a program gone wrong must not
//! fill it.

use jiff::{SignedDuration, Timestamp};
use lifecycle::TokenId;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Readings of one token within [`WITHIN`].
const MOST: usize = 10;
/// See [`MOST`].
const WITHIN: SignedDuration = SignedDuration::from_mins(1);

/// When each token read last. Tokens are made by hand: there are few.
#[derive(Default)]
pub(crate) struct Pace(Mutex<HashMap<TokenId, Vec<Timestamp>>>);

impl Pace {
    /// Whether this token may read now; then it is noted.
    pub(super) fn goes(&self, token: &TokenId, now: Timestamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, times| {
            times.retain(|at| now.duration_since(*at) < WITHIN);
            !times.is_empty()
        });
        let times = all.entry(token.clone()).or_default();
        let goes = times.len() < MOST;
        if goes {
            times.push(now);
        }
        goes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_ten_times_a_minute() {
        let (pace, token, other) = (Pace::default(), TokenId::from_random([1; 8]), TokenId::from_random([2; 8]));
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        for second in 0..10 {
            assert!(pace.goes(&token, at(second)));
        }
        assert!(!pace.goes(&token, at(59)));
        assert!(pace.goes(&other, at(59)));
        assert!(pace.goes(&token, at(60)));
        assert!(!pace.goes(&token, at(60)));
    }
}

//! Which parts of a file were written.

use std::collections::BTreeMap;

/// Most parts with gaps between them that are remembered. Clients send in order, or some dozens of
/// parts at once.
const MOST_PARTS: usize = 1024;

/// Parts that do not touch each other: where each begins, and where it ends.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

/// The file is too scattered to be remembered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooScattered;

impl Ranges {
    /// Adds a part, its end not included.
    pub(super) fn add(&mut self, from: u64, to: u64) -> Result<(), TooScattered> {
        let (mut from, mut to) = (from, to);
        if from >= to {
            return Ok(());
        }
        // From the last one that begins at or before our end, backwards as long as they touch us.
        while let Some((&begins, &ends)) = self.0.range(..=to).next_back().filter(|(_, ends)| **ends >= from) {
            self.0.remove(&begins);
            (from, to) = (from.min(begins), to.max(ends));
        }
        if self.0.len() >= MOST_PARTS {
            return Err(TooScattered);
        }
        self.0.insert(from, to);
        Ok(())
    }

    /// Every byte of the first `length` was written.
    pub(super) fn cover(&self, length: u64) -> bool {
        length == 0 || self.0.first_key_value().is_some_and(|(from, to)| *from == 0 && *to >= length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_together_in_any_order() {
        let mut ranges = Ranges::default();
        for (from, to) in [(4, 6), (0, 2), (9, 9), (8, 9), (5, 8)] {
            ranges.add(from, to).unwrap();
        }
        assert!(ranges.cover(2) && !ranges.cover(3));
        ranges.add(1, 5).unwrap();
        assert_eq!(ranges.0, BTreeMap::from([(0, 9)]));
        assert!(ranges.cover(9) && !ranges.cover(10));
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let mut ranges = Ranges::default();
        let scattered = (0..).map(|n| ranges.add(n * 2, n * 2 + 1)).position(|added| added.is_err());
        assert_eq!(scattered, Some(MOST_PARTS));
    }
}

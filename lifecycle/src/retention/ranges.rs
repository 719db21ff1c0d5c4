//! Sets of entries, as their first and last indexes.

use serde::{Deserialize, Serialize};

/// A set of indexes: ranges in order that neither touch nor overlap, each with its first and its last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Ranges(Vec<(u64, u64)>);

impl From<Vec<(u64, u64)>> for Ranges {
    fn from(mut pairs: Vec<(u64, u64)>) -> Self {
        pairs.retain(|(first, last)| first <= last);
        pairs.sort_unstable();
        let mut ranges: Vec<(u64, u64)> = Vec::with_capacity(pairs.len());
        for (first, last) in pairs {
            match ranges.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => ranges.push((first, last)),
            }
        }
        Self(ranges)
    }
}

impl From<Ranges> for Vec<(u64, u64)> {
    fn from(ranges: Ranges) -> Self {
        ranges.0
    }
}

impl FromIterator<u64> for Ranges {
    fn from_iter<I: IntoIterator<Item = u64>>(indexes: I) -> Self {
        indexes.into_iter().map(|index| (index, index)).collect::<Vec<_>>().into()
    }
}

impl Ranges {
    /// Whether it is of the set.
    pub fn contains(&self, index: u64) -> bool {
        let place = self.0.partition_point(|(_, last)| *last < index);
        self.0.get(place).is_some_and(|(first, _)| *first <= index)
    }

    /// How many are in it.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ranges it takes to write it down.
    pub fn pieces(&self) -> usize {
        self.0.len()
    }

    /// Takes in another set.
    pub fn extend(&mut self, others: &Ranges) {
        *self = [self.0.as_slice(), &others.0].concat().into();
    }

    /// Adds one.
    pub fn insert(&mut self, index: u64) {
        match self.0.last_mut() {
            Some(last) if last.1.checked_add(1) == Some(index) => last.1 = index,
            Some(last) if last.1 < index => self.0.push((index, index)),
            None => self.0.push((index, index)),
            Some(_) => self.extend(&Ranges(vec![(index, index)])),
        }
    }

    /// Whether all of it is in another set.
    pub fn is_within(&self, others: &Ranges) -> bool {
        self.0.iter().all(|(first, last)| {
            let place = others.0.partition_point(|other| other.1 < *first);
            others.0.get(place).is_some_and(|other| other.0 <= *first && *last <= other.1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_set_is_a_set(one in prop::collection::btree_set(0u64..60, 0..30), two in prop::collection::btree_set(0u64..60, 0..30)) {
            let mut ranges = Ranges::default();
            one.iter().rev().for_each(|index| ranges.insert(*index));
            prop_assert_eq!(&ranges, &one.iter().copied().collect::<Ranges>());
            let others: Ranges = two.iter().copied().collect();
            prop_assert_eq!(ranges.is_within(&others), one.is_subset(&two));
            ranges.extend(&others);
            let both: BTreeSet<u64> = one.union(&two).copied().collect();
            prop_assert_eq!(ranges.count(), both.len() as u64);
            for index in 0..60 {
                prop_assert_eq!(ranges.contains(index), both.contains(&index));
            }
            let text = serde_json::to_string(&ranges).unwrap();
            prop_assert_eq!(serde_json::from_str::<Ranges>(&text).unwrap(), ranges);
        }
    }
}

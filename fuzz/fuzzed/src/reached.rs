//! What walks came to, and how often: so that a test can say what no walk reached.

use std::collections::BTreeMap;

/// Words of states, inputs, events and refusals, each with its kind before it.
#[derive(Debug, Default)]
pub struct Reached(BTreeMap<String, u64>);

impl Reached {
    /// Once more.
    pub fn insert(&mut self, what: String) {
        *self.0.entry(what).or_default() += 1;
    }

    /// What another walk came to.
    pub fn append(&mut self, other: Reached) {
        for (what, times) in other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }

    /// How often.
    pub fn times(&self, kind: &str, word: &str) -> u64 {
        self.0.get(&format!("{kind} {word}")).copied().unwrap_or_default()
    }

    /// Everything of a kind, with how often.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        let of = move |(what, times): (&'a String, &u64)| Some((what.strip_prefix(kind)?.strip_prefix(' ')?, *times));
        self.0.iter().filter_map(of)
    }
}

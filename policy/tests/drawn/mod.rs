//! What the random tests of evaluation and of approval both draw from.

use jiff::{SignedDuration, Timestamp};
use policy::{Per, Person, Right, Rights};
use proptest::prelude::*;
use std::str::FromStr;

pub fn id<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub fn mins(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// Every word, and some rights that name what they are for.
pub fn every_right() -> Vec<Right> {
    let named = ["command uptime", "command uptime -p", "forward 10.20.3.14:3389", "forward 10.20.3.14:80"];
    Right::WORDS.into_iter().chain(named.into_iter().map(id)).collect()
}

pub fn rights() -> impl Strategy<Value = Rights> {
    prop::collection::vec(prop::sample::select(every_right()), 0..6).prop_map(|rights| rights.into_iter().collect())
}

pub fn mostly() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.85)
}

pub fn seldom() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.1)
}

pub fn per() -> impl Strategy<Value = Per> {
    prop_oneof![Just(Per::Session), Just(Per::Intervention)]
}

/// A second of one of the weeks with holidays, closures and clock changes in 2026, often of the
/// two nights in which the clocks change.
pub fn instant() -> impl Strategy<Value = Timestamp> {
    let weeks = ["2026-03-20T00:00:00Z", "2026-04-27T00:00:00Z", "2026-10-20T00:00:00Z", "2026-12-18T00:00:00Z"];
    let nights = ["2026-03-28T23:00:00Z", "2026-10-24T22:00:00Z"];
    let minute = prop_oneof![
        2 => (prop::sample::select(weeks.to_vec()), 0i64..(16 * 24 * 60)),
        1 => (prop::sample::select(nights.to_vec()), 0i64..(5 * 60)),
    ];
    let second = prop_oneof![3 => Just(0i64), 1 => 0i64..60];
    (minute, second)
        .prop_map(|((from, minute), second)| id::<Timestamp>(from) + SignedDuration::from_secs(minute * 60 + second))
}

pub fn chosen<T: FromStr<Err: std::fmt::Debug>, C: FromIterator<T>>(on: &[bool], names: &[&str]) -> C {
    on.iter().zip(names).filter(|(on, _)| **on).map(|(_, name)| id(name)).collect()
}

/// The technician who asks, whose telephone number [`phone`] spells for the first human.
pub fn requester() -> Person {
    Person::new("alice@imagix.example", &phone(0, 0))
}

/// One number for each human, in three spellings.
pub fn phone(human: usize, spelling: usize) -> String {
    match spelling {
        0 => format!("+33 6 0{human} 11 22 33"),
        1 => format!("06.0{human}.11.22.33"),
        _ => format!("0033 (0)6 0{human} 1122-33"),
    }
}

//! Whether the time of a refusal tells what was wrong (D1, IDM-10, T17): unknown, locked, disabled, wrong
//! password and wrong code, tried side by side on the real daemon.
//!
//! Side by side, because a machine that is busy for a moment is then busy for all of them. What is
//! compared is not the mean, which one hiccup moves, but how often a try of one kind takes longer than a
//! try of any other kind (Mann and Whitney's U, as a share: a half where nothing can be told).

use crate::clients::python;
use crate::raw::raw;
use harness::{Person, Site, SiteOptions, Terminal};
use serde_json::Value;
use std::time::Duration;

const KINDS: [&str; 5] = ["unknown", "locked", "disabled", "password", "code"];

/// How often the one takes longer than the other; ties are half.
fn share(one: &[f64], other: &[f64]) -> f64 {
    let longer = |a: &f64, b: &f64| {
        if a > b {
            1.0
        } else if a < b {
            0.0
        } else {
            0.5
        }
    };
    let sum: f64 = one.iter().flat_map(|a| other.iter().map(move |b| longer(a, b))).sum();
    sum / (one.len() * other.len()) as f64
}

fn quantile(of: &[f64], share: f64) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// Tries all kinds in so many rounds. An account that is half right twice is not locked yet.
fn measure(rounds: usize, flood: bool) -> Vec<(&'static str, Vec<f64>)> {
    let accounts = rounds.div_ceil(2);
    // How a source is slowed is not what is measured, and would double the time that it takes.
    let more = "[limits]\npenalty-delay = \"0s\"\n".to_owned();
    let site = Site::with(SiteOptions { technicians: 2 + 2 * accounts, more, ..SiteOptions::default() });
    let (first, rest) = site.technicians.split_at(2);
    let (wrong_password, wrong_code) = rest.split_at(accounts);
    site.sign_in("nadia");
    site.ok(&["technician", "disable", &first[1].login, "--reason", "left"]);
    let totp = |person: &Person| format!("totp:{}", person.totp);
    // A lock of a minute is enough for a short run; the third of a day stays.
    let locks = if rounds > 10 { 3 } else { 1 };
    for lock in 1..=locks {
        for _ in 0..3 {
            raw(&site, "probe", &[&first[0].login, &first[0].password, "000000"]);
        }
        assert_eq!(site.entries("technician-locked").len(), lock);
        if lock < locks {
            // The daemon's own minute, and nothing tells when it is over.
            std::thread::sleep(Duration::from_secs(61));
        }
    }
    let nobody = "x".repeat(20);
    let list = |people: &[Person], password: &dyn Fn(&Person) -> String, code: &dyn Fn(&Person) -> String| {
        let one = |person: &Person| format!("{}/{}/{}", person.login, password(person), code(person));
        people.iter().map(one).collect::<Vec<_>>().join("|")
    };
    let right = |person: &Person| person.password.clone();
    let wrong = |_: &Person| nobody.clone();
    let zeros = |_: &Person| "000000".to_owned();
    let people = [
        format!("unknown=zoe/{nobody}/000000"),
        format!("locked={}", list(&first[..1], &right, &totp)),
        format!("disabled={}", list(&first[1..], &right, &totp)),
        format!("password={}", list(wrong_password, &wrong, &totp)),
        format!("code={}", list(wrong_code, &right, &zeros)),
    ];
    let mut hammer = flood.then(|| {
        let mut line = vec!["RAW_FROM=127.0.0.2".to_owned()];
        line.extend(python("raw.py"));
        line.extend(["hammer".to_owned(), site.port.to_string(), "zoe".to_owned(), "6".to_owned()]);
        Terminal::start("env", &line)
    });
    if let Some(hammer) = &mut hammer {
        hammer.expect("WAIT HAMMERING");
    }
    let rounds = rounds.to_string();
    let args: Vec<&str> = std::iter::once(rounds.as_str()).chain(people.iter().map(String::as_str)).collect();
    let measured = raw(&site, "timings", &args);
    if let Some(hammer) = &mut hammer {
        hammer.kill();
    }
    // The bytes are the same too.
    assert_eq!(measured["same"], true);
    let of = |kind: &'static str| {
        let seconds: &Vec<Value> = measured["seconds"][kind].as_array().unwrap();
        (kind, seconds.iter().map(|one| one.as_f64().unwrap()).collect())
    };
    KINDS.map(of).into_iter().collect()
}

/// Prints the table, and gives the share of each kind against all others.
fn shares(measured: &[(&'static str, Vec<f64>)]) -> Vec<(&'static str, f64, f64)> {
    let of = |(kind, own): &(&'static str, Vec<f64>)| {
        let others: Vec<f64> =
            measured.iter().filter(|(other, _)| other != kind).flat_map(|(_, all)| all.iter().copied()).collect();
        let (share, median) = (share(own, &others), quantile(own, 0.5));
        println!(
            "{kind:>9}: {} tries, median {median:.4} s, 95 % {:.4} s; longer than the others: {share:.3}",
            own.len(),
            quantile(own, 0.95),
        );
        (*kind, share, median - quantile(&others, 0.5))
    };
    measured.iter().map(of).collect()
}

/// IDM-10, D1, TOTP guess class: coarse, for every run; the figures stand in docs/limits.md.
#[test]
fn the_time_of_a_refusal_tells_nothing() {
    let measured = measure(6, false);
    for (kind, seconds) in &measured {
        assert!(seconds.iter().all(|one| *one >= 1.5), "{kind}: {seconds:?}");
    }
    for (kind, _, apart) in shares(&measured) {
        // Without the floor an unknown name would be refused half a second before the others at least.
        assert!(apart.abs() < 0.25, "{kind}: {apart} s from the others");
    }
}

/// The same at length and under a flood of other tries, for tests/long: `POTERNE_TIMINGS=ROUNDS`.
#[test]
fn the_time_of_a_refusal_tells_nothing_at_length() {
    let Some(rounds) = std::env::var("POTERNE_TIMINGS").ok().and_then(|rounds| rounds.parse().ok()) else { return };
    for flood in [false, true] {
        println!("{}", if flood { "under a flood of six" } else { "quiet" });
        for (kind, share, apart) in shares(&measure(rounds, flood)) {
            // With 60 tries of one kind and 240 of the others, chance alone leaves this band once in 20 000.
            assert!((0.33..0.67).contains(&share), "{kind}: {share}");
            assert!(apart.abs() < 0.05, "{kind}: {apart} s from the others");
        }
    }
}

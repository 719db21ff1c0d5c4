//! `poterne journal follow`: entries to standard output, everything else to standard error.

use super::commands::{Outcome, socket};
use crate::ctl::client;
use crate::siem::Told;
use lifecycle::order::{Failure, Order, exit};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

/// How long a daemon that is gone is waited for, and how often it is asked. Real time.
const PATIENCE: Duration = Duration::from_secs(300);
const ASK: Duration = Duration::from_secs(1);

/// How it is to be followed.
pub(super) struct How {
    pub(super) format: String,
    pub(super) once: bool,
    pub(super) purpose: String,
}

enum Ended {
    /// Nobody reads any more, or all was told.
    Done,
    /// The daemon went away; the entry to go on with.
    Gone(Option<u64>),
}

pub(super) fn follow(main: &Path, from: Option<u64>, how: &How) -> Outcome {
    let socket = socket(main)?;
    let mut from = from;
    let mut begun = false;
    let mut waited = Duration::ZERO;
    loop {
        let order =
            Order::JournalFollow { from, once: how.once, format: how.format.clone(), purpose: how.purpose.clone() };
        match client::open_with(&socket, &order) {
            Ok((stream, answer)) => {
                if begun {
                    eprintln_visible("the daemon is back: going on");
                }
                (begun, waited) = (true, Duration::ZERO);
                let first = from.or_else(|| answer.get("from")?.as_u64());
                match print(stream, first)? {
                    Ended::Done => return Ok(()),
                    Ended::Gone(next) => {
                        from = next;
                        let at = next.map_or(String::new(), |next| format!(" at entry {next}"));
                        eprintln_visible(&format!("the daemon is gone: waiting for it, to go on{at}"));
                    }
                }
            }
            Err(failure) if begun && failure.exit == exit::UNAVAILABLE && waited < PATIENCE => {
                // Its socket has no event of being there.
                std::thread::sleep(ASK);
                waited += ASK;
            }
            // A restart signs everybody out.
            Err(failure) if begun && failure.exit == exit::NOT_PERMITTED => {
                let next = from.map_or(String::new(), |next| format!(", then go on with `--from {next}`"));
                return Err(Failure::new(failure.exit, format!("{}{next}", failure.message)));
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn print(stream: impl std::io::BufRead, first: Option<u64>) -> Result<Ended, Failure> {
    let mut next = first;
    let mut out = std::io::stdout().lock();
    for line in stream.lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(Told::Entry { line, next: after }) => {
                if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                    return Ok(Ended::Done);
                }
                next = Some(after);
            }
            Ok(Told::End { why: None }) => return Ok(Ended::Done),
            Ok(Told::End { why: Some(why) }) => return Err(Failure::new(exit::NOT_PERMITTED, why)),
            Err(_) => break,
        }
    }
    Ok(Ended::Gone(next))
}

fn eprintln_visible(text: &str) {
    let _ = writeln!(anstream::stderr(), "poterne: {}", lifecycle::visible(text));
}

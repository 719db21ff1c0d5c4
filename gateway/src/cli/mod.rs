//! The command line: parse, ask the daemon, print.

mod args;
mod backup;
mod commands;
mod configuration;
mod crisis;
mod doctor;
mod envelope;
mod equipment;
mod export;
mod firewall;
mod follow;
mod happened;
mod interventions;
mod invitation;
mod manual;
mod output;
mod paint;
mod people;
mod pin;
mod recipients;
mod recording;
mod report;
mod retention;
mod running;
mod search;
mod secrets;
mod sources;
mod watch;
mod watched;

use args::Call;
use clap::Parser as _;
use lifecycle::order::{Failure, exit};
pub(crate) use lifecycle::visible;
use std::process::ExitCode;

/// The file that is read unless another is named.
pub const DEFAULT_CONFIG: &str = "/etc/poterne/poterne.toml";

/// Runs the command line. One line on standard error says what is wrong and what to do.
pub fn main() -> ExitCode {
    let call = match Call::try_parse() {
        Ok(call) => call,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { 0 });
        }
    };
    match commands::carry_out(call) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { exit, message, .. }) => {
            eprintln!("poterne: {message}");
            ExitCode::from(exit)
        }
    }
}

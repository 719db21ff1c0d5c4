//! Reading secrets: prompted without echo on a terminal, else lines of standard input.

use lifecycle::order::{Failure, Hidden, exit};
use std::io::{BufRead as _, IsTerminal as _};

/// One secret a label. On a terminal each is prompted for.
pub(crate) fn read(labels: &[&str]) -> Result<Vec<Hidden>, Failure> {
    let wrong = |what: String| Failure::new(exit::NO_INPUT, what);
    let mut secrets = Vec::new();
    if std::io::stdin().is_terminal() {
        for label in labels {
            let typed = rpassword::prompt_password(format!("{label}: "))
                .map_err(|error| wrong(format!("the {label} cannot be read: {error}")))?;
            secrets.push(Hidden::new(typed));
        }
        return Ok(secrets);
    }
    let mut lines = std::io::stdin().lock().lines();
    for label in labels {
        let line = match lines.next() {
            Some(Ok(line)) => line,
            Some(Err(error)) => return Err(wrong(format!("the {label} cannot be read: {error}"))),
            None => {
                return Err(wrong(format!(
                    "the {label} is missing: write {} as lines of standard input",
                    labels.join(", then ")
                )));
            }
        };
        secrets.push(Hidden::new(line.trim_end_matches('\r').to_owned()));
    }
    Ok(secrets)
}

/// Whether lines wait on standard input: it is no terminal, and something comes within a moment.
/// Without this, a script that says nothing would have to close its standard input first.
pub(crate) fn are_waiting() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    const A_MOMENT: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return false;
    }
    let mut waiting = [PollFd::new(&stdin, PollFlags::IN)];
    poll(&mut waiting, Some(&A_MOMENT)).is_ok_and(|ready| ready > 0)
}

/// Two lines of standard input, of which either may be empty or missing.
pub(crate) fn optional_pair() -> (Option<Hidden>, Option<Hidden>) {
    let mut lines = std::io::stdin().lock().lines().map_while(Result::ok);
    let mut next = || lines.next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).map(Hidden::new);
    (next(), next())
}

//! Reading secrets: prompted without echo on a terminal, else lines of standard input.

use crate::ctl::protocol::{Failure, Hidden, exit};
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

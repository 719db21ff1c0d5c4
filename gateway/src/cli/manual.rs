//! Man pages and completions, from the command line's own definition.

use super::args::Call;
use super::commands::Outcome;
use super::output;
use clap::{Command, CommandFactory as _};
use lifecycle::order::{Failure, exit};
use std::path::Path;

/// Writes `poterne.1`, `poterne-verify.1` and a page for each of their verbs into this folder.
pub(super) fn write(folder: &Path) -> Outcome {
    let failed = |error: std::io::Error| {
        Failure::new(exit::NO_INPUT, format!("`{}` cannot be written to: {error}", folder.display()))
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut count = 0;
    for (name, command) in [("poterne", Call::command()), ("poterne-verify", journal::call::Call::command())] {
        let mut command = command.disable_help_subcommand(true);
        command.build();
        count += pages(&command, name, folder).map_err(failed)?;
    }
    output::say(&format!("{count} pages are in {}", folder.display()));
    Ok(())
}

fn pages(command: &Command, name: &str, folder: &Path) -> std::io::Result<usize> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone().name(name.to_owned())).render(&mut page)?;
    std::fs::write(folder.join(format!("{name}.1")), page)?;
    let mut count = 1;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        count += pages(verb, &format!("{name}-{}", verb.get_name()), folder)?;
    }
    Ok(count)
}

/// Prints completions.
pub(super) fn completions(shell: clap_complete::Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Call::command(), "poterne", &mut script);
    output::say(String::from_utf8_lossy(&script).trim_end());
}

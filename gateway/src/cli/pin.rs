//! `poterne target pin`: a host key is compared by a person before it is trusted, never on first
//! use (NET-06, T21).

use super::output::say;
use super::secrets;
use crate::clock::{Clock as _, SystemClock};
use crate::ctl::client;
use crate::target::fetch_host_key;
use config::{Config, Exception};
use lifecycle::order::{Failure, Order, exit};
use policy::TargetId;
use russh::keys::HashAlg;
use std::path::{Path, PathBuf};

/// Characters of the fingerprint that are compared.
const COMPARED: usize = 8;

pub(crate) fn pin(
    main: &Path,
    config: &Config,
    target: &TargetId,
    write: bool,
    typed: Option<String>,
) -> Result<(), Failure> {
    let declared = config.targets.get(target).ok_or_else(|| {
        Failure::new(exit::NO_INPUT, format!("there is no target `{target}` in the configuration: declare it first"))
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::SOFTWARE, error))?;
    let legacy = match config.exception(target, SystemClock::start().now()) {
        Exception::InForce(legacy) => legacy.algorithms.as_slice(),
        Exception::None | Exception::Over(_) => &[],
    };
    let key = runtime
        .block_on(fetch_host_key(declared.address, legacy))
        .map_err(|error| Failure::new(exit::UNAVAILABLE, error))?;
    let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
    let line = key.to_openssh().map_err(|error| Failure::new(exit::SOFTWARE, error))?;
    let line = line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    if !write {
        say(&format!("# {target} at {} shows {fingerprint}", declared.address));
        say(&format!("host-key = \"{line}\""));
        eprintln!("poterne: compare this fingerprint with the device's papers or screen before you use the line");
        return Ok(());
    }
    let typed = match typed {
        Some(typed) => typed,
        None => {
            eprintln!(
                "The target shows a {} key. Look up its SHA256 fingerprint on the device itself or in its papers.",
                key.algorithm()
            );
            let mut answers = secrets::read(&["last 8 characters of that fingerprint"])?;
            answers.pop().map(|answer| answer.reveal().to_owned()).unwrap_or_default()
        }
    };
    let typed = typed.trim();
    if typed.chars().count() < COMPARED || !fingerprint.ends_with(typed) {
        return Err(Failure::new(
            exit::DATA,
            format!(
                "the target shows a key whose fingerprint does not end in `{}`: nothing was pinned; find out who answers at {}",
                typed.escape_default(),
                declared.address
            ),
        ));
    }
    let file = write_key(main, target, &line)?;
    say(&format!("{}: {target} is pinned to {fingerprint}; now `poterne reload`", file.display()));
    // The daemon may not run yet; then the load that follows journals the difference.
    let socket = crate::site::Paths::new(&config.site.state).socket();
    let _ = client::ask(&socket, &Order::TargetPinned { target: target.clone(), fingerprint });
    Ok(())
}

/// Puts the line into whichever file declares the target. Comments and order are kept.
fn write_key(main: &Path, target: &TargetId, line: &str) -> Result<PathBuf, Failure> {
    let folder = main.parent().unwrap_or_else(|| Path::new("."));
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("targets.d"))
        .map(|entries| {
            entries
                .filter_map(Result::ok)
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|end| end == "toml"))
                .collect()
        })
        .unwrap_or_default();
    files.sort();
    files.push(main.to_owned());
    for file in files {
        let failed = |error: &dyn std::fmt::Display| Failure::new(exit::DATA, format!("`{}`: {error}", file.display()));
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let mut document: toml_edit::DocumentMut = text.parse().map_err(|error| failed(&error))?;
        let Some(table) = document.get_mut("target").and_then(|targets| targets.get_mut(target.as_str())) else {
            continue;
        };
        let Some(table) = table.as_table_like_mut() else { continue };
        table.insert("host-key", toml_edit::value(line));
        let staged = file.with_extension("toml.new");
        let mode = std::fs::metadata(&file).map_err(|error| failed(&error))?.permissions();
        std::fs::write(&staged, document.to_string())
            .and_then(|()| std::fs::set_permissions(&staged, mode))
            .and_then(|()| std::fs::rename(&staged, &file))
            .map_err(|error| failed(&error))?;
        return Ok(file);
    }
    Err(Failure::new(exit::NO_INPUT, format!("no file declares `[target.{target}]`")))
}

//! Backups at the command line. They are made by whoever holds the machine, and told to the daemon.

use super::args::BackupVerb;
use super::commands::{Outcome, ask, load, print};
use super::output;
use crate::backup::{self, Gone, Outside, Put};
use crate::clock::{Clock as _, SystemClock};
use crate::site::Paths;
use lifecycle::SessionId;
use lifecycle::order::{Failure, Order, exit};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

fn failed(error: anyhow::Error) -> Failure {
    Failure::new(exit::IO, format!("{error:#}"))
}

/// Recordings that the register has, and the disk has not: the first set of all has none before it to be
/// held against. Where the daemon does not answer nobody knows.
fn unfound(main: &Path, state: &Path) -> Vec<Gone> {
    let rows = ask(main, &Order::RecordingList).unwrap_or_default();
    let paths = Paths::new(state);
    let rows = rows.as_array().into_iter().flatten();
    let sealed = rows.filter(|row| row.get("manifest").is_some_and(serde_json::Value::is_string));
    let kept = sealed.filter(|row| row.get("erased").is_none_or(serde_json::Value::is_null));
    let ids = kept.filter_map(|row| row.get("id")?.as_str()?.parse::<SessionId>().ok());
    ids.filter(|id| !paths.sealed(id).join("manifest.json").is_file()).map(|id| Gone::whole(id.as_str())).collect()
}

/// What is gone without a word in the journal. It is asked afterwards: what goes meanwhile is known then.
fn lost(main: &Path, state: &Path, gone: &[Gone]) -> Vec<String> {
    let mut gone = gone.to_vec();
    for one in unfound(main, state) {
        if !gone.contains(&one) {
            gone.push(one);
        }
    }
    if gone.is_empty() {
        return Vec::new();
    }
    let answer = ask(main, &Order::RetentionTombstones).unwrap_or_else(|error| {
        eprintln!("poterne: warning: what was erased at its term is not known: {error}");
        serde_json::Value::Null
    });
    let list = |name: &str| -> BTreeSet<String> {
        let all = answer.get(name).and_then(serde_json::Value::as_array).into_iter().flatten();
        all.filter_map(serde_json::Value::as_str).map(str::to_owned).collect()
    };
    let (recordings, files) = (list("recordings"), list("files"));
    gone.iter().filter(|one| !one.was_erased(&recordings, &files)).map(ToString::to_string).collect()
}

pub(super) fn carry_out(main: &Path, verb: BackupVerb) -> Outcome {
    match verb {
        BackupVerb::Create { into, to, json } => {
            let config = load(main, false)?;
            let recipients = if to.is_empty() { config.backup.recipients.clone() } else { to };
            let order = backup::Order {
                into: &into,
                state: &config.site.state,
                config: main,
                recipients: &recipients,
                now: SystemClock::start().now(),
            };
            let made = backup::create(&order).map_err(failed)?;
            for path in &made.altered {
                eprintln!(
                    "poterne: warning: an archive of a recording was not what was written: it is kept as `{}`, and written anew",
                    path.display()
                );
            }
            if made.unsaid > 0 {
                eprintln!(
                    "poterne: warning: {} archives of recordings were written by an earlier version and may open to older keys only: `poterne backup verify` with the key of today tells; a new folder has them all anew",
                    made.unsaid
                );
            }
            let lost = lost(main, &config.site.state, &made.gone);
            for one in &lost {
                eprintln!("poterne: warning: {one} is not on the bastion, and no run of retention erased it");
            }
            let size = made.checkpoint.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or(0);
            let (name, recordings) = (made.set.display().to_string(), made.recordings as u64);
            let told = ask(main, &Order::BackupMade { name: name.clone(), size, recordings, bytes: made.bytes });
            if let Err(error) = &told {
                eprintln!("poterne: warning: the journal does not know of it: {error}");
            }
            let answer = json!({
                "set": name,
                "entries": size,
                "recordings": recordings,
                "recordings_added": made.added,
                "recordings_altered": made.altered,
                "recordings_lost": lost,
                "bytes": made.bytes,
                "checkpoint": made.checkpoint,
                "journalled": told.is_ok(),
            });
            // The note stands by itself, as it is given back with --since: its lines are the last ones.
            print(json, &answer, |answer| {
                let mut rest = answer.clone();
                rest.as_object_mut().into_iter().for_each(|fields| drop(fields.remove("checkpoint")));
                output::fields(&rest);
                output::say("checkpoint, to be kept elsewhere:\n");
                output::say(made.checkpoint.trim_end());
            })
        }
        BackupVerb::Verify { set } => {
            let outside = Outside::read(&set.identity, &set.key, &set.since).map_err(failed)?;
            let found = backup::verify(&set.set, &outside).map_err(failed)?;
            found.wrong.iter().for_each(|wrong| output::say(&format!("WRONG  {}", output::visible(wrong))));
            found.notes.iter().for_each(|note| output::say(&format!("note   {}", output::visible(note))));
            output::say(&format!("       {} entries, {} recordings", found.entries, found.recordings));
            let count = found.wrong.len();
            if count > 0 {
                return Err(Failure::new(exit::DATA, format!("the backup does not hold: {count} findings")));
            }
            let each = match found.notes.is_empty() {
                true => "each recording is",
                false => "what is there of each recording (see the notes) is",
            };
            let journal = match set.since.is_empty() {
                true => "is signed by the key given",
                false => "continues the checkpoints given",
            };
            output::say(&format!(
                "HOLDS: every archive opens, {each} what its manifest says, and the journal {journal}"
            ));
            output::say(
                "       not checked: that these manifests are those that the journal names, which takes the vault's key; once it is restored, `poterne recording show` says so",
            );
            Ok(())
        }
        BackupVerb::Restore { set, vault_key, tombstones, older } => {
            let config = load(main, false)?;
            let outside = Outside::read(&set.identity, &set.key, &set.since).map_err(failed)?;
            let put = Put {
                set: &set.set,
                state: &config.site.state,
                outside: &outside,
                vault_key: &vault_key,
                tombstones: tombstones.as_deref(),
                older,
                now: SystemClock::start().now(),
            };
            let restored = backup::restore(&put).map_err(failed)?;
            output::say(&format!(
                "restored: {} entries, the last says so; {} lost, {} erased again",
                restored.entries, restored.lost, restored.erased
            ));
            output::say(&format!(
                "the journal goes on under a new key; keep it elsewhere, and the old one too:\n{}",
                restored.key
            ));
            output::say(
                "all access is cut: start the daemon, look at what is missing (`poterne status`), have two of the staff accept it\n(`poterne journal accept-rollback`), then `poterne lockdown off`",
            );
            Ok(())
        }
    }
}

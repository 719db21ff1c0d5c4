//! Who opens recordings: which keys open those that exist, and the change of keys for those to come
//! (REC-07, T8, T15).

use super::args::Json;
use super::commands::{Outcome, ask, load, print};
use super::output::{self, say};
use config::Config;
use lifecycle::order::{Failure, Order, exit};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml_edit::{Array, DocumentMut, Item, value};

/// A change of one of the two lists.
pub(super) struct Change {
    /// Its key in `[recordings]`.
    pub(super) key: &'static str,
    pub(super) add: Vec<String>,
    pub(super) remove: Vec<String>,
}

/// What opens one recording.
struct Locks {
    id: String,
    started: String,
    first: BTreeSet<String>,
    second: BTreeSet<String>,
}

impl Locks {
    fn all(rows: &Value) -> Vec<Locks> {
        let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let list = |row: &Value, name: &str| -> BTreeSet<String> {
            let all = row.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
            all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let of = |row: &Value| Locks {
            id: text(row, "id"),
            started: text(row, "started"),
            first: list(row, "recipients"),
            second: list(row, "second_recipients"),
        };
        // What was erased at its term opens to nobody, and is no loss of a key.
        let there = |row: &&Value| row.get("erased").is_none_or(Value::is_null);
        rows.as_array().map(|rows| rows.iter().filter(there).map(of).collect()).unwrap_or_default()
    }

    fn takes(&self, key: &str) -> bool {
        self.first.contains(key) || self.second.contains(key)
    }

    /// Whether nobody could open it any more without this key.
    fn lost_without(&self, key: &str) -> bool {
        [&self.first, &self.second].iter().any(|group| group.len() == 1 && group.contains(key))
    }
}

/// One that was mistyped would open nothing, and nothing would seem to be lost with it.
pub(super) fn recipient(text: &str) -> Result<age::x25519::Recipient, Failure> {
    text.parse().map_err(|_| {
        let shown = text.escape_default();
        Failure::new(
            exit::USAGE,
            format!("`{shown}` is not an age recipient: write the line `age1…` that age-keygen prints"),
        )
    })
}

pub(super) fn list(main: &Path, without: Option<&str>, as_json: Json) -> Outcome {
    if let Some(key) = without {
        recipient(key)?;
    }
    let recordings = Locks::all(&ask(main, &Order::RecordingList)?);
    if let Some(key) = without {
        let lost: Vec<Value> = recordings
            .iter()
            .filter(|one| one.lost_without(key))
            .map(|one| json!({ "id": one.id, "started": one.started }))
            .collect();
        let others = recordings.iter().filter(|one| one.takes(key)).count() - lost.len();
        return print(as_json, &Value::Array(lost.clone()), |rows| {
            output::table(rows, &["id", "started"]);
            say(&format!(
                "{} recordings open with this key alone; {others} others open with another one too",
                lost.len()
            ));
        });
    }
    let now = load(main, true)?.recordings;
    let mut keys: BTreeMap<(&str, &str), Vec<&Locks>> = BTreeMap::new();
    for (group, list) in [("first", &now.recipients), ("second", &now.second_recipients)] {
        for key in list {
            keys.entry((group, key)).or_default();
        }
    }
    for one in &recordings {
        for (group, list) in [("first", &one.first), ("second", &one.second)] {
            for key in list {
                keys.entry((group, key)).or_default().push(one);
            }
        }
    }
    let rows: Vec<Value> = keys
        .into_iter()
        .map(|((group, key), opens)| {
            let list = if group == "first" { &now.recipients } else { &now.second_recipients };
            json!({
                "key": key,
                "group": group,
                "now": list.iter().any(|one| one == key),
                "recordings": opens.len(),
                "alone": opens.iter().filter(|one| one.lost_without(key)).count(),
                "from": opens.iter().map(|one| one.started.as_str()).min(),
                "to": opens.iter().map(|one| one.started.as_str()).max(),
            })
        })
        .collect();
    print(as_json, &Value::Array(rows), |rows| {
        output::table(rows, &["key", "group", "now", "recordings", "alone", "from", "to"]);
    })
}

pub(super) fn rekey(main: &Path, changes: &[Change], reading: Option<String>, write: bool) -> Outcome {
    let failed = |error: &dyn std::fmt::Display| Failure::new(exit::DATA, format!("`{}`: {error}", main.display()));
    let before = load(main, true)?;
    let text = std::fs::read_to_string(main).map_err(|error| failed(&error))?;
    let mut document: DocumentMut = text.parse().map_err(|error| failed(&error))?;
    let missing = || failed(&"`[recordings]` is missing");
    let table = document.get_mut("recordings").and_then(Item::as_table_like_mut).ok_or_else(missing)?;
    if let Some(reading) = &reading {
        table.insert("reading", value(reading));
        if reading == "one-person" {
            table.remove("second-recipients");
        }
    }
    for change in changes.iter().filter(|change| !change.add.is_empty() || !change.remove.is_empty()) {
        let list = table.entry(change.key).or_insert_with(|| value(Array::new()));
        let list = list.as_array_mut().ok_or_else(|| failed(&format!("`recordings.{}` is no list", change.key)))?;
        for key in &change.remove {
            let there = list.iter().position(|one| one.as_str() == Some(key));
            let why = || {
                Failure::new(
                    exit::NO_INPUT,
                    format!("`{}` is not in `recordings.{}`", key.escape_default(), change.key),
                )
            };
            list.remove(there.ok_or_else(why)?);
        }
        for key in &change.add {
            if !list.iter().any(|one| one.as_str() == Some(key)) {
                list.push(key.as_str());
            }
        }
    }
    let after = document.to_string();
    // The loader judges it where it will stand, beside the other files, before it takes the place.
    let staged = main.with_extension("toml.new");
    let mode = std::fs::metadata(main).map_err(|error| failed(&error))?.permissions();
    std::fs::write(&staged, &after)
        .and_then(|()| std::fs::set_permissions(&staged, mode))
        .map_err(|error| failed(&error))?;
    let judged = load(&staged, true);
    if let (true, Ok(_)) = (write, &judged) {
        std::fs::rename(&staged, main).map_err(|error| failed(&error))?;
    } else {
        let _ = std::fs::remove_file(&staged);
    }
    let next = judged?;
    shown(&next);
    consequences(main, &before, &next);
    match write {
        true => say(&format!("{}: written; it holds with `poterne reload`, which journals it", main.display())),
        false => say("nothing was written: say --write to put this into the configuration"),
    }
    Ok(())
}

fn shown(next: &Config) {
    let list = |keys: &[String]| keys.iter().map(|key| format!("\"{key}\"")).collect::<Vec<_>>().join(", ");
    let recordings = &next.recordings;
    say(&format!("recipients = [{}]", list(&recordings.recipients)));
    if !recordings.second_recipients.is_empty() {
        say("reading = \"two-persons\"");
        say(&format!("second-recipients = [{}]", list(&recordings.second_recipients)));
    }
}

/// What the change means for what is sealed already. Without the daemon nobody knows which recordings
/// there are.
fn consequences(main: &Path, before: &Config, next: &Config) {
    let Ok(rows) = ask(main, &Order::RecordingList) else {
        say("# the daemon does not answer: `poterne recording recipients` tells later what the old keys open");
        return;
    };
    let recordings = Locks::all(&rows);
    let groups = |config: &Config| {
        let all = config.recordings.recipients.iter().chain(&config.recordings.second_recipients);
        all.cloned().collect::<BTreeSet<String>>()
    };
    let (old, new) = (groups(before), groups(next));
    for key in old.difference(&new) {
        let opens = recordings.iter().filter(|one| one.takes(key)).count();
        let alone = recordings.iter().filter(|one| one.lost_without(key)).count();
        say(&format!(
            "# {key} goes: it still opens {opens} recordings, {alone} of which nobody opens without it: keep it"
        ));
    }
    for key in new.difference(&old) {
        let opens = recordings.iter().filter(|one| one.takes(key)).count();
        say(&format!("# {key} comes: of the {} recordings there are it opens {opens}", recordings.len()));
    }
    if next.recordings.second_recipients.is_empty() && !before.recordings.second_recipients.is_empty() {
        say("# from now on one person reads alone; what was sealed to two still takes two");
    }
}

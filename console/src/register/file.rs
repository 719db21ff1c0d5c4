//! A file that was moved or changed, and what rang an alarm, as pages, exports and the API show them.

use crate::texts::Texts;
use jiff::Timestamp;
use lifecycle::{Alarm, AlarmRecord, FileDone, FileRecord};
use policy::Direction;
use serde::Serialize;
use std::net::SocketAddr;

/// A file that was moved, or something that was done to one.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FileView {
    /// When it was over.
    pub(super) at: Timestamp,
    pub(super) channel: u32,
    /// `moved`, or what else was done, such as `rename`.
    pub(super) did: &'static str,
    pub(super) path: String,
    /// The new name, what a link points to, or attributes.
    pub(super) to: String,
    /// Which way it went, if it was moved.
    pub(super) direction: Option<Direction>,
    pub(super) started: Option<Timestamp>,
    pub(super) bytes: Option<u64>,
    pub(super) sha256: Option<String>,
    /// Its bytes passed once each, from the first to the last: the digest is the file's own.
    pub(super) in_order: Option<bool>,
    /// The word for what came of it.
    pub(super) result: &'static str,
    /// The target's words, what a scanner calls it, or why there is no answer.
    pub(super) why: String,
    /// A copy of its content is in the recording.
    pub(super) kept: bool,
}

impl FileView {
    /// The view of one.
    pub(super) fn of(record: &FileRecord) -> Self {
        match &record.what {
            FileDone::Moved(file) => Self {
                at: record.at,
                channel: file.channel,
                did: "moved",
                path: file.path.clone(),
                to: String::new(),
                direction: Some(file.direction),
                started: Some(file.started),
                bytes: Some(file.bytes),
                sha256: Some(file.sha256.clone()),
                in_order: Some(file.in_order),
                result: file.result.word(),
                why: file.result.why().to_owned(),
                kept: file.kept,
            },
            FileDone::Changed(change) => Self {
                at: record.at,
                channel: change.channel,
                did: change.act.word(),
                path: change.path.clone(),
                to: change.to.clone(),
                direction: None,
                started: None,
                bytes: None,
                sha256: None,
                in_order: None,
                result: if change.failed.is_empty() { "done" } else { "failed" },
                why: change.failed.clone(),
                kept: false,
            },
        }
    }

    /// What was done, in words.
    pub(super) fn what(&self, texts: &Texts) -> String {
        let key = match self.direction {
            Some(Direction::ToTarget) => "file-to-target",
            Some(Direction::FromTarget) => "file-from-target",
            None => return texts.text(&format!("file-act-{}", self.did)),
        };
        texts.text(key)
    }

    /// What came of it, in words.
    pub(super) fn result(&self, texts: &Texts) -> String {
        match (self.direction, self.result) {
            (Some(Direction::FromTarget), "done") => texts.text("file-result-fetched"),
            (None, "done") => texts.text("file-result-changed"),
            (_, result) => texts.with(&format!("file-result-{result}"), &[("why", &self.why)]),
        }
    }

    /// How many bytes passed, in words.
    pub(super) fn size(&self, texts: &Texts) -> String {
        self.bytes.map_or_else(|| "–".to_owned(), |bytes| texts.bytes(bytes))
    }

    /// The digest is the file's own.
    pub(super) fn is_whole(&self) -> bool {
        self.in_order == Some(true)
    }

    /// It did not go as it was meant to.
    pub(super) fn is_bad(&self) -> bool {
        self.result != "done"
    }
}

/// Whether a file has this in its name or its new name. `wanted` is in small letters.
pub(super) fn named(record: &FileRecord, wanted: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(wanted);
    match &record.what {
        FileDone::Moved(file) => has(&file.path),
        FileDone::Changed(change) => has(&change.path) || has(&change.to),
    }
}

/// Something of which the hospital was told at once.
#[derive(Debug, Clone, Serialize)]
pub(super) struct AlarmView {
    pub(super) at: Timestamp,
    channel: u32,
    /// The word for it.
    alarm: &'static str,
    /// Where an SSH connection inside a tunnel went.
    to: Option<SocketAddr>,
    /// The file, where it was one.
    path: Option<String>,
    /// What a scanner calls it, or why it does not answer.
    why: String,
}

impl AlarmView {
    pub(super) fn of(record: &AlarmRecord) -> Self {
        let (alarm, to, path, why) = match &record.alarm {
            Alarm::SshInsideForward { to } => ("ssh-inside-forward", Some(*to), None, ""),
            Alarm::Infected { path, signature } => ("infected", None, Some(path.clone()), signature.as_str()),
            Alarm::ScannerGone { why } => ("scanner-gone", None, None, why.as_str()),
        };
        Self { at: record.at, channel: record.channel, alarm, to, path, why: why.to_owned() }
    }

    /// What it was, in words.
    pub(super) fn what(&self, texts: &Texts) -> String {
        let to = self.to.map(|to| to.to_string()).unwrap_or_default();
        let path = self.path.as_deref().unwrap_or_default();
        texts.with(&format!("alarm-{}", self.alarm), &[("to", &to), ("path", path), ("why", &self.why)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Language;
    use lifecycle::{FileAct, FileChange, FileMove, FileResult, SessionId};

    fn moved(direction: Direction, result: FileResult) -> FileRecord {
        let at: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let file = FileMove {
            session: SessionId::from_random([9; 8]),
            channel: 2,
            path: "/opt/Firmware\u{202e}.bin".to_owned(),
            direction,
            started: at,
            bytes: 7,
            sha256: "ab".repeat(32),
            in_order: true,
            result,
            kept: false,
        };
        FileRecord { at, what: FileDone::Moved(file) }
    }

    fn changed(act: FileAct, failed: &str) -> FileRecord {
        let change = FileChange {
            session: SessionId::from_random([9; 8]),
            channel: 2,
            act,
            path: "/etc/a".to_owned(),
            to: "/etc/B".to_owned(),
            failed: failed.to_owned(),
        };
        FileRecord { at: Timestamp::UNIX_EPOCH, what: FileDone::Changed(change) }
    }

    /// Every act, result and alarm has words in both languages, and the strangers' words in them are seen.
    #[test]
    fn what_came_of_a_file_is_told_in_plain_words() {
        for language in [Language::French, Language::English] {
            let texts = Texts::new(language, jiff::tz::TimeZone::UTC);
            let results = [
                FileResult::Done,
                FileResult::Failed { why: "no \u{1b}[31mspace".to_owned() },
                FileResult::Partial,
                FileResult::Infected { signature: "Eicar".to_owned() },
                FileResult::Unscanned { why: "no answer".to_owned() },
            ];
            let mut said = Vec::new();
            for result in results {
                for direction in [Direction::ToTarget, Direction::FromTarget] {
                    let view = FileView::of(&moved(direction, result.clone()));
                    said.extend([view.what(&texts), view.result(&texts)]);
                    assert_eq!(view.is_bad(), result != FileResult::Done);
                    // As the journal writes it.
                    let written = serde_json::to_value(&result).unwrap();
                    let word =
                        written.as_str().or_else(|| written.as_object().unwrap().keys().next().map(String::as_str));
                    assert_eq!(word, Some(result.word()));
                }
            }
            for act in [
                FileAct::Rename,
                FileAct::Remove,
                FileAct::MakeFolder,
                FileAct::RemoveFolder,
                FileAct::Link,
                FileAct::HardLink,
                FileAct::Attributes,
                FileAct::Copy,
            ] {
                // As the journal writes it.
                assert_eq!(serde_json::to_value(act).unwrap(), act.word());
                let view = FileView::of(&changed(act, ""));
                said.extend([view.what(&texts), view.result(&texts)]);
            }
            for alarm in [
                Alarm::SshInsideForward { to: "10.1.1.1:22".parse().unwrap() },
                Alarm::Infected { path: "/x".to_owned(), signature: "Eicar".to_owned() },
                Alarm::ScannerGone { why: "no answer".to_owned() },
            ] {
                let view = AlarmView::of(&AlarmRecord { at: Timestamp::UNIX_EPOCH, channel: 1, alarm });
                said.push(view.what(&texts));
            }
            let unsaid: Vec<&String> =
                said.iter().filter(|text| text.starts_with("file-") || text.starts_with("alarm-")).collect();
            assert!(unsaid.is_empty(), "{unsaid:?}");
            assert!(said.iter().any(|text| text.contains("no \\u{1b}[31mspace")), "{said:?}");
        }
    }

    #[test]
    fn files_are_found_by_a_part_of_their_names() {
        let file = moved(Direction::ToTarget, FileResult::Done);
        assert!(named(&file, "firmware") && !named(&file, "hardware"));
        assert!(named(&changed(FileAct::Rename, ""), "etc/b"));
    }
}

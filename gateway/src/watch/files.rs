//! What watchers see of the files of one channel: those under way, and the last that are over. Read out
//! of the recording, like everything they see (REC-12).

use console::wire::FileLine;
use lifecycle::{FileAct, FileResult};
use policy::Direction;
use serde::Deserialize;
use std::collections::{BTreeMap, VecDeque};

/// Files under way that are remembered; a client that opens more of them is not shown all.
const UNDER_WAY: usize = 256;
/// Of those, as many go to watchers, the oldest first.
const SHOWN: usize = 8;
/// Files that are over and still shown.
const OVER: usize = 8;
/// Characters of a path that watchers get: its end, where the name stands.
const LONGEST: usize = 200;

/// The files of one channel.
#[derive(Default)]
pub(super) struct Files {
    under_way: BTreeMap<u32, FileLine>,
    over: VecDeque<FileLine>,
    next: u64,
}

/// What a frame says of a file.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Told {
    Began {
        file: u32,
        path: String,
        direction: Direction,
    },
    Progress {
        file: u32,
        path: String,
        direction: Direction,
        bytes: u64,
        #[serde(default)]
        size: Option<u64>,
        #[serde(default)]
        held: bool,
    },
    Moved {
        file: u32,
        path: String,
        direction: Direction,
        bytes: u64,
        result: FileResult,
    },
    Changed {
        act: FileAct,
        path: String,
        to: String,
        failed: String,
    },
    Refused {
        what: String,
        why: String,
    },
}

/// The end of a path, where the name stands.
fn tail(path: &str) -> String {
    let count = path.chars().count();
    if count <= LONGEST {
        return path.to_owned();
    }
    std::iter::once('…').chain(path.chars().skip(count - LONGEST)).collect()
}

impl Files {
    /// Takes a frame. What it does not understand it leaves: the recording has it.
    pub(super) fn take(&mut self, data: &[u8]) {
        let Ok(told) = serde_json::from_slice(data) else { return };
        match told {
            Told::Began { file, path, direction } => {
                self.begin(file, &path, direction);
            }
            Told::Progress { file, path, direction, bytes, size, held } => {
                if let Some(line) = self.begin(file, &path, direction) {
                    line.bytes = bytes;
                    line.size = size;
                    (if held { "held" } else { "under-way" }).clone_into(&mut line.state);
                }
            }
            Told::Moved { file, path, direction, bytes, result } => {
                let begun = self.under_way.remove(&file);
                let mut line = begun.unwrap_or_else(|| self.line("moved", &path, Some(direction)));
                line.bytes = bytes;
                result.word().clone_into(&mut line.state);
                result.why().clone_into(&mut line.why);
                self.end(line);
            }
            Told::Changed { act, path, to, failed } => {
                let mut line = self.line(act.word(), &path, None);
                line.to = tail(&to);
                (if failed.is_empty() { "done" } else { "failed" }).clone_into(&mut line.state);
                line.why = failed;
                self.end(line);
            }
            Told::Refused { what, why } => {
                let mut line = self.line("refused", &what, None);
                "refused".clone_into(&mut line.state);
                line.why = why;
                self.end(line);
            }
        }
    }

    fn line(&mut self, did: &str, path: &str, direction: Option<Direction>) -> FileLine {
        self.next += 1;
        FileLine {
            n: self.next,
            did: did.to_owned(),
            path: tail(path),
            to: String::new(),
            direction,
            bytes: 0,
            size: None,
            state: "under-way".to_owned(),
            why: String::new(),
        }
    }

    /// The line of a file under way; `None`: there are too many.
    fn begin(&mut self, file: u32, path: &str, direction: Direction) -> Option<&mut FileLine> {
        if !self.under_way.contains_key(&file) && self.under_way.len() < UNDER_WAY {
            let line = self.line("moved", path, Some(direction));
            self.under_way.insert(file, line);
        }
        self.under_way.get_mut(&file)
    }

    fn end(&mut self, line: FileLine) {
        self.over.truncate(OVER - 1);
        self.over.push_front(line);
    }

    /// The channel is over: nothing is under way any more. What became of it was noted before.
    pub(super) fn close(&mut self) {
        self.under_way.clear();
    }

    /// Those that watchers see: under way first, then what is over, the newest first.
    pub(super) fn lines(&self) -> Vec<FileLine> {
        self.under_way.values().take(SHOWN).chain(&self.over).cloned().collect()
    }

    /// How many more are under way.
    pub(super) fn more(&self) -> usize {
        self.under_way.len().saturating_sub(SHOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn take(files: &mut Files, told: &Value) {
        files.take(told.to_string().as_bytes());
    }

    fn seen(files: &Files) -> Vec<(String, String, u64)> {
        files.lines().into_iter().map(|line| (line.path, line.state, line.bytes)).collect()
    }

    #[test]
    fn a_file_comes_goes_on_and_is_over() {
        let mut files = Files::default();
        take(&mut files, &json!({ "event": "began", "file": 1, "path": "/a", "direction": "to-target" }));
        assert_eq!(seen(&files), [("/a".to_owned(), "under-way".to_owned(), 0)]);
        take(
            &mut files,
            &json!({ "event": "progress", "file": 1, "path": "/a", "direction": "to-target", "bytes": 5, "size": 9,
                "held": true }),
        );
        assert_eq!(seen(&files), [("/a".to_owned(), "held".to_owned(), 5)]);
        assert_eq!(files.lines()[0].size, Some(9));
        let n = files.lines()[0].n;
        take(
            &mut files,
            &json!({ "event": "moved", "file": 1, "path": "/a", "direction": "to-target", "bytes": 9,
                "sha256": "", "in_order": true, "result": { "infected": { "signature": "Eicar" } }, "kept": false }),
        );
        assert_eq!(seen(&files), [("/a".to_owned(), "infected".to_owned(), 9)]);
        assert_eq!((files.lines()[0].n, files.lines()[0].why.as_str()), (n, "Eicar"));
    }

    /// What was under way comes first, then the newest of what is over; a flood of files stays a few lines.
    #[test]
    fn a_flood_stays_a_few_lines() {
        let mut files = Files::default();
        for n in 0..1000_u32 {
            take(&mut files, &json!({ "event": "began", "file": n, "path": n.to_string(), "direction": "to-target" }));
            take(
                &mut files,
                &json!({ "event": "changed", "act": "rename", "path": format!("x{n}"), "to": "y", "failed": "" }),
            );
        }
        let lines = files.lines();
        assert_eq!((lines.len(), files.more()), (SHOWN + OVER, UNDER_WAY - SHOWN));
        assert_eq!((lines[0].path.as_str(), lines[SHOWN].path.as_str()), ("0", "x999"));
        assert_eq!((lines[SHOWN].did.as_str(), lines[SHOWN].to.as_str()), ("rename", "y"));
        files.close();
        assert_eq!((files.lines().len(), files.more()), (OVER, 0));
    }

    #[test]
    fn what_is_refused_and_what_is_no_event_of_ours() {
        let mut files = Files::default();
        files.take(b"\xff\xfe");
        take(&mut files, &json!({ "event": "something else" }));
        assert!(files.lines().is_empty());
        take(&mut files, &json!({ "event": "refused", "what": "sftp open for writing", "why": "not granted" }));
        assert_eq!(seen(&files), [("sftp open for writing".to_owned(), "refused".to_owned(), 0)]);
    }

    #[test]
    fn of_a_long_path_the_name_is_left() {
        let path = format!("/{}/name.bin", "é".repeat(1000));
        assert!(tail(&path).starts_with('…') && tail(&path).ends_with("/name.bin"));
        assert_eq!(tail(&path).chars().count(), LONGEST + 1);
    }
}

//! A program in a terminal, driven as a person would: wait for what it shows, then type.

use crate::PATIENCE;
use regex::Regex;
use std::io::{Read as _, Write as _};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Seen {
    text: String,
    ended: bool,
}

/// A running program and its terminal.
pub struct Terminal {
    child: Child,
    pty: Arc<pty_process::blocking::Pty>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    /// How far [`Terminal::expect`] has read.
    read: usize,
}

impl Terminal {
    /// Starts a program of this name with these arguments in a terminal of 24 × 100.
    pub fn start<S: AsRef<str>>(program: &str, args: &[S]) -> Terminal {
        let (pty, pts) = pty_process::blocking::open().expect("a pty");
        pty.resize(pty_process::Size::new(24, 100)).expect("a size");
        let command = pty_process::blocking::Command::new(program)
            .args(args.iter().map(AsRef::as_ref))
            .env("TERM", "xterm")
            .env("LC_ALL", "C.UTF-8");
        let child = command.spawn(pts).unwrap_or_else(|error| panic!("{program}: {error}"));
        let pty = Arc::new(pty);
        let seen = Arc::new((Mutex::new(Seen::default()), Condvar::new()));
        let (reader, shared) = (pty.clone(), seen.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                let count = (&*reader).read(&mut buffer).unwrap_or(0);
                let mut seen = shared.0.lock().expect("not poisoned");
                seen.text.push_str(&String::from_utf8_lossy(&buffer[..count]));
                seen.ended = count == 0;
                shared.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Terminal { child, pty, seen, read: 0 }
    }

    /// Waits until what is shown matches, and gives the capture groups. Reading goes on behind it.
    pub fn expect(&mut self, pattern: &str) -> Vec<String> {
        self.expect_within(pattern, PATIENCE)
            .unwrap_or_else(|shown| panic!("waited for {pattern:?}, but there is:\n{shown}"))
    }

    /// The same with a time; the error is what is shown instead.
    pub fn expect_within(&mut self, pattern: &str, patience: Duration) -> Result<Vec<String>, String> {
        let pattern = Regex::new(pattern).expect("a pattern");
        let until = Instant::now() + patience;
        let (lock, changed) = &*self.seen;
        let mut seen = lock.lock().expect("not poisoned");
        loop {
            let rest = seen.text.get(self.read..).unwrap_or_default();
            if let Some(found) = pattern.captures(rest) {
                let end = found.get(0).map_or(0, |whole| whole.end());
                let groups = found
                    .iter()
                    .skip(1)
                    .map(|group| group.map_or(String::new(), |group| group.as_str().to_owned()))
                    .collect();
                self.read += end;
                return Ok(groups);
            }
            let left = until.saturating_duration_since(Instant::now());
            if seen.ended || left.is_zero() {
                return Err(rest.to_owned());
            }
            seen = changed.wait_timeout(seen, left).expect("not poisoned").0;
        }
    }

    /// Whether the program has closed its terminal.
    pub fn has_ended(&self) -> bool {
        self.seen.0.lock().expect("not poisoned").ended
    }

    /// Everything shown so far.
    pub fn shown(&self) -> String {
        self.seen.0.lock().expect("not poisoned").text.clone()
    }

    /// Types, with the Enter key behind it.
    pub fn type_line(&mut self, text: &str) {
        self.type_raw(format!("{text}\r").as_bytes());
    }

    /// Types these bytes.
    pub fn type_raw(&mut self, bytes: &[u8]) {
        (&*self.pty).write_all(bytes).expect("a terminal that takes input");
    }

    /// Changes the size of the window.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.pty.resize(pty_process::Size::new(rows, columns)).expect("a size");
    }

    /// The program's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the program's end.
    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < until, "did not end; it shows:\n{}", self.shown());
            // A child's end has no event that can be waited for with a limit.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the program.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.kill();
    }
}

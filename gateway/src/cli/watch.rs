//! `poterne session watch`: the whole screen at once, then as it goes on; freeze, resume and cut from
//! the keyboard; and now and then something to type, so that a forgotten window watches nobody.

use super::commands::{Outcome, load, socket};
use super::output;
use super::paint::{Footer, Key, Stage, keys};
use crate::ctl::client;
use crate::ctl::protocol::{Failure, Proof, Request, exit};
use crate::texts::Texts;
use crate::watch::wire::{FromWatcher, Hello, Picture, ToWatcher};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a word stays in the help line.
const SAID: Duration = Duration::from_secs(4);

enum Happened {
    Said(Box<ToWatcher>),
    Typed(Vec<u8>),
    Gone,
}

/// What is being typed.
enum Typing {
    Nothing,
    Answer { question: String, typed: String },
    Reason { typed: String },
}

pub(super) fn watch(main: &Path, id: String, proof: Option<Proof>) -> Outcome {
    let texts = match load(main, true) {
        Ok(config) => Texts::new(config.site.language, config.site.zone),
        // A mistake in the files must not keep anybody from watching.
        Err(_) => Texts::new(config::Language::default(), jiff::tz::TimeZone::system()),
    };
    let stream = client::open(&socket(main)?, &Request::SessionWatch { id, proof })?;
    let mut window = Window::open(stream, texts)?;
    let ended = window.run();
    drop(window);
    if let Some(text) = ended {
        output::say(&output::visible(&text));
    }
    Ok(())
}

struct Window {
    stage: Stage,
    texts: Texts,
    writer: UnixStream,
    happened: mpsc::Receiver<Happened>,
    hello: Option<Hello>,
    picture: Option<Picture>,
    cursor: Option<(usize, usize)>,
    size: (usize, usize),
    typing: Typing,
    said: Option<(String, Instant)>,
}

impl Window {
    fn open(stream: BufReader<UnixStream>, texts: Texts) -> Result<Self, Failure> {
        let writer = stream.get_ref().try_clone().map_err(|error| Failure::new(exit::UNAVAILABLE, error))?;
        let stage = Stage::enter()?;
        let (send, happened) = mpsc::channel();
        let from_daemon = send.clone();
        std::thread::spawn(move || {
            for line in stream.lines().map_while(Result::ok) {
                let Ok(said) = serde_json::from_str(&line) else { break };
                if from_daemon.send(Happened::Said(Box::new(said))).is_err() {
                    return;
                }
            }
            let _ = from_daemon.send(Happened::Gone);
        });
        std::thread::spawn(move || {
            let mut buffer = [0; 256];
            while let Ok(count) = std::io::stdin().lock().read(&mut buffer) {
                let bytes = buffer.get(..count).unwrap_or_default().to_vec();
                if count == 0 || send.send(Happened::Typed(bytes)).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            stage,
            texts,
            writer,
            happened,
            hello: None,
            picture: None,
            cursor: None,
            size: (0, 0),
            typing: Typing::Nothing,
            said: None,
        })
    }

    /// Gives why it ended, where the watcher did not end it.
    fn run(&mut self) -> Option<String> {
        loop {
            match self.happened.recv() {
                Ok(Happened::Said(said)) => match *said {
                    ToWatcher::Hello(hello) => self.hello = Some(hello),
                    ToWatcher::Frame(picture) => self.frame(*picture),
                    ToWatcher::Challenge { text, .. } => {
                        let question = self.texts.with("watch-challenge", &[("text", &text)]);
                        self.typing = Typing::Answer { question, typed: String::new() };
                        // Heard by whoever looks elsewhere.
                        let _ = std::io::stdout().write_all(b"\x07");
                        self.paint();
                    }
                    ToWatcher::Answered(right) => {
                        let key = if right { "watch-challenge-right" } else { "watch-challenge-wrong" };
                        self.say(self.texts.text(key));
                    }
                    ToWatcher::Said(text) => self.say(text),
                    ToWatcher::Ended(text) => return Some(text),
                },
                Ok(Happened::Typed(bytes)) => {
                    for key in keys(&bytes) {
                        if !self.key(key) {
                            return None;
                        }
                    }
                    self.paint();
                }
                Ok(Happened::Gone) | Err(_) => return Some(self.texts.text("end-connection-lost")),
            }
        }
    }

    fn send(&mut self, what: &FromWatcher) {
        let mut line = serde_json::to_vec(what).unwrap_or_default();
        line.push(b'\n');
        // A daemon that is gone is heard of by the reading thread.
        let _ = self.writer.write_all(&line);
    }

    fn say(&mut self, text: String) {
        self.said = Some((text, Instant::now()));
        self.paint();
    }

    /// Takes a picture, paints it, and says so: in that order, since the answer means it was painted.
    fn frame(&mut self, mut picture: Picture) {
        if let Some(change) = picture.screen.take() {
            self.size = (change.columns, change.height);
            self.cursor = change.cursor;
            if self.picture.as_ref().is_none_or(|before| before.shown != picture.shown) {
                self.stage.clear();
            }
            self.stage.resize(change.height);
            for (n, row) in change.rows {
                self.stage.set_row(n, row);
            }
        } else if self.picture.as_ref().is_some_and(|before| before.shown != picture.shown) {
            self.stage.clear();
            self.cursor = None;
        }
        let n = picture.n;
        self.picture = Some(picture);
        self.paint();
        self.send(&FromWatcher::Ack(n));
    }

    fn key(&mut self, key: Key) -> bool {
        match (&mut self.typing, key) {
            (Typing::Nothing, Key::Char('q')) => return false,
            (Typing::Nothing, Key::Char('f')) => self.send(&FromWatcher::Freeze),
            (Typing::Nothing, Key::Char('r')) => self.send(&FromWatcher::Resume),
            (Typing::Nothing, Key::Char('x')) => self.typing = Typing::Reason { typed: String::new() },
            (Typing::Nothing, Key::Tab) => self.next_channel(),
            (Typing::Nothing, _) => {}
            (Typing::Reason { .. }, Key::Escape) => self.typing = Typing::Nothing,
            (Typing::Answer { typed, .. } | Typing::Reason { typed }, Key::Backspace) => {
                typed.pop();
            }
            (Typing::Answer { typed, .. } | Typing::Reason { typed }, Key::Char(c)) if !c.is_control() => typed.push(c),
            (Typing::Answer { .. } | Typing::Reason { .. }, Key::Enter) => {
                let what = match std::mem::replace(&mut self.typing, Typing::Nothing) {
                    Typing::Answer { typed, .. } => FromWatcher::Answer(typed),
                    Typing::Reason { typed } => FromWatcher::Cut(typed),
                    Typing::Nothing => return true,
                };
                self.send(&what);
            }
            _ => {}
        }
        true
    }

    fn next_channel(&mut self) {
        let Some(picture) = &self.picture else { return };
        let open: Vec<u32> = picture.channels.iter().filter(|one| !one.ended).map(|one| one.number).collect();
        let at = picture.shown.and_then(|shown| open.iter().position(|one| *one == shown)).unwrap_or(0);
        if let Some(next) = open.get((at + 1) % open.len().max(1)) {
            let next = *next;
            self.send(&FromWatcher::Show(next));
        }
    }

    fn paint(&mut self) {
        let (state, help) = (self.state_line(), self.help_line());
        let shown = self.picture.as_ref().and_then(|picture| {
            picture.channels.iter().find(|channel| Some(channel.number) == picture.shown).map(|one| one.terminal)
        });
        if shown == Some(false) {
            let lines = self.channel_lines();
            self.stage.clear();
            self.stage.resize(lines.len());
            for (n, text) in lines.into_iter().enumerate() {
                let style = recorder::Style::default();
                self.stage.set_row(n, vec![recorder::Run { text: output::visible(&text), style }]);
            }
            self.cursor = None;
        }
        self.stage.paint(self.cursor, &Footer { state: &state, help: &help });
    }

    /// Where there is no terminal: every channel with what moved on it.
    fn channel_lines(&self) -> Vec<String> {
        let Some(picture) = &self.picture else { return Vec::new() };
        let mut lines = vec![self.texts.text("watch-no-terminal"), String::new()];
        lines.extend(picture.channels.iter().map(|one| {
            let mark = if one.ended { "-" } else { "*" };
            format!("{mark} {}  {}  in {}  out {}", one.number, one.what, bytes(one.bytes_in), bytes(one.bytes_out))
        }));
        lines
    }

    fn state_line(&self) -> String {
        let mut parts = Vec::new();
        if let Some(picture) = &self.picture {
            let state = self.texts.text(match picture.state.as_str() {
                "frozen" => "watch-frozen",
                "ended" => "watch-ended",
                _ => "watch-live",
            });
            parts.push(picture.why.as_ref().map_or(state.clone(), |why| format!("{state} ({why})")));
        }
        if let Some(hello) = &self.hello {
            parts.push(format!("{} {} -> {}", hello.intervention, hello.name, hello.target));
            if !hello.counts {
                parts.push(self.texts.text("watch-not-counting"));
            }
        }
        if let Some(picture) = &self.picture {
            let open = picture.channels.iter().filter(|one| !one.ended).count();
            if open > 1 {
                parts.push(format!("[{}/{open}]", picture.shown.unwrap_or_default()));
            }
            parts.push(match picture.watchers.as_slice() {
                [] => self.texts.text("watch-nobody"),
                names => self.texts.with("watch-watchers", &[("names", &names.join(", "))]),
            });
            parts.push(self.texts.with("watch-left", &[("minutes", &(picture.left / 60).to_string())]));
            if picture.behind > 1000 {
                parts.push(self.texts.with("watch-behind", &[("seconds", &(picture.behind / 1000).to_string())]));
            }
            if picture.skipped > 0 {
                parts.push(self.texts.with("watch-skipped", &[("count", &picture.skipped.to_string())]));
            }
            let (columns, rows) = Stage::size();
            if self.size.0 > columns || self.size.1 + 2 > rows {
                let (theirs, high) = (self.size.0.to_string(), self.size.1.to_string());
                parts.push(self.texts.with("watch-too-small", &[("columns", &theirs), ("rows", &high)]));
            }
        }
        parts.join(" | ")
    }

    fn help_line(&self) -> String {
        match &self.typing {
            Typing::Answer { question, typed } => format!("{question} {typed}_"),
            Typing::Reason { typed } => format!("{} {typed}_", self.texts.text("watch-cut-reason")),
            Typing::Nothing => match &self.said {
                Some((text, when)) if when.elapsed() < SAID => text.clone(),
                _ => self.texts.text("watch-keys"),
            },
        }
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{} kB", count / 1000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

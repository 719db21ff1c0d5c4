//! `poterne session watch`: the whole screen at once, then as it goes on; freeze, resume and cut from
//! the keyboard; and now and then something to type, so that a forgotten window watches nobody.

use super::commands::{Outcome, load, socket};
use super::output;
use super::paint::{Footer, Key, Stage, keys};
use super::watched;
use crate::ctl::client;
use crate::texts::Texts;
use console::wire::{FromWatcher, Hello, Picture, ToWatcher, WatchEnd, Word};
use lifecycle::order::{Failure, Order, Proof, exit};
use lifecycle::{EndCause, FreezeCause};
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

pub(super) fn watch(main: &Path, id: String, proof: Option<Proof>) -> Outcome {
    let texts = match load(main, true) {
        Ok(config) => Texts::new(config.site.language, config.site.zone),
        // A mistake in the files must not keep anybody from watching.
        Err(_) => Texts::new(config::Language::default(), jiff::tz::TimeZone::system()),
    };
    let (_, stream) = client::open(&socket(main)?, &Order::SessionWatch { id, proof })?;
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
    /// A challenge that stands, and what was typed of its answer.
    challenge: Option<(String, String)>,
    /// The reason of a cut, while it is typed. It goes before a challenge: nothing keeps a hand from the
    /// brake.
    reason: Option<String>,
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
            challenge: None,
            reason: None,
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
                        self.challenge = Some((question, String::new()));
                        // Heard by whoever looks elsewhere.
                        let _ = std::io::stdout().write_all(b"\x07");
                        self.paint();
                    }
                    ToWatcher::Answered(right) => {
                        let key = if right { "watch-challenge-right" } else { "watch-challenge-wrong" };
                        self.say(self.texts.text(key));
                    }
                    ToWatcher::Joined { session, from } => {
                        // Heard by whoever looks elsewhere: nothing of it moves before somebody watches it.
                        let _ = std::io::stdout().write_all(b"\x07");
                        self.say(self.texts.with("watch-said-joined", &[("id", &session), ("from", &from)]));
                    }
                    ToWatcher::Said(word) => self.say(self.word(word)),
                    // This window does not look back: it never asks.
                    ToWatcher::History { .. } => {}
                    ToWatcher::Ended(end) => return Some(self.end(&end)),
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

    fn word(&self, word: Word) -> String {
        let id = self.hello.as_ref().map_or("", |hello| hello.session.as_str());
        let key = match word {
            Word::NotApprover => "watch-said-not-approver",
            Word::Waits => "watch-said-waits",
            Word::Others => "watch-said-others",
            Word::NotFrozen => "watch-said-not-frozen",
        };
        self.texts.with(key, &[("id", id)])
    }

    /// Said to who watches: the texts of the technician name them as "you".
    fn end(&self, end: &WatchEnd) -> String {
        let cause = match end {
            WatchEnd::Session(cause) => cause,
            WatchEnd::NotAnyMore => return self.texts.text("watch-said-not-any-more"),
            WatchEnd::Unreadable => return self.texts.text("watch-said-unreadable"),
        };
        let reason = match cause {
            EndCause::Technician => self.texts.text("watch-end-technician"),
            EndCause::ConnectionLost => self.texts.text("watch-end-connection-lost"),
            EndCause::Disabled => self.texts.text("watch-end-disabled"),
            EndCause::VendorFrozen => self.texts.text("watch-end-vendor-frozen"),
            EndCause::ClientFault => self.texts.text("watch-end-client-fault"),
            cause => self.texts.end(cause),
        };
        self.texts.with("notice-ended", &[("reason", &reason)])
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

    /// `false`: leave.
    fn key(&mut self, key: Key) -> bool {
        match key {
            Key::Leave => return false,
            Key::Freeze => self.send(&FromWatcher::Freeze),
            Key::Resume => self.send(&FromWatcher::Resume),
            Key::Cut => self.reason = Some(self.reason.take().unwrap_or_default()),
            key if self.reason.is_some() => self.type_reason(key),
            key if self.challenge.is_some() => self.type_answer(key),
            Key::Char('q') => return false,
            Key::Char('f') => self.send(&FromWatcher::Freeze),
            Key::Char('r') => self.send(&FromWatcher::Resume),
            Key::Char('x') => self.reason = Some(String::new()),
            Key::Tab => self.next_channel(),
            _ => {}
        }
        true
    }

    fn type_reason(&mut self, key: Key) {
        let Some(typed) = &mut self.reason else { return };
        match key {
            Key::Escape => self.reason = None,
            Key::Backspace => {
                typed.pop();
            }
            Key::Char(c) if !c.is_control() => typed.push(c),
            Key::Enter => {
                let reason = self.reason.take().unwrap_or_default();
                self.send(&FromWatcher::Cut(reason));
            }
            _ => {}
        }
    }

    fn type_answer(&mut self, key: Key) {
        let Some((_, typed)) = &mut self.challenge else { return };
        match key {
            Key::Escape => typed.clear(),
            Key::Backspace => {
                typed.pop();
            }
            Key::Char(c) if !c.is_control() => typed.push(c),
            Key::Enter => {
                let answer = self.challenge.take().map(|(_, typed)| typed).unwrap_or_default();
                self.send(&FromWatcher::Answer(answer));
            }
            _ => {}
        }
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
        let (strip, state, help) = (self.strip_line(), self.state_line(), self.help_line());
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
        self.stage.paint(self.cursor, &Footer { strip: &strip, state: &state, help: &help });
    }

    /// Where there is no terminal: every channel with what moved on it.
    fn channel_lines(&self) -> Vec<String> {
        let Some(picture) = &self.picture else { return Vec::new() };
        let mut lines = vec![self.texts.text("watch-no-terminal"), String::new()];
        lines.extend(picture.channels.iter().flat_map(|one| watched::lines(&self.texts, one)));
        lines
    }

    /// What goes on beside the channel that is shown, for a while after it ended too (T20).
    fn strip_line(&self) -> String {
        const STILL_SHOWN: i64 = 15;
        let Some(picture) = &self.picture else { return String::new() };
        let others = picture.channels.iter().rev().filter(|one| Some(one.number) != picture.shown);
        let recent = others.filter(|one| !one.ended || one.quiet <= STILL_SHOWN);
        let shown: Vec<String> = recent.map(|one| watched::in_strip(&self.texts, one)).collect();
        shown.join("  ")
    }

    /// By weight: where the window is narrow, what stands last is cut off.
    fn state_line(&self) -> String {
        let mut parts = Vec::new();
        let Some(picture) = &self.picture else { return String::new() };
        let state = self.texts.text(match picture.state.as_str() {
            "frozen" => "watch-frozen",
            "ended" => "watch-ended",
            _ => "watch-live",
        });
        parts.push(picture.why.as_ref().map_or(state.clone(), |why| format!("{state} ({})", self.why(why))));
        parts.push(self.texts.with("watch-left", &[("minutes", &(picture.left / 60).to_string())]));
        if picture.behind > 1000 {
            parts.push(self.texts.with("watch-behind", &[("seconds", &(picture.behind / 1000).to_string())]));
        }
        if self.hello.as_ref().is_some_and(|hello| !hello.counts) {
            parts.push(self.texts.text("watch-not-counting"));
        }
        let open = picture.channels.iter().filter(|one| !one.ended).count();
        if open > 1 {
            parts.push(format!("[{}/{open}]", picture.shown.unwrap_or_default()));
        }
        parts.push(match picture.watchers.as_slice() {
            [] => self.texts.text("watch-nobody"),
            names => self.texts.with("watch-watchers", &[("names", &names.join(", "))]),
        });
        let (columns, rows) = Stage::size();
        if self.size.0 > columns || self.size.1 + 2 > rows {
            let (theirs, high) = (self.size.0.to_string(), self.size.1.to_string());
            parts.push(self.texts.with("watch-too-small", &[("columns", &theirs), ("rows", &high)]));
        }
        if let Some(hello) = &self.hello {
            parts.push(format!("{} {} -> {}", hello.intervention, hello.name, hello.target));
        }
        if picture.skipped > 0 {
            parts.push(self.texts.with("watch-skipped", &[("count", &picture.skipped.to_string())]));
        }
        parts.join(" | ")
    }

    fn why(&self, cause: &FreezeCause) -> String {
        match cause {
            FreezeCause::Unwatched => self.texts.text("watch-why-unwatched"),
            FreezeCause::Staff(who) => who.to_string(),
            FreezeCause::Quota => self.texts.text("watch-why-quota"),
            FreezeCause::Journal => self.texts.text("watch-why-journal"),
        }
    }

    fn help_line(&self) -> String {
        let said = self.said.as_ref().filter(|(_, when)| when.elapsed() < SAID).map(|(text, _)| text.as_str());
        match (&self.reason, &self.challenge, said) {
            (Some(typed), ..) => format!("{} {typed}_", self.texts.text("watch-cut-reason")),
            (None, Some((question, typed)), said) => {
                let said = said.map_or(String::new(), |said| format!("{said} "));
                format!("{said}{question} {typed}_  {}", self.texts.text("watch-keys-always"))
            }
            (None, None, Some(said)) => said.to_owned(),
            (None, None, None) => self.texts.text("watch-keys"),
        }
    }
}

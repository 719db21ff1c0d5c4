//! The red button (D18, EMG-04): a file in two places, read before the port opens. It acts before
//! the journal is asked, and works when the journal is gone.
//!
//! It is lifted whole, or by groups first: equipment of which every group was named is open again while
//! the rest stays cut (EMG-05). What is open again must stand in both files; what is cut, in one.

use crate::registrar::Core;
use crate::site::{Paths, Site};
use jiff::Timestamp;
use lifecycle::{Actor, Command, EndCause, Event, Intervention, InterventionState, WithdrawCause};
use policy::GroupId;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// How often it is looked whether somebody laid a file by hand, or by the command line while nothing
/// answered there. Real time.
const LOOK: Duration = Duration::from_secs(1);

/// How much is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Off,
    /// All but the equipment of these groups.
    On(BTreeSet<GroupId>),
}

/// What holds now. Never locked while a disk is waited for: the button waits for nothing.
struct Now {
    stage: Stage,
    /// How often it began: an end that was decided before the last beginning is none.
    begun: u64,
}

/// Whether all access is cut.
pub struct Lockdown {
    files: [PathBuf; 2],
    now: Mutex<Now>,
    /// Held while the files are written or removed: when each was written last. Whoever touches one since then
    /// presses the button.
    written: Mutex<[Option<SystemTime>; 2]>,
    /// Whether nothing at all may come in.
    shut: watch::Sender<bool>,
    /// Why, as it was last said: whoever asks must not wait for a disk that hangs.
    text: Mutex<String>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one of the files says. A file that somebody made by hand, empty, says enough.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Content {
    reason: String,
    since: Option<Timestamp>,
    reopened: BTreeSet<GroupId>,
}

impl Content {
    /// Before the first line that is one of the program's own, all is the reason.
    fn parse(text: &str) -> Self {
        let mut reason = Vec::new();
        let (mut since, mut reopened) = (None, BTreeSet::new());
        for line in text.lines() {
            if let Some(at) = line.strip_prefix("since: ") {
                since = at.parse().ok();
            } else if let Some(group) = line.strip_prefix("reopened: ") {
                reopened.extend(group.parse::<GroupId>().ok());
            } else {
                reason.push(line);
            }
        }
        Self { reason: reason.join("\n").trim().to_owned(), since, reopened }
    }

    fn read(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).ok()?;
        let changed = fs::metadata(file).ok()?.modified().ok()?;
        let content = Self::parse(&text);
        Some(Self { since: content.since.or(Timestamp::try_from(changed).ok()), ..content })
    }

    fn text(&self) -> String {
        // The reason is one line: what a person wrote must not pass for a line of the program's.
        let mut text = self.reason.replace(['\n', '\r'], " ");
        text.push('\n');
        if let Some(since) = self.since {
            text.push_str(&format!("since: {since}\n"));
        }
        for group in &self.reopened {
            text.push_str(&format!("reopened: {group}\n"));
        }
        text
    }
}

/// The two places of the file.
fn places(paths: &Paths) -> [PathBuf; 2] {
    [paths.state().join("lockdown"), paths.vault().join("lockdown")]
}

/// Lays the files while no daemon answers: the next start finds them, and so does one that runs and does not
/// answer, within a second. An error says that neither could be written.
pub(crate) fn lay(paths: &Paths, reason: &str, at: Timestamp) -> io::Result<()> {
    let content = Content { reason: reason.to_owned(), since: Some(at), reopened: BTreeSet::new() };
    let outcomes: [io::Result<()>; 2] = places(paths).map(|file| {
        let folder = file.parent().map(fs::metadata).transpose()?;
        write(&file, &content)?;
        // Root lays it, and the daemon's user has to be able to remove it.
        folder.map_or(Ok(()), |folder| std::os::unix::fs::chown(&file, Some(folder.uid()), Some(folder.gid())))
    });
    if outcomes.iter().any(Result::is_ok) { Ok(()) } else { outcomes.into_iter().collect() }
}

impl Lockdown {
    /// As the last run left it: either file is enough.
    pub fn read(paths: &Paths) -> Self {
        let files = places(paths);
        // A file that cannot be looked at counts as there.
        let on = files.iter().any(|file| file.try_exists().unwrap_or(true));
        // Both have to say what is open again.
        let contents = files.each_ref().map(|file| Content::read(file));
        let reopened = match &contents {
            [Some(one), Some(other)] => one.reopened.intersection(&other.reopened).cloned().collect(),
            _ => BTreeSet::new(),
        };
        let stage = if on { Stage::On(reopened) } else { Stage::Off };
        let text = contents.into_iter().flatten().next().map(|content| content.reason).unwrap_or_default();
        let shut = stage == Stage::On(BTreeSet::new());
        Self {
            now: Mutex::new(Now { stage, begun: 0 }),
            written: Mutex::new(times(&files)),
            shut: watch::Sender::new(shut),
            text: Mutex::new(text),
            files,
        }
    }

    /// Whether it is on, if only for part of the equipment.
    pub fn is_on(&self) -> bool {
        locked(&self.now).stage != Stage::Off
    }

    /// Groups whose equipment is open again while it is on. `None`: it is off.
    pub fn open(&self) -> Option<BTreeSet<GroupId>> {
        match &locked(&self.now).stage {
            Stage::Off => None,
            Stage::On(reopened) => Some(reopened.clone()),
        }
    }

    /// The same, and none while it is off.
    pub fn reopened(&self) -> BTreeSet<GroupId> {
        self.open().unwrap_or_default()
    }

    /// Whether it holds equipment for which these groups answer: all of them have to be open again.
    pub fn bars(&self, groups: &BTreeSet<GroupId>) -> bool {
        match &locked(&self.now).stage {
            Stage::Off => false,
            Stage::On(reopened) => lifecycle::is_cut(Some(reopened), groups),
        }
    }

    /// Told of each change of whether nothing at all may come in.
    pub fn changes(&self) -> watch::Receiver<bool> {
        self.shut.subscribe()
    }

    /// Returns once nothing at all may come in.
    pub async fn began(&self) {
        let mut shut = self.shut.subscribe();
        if shut.wait_for(|shut| *shut).await.is_err() {
            std::future::pending().await
        }
    }

    /// Cuts all access, now. Waits for nothing.
    pub fn press(&self) {
        let mut now = locked(&self.now);
        now.begun += 1;
        self.enter(&mut now, Stage::On(BTreeSet::new()));
    }

    fn enter(&self, now: &mut Now, stage: Stage) {
        let shut = stage == Stage::On(BTreeSet::new());
        now.stage = stage;
        self.shut.send_replace(shut);
    }

    /// Enters a stage unless it was pressed since this count.
    fn enter_unless_pressed(&self, pressed: u64, stage: Stage) -> io::Result<()> {
        let mut now = locked(&self.now);
        if now.begun != pressed {
            return Err(io::Error::other("it was pressed anew meanwhile"));
        }
        self.enter(&mut now, stage);
        Ok(())
    }

    /// How often it was pressed so far.
    pub fn pressed(&self) -> u64 {
        locked(&self.now).begun
    }

    /// Why, from memory. Empty where nobody said, or the files cannot be read.
    pub fn text(&self) -> String {
        locked(&self.text).clone()
    }

    /// Why, and since when, as the files say.
    pub fn reason(&self) -> Option<(String, Timestamp)> {
        self.files.iter().find_map(|file| {
            let content = Content::read(file)?;
            Some((content.reason, content.since?))
        })
    }

    /// Cuts all access, and keeps it cut across restarts. An error says that a restart might not
    /// remember it; it holds all the same. Waits on the disk.
    pub fn begin(&self, reason: &str, at: Timestamp) -> io::Result<()> {
        *locked(&self.text) = reason.to_owned();
        self.press();
        let content = Content { reason: reason.to_owned(), since: Some(at), reopened: BTreeSet::new() };
        let mut written = locked(&self.written);
        let outcomes = self.files.each_ref().map(|file| write(file, &content));
        *written = times(&self.files);
        if outcomes.iter().any(Result::is_ok) { Ok(()) } else { outcomes.into_iter().collect() }
    }

    /// Opens the equipment of a group again, unless it was pressed anew since this count. Both files say so
    /// before anything opens.
    pub fn reopen(&self, group: GroupId, pressed: u64) -> io::Result<()> {
        let mut written = locked(&self.written);
        if self.pressed() != pressed {
            return Err(io::Error::other("it was pressed anew meanwhile"));
        }
        // Laid from outside a moment ago, and not looked at yet.
        if *written != times(&self.files) {
            return Err(io::Error::other("its file was laid anew meanwhile"));
        }
        let mut reopened = self.reopened();
        reopened.insert(group);
        let (reason, since) = self.reason().unzip();
        let content = Content { reason: reason.unwrap_or_else(|| self.text()), since, reopened: reopened.clone() };
        // CRASH: between the two, one file alone says that the group is open: it stays cut.
        for file in &self.files {
            write(file, &content)?;
        }
        *written = times(&self.files);
        self.enter_unless_pressed(pressed, Stage::On(reopened))
    }

    /// Takes back whatever the journal does not know to be open again: the stricter holds (D17).
    pub(crate) fn keep_only(&self, known: &BTreeSet<GroupId>) {
        let mut now = locked(&self.now);
        if let Stage::On(reopened) = &now.stage {
            let kept = reopened.intersection(known).cloned().collect();
            self.enter(&mut now, Stage::On(kept));
        }
    }

    /// Allows access again, unless it was pressed anew since this count. Both files are gone before
    /// anything opens.
    pub fn end(&self, pressed: u64) -> io::Result<()> {
        let _turn = locked(&self.written);
        if self.pressed() != pressed {
            return Err(io::Error::other("it was pressed anew meanwhile"));
        }
        // Whoever presses from here on waits with the files for this to be over, and lays them anew.
        for file in &self.files {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.enter_unless_pressed(pressed, Stage::Off)
    }

    /// Whether somebody laid or touched a file, or took one away, while anything is open.
    fn was_laid(&self) -> Option<String> {
        // Held, so that an end that removes them one after the other is not mistaken for a beginning.
        let written = locked(&self.written);
        // A disk that does not answer is not somebody's wish; the recorder and the journal see to it.
        let file = match &locked(&self.now).stage {
            Stage::Off => self.files.iter().find(|file| file.try_exists().unwrap_or(false)),
            // What is open again must stand in both, as it was written.
            Stage::On(reopened) if !reopened.is_empty() => self
                .files
                .iter()
                .zip(*written)
                .find(|(file, then)| !file.try_exists().unwrap_or(true) || then.is_some() && time(file) > *then)
                .map(|(file, _)| file),
            Stage::On(_) => None,
        }?;
        Some(Content::read(file).map(|content| content.reason).unwrap_or_default())
    }
}

/// Presses the button where its file was laid from outside: the way that needs neither socket nor console.
/// Waits on real time and the disk.
pub(crate) async fn keep(site: Arc<Site>) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let looking = site.clone();
        let Ok(Some(reason)) = tokio::task::spawn_blocking(move || looking.lockdown.was_laid()).await else { continue };
        site.lockdown.press();
        let ended = site.live.brake(&EndCause::Lockdown, |_| true);
        tracing::error!(ended, "a lockdown's file was laid: all access is cut");
        let reason = if reason.is_empty() { "a lockdown's file was laid by hand".to_owned() } else { reason };
        let (kept, text, at) = (site.clone(), reason.clone(), site.clock.now());
        if !matches!(tokio::task::spawn_blocking(move || kept.lockdown.begin(&text, at)).await, Ok(Ok(()))) {
            tracing::error!("the lockdown's files cannot be written");
        }
        // Whoever may write there holds the machine; who it was, nothing says.
        let _ = site.registrar.act(move |core, at| (began(core, reason, &Actor::Program, at), ())).await;
    }
}

/// What the button does to the register: whatever waits, is approved or planned is withdrawn, so that nothing of it
/// opens once the lockdown is lifted.
pub(crate) fn began(core: &Core, reason: String, by: &Actor, at: Timestamp) -> Vec<Event> {
    let waits = |one: &&Intervention| one.state.is_pending() || one.state == InterventionState::Planned;
    let waiting = core.register.current().filter(waits).map(|one| one.number);
    let named = Some(by.clone()).filter(|by| *by != Actor::Program);
    let withdrawn = waiting.flat_map(|number| {
        core.decide(Command::Withdraw { number, cause: WithdrawCause::Staff, by: named.clone() }, at).events
    });
    std::iter::once(Event::LockdownBegan { reason, by: by.clone() }).chain(withdrawn).collect()
}

/// When a file was last changed.
fn time(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}

fn times(files: &[PathBuf; 2]) -> [Option<SystemTime>; 2] {
    files.each_ref().map(|file| time(file))
}

fn write(path: &Path, content: &Content) -> io::Result<()> {
    // CRASH: a file that is cut short opens less, never more.
    let mut file = File::create(path)?;
    file.write_all(content.text().as_bytes())?;
    file.sync_all()?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &[&str]) -> BTreeSet<GroupId> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn at() -> Timestamp {
        "2026-11-24T13:58:00Z".parse().unwrap()
    }

    /// D18: either file keeps the port shut across a restart.
    #[test]
    fn it_survives_and_either_file_is_enough() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(folder.path());
        fs::create_dir_all(paths.vault()).unwrap();
        assert!(!Lockdown::read(&paths).is_on());
        Lockdown::read(&paths).begin("drill", at()).unwrap();
        assert!(Lockdown::read(&paths).is_on());
        fs::remove_file(folder.path().join("lockdown")).unwrap();
        let lockdown = Lockdown::read(&paths);
        assert!(lockdown.is_on() && lockdown.bars(&groups(&["radiologie"])));
        assert_eq!((lockdown.text(), lockdown.reason()), ("drill".to_owned(), Some(("drill".to_owned(), at()))));
        lockdown.end(lockdown.pressed()).unwrap();
        assert!(!Lockdown::read(&paths).is_on());
        let before = lockdown.pressed();
        lockdown.begin("again", at()).unwrap();
        assert!(lockdown.end(before).is_err() && lockdown.is_on(), "an older end does not lift a newer beginning");
    }

    /// EMG-05: by groups, each remembered across a restart; equipment of two groups waits for both; pressed
    /// anew, nothing is open.
    #[test]
    fn it_is_lifted_in_stages() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(folder.path());
        fs::create_dir_all(paths.vault()).unwrap();
        let lockdown = Lockdown::read(&paths);
        lockdown.begin("worm\nreopened: radiologie", at()).unwrap();
        assert!(Lockdown::read(&paths).reopened().is_empty(), "what a person wrote opens nothing");
        assert!(*lockdown.changes().borrow());
        lockdown.reopen("radiologie".parse().unwrap(), lockdown.pressed()).unwrap();
        for lockdown in [&lockdown, &Lockdown::read(&paths)] {
            assert!(lockdown.is_on() && !*lockdown.changes().borrow());
            assert!(!lockdown.bars(&groups(&["radiologie"])));
            assert!(lockdown.bars(&groups(&["radiologie", "labo"])) && lockdown.bars(&groups(&["labo"])));
            assert!(lockdown.bars(&groups(&[])));
            assert_eq!(lockdown.reason().unwrap().1, at());
        }
        // One file alone opens nothing; nor does what the journal does not know.
        write(&folder.path().join("lockdown"), &Content::parse("worm")).unwrap();
        assert!(Lockdown::read(&paths).bars(&groups(&["radiologie"])));
        lockdown.keep_only(&groups(&["labo"]));
        assert!(lockdown.bars(&groups(&["radiologie"])));
        let pressed = lockdown.pressed();
        lockdown.press();
        assert!(lockdown.reopen("radiologie".parse().unwrap(), pressed).is_err() && lockdown.reopened().is_empty());
    }

    /// EMG-04: laid while nobody answers, found by who runs and by who starts.
    #[test]
    fn a_file_that_was_laid_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(folder.path());
        fs::create_dir_all(paths.vault()).unwrap();
        let running = Lockdown::read(&paths);
        assert_eq!(running.was_laid(), None);
        lay(&paths, "the socket is stuck", at()).unwrap();
        assert_eq!(running.was_laid().as_deref(), Some("the socket is stuck"));
        assert!(Lockdown::read(&paths).is_on());
        running.press();
        assert_eq!(running.was_laid(), None);
    }

    /// D18: while part of it is open again, a file that is laid, touched or taken away cuts that part too.
    #[test]
    fn a_file_that_is_touched_while_part_is_open_cuts_it() {
        type Touch = fn(&Path);
        let touches: [(Touch, &str); 3] = [
            (|file| fs::write(file, "").unwrap(), ""),
            (|file| fs::remove_file(file).unwrap(), ""),
            (
                |file| {
                    File::options()
                        .append(true)
                        .open(file)
                        .unwrap()
                        .set_modified(SystemTime::UNIX_EPOCH + LOOK)
                        .unwrap()
                },
                "worm",
            ),
        ];
        for (touch, reason) in touches {
            for name in ["lockdown", "vault/lockdown"] {
                let folder = tempfile::tempdir().unwrap();
                let paths = Paths::new(folder.path());
                fs::create_dir_all(paths.vault()).unwrap();
                let lockdown = Lockdown::read(&paths);
                lockdown.begin("worm", at()).unwrap();
                lockdown.reopen("radiologie".parse().unwrap(), lockdown.pressed()).unwrap();
                // So that the next change is a later one, however coarse the file system's clock is.
                for file in &lockdown.files {
                    File::options().append(true).open(file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
                }
                *locked(&lockdown.written) = times(&lockdown.files);
                assert_eq!(lockdown.was_laid(), None);
                touch(&folder.path().join(name));
                assert_eq!(lockdown.was_laid().as_deref(), Some(reason), "{name}");
                assert!(lockdown.reopen("labo".parse().unwrap(), lockdown.pressed()).is_err(), "{name}");
            }
        }
    }
}

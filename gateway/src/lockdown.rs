//! The red button (D18, EMG-04): a file in two places, read before the port opens. It acts before
//! the journal is asked, and works when the journal is gone.

use crate::site::Paths;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// Whether all access is cut.
pub struct Lockdown {
    files: [PathBuf; 2],
    on: watch::Sender<bool>,
    /// How often it began: an end that was decided before the last beginning is none.
    begun: Mutex<u64>,
    /// Why, as it was last said: whoever asks must not wait for a disk that hangs.
    text: Mutex<String>,
}

impl Lockdown {
    /// As the last run left it: either file is enough.
    pub fn read(paths: &Paths) -> Self {
        let files = [paths.state().join("lockdown"), paths.vault().join("lockdown")];
        // A file that cannot be looked at counts as there.
        let on = files.iter().any(|file| file.try_exists().unwrap_or(true));
        let read = Self { files, on: watch::Sender::new(on), begun: Mutex::new(0), text: Mutex::default() };
        read.remember(read.reason().map(|(text, _)| text).unwrap_or_default());
        read
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        *self.on.borrow()
    }

    /// Told of each change.
    pub fn changes(&self) -> watch::Receiver<bool> {
        self.on.subscribe()
    }

    /// Returns once it is on.
    pub async fn began(&self) {
        let mut on = self.on.subscribe();
        if on.wait_for(|on| *on).await.is_err() {
            std::future::pending().await
        }
    }

    /// Cuts all access, now. Waits for nothing.
    pub fn press(&self) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.on.send_replace(true);
    }

    /// How often it was pressed so far.
    pub fn pressed(&self) -> u64 {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, text: String) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// Why, from memory. Empty where nobody said, or the files cannot be read.
    pub fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why, and since when, as the files say.
    pub fn reason(&self) -> Option<(String, jiff::Timestamp)> {
        self.files.iter().find_map(|file| {
            let since = fs::metadata(file).ok()?.modified().ok()?;
            let text = fs::read_to_string(file).ok()?;
            Some((text.trim().to_owned(), jiff::Timestamp::try_from(since).ok()?))
        })
    }

    /// Cuts all access, and keeps it cut across restarts. An error says that a restart might not
    /// remember it; it holds all the same. Waits on the disk.
    pub fn begin(&self, reason: &str) -> io::Result<()> {
        self.remember(reason.to_owned());
        self.press();
        let outcomes = self.files.each_ref().map(|file| write(file, reason));
        if outcomes.iter().any(Result::is_ok) { Ok(()) } else { outcomes.into_iter().collect() }
    }

    /// Allows access again, unless it was pressed anew since this count. Both files are gone before
    /// anything opens.
    pub fn end(&self, pressed: u64) -> io::Result<()> {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if *begun != pressed {
            return Err(io::Error::other("it was pressed anew meanwhile"));
        }
        for file in &self.files {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.on.send_replace(false);
        Ok(())
    }
}

fn write(path: &Path, reason: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    writeln!(file, "{reason}")?;
    file.sync_all()?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D18: either file keeps the port shut across a restart.
    #[test]
    fn it_survives_and_either_file_is_enough() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(folder.path());
        fs::create_dir_all(paths.vault()).unwrap();
        assert!(!Lockdown::read(&paths).is_on());
        Lockdown::read(&paths).begin("drill").unwrap();
        assert!(Lockdown::read(&paths).is_on());
        fs::remove_file(folder.path().join("lockdown")).unwrap();
        let lockdown = Lockdown::read(&paths);
        assert!(lockdown.is_on());
        assert_eq!(lockdown.text(), "drill");
        lockdown.end(lockdown.pressed()).unwrap();
        assert!(!Lockdown::read(&paths).is_on());
        let before = lockdown.pressed();
        lockdown.begin("again").unwrap();
        assert!(lockdown.end(before).is_err() && lockdown.is_on(), "an older end does not lift a newer beginning");
    }
}

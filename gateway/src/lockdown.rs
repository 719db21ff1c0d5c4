//! The red button (D18, EMG-04): a file in two places, read before the port opens. It acts before
//! the journal is asked, and works when the journal is gone.

use crate::site::Paths;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// Whether all access is cut.
pub struct Lockdown {
    files: [PathBuf; 2],
    on: watch::Sender<bool>,
}

impl Lockdown {
    /// As the last run left it: either file is enough.
    pub fn read(paths: &Paths) -> Self {
        let files = [paths.state().join("lockdown"), paths.vault().join("lockdown")];
        // A file that cannot be looked at counts as there.
        let on = files.iter().any(|file| file.try_exists().unwrap_or(true));
        Self { files, on: watch::Sender::new(on) }
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

    /// Cuts all access, now. An error says that a restart might not remember it; it holds all the
    /// same.
    pub fn begin(&self, reason: &str) -> io::Result<()> {
        self.on.send_replace(true);
        let outcomes = self.files.each_ref().map(|file| write(file, reason));
        if outcomes.iter().any(Result::is_ok) { Ok(()) } else { outcomes.into_iter().collect() }
    }

    /// Allows access again. Both files are gone before anything opens.
    pub fn end(&self) -> io::Result<()> {
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
        lockdown.end().unwrap();
        assert!(!Lockdown::read(&paths).is_on());
    }
}

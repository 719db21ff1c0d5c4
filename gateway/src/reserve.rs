//! Room on the disk, laid by for when it is full: with it the journal closes what is open, and staff can
//! still sign in (REC-02).
//!
//! It is a file of the size that the configuration says. Whoever finds the disk full gives it up; once
//! there is room enough it is laid by again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Zeros written at a time where the file system knows no other way to lay room by.
const BLOCK: usize = 1 << 20;

/// The file.
#[derive(Debug)]
pub struct Reserve {
    path: PathBuf,
    size: u64,
    held: AtomicBool,
}

impl Reserve {
    /// The one at this place: as the last run left it.
    pub fn at(path: &Path, size: u64) -> Self {
        let held = fs::metadata(path).is_ok_and(|found| found.len() > 0);
        Self { path: path.to_owned(), size, held: AtomicBool::new(held) }
    }

    /// Its size, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether it is there to be given up.
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    /// Gives it up. `true`: there is more room than before.
    pub fn give(&self) -> bool {
        let given = self.held.swap(false, Ordering::AcqRel);
        if !given {
            return false;
        }
        match fs::remove_file(&self.path) {
            Ok(()) => {
                tracing::error!(bytes = self.size, "the disk is full: the reserve is given up");
                true
            }
            Err(error) => {
                tracing::error!(%error, "the disk is full, and the reserve cannot be given up");
                false
            }
        }
    }

    /// Lays it by, if it is not. Waits on the disk. On an error nothing is left of it.
    pub fn lay_by(&self) -> io::Result<()> {
        if fs::metadata(&self.path).is_ok_and(|found| found.len() == self.size) {
            self.held.store(true, Ordering::Release);
            return Ok(());
        }
        let _ = fs::remove_file(&self.path);
        let laid = self.fill();
        if laid.is_err() {
            let _ = fs::remove_file(&self.path);
        }
        self.held.store(laid.is_ok(), Ordering::Release);
        laid
    }

    fn fill(&self) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path)?;
        if rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, self.size).is_err() {
            write_zeros(&mut file, self.size)?;
        }
        file.sync_all()
    }
}

fn write_zeros(file: &mut File, mut left: u64) -> io::Result<()> {
    let block = vec![0; BLOCK];
    while left > 0 {
        let part = block.get(..usize::try_from(left).unwrap_or(BLOCK).min(BLOCK)).unwrap_or_default();
        file.write_all(part)?;
        left -= part.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_given_once_and_laid_by_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        let reserve = Reserve::at(&path, 3 << 20);
        assert!(!reserve.is_held() && !reserve.give());
        reserve.lay_by().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 3 << 20);
        assert!(Reserve::at(&path, 3 << 20).is_held(), "it is there after a restart");
        assert!(reserve.give() && !reserve.give() && !path.exists());
        // Another size is another file.
        Reserve::at(&path, 1 << 20).lay_by().unwrap();
        reserve.lay_by().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 3 << 20);
    }

    #[test]
    fn zeros_take_the_room_where_nothing_else_does() {
        let mut file = tempfile::tempfile().unwrap();
        write_zeros(&mut file, (2 << 20) + 5).unwrap();
        assert_eq!(file.metadata().unwrap().len(), (2 << 20) + 5);
    }
}

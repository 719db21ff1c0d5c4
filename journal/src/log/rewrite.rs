//! Rewriting the key ring under a new master, with the keys of what is erased left out (D16, LOG-08).
//!
//! In steps, so that the one who appends waits for a tile's keys at most. Until
//! [`Journal::finish_rewrite`] either master opens, and a broken-off rewrite is begun again with the
//! same two: each step leaves alone what it finds done.

use super::{AppendError, Journal};
use crate::ring::{self, MasterKey, RECORD};
use crate::store::{self, TILE};
use std::io;

impl Journal {
    /// How many entries stand in full tiles. Only these can be erased.
    pub fn laid_down(&self) -> u64 {
        self.next_tile().saturating_mul(TILE as u64)
    }

    /// Begins to rewrite the ring under this master, or takes up again what was broken off. The caller
    /// has made it durable beside the one in force: from here on entries are sealed under it.
    ///
    /// The keys of the tail are written under it at once, so that whatever is laid down from now on has
    /// one master.
    pub fn begin_rewrite(&mut self, next: MasterKey) -> Result<(), AppendError> {
        if let Some(why) = &self.poisoned {
            return Err(AppendError::Fatal(why.clone()));
        }
        self.masters.begin(next);
        let masters = self.masters.all();
        for entry in &mut self.recent {
            let Some(record) = ring::rewrap(&masters, &entry.record, &mut self.entropy) else {
                return Err(AppendError::Rejected("a key in the tail opens with none of the master keys"));
            };
            entry.record = record;
        }
        // CRASH: the old tail or the new one is there; both open while both masters are held.
        self.replace_tail().map_err(|error| self.poison(error))?;
        self.rewriting = Some(0);
        Ok(())
    }

    /// Rewrites the keys of the next tile, those of the entries that are to be erased with zeroes.
    /// `false`: there is no tile left.
    ///
    /// A file that does not fit is refused and left as it lies; the journal goes on.
    pub fn rewrite_tile(&mut self, erased: impl Fn(u64) -> bool) -> Result<bool, AppendError> {
        if let Some(why) = &self.poisoned {
            return Err(AppendError::Fatal(why.clone()));
        }
        let Some(n) = self.rewriting.filter(|n| *n < self.next_tile()) else { return Ok(false) };
        let masters = self.masters.all();
        let (mut records, under_newest) = store::read_ring(self.disk.as_mut(), &self.folder, n, &masters)
            .map_err(|_| AppendError::Rejected("a file of the key ring is damaged"))?;
        let mut changed = !under_newest;
        for (index, record) in (n * TILE as u64..).zip(&mut records) {
            let written =
                if erased(index) { Some(vec![0; RECORD]) } else { ring::rewrap(&masters, record, &mut self.entropy) };
            let Some(written) = written else {
                return Err(AppendError::Rejected("a key of the ring opens with none of the master keys"));
            };
            changed |= written != *record;
            *record = written;
        }
        if changed && let Some(newest) = masters.first() {
            let (path, bytes) = store::ring_file(n, &records, newest);
            // CRASH: the old file or the new one; the next start does this step again.
            self.disk.replace(&self.folder.join(path), &bytes).map_err(|error| self.poison(error))?;
        }
        self.rewriting = Some(n + 1);
        Ok(true)
    }

    /// Whether every tile's keys are under the new master.
    pub fn is_rewritten(&self) -> bool {
        self.rewriting.is_some_and(|n| n >= self.next_tile())
    }

    /// Forgets the older master, which nothing needs any more. The caller destroys it next.
    pub fn finish_rewrite(&mut self) -> Result<(), AppendError> {
        if !self.is_rewritten() {
            return Err(AppendError::Fatal(self.poison(io::Error::other("the ring is not rewritten yet")).to_string()));
        }
        self.rewriting = None;
        self.masters.finish();
        Ok(())
    }
}

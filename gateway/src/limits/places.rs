//! Places for the console's connections: so many in all, a share of them for each source. Staff come from
//! inside; who makes room at the vendors' door stands in [`super::Door`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of one port.
#[derive(Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    share: u32,
    sources: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// One place, given back when it is dropped.
pub(crate) struct Place {
    places: Places,
    source: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// So many in all, and at most `share` for one source; one at least.
    pub(crate) fn new(all: u32, share: u32) -> Self {
        let free = Arc::new(Semaphore::new(usize::try_from(all).unwrap_or(1)));
        Self { free, share: share.max(1), sources: Arc::default() }
    }

    /// A place, unless all are taken or this source has its share.
    pub(crate) fn enter(&self, source: IpAddr) -> Option<Place> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let count = sources.entry(source).or_default();
        if *count >= self.share {
            return None;
        }
        *count += 1;
        drop(sources);
        Some(Place { places: self.clone(), source, _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sources = self.places.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = sources.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                sources.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_leaves_room_for_others_and_what_is_left_is_free_again() {
        let places = Places::new(3, 2);
        let [near, far]: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        let first = places.enter(near).unwrap();
        let _second = places.enter(near).unwrap();
        assert!(places.enter(near).is_none());
        let _third = places.enter(far).unwrap();
        assert!(places.enter(far).is_none(), "all are taken");
        drop(first);
        assert!(places.enter(far).is_some());
        assert_eq!(places.sources.lock().unwrap().len(), 2);
    }
}

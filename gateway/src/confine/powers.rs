//! Root's powers: all are given up but the one for ports below 1024, in every set that a thread has.

use super::{ConfineError, refused};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, remove_capability_from_bounding_set,
    set_capabilities,
};

/// What stays, where it was there: listening at a port below 1024.
const KEPT: CapabilitySet = CapabilitySet::NET_BIND_SERVICE;

/// Gives up what there is to give up. Where the unit did it before there is nothing left to do, and the
/// call for it is shut out already.
pub(super) fn give_up() -> Result<(), ConfineError> {
    let failed = refused("capabilities");
    let held = capabilities(None).map_err(|error| failed(&error))?;
    if KEPT.contains(held.effective | held.permitted | held.inheritable) {
        return Ok(());
    }
    if held.effective.contains(CapabilitySet::SETPCAP) {
        for one in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)).filter(|one| *one != KEPT) {
            // The kernel does not know the last of them.
            if capability_is_in_bounding_set(one).unwrap_or(false) {
                remove_capability_from_bounding_set(one).map_err(|error| failed(&error))?;
            }
        }
    }
    let left = CapabilitySets {
        effective: held.effective & KEPT,
        permitted: held.permitted & KEPT,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, left).map_err(|error| failed(&error))
}

//! A journal that was put back (D17): found by whoever remembers more, it holds everything until two
//! named persons accept. The hold is a lockdown, which cannot be lifted before.

use crate::registrar::Core;
use crate::site::Site;
use data_encoding::BASE64;
use jiff::Timestamp;
use journal::Hash;
use lifecycle::{Actor, Event, Register};
use std::sync::Arc;

/// What is journalled where this is remembered by `anchor` and not here; nothing if that is known.
pub(crate) fn events(register: &Register, anchor: &str, size: u64, root: &str, here: u64) -> Vec<Event> {
    if register.rollbacks.knows(anchor, size, root) {
        return Vec::new();
    }
    let reason = words(anchor, size, here);
    tracing::error!("ALERT: {reason}");
    let found = Event::RollbackFound { anchor: anchor.to_owned(), size, root: root.to_owned(), here };
    vec![found, Event::LockdownBegan { reason, by: Actor::Program }]
}

/// What is missing, in plain words.
pub(crate) fn words(anchor: &str, size: u64, here: u64) -> String {
    // A restore refuses a set that a known checkpoint is not of: what is here continues it.
    if anchor == "restore" && size <= here {
        return format!(
            "the journal was restored from a backup: all {size} entries of the newest checkpoint that was given are here, and none of them is lost; nothing opens before two persons accept it"
        );
    }
    let who = match anchor {
        "vault" => "the vault remembers".to_owned(),
        "restore" => "before the restore there was".to_owned(),
        "file" => "the file of anchors holds".to_owned(),
        witness => format!("the witness `{witness}` remembers"),
    };
    format!(
        "the journal was rolled back: {here} entries were here when {who} a signed checkpoint over {size}, which is not of them; nothing opens before two persons accept it"
    )
}

/// As a field of an event.
pub(crate) fn root_text(root: &Hash) -> String {
    BASE64.encode(root)
}

/// Somebody outside remembers what is not here: all access is cut, and stays so.
pub(crate) async fn found(site: &Arc<Site>, anchor: &str, size: u64, root: &str) {
    let here = size_of(&site.registrar.checkpoints().borrow());
    let (anchor, root) = (anchor.to_owned(), root.to_owned());
    let reason = words(&anchor, size, here);
    let new = site.registrar.act(move |core: &mut Core, _: Timestamp| {
        let events = events(&core.register, &anchor, size, &root, here);
        let new = !events.is_empty();
        (events, new)
    });
    // Without a journal nothing opens either.
    if new.await.unwrap_or(true) {
        site.lockdown.press();
        site.live.brake(&lifecycle::EndCause::Lockdown, |_| true);
        let (site, at) = (site.clone(), site.clock.now());
        let kept = tokio::task::spawn_blocking(move || site.lockdown.begin(&reason, at)).await;
        if !matches!(kept, Ok(Ok(()))) {
            tracing::error!("the lockdown's files cannot be written; the journal has it");
        }
    }
}

/// The number of entries that a checkpoint is over: its second line.
fn size_of(checkpoint: &str) -> u64 {
    checkpoint.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::words;

    /// D17: a restore that lost nothing is no rollback, and one that did says so.
    #[test]
    fn a_restore_that_lost_nothing_says_so() {
        let clean = words("restore", 40, 40);
        assert!(clean.contains("restored from a backup") && clean.contains("none of them is lost"), "{clean}");
        assert!(words("restore", 43, 40).contains("rolled back: 40 entries were here when before the restore"));
        assert!(words("vault", 40, 40).contains("which is not of them"));
    }
}

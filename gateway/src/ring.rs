//! The master keys of the journal's key ring, in the vault: one document each, so that the older one can
//! be destroyed whole once the ring is rewritten under the newer (D16).
//!
//! Two of them there: a rewrite is under way, or was broken off.

use crate::entropy;
use crate::vault::{SiteSecrets, Vault};
use anyhow::{Context as _, bail};
use journal::{MasterKey, Masters};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The vault's document of a master key; its generation counts the rewrites.
pub(crate) const RING: &str = "ring";

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Document {
    key: [u8; 32],
}

fn read(vault: &Vault, generation: u64) -> anyhow::Result<MasterKey> {
    let document: Document = vault.get(RING, generation)?;
    Ok(MasterKey::new(document.key))
}

fn make(vault: &Vault, generation: u64) -> anyhow::Result<MasterKey> {
    let document = Document { key: entropy::bytes()? };
    vault.put(RING, generation, &document)?;
    Ok(MasterKey::new(document.key))
}

/// The masters that are there.
pub fn masters(vault: &Vault) -> anyhow::Result<Masters> {
    match vault.generations(RING)?.as_slice() {
        [one] => Ok(Masters::new(read(vault, *one)?, None)),
        [one, two] => Ok(Masters::new(read(vault, *one)?, Some(read(vault, *two)?))),
        [] => bail!("the vault has no master key of the journal (`{RING}.N.age`): put the vault's backup back"),
        _ => bail!("the vault has more than two master keys of the journal: put the vault's backup back"),
    }
}

/// The same at a start. The first start of a site makes one; the site's own document gives up the one
/// that older versions kept there.
pub(crate) fn at_start(vault: &Vault, site: (&str, &mut SiteSecrets), new_journal: bool) -> anyhow::Result<Masters> {
    let (name, secrets) = site;
    let known = !vault.generations(RING)?.is_empty();
    if let Some(key) = secrets.ring.take() {
        // CRASH: the key is in its own document before it leaves the site's.
        if !known {
            vault.put(RING, 1, &Document { key })?;
        }
        vault.put(name, 1, secrets)?;
    } else if !known && new_journal {
        make(vault, 1)?;
    }
    masters(vault)
}

/// The master that the ring is to be rewritten under: durable when this returns. The one that a broken-off
/// rewrite made is taken up again.
pub(crate) fn begin(vault: &Vault) -> anyhow::Result<MasterKey> {
    match vault.generations(RING)?.as_slice() {
        [one] => make(vault, one + 1),
        [_, two] => read(vault, *two),
        _ => masters(vault).and_then(|_| bail!("the journal's master keys cannot be told apart")),
    }
}

/// Destroys the older master. The ring is rewritten.
pub(crate) fn finish(vault: &Vault) -> anyhow::Result<()> {
    let generations = vault.generations(RING)?;
    let (_, older) = generations.split_last().context("the vault has no master key of the journal")?;
    for generation in older {
        vault.destroy(RING, *generation)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(ring: Option<[u8; 32]>) -> SiteSecrets {
        let text = String::new;
        SiteSecrets { origin: text(), journal: [1; 32], ring, recovery: text(), host: text(), host_nistp256: text() }
    }

    /// D16: one master, two while the ring is rewritten, and the older one's document destroyed.
    #[test]
    fn the_older_master_goes_once_the_ring_is_rewritten() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path()).unwrap();
        assert!(masters(&vault).is_err());
        assert!(
            at_start(&vault, ("site", &mut secrets(None)), false).is_err(),
            "none is made for a journal that is there"
        );
        assert!(!at_start(&vault, ("site", &mut secrets(None)), true).unwrap().is_rewriting());
        let older = std::fs::read(folder.path().join("ring.1.age")).unwrap();
        std::fs::hard_link(folder.path().join("ring.1.age"), folder.path().join("link")).unwrap();
        begin(&vault).unwrap();
        begin(&vault).unwrap();
        assert_eq!(vault.generations(RING).unwrap(), [1, 2]);
        assert!(at_start(&vault, ("site", &mut secrets(None)), false).unwrap().is_rewriting());
        finish(&vault).unwrap();
        assert_eq!(vault.generations(RING).unwrap(), [2]);
        assert_eq!(std::fs::read(folder.path().join("link")).unwrap(), vec![0; older.len()], "written over");
    }

    /// A site of an older version keeps its master, in a document of its own from then on.
    #[test]
    fn the_sites_document_gives_its_master_up() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path()).unwrap();
        vault.put("site", 1, &secrets(Some([7; 32]))).unwrap();
        let mut site: SiteSecrets = vault.get("site", 1).unwrap();
        at_start(&vault, ("site", &mut site), false).unwrap();
        let document: Document = vault.get(RING, 1).unwrap();
        assert_eq!(document.key, [7; 32]);
        assert!(vault.get::<SiteSecrets>("site", 1).unwrap().ring.is_none());
    }
}

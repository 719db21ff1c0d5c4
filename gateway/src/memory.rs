//! What the vault remembers of the journal, kept up to date (D17).

use crate::site::Site;
use crate::vault::Memory;
use lifecycle::AccountState;
use std::sync::Arc;
use std::time::Duration;

/// The vault's document; it has one generation.
pub(crate) const MEMORY: &str = "memory";
/// How often at most it is renewed.
const REMEMBER_EVERY: Duration = Duration::from_secs(1);

/// Keeps the vault's memory up to date. Waits on new checkpoints, and a second between two.
pub(crate) async fn remember(site: Arc<Site>) {
    let mut checkpoints = site.registrar.checkpoints();
    loop {
        if checkpoints.changed().await.is_err() {
            return;
        }
        if let Err(error) = write_memory(&site).await {
            tracing::error!(%error, "the vault's memory cannot be written");
        }
        tokio::time::sleep(REMEMBER_EVERY).await;
    }
}

/// Writes it now.
pub(crate) async fn write_memory(site: &Site) -> anyhow::Result<()> {
    let checkpoint = site.registrar.checkpoints().borrow().to_string();
    let held = site.registrar.view(|core, _| core.register.rollbacks.open.is_some()).await?;
    let vault = site.vault.clone();
    let kept = tokio::task::spawn_blocking(move || vault.get::<Memory>(MEMORY, 1)).await?;
    // What is remembered of entries that are gone stays, until two persons accepted that (D17).
    let checkpoint = match kept {
        Ok(kept) if held && !kept.checkpoint.is_empty() => kept.checkpoint,
        _ => checkpoint,
    };
    let memory = site
        .registrar
        .view(move |core, _| Memory {
            checkpoint,
            disabled: core
                .register
                .accounts
                .values()
                .filter(|one| one.state == AccountState::Disabled)
                .map(|one| one.id.to_string())
                .collect(),
        })
        .await?;
    let vault = site.vault.clone();
    tokio::task::spawn_blocking(move || vault.put(MEMORY, 1, &memory)).await??;
    Ok(())
}

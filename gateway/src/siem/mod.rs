//! The journal, told to those who collect events as it grows: by syslog over TLS to receivers of the
//! configuration (LOG-05), and to whoever follows it at the command line.
//!
//! The queue is the journal itself, and each receiver has a place in it. What is sent carries its index
//! as sequence number, so that a receiver knows doubles and sees gaps. Nothing here changes what is
//! decided, and nobody waits for a receiver.

mod ending;
mod fact;
mod follow;
mod forward;
mod health;
mod kinds;
mod link;
mod position;
mod write;

pub(crate) use follow::{Follow, Told};
pub use health::{Health, ReceiverHealth};

use crate::site::Site;
use fact::Fact;
use forward::Forwarder;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::task::AbortHandle;
use write::Speaker;

/// Bytes of bodies that are read at once.
const AT_ONCE: usize = 4 << 20;

/// Keeps one forwarder for each receiver of the configuration. The task waits on the configuration; the
/// forwarders end with it.
pub async fn keep(site: Arc<Site>) {
    let mut config = site.config.clone();
    let mut tasks = tokio::task::JoinSet::new();
    let mut running: BTreeMap<String, AbortHandle> = BTreeMap::new();
    loop {
        let names: Vec<String> = config.borrow_and_update().siem.keys().cloned().collect();
        running.retain(|name, task| {
            let stays = names.contains(name);
            if !stays {
                // Its place stays, for when it is named again.
                task.abort();
                site.siem.forget(name);
            }
            stays
        });
        while tasks.try_join_next().is_some() {}
        for name in names {
            running.entry(name).or_insert_with_key(|name| tasks.spawn(Forwarder::run(site.clone(), name.clone())));
        }
        if config.changed().await.is_err() {
            return;
        }
    }
}

fn speaker(site: &Site) -> Speaker {
    Speaker {
        host: std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned(),
        pid: std::process::id(),
        origin: site.archive.key().name().to_owned(),
        version: env!("CARGO_PKG_VERSION"),
    }
}

/// Up to so many durable entries from this one on, with the names that the register knows.
async fn read(site: &Arc<Site>, from: u64, most: usize) -> Result<Vec<Fact>, String> {
    let reading = site.clone();
    let read = move || {
        let mut facts = Vec::new();
        let mut bytes = 0;
        let mut reader = reading.archive.open()?;
        reader.read(from, |evidence| {
            bytes += evidence.opened.as_ref().map_or(0, |(_, body)| body.len());
            facts.push(Fact::from(evidence));
            if facts.len() < most && bytes < AT_ONCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok::<_, journal::OpenError>(facts)
    };
    let read = tokio::task::spawn_blocking(read).await.map_err(|error| error.to_string())?;
    let mut facts = read.map_err(|error| error.to_string())?;
    if facts.is_empty() {
        return Ok(facts);
    }
    let named = site.registrar.view(move |core, _| {
        facts.iter_mut().for_each(|fact| fact.name(&core.register));
        facts
    });
    named.await.map_err(|error| error.to_string())
}

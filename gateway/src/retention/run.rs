//! One run: what is due is decided from the journal, written down, then destroyed.

use super::steady::{Steady, observe};
use super::{BETWEEN_RUNS, shred};
use crate::registrar::JournalGone;
use crate::ring;
use crate::site::{Paths, Site, staff_document, technician_document};
use crate::vault::Vault;
use anyhow::bail;
use jiff::Timestamp;
use journal::Reader;
use lifecycle::retention::{Plan, Planner, Ranges};
use lifecycle::{Actor, Event, Register, SessionId};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What would go, and whether anything may.
pub(crate) struct Outlook {
    /// What is due and what comes.
    pub(crate) plan: Plan,
    /// The fold that it was decided from.
    pub(crate) register: Register,
    /// Why nothing may be destroyed now, if so.
    pub(crate) not_now: Option<NotRun>,
    /// How long the clock has been steady.
    pub(crate) steady: Steady,
}

/// Why nothing is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotRun {
    /// The clock was set, or the machine started anew, less than 72 hours ago.
    #[error(
        "the clock has been steady since {0} only: nothing is erased before 72 hours of that, so that a clock set wrong erases nothing"
    )]
    Clock(Timestamp),
    /// There was a run already.
    #[error("the last run was at {0}: there is one a day, and each takes two days' worth at most")]
    TooSoon(Timestamp),
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing was due.
    Nothing,
    /// This was destroyed.
    Done {
        /// The number of the run.
        run: u64,
        /// Entries whose content is gone.
        entries: u64,
        /// Recordings.
        recordings: u64,
        /// Recordings whose copies of files are gone.
        files: u64,
        /// Due and held.
        held: u64,
        /// Due and left to a later run.
        waiting: u64,
    },
    /// Nothing may be destroyed now.
    Not(NotRun),
}

/// Folds the journal, then asks of each entry whether it is due. Blocks on the disk.
fn look(reader: &mut Reader, paths: &Paths, now: Timestamp) -> anyhow::Result<(Plan, Register)> {
    let mut register = Register::default();
    walk(reader, |leaf, event| match event {
        Some(event) => register.apply(leaf.at, event),
        None => register.pass_over(leaf.at, leaf.intervention),
    })?;
    let laid_down = reader.laid_down();
    let mut planner = Planner::new(&register);
    walk(reader, |leaf, event| {
        if let Some(event) = event {
            planner.see(leaf.index, leaf.at, event);
        }
    })?;
    let plan = planner.plan(now, laid_down, &|session| shred::has_files(paths, session));
    Ok((plan, register))
}

fn walk(reader: &mut Reader, mut visit: impl FnMut(&journal::Leaf, Option<&Event>)) -> anyhow::Result<()> {
    let mut unreadable = None;
    reader.read(0, |evidence| match evidence.opened.as_ref().map(|(_, body)| Event::from_body(body)).transpose() {
        Ok(event) => {
            visit(&evidence.leaf, event.as_ref());
            ControlFlow::Continue(())
        }
        Err(error) => {
            unreadable = Some(format!("entry {}: {error}", evidence.leaf.index));
            ControlFlow::Break(())
        }
    })?;
    match unreadable {
        Some(what) => bail!("the journal holds an entry that this version does not know: {what}"),
        None => Ok(()),
    }
}

/// What is due now, what comes, and whether anything may be destroyed.
pub(crate) async fn outlook(site: &Arc<Site>) -> anyhow::Result<Outlook> {
    let steady = observe(site).await?;
    // INVARIANT: what is due is judged by the very instant that was found steady. A clock that is set a
    // moment later erases nothing.
    let (site_too, now) = (site.clone(), steady.seen);
    let looked = tokio::task::spawn_blocking(move || look(&mut site_too.archive.open()?, &site_too.paths, now));
    let (plan, register) = looked.await??;
    let last = register.retention.last.as_ref().map(|last| last.at);
    let not_now = match last {
        _ if !steady.is_enough() => Some(NotRun::Clock(steady.since)),
        Some(last) if now.duration_since(last) < BETWEEN_RUNS => Some(NotRun::TooSoon(last)),
        _ => None,
    };
    Ok(Outlook { plan, register, not_now, steady })
}

/// One run, if one may be; by a person's order, or by the daemon's own.
pub(crate) async fn run(site: &Arc<Site>, by: Option<Actor>) -> anyhow::Result<Outcome> {
    let _one = site.retention.running.lock().await;
    finish_last(site).await?;
    let Outlook { plan, register, not_now, steady } = outlook(site).await?;
    if let Some(why) = not_now {
        return Ok(Outcome::Not(why));
    }
    // What a hold kept goes with the run after the entry that says it ran out.
    let run_out = register.holds_run_out(steady.seen);
    let run = register.retention.last.as_ref().map_or(1, |last| last.run + 1);
    let mut events: Vec<Event> = by.map(|by| Event::RetentionOrdered { by }).into_iter().chain(run_out).collect();
    if let Some(up_to) = plan.up_to.filter(|_| !plan.is_empty()) {
        events.push(Event::RetentionRun {
            run,
            up_to,
            entries: plan.entries.clone(),
            interventions: plan.gone.interventions.len() as u64,
            accounts: (plan.gone.accounts.len() + plan.gone.staff.len()) as u64,
            recordings: plan.recordings.clone(),
            files: plan.files.clone(),
            held: plan.held,
            waiting: plan.waiting,
        });
    }
    // INVARIANT: the entry is durable before anything is destroyed, and no hold came in between.
    let holds = register.holds.clone();
    let written = site.registrar.act(move |core, _| match core.register.holds == holds {
        true => (events, true),
        false => (Vec::new(), false),
    });
    if !written.await? {
        bail!("a hold was changed meanwhile: run it again");
    }
    if plan.is_empty() {
        return Ok(Outcome::Nothing);
    }
    destroy(site, &plan, run).await?;
    forget(site, &plan, &register).await?;
    tracing::info!(run, entries = plan.entries.count(), recordings = plan.recordings.len(), "a retention run is done");
    Ok(Outcome::Done {
        run,
        entries: plan.entries.count(),
        recordings: plan.recordings.len() as u64,
        files: plan.files.len() as u64,
        held: plan.held,
        waiting: plan.waiting,
    })
}

/// Destroys what the journal says is destroyed.
async fn destroy(site: &Arc<Site>, plan: &Plan, run: u64) -> anyhow::Result<()> {
    let bytes = shred_all(site, plan.recordings.clone(), plan.files.clone()).await?;
    if !plan.entries.is_empty() {
        rewrite_ring(site, plan.entries.clone()).await?;
    }
    let recordings = (plan.recordings.len() + plan.files.len()) as u64;
    site.registrar.note(vec![Event::RetentionDone { run, recordings, bytes }]).await;
    Ok(())
}

async fn shred_all(site: &Arc<Site>, recordings: Vec<SessionId>, files: Vec<SessionId>) -> anyhow::Result<u64> {
    let paths = site.paths.clone();
    let work = move || -> std::io::Result<u64> {
        let mut bytes = 0;
        for (sessions, of) in [(recordings, shred::Of::Recording), (files, shred::Of::Files)] {
            for session in sessions {
                bytes += shred::recording(&paths, &session, of)?;
            }
        }
        Ok(bytes)
    };
    Ok(tokio::task::spawn_blocking(work).await??)
}

/// Rewrites the ring under a new master, a tile at a time between the appends of others, then destroys
/// the older master (D16).
async fn rewrite_ring(site: &Arc<Site>, erased: Ranges) -> anyhow::Result<()> {
    let vault = site.vault.clone();
    let next = tokio::task::spawn_blocking(move || ring::begin(&vault)).await??;
    // CRASH: from here on the next start finds two masters, and finishes the rewrite.
    site.registrar.on_journal(move |journal| journal.begin_rewrite(next)).await??;
    let erased = Arc::new(erased);
    loop {
        let erased = erased.clone();
        let more = site.registrar.on_journal(move |journal| journal.rewrite_tile(|index| erased.contains(index)));
        if !more.await?? {
            break;
        }
    }
    site.registrar.on_journal(|journal| journal.finish_rewrite()).await??;
    // CRASH: a start that finds the older master still there rewrites nothing and destroys it.
    let vault = site.vault.clone();
    tokio::task::spawn_blocking(move || ring::finish(&vault)).await??;
    Ok(())
}

/// Takes out of memory and vault what the journal does not hold any more.
async fn forget(site: &Arc<Site>, plan: &Plan, before: &Register) -> Result<(), JournalGone> {
    let technicians = plan.gone.accounts.iter().filter_map(|id| before.accounts.get(id));
    let technicians = technicians.map(|account| (technician_document(&account.id), account.secret));
    let staff = plan.gone.staff.iter().filter_map(|login| before.staff.get(login));
    let staff = staff.map(|staff| (staff_document(&staff.login), staff.secret));
    destroy_secrets(&site.vault, technicians.chain(staff).collect()).await;
    let gone = plan.gone.clone();
    site.registrar
        .act(move |core, _| {
            core.register.forget(&gone);
            (Vec::new(), ())
        })
        .await?;
    sweep(site).await
}

/// Overwrites what people signed in with. A failure is told, and keeps nothing else from going.
async fn destroy_secrets(vault: &Arc<Vault>, documents: Vec<(String, u64)>) {
    let vault = vault.clone();
    let work = move || {
        for (name, generation) in documents {
            if let Err(error) = vault.destroy(&name, generation) {
                tracing::error!(%error, "the secrets of an erased person are not destroyed: destroy that file by hand");
            }
        }
    };
    if let Err(error) = tokio::task::spawn_blocking(work).await {
        tracing::error!(%error, "the secrets of erased persons are not all destroyed");
    }
}

async fn sweep(site: &Arc<Site>) -> Result<(), JournalGone> {
    let known = site.registrar.view(|core, _| core.register.sessions.keys().cloned().collect::<Vec<_>>()).await?;
    let known: std::collections::BTreeSet<SessionId> = known.into_iter().collect();
    let paths = site.paths.clone();
    let swept = tokio::task::spawn_blocking(move || shred::sweep(&paths, |id| known.contains(id))).await;
    if let Ok(Err(error)) = swept {
        tracing::error!(%error, "manifests of recordings that are gone cannot be removed");
    }
    Ok(())
}

/// What the last run of this daemon was to destroy, and could not on a disk that failed.
async fn finish_last(site: &Arc<Site>) -> anyhow::Result<()> {
    let open = site.registrar.view(|core, _| {
        let retention = &core.register.retention;
        retention.last.as_ref().is_some_and(|last| last.done.is_none()).then(|| retention.tombstones.clone())
    });
    let Some(tombstones) = open.await? else { return Ok(()) };
    if !tombstones.is_empty() {
        rewrite_ring(site, tombstones).await?;
    }
    finish_broken_off(site).await
}

/// What a run before a crash was to destroy of recordings is destroyed now. The ring was seen to at the
/// start, before anything was read.
pub(crate) async fn finish_broken_off(site: &Arc<Site>) -> anyhow::Result<()> {
    let looked = site.registrar.view(|core, _| {
        let sessions = core.register.sessions.values();
        let shredded = sessions.clone().filter(|one| one.shredded.is_some()).map(|one| one.id.clone());
        let files = sessions.clone().filter(|one| one.files_shredded.is_some()).map(|one| one.id.clone());
        let open = core.register.retention.last.as_ref().filter(|last| last.done.is_none()).map(|last| last.run);
        (shredded.collect::<Vec<_>>(), files.collect::<Vec<_>>(), open)
    });
    let (recordings, files, open) = looked.await?;
    let count = (recordings.len() + files.len()) as u64;
    let bytes = shred_all(site, recordings, files).await?;
    if let Some(run) = open {
        tracing::warn!(run, "a retention run that was broken off is finished");
        site.registrar.note(vec![Event::RetentionDone { run, recordings: count, bytes }]).await;
    }
    sweep(site).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// LOG-08: what an erased person signed in with cannot be dug up from the disk.
    #[tokio::test]
    async fn secrets_of_the_erased_are_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Arc::new(Vault::open(&folder.path().join("vault")).unwrap());
        vault.put("technician-a", 3, &"secret").unwrap();
        let document = folder.path().join("vault/technician-a.3.age");
        let copy = folder.path().join("copy");
        fs::hard_link(&document, &copy).unwrap();
        destroy_secrets(&vault, vec![("technician-b".to_owned(), 1), ("technician-a".to_owned(), 3)]).await;
        assert!(!document.exists());
        assert!(fs::read(&copy).unwrap().iter().all(|byte| *byte == 0));
    }
}

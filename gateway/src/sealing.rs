//! Sealing what ended: one at a time, in the background, and again after a restart until it is done
//! (D20, D22, D24).

use crate::registrar::Registrar;
use crate::site::{Paths, Site};
use lifecycle::{EndCause, Event, RecordingState, SessionId};
use recorder::{Recipients, SealOrder, SealOutcome, State, seal};
use std::fs::{self, File};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Sessions that may wait to be sealed; beyond it their driver waits, having written its entries.
pub const QUEUE: usize = 4096;
/// How long after a failure the next try follows.
const AGAIN: Duration = Duration::from_secs(60);

/// Seals what ended and is not sealed, then what ends from now on. What fails is tried again later and
/// holds nobody else up. Waits on its queue, on time and on the disk.
pub async fn keep(site: Arc<Site>, mut queue: mpsc::Receiver<SessionId>) {
    let left = site
        .registrar
        .view(|core, _| {
            let unsealed = |record: &&lifecycle::SessionRecord| record.end.is_some() && record.sealed.is_none();
            core.register.sessions.values().filter(unsealed).map(|record| record.id.clone()).collect::<Vec<_>>()
        })
        .await;
    let mut failed = seal_all(&site, left.unwrap_or_default()).await;
    remove_sealed_spools(&site).await;
    loop {
        tokio::select! {
            ended = queue.recv() => match ended {
                Some(id) => failed.extend(seal_all(&site, vec![id]).await),
                None => return,
            },
            () = tokio::time::sleep(AGAIN), if !failed.is_empty() => {
                failed = seal_all(&site, std::mem::take(&mut failed)).await;
            }
        }
    }
}

/// Seals these; gives those that could not be.
async fn seal_all(site: &Arc<Site>, all: Vec<SessionId>) -> Vec<SessionId> {
    let mut failed = Vec::new();
    for id in all {
        if let Err(error) = try_seal(site, &id).await {
            tracing::error!(session = %id, %error, "a recording could not be sealed; its spool is kept, the next try follows");
            failed.push(id);
        }
    }
    failed
}

async fn try_seal(site: &Arc<Site>, id: &SessionId) -> anyhow::Result<()> {
    let wanted = id.clone();
    let record = site.registrar.view(move |core, _| core.register.sessions.get(&wanted).cloned()).await?;
    let Some((record, end)) = record.and_then(|record| record.end.clone().map(|end| (record, end))) else {
        return Ok(());
    };
    if record.sealed.is_some() {
        return Ok(());
    }
    let recipients = Recipients::parse(&record.recipients.first)?.and_second(&record.recipients.second)?;
    let (site_too, session) = (site.clone(), id.clone());
    let work = move || {
        seal(&SealOrder {
            session: session.as_str(),
            spool: &site_too.paths.spool(&session),
            recovery: &site_too.recovery,
            folder: &site_too.paths.sealed(&session),
            heads: &site_too.paths.heads(&session),
            recipients: &recipients,
            committed: (&end.head, end.length),
            started: record.started,
            interrupted: end.cause == EndCause::Interrupted,
            unopened: record.opened.items().is_empty(),
        })
    };
    let _turn = site.sealing.lock().await;
    // What is sealed stands beside its spool for a while, and must not take the room to close with.
    if site.lacks.is_short_of_room() {
        anyhow::bail!("there is too little room on the disk");
    }
    let outcome = tokio::task::spawn_blocking(work).await??;
    let manifest = &outcome.manifest;
    if manifest.state == State::Mutilated {
        let missing = manifest.source.missing;
        tracing::error!(session = %id, missing, "ALERT: the recording is mutilated: it is not what the journal was told");
    }
    journal(&site.registrar, id, &outcome).await?;
    let (paths, id, mutilated) = (site.paths.clone(), id.clone(), manifest.state == State::Mutilated);
    tokio::task::spawn_blocking(move || dispose(&paths, &id, mutilated)).await?
}

/// Only once its digest is durable may the spool go: from then on the bastion cannot open the
/// recording any more (D23). Its header, which opens it with the recovery key, is overwritten: a spool
/// that is only unlinked can be dug up. A mutilated one is evidence itself and put aside.
fn dispose(paths: &Paths, id: &SessionId, mutilated: bool) -> anyhow::Result<()> {
    let spool = paths.spool(id);
    if !spool.exists() {
        return Ok(());
    }
    if !mutilated {
        crate::retention::shred::destroy(&spool)?;
        return Ok(File::open(paths.recordings())?.sync_all()?);
    }
    let aside = paths.aside();
    crate::daemon::make_private(&aside)?;
    Ok(fs::rename(&spool, aside.join(format!("{id}.spool")))?)
}

async fn journal(registrar: &Registrar, id: &SessionId, outcome: &SealOutcome) -> anyhow::Result<()> {
    let manifest = &outcome.manifest;
    let event = Event::RecordingSealed {
        session: id.clone(),
        state: match manifest.state {
            State::Whole => RecordingState::Whole,
            State::Interrupted => RecordingState::Interrupted,
            State::Mutilated => RecordingState::Mutilated,
        },
        manifest: outcome.digest.clone(),
        head: manifest.source.head.clone(),
        length: manifest.source.length,
        missing: manifest.source.missing,
        files: manifest.parts.len() as u64 * 2 + 1,
        bytes: outcome.bytes,
    };
    registrar.act(move |_, _| (vec![event], ())).await?;
    Ok(())
}

/// A crash between the journal's entry and the removal leaves a spool that is sealed already.
async fn remove_sealed_spools(site: &Arc<Site>) {
    let sealed = site
        .registrar
        .view(|core, _| {
            let all = core.register.sessions.values();
            all.filter_map(|record| Some((record.id.clone(), record.sealed.as_ref()?.state))).collect::<Vec<_>>()
        })
        .await;
    for (id, state) in sealed.unwrap_or_default() {
        let paths = site.paths.clone();
        let (session, mutilated) = (id.clone(), state == RecordingState::Mutilated);
        let work = tokio::task::spawn_blocking(move || dispose(&paths, &session, mutilated)).await;
        if let Err(error) = work.map_err(anyhow::Error::from).flatten() {
            tracing::error!(session = %id, %error, "the spool of a sealed recording cannot be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D23: a copy of the name, or an undeleted file, opens with the recovery key no more; what is
    /// mutilated is kept as it is.
    #[test]
    fn a_sealed_spool_is_overwritten_and_a_mutilated_one_is_kept() {
        let state = tempfile::tempdir().unwrap();
        let paths = Paths::new(state.path());
        let (whole, mutilated) = (SessionId::from_random([1; 8]), SessionId::from_random([2; 8]));
        fs::create_dir_all(paths.recordings()).unwrap();
        let copy = state.path().join("copy");
        for id in [&whole, &mutilated] {
            fs::write(paths.spool(id), "spool").unwrap();
        }
        fs::hard_link(paths.spool(&whole), &copy).unwrap();
        dispose(&paths, &whole, false).unwrap();
        dispose(&paths, &whole, false).unwrap();
        assert!(!paths.spool(&whole).exists());
        assert_eq!(fs::read(&copy).unwrap(), [0; 5]);
        dispose(&paths, &mutilated, true).unwrap();
        assert_eq!(fs::read(paths.aside().join(format!("{mutilated}.spool"))).unwrap(), b"spool");
    }
}

//! What a start finds: the journal opened and held against the vault's memory, and what the last run
//! left open closed exactly once (promise 6). A start resumes no access.

use crate::clock::Clock;
use crate::daemon::{Options, SITE, make_private};
use crate::entropy;
use crate::https::CONSOLE_CERTIFICATE;
use crate::memory::MEMORY;
use crate::registrar::entry;
use crate::reload::readers;
use crate::retention::{STEADY, terms_changed};
use crate::ring::{self, RING};
use crate::rollback;
use crate::site::{
    BREAK_GLASS, Paths, enrolment_document, invitation_document, planned_document, staff_document, target_document,
    technician_document, word_document,
};
use crate::vault::{Memory, SiteSecrets, Vault, VaultError};
use anyhow::{Context as _, bail};
use config::Config;
use jiff::{SignedDuration, Timestamp};
use journal::{Checkpoint, Journal, Masters, OsDisk, SigningKey};
use lifecycle::retention::Ranges;
use lifecycle::{AccountState, Actor, Command, EndCause, Event, Register, SessionId, WithdrawCause, decide};
use recorder::{RecordingKey, RecoveryKey, SpoolReader};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// How long a start may lie after the last entry without somebody's confirmation (D31).
const LONGEST_SILENCE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An open journal and the register folded from it.
pub(crate) struct Opened {
    pub(crate) journal: Journal,
    pub(crate) register: Register,
}

/// Opens the journal, folds it, and holds it against clock and vault.
pub(crate) fn open_journal(
    paths: &Paths,
    disk: OsDisk,
    secrets: &SiteSecrets,
    masters: &Masters,
    vault: &Vault,
    clock: &Arc<dyn Clock>,
    options: &Options,
) -> anyhow::Result<Opened> {
    let signer = SigningKey::new(&secrets.origin, &secrets.journal)?;
    let verifier = signer.verifier();
    let random: journal::Entropy = Box::new(|buffer| {
        // A generator that fails leaves zeroes, which would be a key: the program must not go on.
        if entropy::fill(buffer).is_err() {
            std::process::abort();
        }
    });
    let (mut journal, recovered) = Journal::open(&paths.journal(), Box::new(disk), signer, masters.clone(), random)?;
    let (mut register, mut erased) = fold(&mut journal)?;
    // CRASH: a retention run was broken off: what the journal says was destroyed is destroyed before
    // anything is folded for good.
    if masters.is_rewriting() || !register.retention.tombstones.is_within(&erased) {
        tracing::warn!("a retention run was broken off: it is finished now");
        rewrite(&mut journal, vault, &register.retention.tombstones)?;
        (register, erased) = fold(&mut journal)?;
        tracing::info!(entries = erased.count(), "the content of these entries is erased");
    }
    let now = clock.now();
    if now < journal.last_at() {
        bail!("the clock says {now}, but the journal's last entry is of {}: set the clock right", journal.last_at());
    }
    if journal.size() > 0 && now.duration_since(journal.last_at()) > LONGEST_SILENCE && !options.confirm_clock {
        bail!(
            "the journal's last entry is of {}, over 30 days ago: if the clock is right, start once with `--confirm-clock`",
            journal.last_at()
        );
    }
    let mut first = Vec::new();
    if !recovered.aside.is_empty() {
        let kept = paths.aside().join(format!("journal-after-{}", journal.size()));
        make_private(&paths.aside())?;
        fs::write(&kept, &recovered.aside).with_context(|| format!("`{}` cannot be written", kept.display()))?;
        let event = Event::UnsignedTail { bytes: recovered.aside.len() as u64, kept: kept.display().to_string() };
        tracing::warn!(bytes = recovered.aside.len(), kept = %kept.display(), "the journal's unsigned end was kept aside");
        first.push(event);
    }
    match vault.get::<Memory>(MEMORY, 1) {
        Ok(memory) => first.extend(stricter(&mut journal, &register, &memory, &verifier)?),
        Err(VaultError::Missing(_)) => {}
        Err(error) => return Err(error.into()),
    }
    append(&mut journal, &mut register, first, now)?;
    Ok(Opened { journal, register })
}

/// Folds the journal; gives the register, and the entries whose content is gone.
fn fold(journal: &mut Journal) -> anyhow::Result<(Register, Ranges)> {
    let (mut register, mut erased) = (Register::default(), Ranges::default());
    let mut unreadable = None;
    journal.for_each(0, |read| {
        let body = read.body.as_deref();
        match body.map(Event::from_body) {
            Some(Ok(event)) => register.apply(read.leaf.at, &event),
            Some(Err(error)) => unreadable = Some(format!("entry {}: {error}", read.leaf.index)),
            None => {
                register.pass_over(read.leaf.at, read.leaf.intervention);
                erased.insert(read.leaf.index);
            }
        }
    })?;
    if let Some(what) = unreadable {
        bail!("the journal holds an entry that this version does not know, so its state cannot be told: {what}");
    }
    Ok((register, erased))
}

/// Rewrites the whole ring under a new master, without the keys of these entries.
pub(crate) fn rewrite(journal: &mut Journal, vault: &Vault, erased: &Ranges) -> anyhow::Result<()> {
    journal.begin_rewrite(ring::begin(vault)?)?;
    while journal.rewrite_tile(|index| erased.contains(index))? {}
    journal.finish_rewrite()?;
    ring::finish(vault)?;
    Ok(())
}

/// Holds the journal against what the vault remembers (D17): the newest checkpoint must be in it, or
/// all access is cut; and what was taken away stays away.
fn stricter(
    journal: &mut Journal,
    register: &Register,
    memory: &Memory,
    key: &journal::VerifierKey,
) -> anyhow::Result<Vec<Event>> {
    let mut found = Vec::new();
    if !memory.checkpoint.is_empty() {
        let checkpoint =
            Checkpoint::verify(&memory.checkpoint, key).context("the checkpoint that the vault remembers")?;
        if journal.root_at(checkpoint.size)? != Some(checkpoint.root) {
            let root = rollback::root_text(&checkpoint.root);
            found = rollback::events(register, "vault", checkpoint.size, &root, journal.size());
        }
    }
    let forgotten = register
        .accounts
        .values()
        .filter(|account| account.state == AccountState::Active && memory.disabled.contains(&account.id.to_string()));
    found.extend(forgotten.map(|account| Event::TechnicianDisabled {
        account: account.id.clone(),
        technician: account.login.clone(),
        reason: "the vault remembers that it was disabled".to_owned(),
        by: Actor::Program,
    }));
    Ok(found)
}

fn append(journal: &mut Journal, register: &mut Register, events: Vec<Event>, at: Timestamp) -> anyhow::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let at = at.max(journal.last_at());
    let mut happened = Vec::new();
    // Applied before it is durable: where the append fails, the start does. What a person must look at is
    // raised with its cause here as in the registrar.
    for event in events {
        register.apply(at, &event);
        let raised = register.alert_for(&event);
        raised.iter().for_each(|raised| register.apply(at, raised));
        happened.push(event);
        happened.extend(raised);
    }
    let group: Vec<_> = happened.iter().map(|event| entry(at, event)).collect();
    journal.append(journal.size(), &group)?;
    Ok(())
}

/// Closes what the last run left open: each session exactly once, with its cause and duration
/// (promise 6); pending requests are withdrawn. A start resumes no access.
pub(crate) fn settle(
    opened: &mut Opened,
    config: &Config,
    paths: &Paths,
    recovery: &RecoveryKey,
    now: Timestamp,
) -> anyhow::Result<()> {
    let rules = config.rules(Default::default());
    let mut events = Vec::new();
    let open: Vec<SessionId> = opened.register.live().map(|record| record.id.clone()).collect();
    for id in open {
        let Some(record) = opened.register.sessions.get(&id) else { continue };
        let committed = record.committed.clone();
        let spool = last_frame(&paths.spool(&id), recovery, committed.as_ref());
        let ended = spool.as_ref().and_then(|spool| spool.last).unwrap_or(record.last_at).max(record.last_at);
        if let Some(mut end) = opened.register.closing_entry(&id, ended, EndCause::Interrupted) {
            end.at_least = true;
            match spool {
                // INVARIANT: what was committed to the journal stands. A spool that is shorter or has
                // another head there was changed after the crash, and must not become the truth by
                // being read (D24); sealing will say so.
                Some(spool) if spool.holds_what_was_committed => {
                    (end.head, end.length) = (spool.head.hex(), spool.head.length);
                    (end.bytes_in, end.bytes_out) = (spool.bytes_in, spool.bytes_out);
                }
                Some(spool) => {
                    let (here, committed) = (spool.head.length, end.length);
                    tracing::error!(session = %id, here, committed, "the recording is not what its last committed head says");
                }
                None => tracing::error!(session = %id, "the recording cannot be read"),
            }
            tracing::warn!(session = %id, %ended, "a session of the last run is closed as interrupted");
            // CRASH: each session is closed by itself, so that the last of an intervention finds the
            // others closed; what a crash leaves open here the next start closes.
            let closing = opened.register.close(end, now);
            append(&mut opened.journal, &mut opened.register, closing, now)?;
        }
    }
    let pending: Vec<_> =
        opened.register.current().filter(|one| one.state.is_pending()).map(|one| one.number).collect();
    for number in pending {
        events.extend(
            decide(
                &opened.register,
                &rules,
                Command::Withdraw { number, cause: WithdrawCause::Restart, by: None },
                now,
            )
            .events,
        );
    }
    // Open interventions without a session cannot be, but would never end by themselves.
    let orphans: Vec<_> = opened
        .register
        .current()
        .filter(|one| {
            !one.state.is_pending()
                && one
                    .sessions
                    .iter()
                    .all(|id| opened.register.sessions.get(id).is_none_or(|record| record.end.is_some()))
        })
        .map(|one| one.number)
        .collect();
    for number in orphans {
        events.extend(
            decide(&opened.register, &rules, Command::EndIntervention { number, cause: EndCause::Interrupted }, now)
                .events,
        );
    }
    let (version, four_eyes) = (env!("CARGO_PKG_VERSION").to_owned(), config.site.four_eyes);
    events.push(Event::Started { version, config: config.digest.clone(), four_eyes });
    events.extend(terms_changed(&opened.register, &config.retention));
    events.extend(readers(config).change(opened.register.readers.as_ref(), Actor::Program));
    append(&mut opened.journal, &mut opened.register, events, now)
}

struct LastFrame {
    last: Option<Timestamp>,
    head: recorder::Head,
    bytes_in: u64,
    bytes_out: u64,
    holds_what_was_committed: bool,
}

/// How far a spool goes that a crash left behind, and whether it has the head that the journal knows.
fn last_frame(path: &Path, recovery: &RecoveryKey, committed: Option<&(String, u64)>) -> Option<LastFrame> {
    let open = || fs::File::open(path).map(std::io::BufReader::new).ok();
    let (header, _) = SpoolReader::header(open()?).ok()?;
    let key = RecordingKey::recover(&header, recovery).ok()?;
    let mut reader = SpoolReader::new(open()?, &key).ok()?;
    let (mut last, mut bytes_in, mut bytes_out) = (None, 0, 0);
    let fits =
        |head: recorder::Head| committed.is_some_and(|(hex, length)| head.length == *length && head.hex() == *hex);
    let mut holds = committed.is_none() || fits(reader.head());
    while let Some(frame) = reader.next() {
        holds |= fits(reader.head());
        last = Some(frame.at);
        match frame.kind {
            recorder::FrameKind::Input => bytes_in += frame.data.len() as u64,
            recorder::FrameKind::Output | recorder::FrameKind::ErrorOutput => bytes_out += frame.data.len() as u64,
            _ => {}
        }
    }
    Some(LastFrame { last, head: reader.head(), bytes_in, bytes_out, holds_what_was_committed: holds })
}

/// Removes generations of the vault that no entry names (D21).
pub(crate) fn remove_garbage(vault: &Vault, register: &Register) -> anyhow::Result<()> {
    // Written over, these have one generation.
    let mut wanted: Vec<_> = [SITE, MEMORY, CONSOLE_CERTIFICATE, STEADY].map(|name| (name.to_owned(), 1)).into();
    wanted.extend(vault.generations(RING)?.into_iter().map(|generation| (RING.to_owned(), generation)));
    wanted.extend(register.accounts.values().map(|account| (technician_document(&account.id), account.secret)));
    for staff in register.staff.values() {
        wanted.push((staff_document(&staff.login), staff.secret));
        wanted.extend(staff.invitation.as_ref().map(|one| (enrolment_document(&staff.login), one.secret)));
    }
    wanted
        .extend(register.credentials.iter().map(|((target, login), one)| (target_document(target, login), one.secret)));
    for account in register.accounts.values() {
        wanted.extend(account.invitation.as_ref().map(|one| (invitation_document(&account.id), one.secret)));
        if account.state == AccountState::Enrolled {
            wanted.push((word_document(&account.id), account.secret));
        }
    }
    wanted.extend(register.break_glass.iter().map(|one| (BREAK_GLASS.to_owned(), one.secret)));
    let planned = register.current().filter_map(|one| Some((planned_document(one.number), one.plan.as_ref()?.secret?)));
    wanted.extend(planned);
    let removed = vault.keep_only(&wanted)?;
    if removed > 0 {
        tracing::warn!(removed, "documents of the vault that no entry names were removed");
    }
    Ok(())
}

//! Fills the facts: from the configuration in force, the register, the journal and the host.

use super::facts::{ConfigFacts, Facts, LiveFacts, host};
use crate::ctl::desk::{gone, software};
use crate::doctor::{self, Root};
use crate::registrar::Core;
use crate::site::Site;
use jiff::{SignedDuration, Timestamp};
use lifecycle::order::Failure;
use lifecycle::{AccountState, Event, RecordingState, Role, SessionId, SessionRecord};
use serde_json::Value;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Recordings and copies of files go with the daily run; one of them may fail.
const RUN: SignedDuration = SignedDuration::from_hours(2 * 24);
/// Entries go once their tile is full, which takes a quiet site some weeks.
const TILE: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Factors that a login must have shown (IDM-03).
const FACTORS: usize = 2;

/// Everything that is judged by, as it is now. `main` is the configuration's file, `status` what the daemon
/// tells of itself.
pub(super) async fn gather(
    site: &Arc<Site>,
    main: &Path,
    status: &Value,
    retention: Option<&Value>,
) -> Result<Facts, Failure> {
    let (config, at) = (site.config(), site.clock.now());
    let (entries, logins, weak_logins) = journal(site).await?;
    let trusted = site.clock.is_trusted();
    let live = site.registrar.view(|core, _| register(core)).await.map_err(gone)?;
    let lost = lost(site).await?;
    let live = LiveFacts {
        lost,
        overdue: retention.map(|plan| overdue(plan, at)),
        at: crate::clock::to_millisecond(at),
        clock_trusted: trusted,
        // The register answered, and it is the one who writes.
        journal_works: true,
        entries,
        logins,
        weak_logins,
        ..live
    };
    let (shared, main) = (config.clone(), main.to_owned());
    let looking = tokio::task::spawn_blocking(move || {
        let root = Root::new(PathBuf::from("/"));
        let mut findings = doctor::host(&root, at);
        findings.extend(doctor::configured(&root, &shared, &main, at));
        findings.push(doctor::stray(&root, &shared));
        findings
    });
    let mut findings = looking.await.map_err(software)?;
    findings.extend(doctor::told(status, at));
    Ok(Facts { config: ConfigFacts::of(&config, at), live, host: host(&findings) })
}

/// Entries, logins, and logins with too few factors. Blocks on the disk, in a thread of its own.
async fn journal(site: &Arc<Site>) -> Result<(u64, u64, u64), Failure> {
    let site = site.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let (mut logins, mut weak) = (0_u64, 0_u64);
        let mut reader = site.archive.open()?;
        let size = reader.size();
        reader.read(0, |evidence| {
            if evidence.leaf.kind == "factors-accepted" {
                logins = logins.saturating_add(1);
                let event = evidence.opened.and_then(|(_, body)| Event::from_body(&body).ok());
                if let Some(Event::FactorsAccepted { factors, .. }) = event
                    && factors.len() < FACTORS
                {
                    weak = weak.saturating_add(1);
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok::<_, journal::OpenError>((size, logins, weak))
    });
    reading.await.map_err(software)?.map_err(software)
}

/// Sealed recordings without a manifest, or without any head, that no run of retention erased.
async fn lost(site: &Arc<Site>) -> Result<usize, Failure> {
    let there = |record: &SessionRecord| record.sealed.is_some() && record.shredded.is_none();
    let sealed = move |core: &Core, _| -> Vec<SessionId> {
        core.register.sessions.values().filter(|record| there(record)).map(|record| record.id.clone()).collect()
    };
    let all = site.registrar.view(sealed).await.map_err(gone)?;
    let paths = site.paths.clone();
    let looking = tokio::task::spawn_blocking(move || {
        let lies = |id: &SessionId| {
            let heads = std::fs::read_dir(paths.heads(id)).is_ok_and(|mut heads| heads.next().is_some());
            heads && paths.sealed(id).join("manifest.json").is_file()
        };
        all.into_iter().filter(|id| !lies(id)).collect::<Vec<_>>()
    });
    let missing = looking.await.map_err(software)?;
    // A run that began meanwhile has said so before it took them.
    let still =
        move |core: &Core, _| missing.iter().filter(|id| core.register.sessions.get(*id).is_some_and(there)).count();
    site.registrar.view(still).await.map_err(gone)
}

/// What of the plan is past its time for longer than a daily run, or a tile of the journal, takes.
fn overdue(plan: &Value, now: Timestamp) -> usize {
    let items = plan.get("items").and_then(Value::as_array).into_iter().flatten();
    let text = |one: &Value, name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
    let late = |one: &&Value| {
        let until = text(one, "until").and_then(|until| until.parse::<Timestamp>().ok());
        let most = match text(one, "what").as_deref() {
            Some("recording" | "files") => RUN,
            _ => TILE,
        };
        text(one, "state").as_deref() == Some("due") && until.is_some_and(|until| now.duration_since(until) > most)
    };
    items.filter(late).count()
}

fn register(core: &Core) -> LiveFacts {
    let register = &core.register;
    let accounts = || register.accounts.values().filter(|account| account.state == AccountState::Active);
    let unapproved = |number| register.interventions.get(number).is_none_or(|one| one.approved_by().is_empty());
    let mutilated = |record: &&lifecycle::SessionRecord| {
        record.sealed.as_ref().is_some_and(|sealed| sealed.state == RecordingState::Mutilated)
    };
    LiveFacts {
        accounts: accounts().count(),
        unproofed: accounts().filter(|account| account.proofing.trim().is_empty()).count(),
        sessions: register.sessions.len(),
        unapproved: register.sessions.values().filter(|record| unapproved(&record.number)).count(),
        mutilated: register.sessions.values().filter(mutilated).count(),
        interventions: register.interventions.len(),
        missing: register.missing_numbers().len(),
        readings: register.sessions.values().map(|record| record.readings.len()).sum(),
        unreviewed: register.interventions.values().filter(|one| one.wants_review()).count(),
        operators: register.staff.values().filter(|staff| staff.is(Role::Operator)).count(),
        both: register.staff.values().filter(|staff| staff.is(Role::Operator) && staff.is(Role::Approver)).count(),
        withdrawn: core.rules.withdrawn.len(),
        ..LiveFacts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// LOG-07: what is due waits for the next run; what waits for longer is overdue, unless it is held.
    #[test]
    fn what_is_due_for_long_is_overdue() {
        let now: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let item = |what: &str, until: &str, state: &str| json!({ "what": what, "until": until, "state": state });
        let count = |one: Value| overdue(&json!({ "items": [one] }), now);
        assert_eq!(count(item("recording", "2026-11-22T09:00:00Z", "due")), 0);
        assert_eq!(count(item("recording", "2026-11-20T09:00:00Z", "due")), 1);
        assert_eq!(count(item("recording", "2026-11-20T09:00:00Z", "held")), 0);
        assert_eq!(count(item("intervention", "2026-11-20T09:00:00Z", "due")), 0);
        assert_eq!(count(item("intervention", "2026-10-20T09:00:00Z", "due")), 1);
        assert_eq!(overdue(&Value::Null, now), 0);
    }
}

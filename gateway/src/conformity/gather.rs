//! Fills the facts: from the configuration in force, the register, the journal and the host.

use super::facts::{ConfigFacts, Facts, LiveFacts, host};
use crate::ctl::server::{gone, software};
use crate::doctor::{self, Root};
use crate::site::Site;
use lifecycle::order::Failure;
use lifecycle::{AccountState, Event, RecordingState, Role};
use serde_json::Value;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Factors that a login must have shown (IDM-03).
const FACTORS: usize = 2;

/// Everything that is judged by, as it is now. `main` is the configuration's file, `status` what the daemon
/// tells of itself.
pub(super) async fn gather(site: &Arc<Site>, main: &Path, status: &Value) -> Result<Facts, Failure> {
    let (config, at) = (site.config(), site.clock.now());
    let (entries, logins, weak_logins) = journal(site).await?;
    let trusted = site.clock.is_trusted();
    let live = site.registrar.view(|core, _| register(core)).await.map_err(gone)?;
    let live = LiveFacts {
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

fn register(core: &crate::registrar::Core) -> LiveFacts {
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

//! What there is to judge by: the configuration in force, the register, the journal, the port, the host.

use crate::doctor::{Finding, Level, wide};
use config::{Config, Exception, Opening, Scan};
use ipnet::IpNet;
use jiff::Timestamp;
use policy::{Right, Sources, Supervision};
use std::collections::BTreeMap;

/// Everything that is judged by.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) config: ConfigFacts,
    pub(crate) live: LiveFacts,
    /// What the checks of the host said, by id.
    pub(crate) host: BTreeMap<&'static str, (Level, String)>,
}

/// Of one target.
#[derive(Debug, Clone)]
pub(crate) struct TargetFacts {
    pub(crate) id: String,
    pub(crate) supervision: Supervision,
    /// Old algorithms that are offered to it now.
    pub(crate) legacy: Vec<&'static str>,
    /// Files pass to it, and nobody scans them.
    pub(crate) unscanned: bool,
}

/// Of one vendor.
#[derive(Debug, Clone)]
pub(crate) struct VendorFacts {
    pub(crate) id: String,
    pub(crate) targets: Vec<String>,
    pub(crate) in_contract: bool,
    pub(crate) key: bool,
    pub(crate) any_source: bool,
    /// Why its hours are more than working hours.
    pub(crate) wide: Option<&'static str>,
    /// Tunnels whose content is not seen.
    pub(crate) forwards: bool,
}

/// The certificate of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConsoleFacts {
    None,
    OwnCertificate,
    Certificate,
}

/// The configuration in force.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFacts {
    pub(crate) targets: Vec<TargetFacts>,
    pub(crate) vendors: Vec<VendorFacts>,
    pub(crate) open: Opening,
    pub(crate) legacy_clients: bool,
    pub(crate) recipients: usize,
    /// Months of journal, recordings and copies of files.
    pub(crate) months: [u32; 3],
    pub(crate) console: ConsoleFacts,
    pub(crate) webhooks: usize,
    pub(crate) mail: bool,
    /// Receivers of the journal.
    pub(crate) receivers: usize,
}

/// No vendor has half of all IPv4 addresses, or as many of IPv6 as are given out at all (2000::/3): who
/// lists so many means all.
const MOST: [u128; 2] = [1 << 31, 1 << 125];

/// Whether these are no networks of anybody's, but as good as any: networks are merged first.
fn is_anywhere(sources: &Sources) -> bool {
    let networks = match sources {
        Sources::Any { .. } => return true,
        Sources::Networks(networks) => IpNet::aggregate(networks),
    };
    let size =
        |one: &IpNet| 1_u128.checked_shl(u32::from(one.max_prefix_len() - one.prefix_len())).unwrap_or(u128::MAX);
    let [mut four, mut six] = [0_u128; 2];
    for one in &networks {
        let sum = if one.addr().is_ipv4() { &mut four } else { &mut six };
        *sum = sum.saturating_add(size(one));
    }
    let [most_four, most_six] = MOST;
    four >= most_four || six >= most_six
}

impl ConfigFacts {
    /// What a configuration says at an instant.
    pub(crate) fn of(config: &Config, at: Timestamp) -> Self {
        let today = config.site.zone.to_datetime(at).date();
        let writes = |id: &policy::TargetId| {
            let rules = config.vendors.values().flat_map(|vendor| &vendor.rules.allow);
            rules
                .filter(|rule| rule.targets.contains(id))
                .any(|rule| rule.rights.contains(&Right::SftpWrite) || rule.rights.contains(&Right::ScpWrite))
        };
        let targets = config.targets.iter().map(|(id, target)| TargetFacts {
            id: id.to_string(),
            supervision: target.rules.supervision,
            legacy: match config.exception(id, at) {
                Exception::InForce(legacy) => legacy.algorithms.clone(),
                Exception::None | Exception::Over(_) => Vec::new(),
            },
            unscanned: target.carried.scan == Scan::None && writes(id),
        });
        let vendors = config.vendors.iter().map(|(id, vendor)| VendorFacts {
            id: id.to_string(),
            targets: vendor.rules.allow.iter().flat_map(|rule| &rule.targets).map(ToString::to_string).collect(),
            in_contract: vendor.rules.contract.days.contains(today),
            key: vendor.key,
            any_source: is_anywhere(&vendor.rules.sources),
            wide: config.calendars.get(&vendor.rules.calendar).and_then(wide),
            forwards: vendor
                .rules
                .allow
                .iter()
                .any(|rule| rule.rights.iter().any(|right| matches!(right, Right::Forward(_)))),
        });
        Self {
            targets: targets.collect(),
            vendors: vendors.collect(),
            open: config.ssh.open,
            legacy_clients: config.ssh.legacy_clients,
            recipients: config.recordings.recipients.len(),
            months: [config.retention.journal.0, config.retention.recordings.0, config.retention.files.0],
            console: match config.console.as_ref().map(|console| &console.certificate) {
                None => ConsoleFacts::None,
                Some(None) => ConsoleFacts::OwnCertificate,
                Some(Some(_)) => ConsoleFacts::Certificate,
            },
            webhooks: config.notify.webhooks.len(),
            mail: config.notify.mail.is_some(),
            receivers: config.siem.len(),
        }
    }
}

/// What is so now, and what the register and the journal say has been.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveFacts {
    pub(crate) at: Timestamp,
    pub(crate) clock_trusted: bool,
    pub(crate) journal_works: bool,
    pub(crate) entries: u64,
    pub(crate) accounts: usize,
    /// Accounts of which nobody wrote down how the person was made sure of.
    pub(crate) unproofed: usize,
    pub(crate) logins: u64,
    /// Logins with fewer than two factors.
    pub(crate) weak_logins: u64,
    pub(crate) sessions: usize,
    /// Sessions whose intervention has no approval.
    pub(crate) unapproved: usize,
    /// Sessions that are over, without a recording that is whole or at least found.
    pub(crate) mutilated: usize,
    /// Recordings that are sealed and were not erased, and whose manifest or heads are not there.
    pub(crate) lost: usize,
    /// What should be erased since longer than a run takes; `None`: nobody can say.
    pub(crate) overdue: Option<usize>,
    pub(crate) interventions: usize,
    /// Numbers that are missing.
    pub(crate) missing: usize,
    pub(crate) readings: usize,
    /// Emergencies that nobody looked at.
    pub(crate) unreviewed: usize,
    pub(crate) operators: usize,
    /// Staff who both run the machine and approve.
    pub(crate) both: usize,
    /// Targets whose quorum cannot be met.
    pub(crate) withdrawn: usize,
}

/// The checks of the host, by id.
pub(crate) fn host(findings: &[Finding]) -> BTreeMap<&'static str, (Level, String)> {
    let said = |one: &Finding| match one.value.is_empty() {
        true => one.seen.to_owned(),
        false => format!("{}: {}", one.seen, one.value),
    };
    findings.iter().map(|one| (one.id, (one.level, said(one)))).collect()
}

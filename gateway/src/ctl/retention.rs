//! Retention and holds: what goes when, a run by hand, what is kept from going (LOG-07 to LOG-09).

use super::desk::{Answer, Desk, data, gone, reasoned, software};
use crate::entropy;
use crate::registrar::Core;
use crate::retention::{self, Outcome};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use lifecycle::order::{Failure, HoldArgs, exit};
use lifecycle::retention::{Coming, Hold, HoldOn, Ranges, What};
use lifecycle::{Actor, Event, HoldId, InterventionNumber, Refusal, Register};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// How far ahead the plan lists single things.
const AHEAD: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Longest hold, in days: nothing is kept for good by one, but it can be put on anew (LOG-09).
const LONGEST_HOLD: i64 = 3 * 366;

fn on(hold: &HoldOn, register: &Register) -> Value {
    match hold {
        HoldOn::Session(id) => json!(format!("session {id}")),
        HoldOn::Intervention(number) => json!(format!("intervention {number}")),
        HoldOn::Vendor(vendor) => json!(format!("vendor {vendor}")),
        HoldOn::Account(id) => match register.accounts.get(id) {
            Some(account) => json!(format!("account {}", account.login)),
            None => json!(format!("account {id}")),
        },
    }
}

fn coming(one: &Coming, now: Timestamp, register: &Register) -> Value {
    let (what, id) = match &one.what {
        What::Intervention(number) => ("intervention", number.to_string()),
        What::Recording(id) => ("recording", id.to_string()),
        What::Files(id) => ("files", id.to_string()),
        What::Account(id) => {
            ("account", register.accounts.get(id).map_or_else(|| id.to_string(), |account| account.login.to_string()))
        }
    };
    let state = match (&one.held_by, one.until <= now) {
        (Some(_), _) => "held",
        (None, true) => "due",
        (None, false) => "kept",
    };
    json!({ "what": what, "id": id, "until": one.until, "state": state, "held_by": one.held_by })
}

/// The kind of a run's entry.
const RUN: &str = "retention-run";

impl Desk {
    pub(crate) async fn retention_plan(&self) -> Answer {
        let outlook = retention::outlook(&self.site).await.map_err(software)?;
        let (plan, register, now) = (&outlook.plan, &outlook.register, outlook.steady.seen);
        let terms = register.retention.terms.last().map(|(_, terms)| *terms);
        let soon = now.saturating_add(AHEAD).unwrap_or(now);
        let last = register.retention.last.as_ref().map(|run| {
            json!({
                "run": run.run, "at": run.at, "done": run.done, "entries": run.entries,
                "recordings": run.recordings, "files": run.files, "held": run.held, "waiting": run.waiting,
            })
        });
        Ok(json!({
            "terms": terms,
            "because": register.retention.because,
            "clock_steady_since": outlook.steady.since,
            "may_run": outlook.not_now.is_none(),
            "why_not": outlook.not_now.as_ref().map(ToString::to_string),
            "last_run": last,
            "now": {
                "entries": plan.entries.count(),
                "recordings": plan.recordings.len(),
                "files": plan.files.len(),
                "held": plan.held,
                "waiting": plan.waiting,
            },
            "next": plan.next,
            "items": plan.coming.iter().filter(|one| one.until <= soon).map(|one| coming(one, now, register)).collect::<Value>(),
        }))
    }

    /// What all runs erased, from their entries, which stay.
    pub(super) async fn retention_tombstones(&self) -> Answer {
        let site = self.site.clone();
        let look = move || {
            let (mut entries, mut recordings, mut files) = (Ranges::default(), BTreeSet::new(), BTreeSet::new());
            let mut unreadable = None;
            site.archive.open()?.read(0, |evidence| {
                if let (RUN, Some((_, body))) = (evidence.leaf.kind.as_str(), &evidence.opened) {
                    match Event::from_body(body) {
                        Ok(Event::RetentionRun { entries: gone, recordings: ids, files: of, .. }) => {
                            entries.extend(&gone);
                            recordings.extend(ids);
                            files.extend(of);
                        }
                        Ok(_) => {}
                        Err(error) => unreadable = Some(error),
                    }
                }
                ControlFlow::Continue(())
            })?;
            match unreadable {
                Some(error) => Err(anyhow::Error::from(error)),
                None => Ok(json!({ "entries": entries, "recordings": recordings, "files": files })),
            }
        };
        tokio::task::spawn_blocking(look).await.map_err(software)?.map_err(software)
    }

    pub(super) async fn retention_run(&self, by: Actor) -> Answer {
        match retention::run(&self.site, Some(by)).await.map_err(software)? {
            Outcome::Not(why) => Err(Failure::new(exit::TEMPORARY, why)),
            Outcome::Nothing => Ok(json!({ "run": null })),
            Outcome::Done { run, entries, recordings, files, held, waiting } => Ok(json!({
                "run": run, "entries": entries, "recordings": recordings, "files": files, "held": held,
                "waiting": waiting,
            })),
        }
    }

    /// Puts a hold on. It is durable before the answer: from then on no run takes what it holds.
    pub(super) async fn hold_add(&self, what: HoldArgs, reason: String, until: Date, by: Actor) -> Answer {
        reasoned(&reason)?;
        let now = self.site.clock.now();
        let zone = self.site.config().site.zone.clone();
        // The last day counts whole.
        let end = until.tomorrow().and_then(|day| day.to_zoned(zone)).map_err(data)?.timestamp();
        let days = end.duration_since(now).as_hours() / 24;
        if end <= now || days > LONGEST_HOLD {
            let text = "the hold's last day is over, or more than three years away: write --until as 2027-06-30";
            return Err(Failure::new(exit::DATA, text));
        }
        let hold = HoldId::from_random(entropy::bytes().map_err(software)?);
        let (id, reason) = (hold.clone(), crate::cli::visible(reason.trim()));
        let added = self.site.registrar.act(move |core, _| match held(&core.register, &core.config, what) {
            Ok(on) => (vec![Event::HoldAdded { hold, on, reason, until: end, by }], Ok(())),
            Err(failure) => (Vec::new(), Err(failure)),
        });
        added.await.map_err(gone)??;
        Ok(json!({ "hold": id, "until": end }))
    }

    pub(super) async fn hold_list(&self) -> Answer {
        let list = |core: &Core, now: Timestamp| {
            let row = |hold: &Hold| {
                let (ended, by, why) = match &hold.released {
                    Some((at, by, why)) => (Some(*at), Some(by), Some(why)),
                    None => (hold.expired, None, None),
                };
                json!({
                    "hold": hold.id,
                    "state": hold.state(now),
                    "on": on(&hold.on, &core.register),
                    "since": hold.since,
                    "until": hold.until,
                    "by": hold.by,
                    "reason": hold.reason,
                    "ended": ended,
                    "released_by": by,
                    "released_because": why,
                })
            };
            let mut holds: Vec<&Hold> = core.register.holds.values().collect();
            holds.sort_by_key(|hold| hold.since);
            holds.into_iter().map(row).collect::<Value>()
        };
        self.site.registrar.view(list).await.map_err(gone)
    }

    pub(super) async fn hold_release(&self, hold: HoldId, reason: String, by: Actor) -> Answer {
        reasoned(&reason)?;
        let reason = crate::cli::visible(reason.trim());
        let released = self.site.registrar.act(move |core, _| match core.register.holds.get(&hold).map(Hold::holds) {
            Some(true) => (vec![Event::HoldReleased { hold, reason, by }], Ok(())),
            Some(false) => (Vec::new(), Err(Failure::new(exit::DATA, "the hold is over already"))),
            None => {
                let text = format!("there is no hold {hold}: see `poterne hold list`");
                (Vec::new(), Err(Failure::new(exit::NO_INPUT, text)))
            }
        });
        released.await.map_err(gone)??;
        Ok(json!({}))
    }
}

/// What is to be held, if it is there.
fn held(register: &Register, config: &config::Config, what: HoldArgs) -> Result<HoldOn, Failure> {
    let missing = |text: String| Failure::new(exit::NO_INPUT, text);
    match what {
        HoldArgs::Session(text) => {
            let id = text.parse().map_err(data)?;
            match register.sessions.contains_key(&id) {
                true => Ok(HoldOn::Session(id)),
                false => Err(missing(format!("there is no session {id}: see `poterne session list --all`"))),
            }
        }
        HoldArgs::Intervention(number) => {
            let number = InterventionNumber(number);
            match register.interventions.contains_key(&number) {
                true => Ok(HoldOn::Intervention(number)),
                false => Err(Refusal::NoIntervention(number).into()),
            }
        }
        HoldArgs::Vendor(vendor) => {
            // One that is declared no more may be what an inquiry is about.
            let known = config.vendors.contains_key(&vendor)
                || register.accounts.values().any(|account| account.vendor == vendor)
                || register.interventions.values().any(|one| one.asked.vendor == vendor);
            match known {
                true => Ok(HoldOn::Vendor(vendor)),
                false => Err(missing(format!("there is no vendor `{vendor}`: see `poterne vendor list`"))),
            }
        }
        HoldArgs::Account(login) => match register.account(&login) {
            Some(account) => Ok(HoldOn::Account(account.id.clone())),
            None => Err(Refusal::NoTechnician(login).into()),
        },
    }
}

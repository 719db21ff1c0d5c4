//! From what happened to the lanes: which notice, for which channels.

use super::lane::{Entrance, Item, Lane, Pace};
use super::mail::Post;
use super::notice::{Facts, Notice};
use super::people::People;
use super::sighting::{About, Sighting};
use super::webhook::Hook;
use super::{MAIL, SECOND_MAIL, syslog};
use crate::registrar::Core;
use crate::site::Site;
use config::Topic;
use jiff::{SignedDuration, Timestamp};
use lifecycle::{Event, InterventionNumber, InterventionState, SessionEnd};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::JoinSet;

/// The same alert about the same person or session comes once in this time.
const QUIET: SignedDuration = SignedDuration::from_mins(10);

/// Who hands notices out, and what they have to remember for it.
pub(super) struct Office {
    site: Arc<Site>,
    lanes: BTreeMap<String, Entrance>,
    /// The lanes' tasks; they end with the office.
    tasks: JoinSet<()>,
    /// Interventions of which somebody was told that they wait.
    told: BTreeSet<InterventionNumber>,
    /// When an alert about something was last handed out.
    alerted: BTreeMap<(&'static str, About), Timestamp>,
    /// As of the last look, for when the journal is gone.
    people: People,
    journal_works: bool,
}

/// What waits in the register for somebody's answer.
fn waiting(core: &Core) -> Vec<Sighting> {
    let wanted = |one: &lifecycle::Intervention| match one.state {
        InterventionState::Requested => Some(Sighting::request(one.number)),
        InterventionState::Planned if one.approvals.len() < usize::from(one.asked.quorum) => {
            Some(Sighting::approval(one.number))
        }
        _ => None,
    };
    core.register.current().filter_map(wanted).collect()
}

impl Office {
    /// Opens it. What waits already was told before the restart: a request is withdrawn by it, and a
    /// planned one has its approvers told.
    pub(super) async fn open(site: Arc<Site>) -> Self {
        let waits = site.registrar.view(|core, _| waiting(core)).await.unwrap_or_default();
        let mut office = Self {
            site,
            lanes: BTreeMap::new(),
            tasks: JoinSet::new(),
            told: waits.iter().filter_map(number).collect(),
            alerted: BTreeMap::new(),
            people: People::default(),
            journal_works: true,
        };
        office.take_config();
        office
    }

    /// One lane for each channel of the configuration. A lane that stays looks its channel up anew.
    pub(super) fn take_config(&mut self) {
        let config = self.site.config();
        let mut names: Vec<String> = config.notify.webhooks.keys().cloned().collect();
        names.extend(config.notify.mail.as_ref().map(|_| MAIL.to_owned()));
        names.extend(config.notify.second_mail.as_ref().map(|_| SECOND_MAIL.to_owned()));
        if config.notify.is_mail_alone() {
            tracing::warn!("mail is the only channel for requests, and it arrives late or never: name a webhook");
        }
        self.lanes.retain(|name, _| names.contains(name));
        while self.tasks.try_join_next().is_some() {}
        self.site.notify.keep(&names);
        for name in names {
            if self.lanes.contains_key(&name) {
                continue;
            }
            let (health, clock, site) = (self.site.notify.clone(), self.site.clock.clone(), self.site.clone());
            let entrance = if name == MAIL || name == SECOND_MAIL {
                let post = Post::new(site, name == SECOND_MAIL);
                let (entrance, lane) = Lane::new(&name, post, Pace::default(), health, clock);
                self.tasks.spawn(lane.run());
                entrance
            } else {
                let hook = Hook::new(site, name.clone());
                let (entrance, lane) = Lane::new(&name, hook, Pace::default(), health, clock);
                self.tasks.spawn(lane.run());
                entrance
            };
            self.lanes.insert(name, entrance);
        }
    }

    /// Takes an event.
    pub(super) async fn hear(&mut self, at: Timestamp, event: &Event) {
        if let Some(sighting) = Sighting::of(event) {
            self.tell(sighting, at).await;
        }
        if let (Event::AlertRaised { .. } | Event::AlertEscalated { .. }, Some(path)) =
            (event, &self.site.config().alarms.syslog)
        {
            syslog::tell(&self.site, path, event).await;
        }
        if let Event::SessionEnded(end) = event {
            self.send_receipt(end, at).await;
        }
    }

    /// The vendor's contact gets a receipt of each session, where there is mail.
    async fn send_receipt(&mut self, end: &SessionEnd, at: Timestamp) {
        if !self.lanes.contains_key(MAIL) {
            return;
        }
        let Some(receipt) = self.site.receipts().of_end(&end.session, end.started).await else { return };
        let Some(notice) = Notice::of_receipt(&self.site.config(), end, &receipt, at).map(Arc::new) else { return };
        let Some(lane) = self.lanes.get(MAIL) else { return };
        for to in &notice.audience {
            lane.put(Item::new(notice.clone(), Some(to.clone())));
        }
    }

    /// Events were lost: whoever waits is told of again rather than not at all.
    pub(super) async fn look_for_waiting(&mut self) {
        let Ok((waits, at)) = self.site.registrar.view(|core, at| (waiting(core), at)).await else { return };
        let current: BTreeSet<InterventionNumber> = waits.iter().filter_map(number).collect();
        self.told.retain(|number| current.contains(number));
        for sighting in waits {
            if number(&sighting).is_some_and(|number| !self.told.contains(&number)) {
                self.tell(sighting, at).await;
            }
        }
    }

    /// Whether the journal still works: the one thing of which no event can tell.
    pub(super) async fn look_at_journal(&mut self) {
        match self.site.registrar.view(|core, _| People::of(&core.register)).await {
            Ok(people) => self.people = people,
            Err(_) if self.journal_works => {
                self.journal_works = false;
                let now = self.site.clock.now();
                self.tell(Sighting::journal(), now).await;
            }
            Err(_) => {}
        }
    }

    async fn tell(&mut self, sighting: Sighting, at: Timestamp) {
        if self.lanes.is_empty() || self.was_just_told(&sighting, at) {
            return;
        }
        let about = sighting.about.clone();
        let looked =
            self.site.registrar.view(move |core, _| (Facts::of(&core.register, &about), People::of(&core.register)));
        let facts = match looked.await {
            Ok((facts, people)) => {
                self.people = people;
                facts
            }
            Err(_) => Facts::default(),
        };
        if matches!(sighting.topic, Topic::Request | Topic::Approval) {
            self.told.extend(number(&sighting));
        }
        let config = self.site.config();
        let notice = Arc::new(Notice::compose(&config, &sighting, facts, &self.people, at));
        for (name, lane) in &self.lanes {
            if name == MAIL || (name == SECOND_MAIL && sighting.topic.alerts()) {
                for to in &notice.audience {
                    lane.put(Item::new(notice.clone(), Some(to.clone())));
                }
            } else if config.notify.webhooks.get(name).is_some_and(|hook| wants(hook, sighting.topic, &notice)) {
                lane.put(Item::new(notice.clone(), None));
            }
        }
    }

    /// Whether the same was told a moment ago; if not, it is noted.
    fn was_just_told(&mut self, sighting: &Sighting, at: Timestamp) -> bool {
        if !sighting.repeats() {
            return false;
        }
        self.alerted.retain(|_, last| at.duration_since(*last) < QUIET);
        let key = (sighting.text, sighting.about.clone());
        if self.alerted.contains_key(&key) {
            return true;
        }
        self.alerted.insert(key, at);
        false
    }
}

fn number(sighting: &Sighting) -> Option<InterventionNumber> {
    match &sighting.about {
        About::Intervention(number) => Some(*number),
        _ => None,
    }
}

/// Whether a webhook is to hear of it. What is about no target is everybody's.
fn wants(hook: &config::Webhook, topic: Topic, notice: &Notice) -> bool {
    let mine = |groups: &BTreeSet<policy::GroupId>| !groups.is_disjoint(&hook.groups);
    hook.events.contains(&topic) && (hook.groups.is_empty() || notice.groups.as_ref().is_none_or(mine))
}

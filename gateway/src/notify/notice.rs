//! One notice: the facts of what happened, its words, and its JSON.

use super::people::People;
use super::sighting::{About, DETAILS, Sighting};
use super::words::{unlinked, visible};
use crate::entropy;
use crate::site::Site;
use crate::texts::Texts;
use config::Config;
use jiff::Timestamp;
use lifecycle::{Alert, InterventionNumber, Register, SessionEnd};
use policy::{GroupId, TargetId, VendorId};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What the register knows of what happened.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    number: Option<InterventionNumber>,
    target: Option<TargetId>,
    vendor: Option<VendorId>,
    who: Option<String>,
    reason: Option<String>,
    alert: Option<Alert>,
}

impl Facts {
    pub(super) fn of(register: &Register, about: &About) -> Self {
        match about {
            About::Intervention(number) => Self::of_intervention(register, *number),
            About::Session(id) => {
                register.sessions.get(id).map(|one| Self::of_intervention(register, one.number)).unwrap_or_default()
            }
            About::Account(id) => register.accounts.get(id).map_or_else(Self::default, |account| Self {
                vendor: Some(account.vendor.clone()),
                who: Some(account.identity.name.clone()),
                ..Self::default()
            }),
            About::Staff(login) => register
                .staff
                .get(login)
                .map_or_else(Self::default, |staff| Self { who: Some(staff.identity.name.clone()), ..Self::default() }),
            About::Vendor(vendor) => Self { vendor: Some(vendor.clone()), ..Self::default() },
            About::Alert(number) => register.alerts.of(*number).map_or_else(Self::default, |alert| Self {
                vendor: alert.vendor.clone(),
                who: Some(alert.people.join(", ")).filter(|people| !people.is_empty()),
                alert: Some(alert.clone()),
                ..Self::default()
            }),
            About::Site => Self::default(),
        }
    }

    fn of_intervention(register: &Register, number: InterventionNumber) -> Self {
        let asked = register.interventions.get(&number).map(|one| &one.asked);
        Self {
            number: Some(number),
            target: asked.map(|asked| asked.target.clone()),
            vendor: asked.map(|asked| asked.vendor.clone()),
            who: asked.map(|asked| asked.name.clone()),
            reason: asked.map(|asked| asked.reason.clone()),
            alert: None,
        }
    }

    /// The kind of the alert in words, as the console says it.
    fn what(&self, config: &Config) -> String {
        let texts = || console::Texts::new(config.site.language, config.site.zone.clone());
        self.alert.as_ref().map_or_else(String::new, |alert| console::alert_title(&texts(), &alert.what))
    }

    /// What the alert says of itself besides its people and its company.
    fn of_alert(&self, config: &Config) -> Vec<(&'static str, String)> {
        let Some(alert) = &self.alert else { return Vec::new() };
        let raised = alert.raised.to_zoned(config.site.zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string();
        let mut said = vec![("alert", alert.number.to_string()), ("raised", raised)];
        // What is about one person has their login there too.
        if !alert.about.is_empty() && alert.people.join(", ") != alert.about {
            said.push(("about", alert.about.clone()));
        }
        said.extend(alert.source.map(|source| ("source", source.to_string())));
        said
    }
}

/// A name with the id it has in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    id: String,
    name: String,
}

/// What is told. All words of people in it are bounded and visible.
#[derive(Clone)]
pub(super) struct Notice {
    /// The same at each try, so that a receiver knows a notice that comes twice.
    pub(super) id: String,
    pub(super) event: &'static str,
    pub(super) at: Timestamp,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) url: String,
    pub(super) site: String,
    number: Option<u64>,
    target: Option<Named>,
    vendor: Option<Named>,
    who: Option<String>,
    reason: Option<String>,
    details: Vec<(&'static str, String)>,
    texts: Texts,
    address: String,
    /// A letter of its own, which is no call to do anything.
    letter: Option<String>,
    /// The groups of its target; `None` if it is about no target.
    pub(super) groups: Option<BTreeSet<GroupId>>,
    /// Who is mailed.
    pub(super) audience: BTreeSet<String>,
}

/// A new id. Without entropy the instant has to do: nothing hangs on it but to know a notice again.
fn new_id(at: Timestamp) -> String {
    let random = entropy::bytes::<12>().map(|bytes| data_encoding::HEXLOWER.encode(&bytes));
    random.unwrap_or_else(|_| at.as_nanosecond().to_string())
}

impl Notice {
    /// Puts a notice into words.
    pub(super) fn compose(config: &Config, sighting: &Sighting, facts: Facts, people: &People, at: Timestamp) -> Self {
        let texts = Texts::new(config.site.language, config.site.zone.clone());
        let target = facts.target.as_ref().map(|id| {
            let declared = config.targets.get(id);
            let name = declared.map_or_else(|| id.to_string(), |target| visible(&target.rules.name));
            (Named { id: id.to_string(), name }, declared.map(|target| target.rules.approvers.clone()))
        });
        let (target, groups) = target.unzip();
        let groups = groups.map(Option::unwrap_or_default);
        let vendor = facts.vendor.as_ref().map(|id| {
            let name = config.vendors.get(id).map_or_else(|| id.to_string(), |vendor| visible(&vendor.rules.name));
            Named { id: id.to_string(), name }
        });
        let audience = people.audience(sighting, &groups.clone().unwrap_or_default(), config);
        let address = config.console.as_ref().map_or_else(String::new, |console| console.address.clone());
        let url = match facts.number {
            Some(number) => format!("{address}/requests/{number}"),
            None if sighting.topic.alerts() => format!("{address}/alerts"),
            None => format!("{address}/"),
        };
        let who = facts.who.as_deref().map(visible);
        let number = facts.number.map(|number| number.to_string()).unwrap_or_default();
        let name = |named: &Option<Named>| named.as_ref().map_or_else(String::new, |named| named.name.clone());
        let (shown, company, person) = (name(&target), name(&vendor), who.clone().unwrap_or_default());
        let (alert, what) = (facts.alert.as_ref().map(|one| one.number.to_string()), facts.what(config));
        let values = [
            ("number", number.as_str()),
            ("target", shown.as_str()),
            ("vendor", company.as_str()),
            ("who", person.as_str()),
            ("alert", alert.as_deref().unwrap_or_default()),
            ("what", what.as_str()),
        ];
        let details = sighting.details.iter().cloned().chain(facts.of_alert(config));
        Self {
            id: new_id(at),
            event: sighting.topic.word(),
            at,
            title: texts.with(&format!("notify-title-{}", sighting.text), &values),
            text: texts.with(&format!("notify-text-{}", sighting.text), &values),
            url,
            site: visible(&config.site.name),
            number: facts.number.map(|number| number.0),
            target,
            vendor,
            who,
            reason: sighting.reason.as_deref().or(facts.reason.as_deref()).map(visible),
            details: details.map(|(name, said)| (name, visible(&said))).collect(),
            texts,
            address,
            letter: None,
            groups,
            audience,
        }
    }

    /// The receipt of a session that is over, for the vendor's contact (T2): what that company may know,
    /// in its own language, and no link to the console.
    pub(super) fn of_receipt(config: &Config, end: &SessionEnd, receipt: &str, at: Timestamp) -> Option<Self> {
        let vendor = config.vendors.get(&end.vendor)?;
        let target = config.targets.get(&end.target).map(|target| visible(&target.rules.name));
        let (number, target) = (end.number.to_string(), target.unwrap_or_else(|| end.target.to_string()));
        let texts = Texts::new(vendor.language, config.site.zone.clone());
        let day = |at: Timestamp| at.to_zoned(config.site.zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string();
        let (from, to) = (day(end.started), day(end.ended));
        let values = [
            ("number", number.as_str()),
            ("session", end.session.as_str()),
            ("target", target.as_str()),
            ("from", from.as_str()),
            ("to", to.as_str()),
        ];
        let letter = format!("{}\n\n{receipt}", unlinked(&texts.with("receipt-letter", &values)));
        let plain = Self::compose(config, &Sighting::journal(), Facts::default(), &People::default(), at);
        Some(Self {
            event: "receipt",
            title: texts.with("receipt-subject", &values),
            letter: Some(letter.replace('\n', "\r\n")),
            audience: [vendor.contact.email.clone()].into(),
            texts,
            ..plain
        })
    }

    /// A notice that only tries the way.
    pub(super) fn of_test(site: &Site) -> Self {
        let config = site.config();
        let sighting = Sighting::journal();
        let plain = Self::compose(&config, &sighting, Facts::default(), &People::default(), site.clock.now());
        let (title, text) = (plain.texts.text("notify-title-test"), plain.texts.text("notify-text-test"));
        Self { event: "test", title, text, ..plain }
    }

    /// A notice about request 12 for the tests of what carries it.
    #[cfg(test)]
    pub(super) fn of_words(title: &str, reason: &str) -> Self {
        Self {
            id: "5eed".to_owned(),
            event: "request",
            at: Timestamp::UNIX_EPOCH,
            title: title.to_owned(),
            text: title.to_owned(),
            url: "https://poterne.chu.example/requests/12".to_owned(),
            site: "CHU".to_owned(),
            number: Some(12),
            target: None,
            vendor: None,
            who: Some(reason.to_owned()),
            reason: Some(reason.to_owned()),
            details: Vec::new(),
            texts: Texts::new(config::Language::French, jiff::tz::TimeZone::UTC),
            address: "https://poterne.chu.example".to_owned(),
            letter: None,
            groups: None,
            audience: BTreeSet::new(),
        }
    }

    /// What a webhook gets.
    pub(super) fn to_json(&self) -> Value {
        let named = |named: &Option<Named>| named.as_ref().map(|named| json!({ "id": named.id, "name": named.name }));
        let mut all = json!({
            "id": self.id,
            "event": self.event,
            "number": self.number,
            "title": self.title,
            "text": self.text,
            "url": self.url,
            "site": self.site,
            "at": self.at,
            "target": named(&self.target),
            "vendor": named(&self.vendor),
            "technician": self.who,
            "reason": self.reason,
        });
        if let Value::Object(fields) = &mut all {
            fields.extend(DETAILS.map(|name| (name.to_owned(), self.detail(name).into())));
        }
        all
    }

    fn detail(&self, wanted: &str) -> Option<&str> {
        self.details.iter().find(|(name, _)| *name == wanted).map(|(_, said)| said.as_str())
    }

    /// The subject of a mail: one line.
    pub(super) fn subject(&self) -> String {
        visible(&format!("[{}] {}", self.site, self.title))
    }

    /// The text of a mail. Its one link stands on a line of its own.
    pub(super) fn letter(&self) -> String {
        if let Some(letter) = &self.letter {
            return letter.clone();
        }
        let mut lines = vec![unlinked(&self.text)];
        let mut line = |key: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                lines.push(format!("{}{}", self.texts.text(key), unlinked(value)));
            }
        };
        let name = |named: &Option<Named>| named.as_ref().map(|named| named.name.clone());
        line("notify-line-who", self.who.as_deref());
        line("notify-line-vendor", name(&self.vendor).as_deref());
        line("notify-line-target", name(&self.target).as_deref());
        line("notify-line-reason", self.reason.as_deref());
        for name in DETAILS {
            line(&format!("notify-line-{name}"), self.detail(name));
        }
        let hint = self.texts.with("notify-hint", &[("address", &format!("{}/", self.address))]);
        format!("{}\r\n\r\n{}\r\n\r\n{hint}\r\n", lines.join("\r\n"), self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifecycle::{Actor, Event};

    #[test]
    fn what_strangers_named_is_visible_and_cannot_be_clicked() {
        let details =
            vec![("file", visible("/tmp/\u{202e}exe.www.evil.example\r\nBcc: x")), ("signature", "Eicar".to_owned())];
        let notice = Notice { details, ..Notice::of_words("Alerte", "panne") };
        let letter = notice.letter();
        assert!(
            letter.contains("\r\nFichier : /tmp/\\u{202e}exe[.]www[.]evil[.]example\\u{d}\\u{a}Bcc: x\r\n"),
            "{letter}"
        );
        assert!(letter.contains("\r\nReconnu : Eicar\r\n"), "{letter}");
        let json = notice.to_json();
        assert_eq!((&json["signature"], &json["session"]), (&"Eicar".into(), &Value::Null));
    }

    /// LOG-16: whoever is woken reads which alert it is, in their words, and a command that is whole.
    #[test]
    fn an_alert_that_goes_on_says_which_it_is() {
        let main = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/examples/poterne.toml");
        let at: Timestamp = "2026-11-24T13:58:00Z".parse().unwrap();
        let config = config::load(&main, config::Options { at, unpinned: true }).unwrap();
        let mut register = Register::default();
        let pressed = Event::LockdownBegan { reason: "ver au labo".to_owned(), by: Actor::Root(0) };
        let leak = Event::LeakSuspected {
            vendor: "imagix".parse().unwrap(),
            source: "203.0.113.7".parse().unwrap(),
            technicians: vec!["alice".parse().unwrap(), "bruno".parse().unwrap()],
            since: at,
        };
        let letters = [pressed, leak].map(|event| {
            let raised = register.alert_for(&event).unwrap();
            register.apply(at, &raised);
            let Event::AlertRaised { alert, .. } = raised else { panic!("{raised:?}") };
            let sighting = Sighting::of(&Event::AlertEscalated { alert, step: 1, told: Vec::new() }).unwrap();
            let facts = Facts::of(&register, &sighting.about);
            let notice = Notice::compose(&config, &sighting, facts, &People::default(), at);
            format!("{}\n{}", notice.title, notice.letter())
        });
        let [cut, leaked] = letters.map(|letter| letter.replace('\u{a0}', " "));
        for said in [
            "Personne n'a pris l'alerte 1 : Tous les accès ont été coupés",
            "\nAlerte : 1\r\nAu sujet de : ver au labo\r\nDepuis : 2026-11-24 14:58 CET\r\n",
            "\nProposition : poterne alert ack 1 --note \"…\"\r\n",
        ] {
            assert!(cut.contains(said), "{said}\n{cut}");
        }
        assert!(!cut.contains("lockdown-began") && !cut.contains("Cause"), "{cut}");
        for said in
            ["Des mots de passe d'une société", "Qui : alice, bruno", "Société : Imagix", "Adresse : 203.0.113.7"]
        {
            assert!(leaked.contains(said), "{said}\n{leaked}");
        }
    }

    /// The languages are held against each other elsewhere.
    #[test]
    fn every_alarm_and_detail_has_its_words() {
        let texts = Texts::new(config::Language::French, jiff::tz::TimeZone::UTC);
        let alarms = [
            "infected",
            "scanner-gone",
            "ssh-inside",
            "rollback",
            "anchor",
            "lockdown-part",
            "rotated",
            "glass",
            "glass-refused",
            "change",
            "escalation",
            "lack-clock",
            "lack-room",
            "lack-descriptors",
            "lack-over",
        ];
        let keys = alarms.iter().flat_map(|one| [format!("notify-title-{one}"), format!("notify-text-{one}")]);
        for key in keys.chain(DETAILS.iter().map(|one| format!("notify-line-{one}"))) {
            let values = [
                ("number", "1"),
                ("target", "IRM"),
                ("vendor", "Imagix"),
                ("who", "Alice"),
                ("alert", "2"),
                ("what", "X"),
            ];
            assert!(!texts.with(&key, &values).contains("notify-"), "{key}");
        }
    }
}

//! What people read: French and English, by fluent files that a test holds side by side.

use config::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lifecycle::EndCause;
use policy::Denial;
use std::sync::{Arc, LazyLock};
use unic_langid::LanguageIdentifier;

/// French and English, an area each.
const AREAS: [(&str, &str); 4] = [
    (include_str!("../texts/fr.ftl"), include_str!("../texts/en.ftl")),
    (include_str!("../texts/fr/reports.ftl"), include_str!("../texts/en/reports.ftl")),
    (include_str!("../texts/fr/doctor.ftl"), include_str!("../texts/en/doctor.ftl")),
    (include_str!("../texts/fr/conformity.ftl"), include_str!("../texts/en/conformity.ftl")),
];

type Bundle = FluentBundle<FluentResource>;

fn bundle(language: Language) -> Bundle {
    let id: LanguageIdentifier = language.word().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // Terminals would show the direction marks as rubbish.
    bundle.set_use_isolating(false);
    for (french, english) in AREAS {
        let source = match language {
            Language::French => french,
            Language::English => english,
        };
        // A file that does not parse is found by a test; what could be read of it is used.
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

static FRENCH_BUNDLE: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::French));
static ENGLISH_BUNDLE: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::English));

/// The texts of one language, with the site's zone for times.
#[derive(Clone)]
pub struct Texts {
    language: Language,
    zone: Arc<TimeZone>,
}

impl Texts {
    /// Texts in this language; times in this zone.
    pub fn new(language: Language, zone: TimeZone) -> Self {
        Self { language, zone: Arc::new(zone) }
    }

    /// What the site's own people read.
    pub fn of_site(site: &crate::site::Site) -> Self {
        let config = site.config();
        Self::new(config.site.language, config.site.zone.clone())
    }

    /// The text of a key.
    pub fn text(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// Whether there is a text for this key.
    #[cfg(test)]
    pub(crate) fn has(&self, key: &str) -> bool {
        FRENCH_BUNDLE.has_message(key)
    }

    /// The text of a key, with values.
    pub fn with(&self, key: &str, values: &[(&str, &str)]) -> String {
        let bundle: &Bundle = match self.language {
            Language::French => &FRENCH_BUNDLE,
            Language::English => &ENGLISH_BUNDLE,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set((*name).to_owned(), (*value).to_owned());
        }
        bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
    }

    /// The hour, if it is today; else weekday, day and hour; with the zone where it is not today.
    pub fn when(&self, at: Timestamp, now: Timestamp) -> String {
        let (at, now) = (at.to_zoned((*self.zone).clone()), now.to_zoned((*self.zone).clone()));
        let hour = at.strftime("%H:%M").to_string();
        if at.date() == now.date() {
            return hour;
        }
        let weekday = self.text(&format!("weekday-{}", at.weekday().to_monday_one_offset()));
        let day = match self.language {
            Language::French => at.strftime("%d/%m/%Y"),
            Language::English => at.strftime("%Y-%m-%d"),
        };
        format!("{weekday} {day} {hour}")
    }

    /// Why something is not possible, for a technician who is known.
    pub fn denial(&self, denial: &Denial, now: Timestamp) -> String {
        let key = format!("denial-{}", denial.code());
        match denial {
            Denial::TargetForbidden { because } => self.with(&key, &[("because", because)]),
            Denial::ContractNotBegun { first } => self.with(&key, &[("day", &first.to_string())]),
            Denial::ContractOver { last } => self.with(&key, &[("day", &last.to_string())]),
            Denial::Closed { next_opening: Some(opening), holiday } => {
                let when = self.when(*opening, now);
                match holiday {
                    Some(holiday) => self.with("denial-closed-holiday", &[("opening", &when), ("holiday", holiday)]),
                    None => self.with(&key, &[("opening", &when)]),
                }
            }
            Denial::Closed { next_opening: None, .. } => self.text("denial-closed-for-good"),
            _ => self.text(&key),
        }
    }

    /// Why a session ended.
    pub fn end(&self, cause: &EndCause) -> String {
        let key = match cause {
            EndCause::Technician => "end-technician",
            EndCause::ConnectionLost => "end-connection-lost",
            EndCause::Target => "end-target",
            EndCause::HoursOver => "end-hours-over",
            EndCause::ContractOver => "end-contract-over",
            EndCause::TimeOver => "end-time-over",
            EndCause::Idle => "end-idle",
            EndCause::FirstEnded => "end-first-ended",
            EndCause::NoChannel => "end-no-channel",
            EndCause::Unwatched => "end-unwatched",
            EndCause::Cut { reason, .. } => return self.with("end-cut", &[("reason", reason)]),
            EndCause::Disabled => "end-disabled",
            EndCause::VendorFrozen => "end-vendor-frozen",
            EndCause::Lockdown => "end-lockdown",
            EndCause::PolicyChanged => "end-policy-changed",
            EndCause::RecorderFailed | EndCause::JournalFailed => "end-evidence-failed",
            EndCause::ClientFault => "end-client-fault",
            EndCause::Stopped | EndCause::Interrupted => "end-stopped",
        };
        self.text(key)
    }
}

/// The nearest ASCII: what several clients can show outside a terminal.
pub fn to_ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' | '\n' => plain.push(c),
            'à' | 'â' | 'ä' | 'á' => plain.push('a'),
            'ç' => plain.push('c'),
            'é' | 'è' | 'ê' | 'ë' => plain.push('e'),
            'î' | 'ï' | 'í' => plain.push('i'),
            'ô' | 'ö' | 'ó' => plain.push('o'),
            'ù' | 'û' | 'ü' | 'ú' => plain.push('u'),
            'À' | 'Â' => plain.push('A'),
            'Ç' => plain.push('C'),
            'É' | 'È' | 'Ê' => plain.push('E'),
            'Î' | 'Ï' => plain.push('I'),
            'Ô' => plain.push('O'),
            'Ù' | 'Û' => plain.push('U'),
            'œ' => plain.push_str("oe"),
            'Œ' => plain.push_str("OE"),
            '’' | '‘' => plain.push('\''),
            '«' | '»' | '“' | '”' => plain.push('"'),
            '–' | '—' => plain.push('-'),
            '…' => plain.push_str("..."),
            '\u{a0}' | '\u{202f}' => plain.push(' '),
            _ => plain.push('?'),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn keys(source: &str) -> BTreeMap<String, usize> {
        let resource = FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| errors).unwrap();
        let variables = |line: &str| line.matches("{ $").count();
        assert!(resource.entries().count() > 0);
        source
            .lines()
            .filter(|line| !line.starts_with('#') && !line.starts_with(' ') && line.contains(" ="))
            .map(|line| (line.split(" =").next().unwrap().to_owned(), variables(line)))
            .collect()
    }

    /// HRD-13: no key without its twin, no twin with other values.
    #[test]
    fn both_languages_say_the_same_things() {
        let mut all = BTreeMap::new();
        for (french, english) in AREAS {
            let french = keys(french);
            assert_eq!(french, keys(english));
            for (key, values) in french {
                assert!(all.insert(key.clone(), values).is_none(), "`{key}` stands twice");
            }
        }
    }

    #[test]
    fn times_are_told_in_the_sites_zone() {
        let texts = Texts::new(Language::French, TimeZone::get("Europe/Paris").unwrap());
        let now = "2026-11-20T17:30:00Z".parse().unwrap();
        assert_eq!(texts.when("2026-11-20T19:00:00Z".parse().unwrap(), now), "20:00");
        assert_eq!(texts.when("2026-11-23T07:00:00Z".parse().unwrap(), now), "lundi 23/11/2026 08:00");
    }

    /// APR-15: every denial has its text in both languages.
    #[test]
    fn every_denial_has_a_text() {
        let now = Timestamp::UNIX_EPOCH;
        let all = [
            Denial::VendorUnknown,
            Denial::TargetUnknown,
            Denial::TargetNotAllowed,
            Denial::TargetWithdrawn,
            Denial::TargetForbidden { because: "x".into() },
            Denial::AccountNotAllowed,
            Denial::SourceNotDeclared,
            Denial::ContractNotBegun { first: jiff::civil::date(2027, 1, 1) },
            Denial::ContractOver { last: jiff::civil::date(2027, 1, 1) },
            Denial::Closed { next_opening: Some(now), holiday: None },
            Denial::Closed { next_opening: None, holiday: None },
            Denial::NoRight,
            Denial::QuorumMissing { needed: 2, have: 1 },
            Denial::ApproverNotOfTarget,
            Denial::ApproverIsRequester,
            Denial::ApproverOfVendor,
            Denial::ApproverTwice,
            Denial::CallBackNeeded,
            Denial::ApprovalOver,
        ];
        for language in [Language::French, Language::English] {
            let texts = Texts::new(language, TimeZone::UTC);
            for denial in &all {
                assert!(!texts.denial(denial, now).starts_with("denial-"), "{denial:?}");
            }
        }
    }
}

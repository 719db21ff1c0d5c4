//! What staff read: French and English, by fluent files that a test holds side by side.

use config::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lifecycle::order::{Failure, exit};
use lifecycle::{EndCause, FreezeCause, IdentityError, KeyError, Refusal, TokenError, WindowError};
use policy::Denial;
use std::borrow::Borrow;
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

pub use lifecycle::visible;

/// One area of the pages, in both languages.
struct Area {
    french: &'static str,
    english: &'static str,
}

macro_rules! areas {
    ($($name:literal),+ $(,)?) => {
        const AREAS: &[Area] = &[$(Area {
            french: include_str!(concat!("../texts/fr/", $name, ".ftl")),
            english: include_str!(concat!("../texts/en/", $name, ".ftl")),
        }),+];
    };
}
areas!(
    "common", "refusals", "sign-in", "requests", "live", "plan", "explain", "register", "people", "enrol", "site",
    "tokens", "alerts"
);

type Bundle = FluentBundle<FluentResource>;

fn bundle(language: Language) -> Bundle {
    let id: LanguageIdentifier = language.word().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // Values are isolated by the pages' own markup.
    bundle.set_use_isolating(false);
    for area in AREAS {
        let source = match language {
            Language::French => area.french,
            Language::English => area.english,
        };
        // A file that does not parse is found by a test; what could be read of it is used.
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

static FRENCH: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::French));
static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::English));

/// The texts of one language, with the site's zone for times.
#[derive(Debug, Clone)]
pub struct Texts {
    /// Which language.
    pub language: Language,
    zone: TimeZone,
}

impl Texts {
    /// Texts in this language; times in this zone.
    pub fn new(language: Language, zone: TimeZone) -> Self {
        Self { language, zone }
    }

    /// The text of a key.
    pub fn text(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// The text of a key, with values. A key that does not exist shows as itself; a test finds it.
    pub fn with(&self, key: &str, values: &[(&str, &str)]) -> String {
        let bundle: &Bundle = match self.language {
            Language::French => &FRENCH,
            Language::English => &ENGLISH,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let mut args = FluentArgs::new();
        for (name, value) in values {
            // Numbers choose their plural; a reason that consists of digits stays as it was written.
            match value.parse::<i64>() {
                Ok(number) if ["count", "left", "missing"].contains(name) => args.set((*name).to_owned(), number),
                _ => args.set((*name).to_owned(), visible(value)),
            }
        }
        bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
    }

    /// Day and hour in the site's zone, with the zone's name.
    pub fn time(&self, at: impl Borrow<Timestamp>) -> String {
        self.formatted(*at.borrow(), "%d/%m/%Y %H:%M %Z", "%Y-%m-%d %H:%M %Z")
    }

    /// The same, to the second: for what is evidence.
    pub fn exact_time(&self, at: impl Borrow<Timestamp>) -> String {
        self.formatted(*at.borrow(), "%d/%m/%Y %H:%M:%S %Z", "%Y-%m-%d %H:%M:%S %Z")
    }

    /// A day, without its hour.
    pub fn date(&self, day: impl Borrow<jiff::civil::Date>) -> String {
        let format = match self.language {
            Language::French => "%d/%m/%Y",
            Language::English => "%Y-%m-%d",
        };
        day.borrow().strftime(format).to_string()
    }

    /// The hour alone.
    pub fn hour(&self, at: impl Borrow<Timestamp>) -> String {
        self.formatted(*at.borrow(), "%H:%M", "%H:%M")
    }

    fn formatted(&self, at: Timestamp, french: &str, english: &str) -> String {
        let format = match self.language {
            Language::French => french,
            Language::English => english,
        };
        at.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    /// A length of time, in words: `1 h 05 min`, `45 s`.
    pub fn length(&self, seconds: i64) -> String {
        let seconds = seconds.max(0);
        let (hours, minutes, rest) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
        match (hours, minutes) {
            (0, 0) => format!("{rest} s"),
            (0, minutes) if minutes < 10 => format!("{minutes} min {rest:02} s"),
            (0, minutes) => format!("{minutes} min"),
            (hours, minutes) => format!("{hours} h {minutes:02} min"),
        }
    }

    /// An amount of bytes, by thousands.
    pub fn bytes(&self, bytes: u64) -> String {
        const UNITS: [(&str, u64); 3] = [("go", 1_000_000_000), ("mo", 1_000_000), ("ko", 1000)];
        match UNITS.iter().find(|(_, size)| bytes >= *size) {
            Some((unit, size)) => {
                let tenths = bytes / (size / 10);
                let point = if self.language == Language::French { ',' } else { '.' };
                format!("{}{point}{} {}", tenths / 10, tenths % 10, self.text(&format!("unit-{unit}")))
            }
            None => format!("{bytes} {}", self.text("unit-o")),
        }
    }

    /// Why the rules do not allow something.
    pub fn denial(&self, denial: &Denial) -> String {
        let key = format!("denial-{}", denial.code());
        match denial {
            Denial::TargetForbidden { because } => self.with(&key, &[("because", because)]),
            Denial::ContractNotBegun { first } => self.with(&key, &[("day", &self.date(first))]),
            Denial::ContractOver { last } => self.with(&key, &[("day", &self.date(last))]),
            Denial::Closed { next_opening: Some(opening), holiday } => {
                let when = self.time(*opening);
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
        match cause {
            EndCause::Cut { reason, .. } => self.with("end-cut", &[("reason", &self.journal_word(reason))]),
            cause => self.text(&format!("end-{}", word(cause))),
        }
    }

    /// What the daemon wrote into the journal in its own words; anything else as it is.
    pub fn journal_word(&self, word: &str) -> String {
        let known = JOURNAL_WORDS.iter().find(|(known, _)| *known == word);
        known.map_or_else(|| word.to_owned(), |(_, key)| self.text(key))
    }

    /// Why a session is frozen.
    pub fn freeze(&self, cause: &FreezeCause) -> String {
        match cause {
            FreezeCause::Staff(by) => self.with("freeze-staff", &[("staff", by.as_str())]),
            cause => self.text(&format!("freeze-{}", word(cause))),
        }
    }

    /// Why something was not done, and what to do.
    pub fn failure(&self, failure: &Failure) -> String {
        match &failure.refusal {
            Some(refusal) => self.refusal(refusal),
            None => match failure.exit {
                exit::TEMPORARY => self.text("failure-journal"),
                // What went wrong inside is for the log, not for whoever asked.
                exit::SOFTWARE | exit::UNAVAILABLE => self.text("error-unavailable"),
                _ => self.with("failure-other", &[("message", &failure.message)]),
            },
        }
    }

    /// A refusal of the rules of life.
    pub fn refusal(&self, refusal: &Refusal) -> String {
        match refusal {
            Refusal::LoginTaken(login) => self.with("refusal-login-taken", &[("login", login)]),
            Refusal::NoTechnician(login) => self.with("refusal-no-technician", &[("login", login.as_str())]),
            Refusal::NoStaff(login) => self.with("refusal-no-staff", &[("login", login.as_str())]),
            Refusal::NotDeclared { name, .. } => self.with("refusal-not-declared", &[("name", name)]),
            Refusal::Identity(error) => self.identity(error),
            Refusal::SamePerson(name, login) => self.with("refusal-same-person", &[("name", name), ("login", login)]),
            Refusal::NoIntervention(number) => self.with("refusal-no-intervention", &[("number", &number.to_string())]),
            Refusal::NotWaiting { number, state, .. } => {
                let state = self.state(state);
                self.with("refusal-not-waiting", &[("number", &number.to_string()), ("state", &state)])
            }
            Refusal::StaffFactors(_) => self.text("refusal-factors"),
            Refusal::StaffLocked(_) => self.text("refusal-locked"),
            Refusal::Role { role, .. } => {
                let role = self.text(&format!("role-{role}"));
                self.with("refusal-role", &[("role", &role)])
            }
            Refusal::WrongCode { left: 0, .. } => self.text("refusal-wrong-code-last"),
            Refusal::WrongCode { left, .. } => self.with("refusal-wrong-code", &[("left", &left.to_string())]),
            Refusal::Denied(denial) => self.denial(denial),
            Refusal::AccountState { technician, state, .. } => {
                let state = self.account_state(state);
                self.with("refusal-account-state", &[("login", technician.as_str()), ("state", &state)])
            }
            Refusal::WrongWord { left, .. } => self.with("refusal-wrong-word", &[("left", &left.to_string())]),
            Refusal::NotOnCall(_) => self.text("refusal-not-on-call"),
            Refusal::OwnReview(_) => self.text("refusal-own-review"),
            Refusal::Busy(number) => self.with("refusal-busy", &[("number", &number.to_string())]),
            Refusal::CoolingDown(until) => self.with("refusal-cooling-down", &[("until", &self.hour(*until))]),
            Refusal::Crowded => self.text("refusal-crowded"),
            Refusal::WatchersFull => self.text("refusal-watchers-full"),
            Refusal::OwnRights(_) => self.text("refusal-own-rights"),
            Refusal::NoRole(_) => self.text("refusal-no-role"),
            Refusal::NoGroup(_) => self.text("refusal-no-group"),
            Refusal::StaffState { staff, state, .. } => {
                let state = self.text(&format!("state-{state}"));
                self.with("refusal-staff-state", &[("login", staff.as_str()), ("state", &state)])
            }
            Refusal::TooLong("purpose") => self.text("refusal-purpose-too-long"),
            Refusal::TooLong(_) => self.text("refusal-too-long"),
            Refusal::Empty(_) => self.text("refusal-empty"),
            Refusal::SessionOver | Refusal::NotLive(_) => self.text("refusal-session-over"),
            Refusal::Key(KeyError::Taken) => self.text("refusal-key-taken"),
            Refusal::Key(KeyError::TooMany) => self.text("refusal-key-too-many"),
            Refusal::Key(KeyError::Struck) => self.text("refusal-key-struck"),
            Refusal::Key(KeyError::Missing) => self.text("refusal-key-missing"),
            Refusal::Key(KeyError::Unreadable) => self.text("refusal-key-unreadable"),
            Refusal::VendorFrozen(vendor) => self.with("refusal-vendor-frozen", &[("vendor", vendor.as_str())]),
            Refusal::VendorNotFrozen(vendor) => self.with("refusal-vendor-not-frozen", &[("vendor", vendor.as_str())]),
            Refusal::Window(error) => self.window(error),
            Refusal::WrongPlannedCode(left) => self.with("refusal-planned-code", &[("left", &left.to_string())]),
            Refusal::RightMissing(right) => self.with("refusal-right-missing", &[("right", &self.right(right))]),
            Refusal::OwnSetUp { technician, .. } => self.with("refusal-own-set-up", &[("login", technician.as_str())]),
            Refusal::Language(word) => self.with("refusal-language", &[("word", word)]),
            Refusal::Token(error) => self.token(error),
            Refusal::NoToken(_) => self.text("refusal-no-token"),
            Refusal::NotFrozen(_) => self.text("refusal-not-frozen"),
            Refusal::WaitsForWatcher(_) => self.text("refusal-waits-for-watcher"),
            Refusal::FrozenByAnother => self.text("refusal-frozen-by-another"),
            Refusal::FrozenByQuota => self.text("refusal-frozen-by-quota"),
            Refusal::NotSealed(_) => self.text("refusal-not-sealed"),
            Refusal::CodeMissing => self.text("error-code-missing"),
            Refusal::NarrowedAlready => self.text("refusal-narrowed-already"),
            Refusal::NoRollback => self.text("refusal-no-rollback"),
            Refusal::AcceptedAlready(_) => self.text("refusal-accepted-already"),
            Refusal::RollbackOpen { missing } => {
                self.with("refusal-rollback-open", &[("count", missing.to_string().as_str())])
            }
            Refusal::NoLockdown => self.text("refusal-no-lockdown"),
            Refusal::NoAlert(_) => self.text("refusal-no-alert"),
            Refusal::AlertTaken { by, .. } => self.with("refusal-alert-taken", &[("who", by.as_str())]),
            Refusal::OwnAlert(_) => self.text("refusal-own-alert"),
            Refusal::BreakGlassCount => self.text("refusal-break-glass-count"),
            Refusal::BreakGlassWrong => self.text("refusal-break-glass-wrong"),
            Refusal::CommandLineSealed => self.text("refusal-command-line-sealed"),
            Refusal::NoChange => self.text("refusal-no-change"),
            Refusal::OtherChange => self.text("refusal-other-change"),
            Refusal::OwnChange(_) => self.text("refusal-own-change"),
            Refusal::Unsettled { from, .. } => self.with("refusal-unsettled", &[("from", &self.time(from))]),
        }
    }

    /// The word for a state, of whatever it is.
    pub fn state(&self, word: &str) -> String {
        self.text(&format!("state-{}", word.replace(", ", "-").replace(' ', "-")))
    }

    /// The word for the state of somebody's account. A request that expired is another thing.
    pub fn account_state(&self, word: &str) -> String {
        match word {
            "expired" => self.text("account-state-expired"),
            word => self.state(word),
        }
    }

    fn token(&self, error: &TokenError) -> String {
        self.text(match error {
            TokenError::Over => "token-error-over",
            TokenError::TooLong => "token-error-too-long",
            TokenError::Digest => "error-input",
            TokenError::NoMore => "error-token",
            TokenError::Taken => "token-error-taken",
            TokenError::Revoked => "token-error-revoked",
            TokenError::Journal => "token-error-journal",
            TokenError::Accounts => "token-error-accounts",
        })
    }

    fn window(&self, error: &WindowError) -> String {
        match error {
            WindowError::Over => self.text("window-over"),
            WindowError::TooLong => self.text("window-too-long"),
            WindowError::EmergencyTooLong => self.text("window-emergency-too-long"),
            WindowError::TooFarAhead => self.text("window-too-far"),
            WindowError::EmergencyOver => self.text("window-emergency-over"),
            WindowError::NothingGained { until, .. } => {
                self.with("window-nothing-gained", &[("until", &self.time(*until))])
            }
        }
    }

    fn identity(&self, error: &IdentityError) -> String {
        match error {
            IdentityError::Name(name) => self.with("identity-name", &[("name", name)]),
            IdentityError::Email(email) => self.with("identity-email", &[("email", email)]),
            IdentityError::Phone(phone) => self.with("identity-phone", &[("phone", phone)]),
            IdentityError::Generic(login) => self.with("identity-generic", &[("login", login)]),
            IdentityError::Hidden(_) => self.text("identity-hidden"),
        }
    }
}

/// The words that the daemon itself writes into the journal, with the keys of their texts.
const JOURNAL_WORDS: &[(&str, &str)] = &[
    ("the journal did not answer", "journal-word-journal-silent"),
    ("spoke otherwise than agreed", "journal-word-spoke-otherwise"),
    ("replay in the browser", "journal-word-replay-browser"),
    ("never possible", "journal-word-never"),
    ("too many channels", "journal-word-too-many"),
    ("dropped", "journal-word-dropped"),
    ("not granted", "journal-word-not-granted"),
    ("a NUL in the command", "journal-word-nul"),
    ("the session ended first", "journal-word-ended-first"),
    ("the recording failed", "journal-word-recording-failed"),
    ("cut by who watched", "journal-word-cut"),
    ("direct-tcpip", "journal-word-direct-tcpip"),
    ("jump (another account)", "journal-word-jump-account"),
    ("a name instead of an address", "journal-word-name-for-address"),
    ("another target", "journal-word-another-target"),
    ("too many tunnels", "journal-word-too-many-tunnels"),
    ("tcpip-forward", "journal-word-tcpip-forward"),
    ("streamlocal-forward", "journal-word-streamlocal-forward"),
    ("agent", "journal-word-agent"),
    ("x11", "journal-word-x11"),
    ("env", "journal-word-env"),
    ("channel", "journal-word-channel"),
    ("shell", "journal-word-shell"),
    ("exec", "journal-word-exec"),
    ("sftp", "channel-sftp"),
    ("scp", "journal-word-scp"),
    ("rsync", "journal-word-rsync"),
    ("forward", "journal-word-forward"),
    ("jump", "channel-jump"),
    ("exec (malformed)", "journal-word-exec-malformed"),
];

/// The tag of a value as the journal writes it.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(serde_json::Value::Object(fields)) => fields.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn keys(source: &str) -> BTreeMap<String, BTreeSet<String>> {
        let resource = FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| errors).unwrap();
        assert!(resource.entries().count() > 0);
        let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut current = String::new();
        for line in source.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            if !line.starts_with([' ', '}']) && line.contains(" =") {
                current = line.split(" =").next().unwrap().to_owned();
                assert!(keys.insert(current.clone(), BTreeSet::new()).is_none(), "`{current}` stands twice");
            }
            let values = line.split("{ $").skip(1).map(|rest| rest.split([' ', '}']).next().unwrap().to_owned());
            keys.get_mut(&current).unwrap().extend(values);
        }
        keys
    }

    /// HRD-13: no key without its twin, no twin with other values.
    #[test]
    fn both_languages_say_the_same_things() {
        let mut all = BTreeSet::new();
        for area in AREAS {
            let (french, english) = (keys(area.french), keys(area.english));
            assert_eq!(french, english);
            for key in french.into_keys() {
                assert!(all.insert(key.clone()), "`{key}` stands in two areas");
            }
        }
    }

    /// French sets a blank before these marks, and it never breaks the line there.
    #[test]
    fn french_marks_stay_with_their_words() {
        let before = |c: char| [':', ';', '?', '!', '»'].contains(&c);
        let mut breaks = Vec::new();
        for line in AREAS.iter().flat_map(|area| area.french.lines()).filter(|line| !line.starts_with('#')) {
            let text: Vec<char> = line.chars().collect();
            let loose = text.windows(3).any(|three| three[0] != ' ' && three[1] == ' ' && before(three[2]));
            if loose || line.contains("« ") {
                breaks.push(line);
            }
        }
        assert!(breaks.is_empty(), "{breaks:#?}");
    }

    /// Every key that a page or the code names exists.
    #[test]
    fn every_key_that_is_named_exists() {
        let all: BTreeSet<String> = AREAS.iter().flat_map(|area| keys(area.french).into_keys()).collect();
        let root = env!("CARGO_MANIFEST_DIR");
        let mut missing = BTreeSet::new();
        for folder in ["src", "templates"] {
            let mut folders = vec![std::path::PathBuf::from(format!("{root}/{folder}"))];
            while let Some(folder) = folders.pop() {
                for entry in std::fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() {
                        folders.push(path);
                        continue;
                    }
                    let text = std::fs::read_to_string(&path).unwrap();
                    for call in [".t(\"", ".tw(\"", ".text(\"", ".with(\"", ".tw1(\"", "refused_with(\""] {
                        for rest in text.split(call).skip(1) {
                            let key = rest.split('"').next().unwrap();
                            if !all.contains(key) {
                                missing.insert(format!("{key} in {}", path.display()));
                            }
                        }
                    }
                }
            }
        }
        assert!(missing.is_empty(), "{missing:#?}");
    }

    /// No text waits for a page that is gone: each key is named somewhere, or begins as one that the code
    /// puts together.
    #[test]
    fn no_key_is_left_over() {
        let mut named = String::new();
        let mut folders: Vec<std::path::PathBuf> = ["src", "templates"]
            .iter()
            .map(|folder| format!("{}/{folder}", env!("CARGO_MANIFEST_DIR")).into())
            .collect();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    named.push_str(&std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        let families = [
            "alarm-",
            "alert-",
            "channel-",
            "denial-",
            "end-",
            "file-",
            "freeze-",
            "reach-",
            "right-",
            "role-",
            "state-",
            "token-scope-",
            "unit-",
            "weekday-",
        ];
        let all = AREAS.iter().flat_map(|area| keys(area.french).into_keys());
        let dead: Vec<String> = all
            .filter(|key| !families.iter().any(|family| key.starts_with(family)))
            .filter(|key| !named.contains(&format!("\"{key}\"")))
            .collect();
        assert!(dead.is_empty(), "{dead:#?}");
    }

    /// What the register holds as words has a text for each.
    #[test]
    fn every_word_of_the_register_has_its_text() {
        use lifecycle::Role;
        let all: BTreeSet<String> = AREAS.iter().flat_map(|area| keys(area.french).into_keys()).collect();
        let roles = [Role::Approver, Role::Operator, Role::Security, Role::Auditor];
        let ends = [
            EndCause::Technician,
            EndCause::ConnectionLost,
            EndCause::Target,
            EndCause::HoursOver,
            EndCause::ContractOver,
            EndCause::TimeOver,
            EndCause::Idle,
            EndCause::NoChannel,
            EndCause::Unwatched,
            EndCause::FirstEnded,
            EndCause::Disabled,
            EndCause::VendorFrozen,
            EndCause::Lockdown,
            EndCause::PolicyChanged,
            EndCause::RecorderFailed,
            EndCause::JournalFailed,
            EndCause::ClientFault,
            EndCause::Stopped,
            EndCause::Interrupted,
        ];
        let freezes = [FreezeCause::Unwatched, FreezeCause::Quota, FreezeCause::Journal];
        let states =
            ["planned", "prepared", "requested", "approved", "open", "ended", "refused", "expired", "withdrawn"];
        let mut wanted: Vec<String> = roles.iter().map(|role| format!("role-{role}")).collect();
        wanted.extend(ends.iter().map(|cause| format!("end-{}", word(cause))));
        wanted.extend(freezes.iter().map(|cause| format!("freeze-{}", word(cause))));
        wanted.extend(states.iter().map(|state| format!("state-{state}")));
        wanted.extend(JOURNAL_WORDS.iter().map(|(_, key)| (*key).to_owned()));
        let missing: Vec<&String> = wanted.iter().filter(|key| !all.contains(*key)).collect();
        assert!(missing.is_empty(), "{missing:#?}");
    }

    #[test]
    fn lengths_and_bytes_are_told_in_words() {
        let texts = Texts::new(Language::French, TimeZone::UTC);
        assert_eq!(texts.length(45), "45 s");
        assert_eq!(texts.length(65), "1 min 05 s");
        assert_eq!(texts.length(3900), "1 h 05 min");
        assert_eq!(texts.bytes(999), "999 octets");
        assert_eq!(texts.bytes(1_540), "1,5 ko");
    }
}

//! Switching a control off turns its rows, and no others (EVI-11).

use super::facts::{ConfigFacts, Facts, LiveFacts};
use super::judge::Control;
use super::*;
use crate::doctor::{CHECKS, Level};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

fn at() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

/// A site in which every control that a configuration switches is on.
pub(crate) const HELD: &str = include_str!("tests/held.toml");

fn config_of(text: &str) -> ConfigFacts {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("poterne.toml");
    let key = folder.path().join("hook.key");
    std::fs::write(&key, "0123456789abcdef0123456789abcdef").unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(
        &path,
        text.replace("KEYFILE", &key.display().to_string()).replace("PEMFILE", &key.display().to_string()),
    )
    .unwrap();
    let config = config::load(&path, config::Options { at: at(), unpinned: false });
    ConfigFacts::of(&config.unwrap_or_else(|error| panic!("{error}")), at())
}

fn facts(text: &str) -> Facts {
    let live = LiveFacts {
        at: at(),
        clock_trusted: true,
        journal_works: true,
        accounts: 3,
        operators: 1,
        overdue: Some(0),
        ..LiveFacts::default()
    };
    let host: BTreeMap<_, _> = CHECKS.iter().map(|(id, _)| (*id, (Level::Green, "well".to_owned()))).collect();
    // Another part of the program says where the journal is sent to; here it is.
    let config = ConfigFacts { receivers: 1, ..config_of(text) };
    Facts { config, live, host }
}

fn states(facts: &Facts) -> BTreeMap<&'static str, State> {
    let state = |rule: &Rule| {
        let judged: Vec<Judged> = rule.controls.iter().map(|control| judge(*control, facts)).collect();
        (rule.id, state_of(&judged))
    };
    RULES.iter().map(state).collect()
}

/// The rules whose state is another one.
fn changed(one: &Facts, other: &Facts) -> BTreeSet<&'static str> {
    let (one, other) = (states(one), states(other));
    one.iter().filter(|(id, state)| other[*id] != **state).map(|(id, _)| *id).collect()
}

/// The rules that hang on a control and are held while it is on.
fn hanging_on(controls: &[Control]) -> BTreeSet<&'static str> {
    let base = states(&facts(HELD));
    let hangs = |rule: &&Rule| rule.controls.iter().any(|control| controls.contains(control));
    RULES.iter().filter(hangs).map(|rule| rule.id).filter(|id| base[id] == State::Held).collect()
}

#[test]
fn a_site_that_holds_all_is_held() {
    let base = facts(HELD);
    for rule in RULES {
        let expected = match rule.controls {
            [] => State::NotOurs,
            all if [Control::NetworkWall, Control::Version, Control::BackupVerified]
                .iter()
                .any(|unseen| all.contains(unseen)) =>
            {
                State::Partly
            }
            // By the hours the port waits for whoever knocks.
            _ => State::Held,
        };
        assert_eq!(states(&base)[rule.id], expected, "{}", rule.id);
    }
}

/// Every switch of the configuration: what is changed in it, and the controls that it is to turn.
#[test]
fn each_switch_turns_its_rows_and_no_others() {
    use Control::*;
    let switches: &[(&str, &str, &[Control])] = &[
        ("supervision = \"required\"", "supervision = \"none\"", &[Supervision]),
        ("supervision = \"required\"", "supervision = \"offered\"", &[Supervision]),
        ("factors = [\"key\", \"password\", \"totp\"]", "factors = [\"password\", \"totp\"]", &[PhishingResistant]),
        ("open = \"armed\"", "open = \"always\"", &[Port, Armed, NotAtStart]),
        ("open = \"armed\"", "open = \"hours\"", &[Armed]),
        ("# legacy", "legacy = { algorithms = [\"ssh-rsa\"], because = \"old\", until = \"2027-01-31\" }", &[Crypto]),
        ("# clients", "legacy-clients = true", &[Crypto]),
        (", \"age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg\"]", "]", &[TwoReaders]),
        ("journal = \"12 months\"", "journal = \"18 months\"\nbecause = \"an inquiry\"", &[Retention]),
        ("certificate = \"PEMFILE\"\nkey = \"KEYFILE\"", "", &[Console]),
        (
            "[notify.webhooks.chat]\nurl = \"https://chat.chu.example/hooks/bastion\"\nkey-file = \"KEYFILE\"",
            "",
            &[Notice],
        ),
        ("scan = \"clamav\"", "", &[Scan]),
        (
            "days = \"mon-fri\", from = \"08:00\", to = \"18:00\"",
            "days = \"mon-sun\", from = \"08:00\", to = \"18:00\"",
            &[Hours],
        ),
        (
            "days = \"mon-fri\", from = \"08:00\", to = \"18:00\"",
            "days = \"mon-fri\", from = \"06:00\", to = \"22:00\"",
            &[Hours],
        ),
        ("holidays = \"FR\"", "holidays = \"none\"", &[Hours]),
        ("sources = [\"203.0.113.0/24\"]", "sources = [\"0.0.0.0/2\", \"64.0.0.0/2\"]", &[Sources]),
        ("sources = [\"203.0.113.0/24\"]", "sources = [\"2000::/4\", \"3000::/4\"]", &[Sources]),
        ("sources = [\"203.0.113.0/24\"]", "sources = \"any\"\nbecause = \"they travel\"", &[Sources]),
        (
            "rights = [\"shell\", \"sftp-write\"]",
            "rights = [\"shell\", \"sftp-write\"]\nforward = [\"10.20.3.99:80\"]",
            &[NoTunnels],
        ),
        ("until = \"2026-12-31\"", "until = \"2026-10-31\"", &[Contracts]),
    ];
    let base = facts(HELD);
    for (from, to, controls) in switches {
        assert!(HELD.contains(from), "`{from}` is not in the configuration");
        let turned = changed(&base, &facts(&HELD.replacen(from, to, 1)));
        assert!(!turned.is_empty(), "`{to}` turns nothing");
        assert_eq!(turned, hanging_on(controls), "`{to}`");
    }
}

/// By hand, so that the table itself is held against something.
#[test]
fn no_supervision_is_told_where_it_is_asked_for() {
    let without = facts(&HELD.replacen("supervision = \"required\"", "supervision = \"none\"", 1));
    assert_eq!(changed(&facts(HELD), &without), ["CERT-18", "PGSSI-6.1.1.5"].into());
    assert_eq!(states(&without)["CERT-18"], State::NotHeld);
    let always = facts(&HELD.replacen("open = \"armed\"", "open = \"always\"", 1));
    let turned = ["CERT-12", "CERT-15", "CERT-16", "PA022-R66", "PA022-R68"];
    assert_eq!(changed(&facts(HELD), &always), turned.into());
}

/// What lived: each fact turns the rows of its control.
#[test]
fn what_has_been_turns_its_rows() {
    use Control::*;
    let base = facts(HELD);
    let with = |change: fn(&mut LiveFacts)| {
        let mut other = facts(HELD);
        change(&mut other.live);
        changed(&base, &other)
    };
    assert_eq!(with(|live| live.weak_logins = 1), hanging_on(&[TwoFactors]));
    assert_eq!(with(|live| live.unproofed = 1), hanging_on(&[Proofing]));
    assert_eq!(with(|live| live.unapproved = 1), hanging_on(&[Approval]));
    assert_eq!(with(|live| live.withdrawn = 1), hanging_on(&[Approval]));
    assert_eq!(with(|live| live.mutilated = 1), hanging_on(&[Recording]));
    assert_eq!(with(|live| live.lost = 1), hanging_on(&[Recording]));
    assert_eq!(with(|live| live.overdue = Some(1)), hanging_on(&[Retention]));
    assert_eq!(with(|live| live.overdue = None), hanging_on(&[Retention]));
    assert_eq!(with(|live| live.journal_works = false), hanging_on(&[Journal]));
    assert_eq!(with(|live| live.missing = 1), hanging_on(&[Register]));
    assert_eq!(with(|live| live.unreviewed = 1), hanging_on(&[Reviews]));
    assert_eq!(with(|live| live.both = 1), hanging_on(&[Separation]));
    assert_eq!(with(|live| live.operators = 0), hanging_on(&[Separation]));
    assert_eq!(with(|live| live.clock_trusted = false), hanging_on(&[Clock]));
    let mut bare = facts(HELD);
    bare.config.receivers = 0;
    assert_eq!(changed(&base, &bare), hanging_on(&[Forwarding]));
}

/// Each check of the host turns the rows that hang on it, to partly and to not held.
#[test]
fn the_host_turns_its_rows() {
    let base = facts(HELD);
    for (id, _) in CHECKS {
        for level in [Level::Amber, Level::Red] {
            let mut other = facts(HELD);
            other.host.insert(id, (level, "ill".to_owned()));
            let mut turned = changed(&base, &other);
            // What is partly held at best turns with the worst alone.
            turned.retain(|id| states(&base)[id] == State::Held);
            assert_eq!(turned, hanging_on(&[Control::Host(id)]), "{id}");
        }
    }
    let mut blind = facts(HELD);
    blind.host.clear();
    assert_eq!(states(&blind)["CERT-08"], State::Partly, "what was not looked at is not held");
}

#[test]
fn rules_have_ids_of_their_own_and_whole_sentences() {
    let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len());
    for rule in RULES {
        assert!(rule.french.ends_with('.') && rule.english.ends_with('.'), "{}", rule.id);
        for control in rule.controls {
            if let Control::Host(id) = control {
                assert!(CHECKS.iter().any(|(known, _)| known == id), "{id}");
            }
        }
    }
}

/// EVI-11: on paper and on screen, without anything from elsewhere.
#[test]
fn the_page_is_one_page() {
    let facts = facts(HELD);
    let rows: Vec<Value> = RULES.iter().map(|rule| row(rule, &facts)).collect();
    let answer = json!({ "site": "CHU <b>", "made": at(), "zone": "Europe/Paris", "version": "1", "config": "ab",
        "rows": rows });
    for language in [config::Language::French, config::Language::English] {
        let matrix = write::Matrix::new(&answer, language, jiff::tz::TimeZone::UTC);
        let (page, text) = (matrix.html(), matrix.markdown());
        for never in ["http", "src=", "<script", "<b>", "conformity-"] {
            assert!(!page.contains(never), "{never}");
        }
        assert!(page.contains("CHU &lt;b&gt;") && page.matches("<tr class=").count() == RULES.len());
        assert_eq!(text.lines().filter(|line| line.starts_with("| ")).count(), RULES.len() + 1);
        assert!(!text.contains("conformity-"), "{text}");
    }
}

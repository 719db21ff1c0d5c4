//! Who sees what of the register, on the shipped example site.

use super::dossier::Dossier;
use super::filter::{Filter, Typed};
use super::row::{Row, wanted};
use super::session::SessionView;
use crate::commands::Known;
use crate::fake::{Fake, Journal, requested};
use crate::form::Fields;
use crate::page::Me;
use axum::http::StatusCode;
use config::Config;
use jiff::Timestamp;
use lifecycle::{
    AccountId, Alarm, ChannelKind, Event, FileAct, FileChange, FileMove, FileResult, InterventionNumber, Register,
    Role, SessionId,
};
use policy::Direction;
use serde_json::Value;
use std::path::Path;

fn at() -> Timestamp {
    "2026-06-01T10:00:00Z".parse().unwrap()
}

fn site() -> Config {
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/examples/poterne.toml");
    config::load(&main, config::Options { at: at(), unpinned: false }).unwrap_or_else(|error| panic!("{error}"))
}

/// One of each kind.
fn rights() -> policy::Rights {
    let all = ["shell", "sftp-write", "forward 10.20.3.14:3389", "command echo <b>  a,b"];
    all.map(|right| right.parse().unwrap()).into_iter().collect()
}

fn session() -> SessionId {
    SessionId::from_random([9; 8])
}

/// Number 1 on the scanner of radiology, with a session; number 2 in the laboratory.
fn register() -> Register {
    let mut register = Register::default();
    let account = AccountId::from_random([1; 8]);
    for (number, target) in [(1, "scanner-irm"), (2, "automate-labo")] {
        let asked = requested(InterventionNumber(number), account.clone(), target, rights());
        register.apply(at(), &asked);
        register.apply(at(), &Event::InterventionSubmitted { number: InterventionNumber(number) });
    }
    let admitted = Event::SessionAdmitted {
        session: session(),
        number: InterventionNumber(1),
        account,
        target: "scanner-irm".parse().unwrap(),
        login: "maint".parse().unwrap(),
        rights: Default::default(),
        until: at(),
        approved_by: Vec::new(),
        recipients: Vec::new(),
        second_recipients: Vec::new(),
        config: String::new(),
        joined_from: None,
    };
    register.apply(at(), &admitted);
    register
}

fn somebody(role: Role, group: &str) -> Me {
    Me {
        login: "somebody".parse().unwrap(),
        name: "Somebody".to_owned(),
        roles: [role].into(),
        groups: [group.parse().unwrap()].into(),
        language: None,
    }
}

fn filter(query: &str) -> Filter {
    Filter::parse(&Typed::of(&Fields::parse(query.as_bytes())), &jiff::tz::TimeZone::UTC).unwrap()
}

/// What these eyes find: numbers in the list, and those with a page.
fn seen(me: &Me, query: &str) -> (Vec<u64>, Vec<u64>) {
    let (config, register) = (site(), register());
    let rules = config.rules(Default::default());
    let known = Known { register: &register, config: &config, rules: &rules, at: at() };
    let listed: Vec<u64> = wanted(&known, me, &filter(query)).map(|one| Row::of(&known, one).number.0).collect();
    let pages = [1, 2, 3].into_iter().filter(|n| Dossier::of(&known, me, InterventionNumber(*n)).is_some());
    (listed, pages.collect())
}

/// An approver sees their own equipment, in the list, by number and whatever they filter for; those who
/// look after the site see all of it, the newest first; a role without eyes sees nothing.
/// Past failures: CVE-2021-41767, CVE-2020-11997, CVE-2022-36130.
#[test]
fn each_sees_what_is_for_their_eyes() {
    assert_eq!(seen(&somebody(Role::Approver, "radiologie"), ""), (vec![1], vec![1]));
    assert_eq!(seen(&somebody(Role::Approver, "biologie"), ""), (vec![2], vec![2]));
    assert_eq!(seen(&somebody(Role::Approver, "pharmacie"), ""), (vec![], vec![]));
    assert_eq!(seen(&somebody(Role::Approver, "biologie"), "target=scanner-irm").0, [0; 0]);
    for role in [Role::Operator, Role::Security, Role::Auditor] {
        assert_eq!(seen(&somebody(role, "pharmacie"), ""), (vec![2, 1], vec![1, 2]), "{role}");
    }
    assert_eq!(seen(&somebody(Role::Auditor, "pharmacie"), "state=requested&target=automate-labo").0, [2]);
}

/// Watching is for approvers of the target and for security, replaying for security and once it is sealed.
#[test]
fn who_may_watch_and_who_may_replay() {
    let (config, mut register) = (site(), register());
    let rules = config.rules(Default::default());
    let may = |register: &Register, me: &Me| {
        let known = Known { register, config: &config, rules: &rules, at: at() };
        let record = register.sessions.get(&session()).unwrap();
        let view = SessionView::of(&known, me, &"scanner-irm".parse().unwrap(), record);
        (view.watchable, view.replayable)
    };
    let all = [
        (somebody(Role::Approver, "radiologie"), (true, false), (true, false)),
        (somebody(Role::Approver, "biologie"), (false, false), (false, false)),
        (somebody(Role::Operator, "radiologie"), (false, false), (false, false)),
        (somebody(Role::Auditor, "radiologie"), (false, false), (false, false)),
        (somebody(Role::Security, "radiologie"), (true, false), (true, true)),
    ];
    for (me, live, _) in &all {
        assert_eq!(may(&register, me), *live, "{:?}", me.roles);
    }
    let sealed = Event::RecordingSealed {
        session: session(),
        state: lifecycle::RecordingState::Whole,
        manifest: String::new(),
        head: String::new(),
        length: 0,
        missing: 0,
        files: 0,
        bytes: 0,
    };
    register.apply(at(), &sealed);
    for (me, _, after) in &all {
        assert_eq!(may(&register, me), *after, "{:?}", me.roles);
    }
}

/// The register after a session with files, a tunnel and an alarm.
fn with_files(moved: usize) -> Register {
    let mut register = register();
    let open = |channel, what| Event::ChannelOpened { session: session(), channel, what, pty: None };
    let file = |path: &str, direction, result| {
        Event::FileMoved(FileMove {
            session: session(),
            channel: 1,
            path: path.to_owned(),
            direction,
            started: at(),
            bytes: 1_540,
            sha256: "ab".repeat(32),
            in_order: true,
            result,
            kept: false,
        })
    };
    let mut all = vec![
        open(1, ChannelKind::Sftp),
        open(2, ChannelKind::Forward { to: "10.20.3.14:3389".parse().unwrap() }),
        open(3, ChannelKind::Scp { direction: Direction::ToTarget, command: "scp -t /tmp".to_owned() }),
        file("/opt/<img src=x>\u{202e}Firmware.bin", Direction::ToTarget, FileResult::Done),
        file("=cmd|x", Direction::ToTarget, FileResult::Infected { signature: "Eicar".to_owned() }),
        Event::FileChanged(FileChange {
            session: session(),
            channel: 1,
            act: FileAct::Rename,
            path: "/etc/a".to_owned(),
            to: "/etc/b".to_owned(),
            failed: "Permission denied".to_owned(),
        }),
        Event::FilesUnlisted { session: session(), count: 40 },
        Event::SessionAlarm {
            session: session(),
            channel: 2,
            alarm: Alarm::SshInsideForward { to: "10.20.3.14:3389".parse().unwrap() },
        },
    ];
    all.extend((0..moved).map(|n| file(&format!("/log/{n}"), Direction::FromTarget, FileResult::Partial)));
    all.iter().for_each(|event| register.apply(at(), event));
    register
}

/// NET-14, T23: the page says what was opened, what became of each file, that a tunnel was not seen, and
/// what rang; nothing in a name is markup or hides.
#[tokio::test]
async fn a_session_shows_its_files_its_tunnels_and_its_alarms() {
    let page = Fake::knowing(with_files(600)).page("/interventions/1").await;
    for said in [
        "fichiers (SFTP)",
        "10.20.3.14:3389",
        "contenu non vu",
        "fichiers vers l&#39;équipement (SCP)",
        "/opt/&#60;img src=x&#62;\\u{202e}Firmware.bin",
        "1,5 ko",
        "livré",
        "infecté (Eicar), non livré",
        "refusé par l&#39;équipement\u{a0}: Permission denied",
        "une connexion SSH a été ouverte",
        "accès libre",
        "vaut un accès libre",
        "echo &#60;b&#62;  a,b",
        &"ab".repeat(32),
        // 603 files, of which the register has 500, and 40 that it was told of only.
        "300 autres ne sont pas montrés",
        "143 fichiers",
    ] {
        assert!(page.contains(said), "{said} is not in\n{page}");
    }
    assert!(!page.contains("<img") && !page.contains("<b>") && !page.contains('\u{202e}'));
}

/// The register is searched by a part of a file's name, in the list, in the exports and in the API.
#[tokio::test]
async fn files_are_found_by_their_names() {
    let fake = Fake::knowing(with_files(3));
    assert!(fake.page("/register?file=firmware").await.contains("/interventions/1\""));
    assert!(!fake.page("/register?file=nothing").await.contains("/interventions/1\""));
    let found: Value = serde_json::from_str(&fake.page("/api/v1/export/files.json?file=FIRMWARE").await).unwrap();
    let rows = found["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "the file, and that 40 more are not listed: {rows:?}");
    assert_eq!((&rows[0]["file"]["result"], &rows[1]["unlisted"]), (&"done".into(), &40.into()));
    assert_eq!(fake.carried_out(), ["export-read"]);
}

/// EVI-06: no name of a file is a formula; LOG-11: who takes the list is journalled.
#[tokio::test]
async fn the_list_of_files_is_a_table_without_formulas() {
    let fake = Fake::knowing(with_files(0));
    for address in ["/interventions/1/files.csv", "/register/files.csv?file=cmd", "/api/v1/export/files.csv"] {
        let table = fake.page(address).await;
        assert!(table.contains("\"'=cmd|x\"") && table.contains("Eicar"), "{table}");
        assert!(!table.contains('\u{202e}'), "{table}");
    }
    assert_eq!(fake.carried_out().len(), 3);
}

/// EVI-01, EVI-08: whoever may take evidence away says what for, and gets a file; nobody else does.
#[tokio::test]
async fn a_bundle_is_given_to_auditor_and_security_alone() {
    let fake = Fake::knowing(with_files(0));
    for (address, form, done) in [
        ("/interventions/1/bundle", "purpose=audit", "evidence of intervention 1 for audit"),
        (
            "/register/bundle",
            "vendor=imagix&from=2026-11-01&to=2026-11-30&purpose=audit",
            "evidence of vendor imagix from 2026-11-01 to 2026-11-30 for audit",
        ),
    ] {
        assert_eq!(fake.post(address, form).await, StatusCode::OK);
        assert_eq!(fake.carried_out().pop().as_deref(), Some(done));
    }
    assert!(fake.page("/interventions/1").await.contains("action=\"/interventions/1/bundle\""));
    assert_eq!(fake.post("/register/bundle", "vendor=imagix&purpose=x").await, StatusCode::BAD_REQUEST);
    let approver = Fake::signed_in_as(Journal::Works, &[Role::Approver, Role::Operator]);
    assert_ne!(approver.post("/register/bundle", "purpose=x").await, StatusCode::OK);
    assert!(approver.carried_out().is_empty());
}

/// The API tells what the document describes, field by field.
#[tokio::test]
async fn the_api_tells_of_files_and_alarms_as_described() {
    let fake = Fake::knowing(with_files(1));
    let dossier: Value = serde_json::from_str(&fake.page("/api/v1/interventions/1").await).unwrap();
    let document: Value = serde_json::from_str(&fake.page("/api/v1/openapi.json").await).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    let described = |name: &str| keys(&document["components"]["schemas"][name]["properties"]);
    let one = &dossier["sessions"][0];
    assert_eq!(keys(one), described("Session"));
    assert_eq!(keys(&one["channels"]["shown"][1]), described("Channel"));
    assert_eq!(keys(&one["files"]["shown"][0]), described("File"));
    assert_eq!(keys(&one["alarms"]["shown"][0]), described("Alarm"));
    assert_eq!((&one["unlisted"], &one["alarms"]["shown"][0]["alarm"]), (&40.into(), &"ssh-inside-forward".into()));
    let list: Value = serde_json::from_str(&fake.page("/api/v1/interventions").await).unwrap();
    let first = list["items"].as_array().unwrap().iter().find(|one| one["number"] == 1).unwrap();
    assert_eq!(keys(first), described("Intervention"));
    assert_eq!(first["rights"].as_array().unwrap().len(), 4);
    let rows: Value = serde_json::from_str(&fake.page("/api/v1/export/files.json").await).unwrap();
    assert_eq!(keys(&rows["rows"][0]), described("FileRow"));
}

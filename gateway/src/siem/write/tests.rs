//! The formats, held against files of what they were, against their own rules, and against hostile words.

use super::*;
use crate::siem::kinds::{self, KINDS};
use journal::{Evidence, Leaf};
use lifecycle::{Event, is_hidden, visible};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

fn speaker() -> Speaker {
    Speaker { host: "bastion-1".to_owned(), pid: 4242, origin: "poterne/chu/5eed".to_owned(), version: "0.1.0" }
}

/// An entry as the journal would hold it.
fn entry(seq: u64, body: Option<Value>, kind: &str) -> Fact {
    let event = body.as_ref().map(|body| Event::from_body(body.to_string().as_bytes()).unwrap());
    let about = |text: Option<String>| text;
    let leaf = Leaf {
        account: about(event.as_ref().and_then(|event| event.account()).map(ToString::to_string)),
        at: "2026-11-23T08:00:00.25Z".parse().unwrap(),
        body: "00".repeat(32),
        index: seq,
        intervention: event.as_ref().and_then(Event::intervention).map(|number| number.0),
        key: "00".repeat(8),
        kind: kind.to_owned(),
        sealed: "00".repeat(32),
        session: about(event.as_ref().and_then(|event| event.session()).map(ToString::to_string)),
    };
    let opened = event.map(|event| ([0; 32], event.to_body()));
    Fact::from(Evidence { bytes: leaf.to_bytes(), leaf, opened })
}

fn of(seq: u64, body: Value) -> Fact {
    let kind = body["kind"].as_str().unwrap().to_owned();
    entry(seq, Some(body), &kind)
}

const HOSTILE: &str = "PACS | x=1 \"]\\ \n<13>1 fake\r\u{1b}[2J\u{202e}gnp é";

fn examples() -> Vec<Fact> {
    let (account, session) = ("a-0000000000000001", "s-0000000000000002");
    let alice = |kind: &str| json!({ "kind": kind, "account": account, "technician": "alice" });
    let with = |mut base: Value, more: Value| {
        base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        base
    };
    let mut opened = of(
        7,
        json!({ "kind": "channel-opened", "session": session, "channel": 0, "pty": null,
            "what": { "exec": { "command": format!("echo {HOSTILE}") } } }),
    );
    opened.names = BTreeMap::from([
        ("technician", "alice".to_owned()),
        ("vendor", "imagix".to_owned()),
        ("target", "scanner".to_owned()),
        ("login", "maint".to_owned()),
        ("source", "203.0.113.7:50123".to_owned()),
    ]);
    let mut read = of(
        11,
        json!({ "kind": "recording-read", "session": session, "staff": "sophie", "how": "replay", "purpose": "audit" }),
    );
    read.names = opened.names.clone();
    let refused =
        json!({ "source": "203.0.113.7:50123", "cause": "disabled", "key": null, "step": null, "counts": false });
    let accepted = json!({ "source": "[2001:db8::7]:50123", "factors": ["password", "totp"], "key": null, "step": 59 });
    vec![
        of(0, json!({ "kind": "started", "version": "0.1.0", "config": "ab12" })),
        of(
            1,
            json!({ "kind": "technician-disabled", "account": account, "technician": "alice",
            "reason": HOSTILE, "by": { "staff": "claire" } }),
        ),
        of(2, with(alice("factors-refused"), refused)),
        of(
            3,
            with(
                alice("account-alert"),
                json!({ "source": "203.0.113.7", "what": "a try on an account that is not active" }),
            ),
        ),
        of(
            4,
            json!({ "kind": "leak-suspected", "vendor": "imagix", "source": "203.0.113.7",
            "technicians": ["alice", "bruno"], "since": "2026-11-23T07:00:00Z" }),
        ),
        of(5, with(alice("factors-accepted"), accepted)),
        of(6, json!({ "kind": "vendor-frozen", "vendor": "imagix", "reason": "leak", "by": { "root": 0 } })),
        opened,
        entry(8, None, "factors-accepted"),
        of(9, json!({ "kind": "heartbeat", "sessions": 0 })),
        of(
            10,
            json!({ "kind": "restored", "origin": "poterne/chu/old", "key": "poterne/chu/old+00+AA", "backup": "set",
            "size": 40, "root": "AA==", "here": 37, "erased": 0, "by": { "root": 0 } }),
        ),
        read,
    ]
}

const FORMATS: [(SiemFormat, &str); 4] = [
    (SiemFormat::Rfc5424, "rfc5424"),
    (SiemFormat::Cef, "cef"),
    (SiemFormat::Ocsf, "ocsf"),
    (SiemFormat::Json, "json"),
];

/// LOG-14. After a change on purpose: run with `POTERNE_WRITE_DOCS=1`, and read the difference.
#[test]
fn each_format_is_as_it_was() {
    for (format, name) in FORMATS {
        let path = format!("{}/src/siem/write/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        let lines: Vec<String> = examples().iter().map(|fact| message(fact, &speaker(), format, 10)).collect();
        let alive = alive("2026-11-23T08:01:00Z".parse().unwrap(), 12, &speaker(), 10);
        let text = format!("{}\n{alive}\n", lines.join("\n"));
        if std::env::var_os("POTERNE_WRITE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{name}");
    }
}

/// D28, T1: of two values of one name a receiver takes one, and by `seq` and `origin` it knows doubles. An
/// event's own field of such a name has another.
#[test]
fn no_field_takes_the_place_of_a_fact_of_the_leaf() {
    let restored = examples().into_iter().find(|fact| fact.kind == "restored").unwrap();
    let (all, _) = parameters(&message(&restored, &speaker(), SiemFormat::Rfc5424, 10));
    let of =
        |name: &str| all.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>();
    assert_eq!((of("origin"), of("event_origin")), (vec!["poterne/chu/5eed"], vec!["poterne/chu/old"]));
    let (_, extension) = header_of_cef(&cef::write(&restored, &speaker()));
    assert_eq!(extension.matches("poterneOrigin=").count(), 1);
    assert_eq!(value_of_cef(&extension, "poterneOrigin").unwrap(), "poterne/chu/5eed");
    assert_eq!(value_of_cef(&extension, "poterneEventOrigin").unwrap(), "poterne/chu/old");
    let fields = ["seq", "origin", "kind", "account", "session", "intervention", "leaf", "erased"];
    let fields: Map<String, Value> = fields.iter().map(|name| ((*name).to_owned(), json!("of the event"))).collect();
    let fact = Fact {
        account: Some("a".into()),
        session: Some("s".into()),
        intervention: Some(3),
        fields: Some(fields),
        ..restored
    };
    for fact in examples().iter().chain([&fact]) {
        let (all, _) = parameters(&message(fact, &speaker(), SiemFormat::Rfc5424, 10));
        let mut names: Vec<&String> = all.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{all:?}");
    }
}

/// Where staff acted, they are the source, with no address of the technician's.
#[test]
fn whoever_acted_is_named_as_such() {
    let names = BTreeMap::from([("technician", "alice".to_owned()), ("source", "203.0.113.7:50123".to_owned())]);
    let said = |kind: &str, body: Value| {
        let fact = Fact { fields: body.as_object().cloned(), names: names.clone(), ..entry(1, None, kind) };
        let extension = header_of_cef(&cef::write(&fact, &speaker())).1;
        let event = ocsf::write(&fact, &speaker());
        assert_eq!(event["src_endpoint"].is_null(), value_of_cef(&extension, "src").is_none(), "{event}");
        ["suser", "src", "poterneTechnician"].map(|key| value_of_cef(&extension, key).unwrap_or_default())
    };
    let staff = ["sophie", "", "alice"];
    assert_eq!(said("recording-read", json!({ "staff": "sophie" })), staff);
    assert_eq!(said("intervention-approved", json!({ "approval": { "by": "sophie" } })), staff);
    let cut = json!({ "cause": { "cut": { "by": { "staff": "sophie" }, "reason": "x" } } });
    assert_eq!(said("session-ended", cut), staff);
    assert_eq!(said("session-frozen", json!({ "cause": { "staff": "sophie" } })), staff);
    let root = json!({ "cause": { "cut": { "by": { "root": 0 }, "reason": "x" } } });
    assert_eq!(said("session-ended", root), ["uid 0", "", "alice"]);
    assert_eq!(said("session-ended", json!({ "cause": "technician" })), ["alice", "203.0.113.7", ""]);
    let own = json!({ "staff": "sophie", "source": "192.0.2.1:1" });
    assert_eq!(said("staff-refused", own), ["sophie", "192.0.2.1", "alice"]);
}

/// Every kind of entry there is has its row, and no other, and the page has them all.
#[test]
fn every_kind_has_its_class_and_stands_in_the_page() {
    let read = |page: &str| std::fs::read_to_string(format!("{}/../docs/{page}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let journal = read("format-journal.md");
    let section = journal.split("## Kinds of entries").nth(1).unwrap().split("\n## ").next().unwrap();
    let kinds: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let words: Vec<&str> = KINDS.iter().map(|kind| kind.word).collect();
    let sorted = |mut words: Vec<&'static str>| {
        words.sort_unstable();
        words
    };
    let mut kinds: Vec<&str> = kinds;
    kinds.sort_unstable();
    assert_eq!(sorted(words), kinds);
    let page = read("operations/siem.md");
    for kind in KINDS {
        let (class, name) = kind.class.uid();
        let row = format!("| `{}` | {name} ({class}) | {} | {} |", kind.word, kind.activity, kind.level as u8);
        assert!(page.contains(&row), "docs/operations/siem.md has no row\n{row}");
    }
}

/// What OCSF 1.3.0 requires of each class, from its schema.
fn required(class: u64) -> &'static [&'static str] {
    match class {
        3001 => &["user"],
        3002 => &["user", "service"],
        3004 => &["entity"],
        2004 => &["finding_info"],
        4007 => &["dst_endpoint"],
        6002 => &["app"],
        _ => &["no such class"],
    }
}

fn assert_ocsf(fact: &Fact) {
    let event = ocsf::write(fact, &speaker());
    let base = ["activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"];
    let class = event["class_uid"].as_u64().unwrap();
    for key in base.iter().chain(required(class)) {
        assert!(!event[*key].is_null(), "{} lacks {key}: {event}", fact.kind);
    }
    assert_eq!(event["category_uid"].as_u64().unwrap(), class / 1000);
    assert_eq!(event["type_uid"].as_u64().unwrap(), class * 100 + event["activity_id"].as_u64().unwrap());
    assert_eq!(event["metadata"]["version"], "1.3.0");
    for key in ["product", "version"] {
        assert!(!event["metadata"][key].is_null());
    }
    assert!(event["metadata"]["product"]["vendor_name"].is_string());
    // At least one of these names whoever or whatever it is.
    for key in ["user", "entity", "dst_endpoint"] {
        let object = &event[key];
        let named = ["name", "uid", "hostname", "ip"].iter().any(|name| object[*name].is_string());
        assert!(object.is_null() || named, "{event}");
    }
    if class == 2004 {
        assert!(event["finding_info"]["uid"].is_string() && event["finding_info"]["title"].is_string());
    }
    if event["activity_id"] == 99 {
        assert!(event["activity_name"].is_string(), "other has a name of its own");
    }
    if let Some(file) = event.get("file") {
        assert!(file["name"].is_string() && file["type_id"].is_u64());
    }
}

#[test]
fn ocsf_has_what_its_schema_requires() {
    examples().iter().for_each(assert_ocsf);
    for kind in KINDS {
        assert_ocsf(&entry(1, None, kind.word));
        let fields = Map::from_iter([("path".to_owned(), json!("/")), ("source".to_owned(), json!("192.0.2.1:1"))]);
        assert_ocsf(&Fact { fields: Some(fields), ..entry(1, None, kind.word) });
    }
    assert_ocsf(&entry(1, None, "of-a-newer-version"));
}

/// A message fits into what every receiver takes, and says where it was cut; its number is never lost.
#[test]
fn what_is_long_is_cut_and_keeps_its_number() {
    let changes: Vec<String> = (0..500).map(|n| format!("vendor.v{n}: {}", "x".repeat(900))).collect();
    let body = json!({ "kind": "config-loaded", "digest": "ab12", "changes": changes, "by": "program" });
    for (format, name) in FORMATS {
        let message = message(&of(77, body.clone()), &speaker(), format, 10);
        assert!(message.len() <= LONGEST, "{name}: {}", message.len());
        assert!(message.contains("[poterne@32473 seq=\"77\" ") && message.contains("ab12"), "{name}: {message}");
    }
}

/// The parameters of the one element, as a receiver reads them by RFC 5424 §6.3.
fn parameters(line: &str) -> (Vec<(String, String)>, String) {
    let (_, data) = line.split_once(" [poterne@32473").unwrap();
    let mut rest = data.chars();
    let mut all = Vec::new();
    loop {
        match rest.next().unwrap() {
            ']' => return (all, rest.as_str().trim_start().to_owned()),
            ' ' => {}
            c => panic!("{c:?} in {line}"),
        }
        let name: String = rest.by_ref().take_while(|c| *c != '=').collect();
        assert_eq!(rest.next(), Some('"'));
        let mut value = String::new();
        loop {
            match rest.next().unwrap() {
                '"' => break,
                '\\' => value.push(rest.next().unwrap()),
                c => {
                    assert_ne!(c, ']', "unescaped");
                    value.push(c);
                }
            }
        }
        all.push((name, value));
    }
}

/// The fields of a CEF header, and its extension.
fn header_of_cef(line: &str) -> (Vec<String>, String) {
    let mut fields = vec![String::new()];
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => fields.last_mut().unwrap().push(rest.next().unwrap()),
            '|' if fields.len() == 7 => break,
            '|' => fields.push(String::new()),
            c => fields.last_mut().unwrap().push(c),
        }
    }
    (fields, rest.as_str().to_owned())
}

/// The value of a key of a CEF extension: up to the next word with an unescaped `=` behind it.
fn value_of_cef(extension: &str, key: &str) -> Option<String> {
    let marks: Vec<usize> = extension
        .char_indices()
        .filter(|(at, c)| *c == '=' && (extension[..*at].bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 0))
        .map(|(at, _)| at)
        .collect();
    let begin = |mark: usize| extension[..mark].rfind(' ').map_or(0, |space| space + 1);
    let n = marks.iter().position(|mark| &extension[begin(*mark)..*mark] == key)?;
    let end = marks.get(n + 1).map_or(extension.len(), |next| begin(*next) - 1);
    let mut value = String::new();
    let mut rest = extension[marks[n] + 1..end].chars();
    while let Some(c) = rest.next() {
        value.push(if c == '\\' { rest.next().unwrap() } else { c });
    }
    Some(value)
}

proptest! {
    /// LOG-14: no word of anybody breaks a line, ends a field, or hides what stands beside it.
    #[test]
    fn no_word_breaks_out(words in prop::collection::vec(prop_oneof![
        Just("|".to_owned()), Just("=".to_owned()), Just("\n".to_owned()), Just("\r".to_owned()),
        Just("]".to_owned()), Just("\"".to_owned()), Just("\\".to_owned()), Just("\u{1b}[31m".to_owned()),
        Just("\u{202e}".to_owned()), Just("\u{2028}".to_owned()), Just(" src=1.2.3.4".to_owned()), ".{0,4}",
    ], 0..20)) {
        let text = words.concat();
        let body = json!({ "kind": "vendor-frozen", "vendor": "imagix", "reason": text, "by": "program" });
        let fact = of(5, body);
        let shown = visible(&text);
        for (format, _) in FORMATS {
            let line = message(&fact, &speaker(), format, 10);
            prop_assert!(!line.chars().any(is_hidden), "{line:?}");
            let (data, said) = parameters(&line);
            prop_assert_eq!(&data[0], &("seq".to_owned(), "5".to_owned()));
            match format {
                SiemFormat::Rfc5424 => {
                    let reason = data.iter().find(|(name, _)| name == "reason").map(|(_, value)| value.as_str());
                    prop_assert_eq!(reason, Some(shown.as_str()));
                    prop_assert_eq!(said.as_str(), kinds::of("vendor-frozen").title);
                }
                SiemFormat::Cef => {
                    let (fields, extension) = header_of_cef(&said);
                    prop_assert_eq!(fields.len(), 7);
                    prop_assert_eq!(fields[4].as_str(), "vendor-frozen");
                    let reason = value_of_cef(&extension, "reason").unwrap();
                    prop_assert_eq!(reason, shown.clone());
                    prop_assert_eq!(value_of_cef(&extension, "src"), None);
                }
                SiemFormat::Ocsf => {
                    let event: Value = serde_json::from_str(&said).unwrap();
                    prop_assert_eq!(&event["unmapped"]["event"]["reason"], &Value::from(shown.as_str()));
                }
                SiemFormat::Json => {
                    let event: Value = serde_json::from_str(&said).unwrap();
                    prop_assert_eq!(&event["event"]["reason"], &Value::from(shown.as_str()));
                }
            }
        }
    }
}

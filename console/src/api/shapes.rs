//! What goes over the API, described: names and kinds of fields, for the document. The tests hold it
//! against what is really sent and taken.
//!
//! Kinds: `string`, `integer`, `boolean`, `time` (RFC 3339), `date`, `any`; `tag` is a word, or an object with one
//! word and its details; `[kind]` a list, `(kind,kind)` a list of just these; a name refers to a shape. `?`
//! behind a kind: it may be null. `?` behind a field: it may be left out.

use policy::Right;
use serde_json::{Map, Value, json};

/// An object.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) fields: &'static [(&'static str, &'static str)],
    /// Of what is sent to us; empty for what we send.
    pub(super) example: &'static str,
}

const fn sent(name: &'static str, about: &'static str, fields: &'static [(&'static str, &'static str)]) -> Shape {
    Shape { name, about, fields, example: "" }
}

const fn taken(
    name: &'static str,
    about: &'static str,
    fields: &'static [(&'static str, &'static str)],
    example: &'static str,
) -> Shape {
    Shape { name, about, fields, example }
}

/// Words that stand for themselves.
pub(super) const WORDS: &[(&str, &[&str])] = &[
    ("Role", &["approver", "operator", "security", "auditor"]),
    ("Verified", &["called", "caller", "present"]),
    ("ExportScope", &["interventions", "sessions", "files", "journal", "accounts"]),
    ("Watched", &["yes", "gaps", "no"]),
];

/// Rights that are more than a word: what stands behind the word, as a pattern. What a command is made of is
/// looked at where it is taken.
const NAMED_RIGHTS: [&str; 2] = [r"command \S(.*\S)?", r"forward (\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d{1,5}"];

/// A right as text: a word, or a word and what it is for.
fn right() -> Value {
    let all: Vec<&str> = Right::WORDS.iter().map(Right::word).chain(NAMED_RIGHTS).collect();
    json!({
        "type": "string",
        "pattern": format!("^({})$", all.join("|")),
        "description": "What may be done: a word; or `command` and the one command line, byte for byte; or `forward` \
            and the address and port of a tunnel.",
        "examples": ["shell", "sftp-write", "command uptime -p", "forward 10.20.3.14:3389"],
    })
}

/// All objects.
pub(super) const SHAPES: &[Shape] = &[
    sent(
        "Error",
        "Why not: a text for people, and a word that does not change.",
        &[("error", "string"), ("code", "string")],
    ),
    sent(
        "Me",
        "Who is signed in. `csrf` goes into the header X-CSRF-Token of each POST.",
        &[
            ("login", "string"),
            ("name", "string"),
            ("roles", "[Role]"),
            ("groups", "[string]"),
            ("language", "string"),
            ("csrf", "string"),
            ("may_decide_here", "boolean"),
        ],
    ),
    sent(
        "RequestLine",
        "One request in a list: enough to choose it, not enough to decide.",
        &[
            ("number", "integer"),
            ("name", "string"),
            ("vendor", "string"),
            ("target", "string"),
            ("since", "time"),
            ("state", "string"),
            ("emergency", "boolean"),
            ("mine", "boolean"),
        ],
    ),
    sent(
        "Request",
        "One request in full. The code that the technician reads out is nowhere in it.",
        &[
            ("number", "integer"),
            ("state", "tag"),
            ("name", "string"),
            ("login", "string"),
            ("vendor", "string"),
            ("phone", "string"),
            ("email", "string"),
            ("call_name", "string"),
            ("call_phone", "string"),
            ("target", "string"),
            ("account", "string"),
            ("reason", "string"),
            ("ticket", "string"),
            ("source", "string?"),
            ("usual", "boolean"),
            ("visits", "[EarlierVisit]"),
            ("rights", "[Right]"),
            ("quorum", "integer"),
            ("yes", "[Yes]"),
            ("can_approve", "[string]"),
            ("groups", "string"),
            ("call_back", "boolean"),
            ("watched", "boolean"),
            ("emergency", "boolean"),
            ("factor_changed", "boolean"),
            ("lapses", "time?"),
            ("closes_at", "time?"),
            ("longest", "string?"),
            ("minutes", "[integer]"),
            ("mine", "boolean"),
            ("have", "integer"),
            ("begins", "time"),
            ("approved_by_me", "boolean"),
            ("refused", "(string,string)?"),
            ("session", "string?"),
            ("window", "(time,time)?"),
            ("may_withdraw", "boolean"),
        ],
    ),
    sent(
        "EarlierVisit",
        "An earlier visit of the same person.",
        &[("at", "time"), ("target", "string"), ("here", "boolean")],
    ),
    sent("Yes", "Somebody's yes.", &[("by", "string"), ("at", "time"), ("verified", "Verified")]),
    taken(
        "Approve",
        "A yes. `code`: what the technician reads out; left out for a planned one. `otp`: the approver's own fresh code.",
        &[
            ("verified", "Verified"),
            ("code?", "string"),
            ("rights?", "[Right]?"),
            ("minutes?", "integer?"),
            ("otp", "string"),
        ],
        r#"{"verified": "called", "code": "K7PQ", "otp": "123456"}"#,
    ),
    taken("Because", "Why.", &[("reason", "string")], r#"{"reason": "not announced by the vendor"}"#),
    taken("Nothing", "No fields; the body may be empty.", &[], "{}"),
    taken(
        "Plan",
        "What is to be opened: `from` and `until`, or `minutes` from now on.",
        &[
            ("technician", "string"),
            ("target", "string"),
            ("account?", "string?"),
            ("from?", "time?"),
            ("until?", "time?"),
            ("minutes?", "integer?"),
            ("emergency?", "boolean"),
            ("reason", "string"),
            ("ticket?", "string?"),
            ("verified", "Verified"),
            ("rights?", "[Right]?"),
            ("otp", "string"),
        ],
        r#"{"technician": "alice", "target": "scanner", "from": "2026-11-23T09:00:00Z", "until": "2026-11-23T11:00:00Z", "reason": "yearly maintenance", "verified": "called", "otp": "123456"}"#,
    ),
    taken(
        "Extend",
        "For how long from now.",
        &[("verified", "Verified"), ("minutes", "integer"), ("otp", "string")],
        r#"{"verified": "called", "minutes": 60, "otp": "123456"}"#,
    ),
    taken(
        "Review",
        "What the look back found.",
        &[("text", "string")],
        r#"{"text": "the tube was changed, as asked"}"#,
    ),
    sent(
        "Decided",
        "What a yes gave. `code`, `from` and `until`: of a planned one that is complete, this once.",
        &[
            ("number", "integer"),
            ("approvals_missing", "integer?"),
            ("code", "string?"),
            ("from", "time?"),
            ("until", "time?"),
        ],
    ),
    sent(
        "SessionLine",
        "A session that runs now.",
        &[
            ("id", "string"),
            ("number", "integer"),
            ("name", "string"),
            ("vendor", "string"),
            ("target", "string"),
            ("started", "time"),
            ("until", "time"),
            ("frozen", "tag?"),
            ("emergency", "boolean"),
            ("watchers", "string"),
            ("watchable", "boolean"),
            ("mine", "boolean"),
        ],
    ),
    taken(
        "Freeze",
        "Why, if it is said.",
        &[("reason?", "string?")],
        r#"{"reason": "I do not understand what happens"}"#,
    ),
    taken(
        "Resume",
        "A fresh code, where what was frozen asks for one.",
        &[("otp?", "string?")],
        r#"{"otp": "123456"}"#,
    ),
    sent(
        "Intervention",
        "One line of the register.",
        &[
            ("number", "integer"),
            ("at", "time"),
            ("name", "string"),
            ("technician", "string"),
            ("vendor", "string"),
            ("vendor_id", "string"),
            ("target", "string"),
            ("target_id", "string"),
            ("source", "string?"),
            ("reason", "string"),
            ("ticket", "string"),
            ("state", "string"),
            ("cause", "tag?"),
            ("requested", "time"),
            ("started", "time?"),
            ("ended", "time?"),
            ("seconds", "integer?"),
            ("at_least", "boolean"),
            ("approved_by", "[string]"),
            ("watched", "Watched?"),
            ("emergency", "boolean"),
            ("planned", "boolean"),
            ("wants_review", "boolean"),
            ("rights", "[Right]"),
            ("alarms", "integer"),
        ],
    ),
    sent(
        "Dossier",
        "One intervention with everything that is known of it.",
        &[
            ("number", "integer"),
            ("state", "string"),
            ("cause", "tag?"),
            ("name", "string"),
            ("login", "string"),
            ("vendor", "string"),
            ("phone", "string"),
            ("source", "string?"),
            ("target", "string"),
            ("account", "string"),
            ("reason", "string"),
            ("ticket", "string"),
            ("emergency", "boolean"),
            ("planned", "(time,time)?"),
            ("rights", "[Right]"),
            ("granted", "[Right]?"),
            ("watched_required", "boolean"),
            ("prepared", "time"),
            ("submitted", "time?"),
            ("approvals", "[Approval]"),
            ("refused", "(string?,string)?"),
            ("withdrawn", "string?"),
            ("wrong_codes", "integer"),
            ("ended", "time?"),
            ("review", "(string,string)?"),
            ("wants_review", "boolean"),
            ("seconds", "integer?"),
            ("watched", "Watched?"),
            ("sessions", "[Session]"),
            ("more_sessions", "integer"),
            ("pending", "boolean"),
        ],
    ),
    sent(
        "Approval",
        "Somebody's yes.",
        &[("by", "string"), ("at", "time"), ("verified", "Verified"), ("until", "time?")],
    ),
    sent(
        "Session",
        "A session, with what happened in it. Lists: the first 200, and how many more there were. `unlisted`: of so \
         many files only the recording has the list.",
        &[
            ("id", "string"),
            ("state", "string"),
            ("started", "time"),
            ("until", "time"),
            ("seconds", "integer"),
            ("end", "any"),
            ("cut_by", "string?"),
            ("stretches", "[Stretch]"),
            ("watched_seconds", "integer"),
            ("unwatched_seconds", "integer"),
            ("frozen_seconds", "integer"),
            ("watches", "First"),
            ("freezes", "First"),
            ("channels", "Channels"),
            ("files", "Files"),
            ("unlisted", "integer"),
            ("alarms", "Alarms"),
            ("refused", "First"),
            ("warnings", "[(time,integer)]"),
            ("legacy", "Legacy?"),
            ("unreached", "string?"),
            ("recording", "Recording?"),
            ("committed", "(string,integer)?"),
            ("recipients", "integer"),
            ("readings", "First"),
            ("watchable", "boolean"),
            ("replayable", "boolean"),
        ],
    ),
    sent("Stretch", "A part of a session's time.", &[("kind", "string"), ("from", "time"), ("until", "time")]),
    sent("First", "The first of a list.", &[("shown", "[any]"), ("more", "integer")]),
    sent(
        "Legacy",
        "Old algorithms that were used towards the equipment, by an exception until that day.",
        &[("algorithms", "string"), ("because", "string"), ("until", "date")],
    ),
    sent("Channels", "The first channels.", &[("shown", "[Channel]"), ("more", "integer")]),
    sent(
        "Channel",
        "What was opened. `direction`: to-target or from-target; `to`: where a tunnel goes; `unseen`: what passed was \
         counted and not kept.",
        &[
            ("number", "integer"),
            ("kind", "string"),
            ("direction", "string?"),
            ("command", "string?"),
            ("to", "string?"),
            ("from", "time"),
            ("until", "time?"),
            ("exit", "integer?"),
            ("bytes_in", "integer"),
            ("bytes_out", "integer"),
            ("unseen", "boolean"),
        ],
    ),
    sent("Files", "The first files.", &[("shown", "[File]"), ("more", "integer")]),
    sent(
        "File",
        "A file. `did`: moved, rename, remove, make-folder, remove-folder, link, hard-link, attributes or copy; \
         `result`: done, failed, partial, infected or unscanned; `in_order`: the digest is the file's own; `kept`: a \
         copy of the content is in the recording.",
        &[
            ("at", "time"),
            ("channel", "integer"),
            ("did", "string"),
            ("path", "string"),
            ("to", "string"),
            ("direction", "string?"),
            ("started", "time?"),
            ("bytes", "integer?"),
            ("sha256", "string?"),
            ("in_order", "boolean?"),
            ("result", "string"),
            ("why", "string"),
            ("kept", "boolean"),
        ],
    ),
    sent("Alarms", "The first alarms.", &[("shown", "[Alarm]"), ("more", "integer")]),
    sent(
        "Alarm",
        "What the hospital was told at once. `alarm`: ssh-inside-forward, infected or scanner-gone.",
        &[
            ("at", "time"),
            ("channel", "integer"),
            ("alarm", "string"),
            ("to", "string?"),
            ("path", "string?"),
            ("why", "string"),
        ],
    ),
    sent(
        "Recording",
        "A sealed recording, as the journal knows it.",
        &[("state", "string"), ("manifest", "string"), ("missing", "integer"), ("bytes", "integer")],
    ),
    sent(
        "Explained",
        "What the rules say. `terms`: on which it is allowed; `denial` and `text`: why it is not.",
        &[
            ("technician", "string"),
            ("name", "string"),
            ("target", "string"),
            ("target_name", "string"),
            ("at", "time"),
            ("possible", "boolean"),
            ("terms", "Terms?"),
            ("denial", "string?"),
            ("text", "string?"),
            ("because", "[string]"),
            ("next_opening", "time?"),
            ("account_state", "string"),
            ("vendor_frozen", "boolean"),
            ("lockdown", "boolean"),
        ],
    ),
    sent(
        "Terms",
        "On which terms something is possible. `longest`: in seconds.",
        &[
            ("rights", "[Right]"),
            ("quorum", "integer"),
            ("groups", "string"),
            ("approvers", "[string]"),
            ("call_back", "boolean"),
            ("watched", "boolean"),
            ("longest", "integer"),
            ("closes_at", "time"),
        ],
    ),
    sent(
        "TechnicianLine",
        "One technician in the list.",
        &[("login", "string"), ("name", "string"), ("vendor", "string"), ("state", "string"), ("last_visit", "time?")],
    ),
    sent(
        "Technician",
        "One technician in full.",
        &[
            ("login", "string"),
            ("name", "string"),
            ("email", "string"),
            ("phone", "string"),
            ("vendor", "string"),
            ("proofing", "string"),
            ("state", "string"),
            ("account_state", "string"),
            ("lock", "Lock?"),
            ("keys", "[string]"),
            ("since", "time"),
            ("factor_changed", "boolean"),
            ("invited_until", "time?"),
            ("words_left", "integer"),
            ("call_name", "string"),
            ("call_phone", "string"),
            ("frozen", "string?"),
            ("visits", "[TechnicianVisit]"),
            ("live", "integer"),
        ],
    ),
    sent("TechnicianVisit", "An earlier visit.", &[("at", "time"), ("target", "string"), ("source", "string?")]),
    sent("Lock", "A lock in force.", &[("until", "time?"), ("tries", "integer"), ("sources", "[string]")]),
    taken(
        "Invite",
        "Whom to invite. `proofing`: how their identity was checked. `keys`: lines of OpenSSH public keys.",
        &[
            ("login", "string"),
            ("vendor", "string"),
            ("name", "string"),
            ("email", "string"),
            ("phone", "string"),
            ("proofing", "string"),
            ("keys?", "[string]"),
        ],
        r#"{"login": "alice", "vendor": "imagix", "name": "Alice Martin", "email": "alice@imagix.example", "phone": "+33 6 00 00 00 00", "proofing": "passport seen by the biomedical department"}"#,
    ),
    sent(
        "Invited",
        "An invitation. Its code is told this once.",
        &[
            ("login", "string"),
            ("code", "string"),
            ("until", "time?"),
            ("host", "string"),
            ("port", "integer"),
            ("known_hosts", "string"),
        ],
    ),
    taken("Activate", "The word that the technician was shown.", &[("word", "string")], r#"{"word": "tulipe"}"#),
    taken(
        "Reset",
        "Why new factors are needed. `enable`: a disabled account is to come back.",
        &[("reason", "string"), ("enable?", "boolean")],
        r#"{"reason": "new telephone"}"#,
    ),
    sent(
        "StaffLine",
        "One member of staff in the list.",
        &[("login", "string"), ("name", "string"), ("roles", "[Role]"), ("groups", "[string]"), ("state", "string")],
    ),
    sent(
        "Staff",
        "One member of staff in full.",
        &[
            ("login", "string"),
            ("name", "string"),
            ("email", "string"),
            ("phone", "string"),
            ("roles", "[Role]"),
            ("groups", "[string]"),
            ("group_names", "[string]"),
            ("all_groups", "[Group]"),
            ("state", "string"),
            ("account_state", "string"),
            ("lock", "Lock?"),
            ("since", "time"),
            ("invited_until", "time?"),
            ("own", "boolean"),
        ],
    ),
    sent("Group", "A group of approvers.", &[("id", "string"), ("name", "string")]),
    taken(
        "Change",
        "Other roles and groups.",
        &[("roles", "[Role]"), ("groups", "[string]"), ("reason", "string")],
        r#"{"roles": ["approver"], "groups": ["radiologie"], "reason": "changed department"}"#,
    ),
    sent(
        "Health",
        "How the machine is; nothing in it is judged.",
        &[
            ("version", "string"),
            ("clock_trusted", "boolean"),
            ("state", "Room?"),
            ("recordings", "Room?"),
            ("journal", "any"),
            ("recorder", "any"),
            ("door", "any"),
            ("certificate", "any"),
            ("scanner", "ScannerHealth?"),
            ("channels", "[any]"),
            ("anchors", "[any]"),
            ("lacks", "any"),
            ("rollback", "any"),
            ("confined", "any"),
            ("last_backup", "time?"),
            ("last_retention", "time?"),
        ],
    ),
    sent(
        "ScannerHealth",
        "The scanner of files; null where no target's files are scanned. `fault`: why it cannot be asked, so that \
         nothing is delivered. `signatures`: of which day they are, if it says.",
        &[("fault", "string?"), ("version", "string?"), ("signatures", "string?")],
    ),
    sent("Room", "Room on a file system, in bytes.", &[("free", "integer"), ("total", "integer")]),
    sent(
        "TokenLine",
        "A token, without what opens anything. `holds`: it opens its export now.",
        &[
            ("id", "string"),
            ("label", "string"),
            ("scope", "ExportScope"),
            ("by", "string"),
            ("made", "time"),
            ("until", "time"),
            ("revoked", "time?"),
            ("last_read", "time?"),
            ("holds", "boolean"),
        ],
    ),
    taken(
        "MakeToken",
        "A token to be made: one export, at most 400 days.",
        &[("label", "string"), ("scope", "ExportScope"), ("days", "integer"), ("otp", "string")],
        r#"{"label": "SIEM", "scope": "sessions", "days": 90, "otp": "123456"}"#,
    ),
    sent(
        "Token",
        "A token, told this once.",
        &[("id", "string"), ("token", "string"), ("scope", "ExportScope"), ("until", "time?")],
    ),
    sent(
        "SessionRow",
        "One line of the export of sessions.",
        &[
            ("id", "string"),
            ("number", "integer"),
            ("started", "time"),
            ("ended", "time?"),
            ("seconds", "integer"),
            ("at_least", "boolean"),
            ("name", "string"),
            ("technician", "string"),
            ("vendor", "string"),
            ("vendor_id", "string"),
            ("target", "string"),
            ("target_id", "string"),
            ("account", "string"),
            ("source", "string?"),
            ("state", "string"),
            ("cause", "tag?"),
            ("watched", "Watched?"),
            ("emergency", "boolean"),
        ],
    ),
    sent(
        "FileRow",
        "One line of the export of files. Without `file`: of so many files of this session, `unlisted`, only the \
         recording has the list.",
        &[
            ("session", "string"),
            ("number", "integer"),
            ("name", "string"),
            ("technician", "string"),
            ("vendor", "string"),
            ("vendor_id", "string"),
            ("target", "string"),
            ("target_id", "string"),
            ("at", "time"),
            ("file", "File?"),
            ("unlisted", "integer"),
        ],
    ),
    sent("FileExport", "`cut`: there were more lines.", &[("rows", "[FileRow]"), ("cut", "boolean")]),
    sent("InterventionExport", "`cut`: there were more lines.", &[("rows", "[Intervention]"), ("cut", "boolean")]),
    sent("SessionExport", "`cut`: there were more lines.", &[("rows", "[SessionRow]"), ("cut", "boolean")]),
];

/// The schema of a kind.
pub(super) fn schema(kind: &str) -> Value {
    if let Some(kind) = kind.strip_suffix('?') {
        return match schema(kind) {
            Value::Object(mut plain) if plain.get("type").is_some_and(Value::is_string) => {
                let held = plain.remove("type").unwrap_or_default();
                plain.insert("type".to_owned(), json!([held, "null"]));
                Value::Object(plain)
            }
            other => json!({ "anyOf": [other, { "type": "null" }] }),
        };
    }
    if let Some(kind) = kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
        return json!({ "type": "array", "items": schema(kind) });
    }
    if let Some(kinds) = kind.strip_prefix('(').and_then(|kinds| kinds.strip_suffix(')')) {
        let items: Vec<Value> = kinds.split(',').map(schema).collect();
        let count = items.len();
        return json!({ "type": "array", "prefixItems": items, "minItems": count, "maxItems": count });
    }
    match kind {
        "any" => json!({}),
        "time" => json!({ "type": "string", "format": "date-time" }),
        "date" => json!({ "type": "string", "format": "date" }),
        "tag" => json!({ "anyOf": [{ "type": "string" }, { "type": "object", "maxProperties": 1 }] }),
        "string" | "integer" | "boolean" => json!({ "type": kind }),
        name => json!({ "$ref": format!("#/components/schemas/{name}") }),
    }
}

impl Shape {
    fn schema(&self) -> Value {
        let named = |field: &'static str| field.strip_suffix('?').unwrap_or(field);
        let properties: Map<String, Value> =
            self.fields.iter().map(|(field, kind)| (named(field).to_owned(), schema(kind))).collect();
        let required: Vec<&str> =
            self.fields.iter().map(|(field, _)| *field).filter(|field| !field.ends_with('?')).collect();
        let mut whole = json!({
            "type": "object",
            "description": self.about,
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        if let (Value::Object(whole), Ok(example)) = (&mut whole, serde_json::from_str::<Value>(self.example)) {
            whole.insert("examples".to_owned(), json!([example]));
        }
        whole
    }
}

/// All schemas, by name.
pub(super) fn schemas() -> Map<String, Value> {
    let words = WORDS.iter().map(|(name, words)| ((*name).to_owned(), json!({ "type": "string", "enum": words })));
    let right = std::iter::once(("Right".to_owned(), right()));
    words.chain(right).chain(SHAPES.iter().map(|shape| (shape.name.to_owned(), shape.schema()))).collect()
}

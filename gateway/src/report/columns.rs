//! The columns of each report, as data: which field of a row, and how it is written.

use lifecycle::order::ReportKind;

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As it is.
    Text,
    /// A number.
    Number,
    /// A number of seconds.
    Seconds,
    /// An instant: in a spreadsheet two columns, the French one and the one of ISO 8601 (EVI-06).
    Time,
    /// A day.
    Day,
    /// Texts, one a line.
    Texts,
    /// A word or several of a family of texts, whose keys begin like this.
    Words(&'static str),
    /// The state of an intervention or an account.
    State,
    /// Why something ended.
    End,
    /// Yes or no.
    YesNo,
    /// Times from and until, one a line.
    Gaps,
    /// Files that were moved or changed, one a line.
    Files,
    /// Who approved, when and how they knew the caller.
    Approvals,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// The field of the row; its heading is the text `report-` with that name.
    pub(crate) field: &'static str,
    /// How it is written.
    pub(crate) kind: Kind,
    /// Whether it is on a terminal too, which is narrow.
    pub(crate) brief: bool,
}

const fn full(field: &'static str, kind: Kind) -> Column {
    Column { field, kind, brief: false }
}

const fn brief(field: &'static str, kind: Kind) -> Column {
    Column { field, kind, brief: true }
}

/// The columns of a report, in order.
pub(crate) fn columns(what: ReportKind) -> &'static [Column] {
    match what {
        ReportKind::Register => REGISTER,
        ReportKind::Accounts => ACCOUNTS,
        ReportKind::Dormant => DORMANT,
        ReportKind::Retention => RETENTION,
    }
}

/// The main courante: LOG-01, LIF-10, CNIL "main courante".
const REGISTER: &[Column] = &[
    brief("number", Kind::Number),
    full("kind", Kind::Words("report-kind-")),
    brief("state", Kind::State),
    full("asked", Kind::Time),
    full("approved", Kind::Time),
    brief("opened", Kind::Time),
    full("ended", Kind::Time),
    brief("seconds", Kind::Seconds),
    full("at-least", Kind::YesNo),
    brief("name", Kind::Text),
    full("technician", Kind::Text),
    brief("vendor", Kind::Text),
    full("vendor-id", Kind::Text),
    full("contract", Kind::Text),
    full("source", Kind::Text),
    brief("target", Kind::Text),
    full("target-id", Kind::Text),
    full("account", Kind::Text),
    full("reason", Kind::Text),
    full("ticket", Kind::Text),
    full("rights", Kind::Texts),
    full("quorum", Kind::Number),
    brief("approved-by", Kind::Approvals),
    full("refused", Kind::Text),
    full("supervision", Kind::Words("report-supervision-")),
    brief("watched-by", Kind::Texts),
    full("unwatched", Kind::Gaps),
    full("unwatched-seconds", Kind::Seconds),
    full("files", Kind::Files),
    full("files-unlisted", Kind::Number),
    full("alarms", Kind::Number),
    brief("cause", Kind::End),
    brief("recording", Kind::Words("report-recording-")),
    full("sessions", Kind::Texts),
    full("review", Kind::Words("report-review-")),
];

const ACCOUNTS: &[Column] = &[
    full("kind", Kind::Words("report-account-kind-")),
    brief("login", Kind::Text),
    brief("name", Kind::Text),
    full("email", Kind::Text),
    full("phone", Kind::Text),
    brief("vendor", Kind::Text),
    full("roles", Kind::Words("report-role-")),
    full("contract", Kind::Text),
    full("contract-from", Kind::Day),
    full("contract-until", Kind::Day),
    brief("logins", Kind::Number),
    full("first-login", Kind::Time),
    brief("last-login", Kind::Time),
    full("sources", Kind::Texts),
    brief("factors", Kind::Words("report-factor-")),
    full("keys", Kind::Texts),
    full("factors-since", Kind::Time),
    full("proofing", Kind::Text),
    brief("proofed-by", Kind::Text),
    full("proofed-at", Kind::Time),
    full("activated-by", Kind::Text),
    full("activated-at", Kind::Time),
    full("state", Kind::State),
    brief("doubts", Kind::Words("report-doubt-")),
];

const DORMANT: &[Column] = &[
    brief("kind", Kind::Words("report-dormant-")),
    brief("id", Kind::Text),
    brief("name", Kind::Text),
    full("vendor", Kind::Text),
    brief("why", Kind::Words("report-why-")),
    brief("since", Kind::Time),
    full("detail", Kind::Text),
];

const RETENTION: &[Column] = &[
    brief("kind", Kind::Words("report-kept-")),
    brief("months", Kind::Number),
    full("least", Kind::Number),
    full("most", Kind::Number),
    full("because", Kind::Text),
    brief("rule", Kind::Text),
    full("key", Kind::Words("report-key-")),
    full("readers", Kind::Texts),
    brief("count", Kind::Number),
    full("bytes", Kind::Number),
    brief("oldest", Kind::Time),
    full("newest", Kind::Time),
    brief("due", Kind::Number),
    brief("next-due", Kind::Time),
];

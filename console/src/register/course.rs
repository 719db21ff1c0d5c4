//! How an intervention went, step by step, in words.

use super::dossier::Dossier;
use crate::texts::Texts;
use jiff::Timestamp;
use lifecycle::WithdrawCause;
use policy::Verified;

/// One step.
pub(super) struct Step {
    pub(super) at: Timestamp,
    pub(super) text: String,
}

/// The key of the text of how somebody knew who called.
fn how(verified: Verified) -> &'static str {
    match verified {
        Verified::Called => "verified-called",
        Verified::Caller => "verified-caller",
        Verified::Present => "verified-present",
    }
}

/// All steps, in the order of time.
pub(super) fn course(one: &Dossier, texts: &Texts) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = |at: Option<Timestamp>, text: String| steps.extend(at.map(|at| Step { at, text }));
    let prepared = if one.planned.is_some() { "course-planned" } else { "course-prepared" };
    step(Some(one.prepared), texts.text(prepared));
    step(one.submitted, texts.text("course-submitted"));
    for yes in &one.approvals {
        let values = [("staff", yes.by.as_str()), ("how", &texts.text(how(yes.verified)))];
        step(Some(yes.at), texts.with("course-approved", &values));
    }
    let several = one.sessions.len() > 1;
    for session in &one.sessions {
        let id = if several { session.id.as_str() } else { "" };
        step(Some(session.started), texts.with("course-session", &[("id", id)]));
        for (at, minutes) in &session.warnings {
            step(Some(*at), texts.with("course-warned", &[("count", &minutes.to_string())]));
        }
        let ended = session.end.as_ref().map(|end| end.ended);
        step(ended, texts.with("course-session-ended", &[("id", id), ("cause", &session.cause(texts))]));
    }
    step(one.ended, last(one, texts));
    steps.sort_by_key(|step| step.at);
    steps
}

/// How it ended, in words. An ended one whose sessions say it all has nothing to add but that.
fn last(one: &Dossier, texts: &Texts) -> String {
    match (&one.refused, &one.withdrawn) {
        (Some((Some(staff), reason)), _) => {
            texts.with("course-refused", &[("staff", staff.as_str()), ("reason", reason.as_str())])
        }
        (Some((None, _)), _) => texts.text("course-refused-codes"),
        (None, Some(cause)) => texts.text(match cause {
            WithdrawCause::Left => "course-withdrawn-left",
            WithdrawCause::Staff => "course-withdrawn-staff",
            WithdrawCause::Restart => "course-withdrawn-restart",
            WithdrawCause::Lapsed => "course-withdrawn-lapsed",
            WithdrawCause::Disabled => "course-withdrawn-disabled",
        }),
        (None, None) if one.state == "expired" && one.planned.is_some() => texts.text("course-expired-planned"),
        (None, None) if one.state == "expired" => texts.text("course-expired"),
        (None, None) => texts.text("course-ended"),
    }
}

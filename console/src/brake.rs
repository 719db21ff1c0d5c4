//! What takes access away acts before the journal is asked (D18): it waits for the register for a moment
//! at most, and then goes on with what was last known of whoever comes.

use crate::error::Trouble;
use crate::page::{Answer, Visit, acted, see_other};
use std::future::Future;
use std::time::Duration;

/// How long a brake waits for a look at the register.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// What a brake would like to know first. `None`: the register does not answer, and the brake acts
/// without; whoever comes had the role for it when they were last looked at.
///
/// Fails where the register answered, and the answer is no.
pub(crate) async fn glance<T>(
    visit: &Visit,
    looking: impl Future<Output = Result<T, Trouble>>,
) -> Result<Option<T>, Trouble> {
    if !visit.looked {
        return Ok(None);
    }
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Ok(found)) => Ok(Some(found)),
        Ok(Err(Trouble::Failure(_))) | Err(_) => Ok(None),
        Ok(Err(trouble)) => Err(trouble),
    }
}

/// To the page that follows. Where the register does not answer there is none: then a plain page says
/// that it was done.
pub(crate) fn done(visit: &Visit, to: &str) -> Answer {
    if visit.looked { see_other(to) } else { Ok(acted(&visit.texts)) }
}

#[cfg(test)]
mod tests {
    use crate::fake::{Fake, Journal};
    use axum::http::StatusCode;

    const SESSION: &str = "s-0123456789abcdef";

    /// D18: what takes access away acts while the register hangs, and also when it is gone.
    #[tokio::test]
    async fn brakes_act_without_the_register() {
        for journal in [Journal::Hangs, Journal::Gone] {
            let fake = Fake::signed_in(journal);
            let [freeze, cut, vendor] = [
                format!("/sessions/{SESSION}/freeze"),
                format!("/sessions/{SESSION}/cut"),
                "/site/vendors/imagix/freeze".to_owned(),
            ];
            let answers = tokio::join!(
                fake.post(&freeze, ""),
                fake.post(&cut, "reason=strange"),
                fake.post("/people/technicians/alice/disable", "reason=strange"),
                fake.post("/people/staff/henri/disable", "reason=strange"),
                fake.post(&vendor, "reason=strange"),
                fake.post("/lockdown/begin", "reason=strange"),
                fake.get("/lockdown"),
            );
            assert_eq!((answers.0, answers.1, answers.2), (StatusCode::OK, StatusCode::OK, StatusCode::OK));
            assert_eq!((answers.3, answers.4), (StatusCode::OK, StatusCode::OK));
            assert_eq!((answers.5, answers.6), (StatusCode::SEE_OTHER, StatusCode::OK));
            let mut verbs = fake.carried_out();
            verbs.sort();
            let wanted = [
                "lockdown-begin",
                "session-cut",
                "session-freeze",
                "staff-disable",
                "technician-disable",
                "vendor-freeze",
            ];
            assert_eq!(verbs, wanted);
        }
    }

    /// What opens something waits for the register, and fails with it. So does the end of a lockdown.
    #[tokio::test]
    async fn nothing_else_acts_without_the_register() {
        let fake = Fake::signed_in(Journal::Gone);
        for (path, body) in [
            ("/requests/1/approve", "code=AAAA-BBBB&otp=123456&verified=called"),
            ("/lockdown/end", "reason=over"),
            ("/site/vendors/imagix/thaw", "reason=over"),
            ("/people/technicians/alice/unlock", ""),
        ] {
            assert_eq!(fake.post(path, body).await, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        }
        assert_eq!(fake.get("/requests").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(fake.get("/assets/console.js").await, StatusCode::OK);
        assert!(fake.carried_out().is_empty());
    }

    /// Without the register a brake is still for its roles alone, and for nobody who is not signed in.
    #[tokio::test]
    async fn a_brake_keeps_its_roles() {
        let fake = Fake::signed_in(Journal::Gone);
        fake.app.signed_in.forget(&"claire".parse().unwrap());
        assert_eq!(fake.post("/lockdown/begin", "reason=strange").await, StatusCode::UNAUTHORIZED);
        // Where the register answers, its word holds: nobody of this name is in it.
        let fake = Fake::signed_in(Journal::Works);
        assert_eq!(fake.post("/lockdown/begin", "reason=strange").await, StatusCode::UNAUTHORIZED);
        assert!(fake.carried_out().is_empty());
        let fake = Fake::signed_in_as(Journal::Gone, &[lifecycle::Role::Auditor]);
        assert_eq!(fake.post("/lockdown/begin", "reason=strange").await, StatusCode::FORBIDDEN);
        assert!(fake.carried_out().is_empty());
    }
}

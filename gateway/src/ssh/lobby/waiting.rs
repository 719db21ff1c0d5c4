//! The wait for the hospital, beat by beat, and for the admission that follows.

use super::texts::fold;
use super::{Lobby, Manners, Room, Say};
use crate::admission::{self, AdmissionError, Admitted, Coming};
use crate::target::{Asked, Question};
use crate::texts::to_ascii;
use lifecycle::{InterventionNumber, InterventionState};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// A silent round this often keeps every client alive, and proves that it still is (docs/lobby.md).
const BEAT: Duration = Duration::from_secs(5);
/// A visible line this often.
const VISIBLE: Duration = Duration::from_secs(30);

/// Somebody who waits.
pub(super) struct Waiting {
    pub(super) number: InterventionNumber,
    /// The code to read out; empty where there is none.
    code: String,
    target: String,
    since: Instant,
    shown: Instant,
    missing: u8,
    pub(super) admission: Option<Admitting>,
}

/// An admission on its way.
pub(super) struct Admitting {
    pub(super) outcome: oneshot::Receiver<Result<Admitted, AdmissionError>>,
    /// What the target asks meanwhile (T21).
    questions: mpsc::Receiver<Question>,
}

impl Waiting {
    /// Begins now, with the code that is to be read out.
    pub(super) fn begun(number: InterventionNumber, code: String, target: String) -> Self {
        let began = Instant::now();
        Self { number, code, target, since: began, shown: began, missing: u8::MAX, admission: None }
    }
}

impl Lobby {
    /// One beat: returns when something was decided, and after five seconds at the latest.
    pub(super) async fn wait(&mut self, mut waiting: Waiting) -> Say {
        let until = Instant::now() + BEAT;
        let mut changes = self.site.registrar.changes();
        loop {
            changes.mark_unchanged();
            let state = match self.site.registrar.state_of(waiting.number).await {
                Ok(state) => state,
                Err(gone) => return self.journal_gone(gone),
            };
            if let Some(mut admission) = waiting.admission.take() {
                tokio::select! {
                    outcome = &mut admission.outcome => {
                        return self.came_in(outcome.unwrap_or(Err(AdmissionError::Internal)));
                    }
                    Some(question) = admission.questions.recv() => {
                        waiting.admission = Some(admission);
                        return self.target_asks(question, waiting);
                    }
                    () = tokio::time::sleep_until(until) => {
                        waiting.admission = Some(admission);
                        self.room = Room::Waiting(waiting);
                        return self.ask("", Vec::new());
                    }
                    () = self.gate.peer_gone() => {
                        waiting.admission = Some(admission);
                        self.room = Room::Waiting(waiting);
                        return self.refuse(String::new());
                    }
                }
            }
            match state {
                Some((InterventionState::Requested, missing)) => {
                    let first = waiting.missing == u8::MAX;
                    if waiting.missing != missing {
                        waiting.missing = missing;
                        if !first {
                            let text = self.texts.with("waiting-seconds", &[("missing", &missing.to_string())]);
                            self.room = Room::Waiting(waiting);
                            return self.ask(&text, Vec::new());
                        }
                    }
                }
                Some((InterventionState::Approved, _)) => {
                    let coming = Coming::Approved(waiting.number);
                    return self.come_in(waiting, coming);
                }
                _ => return self.is_over(waiting.number).await,
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep_until(until) => break,
                () = self.gate.peer_gone() => {
                    self.room = Room::Waiting(waiting);
                    return self.refuse(String::new());
                }
            }
        }
        let mut text = String::new();
        if waiting.shown.elapsed() >= VISIBLE {
            waiting.shown = Instant::now();
            let seconds = waiting.since.elapsed().as_secs();
            let elapsed = format!("{}:{:02}", seconds / 60, seconds % 60);
            text = self.texts.with("waiting-still", &[("code", &waiting.code), ("elapsed", &elapsed)]);
        }
        self.room = Room::Waiting(waiting);
        self.ask(&text, Vec::new())
    }

    /// Begins the admission; the beats go on until it is over.
    pub(super) fn come_in(&mut self, mut waiting: Waiting, coming: Coming) -> Say {
        // Whether a code is right is not known yet.
        let text = match &coming {
            Coming::Approved(_) => self.texts.with("waiting-connecting", &[("target", &waiting.target)]),
            Coming::Joining { .. } => String::new(),
        };
        let (done, outcome) = oneshot::channel();
        let (asker, questions) = mpsc::channel(1);
        let (site, client, texts) = (self.site.clone(), self.client.clone(), self.texts.clone());
        tokio::spawn(admission::admit(site, client, coming, texts, asker, done));
        waiting.admission = Some(Admitting { outcome, questions });
        self.room = Room::Waiting(waiting);
        self.ask(&text, Vec::new())
    }

    /// A target asks the technician something: behind all of our own questions, each line begun with
    /// whose it is (T21).
    fn target_asks(&mut self, question: Question, waiting: Waiting) -> Say {
        let who = self.texts.with("target-asks", &[("target", &waiting.target)]);
        let prompt = |asked: Asked| (format!("{} ", to_ascii(format!("[{who}] {}", asked.line).trim())), asked.shown);
        let prompts = question.asked.into_iter().map(prompt).collect();
        let text = self.texts.with("target-asks-notice", &[("target", &waiting.target)]);
        self.room = Room::Asked { waiting, answer: question.answer };
        self.ask(&fold(&text), prompts)
    }

    fn came_in(&mut self, outcome: Result<Admitted, AdmissionError>) -> Say {
        match outcome {
            Ok(admitted) => {
                let now = self.site.clock.now();
                let until = self.texts.when(admitted.until, now);
                self.room = Room::Welcome(Box::new(admitted));
                if self.manners() == Manners::Silent {
                    return Say::Accept;
                }
                self.ask(&self.texts.with("approved", &[("until", &until)]), Vec::new())
            }
            Err(AdmissionError::Target { target, text }) => {
                let why = self.texts.text(text);
                self.goodbye("refused-target", &[("target", target.as_str()), ("why", &why)])
            }
            Err(AdmissionError::Ended(cause)) => {
                let reason = self.texts.end(&cause);
                self.goodbye("notice-ended", &[("reason", &reason)])
            }
            Err(AdmissionError::Denied(denial)) => {
                let reason = self.texts.denial(&denial, self.site.clock.now());
                self.goodbye("denied", &[("reason", &reason)])
            }
            Err(AdmissionError::NotJoined(number, why)) => self.not_joined(number, &why),
            Err(AdmissionError::Shut(why)) => self.goodbye(why, &[]),
            Err(AdmissionError::Internal) => self.goodbye("refused-internal", &[]),
        }
    }

    /// Says why nothing comes of an intervention any more.
    pub(super) async fn is_over(&mut self, number: InterventionNumber) -> Say {
        match self.site.registrar.state_of(number).await {
            Err(gone) => self.journal_gone(gone),
            Ok(Some((InterventionState::Refused, _))) => self.was_refused(number).await,
            Ok(Some((InterventionState::Expired, _))) => self.goodbye("refused-expired", &[]),
            Ok(_) => self.goodbye("refused-withdrawn", &[]),
        }
    }

    async fn was_refused(&mut self, number: InterventionNumber) -> Say {
        let refused = self
            .site
            .registrar
            .view(move |core, _| core.register.interventions.get(&number).and_then(|one| one.refused.clone()))
            .await;
        match refused {
            Ok(Some((Some(_), reason))) => self.goodbye("refused-by-staff", &[("reason", &reason)]),
            Ok(_) => self.goodbye("refused-codes", &[]),
            Err(gone) => self.journal_gone(gone),
        }
    }
}

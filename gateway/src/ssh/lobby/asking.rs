//! A request: reason and ticket, the summary with the code to read out, and Enter that sends it.

use super::texts::{fold, shorten};
use super::waiting::Waiting;
use super::{Known, Lobby, Room, Say, TRIES};
use crate::entropy;
use crate::limits::{Limit, Source};
use crate::registrar::Core;
use jiff::Timestamp;
use lifecycle::{Command, Event, InterventionNumber, Refusal, RequestFacts};
use policy::TargetId;

impl Lobby {
    /// Says at once what is not possible, with the next opening, before anything is asked for.
    pub(super) async fn ask_reason_on_demand(&mut self, known: Known, target: TargetId) -> Say {
        let Ok(account) = self.asked_account() else { return self.goodbye("denial-account-not-allowed", &[]) };
        let (source, asked, who) = (self.source, target.clone(), known.account.clone());
        let judged = self
            .site
            .registrar
            .act(move |core, at| match core.register.judge(&core.rules, &who, &asked, account, source, at) {
                Ok(_) => (Vec::new(), (at, None)),
                Err((denial, because)) => {
                    let technician = core.register.accounts.get(&who).map(|account| account.login.clone());
                    let event = technician.map(|technician| Event::RequestDenied {
                        account: who.clone(),
                        technician,
                        source,
                        target: asked.to_string(),
                        denial: denial.clone(),
                        because,
                    });
                    (event.into_iter().collect(), (at, Some(denial)))
                }
            })
            .await;
        match judged {
            Err(gone) => self.journal_gone(gone),
            Ok((now, Some(denial))) => {
                let reason = format!("{target}: {}", self.texts.denial(&denial, now));
                self.goodbye("denied", &[("reason", &reason)])
            }
            Ok((_, None)) => self.reason_prompts(known, target, 0),
        }
    }

    fn reason_prompts(&mut self, known: Known, target: TargetId, tries: u8) -> Say {
        let instructions = if tries == 0 { String::new() } else { self.texts.text("reason-again") };
        self.room = Room::Reason { known, target, tries };
        self.ask(&instructions, vec![(self.prompt("prompt-reason"), true), (self.prompt("prompt-ticket"), true)])
    }

    pub(super) async fn reasoned(&mut self, known: Known, target: TargetId, tries: u8, answers: &[String]) -> Say {
        let written = |n: usize| answers.get(n).map(|text| shorten(text)).unwrap_or_default();
        let (reason, ticket) = (written(0), written(1));
        if reason.is_empty() {
            return if tries + 1 < TRIES {
                self.reason_prompts(known, target, tries + 1)
            } else {
                self.goodbye("reason-again", &[])
            };
        }
        let ticket = if ticket.is_empty() { "-".to_owned() } else { ticket };
        let Ok(code) = entropy::readable_code(4) else { return self.goodbye("refused-internal", &[]) };
        let facts = RequestFacts {
            account: known.account.clone(),
            target: target.clone(),
            login: self.asked_account().unwrap_or(None),
            source: self.source,
            reason: reason.clone(),
            ticket: ticket.clone(),
            notice: self.notice_digest(),
        };
        match self.site.registrar.request(facts.clone(), code.clone()).await {
            Err(gone) => self.journal_gone(gone),
            Ok(Err(refusal)) => self.request_refused(refusal, facts).await,
            Ok(Ok(number)) => self.summarise(number, code, &known, target, &reason, &ticket).await,
        }
    }

    async fn summarise(
        &mut self,
        number: InterventionNumber,
        code: String,
        known: &Known,
        target: TargetId,
        reason: &str,
        ticket: &str,
    ) -> Say {
        let asked = self
            .site
            .registrar
            .view(move |core, _| core.register.interventions.get(&number).map(|one| one.asked.clone()))
            .await;
        let (account, supervised) = match asked {
            Ok(Some(asked)) => (asked.login.to_string(), asked.supervision == policy::Supervision::Required),
            _ => (String::new(), false),
        };
        let shown = number.to_string();
        let mut lines = vec![
            self.texts.with(
                "summary",
                &[("number", &shown), ("name", &known.name), ("target", target.as_str()), ("account", &account)],
            ),
            format!("  {}", self.texts.with("summary-reason", &[("reason", reason), ("ticket", ticket)])),
        ];
        if supervised {
            lines.push(self.texts.text("summary-supervised"));
        }
        let instructions = fold(&lines.join("\n"));
        let prompt = self.prompt_with("prompt-send", &[("code", &code)]);
        self.room = Room::Send { number, code, target: target.to_string() };
        self.ask(&instructions, vec![(prompt, true)])
    }

    async fn request_refused(&mut self, refusal: Refusal, facts: RequestFacts) -> Say {
        let now = self.site.clock.now();
        let why = refusal.to_string();
        let event = move |core: &mut Core, _: Timestamp| {
            let technician = core.register.accounts.get(&facts.account).map(|account| account.login.clone());
            let event = technician.map(|technician| Event::RequestRefused {
                account: facts.account.clone(),
                technician,
                source: facts.source,
                target: facts.target.clone(),
                why,
            });
            (event.into_iter().collect(), ())
        };
        let _ = self.site.registrar.act(event).await;
        if refusal == Refusal::Crowded {
            let source = Source::of(self.source.ip(), &self.site.config().limits);
            self.site.limits.reached(Limit::Interventions, Some(source), now);
        }
        match refusal {
            Refusal::Busy(number) => self.goodbye("refused-busy", &[("number", &number.to_string())]),
            Refusal::Crowded => self.goodbye("refused-crowded", &[]),
            Refusal::CoolingDown(until) => {
                let until = self.texts.when(until, now);
                self.goodbye("refused-cooling", &[("until", &until)])
            }
            Refusal::Denied(denial) => {
                let reason = self.texts.denial(&denial, now);
                self.goodbye("denied", &[("reason", &reason)])
            }
            _ => self.goodbye("refused-internal", &[]),
        }
    }

    pub(super) async fn send(&mut self, number: InterventionNumber, code: String, target: String) -> Say {
        match self.site.registrar.command(Command::Submit { number }).await {
            Err(gone) => return self.journal_gone(gone),
            Ok(Err(_)) => return self.is_over(number).await,
            Ok(Ok(())) => {}
        }
        let now = self.site.clock.now();
        let time = self.texts.when(now, now);
        let lines = format!(
            "{}\n{}",
            self.texts.with("waiting-sent", &[("time", &time)]),
            self.texts.with("waiting-sent-code", &[("code", &code)])
        );
        self.room = Room::Waiting(Waiting::begun(number, code, target));
        self.ask(&lines, Vec::new())
    }
}

//! What the hospital opened in advance, taken up with its code (D7).

use super::texts::fold;
use super::waiting::Waiting;
use super::{Known, Lobby, Room, Say};
use crate::invitation::PlannedCode;
use crate::registrar::Core;
use crate::site::planned_document;
use jiff::Timestamp;
use lifecycle::{EndCause, Event, InterventionNumber, Refusal};
use policy::TargetId;

impl Lobby {
    /// What the hospital opened in advance for this technician and target, if it is open now, is taken
    /// up with its code; whoever has none asks as everybody does (D7).
    pub(super) async fn ask_planned_code(&mut self, known: Known, target: TargetId) -> Say {
        let Ok(account) = self.asked_account() else { return self.goodbye("denial-account-not-allowed", &[]) };
        if self.is_barred(&target) {
            let why = "all access to it is cut".to_owned();
            let (technician, asked) = (known.account.clone(), target.clone());
            let (source, by_name) = (self.source, asked.to_string());
            let act = move |core: &mut Core, _: Timestamp| {
                let technician = core.register.accounts.get(&technician).map(|one| (one.id.clone(), one.login.clone()));
                let event = technician.map(|(account, technician)| Event::RequestRefused {
                    account,
                    technician,
                    source,
                    target: asked,
                    why,
                });
                (event.into_iter().collect(), ())
            };
            let _ = self.site.registrar.act(act).await;
            let reason = format!("{by_name}: {}", self.texts.end(&EndCause::Lockdown));
            return self.goodbye("denied", &[("reason", &reason)]);
        }
        let (who, wanted) = (known.account.clone(), target.clone());
        let planned = self
            .site
            .registrar
            .view(move |core, at| {
                core.register
                    .planned_for(&who, &wanted, account.as_ref(), at)
                    .map(|one| (one.number, one.asked.ticket.clone()))
            })
            .await;
        match planned {
            Err(gone) => self.journal_gone(gone),
            Ok(None) => self.ask_reason_on_demand(known, target).await,
            Ok(Some((number, ticket))) => {
                let shown = number.to_string();
                let text =
                    self.texts.with("planned", &[("number", &shown), ("target", target.as_str()), ("ticket", &ticket)]);
                self.room = Room::Planned { known, target, number };
                self.ask(&fold(&text), vec![(self.prompt("prompt-planned"), true)])
            }
        }
    }

    /// Whether a lockdown that is lifted in stages still holds this target.
    fn is_barred(&self, target: &TargetId) -> bool {
        let config = self.site.config();
        let groups = config.targets.get(target).map(|target| target.rules.approvers.clone());
        self.site.lockdown.is_on() && self.site.lockdown.bars(&groups.unwrap_or_default())
    }

    pub(super) async fn planned(
        &mut self,
        known: Known,
        target: TargetId,
        number: InterventionNumber,
        typed: &str,
    ) -> Say {
        if typed.trim().is_empty() {
            return self.ask_reason_on_demand(known, target).await;
        }
        let generation = self.site.registrar.view(move |core, _| {
            core.register.interventions.get(&number).and_then(|one| one.plan.as_ref()).and_then(|plan| plan.secret)
        });
        let generation = match generation.await {
            Ok(generation) => generation.unwrap_or_default(),
            Err(gone) => return self.journal_gone(gone),
        };
        let held = self.site.vault.get::<PlannedCode>(&planned_document(number), generation);
        let code_fits = held.is_ok_and(|held| held.fits(typed));
        let arriving =
            self.site.registrar.arrive(number, self.source, code_fits.then_some(typed), self.notice_digest());
        match arriving.await {
            Err(gone) => self.journal_gone(gone),
            Ok(Ok(())) => {
                tracing::info!(%number, "the technician of a planned intervention has arrived");
                self.wait(Waiting::begun(number, String::new(), target.to_string())).await
            }
            Ok(Err(Refusal::WrongPlannedCode(left))) => self.goodbye("planned-wrong", &[("left", &left.to_string())]),
            Ok(Err(Refusal::Busy(number))) => self.goodbye("refused-busy", &[("number", &number.to_string())]),
            Ok(Err(Refusal::Denied(denial))) => {
                let reason = self.texts.denial(&denial, self.site.clock.now());
                self.goodbye("denied", &[("reason", &reason)])
            }
            Ok(Err(_)) => self.goodbye("refused-withdrawn", &[]),
        }
    }
}

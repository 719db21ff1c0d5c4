//! A further connection of a technician whose intervention is open: its code instead of a request (D9).

use super::texts::fold;
use super::waiting::Waiting;
use super::{Known, Lobby, Room, Say};
use crate::admission::Coming;
use lifecycle::{InterventionNumber, JoinFacts, JoinRefusal};
use policy::TargetId;

/// What stands in the way of asking for the code.
type Open = Option<(InterventionNumber, bool, Result<(), JoinRefusal>)>;

impl Lobby {
    /// Where an intervention of this technician is open, this connection joins it or comes in not at
    /// all: one at a time (IDM-18). Else it asks as everybody does.
    pub(super) async fn join_or_ask(&mut self, known: Known, target: TargetId) -> Say {
        let Ok(login) = self.asked_account() else { return self.goodbye("denial-account-not-allowed", &[]) };
        let facts = JoinFacts { account: known.account.clone(), target: target.clone(), login, source: self.source };
        let asked = facts.clone();
        let open = self.site.registrar.act(move |core, at| {
            let register = &core.register;
            let Some(one) = register.open_of(&asked.account) else { return (Vec::new(), Open::None) };
            let (number, planned) = (one.number, one.plan.is_some());
            let may = register.may_join(&core.rules, number, &asked, at);
            let refused = may.as_ref().err().map(|why| register.join_refused(number, &asked, why.clone()));
            (refused.into_iter().collect(), Some((number, planned, may)))
        });
        match open.await {
            Err(gone) => self.journal_gone(gone),
            Ok(None) => self.ask_planned_code(known, target).await,
            Ok(Some((number, _, Err(why)))) => self.not_joined(number, &why),
            Ok(Some((number, planned, Ok(())))) => {
                let shown = number.to_string();
                let key = if planned { "join-planned" } else { "join" };
                let text = self.texts.with(key, &[("number", &shown), ("target", target.as_str())]);
                let prompt = self.prompt_with("prompt-join", &[("number", &shown)]);
                self.room = Room::Joining { number, facts };
                self.ask(&fold(&text), vec![(prompt, true)])
            }
        }
    }

    /// Takes the code. It is judged together with all else, in the moment in which it lets somebody in.
    pub(super) fn join(&mut self, number: InterventionNumber, facts: JoinFacts, typed: &str) -> Say {
        if typed.trim().is_empty() {
            // A program that sends empty answers uses up no try.
            return self.goodbye("refused-busy", &[("number", &number.to_string())]);
        }
        let waiting = Waiting::begun(number, String::new(), facts.target.to_string());
        self.come_in(waiting, Coming::Joining { number, facts, typed: typed.to_owned() })
    }

    /// Why it does not join, in words.
    pub(super) fn not_joined(&mut self, number: InterventionNumber, why: &JoinRefusal) -> Say {
        let key = match why {
            JoinRefusal::Over => "join-over",
            JoinRefusal::OtherSource => "join-other-source",
            JoinRefusal::OtherTarget => "join-other-target",
            JoinRefusal::OtherLogin => "join-other-login",
            JoinRefusal::PerSession => "join-per-session",
            JoinRefusal::Closed => "join-closed",
            JoinRefusal::Full => "join-full",
            JoinRefusal::Frozen => "join-frozen",
            JoinRefusal::Unwatched => "join-unwatched",
            JoinRefusal::WrongCode(left) => {
                return self.goodbye("join-wrong", &[("number", &number.to_string()), ("left", &left.to_string())]);
            }
            JoinRefusal::Denied(denial) => {
                let reason = self.texts.denial(denial, self.site.clock.now());
                return self.goodbye("denied", &[("reason", &reason)]);
            }
        };
        self.goodbye(key, &[("number", &number.to_string())])
    }
}

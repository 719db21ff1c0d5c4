//! Password and code, judged together (D1): a technician, an invitation, or nobody.

use super::texts::shorten;
use super::{Known, Lobby, Room, Say};
use crate::enrolment::Enrolling;
use crate::invitation::Invitation;
use crate::limits::{Caller, Limit, Rank, Reason, Source};
use crate::registrar::JournalGone;
use crate::site::{invitation_document, technician_document};
use crate::texts::Texts;
use crate::vault::PersonSecrets;
use lifecycle::{AccountId, Attempt, Event, FactorsRequired, Judged};
use policy::TechnicianLogin;
use std::time::Duration;
use tokio::time::Instant;

/// Every refused login takes this long at least, counted from the code (D1, IDM-10): above what
/// judging takes.
const FLOOR: Duration = Duration::from_millis(1500);
/// Where judging takes longer, because many wait, the answer comes with the next of these: what is journalled
/// of some and not of others does not show behind a queue either.
const STEP: Duration = Duration::from_millis(500);

/// So much time, and what is missing to a whole step.
fn whole_steps(took: Duration) -> Duration {
    let steps = took.as_millis().div_ceil(STEP.as_millis());
    STEP.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

/// What came of password and code.
enum Judgement {
    Known(Known),
    Invited(Box<Enrolling>),
    /// Refused, for whatever reason.
    Nobody,
}

impl Lobby {
    /// Judges password and code together, after the second (D1): one path for everybody, one floor
    /// under its duration.
    pub(super) async fn judge(&mut self, password: String, code: String) -> Say {
        let begun = Instant::now();
        let config = self.site.config();
        // How an address behaved is known of the address alone, so that it tells nothing of the account (D1).
        let source = Source::of(self.source.ip(), &config.limits);
        let rank = self.site.limits.rank(&config, self.source.ip());
        let known = self.compare((source, rank), password, code).await;
        match known {
            Ok(Judgement::Known(known)) => self.welcome_known(known),
            Ok(Judgement::Invited(enrolling)) => Say::Enrol(enrolling),
            Ok(Judgement::Nobody) | Err(JournalGone) => {
                self.site.limits.charge(&config, source, Reason::WrongFactors);
                let delay = Duration::try_from(config.limits.penalty_delay).unwrap_or_default();
                let floor = if rank == Rank::Ordinary { FLOOR } else { FLOOR + delay };
                tokio::time::sleep_until(begun + floor.max(whole_steps(begun.elapsed()))).await;
                self.room = Room::Goodbye { reason: String::new() };
                self.refuse(self.texts.text("access-denied"))
            }
        }
    }

    async fn compare(
        &mut self,
        (source, rank): (Source, Rank),
        password: String,
        code: String,
    ) -> Result<Judgement, JournalGone> {
        let login = self.login.technician.parse::<TechnicianLogin>().ok();
        let found = self
            .site
            .registrar
            .view(move |core, _| {
                let account = core.register.account(&login?)?;
                let vendor = core.config.vendors.get(&account.vendor);
                let language = vendor.map_or(core.config.site.language, |vendor| vendor.language);
                let required = match vendor {
                    Some(vendor) if !vendor.key => FactorsRequired::PasswordTotp,
                    _ => FactorsRequired::KeyPasswordTotp,
                };
                Some((account.id.clone(), account.identity.name.clone(), account.secret, required, language))
            })
            .await?;
        if let Some((account, .., language)) = &found
            && let Some(enrolling) = self.invited(account.clone(), *language, &password).await?
        {
            return Ok(Judgement::Invited(Box::new(enrolling)));
        }
        let secrets: Option<PersonSecrets> = found
            .as_ref()
            .and_then(|(id, _, generation, ..)| self.site.vault.get(&technician_document(id), *generation).ok());
        let vault_fits = secrets.is_some();
        let at = self.site.clock.now();
        let compared = self.site.comparer.compare(Caller::Source(source, rank), secrets, password, code, at).await;
        let Some((account, name, _, required, language)) = found else {
            if !self.site.registrar.probe(source, shorten(&self.login.technician)).await {
                self.site.limits.reached(Limit::ProbingSources, Some(source), at);
            }
            return Ok(Judgement::Nobody);
        };
        let attempt = Attempt {
            account: account.clone(),
            source: self.source,
            via: self.via,
            password: compared.password,
            code: compared.code,
            keys: self.keys.clone(),
            target: self.login.target.clone(),
            vault_fits,
        };
        let (judged, gathered) = self
            .site
            .registrar
            .act(move |core, at| {
                let (mut events, judged) = core.register.judge_factors(&core.rules, &attempt, required, at);
                events.extend(core.register.suspect_leak(&events, core.config.alarms.leak_window, at));
                let gathered = core.gathers(&attempt, &events, at);
                if gathered {
                    events.clear();
                }
                (events, (judged, gathered))
            })
            .await?;
        if gathered {
            self.site.limits.reached(Limit::AccountEntries, Some(source), at);
        }
        if judged != Judged::Accepted {
            return Ok(Judgement::Nobody);
        }
        let config = self.site.config();
        self.texts = Texts::new(language, config.site.zone.clone());
        Ok(Judgement::Known(Known { account, name }))
    }

    /// Whether the password typed is the code of this account's invitation, good now and from here
    /// (D8). Every other account is judged as ever.
    async fn invited(
        &self,
        account: AccountId,
        language: config::Language,
        typed: &str,
    ) -> Result<Option<Enrolling>, JournalGone> {
        let wanted = account.clone();
        let invitation = self
            .site
            .registrar
            .view(move |core, _| core.register.accounts.get(&wanted).and_then(|one| one.invitation.clone()))
            .await?;
        let Some(invitation) = invitation else { return Ok(None) };
        let held = self.site.vault.get::<Invitation>(&invitation_document(&account), invitation.secret);
        if !held.is_ok_and(|held| held.fits(typed)) {
            return Ok(None);
        }
        let generation = invitation.secret;
        let (source, wanted) = (self.source, account.clone());
        let trusted = self.site.clock.is_trusted();
        let may = self
            .site
            .registrar
            .act(move |core, at| {
                let Some(one) = core.register.accounts.get(&wanted) else { return (Vec::new(), false) };
                let (account, technician) = (one.id.clone(), one.login.clone());
                let vendor = core.rules.vendors.get(&one.vendor);
                let why = match vendor {
                    _ if !trusted => Some("the clock is not trusted"),
                    _ if at >= invitation.until => Some("the invitation has run out"),
                    None => Some("the vendor is not declared"),
                    Some(vendor) if core.register.frozen_vendors.contains_key(&vendor.id) => {
                        Some("the vendor is frozen")
                    }
                    Some(vendor) if !vendor.sources.contain(source.ip()) => Some("not one of the vendor's sources"),
                    Some(_) => None,
                };
                match why {
                    None => (vec![Event::InvitationUsed { account, technician, source }], true),
                    Some(why) => {
                        let why = why.to_owned();
                        (vec![Event::InvitationRefused { account, technician, source, why }], false)
                    }
                }
            })
            .await?;
        let texts = Texts::new(language, self.site.config().site.zone.clone());
        Ok(may.then_some(Enrolling { account, invitation: generation, texts, source }))
    }

    fn welcome_known(&mut self, known: Known) -> Say {
        self.proven = Some(known.account.clone());
        if let Some(why) = self.site.lacks.shut(self.site.clock.as_ref()) {
            return self.goodbye(why, &[]);
        }
        let notice = self.notice();
        self.room = Room::Notice { known };
        self.ask(&notice, vec![(self.prompt("prompt-notice"), true)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_answer_waits_for_a_whole_step() {
        let after = |millis| whole_steps(Duration::from_millis(millis)).as_millis();
        assert_eq!([0, 1, 500, 501, 1999].map(after), [0, 500, 500, 1000, 2000]);
    }
}

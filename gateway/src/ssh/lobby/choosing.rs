//! Which target: the one of the login line, or one of a menu.

use super::{Known, Lobby, Room, Say, TRIES};
use jiff::SignedDuration;
use policy::{TargetAccount, TargetId};

/// An end that lies further ahead is not worth a date in the menu.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Lobby {
    /// The target of the login line, or a menu.
    pub(super) async fn choose(&mut self, known: Known) -> Say {
        if let Some(target) = self.login.target.clone() {
            // The line was judged with the factors: it names a target of the list.
            return match target.parse::<TargetId>() {
                Ok(target) => self.join_or_ask(known, target).await,
                Err(_) => self.goodbye("access-denied", &[]),
            };
        }
        self.menu(known, 0).await
    }

    async fn menu(&mut self, known: Known, tries: u8) -> Say {
        let (account, source) = (known.account.clone(), self.source);
        let listed = self
            .site
            .registrar
            .view(move |core, at| {
                let Some(holder) = core.register.accounts.get(&account) else { return (at, Vec::new()) };
                let mut targets: Vec<TargetId> = core
                    .rules
                    .vendors
                    .get(&holder.vendor)
                    .map(|vendor| vendor.allow.iter().flat_map(|rule| rule.targets.iter().cloned()).collect())
                    .unwrap_or_default();
                targets.sort();
                targets.dedup();
                let judge = |target: TargetId| {
                    let name = core.rules.targets.get(&target).map_or(String::new(), |target| target.name.clone());
                    let planned = core.register.planned_for(&account, &target, None, at);
                    let until = planned.and_then(|one| one.plan.as_ref()).map(|plan| plan.until);
                    let verdict = core.register.judge(&core.rules, &account, &target, None, source, at);
                    let verdict = verdict.map(|(terms, _)| terms.closes_at).map_err(|(denial, _)| denial);
                    (target, name, until.map_or(verdict, Ok))
                };
                (at, targets.into_iter().map(judge).collect::<Vec<_>>())
            })
            .await;
        let (now, listed) = match listed {
            Ok(listed) => listed,
            Err(gone) => return self.journal_gone(gone),
        };
        if listed.is_empty() {
            return self.goodbye("menu-empty", &[]);
        }
        let mut lines = vec![self.texts.text(if tries == 0 { "menu" } else { "menu-again" })];
        for (n, (target, name, open)) in listed.iter().enumerate() {
            let state = match open {
                Ok(until) if until.duration_since(now) > WEEK => self.texts.text("menu-open-long"),
                Ok(until) => self.texts.with("menu-open", &[("until", &self.texts.when(*until, now))]),
                Err(denial) => {
                    self.texts.with("menu-closed", &[("why", self.texts.denial(denial, now).trim_end_matches('.'))])
                }
            };
            lines.push(format!("  {}  {:<16} {}", n + 1, target.as_str(), state));
            if !name.is_empty() {
                lines.push(format!("     {name}"));
            }
        }
        let last = listed.len().to_string();
        self.room = Room::Menu { known, choices: listed.into_iter().map(|(target, ..)| target).collect(), tries };
        self.ask(&lines.join("\n"), vec![(self.prompt_with("prompt-target", &[("last", &last)]), true)])
    }

    pub(super) async fn chosen(&mut self, known: Known, choices: Vec<TargetId>, tries: u8, typed: &str) -> Say {
        let typed = typed.trim();
        let by_number =
            typed.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).and_then(|n| choices.get(n).cloned());
        match by_number.or_else(|| choices.iter().find(|target| target.as_str() == typed).cloned()) {
            Some(target) => self.join_or_ask(known, target).await,
            None if tries + 1 < TRIES => self.menu(known, tries + 1).await,
            None => self.goodbye("menu-again", &[]),
        }
    }

    pub(super) fn asked_account(&self) -> Result<Option<TargetAccount>, ()> {
        self.login.account.as_deref().map(str::parse::<TargetAccount>).transpose().map_err(|_| ())
    }
}

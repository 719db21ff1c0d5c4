//! What the registrar owns: the register with what lives beside it in memory, and what can be asked of both.

use crate::invitation::plain;
use crate::limits::{Gathered, Source};
use config::Config;
use jiff::Timestamp;
use lifecycle::{AccountId, Attempt, Command, Decided, Event, InterventionNumber, InterventionState, Register, decide};
use policy::PolicySet;
use std::collections::HashMap;
use std::sync::Arc;

/// What the registrar owns.
pub struct Core {
    /// The fold.
    pub register: Register,
    /// The configuration in force.
    pub config: Arc<Config>,
    /// Its rules, with the targets withdrawn whose quorum cannot be met.
    pub rules: PolicySet,
    codes: HashMap<InterventionNumber, String>,
    gathered: Gathered,
}

impl Core {
    pub(super) fn new(register: Register, config: Arc<Config>) -> Self {
        let rules = config.rules(Default::default());
        let mut core = Self { register, config, rules, codes: HashMap::new(), gathered: Gathered::default() };
        core.renew_rules();
        core
    }

    fn renew_rules(&mut self) {
        let all = self.config.rules(Default::default());
        let withdrawn = self.register.unattended(&all);
        self.rules = PolicySet { withdrawn, ..all };
    }

    pub(super) fn apply(&mut self, at: Timestamp, event: &Event) {
        self.register.apply(at, event);
        match event {
            event if event.changes_staff() => self.renew_rules(),
            _ => {
                if let Some(number) = event.intervention()
                    && self.register.interventions.get(&number).is_some_and(|one| one.state.is_final())
                {
                    self.codes.remove(&number);
                }
            }
        }
    }

    /// What there is to look at, at this instant.
    pub fn known(&self, at: Timestamp) -> console::Known<'_> {
        console::Known { register: &self.register, config: &self.config, rules: &self.rules, at }
    }

    /// Takes a new configuration. The caller journals it in the same act.
    pub fn take_config(&mut self, config: Arc<Config>) {
        self.config = config;
        self.renew_rules();
    }

    /// Decides a command.
    pub fn decide(&self, command: Command, at: Timestamp) -> Decided {
        decide(&self.register, &self.rules, command, at)
    }

    /// Whether as many requests wait as may, over all vendors or of this account's (T19).
    pub(super) fn is_crowded(&self, account: &AccountId) -> bool {
        let limits = &self.config.limits;
        let vendor = self.register.accounts.get(account).map(|account| &account.vendor);
        let waits =
            |state: &InterventionState| matches!(state, InterventionState::Prepared | InterventionState::Requested);
        let waiting = self.register.current().filter(|one| waits(&one.state));
        let (mut all, mut own) = (0_u32, 0_u32);
        for one in waiting {
            all += 1;
            own += u32::from(Some(&one.asked.vendor) == vendor);
        }
        all >= limits.interventions || own >= limits.interventions_per_vendor
    }

    /// Whether a judged try goes with others of its minute into one entry, and has none of its own: so it is
    /// beyond the first twenty of one source with one account, as long as it changes nothing and alarms
    /// nobody anew (T19).
    pub fn gathers(&mut self, attempt: &Attempt, events: &[Event], at: Timestamp) -> bool {
        let idle = |event: &Event| match event {
            Event::FactorsRefused { counts, step, .. } => !counts && step.is_none(),
            Event::AccountAlert { .. } => true,
            _ => false,
        };
        // What makes an alert has its entry, however great the flood is: one an account waits at a time.
        if !events.iter().all(idle) || events.iter().any(|event| self.register.alert_for(event).is_some()) {
            return false;
        }
        let source = Source::of(attempt.source.ip(), &self.config.limits);
        if self.gathered.has_own_entry(&attempt.account, source) {
            return false;
        }
        let login = self.register.accounts.get(&attempt.account).map(|account| account.login.to_string());
        self.gathered.count(source, login.unwrap_or_default(), at);
        true
    }

    /// Whether this is the intervention's code: the one that its technician was shown to read out, or
    /// the planned one that they typed. Compared without regard to case; it lives in memory only, until
    /// the intervention is over (D5, D9).
    pub fn code_fits(&self, number: InterventionNumber, typed: &str) -> bool {
        let typed = plain(typed);
        self.codes.get(&number).is_some_and(|code| {
            aws_lc_rs::constant_time::verify_slices_are_equal(code.as_bytes(), typed.as_bytes()).is_ok()
        })
    }

    /// Remembers an intervention's code until it is over.
    pub(super) fn remember(&mut self, number: InterventionNumber, code: String) {
        self.codes.insert(number, code);
    }

    /// Counts a try with an unknown login into its minute. `false`: it shares an entry with other sources.
    pub(super) fn count_probe(&mut self, source: Source, login: String, at: Timestamp) -> bool {
        self.gathered.count(source, login, at)
    }

    /// The entries of the minute's gathered tries.
    pub(super) fn take_gathered(&mut self) -> Vec<Event> {
        self.gathered.take()
    }
}

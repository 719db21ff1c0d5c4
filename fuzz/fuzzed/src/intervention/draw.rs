//! What comes next: a step out of a few bytes.

use super::World;
use super::rules::id;
use crate::draws::Draws;
use jiff::{SignedDuration, Timestamp};
use lifecycle::{
    AccountId, AccountState, Actor, Attempt, CodeCheck, Command, EndCause, Event, ExportScope, FactorsRequired,
    FreezeCause, Identity, InterventionNumber, InterventionState, JoinFacts, JoinRefusal, Judged, PlanFacts, Register,
    RequestFacts, Role, SessionId, StaffAttempt, StaffState, TokenId, WithdrawCause,
};
use policy::{Asked, CalendarId, GroupId, Right, Rights, StaffLogin, TargetId, TechnicianLogin, Verified};
use std::collections::BTreeSet;
use std::net::SocketAddr;

const TECHNICIANS: [&str; 4] = ["alice", "bruno", "chloe", "dora"];
/// `eva` is of a vendor's domain, `hugo` is `alice` as a human being, `omar` is of another group; `marc` and
/// `lea` are not there yet, and `marc` has somebody's address.
const STAFF: [&str; 9] = ["claire", "paul", "nadia", "sophie", "eva", "hugo", "omar", "marc", "lea"];
const VENDORS: [&str; 3] = ["imagix", "medix", "nobody"];
const TARGETS: [&str; 6] = ["scanner", "lab", "broken", "empty", "other", "ghost"];
const SOURCES: [&str; 3] = ["203.0.113.7:1", "203.0.113.8:1", "198.51.100.1:1"];
/// Seconds: within a code's window, a lapse, an hour, a night, a week, the end of a contract.
const PASSING: [i64; 12] = [1, 5, 20, 60, 200, 700, 3600, 3600, 50_400, 86_400, 604_800, 16_000_000];

impl World {
    /// A month after the first accounts were made, so that their factors are no longer young.
    pub(super) fn begun() -> World {
        let mut world = World {
            register: Register::default(),
            rules: super::rules::rules(),
            now: -30 * 86_400,
            step: 1000,
            made: 1,
            history: Vec::new(),
            promised: Default::default(),
            reached: Default::default(),
        };
        for (login, vendor) in TECHNICIANS.iter().zip(["imagix", "imagix", "medix"]) {
            let (account, secret) = (AccountId::from_random(world.fresh()), world.made);
            let (identity, by) = (person(login, vendor), Actor::Root(0));
            let (technician, vendor, proofing) = (id(login), id(vendor), "seen".to_owned());
            let keys = Vec::new();
            let add = Command::AddTechnician { account, technician, vendor, identity, proofing, keys, secret, by };
            assert_eq!(world.carry_out(add), None);
        }
        for (login, roles) in STAFF.iter().zip([
            [Role::Approver, Role::Operator],
            [Role::Approver, Role::Approver],
            [Role::Operator, Role::Operator],
            [Role::Security, Role::Auditor],
            [Role::Approver, Role::Approver],
            [Role::Approver, Role::Approver],
            [Role::Approver, Role::Approver],
        ]) {
            world.made += 1;
            let (staff, identity, secret, by) = (id(login), colleague(login), world.made, Actor::Root(0));
            let group = id(if *login == "omar" { "informatique" } else { "radiologie" });
            let (roles, groups) = (BTreeSet::from(roles), BTreeSet::from([group]));
            assert_eq!(world.carry_out(Command::AddStaff { staff, identity, roles, groups, secret, by }), None);
        }
        world.now = 0;
        world
    }

    fn fresh(&mut self) -> [u8; 8] {
        self.made += 1;
        self.made.to_be_bytes()
    }

    /// One step, whatever it is.
    pub(super) fn step(&mut self, draws: &mut Draws<'_>) {
        match draws.byte() % 21 {
            0..=2 => self.ask(draws),
            3..=6 => self.on_with_it(draws),
            7 | 8 => self.admit_or_join(draws),
            9 => self.plan(draws),
            10 => self.end_something(draws),
            11 => self.use_right(draws),
            12 => self.try_factors(draws),
            13 => self.people(draws),
            14 => self.accounts(draws),
            15 => self.tokens(draws),
            16 => self.rest(draws),
            17 | 18 => self.wild(draws),
            _ => self.pass(draws),
        }
    }

    /// Mostly a little time, and out of hours often on to the next morning.
    fn pass(&mut self, draws: &mut Draws<'_>) {
        let calendar = &self.rules.calendars[&id::<CalendarId>("office")];
        match calendar.next_opening(self.at()) {
            Some(opening) if !calendar.is_open(self.at()) && draws.rarely(2) => {
                self.now += opening.duration_since(self.at()).as_secs() + 60;
            }
            _ => self.now += PASSING[usize::from(draws.byte().min(draws.byte())) * PASSING.len() / 256],
        }
    }

    fn attempt(&mut self, draws: &mut Draws<'_>, who: &str) -> StaffAttempt {
        self.step += 1;
        let (password, code) = match draws.byte() % 24 {
            0 => (false, CodeCheck::Fits(self.step)),
            1 => (true, CodeCheck::Wrong),
            2 => (true, CodeCheck::Fits(self.step - 1)),
            3 => (false, CodeCheck::Malformed),
            _ => (true, CodeCheck::Fits(self.step)),
        };
        StaffAttempt { staff: id(who), password, code, source: None }
    }

    /// Mostly somebody who may approve.
    fn approver(draws: &mut Draws<'_>) -> &'static str {
        if draws.rarely(6) { draws.one(&STAFF) } else { draws.one(&["claire", "paul"]) }
    }

    fn one(&self, draws: &mut Draws<'_>, fits: impl Fn(&InterventionState) -> bool) -> Option<InterventionNumber> {
        let all: Vec<_> = self.register.current().filter(|one| fits(&one.state)).map(|one| one.number).collect();
        (!all.is_empty()).then(|| draws.one(&all))
    }

    fn account(&self, login: &str) -> AccountId {
        self.register.account(&id(login)).map_or_else(|| AccountId::from_random([0; 8]), |one| one.id.clone())
    }

    fn ask(&mut self, draws: &mut Draws<'_>) {
        let who = draws.one(&TECHNICIANS);
        let target = if draws.rarely(5) { draws.one(&TARGETS) } else { draws.one(&["scanner", "lab"]) };
        let facts = RequestFacts {
            account: self.account(who),
            target: id(target),
            login: draws.rarely(8).then(|| id(draws.one(&["root", "guest"]))),
            source: if draws.rarely(8) { id(draws.one(&SOURCES)) } else { id(SOURCES[0]) },
            reason: text(draws, "disk"),
            ticket: "-".into(),
            notice: String::new(),
        };
        let _ = self.carry_out(Command::Request(Box::new(facts)));
        if draws.rarely(3) {
            return;
        }
        if let Some(number) = self.one(draws, |state| *state == InterventionState::Prepared) {
            assert_eq!(self.carry_out(Command::Submit { number }), None);
        }
    }

    /// Approvals, refusals, leaving, lapsing.
    fn on_with_it(&mut self, draws: &mut Draws<'_>) {
        let how = draws.byte() % 16;
        let waits = |state: &InterventionState| state.is_pending() || *state == InterventionState::Planned;
        match how {
            0 => {
                if let Some(number) = self.one(draws, |state| *state == InterventionState::Requested) {
                    let (staff, reason) = (id(Self::approver(draws)), text(draws, "not now"));
                    let _ = self.carry_out(Command::Refuse { number, staff, reason });
                }
            }
            1 => {
                if let Some(number) = self.one(draws, waits) {
                    let cause = draws.one(&[WithdrawCause::Left, WithdrawCause::Staff, WithdrawCause::Restart]);
                    assert_eq!(self.carry_out(Command::Withdraw { number, cause, by: None }), None);
                }
            }
            2 | 3 => {
                let due = |one: &&lifecycle::Intervention| one.lapses_at().is_some_and(|lapse| lapse <= self.at());
                let due: Vec<_> = self.register.current().filter(due).map(|one| one.number).collect();
                for number in due {
                    assert_eq!(self.carry_out(Command::Expire { number }), None);
                }
            }
            _ => self.approve(draws),
        }
    }

    fn approve(&mut self, draws: &mut Draws<'_>) {
        let planned = draws.rarely(4);
        let wanted = if planned { InterventionState::Planned } else { InterventionState::Requested };
        let Some(number) = self.one(draws, |state| *state == wanted) else { return };
        let who = Self::approver(draws);
        let attempt = self.attempt(draws, who);
        let verified = if draws.rarely(6) { Verified::Caller } else { Verified::Called };
        if planned {
            let _ = self.carry_out(Command::ApprovePlanned { number, attempt, verified, on_call: on_call(draws) });
            return;
        }
        let code_fits = !draws.rarely(5);
        let (rights, until) = (narrower(draws), draws.rarely(6).then(|| self.later(draws)));
        let _ = self.carry_out(Command::Approve { number, attempt, code_fits, verified, rights, until });
    }

    /// Now and then a time that is over.
    fn later(&self, draws: &mut Draws<'_>) -> Timestamp {
        let minutes = i64::from(draws.short() % 600) - 30;
        self.at().checked_add(SignedDuration::from_mins(minutes)).unwrap()
    }

    fn session(&mut self) -> SessionId {
        SessionId::from_random(self.fresh())
    }

    fn admit_or_join(&mut self, draws: &mut Draws<'_>) {
        if draws.rarely(2) {
            self.join(draws);
            return;
        }
        let Some(number) = self.one(draws, |state| *state == InterventionState::Approved) else { return };
        self.admit(number);
    }

    fn admit(&mut self, number: InterventionNumber) {
        let session = self.session();
        match self.register.admit(&self.rules, number, session, Default::default(), self.at()) {
            Ok(admission) => {
                let asked = &self.register.interventions[&number].asked;
                assert_eq!((admission.permit.target(), admission.permit.account()), (&asked.target, &asked.login));
                self.take(vec![admission.event]);
            }
            Err(refusal) => self.refused(&refusal),
        }
    }

    fn join(&mut self, draws: &mut Draws<'_>) {
        let Some(number) = self.one(draws, |state| *state == InterventionState::Open) else { return };
        let asked = self.register.interventions[&number].asked.clone();
        let mut facts = JoinFacts {
            account: asked.account,
            target: asked.target,
            login: Some(asked.login),
            source: format!("203.0.113.7:{}", draws.short()).parse().unwrap(),
        };
        match draws.byte() % 12 {
            0 => facts.source = id(SOURCES[1]),
            1 => facts.account = self.account(draws.one(&TECHNICIANS)),
            2 => facts.target = id(draws.one(&TARGETS)),
            3 => facts.login = Some(id("guest")),
            _ => {}
        }
        // Whoever was wrong once is often wrong again: three times closes it.
        let wrong = self.register.interventions[&number].wrong_joins;
        let code_fits = !draws.rarely(if wrong > 0 { 2 } else { 5 });
        self.try_join(number, &facts, code_fits);
        if !code_fits && draws.rarely(2) {
            (0..3).for_each(|_| self.try_join(number, &facts, false));
        }
    }

    fn try_join(&mut self, number: InterventionNumber, facts: &JoinFacts, code_fits: bool) {
        let wrong = self.register.interventions[&number].wrong_joins;
        let (session, at) = (self.session(), self.at());
        let (events, joined) =
            self.register.join(&self.rules, number, facts, code_fits, (session, Default::default()), at);
        self.take(events);
        match joined {
            Ok(admission) => {
                assert!(code_fits && wrong < 3, "it joined without the code");
                let first = self.register.first_of(number).unwrap();
                assert!(admission.permit.until() <= first.until, "longer than the first");
                self.reached.insert("join admitted".to_owned());
            }
            Err(why) => {
                let word = super::word(&why);
                assert!(!matches!(why, JoinRefusal::WrongCode(left) if left != 2 - wrong));
                self.reached.insert(format!("join {word}"));
            }
        }
    }

    fn plan(&mut self, draws: &mut Draws<'_>) {
        if draws.rarely(2) {
            self.go_on_with_plans(draws);
            return;
        }
        let who = Self::approver(draws);
        let attempt = self.attempt(draws, who);
        let emergency = draws.rarely(3);
        let ahead = if emergency || draws.rarely(2) { 0 } else { i64::from(draws.short() % 4000) };
        let from = self.at().checked_add(SignedDuration::from_mins(ahead)).unwrap();
        let longest = if emergency { 130 } else { 500 };
        let until = from.checked_add(SignedDuration::from_mins(i64::from(draws.short() % longest) - 10)).unwrap();
        let (from, until) = match draws.rarely(20) {
            true => (add_days(from, 100), add_days(until, 100)),
            false => (from, until),
        };
        let facts = PlanFacts {
            technician: id(draws.one(&["alice", "alice", "bruno", "chloe", "dora", "zoe"])),
            target: id(if draws.rarely(4) { draws.one(&TARGETS) } else { draws.one(&["scanner", "lab"]) }),
            login: None,
            from,
            until,
            emergency,
            reason: text(draws, "maintenance"),
            ticket: "-".into(),
            verified: if draws.rarely(6) { Verified::Present } else { Verified::Called },
            rights: narrower(draws),
            on_call: on_call(draws),
        };
        if self.carry_out(Command::Plan { attempt, facts: Box::new(facts) }).is_none() && draws.rarely(2) {
            self.take_up(draws);
        }
    }

    /// The technician comes for what was just planned.
    fn take_up(&mut self, draws: &mut Draws<'_>) {
        let Some(number) = self.register.interventions.keys().next_back().copied() else { return };
        let _ = self.carry_out(Command::Arm { number, secret: self.made });
        let (source, code_fits, notice) = (id(SOURCES[0]), !draws.rarely(3), String::new());
        let _ = self.carry_out(Command::Arrive { number, source, code_fits, notice });
        self.admit(number);
        // More time at once: more than an emergency may have, more often than not.
        let who = Self::approver(draws);
        let (attempt, until, on_call) = (self.attempt(draws, who), self.later(draws), on_call(draws));
        let _ = self.carry_out(Command::Extend { number, attempt, verified: Verified::Called, until, on_call });
    }

    /// Armed, taken up, extended, looked back at.
    fn go_on_with_plans(&mut self, draws: &mut Draws<'_>) {
        match draws.byte() % 6 {
            0 => {
                if let Some(number) = self.one(draws, |state| *state == InterventionState::Planned) {
                    let secret = self.made;
                    assert_eq!(self.carry_out(Command::Arm { number, secret }), None);
                }
            }
            1 | 2 => {
                let Some(number) = self.one(draws, |state| *state == InterventionState::Planned) else { return };
                let code_fits = !draws.rarely(3);
                let source: SocketAddr = id(if draws.rarely(6) { draws.one(&SOURCES) } else { SOURCES[0] });
                let notice = String::new();
                let refusal = self.carry_out(Command::Arrive { number, source, code_fits, notice });
                assert!(code_fits || refusal.is_some(), "it arrived without the code");
            }
            3 | 4 => {
                let Some(number) = self.one(draws, |state| *state == InterventionState::Open) else { return };
                // What goes on for an emergency is rare, and has a bound of its own.
                let emergency = self.register.current().find(|one| one.is_emergency() && !one.sessions.is_empty());
                let number = emergency.map_or(number, |one| one.number);
                let who = Self::approver(draws);
                let (attempt, until, on_call) = (self.attempt(draws, who), self.later(draws), on_call(draws));
                let verified = if draws.rarely(6) { Verified::Caller } else { Verified::Called };
                let _ = self.carry_out(Command::Extend { number, attempt, verified, until, on_call });
            }
            _ => {
                let all: Vec<_> = self.register.interventions.values().filter(|one| one.is_emergency()).collect();
                let all: Vec<_> = all.into_iter().map(|one| one.number).collect();
                if !all.is_empty() {
                    let (number, staff) = (draws.one(&all), id(draws.one(&STAFF)));
                    let text = text(draws, "as it should be");
                    let _ = self.carry_out(Command::Review { number, staff, text });
                }
            }
        }
    }

    fn end_something(&mut self, draws: &mut Draws<'_>) {
        let live: Vec<_> = self.register.live().map(|record| (record.id.clone(), record.number)).collect();
        if live.is_empty() {
            if let Some(number) = self.one(draws, |state| *state == InterventionState::Open) {
                let _ = self.carry_out(Command::EndIntervention { number, cause: EndCause::Interrupted });
            }
            return;
        }
        let (session, number) = draws.one(&live);
        match draws.byte() % 6 {
            0 => {
                let by = Actor::Staff(id("claire"));
                let event = match self.register.sessions[&session].frozen.is_some() {
                    true => Event::SessionResumed { session, by },
                    false => Event::SessionFrozen { session, cause: FreezeCause::Staff(id("claire")), reason: None },
                };
                self.take(vec![event]);
            }
            1 => assert_eq!(
                self.carry_out(Command::EndIntervention { number, cause: EndCause::Stopped }),
                None,
                "what still runs is closed by its own end"
            ),
            _ => self.close(&session, number, draws),
        }
    }

    /// The first connection takes the others with it.
    fn close(&mut self, session: &SessionId, number: InterventionNumber, draws: &mut Draws<'_>) {
        let mut going = vec![session.clone()];
        let first = self.register.first_of(number).unwrap().id.clone();
        if *session == first {
            going.extend(self.register.live_of(number).map(|one| one.id.clone()).filter(|one| *one != first));
        }
        let cause = draws.one(&[EndCause::Technician, EndCause::Idle, EndCause::Lockdown]);
        for (n, one) in going.iter().enumerate() {
            let cause = if n == 0 { cause.clone() } else { EndCause::FirstEnded };
            let end = self.register.closing_entry(one, self.at(), cause).unwrap();
            self.take(self.register.close(end, self.at()));
        }
        assert_eq!(self.register.interventions[&number].state.is_final(), *session == first);
    }

    fn use_right(&mut self, draws: &mut Draws<'_>) {
        let all: Vec<_> = self.register.sessions.keys().cloned().collect();
        if all.is_empty() {
            return;
        }
        let asked = draws.one(&[Asked::Shell, Asked::Sftp, Asked::Forward(id("10.0.0.1:22")), Asked::Jump]);
        let session = draws.one(&all);
        match self.register.may(&self.rules, &session, &asked, self.at()) {
            Ok(permit) => {
                assert!(self.register.sessions[&session].end.is_none(), "a verb of a session that is over");
                assert!(asked.allowed_by(permit.rights()).is_ok());
            }
            Err(refusal) => self.refused(&refusal),
        }
    }

    fn try_factors(&mut self, draws: &mut Draws<'_>) {
        self.step += 1;
        let login = draws.one(&TECHNICIANS);
        let required = draws.one(&[FactorsRequired::PasswordTotp, FactorsRequired::KeyPasswordTotp]);
        let attempt = Attempt {
            account: self.account(login),
            source: id(draws.one(&SOURCES)),
            via: None,
            password: !draws.rarely(3),
            code: draws.one(&[
                CodeCheck::Fits(self.step),
                CodeCheck::Fits(self.step),
                CodeCheck::Fits(self.step - 1),
                CodeCheck::Wrong,
                CodeCheck::Malformed,
            ]),
            keys: vec!["SHA256:0".to_owned()],
            target: draws.rarely(4).then(|| draws.one(&TARGETS).to_owned()),
            vault_fits: !draws.rarely(16),
        };
        let locked = self.register.accounts.get(&attempt.account).is_some_and(|one| one.guard.is_locked(self.at()));
        let (events, judged) = self.register.judge_factors(&self.rules, &attempt, required, self.at());
        match judged {
            Judged::Accepted => {
                let account = &self.register.accounts[&attempt.account];
                assert!(attempt.password && matches!(attempt.code, CodeCheck::Fits(_)), "promise 8: one factor");
                assert!(account.state == AccountState::Active && !locked && attempt.vault_fits);
                assert!(required == FactorsRequired::PasswordTotp || account.keys.contains(&attempt.keys[0]));
                self.reached.insert("factors accepted".to_owned());
            }
            Judged::Refused(cause) => {
                self.reached.insert(format!("factors {}", super::word(&cause)));
            }
        }
        self.take(events);
    }

    /// Staff: added, invited, enrolled, changed, disabled.
    fn people(&mut self, draws: &mut Draws<'_>) {
        let login = draws.one(&STAFF);
        let (staff, identity, by) = (id::<StaffLogin>(login), colleague(login), actor(draws));
        let roles = if draws.rarely(6) { BTreeSet::new() } else { BTreeSet::from([draws.one(&ROLES)]) };
        let groups: BTreeSet<GroupId> = match draws.byte() % 4 {
            0 => BTreeSet::new(),
            1 => BTreeSet::from([id("informatique")]),
            _ => BTreeSet::from([id("radiologie")]),
        };
        // Somebody types wrong codes until they are locked.
        for _ in 0..if draws.rarely(8) { 7 } else { 0 } {
            let attempt = StaffAttempt { staff: staff.clone(), password: true, code: CodeCheck::Wrong, source: None };
            let _ = self.carry_out(Command::Prove { attempt, purpose: "sign in".into() });
        }
        let reason = text(draws, "said so");
        let secret = u64::from_be_bytes(self.fresh());
        let invitation = self.register.staff.get(&staff).and_then(|one| one.invitation.clone());
        let command = match draws.byte() % 10 {
            0 => Command::AddStaff { staff, identity, roles, groups, secret, by },
            1 => Command::InviteStaff { staff, identity, roles, groups, invitation: secret, by },
            2 => Command::ResetStaff { staff, reason, invitation: secret, by },
            3 | 4 => {
                let invitation = invitation.map_or(0, |one| one.secret);
                Command::EnrolStaff { staff, invitation, secret, source: [10, 0, 0, 1].into() }
            }
            5 => Command::ChangeStaff { staff, roles, groups, reason, by },
            6 => Command::UnlockStaff { staff, by },
            7 => Command::ChooseLanguage { staff, language: draws.one(&["fr", "en", "xx"]).to_owned() },
            8 if draws.rarely(3) => Command::DisableStaff { staff, reason, by },
            _ => Command::Prove { attempt: self.attempt(draws, login), purpose: "sign in".into() },
        };
        let _ = self.carry_out(command);
        if let Some(one) = self.register.staff.get(&id::<StaffLogin>(login)) {
            self.reached.insert(format!("staff {}", one.state.word()));
            assert!(one.state != StaffState::Active || one.secret != 0, "active without factors");
        }
    }

    /// Technicians: invited, enrolled, activated, reset, disabled; their keys; their companies.
    fn accounts(&mut self, draws: &mut Draws<'_>) {
        if draws.rarely(2) {
            return self.bring_back(draws);
        }
        let login = draws.one(&["alice", "bruno", "chloe", "dora", "dora", "support", "zoe"]);
        let vendor = draws.one(&VENDORS);
        let (technician, by, reason) = (id(login), actor(draws), text(draws, "said so"));
        let secret = u64::from_be_bytes(self.fresh());
        let (account, known) = (AccountId::from_random(self.fresh()), self.register.account(&id(login)).cloned());
        // Now and then one that was struck with all credentials of a company, or that somebody has.
        let struck: Vec<String> = self.register.struck_keys.iter().cloned().collect();
        let taken: Vec<String> = self.register.accounts.values().flat_map(|one| one.keys.iter().cloned()).collect();
        let key = match draws.byte() % 4 {
            0 if !struck.is_empty() => draws.one(&struck),
            1 if !taken.is_empty() => draws.one(&taken),
            _ => format!("SHA256:{}", draws.byte() % 10),
        };
        let command = match draws.byte() % 14 {
            0 | 1 => Command::InviteTechnician {
                account,
                technician,
                vendor: id(vendor),
                identity: person(draws.one(&["dora", login]), vendor),
                proofing: reason,
                keys: Vec::new(),
                invitation: secret,
                by,
            },
            2 => Command::ResetTechnician { technician, reason, invitation: secret, enable: draws.rarely(2), by },
            3 | 4 => {
                let invitation = known.as_ref().and_then(|one| one.invitation.as_ref()).map_or(0, |one| one.secret);
                let account = known.map_or(account, |one| one.id);
                let (source, charter) = (id(SOURCES[0]), String::new());
                Command::Enrol { account, invitation, source, charter, secret }
            }
            5..=7 => {
                let secret = known.map_or(0, |one| one.secret);
                Command::Activate { technician, secret, word_fits: !draws.rarely(2), by }
            }
            8 => Command::AddKey { technician, key, by },
            9 => Command::RemoveKey { technician, key, by },
            10 if draws.rarely(2) => Command::DisableTechnician { technician, reason, by },
            11 => Command::UnlockTechnician { technician, by },
            12 => Command::FreezeVendor { vendor: id(vendor), reason, by },
            _ => Command::ThawVendor { vendor: id(vendor), reason, by },
        };
        let _ = self.carry_out(command);
        if draws.rarely(12) {
            for n in 0..10 {
                let key = format!("SHA256:many{n}{}", self.made);
                let _ = self.carry_out(Command::AddKey { technician: id(login), key, by: Actor::Root(0) });
            }
        }
    }

    /// The whole way of somebody who cannot come any more, but for what goes wrong on it.
    fn bring_back(&mut self, draws: &mut Draws<'_>) {
        let away = |one: &&&str| self.register.account(&id(one)).is_some_and(|one| one.state != AccountState::Active);
        let Some(login) = TECHNICIANS.iter().find(away) else { return };
        let technician: TechnicianLogin = id(login);
        let reset = self.register.account(&technician).is_some_and(|one| one.state == AccountState::Disabled);
        if reset || draws.rarely(4) {
            let (reason, invitation, by) = ("back".to_owned(), u64::from_be_bytes(self.fresh()), Actor::Root(0));
            let technician = technician.clone();
            let _ = self.carry_out(Command::ResetTechnician { technician, reason, invitation, enable: true, by });
        }
        let secret = u64::from_be_bytes(self.fresh());
        let Some(one) = self.register.account(&technician).cloned() else { return };
        if let Some(invitation) = one.invitation {
            let (source, charter) = (id(SOURCES[0]), String::new());
            let _ = self.carry_out(Command::Enrol {
                account: one.id,
                invitation: invitation.secret,
                source,
                charter,
                secret,
            });
        }
        let Some(secret) = self.register.account(&technician).map(|one| one.secret) else { return };
        let (word_fits, by) = (!draws.rarely(4), Actor::Root(0));
        let _ = self.carry_out(Command::Activate { technician, secret, word_fits, by });
    }

    fn tokens(&mut self, draws: &mut Draws<'_>) {
        let known: Vec<TokenId> = self.register.tokens.keys().cloned().collect();
        if draws.rarely(2) {
            let token = if known.is_empty() { TokenId::from_random([9; 8]) } else { draws.one(&known) };
            let _ = self.carry_out(Command::RevokeToken { id: token, by: actor(draws) });
            return;
        }
        let days = draws.one(&[30, 90, 0, 500]);
        let digest = draws.one(&["ab".repeat(32), format!("{:064x}", self.made), "AB".repeat(32)]);
        let label = draws.one(&["siem", "siem\u{202e}", ""]).to_owned();
        let command = Command::MakeToken {
            id: TokenId::from_random(self.fresh()),
            label,
            scope: ExportScope::Interventions,
            until: add_days(self.at(), days),
            digest,
            by: id(draws.one(&["sophie", "sophie", "claire", "zoe"])),
        };
        let _ = self.carry_out(command);
    }

    /// What is left: a bad day, credentials, and a journal of which entries are gone.
    fn rest(&mut self, draws: &mut Draws<'_>) {
        if draws.rarely(3) {
            return self.bad_day(draws);
        }
        if draws.rarely(3) {
            let target: TargetId = id(draws.one(&TARGETS));
            let (login, form, secret, by) = (id("maint"), "password".into(), self.made, actor(draws));
            let _ = self.carry_out(Command::SetCredential { target, login, form, secret, by });
            return;
        }
        if draws.rarely(4) {
            let (anchor, root) = ("vault".to_owned(), String::new());
            self.take(vec![Event::RollbackFound { anchor, size: self.made, root, here: 1 }]);
        }
        let who = draws.one(&["nadia", "sophie", "claire", "paul"]);
        let attempt = self.attempt(draws, who);
        let _ = self.carry_out(Command::AcceptRollback { attempt, reason: text(draws, "restored") });
    }

    /// Access is cut and given back in parts, a company begins anew, alerts are taken, codes are printed.
    fn bad_day(&mut self, draws: &mut Draws<'_>) {
        let (by, reason) = (actor(draws), text(draws, "leak"));
        let command = match draws.byte() % 8 {
            0 if self.register.lockdown.is_some() => {
                let (by, reason) = (Actor::Root(0), "over".to_owned());
                return self.take(vec![Event::LockdownEnded { reason, by }]);
            }
            0 => return self.cut(),
            1 => {
                let count = u32::from(draws.byte() % 24);
                self.made += 1;
                Command::PrintBreakGlass { count, secret: self.made, by }
            }
            2 | 3 => Command::ReopenGroup { group: id("radiologie"), reason, by },
            4 | 5 => {
                let last = self.register.alerts.all().count() as u64;
                let (alert, by) = (u64::from(draws.byte()) % (last + 2), id(draws.one(&["sophie", "claire"])));
                Command::AcknowledgeAlert { alert, note: reason, by }
            }
            _ => {
                // Who begins anew has a long way back.
                let vendor = if draws.rarely(4) { draws.one(&VENDORS) } else { draws.one(&VENDORS[1..]) };
                let accounts: Vec<AccountId> = self.register.accounts.keys().cloned().collect();
                let invitations =
                    accounts.into_iter().map(|account| (account, u64::from_be_bytes(self.fresh()))).collect();
                // What is struck was somebody's before, and does not come back.
                let (technician, key) = (id(draws.one(&TECHNICIANS)), format!("SHA256:lost{}", self.made));
                let add = Command::AddKey { technician, key, by: Actor::Root(0) };
                let _ = self.carry_out(add.clone());
                let _ = self.carry_out(Command::RotateVendor { vendor: id(vendor), reason, invitations, by });
                add
            }
        };
        let _ = self.carry_out(command);
    }

    /// The red button: everything that runs ends.
    fn cut(&mut self) {
        let (reason, by) = ("leak".to_owned(), Actor::Root(0));
        self.take(vec![Event::LockdownBegan { reason, by }]);
        let live: Vec<SessionId> = self.register.live().map(|one| one.id.clone()).collect();
        for session in live {
            let end = self.register.closing_entry(&session, self.at(), EndCause::Lockdown).unwrap();
            self.take(self.register.close(end, self.at()));
        }
    }

    /// Any number in any state: nothing but a refusal, or what the state allows.
    fn wild(&mut self, draws: &mut Draws<'_>) {
        let in_state = |word: &str| self.register.interventions.values().find(|one| one.state.word() == word);
        let number = match in_state(draws.one(&STATES)) {
            Some(one) => one.number,
            None => InterventionNumber(u64::from(draws.byte() % 40)),
        };
        let who = draws.one(&STAFF);
        let staff = id(who);
        let attempt = self.attempt(draws, who);
        let verified = Verified::Called;
        let command = match draws.byte() % 12 {
            0 => Command::Submit { number },
            1 => Command::Approve { number, attempt, code_fits: true, verified, rights: None, until: None },
            2 => Command::Refuse { number, staff, reason: "no".into() },
            3 => Command::Withdraw { number, cause: WithdrawCause::Staff, by: None },
            4 => Command::Expire { number },
            5 => Command::ApprovePlanned { number, attempt, verified, on_call: on_call(draws) },
            6 => Command::Extend { number, attempt, verified, until: self.later(draws), on_call: on_call(draws) },
            7 => Command::Review { number, staff, text: "seen".into() },
            8 => Command::Arm { number, secret: self.made },
            9 => {
                let (source, code_fits) = (id(SOURCES[0]), !draws.rarely(2));
                Command::Arrive { number, source, code_fits, notice: String::new() }
            }
            10 => Command::EndIntervention { number, cause: EndCause::Interrupted },
            _ => {
                self.admit(number);
                return;
            }
        };
        let _ = self.carry_out(command);
    }
}

/// So that each is met as often as the others.
const STATES: [&str; 9] =
    ["planned", "prepared", "requested", "approved", "open", "ended", "refused", "expired", "withdrawn"];
const ROLES: [Role; 4] = [Role::Approver, Role::Operator, Role::Security, Role::Auditor];

fn add_days(at: Timestamp, days: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(24 * days)).unwrap()
}

/// A name, an address and a number that are one person's.
fn person(login: &str, vendor: &str) -> Identity {
    Identity::new(&format!("{login} Martin"), &format!("{login}@{vendor}.example"), &phone(login)).unwrap()
}

fn colleague(login: &str) -> Identity {
    match login {
        "eva" => person("eva", "imagix"),
        "hugo" => Identity::new("Alice Martin", "hugo@chu.example", &phone("alice")).unwrap(),
        "marc" => Identity::new("Marc Martin", "claire@chu.example", &phone("marc")).unwrap(),
        _ => person(login, "chu"),
    }
}

fn phone(login: &str) -> String {
    let number = login.bytes().fold(0u32, |number, byte| (number * 31 + u32::from(byte)) % 100_000_000);
    format!("06{number:08}")
}

/// A text of a person: now and then none, or too long a one.
fn text(draws: &mut Draws<'_>, plain: &str) -> String {
    match draws.byte() % 32 {
        0 => " ".to_owned(),
        1 => "x".repeat(3000),
        _ => plain.to_owned(),
    }
}

fn narrower(draws: &mut Draws<'_>) -> Option<Rights> {
    match draws.byte() % 12 {
        0 => Some([Right::Shell].into_iter().collect()),
        1 => Some([Right::SftpRead, Right::SftpWrite].into_iter().collect()),
        2 => Some([Right::ScpWrite].into_iter().collect()),
        _ => None,
    }
}

fn on_call(draws: &mut Draws<'_>) -> BTreeSet<GroupId> {
    if draws.rarely(5) { BTreeSet::new() } else { BTreeSet::from([id("radiologie")]) }
}

fn actor(draws: &mut Draws<'_>) -> Actor {
    match draws.byte() % 4 {
        0 => Actor::Staff(id(draws.one(&STAFF))),
        1 => Actor::Staff(id("claire")),
        2 => Actor::Staff(id("nadia")),
        _ => Actor::Root(0),
    }
}

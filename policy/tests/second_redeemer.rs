//! A second, naive reading of who may approve what, written from D6 and the requirements APR, and
//! compared with `ApprovalTerms::redeem` on random approvals.
//!
//! It collects *every* reason to refuse instead of the first, and knows who is one human being
//! because the test made them: six people with three accounts each.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper that fails is a failing test")]
#![allow(unreachable_pub, reason = "the module that two tests share is compiled into each")]

mod drawn;

use drawn::{chosen, id, instant, mins, mostly, per, phone, requester, rights, seldom};
use jiff::Timestamp;
use policy::{Approval, ApprovalTerms, Denial, Permit, Person, Right, Rights, Supervision, Verified};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::{BTreeMap, BTreeSet};

const REQUESTER: usize = 0;
const COLLEAGUE: usize = 5;

/// What one person says.
#[derive(Debug, Clone)]
struct Yes {
    /// The first asks, the last is of the vendor too, the others are staff.
    human: usize,
    account: usize,
    groups: [bool; 3],
    /// Minutes after the request.
    at: i64,
    verified: Verified,
    rights: Option<Rights>,
    /// Minutes after the approval.
    until: Option<i64>,
}

#[derive(Debug, Clone)]
struct Life {
    terms: ApprovalTerms,
    asked: Timestamp,
    /// Minutes after the request.
    begins: i64,
    /// Minutes after the beginning.
    judged: i64,
    yes: Vec<Yes>,
}

/// Each human has three accounts: another address each time, one telephone in three spellings.
fn person(human: usize, account: usize) -> Person {
    let domain = match (human, account) {
        (COLLEAGUE, 0) => "imagix.example",
        (COLLEAGUE, 1) => "Imagix.Example",
        (COLLEAGUE, _) => "lyon.imagix.example",
        _ => "chu.example",
    };
    Person::new(&format!("person{human}-{account}@{domain}"), &phone(human, account))
}

fn verified() -> impl Strategy<Value = Verified> {
    prop_oneof![6 => Just(Verified::Called), 1 => Just(Verified::Caller), 1 => Just(Verified::Present)]
}

fn yes() -> impl Strategy<Value = Yes> {
    let human = prop_oneof![1 => Just(REQUESTER), 20 => 1usize..5, 1 => Just(COLLEAGUE)];
    let narrower = prop::option::weighted(0.4, prop::collection::vec(prop::sample::select(drawn::every_right()), 1..9));
    (
        human,
        0usize..3,
        prop::array::uniform3(mostly()),
        0i64..10,
        verified(),
        narrower.prop_map(|rights| rights.map(|rights| rights.into_iter().collect())),
        prop::option::weighted(0.3, -2i64..200),
    )
        .prop_map(|(human, account, groups, at, verified, rights, until)| Yes {
            human,
            account,
            groups,
            at,
            verified,
            rights,
            until,
        })
}

fn life() -> impl Strategy<Value = Life> {
    (
        (instant(), rights(), 0u8..4, seldom(), 5i64..600, 1i64..200, per()),
        10i64..20,
        prop_oneof![Just(0i64), 0i64..120],
        prop::collection::vec(yes(), 0..4),
    )
        .prop_map(|((asked, rights, quorum, call_back, open_for, longest, per), begins, judged, yes)| Life {
            terms: ApprovalTerms {
                technician: id("alice"),
                requester: requester(),
                vendor: id("imagix"),
                vendor_domain: "imagix.example".to_owned(),
                target: id("t0"),
                account: id("maint"),
                rights,
                approvers: chosen(&[true, true], &["g0", "g1"]),
                quorum,
                per,
                supervision: Supervision::Required,
                call_back,
                closes_at: asked + mins(open_for),
                longest: mins(longest),
                idle: mins(15),
            },
            asked,
            begins,
            judged,
            yes,
        })
}

impl Life {
    fn begins(&self) -> Timestamp {
        self.asked + mins(self.begins)
    }

    fn judged(&self) -> Timestamp {
        self.begins() + mins(self.judged)
    }

    fn approval(&self, yes: &Yes) -> Approval {
        let at = self.asked + mins(yes.at);
        Approval {
            by: id(&format!("h{}a{}", yes.human, yes.account)),
            person: person(yes.human, yes.account),
            groups: chosen(&yes.groups, &["g0", "g1", "g2"]),
            at,
            verified: yes.verified,
            rights: yes.rights.clone(),
            until: yes.until.map(|minutes| at + mins(minutes)),
        }
    }

    fn redeem(&self) -> Result<Permit, Denial> {
        let approvals: Vec<Approval> = self.yes.iter().map(|yes| self.approval(yes)).collect();
        self.terms.redeem(&approvals, self.begins(), self.judged())
    }

    /// The latest that anything said allows.
    fn end(&self) -> Timestamp {
        let own = self.yes.iter().filter_map(|yes| self.approval(yes).until);
        own.chain([self.terms.closes_at, self.begins() + self.terms.longest]).min().unwrap()
    }

    fn rights(&self) -> Rights {
        let agreed =
            |right: &&Right| self.yes.iter().all(|yes| yes.rights.as_ref().is_none_or(|rights| rights.contains(right)));
        self.terms.rights.iter().filter(agreed).cloned().collect()
    }

    fn humans(&self) -> BTreeSet<usize> {
        self.yes.iter().map(|yes| yes.human).collect()
    }

    fn reasons(&self) -> BTreeSet<&'static str> {
        let any = |wrong: &dyn Fn(&Yes) -> bool| self.yes.iter().any(wrong);
        [
            (any(&|yes| yes.human == REQUESTER), "approver-is-requester"),
            (any(&|yes| yes.human == COLLEAGUE), "approver-of-vendor"),
            (any(&|yes| !yes.groups[0] && !yes.groups[1]), "approver-not-of-target"),
            (any(&|yes| self.terms.call_back && yes.verified != Verified::Called), "call-back-needed"),
            (any(&|yes| yes.until.is_some_and(|minutes| minutes <= 0)), "approval-over"),
            (self.humans().len() < self.yes.len(), "approver-twice"),
            (self.humans().len() < usize::from(self.terms.quorum).max(1), "quorum-missing"),
            (self.rights().is_empty(), "no-right"),
            (self.end() <= self.judged(), "approval-over"),
        ]
        .into_iter()
        .filter_map(|(holds, code)| holds.then_some(code))
        .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// APR-01, APR-02, APR-07, APR-09, APR-11, TIM-07: a permit exactly where nothing speaks
    /// against it, for exactly what all agreed on.
    #[test]
    fn both_judges_redeem_alike(life in life()) {
        let reasons = life.reasons();
        match life.redeem() {
            Err(denial) => prop_assert!(reasons.contains(denial.code()), "{denial:?} is none of {reasons:?}"),
            Ok(permit) => {
                prop_assert!(reasons.is_empty(), "a permit against {reasons:?}");
                prop_assert!(life.humans().len() >= usize::from(life.terms.quorum).max(1));
                prop_assert_eq!(permit.rights(), &life.rights());
                prop_assert!(permit.rights().is_subset(&life.terms.rights));
                prop_assert_eq!(permit.until(), life.end());
                prop_assert_eq!(permit.technician(), &life.terms.technician);
                prop_assert_eq!(permit.target(), &life.terms.target);
                prop_assert_eq!(permit.account(), &life.terms.account);
                prop_assert_eq!(permit.supervision(), life.terms.supervision);
                prop_assert_eq!(permit.idle(), life.terms.idle);
            }
        }
    }

    /// TIM-07: judged again later, a permit never lasts longer than it first did.
    #[test]
    fn judging_again_never_prolongs(life in life(), later in 1i64..120) {
        let again = Life { judged: life.judged + later, ..life.clone() };
        match (life.redeem(), again.redeem()) {
            (Ok(first), Ok(second)) => prop_assert_eq!(first, second),
            (Err(denial), Ok(_)) => return Err(TestCaseError::fail(format!("{denial:?} turned into a permit"))),
            (_, Err(_)) => {}
        }
    }

    /// TIM-07: a beginning that lies ahead does not stretch the longest duration.
    #[test]
    fn a_beginning_ahead_prolongs_nothing(life in life(), ahead in 1i64..600) {
        let approvals: Vec<Approval> = life.yes.iter().map(|yes| life.approval(yes)).collect();
        let at = life.judged();
        if let Ok(permit) = life.terms.redeem(&approvals, at + mins(ahead), at) {
            prop_assert!(permit.until() <= at + life.terms.longest);
        }
    }

    /// APR-07, APR-11: whatever is changed in one approval, no permit comes out that the terms and
    /// the approvals, as they then are, do not cover. Who, when and how known widen nothing.
    #[test]
    fn a_changed_approval_widens_nothing(life in life(), other in yes(), field in 0usize..7) {
        let mut changed = life.clone();
        let Some(yes) = changed.yes.first_mut() else { return Ok(()) };
        match field {
            0 => yes.human = other.human,
            1 => yes.account = other.account,
            2 => yes.groups = other.groups,
            3 => yes.at = other.at,
            4 => yes.verified = other.verified,
            5 => yes.rights = other.rights,
            _ => yes.until = other.until,
        }
        // The approver's own limit is an instant, and stays where it was when `at` moves.
        if field == 3 {
            let moved = life.yes[0].at - other.at;
            changed.yes[0].until = life.yes[0].until.map(|minutes| minutes + moved);
        }
        let Ok(after) = changed.redeem() else { return Ok(()) };
        prop_assert!(changed.reasons().is_empty());
        prop_assert!(after.rights().is_subset(&changed.rights()));
        prop_assert!(after.until() <= changed.end());
        if let (Ok(before), 0..=4) = (life.redeem(), field) {
            prop_assert_eq!(before, after);
        }
    }

    /// APR-11: one more person's limits can only make a permit narrower.
    #[test]
    fn a_further_limit_only_narrows(life in life(), other in yes()) {
        let mut narrowed = life.clone();
        let Some(first) = narrowed.yes.first_mut() else { return Ok(()) };
        if first.rights.is_some() || first.until.is_some() {
            return Ok(());
        }
        (first.rights, first.until) = (other.rights, other.until);
        if let Ok(after) = narrowed.redeem() {
            let before = life.redeem();
            prop_assert!(before.is_ok(), "a limit opened what was {before:?}");
            let before = before.unwrap();
            prop_assert!(after.rights().is_subset(before.rights()));
            prop_assert!(after.until() <= before.until());
        }
    }
}

/// What the properties above draw gives permits often, and each denial of `redeem`.
#[test]
fn the_drawn_approvals_are_varied() {
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..2000 {
        let life = life().new_tree(&mut runner).unwrap().current();
        *counts.entry(life.redeem().map_or_else(|denial| denial.code(), |_| "permit")).or_default() += 1;
    }
    assert!(counts["permit"] >= 200, "{counts:?}");
    assert_eq!(counts.len(), 9, "each denial of `redeem`, and a permit: {counts:?}");
}

//! Guided walks reach every state, every input in each of them, every event of their kind and every refusal.
//! A walk that hardly ever gets past the first step proves nothing. With `--no-capture` both tests print what
//! was reached, and how often.

use fuzzed::reached::Reached;
use fuzzed::{intervention, session};

/// Bytes of a walk, always the same.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let byte = |_| {
        // xorshift: any spread of bytes will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(byte).collect()
}

/// What of a kind no walk came to.
fn missing(reached: &Reached, kind: &str, wanted: &str) -> Vec<String> {
    let words = wanted.split_whitespace().filter(|word| reached.times(kind, word) == 0);
    words.map(|word| format!("{kind} {word}")).collect()
}

/// A row for each input, a column for each state.
fn table(reached: &Reached, states: &str, inputs: &str) {
    let states: Vec<&str> = states.split_whitespace().collect();
    println!("{:18}{}", "", states.iter().map(|state| format!("{state:>11}")).collect::<String>());
    for input in inputs.split_whitespace() {
        let times = states.iter().map(|state| format!("{:>11}", reached.times(state, input)));
        println!("{input:18}{}", times.collect::<String>());
    }
}

fn lists(reached: &Reached, kinds: &[&str]) {
    for kind in kinds {
        let all: Vec<String> = reached.of(kind).map(|(word, times)| format!("{word} {times}")).collect();
        println!("{kind}: {}", all.join(", "));
    }
}

/// Each input in each state, each warning, freeze and end that the machine itself gives.
#[test]
fn sessions_reach_every_state_by_every_input() {
    let mut reached = Reached::default();
    (0..3000).for_each(|seed| session::walk(&bytes(seed, 300), &mut reached));
    let states = "connecting relaying frozen closed";
    let inputs = "connected channel-opened channel-closed activity watcher-came watchers-gone freeze resume renewed \
        extended end tick";
    table(&reached, states, inputs);
    lists(&reached, &["warn", "freeze", "unfreeze", "end"]);
    let mut lacks: Vec<String> = states.split_whitespace().flat_map(|state| missing(&reached, state, inputs)).collect();
    let ends = "hours-over contract-over time-over policy-changed idle no-channel unwatched from-outside";
    for (kind, wanted) in [
        ("warn", "15 5 1"),
        ("freeze", "unwatched staff quota journal"),
        ("unfreeze", "by-staff by-watching"),
        ("end", ends),
    ] {
        lacks.extend(missing(&reached, kind, wanted));
    }
    assert!(lacks.is_empty(), "not reached: {lacks:?}");
}

/// Each order about an intervention in each of its states, whether it is carried out or refused; and each
/// state, event, refusal and denial of the people and rules around it.
#[test]
fn interventions_reach_every_state_and_refusal() {
    let mut reached = Reached::default();
    (0..240).for_each(|seed| intervention::walk(&bytes(seed, 4000), &mut reached));
    let states = "planned prepared requested approved open ended refused expired withdrawn";
    let orders = "Submit Approve Refuse Withdraw Expire ApprovePlanned Arm Arrive Extend Review EndIntervention";
    table(&reached, states, orders);
    let mut lacks: Vec<String> = states.split_whitespace().flat_map(|state| missing(&reached, state, orders)).collect();
    for (kind, wanted) in [
        ("state", states),
        ("account", "invited enrolled active disabled"),
        ("staff", "invited active disabled"),
        (
            "refusal",
            "OwnRights OwnSetUp NoRole NoGroup StaffState Language Token NoToken LoginTaken NoTechnician NoStaff \
             NotDeclared Identity SamePerson NoIntervention NotWaiting StaffFactors StaffLocked Role WrongCode Denied \
             AccountState WrongWord Key VendorFrozen VendorNotFrozen Window NotOnCall WrongPlannedCode OwnReview Busy \
             CoolingDown TooLong Empty SessionOver NoRollback AcceptedAlready RightMissing NoAlert AlertTaken \
             BreakGlassCount NoLockdown RollbackOpen",
        ),
        (
            "denial",
            "vendor-unknown target-unknown target-not-allowed target-forbidden target-withdrawn account-not-allowed \
             source-not-declared contract-not-begun contract-over closed no-right quorum-missing \
             approver-not-of-target approver-is-requester approver-of-vendor approver-twice call-back-needed \
             approval-over",
        ),
        (
            "join",
            "admitted Over OtherSource OtherTarget OtherLogin PerSession Closed Full Frozen Unwatched WrongCode Denied",
        ),
        ("key", "Taken TooMany Missing Struck"),
        ("token", "Over TooLong Digest Taken Revoked"),
        ("window", "Over TooLong EmergencyTooLong TooFarAhead EmergencyOver NothingGained"),
        (
            "factors",
            "accepted Password Code CodeReused CodeMalformed Both Key Vendor Source Target Locked Disabled Inactive \
             Vault",
        ),
        (
            "event",
            "technician-added technician-invited technician-enrolled technician-activated technician-reset \
             technician-key-added technician-key-removed technician-disabled technician-unlocked technician-locked \
             word-mismatched account-alert staff-added staff-invited staff-enrolled staff-reset staff-changed \
             staff-disabled staff-unlocked staff-locked staff-refused staff-code-used staff-language-chosen \
             factors-accepted factors-refused token-made token-revoked vendor-frozen vendor-thawed credential-set \
             rollback-found rollback-accepted intervention-requested intervention-submitted intervention-approved \
             intervention-refused intervention-withdrawn intervention-expired intervention-ended code-mismatched \
             intervention-planned intervention-armed intervention-arrived planned-code-mismatched \
             intervention-extended intervention-reviewed session-admitted session-ended session-frozen \
             session-resumed join-refused join-mismatched vendor-rotated alert-raised alert-acknowledged \
             break-glass-printed lockdown-began lockdown-reopened lockdown-ended",
        ),
    ] {
        lists(&reached, &[kind]);
        lacks.extend(missing(&reached, kind, wanted));
    }
    assert!(lacks.is_empty(), "not reached: {lacks:?}");
}

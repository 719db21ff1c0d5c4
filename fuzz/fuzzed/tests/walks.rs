//! Guided walks reach every state, every event of their kind and every refusal. A walk that hardly ever
//! gets past the first step proves nothing.

use fuzzed::{intervention, session};
use std::collections::BTreeSet;

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

fn missing(reached: &BTreeSet<String>, prefix: &str, wanted: &str) -> Vec<String> {
    wanted.split_whitespace().map(|word| format!("{prefix} {word}")).filter(|word| !reached.contains(word)).collect()
}

/// Each input in each state, each warning, freeze and end that the machine itself gives.
#[test]
fn sessions_reach_every_state_by_every_input() {
    let mut reached = BTreeSet::new();
    (0..3000).for_each(|seed| session::walk(&bytes(seed, 300), &mut reached));
    let inputs = "connected channel-opened channel-closed activity watcher-came watchers-gone freeze resume renewed \
        extended end tick";
    let mut lacks = Vec::new();
    for state in ["connecting", "relaying", "frozen", "closed"] {
        lacks.extend(missing(&reached, state, inputs));
    }
    lacks.extend(missing(&reached, "warn", "15 5 1"));
    lacks.extend(missing(&reached, "freeze", "unwatched staff quota journal"));
    let ends = "hours-over contract-over time-over policy-changed idle no-channel unwatched from-outside";
    lacks.extend(missing(&reached, "end", ends));
    assert!(lacks.is_empty() && reached.contains("unfreeze"), "not reached: {lacks:?}");
}

#[test]
fn interventions_reach_every_state_and_refusal() {
    let mut reached = BTreeSet::new();
    (0..400).for_each(|seed| intervention::walk(&bytes(seed, 4000), &mut reached));
    let lacks: Vec<String> = [
        ("state", "planned prepared requested approved open ended refused expired withdrawn"),
        ("account", "invited enrolled active disabled"),
        ("staff", "invited active disabled"),
        (
            "refusal",
            "OwnRights OwnSetUp NoRole NoGroup StaffState Language Token NoToken LoginTaken NoTechnician NoStaff \
             NotDeclared Identity SamePerson NoIntervention NotWaiting StaffFactors StaffLocked Role WrongCode Denied \
             AccountState WrongWord Key VendorFrozen VendorNotFrozen Window NotOnCall WrongPlannedCode OwnReview Busy \
             CoolingDown TooLong Empty SessionOver NoRollback AcceptedAlready RightMissing",
        ),
        (
            "denial",
            "vendor-unknown target-unknown target-not-allowed target-forbidden target-withdrawn account-not-allowed \
             source-not-declared contract-not-begun contract-over closed no-right quorum-missing \
             approver-not-of-target approver-is-requester approver-of-vendor approver-twice call-back-needed \
             approval-over",
        ),
        ("join", "Over OtherSource OtherTarget OtherLogin PerSession Closed Full Frozen Unwatched WrongCode Denied"),
        ("key", "Taken TooMany Missing"),
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
             session-resumed join-refused join-mismatched",
        ),
    ]
    .iter()
    .flat_map(|(prefix, wanted)| missing(&reached, prefix, wanted))
    .collect();
    assert!(lacks.is_empty() && reached.contains("joined"), "not reached: {lacks:?}");
}

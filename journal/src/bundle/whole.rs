//! Whether a bundle shows all that it must. What it is about, and which entries are shown, stands in its
//! manifest, which is the word of whoever exported: an entry can be left out of it before it is signed.

use super::manifest::BundleManifest;
use super::voice::Voice;
use crate::entry::Leaf;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What the journal says was asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Scope {
    Session(String),
    Intervention(u64),
    Vendor { vendor: String, from: String, to: String },
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Session(session) => write!(f, "session {session}"),
            Scope::Intervention(number) => write!(f, "intervention {number}"),
            Scope::Vendor { vendor, from, to } => write!(f, "vendor {vendor} from {from} to {to}"),
        }
    }
}

/// What the leaves from the first to the last that must be shown say.
#[derive(Default)]
pub(super) struct Whole {
    begun: BTreeSet<u64>,
    over: BTreeSet<u64>,
    ended: BTreeSet<String>,
    sealed: BTreeSet<String>,
    /// Sessions of interventions in the manifest that are not in it themselves.
    left_out: BTreeMap<String, u64>,
    /// Interventions of sessions in the manifest that are not in it themselves.
    elsewhere: BTreeMap<u64, String>,
}

impl Whole {
    /// Takes in a leaf that is shown.
    pub(super) fn see(&mut self, leaf: &Leaf, manifest: &BundleManifest) {
        if !(manifest.first..manifest.end).contains(&leaf.index) {
            return;
        }
        let number = leaf.intervention.filter(|number| manifest.interventions.contains(number));
        let session = leaf.session.clone().filter(|session| manifest.sessions.contains(session));
        match (number, &session, leaf.intervention, &leaf.session) {
            (Some(number), None, _, Some(session)) => {
                self.left_out.insert(session.clone(), number);
            }
            (None, Some(session), Some(number), _) => {
                self.elsewhere.insert(number, session.clone());
            }
            _ => {}
        }
        match leaf.kind.as_str() {
            "intervention-requested" | "intervention-planned" => self.begun.extend(number),
            "intervention-ended" | "intervention-refused" | "intervention-withdrawn" | "intervention-expired" => {
                self.over.extend(number);
            }
            "session-ended" => self.ended.extend(session),
            "recording-sealed" => self.sealed.extend(session),
            _ => {}
        }
    }

    /// Holds the manifest against it.
    pub(super) fn judge(&self, manifest: &BundleManifest, scope: Option<&Scope>, voice: &mut Voice<'_>) {
        let BundleManifest { first, end, size, sessions, interventions, .. } = manifest;
        if first >= end || end > size || interventions.is_empty() {
            voice.wrong(format!(
                "the manifest shows the entries from {first} to before {end} of {size}, of {} interventions: that is none",
                interventions.len()
            ));
        }
        let asked = match scope {
            Some(Scope::Session(session)) => sessions.len() == 1 && sessions.contains(session),
            Some(Scope::Intervention(number)) => interventions.len() == 1 && interventions.contains(number),
            Some(Scope::Vendor { .. }) | None => true,
        };
        if !asked {
            voice.wrong("the manifest is about something else than the journal says was exported".to_owned());
        }
        for number in interventions.difference(&self.begun) {
            voice.wrong(format!(
                "the first entry of intervention {number} is not among those shown: entries may have been left out"
            ));
        }
        for (session, number) in &self.left_out {
            match scope {
                Some(Scope::Session(_)) => voice.note(format!(
                    "{session} of intervention {number} is not in this bundle, which is about one session"
                )),
                _ => voice.wrong(format!(
                    "{session} of intervention {number} is not in the manifest: its entries were left out"
                )),
            }
        }
        for (number, session) in &self.elsewhere {
            voice.wrong(format!("{session} is of intervention {number}, which is not in the manifest"));
        }
        let open =
            interventions.difference(&self.over).map(|number| format!("intervention {number} has no closing entry"));
        let going = sessions.difference(&self.ended).map(|session| format!("{session} has no closing entry"));
        let unsealed = sessions.difference(&self.sealed).map(|session| format!("no recording of {session} was sealed"));
        for what in open.chain(going).chain(unsealed) {
            match end == size {
                true => voice.note(format!("{what} among those shown")),
                false => voice.wrong(format!(
                    "{what} among those shown, and what follows them is not shown: entries may have been left out"
                )),
            }
        }
    }
}

//! A company's credentials are suspected to have leaked: all of them are made anew (IDM-14).

use super::desk::{Answer, Desk, gone, reasoned};
use crate::registrar::Core;
use crate::site::invitation_document;
use lifecycle::{AccountId, AccountState, Actor, Command, EndCause};
use policy::{TargetAccount, TargetId, TechnicianLogin, VendorId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

impl Desk {
    /// Old passwords, codes and keys are good for nothing from here on, live sessions end, what was planned is
    /// withdrawn, and each account gets an invitation. Gives the papers, and which targets' credentials the
    /// company's technicians worked with.
    pub(super) async fn vendor_rotate(&self, vendor: VendorId, reason: String, by: Actor) -> Answer {
        reasoned(&reason)?;
        // D18: the sessions go first, and once more behind the entry.
        let brake = || self.site.live.brake(&EndCause::Disabled, |session| session.vendor == vendor);
        let cut = brake();
        let wanted = vendor.clone();
        let look = move |core: &Core, _| {
            let of_vendor = core.register.accounts.values().filter(|one| one.vendor == wanted);
            let lives = |state| !matches!(state, AccountState::Disabled | AccountState::Expired);
            let living = of_vendor.filter(|one| lives(one.state));
            living.map(|one| (one.id.clone(), one.login.clone())).collect::<Vec<(AccountId, TechnicianLogin)>>()
        };
        let accounts = self.site.registrar.view(look).await.map_err(gone)?;
        // Vault before journal (D21); what is not named at last is garbage of the next start.
        let mut drawn = Vec::new();
        for (account, login) in accounts {
            let (code, generation) = self.draw_invitation(&account)?;
            drawn.push((account, login, code, generation));
        }
        let invitations: BTreeMap<AccountId, u64> =
            drawn.iter().map(|(account, _, _, generation)| (account.clone(), *generation)).collect();
        let command = Command::RotateVendor { vendor: vendor.clone(), reason, invitations, by };
        if let Err(failure) = self.command(command).await {
            for (account, _, _, generation) in &drawn {
                self.site.vault.discard(&invitation_document(account), *generation);
            }
            return Err(failure);
        }
        let ended = cut + brake();
        let mut papers: Vec<Value> = Vec::new();
        for (account, login, code, _) in drawn {
            papers.push(self.invitation_paper(&account, &login, code).await?);
        }
        let frozen_vendor = vendor.clone();
        let look = move |core: &Core, _| {
            let keyless = core.config.vendors.get(&frozen_vendor).is_some_and(|one| one.key);
            let frozen = core.register.frozen_vendors.contains_key(&frozen_vendor);
            (used_credentials(core, &frozen_vendor), keyless, frozen)
        };
        let (targets, key, frozen) = self.site.registrar.view(look).await.map_err(gone)?;
        let targets: Vec<Value> =
            targets.into_iter().map(|(target, login)| json!({ "target": target, "login": login })).collect();
        Ok(json!({
            "vendor": vendor,
            "sessions_ended": ended,
            "invitations": papers,
            "targets": targets,
            "needs_keys": key,
            "frozen": frozen,
        }))
    }
}

/// The credentials that the bastion answered with for this company's technicians: where the rules let them,
/// and where they ever were.
fn used_credentials(core: &Core, vendor: &VendorId) -> BTreeSet<(TargetId, TargetAccount)> {
    let declared = core.config.vendors.get(vendor).into_iter().flat_map(|one| &one.rules.allow);
    let allowed: BTreeSet<&TargetId> = declared.flat_map(|rule| &rule.targets).collect();
    let visited: BTreeSet<(TargetId, TargetAccount)> = core
        .register
        .interventions
        .values()
        .filter(|one| one.asked.vendor == *vendor && !one.sessions.is_empty())
        .map(|one| (one.asked.target.clone(), one.asked.login.clone()))
        .collect();
    let held = core.register.credentials.keys();
    held.filter(|pair| allowed.contains(&pair.0) || visited.contains(*pair)).cloned().collect()
}

//! The hospital's own people: invited, changed, reset; and what they choose on the console's enrolment
//! page, which is the one thing that somebody without factors may do (D8).

use super::desk::{Answer, Desk, gone, reasoned, refused, software};
use super::people::shown_until;
use crate::enrolment::qr;
use crate::factors::{self, NewPassword};
use crate::invitation::Invitation;
use crate::site::{enrolment_document, staff_document};
use crate::texts::Texts;
use crate::vault::PersonSecrets;
use console::{Enrolment, Invited, NotEnrolled, Square};
use lifecycle::order::{Failure, Hidden, PersonArgs};
use lifecycle::{Actor, CodeCheck, Command, Identity, Refusal, Role, Staff};
use policy::{GroupId, StaffLogin};
use serde_json::json;
use std::collections::BTreeSet;

impl Desk {
    pub(super) async fn staff_invite(
        &self,
        login: StaffLogin,
        person: PersonArgs,
        roles: BTreeSet<Role>,
        groups: BTreeSet<GroupId>,
        by: Actor,
    ) -> Answer {
        let identity = Identity::new(&person.name, &person.email, &person.phone)
            .map_err(|error| refused(Refusal::Identity(error)))?;
        self.groups_exist(&groups)?;
        let staff = login.clone();
        self.invite_staff(&login, move |invitation| Command::InviteStaff {
            staff,
            identity,
            roles,
            groups,
            invitation,
            by,
        })
        .await
    }

    /// The old factors are gone with the entry, and whatever was signed in with them.
    pub(super) async fn staff_reset(&self, login: StaffLogin, reason: String, by: Actor) -> Answer {
        reasoned(&reason)?;
        let last = self.staff(&login).await?.secret;
        let staff = login.clone();
        let made =
            self.invite_staff(&login, move |invitation| Command::ResetStaff { staff, reason, invitation, by }).await?;
        if last > 0 {
            self.site.vault.discard(&staff_document(&login), last);
        }
        self.signed_in.forget(&login);
        self.judge_live_sessions_again().await;
        Ok(made)
    }

    /// Whoever is signed in at a terminal signs in anew, with what they may now.
    pub(super) async fn staff_change(
        &self,
        login: StaffLogin,
        roles: BTreeSet<Role>,
        groups: BTreeSet<GroupId>,
        reason: String,
        by: Actor,
    ) -> Answer {
        self.groups_exist(&groups)?;
        self.command(Command::ChangeStaff { staff: login.clone(), roles, groups, reason, by }).await?;
        self.signed_in.forget(&login);
        self.judge_live_sessions_again().await;
        Ok(json!({}))
    }

    async fn staff(&self, login: &StaffLogin) -> Result<Staff, Failure> {
        let wanted = login.clone();
        let found = self.site.registrar.view(move |core, _| core.register.staff.get(&wanted).cloned());
        found.await.map_err(gone)?.ok_or_else(|| refused(Refusal::NoStaff(login.clone())))
    }

    /// The code's digest is in the vault before the entry that names it (D21).
    async fn invite_staff(&self, login: &StaffLogin, command: impl FnOnce(u64) -> Command) -> Answer {
        let (code, invitation) = Invitation::draw().map_err(software)?;
        let generation = self.new_generation();
        let document = enrolment_document(login);
        self.site.vault.put(&document, generation, &invitation).map_err(software)?;
        if let Err(failure) = self.command(command(generation)).await {
            self.site.vault.discard(&document, generation);
            return Err(failure);
        }
        let (staff, config) = (self.staff(login).await?, self.site.config());
        let until = staff.invitation.map(|one| one.until);
        let address = config.console.as_ref().map(|console| format!("{}/enrol", console.address.trim_end_matches('/')));
        let texts = Texts::of_site(&self.site);
        let name = &staff.identity.name;
        let paper = [
            texts.with("welcome-1", &[("name", name), ("login", login.as_str()), ("site", &config.site.name)]),
            String::new(),
            texts.with("welcome-2", &[("address", address.as_deref().unwrap_or("https://…/enrol"))]),
            texts.text("welcome-3"),
            format!("   {code}"),
            texts.text("welcome-4"),
            String::new(),
            texts.with("invite-6", &[("until", &shown_until(until, &config))]),
        ];
        Ok(json!({
            "login": login,
            "name": name,
            "code": code,
            "until": until,
            "address": address,
            "paper": paper.join("\n"),
        }))
    }

    /// A number that no document of the vault had before.
    fn new_generation(&self) -> u64 {
        u64::try_from(self.site.clock.now().as_millisecond()).unwrap_or(1)
    }

    /// Whose invitation this code is, with a new authenticator's secret for them. `None`: nobody's, or
    /// not any more. All are compared, so that time tells nothing.
    pub(crate) async fn open_invitation(&self, code: &Hidden) -> Result<Option<Invited>, Failure> {
        let invited = self.site.registrar.view(|core, at| {
            let good = |staff: &Staff| {
                let one = staff.invitation.as_ref().filter(|one| at < one.until)?;
                Some((staff.login.clone(), one.clone()))
            };
            core.register.staff.values().filter_map(good).collect::<Vec<_>>()
        });
        let mut found = None;
        for (login, one) in invited.await.map_err(gone)? {
            let held: Option<Invitation> = self.site.vault.get(&enrolment_document(&login), one.secret).ok();
            if held.is_some_and(|held| held.fits(code.reveal())) {
                found = Some((login, one));
            }
        }
        let Some((staff, one)) = found else { return Ok(None) };
        let totp = factors::new_totp().map_err(software)?;
        let address = factors::otpauth(&totp, staff.as_str(), &self.site.config().site.name);
        let (side, path) = qr::path(&address).ok_or_else(|| software("the QR code cannot be drawn"))?;
        let square = Square { side, path: Hidden::new(path) };
        Ok(Some(Invited { staff, invitation: one.secret, until: one.until, totp: Hidden::new(totp), square }))
    }

    /// Takes what somebody chose. Vault before journal (D21), one at a time: of two pages of one
    /// invitation the second changes nothing.
    pub(crate) async fn enrol_staff(&self, chosen: Enrolment) -> Result<(), NotEnrolled> {
        let Enrolment { staff, invitation, password, totp, code, source } = chosen;
        let known = self.staff(&staff).await?;
        let site = self.site.config().site.name.clone();
        let about = [staff.to_string(), known.identity.name, known.identity.email, site];
        NewPassword::judge(password.reveal(), &about).map_err(|fault| match fault {
            NewPassword::Short => NotEnrolled::Short,
            NewPassword::Known => NotEnrolled::Known,
            NewPassword::Personal => NotEnrolled::Personal,
        })?;
        let now = self.site.clock.now();
        if !matches!(factors::check_code(totp.reveal(), code.reveal(), now), CodeCheck::Fits(_)) {
            return Err(NotEnrolled::Code);
        }
        let hash = self.site.comparer.hash(password.reveal().to_owned()).await.map_err(software)?;
        let _turn = self.site.enrolling.lock().await;
        let held = self.staff(&staff).await?;
        if held.invitation.is_none_or(|one| one.secret != invitation) {
            return Err(NotEnrolled::Used);
        }
        let (document, generation) = (staff_document(&staff), self.new_generation());
        let secrets = PersonSecrets { password: hash, totp: totp.reveal().to_owned() };
        self.site.vault.put(&document, generation, &secrets).map_err(software)?;
        let command = Command::EnrolStaff { staff: staff.clone(), invitation, secret: generation, source };
        if let Err(failure) = self.command(command).await {
            self.site.vault.discard(&document, generation);
            return Err(if failure.refusal.is_some() { NotEnrolled::Used } else { failure.into() });
        }
        self.site.vault.discard(&enrolment_document(&staff), invitation);
        Ok(())
    }
}

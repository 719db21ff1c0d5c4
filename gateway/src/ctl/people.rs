//! Technicians, staff, and what opens targets.

use super::desk::{Answer, Desk, data, fingerprint, gone, reasoned, refused, software};
use super::view;
use crate::entropy;
use crate::factors;
use crate::invitation::{CheckWord, Invitation};
use crate::registrar::Core;
use crate::site::{invitation_document, staff_document, target_document, technician_document, word_document};
use crate::texts::Texts;
use crate::vault::{PersonSecrets, TargetSecret};
use lifecycle::order::{CredentialArgs, Factors, Failure, PersonArgs};
use lifecycle::{AccountId, Actor, Command, EndCause, Identity, Refusal, Role};
use policy::{GroupId, StaffLogin, TargetAccount, TargetId, TechnicianLogin, VendorId};
use russh::keys::{Algorithm, HashAlg, PrivateKey};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Who is to be invited.
pub(super) struct Invitee {
    pub(super) login: TechnicianLogin,
    pub(super) vendor: VendorId,
    pub(super) person: PersonArgs,
    pub(super) proofing: String,
    pub(super) keys: Vec<String>,
}

/// Until when, as it stands on the paper.
pub(super) fn shown_until(until: Option<jiff::Timestamp>, config: &config::Config) -> String {
    until.map_or_else(String::new, |until| view::local(until, &config.site.zone))
}

impl Desk {
    pub(super) async fn technician_add(&self, who: Invitee, factors: Factors, by: Actor) -> Answer {
        let Invitee { login, vendor, person, proofing, keys } = who;
        let identity = Identity::new(&person.name, &person.email, &person.phone)
            .map_err(|error| refused(Refusal::Identity(error)))?;
        let keys = keys.iter().map(|line| fingerprint(line)).collect::<Result<Vec<_>, _>>()?;
        let account = AccountId::from_random(entropy::bytes().map_err(software)?);
        let document = technician_document(&account);
        let shown = login.clone();
        self.add_person(&document, factors, shown.as_str(), move |secret| Command::AddTechnician {
            account,
            technician: login,
            vendor,
            identity,
            proofing,
            keys,
            secret,
            by,
        })
        .await
    }

    /// An invitation: the code's digest is in the vault before the entry that names it (D21).
    pub(super) async fn technician_invite(&self, who: Invitee, by: Actor) -> Answer {
        let Invitee { login, vendor, person, proofing, keys } = who;
        let identity = Identity::new(&person.name, &person.email, &person.phone)
            .map_err(|error| refused(Refusal::Identity(error)))?;
        let keys = keys.iter().map(|line| fingerprint(line)).collect::<Result<Vec<_>, _>>()?;
        let account = AccountId::from_random(entropy::bytes().map_err(software)?);
        let technician = login.clone();
        let named = account.clone();
        self.invite(&account, &login, move |invitation| Command::InviteTechnician {
            account: named,
            technician,
            vendor,
            identity,
            proofing,
            keys,
            invitation,
            by,
        })
        .await
    }

    async fn invite(
        &self,
        account: &AccountId,
        login: &TechnicianLogin,
        command: impl FnOnce(u64) -> Command,
    ) -> Answer {
        let (code, generation) = self.draw_invitation(account)?;
        if let Err(failure) = self.command(command(generation)).await {
            self.site.vault.discard(&invitation_document(account), generation);
            return Err(failure);
        }
        self.invitation_paper(account, login, code).await
    }

    /// A code and its generation: the digest is in the vault, and nothing names it yet.
    pub(super) fn draw_invitation(&self, account: &AccountId) -> Result<(String, u64), Failure> {
        let (code, invitation) = Invitation::draw().map_err(software)?;
        let generation = u64::try_from(self.site.clock.now().as_millisecond()).unwrap_or(1);
        self.site.vault.put(&invitation_document(account), generation, &invitation).map_err(software)?;
        Ok((code, generation))
    }

    /// What is handed over to the technician.
    pub(super) async fn invitation_paper(&self, account: &AccountId, login: &TechnicianLogin, code: String) -> Answer {
        let (id, config) = (account.clone(), self.site.config());
        let known = self.site.registrar.view(move |core, _| core.register.accounts.get(&id).cloned()).await;
        let account = known.map_err(gone)?.ok_or_else(|| refused(Refusal::NoTechnician(login.clone())))?;
        let vendor = config.vendors.get(&account.vendor);
        let (name, port) = (&config.ssh.name, config.ssh.listen.first().map_or(22, std::net::SocketAddr::port));
        let host = if name.is_empty() { "BASTION" } else { name };
        let place = if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") };
        let language = vendor.map_or(config.site.language, |vendor| vendor.language);
        let known_hosts = format!("{place} {}", self.host_key);
        let until = account.invitation.map(|invitation| invitation.until);
        let texts = Texts::new(language, config.site.zone.clone());
        let (person, site, at) = (&account.identity.name, &config.site.name, shown_until(until, &config));
        let paper = [
            texts.with("invite-1", &[("name", person), ("login", login.as_str()), ("site", site)]),
            String::new(),
            texts.text("invite-2"),
            format!("   {known_hosts}"),
            texts.with("invite-3", &[("port", &port.to_string()), ("login", login.as_str()), ("host", host)]),
            texts.text("invite-4"),
            format!("   {code}"),
            texts.text("invite-5"),
            String::new(),
            texts.with("invite-6", &[("until", &at)]),
        ];
        Ok(json!({
            "login": login,
            "name": account.identity.name,
            "code": code,
            "until": until,
            "language": language.word(),
            "site": config.site.name,
            "host": host,
            "port": port,
            "host_is_named": !name.is_empty(),
            "known_hosts": known_hosts,
            "call": vendor.map(|vendor| vendor.contact.phone.clone()),
            "paper": paper.join("\n"),
        }))
    }

    /// Old factors are gone at once, and with them the sessions that rest on them (D8).
    pub(super) async fn technician_reset(
        &self,
        login: TechnicianLogin,
        reason: String,
        enable: bool,
        by: Actor,
    ) -> Answer {
        reasoned(&reason)?;
        let wanted = login.clone();
        let account = self.site.registrar.view(move |core, _| core.register.account(&wanted).map(|one| one.id.clone()));
        let account = account.await.map_err(gone)?.ok_or_else(|| refused(Refusal::NoTechnician(login.clone())))?;
        let brake = || self.site.live.brake(&EndCause::Disabled, |session| session.technician == login);
        // D18: the sessions go first, and once more behind the entry.
        let cut = if enable { 0 } else { brake() };
        let technician = login.clone();
        let mut made = self
            .invite(&account, &login, move |invitation| Command::ResetTechnician {
                technician,
                reason,
                invitation,
                enable,
                by,
            })
            .await?;
        let ended = cut + brake();
        if let Value::Object(fields) = &mut made {
            fields.insert("sessions_ended".into(), json!(ended));
        }
        Ok(made)
    }

    pub(super) async fn technician_activate(&self, login: TechnicianLogin, word: String, by: Actor) -> Answer {
        let wanted = login.clone();
        let found = self
            .site
            .registrar
            .view(move |core, _| core.register.account(&wanted).map(|one| (one.id.clone(), one.secret)))
            .await
            .map_err(gone)?;
        let (account, generation) = found.ok_or_else(|| refused(Refusal::NoTechnician(login.clone())))?;
        let document = word_document(&account);
        let held: Option<CheckWord> = self.site.vault.get(&document, generation).ok();
        let word_fits = held.is_some_and(|held| held.fits(&word));
        self.command(Command::Activate { technician: login, secret: generation, word_fits, by }).await?;
        self.site.vault.discard(&document, generation);
        Ok(json!({}))
    }

    pub(super) async fn technician_show(&self, login: TechnicianLogin) -> Answer {
        let wanted = login.clone();
        let show = move |core: &Core, now| core.register.account(&wanted).map(|one| view::technician(one, now));
        let shown = self.site.registrar.view(show).await.map_err(gone)?;
        shown.ok_or_else(|| refused(Refusal::NoTechnician(login)))
    }

    pub(super) async fn technician_disable(&self, login: TechnicianLogin, reason: String, by: Actor) -> Answer {
        reasoned(&reason)?;
        // D18: the brake acts at once; the entry follows. Braked again behind the entry, for
        // a session that was being admitted in between.
        let brake = || self.site.live.brake(&EndCause::Disabled, |session| session.technician == login);
        let cut = brake();
        self.command(Command::DisableTechnician { technician: login.clone(), reason, by }).await?;
        Ok(json!({ "sessions_ended": cut + brake() }))
    }

    pub(super) async fn technician_key(&self, login: TechnicianLogin, key: String, add: bool, by: Actor) -> Answer {
        let key = if add || !key.trim().starts_with("SHA256:") { fingerprint(&key)? } else { key.trim().to_owned() };
        let command = match add {
            true => Command::AddKey { technician: login, key: key.clone(), by },
            false => Command::RemoveKey { technician: login, key: key.clone(), by },
        };
        self.command(command).await?;
        Ok(json!({ "key": key }))
    }

    pub(super) async fn staff_add(
        &self,
        login: StaffLogin,
        person: PersonArgs,
        roles: BTreeSet<Role>,
        groups: BTreeSet<GroupId>,
        factors: Factors,
        by: Actor,
    ) -> Answer {
        let identity = Identity::new(&person.name, &person.email, &person.phone)
            .map_err(|error| refused(Refusal::Identity(error)))?;
        self.groups_exist(&groups)?;
        let (document, shown) = (staff_document(&login), login.clone());
        self.add_person(&document, factors, shown.as_str(), move |secret| Command::AddStaff {
            staff: login,
            identity,
            roles,
            groups,
            secret,
            by,
        })
        .await
    }

    pub(super) fn groups_exist(&self, groups: &BTreeSet<GroupId>) -> Result<(), Failure> {
        let config = self.site.config();
        match groups.iter().find(|group| !config.groups.contains_key(group)) {
            Some(group) => Err(refused(Refusal::NotDeclared { what: "group", name: group.to_string() })),
            None => Ok(()),
        }
    }

    /// Vault before journal (D21): the secrets are durable before the entry that names them.
    async fn add_person(
        &self,
        document: &str,
        factors: Factors,
        login: &str,
        command: impl FnOnce(u64) -> Command,
    ) -> Answer {
        const FIRST: u64 = 1;
        let made_password = factors.password.is_none();
        let password = match factors.password {
            Some(password) => password.reveal().to_owned(),
            None => entropy::password().map_err(software)?,
        };
        let made_totp = factors.totp.is_none();
        let totp = match factors.totp {
            Some(totp) => factors::read_totp(totp.reveal()).map_err(data)?,
            None => factors::new_totp().map_err(software)?,
        };
        let secrets = PersonSecrets {
            password: self.site.comparer.hash(password.clone()).await.map_err(software)?,
            totp: totp.clone(),
        };
        let exists = self.site.vault.get::<PersonSecrets>(document, FIRST).is_ok();
        if !exists {
            self.site.vault.put(document, FIRST, &secrets).map_err(software)?;
        }
        let outcome = self.site.registrar.command(command(FIRST)).await;
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(refusal)) => {
                if !exists {
                    self.site.vault.discard(document, FIRST);
                }
                return Err(refused(refusal));
            }
            Err(error) => return Err(gone(error)),
        }
        let address = factors::otpauth(&totp, login, &self.site.config().site.name);
        Ok(json!({
            "login": login,
            "password": made_password.then_some(password),
            "totp": made_totp.then_some(address),
        }))
    }

    pub(super) async fn credential(
        &self,
        target: TargetId,
        login: Option<TargetAccount>,
        credential: CredentialArgs,
        by: Actor,
    ) -> Answer {
        let config = self.site.config();
        let declared = config
            .targets
            .get(&target)
            .ok_or_else(|| refused(Refusal::NotDeclared { what: "target", name: target.to_string() }))?;
        let login = login.unwrap_or_else(|| declared.rules.account.clone());
        let (secret, form, public) = match credential {
            CredentialArgs::Password(password) => {
                (TargetSecret::Password(password.reveal().to_owned()), "password", None)
            }
            CredentialArgs::Key(pem) => {
                let key = PrivateKey::from_openssh(pem.reveal().as_bytes()).map_err(|_| {
                    data("not an unencrypted OpenSSH private key: make one with `ssh-keygen -t ed25519 -N ''`")
                })?;
                (TargetSecret::Key(pem.reveal().to_owned()), "key", Some(key.public_key().clone()))
            }
            CredentialArgs::Generate => {
                let key =
                    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).map_err(software)?;
                let pem = key.to_openssh(russh::keys::ssh_key::LineEnding::LF).map_err(software)?;
                (TargetSecret::Key(pem.to_string()), "key", Some(key.public_key().clone()))
            }
        };
        self.not_shared(&target, &secret).await?;
        let document = target_document(&target, &login);
        let wanted = (target.clone(), login.clone());
        let last = self
            .site
            .registrar
            .view(move |core, _| core.register.credentials.get(&wanted).map_or(0, |one| one.secret))
            .await
            .map_err(gone)?;
        let generation = last + 1;
        self.site.vault.put(&document, generation, &secret).map_err(software)?;
        self.command(Command::SetCredential {
            target: target.clone(),
            login,
            form: form.to_owned(),
            secret: generation,
            by,
        })
        .await?;
        if last > 0 {
            self.site.vault.discard(&document, last);
        }
        let public = public.map(|key| {
            let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
            (key.to_openssh().unwrap_or_default(), fingerprint)
        });
        Ok(
            json!({ "target": target, "form": form, "public_key": public.as_ref().map(|(line, _)| line), "fingerprint": public.as_ref().map(|(_, print)| print) }),
        )
    }

    /// No two targets share a secret (IDM-20): what is stolen from one must not open another.
    async fn not_shared(&self, target: &TargetId, secret: &TargetSecret) -> Result<(), Failure> {
        let all = self.site.registrar.view(|core, _| core.register.credentials.clone()).await.map_err(gone)?;
        for ((other, login), credential) in all.iter().filter(|((other, _), _)| other != target) {
            let held: Result<TargetSecret, _> = self.site.vault.get(&target_document(other, login), credential.secret);
            if held.is_ok_and(|held| held == *secret) {
                return Err(data(format!(
                    "`{other}` has this very secret: two targets may not share one; make another"
                )));
            }
        }
        Ok(())
    }
}

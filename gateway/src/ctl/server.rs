//! The daemon's side of the socket. Who holds the machine may use it; each change is journalled
//! under their user id, and what decides over an intervention asks for a staff member's own
//! password and fresh code besides (D11, D12).

use crate::ctl::protocol::{CredentialArgs, Factors, Failure, Proof, Request, Response, exit};
use crate::ctl::view;
use crate::entropy;
use crate::factors;
use crate::registrar::JournalGone;
use crate::reload::{ReloadError, Reloader};
use crate::site::{Site, staff_document, target_document, technician_document};
use crate::vault::{PersonSecrets, TargetSecret};
use jiff::{SignedDuration, Timestamp};
use lifecycle::{
    AccountId, Actor, Command, EndCause, Event, Identity, InterventionNumber, Refusal, SessionId, StaffAttempt,
    WithdrawCause,
};
use policy::{Decision, TargetAccount, TargetId};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// Longest request.
const LONGEST: u64 = 256 << 10;
/// How long a caller may take to say what they want.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests at once.
const AT_ONCE: usize = 32;

type Answer = Result<Value, Failure>;

/// Listens. Gives the task, which waits on the socket.
pub fn serve(
    site: Arc<Site>,
    reload: Arc<Reloader>,
    journal_key: String,
    host_key: String,
) -> anyhow::Result<impl Future<Output = ()>> {
    let path = site.paths.socket();
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let own = rustix::process::geteuid().as_raw();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    Ok(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let Ok(turn) = turns.clone().acquire_owned().await else { return };
            let (journal_key, host_key) = (journal_key.clone(), host_key.clone());
            let desk = Desk { site: site.clone(), reload: reload.clone(), journal_key, host_key };
            tokio::spawn(async move {
                let _turn = turn;
                let _ = desk.attend(stream, own).await;
            });
        }
    })
}

struct Desk {
    site: Arc<Site>,
    reload: Arc<Reloader>,
    journal_key: String,
    host_key: String,
}

fn gone(error: JournalGone) -> Failure {
    Failure::new(exit::TEMPORARY, error)
}

fn not_reloaded(error: ReloadError) -> Failure {
    match error {
        ReloadError::Config(error) => Failure::new(exit::CONFIG, error),
        ReloadError::Journal(error) => gone(error),
    }
}

fn refused(refusal: Refusal) -> Failure {
    let exit = match &refusal {
        Refusal::NoTechnician(_) | Refusal::NoStaff(_) => exit::NO_USER,
        Refusal::NoIntervention(_) | Refusal::NotDeclared { .. } => exit::NO_INPUT,
        Refusal::StaffFactors(_) | Refusal::StaffLocked(_) | Refusal::Role { .. } | Refusal::Denied(_) => {
            exit::NOT_PERMITTED
        }
        _ => exit::DATA,
    };
    Failure::new(exit, refusal)
}

fn data(error: impl std::fmt::Display) -> Failure {
    Failure::new(exit::DATA, error)
}

fn software(error: impl std::fmt::Display) -> Failure {
    Failure::new(exit::SOFTWARE, error)
}

impl Desk {
    async fn attend(&self, stream: UnixStream, own: u32) -> std::io::Result<()> {
        let uid = stream.peer_cred()?.uid();
        let (reader, mut writer) = stream.into_split();
        let answer = if uid != 0 && uid != own {
            Err(Failure::new(exit::NOT_PERMITTED, "run this as root or as the daemon's user"))
        } else {
            let mut line = String::new();
            let mut reader = BufReader::new(reader.take(LONGEST));
            let read = tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await;
            match read {
                Ok(Ok(_)) => match serde_json::from_str(&line) {
                    Ok(request) => self.answer(request, Actor::Root(uid)).await,
                    Err(error) => Err(Failure::new(exit::USAGE, format!("the request is not understood: {error}"))),
                },
                _ => Err(Failure::new(exit::USAGE, "no request came")),
            }
        };
        let response = match answer {
            Ok(value) => Response::Done(value),
            Err(failure) => Response::Failed(failure),
        };
        let mut line = serde_json::to_vec(&response).unwrap_or_default();
        line.push(b'\n');
        writer.write_all(&line).await
    }

    async fn answer(&self, request: Request, by: Actor) -> Answer {
        let registrar = &self.site.registrar;
        match request {
            Request::Status => self.status().await,
            Request::Reload => match self.reload.reload(by).await {
                Ok(changes) => Ok(json!({ "changes": changes })),
                Err(error) => Err(not_reloaded(error)),
            },
            Request::CheckState => match self.reload.check_state().await {
                Ok(problems) => Ok(json!({ "problems": problems })),
                Err(error) => Err(not_reloaded(error)),
            },
            Request::TechnicianAdd { login, vendor, person, proofing, keys, factors } => {
                let identity = Identity::new(&person.name, &person.email, &person.phone).map_err(data)?;
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
            Request::TechnicianList => {
                let list = |core: &crate::registrar::Core, now| {
                    core.register.accounts.values().map(|one| view::technician(one, now)).collect::<Value>()
                };
                registrar.view(list).await.map_err(gone)
            }
            Request::TechnicianDisable { login, reason } => {
                if reason.trim().is_empty() || reason.chars().count() > 2000 {
                    return Err(data("the reason is empty or longer than 2000 characters: write one with --reason"));
                }
                // D18: the brake acts at once; the entry follows. Braked again behind the entry, for
                // a session that was being admitted in between.
                let brake = || self.site.live.brake(&EndCause::Disabled, |session| session.technician == login);
                let cut = brake();
                self.command(Command::DisableTechnician { technician: login.clone(), reason, by }).await?;
                Ok(json!({ "sessions_ended": cut + brake() }))
            }
            Request::TechnicianUnlock { login } => {
                self.command(Command::UnlockTechnician { technician: login, by }).await
            }
            Request::StaffAdd { login, person, roles, groups, factors } => {
                let identity = Identity::new(&person.name, &person.email, &person.phone).map_err(data)?;
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
            Request::StaffList => {
                let list = |core: &crate::registrar::Core, now| {
                    core.register.staff.values().map(|one| view::staff(one, now)).collect::<Value>()
                };
                registrar.view(list).await.map_err(gone)
            }
            Request::StaffDisable { login, reason } => {
                self.command(Command::DisableStaff { staff: login, reason, by }).await?;
                self.judge_live_sessions_again().await;
                Ok(json!({}))
            }
            Request::TargetCredential { target, login, credential } => {
                self.credential(target, login, credential, by).await
            }
            Request::TargetPinned { target, fingerprint } => {
                let fingerprint = fingerprint.chars().take(100).collect();
                registrar.note(vec![Event::TargetPinned { target, fingerprint, by }]).await;
                Ok(json!({}))
            }
            Request::InterventionList { all } => {
                let list = move |core: &crate::registrar::Core, _| {
                    let wanted = core.register.interventions.values().filter(|one| all || !one.state.is_final());
                    wanted.map(view::intervention).collect::<Value>()
                };
                registrar.view(list).await.map_err(gone)
            }
            Request::InterventionShow { number } => {
                let show = move |core: &crate::registrar::Core, _| {
                    core.register
                        .interventions
                        .get(&InterventionNumber(number))
                        .map(|one| view::intervention_in_full(one, &core.register))
                };
                let shown = registrar.view(show).await.map_err(gone)?;
                shown.ok_or_else(|| refused(Refusal::NoIntervention(InterventionNumber(number))))
            }
            Request::InterventionApprove { number, proof, code, verified, rights, minutes } => {
                self.approve(InterventionNumber(number), proof, code, verified, rights, minutes).await
            }
            Request::InterventionRefuse { number, proof, reason } => {
                let attempt = self.prove(&proof).await?;
                self.command(Command::Refuse { number: InterventionNumber(number), attempt, reason }).await
            }
            Request::InterventionWithdraw { number } => {
                self.command(Command::Withdraw { number: InterventionNumber(number), cause: WithdrawCause::Staff })
                    .await
            }
            Request::SessionList { all } => {
                let list = move |core: &crate::registrar::Core, _| {
                    let wanted = core.register.sessions.values().filter(|record| all || record.end.is_none());
                    let mut sorted: Vec<_> = wanted.collect();
                    sorted.sort_by_key(|record| record.started);
                    sorted.into_iter().map(|record| view::session(record, &core.register)).collect::<Value>()
                };
                registrar.view(list).await.map_err(gone)
            }
            Request::SessionShow { id } => {
                let id: SessionId = id.parse().map_err(data)?;
                let wanted = id.clone();
                let show = move |core: &crate::registrar::Core, _| {
                    core.register.sessions.get(&wanted).map(|record| view::session_in_full(record, &core.register))
                };
                registrar.view(show).await.map_err(gone)?.ok_or_else(|| {
                    Failure::new(exit::NO_INPUT, format!("there is no session {id}: see `poterne session list --all`"))
                })
            }
            Request::SessionCut { id, reason } => {
                let id: SessionId = id.parse().map_err(data)?;
                if reason.trim().is_empty() || reason.chars().count() > 2000 {
                    return Err(data("the reason is empty or longer than 2000 characters: write one with --reason"));
                }
                let cause = EndCause::Cut { by, reason: reason.trim().to_owned() };
                match self.site.live.brake(&cause, |session| session.id == id) {
                    0 => Err(Failure::new(
                        exit::NO_INPUT,
                        format!("there is no live session {id}: see `poterne session list`"),
                    )),
                    _ => Ok(json!({})),
                }
            }
            Request::Explain { technician, target, at, source } => self.explain(technician, target, at, source).await,
        }
    }

    async fn command(&self, command: Command) -> Answer {
        self.site.registrar.command(command).await.map_err(gone)?.map_err(refused)?;
        Ok(json!({}))
    }

    async fn status(&self) -> Answer {
        let config = self.site.config();
        let (live, now) = (self.site.live.count(), self.site.clock.now());
        let pending = self
            .site
            .registrar
            .view(|core, _| core.register.current().filter(|one| one.state.is_pending()).count())
            .await
            .map_err(gone)?;
        let checkpoint = self.site.registrar.checkpoints().borrow().to_string();
        Ok(json!({
            "site": config.site.name,
            "version": env!("CARGO_PKG_VERSION"),
            "config": config.digest,
            "time": now,
            "clock_trusted": self.site.clock.is_trusted(),
            "live_sessions": live,
            "pending_interventions": pending,
            "journal_key": self.journal_key,
            "host_key": self.host_key,
            "checkpoint": checkpoint,
        }))
    }

    fn groups_exist(&self, groups: &std::collections::BTreeSet<policy::GroupId>) -> Result<(), Failure> {
        let config = self.site.config();
        match groups.iter().find(|group| !config.groups.contains_key(group)) {
            Some(group) => Err(Failure::new(
                exit::NO_INPUT,
                format!("there is no group `{group}` in the configuration: declare it, then `poterne reload`"),
            )),
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
            password: self.site.comparer.hash(password.clone()).await.map_err(data)?,
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

    async fn credential(
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

    /// Compares a staff member's password and code; the registrar judges what came of it.
    async fn prove(&self, proof: &Proof) -> Result<StaffAttempt, Failure> {
        let login = proof.staff.clone();
        let secret = self
            .site
            .registrar
            .view(move |core, _| core.register.staff.get(&login).map(|staff| staff.secret))
            .await
            .map_err(gone)?;
        let secrets: Option<PersonSecrets> =
            secret.and_then(|generation| self.site.vault.get(&staff_document(&proof.staff), generation).ok());
        let at = self.site.clock.now();
        let compared = self
            .site
            .comparer
            .compare(secrets, proof.password.reveal().to_owned(), proof.code.reveal().to_owned(), at)
            .await;
        Ok(StaffAttempt { staff: proof.staff.clone(), password: compared.password, code: compared.code })
    }

    async fn approve(
        &self,
        number: InterventionNumber,
        proof: Proof,
        code: String,
        verified: policy::Verified,
        rights: Option<policy::Rights>,
        minutes: Option<u32>,
    ) -> Answer {
        let attempt = self.prove(&proof).await?;
        let outcome = self
            .site
            .registrar
            .act(move |core, at| {
                let code_fits = core.code_fits(number, &code);
                let until =
                    minutes.and_then(|minutes| at.checked_add(SignedDuration::from_mins(i64::from(minutes))).ok());
                let decided = core.decide(Command::Approve { number, attempt, code_fits, verified, rights, until }, at);
                let missing = decided.events.iter().find_map(|event| match event {
                    Event::InterventionApproved { missing, .. } => Some(*missing),
                    _ => None,
                });
                (decided.events, decided.refusal.map_or(Ok(missing), Err))
            })
            .await
            .map_err(gone)?;
        let missing = outcome.map_err(refused)?;
        Ok(json!({ "number": number, "approvals_missing": missing }))
    }

    /// An approver who is disabled counts no more: what rests on them ends (promise 5).
    async fn judge_live_sessions_again(&self) {
        let judged = self
            .site
            .registrar
            .view(|core, at| {
                let over = |record: &&lifecycle::SessionRecord| {
                    core.register.permit(&core.rules, record.number, record.started, at).is_err()
                };
                core.register.live().filter(over).map(|record| record.id.clone()).collect::<Vec<_>>()
            })
            .await;
        for id in judged.unwrap_or_default() {
            self.site.live.brake(&EndCause::PolicyChanged, |session| session.id == id);
        }
    }

    async fn explain(
        &self,
        technician: policy::TechnicianLogin,
        target: TargetId,
        at: Option<Timestamp>,
        source: Option<std::net::IpAddr>,
    ) -> Answer {
        let config = self.site.config();
        let explained = self
            .site
            .registrar
            .view(move |core, now| {
                let at = at.unwrap_or(now);
                let account = core.register.account(&technician).ok_or(Refusal::NoTechnician(technician))?;
                let request = policy::Request {
                    technician: account.login.clone(),
                    person: account.identity.person(),
                    vendor: account.vendor.clone(),
                    target,
                    account: None,
                    source,
                    unfamiliar: true,
                    at,
                };
                Ok((at, account.state, policy::evaluate(&core.rules, &request)))
            })
            .await
            .map_err(gone)?
            .map_err(refused)?;
        let (at, state, verdict) = explained;
        let texts = crate::texts::Texts::new(config.site.language, config.site.zone.clone());
        let because: Vec<String> = verdict.because.iter().map(ToString::to_string).collect();
        Ok(match verdict.decision {
            Decision::AwaitApproval(terms) => json!({
                "decision": "await-approval", "at": at, "account_state": state, "because": because,
                "rights": terms.rights, "approvers": terms.approvers, "quorum": terms.quorum, "per": terms.per,
                "supervision": terms.supervision, "closes_at": terms.closes_at,
                "longest_seconds": terms.longest.as_secs(), "source": "APR-01",
            }),
            Decision::Deny(denial) => {
                let next = match &denial {
                    policy::Denial::Closed { next_opening, .. } => *next_opening,
                    _ => None,
                };
                json!({
                    "decision": "deny", "at": at, "account_state": state, "because": because, "denial": denial.code(),
                    "text": texts.denial(&denial, at), "source": denial.source(), "next_opening": next,
                })
            }
        })
    }
}

fn fingerprint(line: &str) -> Result<String, Failure> {
    let key = PublicKey::from_openssh(line.trim())
        .map_err(|_| data("not an OpenSSH public key: write the line of an id_ed25519.pub"))?;
    Ok(key.fingerprint(HashAlg::Sha256).to_string())
}

//! The daemon's side of the socket: who asks, whether they may, and to which desk it goes (D11, D12).
//! Each change is journalled under the member of staff who is signed in; what decides over an
//! intervention asks for their password and a fresh code besides.

use super::caller::{Caller, SignedIn};
use super::envelope::Approving;
use super::evidence;
use super::people::Invitee;
use super::protocol::Response;
use super::tokens::NewToken;
use super::view;
use crate::confine::{Confined, State};
use crate::descriptors;
use crate::registrar::{Core, JournalGone};
use crate::reload::{ReloadError, Reloader};
use crate::siem::Follow;
use crate::site::Site;
use crate::watch::{attend, socket};
use lifecycle::order::{Failure, Needs, Order, Proof, exit, needs};
use lifecycle::{Actor, Command, Event, InterventionNumber, KeyError, Reader, Refusal, Role, WithdrawCause};
use policy::StaffLogin;
use russh::keys::{HashAlg, PublicKey};
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
/// Requests at once. Whoever watches leaves their turn to others.
const AT_ONCE: usize = 32;

pub(crate) type Answer = Result<Value, Failure>;

/// Listens. Gives the task, which waits on the socket.
pub fn serve(desk: Arc<Desk>) -> anyhow::Result<impl Future<Output = ()>> {
    let path = desk.site.paths.socket();
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let own = rustix::process::geteuid().as_raw();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    Ok(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(descriptors::AFTER_FAILURE).await;
                continue;
            };
            let Ok(turn) = turns.clone().acquire_owned().await else { return };
            let desk = desk.clone();
            tokio::spawn(async move {
                if let Ok(Some(stream)) = desk.attend(stream, own).await {
                    drop(turn);
                    stream.run().await;
                }
            });
        }
    })
}

/// What goes on over the socket after the answer.
enum Streamed {
    Watch(Box<attend::Watch>),
    Follow(Box<Follow>),
}

impl Streamed {
    async fn run(self) {
        match self {
            Streamed::Watch(watch) => watch.run().await,
            Streamed::Follow(follow) => follow.run().await,
        }
    }
}

/// Where orders are carried out, for the socket and for the console alike.
pub struct Desk {
    pub(crate) site: Arc<Site>,
    pub(crate) reload: Arc<Reloader>,
    pub(super) journal_key: String,
    pub(super) host_key: String,
    pub(super) signed_in: SignedIn,
    /// Whose turn it is to make a bundle.
    pub(super) exporting: Arc<Semaphore>,
}

impl Desk {
    /// The desk of a running site, with the public keys that it tells.
    pub fn new(site: Arc<Site>, reload: Arc<Reloader>, journal_key: String, host_key: String) -> Self {
        Self {
            site,
            reload,
            journal_key,
            host_key,
            signed_in: SignedIn::default(),
            exporting: Arc::new(Semaphore::new(1)),
        }
    }
}

pub(crate) fn gone(error: JournalGone) -> Failure {
    Failure::new(exit::TEMPORARY, error)
}

pub(super) fn not_reloaded(error: ReloadError) -> Failure {
    match error {
        error @ (ReloadError::Config(_) | ReloadError::ShutOut(_)) => Failure::new(exit::CONFIG, error),
        ReloadError::Journal(error) => gone(error),
        ReloadError::Refused(refusal) => refused(*refusal),
        waits @ ReloadError::Waits(_) => Failure::new(exit::TEMPORARY, waits),
    }
}

pub(super) fn refused(refusal: Refusal) -> Failure {
    refusal.into()
}

pub(crate) fn data(error: impl std::fmt::Display) -> Failure {
    Failure::new(exit::DATA, error)
}

pub(crate) fn software(error: impl std::fmt::Display) -> Failure {
    Failure::new(exit::SOFTWARE, error)
}

/// A brake says what is wrong with its reason before it acts.
pub(super) fn reasoned(reason: &str) -> Result<(), Failure> {
    let refusal = match reason {
        reason if reason.trim().is_empty() => Refusal::Empty("reason"),
        reason if reason.chars().count() > 2000 => Refusal::TooLong("reason"),
        _ => return Ok(()),
    };
    Err(Failure::saying(refusal, "the reason is empty or longer than 2000 characters: write one with --reason"))
}

pub(super) fn fingerprint(line: &str) -> Result<String, Failure> {
    let key = PublicKey::from_openssh(line.trim()).map_err(|_| refused(Refusal::Key(KeyError::Unreadable)))?;
    Ok(key.fingerprint(HashAlg::Sha256).to_string())
}

impl Desk {
    /// Answers one request. Somebody who may watch, or follow the journal, goes on from there, with the
    /// socket.
    async fn attend(&self, stream: UnixStream, own: u32) -> std::io::Result<Option<Streamed>> {
        let caller = Caller::of(&stream.peer_cred()?);
        let (reader, mut writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        let answer = if caller.uid != 0 && caller.uid != own {
            Err(Failure::new(exit::NOT_PERMITTED, "run this as root or as the daemon's user"))
        } else {
            let mut line = String::new();
            let mut bounded = (&mut reader).take(LONGEST);
            let read = tokio::time::timeout(PATIENCE, bounded.read_line(&mut line)).await;
            match read {
                Ok(Ok(_)) => match serde_json::from_str(&line) {
                    Ok(Order::SessionWatch { id, proof }) => match self.may_watch(&caller, &id, proof).await {
                        Ok(ticket) => {
                            write_response(&mut writer, Ok(json!({}))).await?;
                            return Ok(Some(Streamed::Watch(Box::new(socket::over(ticket, reader, writer)))));
                        }
                        Err(failure) => Err(failure),
                    },
                    Ok(order @ Order::JournalFollow { .. }) => match self.may_follow(&caller, order).await {
                        Ok(following) => {
                            write_response(&mut writer, Ok(json!({ "from": following.from }))).await?;
                            return Ok(Some(Streamed::Follow(Box::new(following.over(reader, writer)))));
                        }
                        Err(failure) => Err(failure),
                    },
                    Ok(order @ Order::EvidenceExport { .. }) => match self.evidence_for(order, &caller).await {
                        Ok(prepared) => {
                            write_response(&mut writer, Self::told(&prepared)).await?;
                            evidence::give_out(prepared, &mut writer).await?;
                            return Ok(None);
                        }
                        Err(failure) => Err(failure),
                    },
                    Ok(request) => self.answer(request, &caller).await,
                    Err(error) => Err(Failure::new(exit::USAGE, format!("the request is not understood: {error}"))),
                },
                _ => Err(Failure::new(exit::USAGE, "no request came")),
            }
        };
        write_response(&mut writer, answer).await?;
        Ok(None)
    }

    /// Who is signed in where the caller sits, with the roles they had then.
    fn signed_in_once(&self, caller: &Caller) -> Option<(StaffLogin, Vec<Role>)> {
        let now = self.site.clock.now();
        let signed_in = caller.seat.as_ref().and_then(|seat| self.signed_in.at(seat, now))?;
        Some((signed_in.staff, signed_in.roles))
    }

    /// Who is signed in where the caller sits, and may still be.
    async fn signed_in(&self, caller: &Caller) -> Result<Option<(StaffLogin, Vec<Role>)>, Failure> {
        let Some((staff, _)) = self.signed_in_once(caller) else { return Ok(None) };
        let wanted = staff.clone();
        let roles = self.site.registrar.view(move |core, _| {
            let staff = core.register.staff.get(&wanted).filter(|staff| staff.is_active());
            staff.map(|staff| staff.roles.iter().copied().collect())
        });
        // Without a journal nobody can be asked for; brakes go on as root's.
        Ok(roles.await.ok().flatten().map(|roles| (staff, roles)))
    }

    /// Who acts, if they may.
    pub(super) async fn actor(&self, request: &Order, caller: &Caller) -> Result<Actor, Failure> {
        let root = Actor::Root(caller.uid);
        let needs = needs(request);
        // Brakes act as whom the sign-in took somebody, without waiting for the journal (D18).
        let signed_in = match needs {
            Needs::Brake(_) | Needs::Freeze => self.signed_in_once(caller),
            _ => self.signed_in(caller).await?,
        };
        let (wanted, brake): (&[Role], bool) = match needs {
            Needs::Nothing | Needs::Proof => {
                return Ok(signed_in.map_or(root, |(staff, _)| Actor::Staff(staff)));
            }
            Needs::Freeze => (&[Role::Approver], false),
            Needs::Brake(roles) => (roles, true),
            Needs::Role(roles) => (roles, false),
        };
        match signed_in {
            Some((staff, roles)) if roles.iter().any(|role| wanted.contains(role)) => Ok(Actor::Staff(staff)),
            _ if brake => Ok(root),
            Some((staff, _)) => {
                let role = wanted.first().copied().unwrap_or(Role::Operator);
                Err(refused(Refusal::Role { staff, role }))
            }
            None if wanted.contains(&Role::Operator) && !self.has_operator().await? => Ok(root),
            None => {
                let names: Vec<String> = wanted.iter().map(ToString::to_string).collect();
                let text = format!(
                    "nobody is signed in at this terminal: `poterne login --as STAFF`, with the role {}",
                    names.join(" or ")
                );
                Err(Failure::new(exit::NOT_PERMITTED, text))
            }
        }
    }

    async fn has_operator(&self) -> Result<bool, Failure> {
        let any = |core: &Core, _| core.register.staff.values().any(|staff| staff.is(Role::Operator));
        self.site.registrar.view(any).await.map_err(gone)
    }

    /// Answers what depends on where the caller sits; everything else is carried out as whoever they
    /// are.
    async fn answer(&self, order: Order, caller: &Caller) -> Answer {
        let by = self.actor(&order, caller).await?;
        // The console brings no such order here.
        let opens = matches!(
            order,
            Order::InterventionApprove { .. } | Order::InterventionPlan { .. } | Order::InterventionExtend { .. }
        );
        if opens && self.site.config().site.sealed_command_line {
            return Err(refused(Refusal::CommandLineSealed));
        }
        match order {
            Order::Login { proof } => self.login(caller, proof).await,
            Order::Logout => {
                let who = caller.seat.as_ref().and_then(|seat| self.signed_in.end(seat));
                Ok(json!({ "staff": who }))
            }
            Order::Whoami => {
                let now = self.site.clock.now();
                let at = caller.seat.as_ref().and_then(|seat| self.signed_in.at(seat, now));
                let roles = self.signed_in(caller).await?.map(|(_, roles)| roles);
                let (staff, until) = at.map(|one| (one.staff, one.until)).unzip();
                Ok(json!({ "staff": staff, "roles": roles, "until": until, "uid": caller.uid }))
            }
            order => self.carry_out(order, by).await.map_err(|failure| self.with_what_there_is(failure)),
        }
    }

    /// A name that is not declared is mostly a slip: those that are stand beside it.
    fn with_what_there_is(&self, failure: Failure) -> Failure {
        let Some(Refusal::NotDeclared { what, name }) = failure.refusal.as_deref() else { return failure };
        let config = self.site.config();
        let all: Vec<String> = match *what {
            "vendor" => config.vendors.keys().map(ToString::to_string).collect(),
            "group" => config.groups.keys().map(ToString::to_string).collect(),
            "target" => config.targets.keys().map(ToString::to_string).collect(),
            _ => return failure,
        };
        let text = format!(
            "there is no {what} `{name}` in the configuration: there is {}; for another, declare it, then `poterne reload`",
            all.join(", ")
        );
        Failure { message: text, ..failure }
    }

    /// Carries out what somebody who may has asked for. Whether they may was found out before, but
    /// for what asks a person's own proof.
    pub(crate) async fn carry_out(&self, order: Order, by: Actor) -> Answer {
        let staff = match &by {
            Actor::Staff(staff) => Some(staff.clone()),
            _ => None,
        };
        let signed = || {
            staff.clone().ok_or_else(|| {
                Failure::new(exit::NOT_PERMITTED, "nobody is signed in at this terminal: `poterne login --as STAFF`")
            })
        };
        match order {
            // Where somebody sits is known to those who answer them.
            Order::Login { .. } | Order::Logout | Order::Whoami => Err(software("there is no seat to sign in at")),
            Order::Status => self.status().await,
            Order::Reload => match self.reload.reload(by).await {
                Ok(changes) => Ok(json!({ "changes": changes })),
                Err(error) => Err(not_reloaded(error)),
            },
            Order::CheckState => match self.reload.check_state().await {
                Ok(problems) => Ok(json!({ "problems": problems })),
                Err(error) => Err(not_reloaded(error)),
            },
            Order::TechnicianAdd { login, vendor, person, proofing, keys, factors } => {
                self.technician_add(Invitee { login, vendor, person, proofing, keys }, factors, by).await
            }
            Order::TechnicianInvite { login, vendor, person, proofing, keys } => {
                self.technician_invite(Invitee { login, vendor, person, proofing, keys }, by).await
            }
            Order::TechnicianActivate { login, word } => self.technician_activate(login, word, by).await,
            Order::TechnicianReset { login, reason, enable } => self.technician_reset(login, reason, enable, by).await,
            Order::TechnicianShow { login } => self.technician_show(login).await,
            Order::TechnicianKey { login, key, add } => self.technician_key(login, key, add, by).await,
            Order::TechnicianList => {
                let list = |core: &Core, now| {
                    core.register.accounts.values().map(|one| view::technician(one, now)).collect::<Value>()
                };
                self.site.registrar.view(list).await.map_err(gone)
            }
            Order::TechnicianDisable { login, reason } => self.technician_disable(login, reason, by).await,
            Order::TechnicianUnlock { login } => {
                self.command(Command::UnlockTechnician { technician: login, by }).await
            }
            Order::StaffAdd { login, person, roles, groups, factors } => {
                self.staff_add(login, person, roles, groups, factors, by).await
            }
            Order::StaffInvite { login, person, roles, groups } => {
                self.staff_invite(login, person, roles, groups, by).await
            }
            Order::StaffReset { login, reason } => self.staff_reset(login, reason, by).await,
            Order::StaffChange { login, roles, groups, reason } => {
                self.staff_change(login, roles, groups, reason, by).await
            }
            Order::StaffUnlock { login } => self.command(Command::UnlockStaff { staff: login, by }).await,
            Order::StaffLanguage { language } => {
                self.command(Command::ChooseLanguage { staff: signed()?, language }).await
            }
            Order::StaffList => {
                let list =
                    |core: &Core, now| core.register.staff.values().map(|one| view::staff(one, now)).collect::<Value>();
                self.site.registrar.view(list).await.map_err(gone)
            }
            Order::StaffDisable { login, reason } => {
                self.signed_in.forget(&login);
                self.command(Command::DisableStaff { staff: login, reason, by }).await?;
                self.judge_live_sessions_again().await;
                Ok(json!({}))
            }
            Order::TargetCredential { target, login, credential } => {
                self.credential(target, login, credential, by).await
            }
            Order::TargetPinned { target, fingerprint } => {
                let fingerprint = fingerprint.chars().take(100).collect();
                self.site.registrar.note(vec![Event::TargetPinned { target, fingerprint, by }]).await;
                Ok(json!({}))
            }
            Order::InterventionList { all } => self.intervention_list(all).await,
            Order::InterventionShow { number } => self.intervention_show(InterventionNumber(number)).await,
            Order::InterventionApprove { number, proof, code, verified, rights, minutes } => {
                self.intervention_approve(InterventionNumber(number), proof, code, verified, rights, minutes).await
            }
            Order::InterventionRefuse { number, proof, reason } => {
                self.intervention_refuse(InterventionNumber(number), staff.clone(), proof, reason).await
            }
            Order::InterventionWithdraw { number } => {
                let number = InterventionNumber(number);
                self.command(Command::Withdraw { number, cause: WithdrawCause::Staff, by: Some(by) }).await
            }
            Order::InterventionPlan { proof, planned } => self.intervention_plan(proof, planned).await,
            Order::InterventionExtend { number, proof, verified, minutes } => {
                self.intervention_extend(InterventionNumber(number), proof, verified, minutes).await
            }
            Order::InterventionReview { number, text } => {
                self.command(Command::Review { number: InterventionNumber(number), staff: signed()?, text }).await
            }
            Order::SessionList { all } => self.session_list(all).await,
            Order::SessionShow { id } => self.session_show(&id).await,
            Order::SessionReceipt { id } => self.session_receipt(&id).await,
            Order::SessionCut { id, reason } => self.session_cut(&id, &reason, by).await,
            Order::SessionFreeze { id, reason } => self.session_freeze(&id, reason, &signed()?).await,
            Order::SessionResume { id, proof } => self.session_resume(&id, staff.clone(), proof).await,
            // Taken by `attend`, which hands the socket over.
            Order::SessionWatch { .. } => Err(software("watching takes the socket over")),
            Order::EvidenceExport { .. } => Err(software("a bundle takes the socket over")),
            // Taken by `attend` too.
            Order::JournalFollow { .. } => Err(software("following takes the socket over")),
            Order::RecordingList => self.recording_list().await,
            Order::RecordingShow { id } => self.recording_show(&id).await,
            Order::RecordingRead { id, how, purpose } => self.recording_read(&id, how, purpose, signed()?).await,
            Order::RecordingSearch { expression, purpose, scope, keys } => {
                self.recording_search(expression, purpose, scope, keys, signed()?).await
            }
            Order::RecordingUnwrap { id, purpose } => {
                self.recording_read(&id, "unwrap for another".to_owned(), purpose, signed()?).await
            }
            Order::ExportRead { what, rows, filters } => {
                self.export_read(what, rows, &filters, Reader::Staff(signed()?)).await
            }
            Order::TokenMake { proof, label, scope, days } => {
                self.token_make(staff.clone(), proof, NewToken { label, scope, days }).await
            }
            Order::TokenRevoke { id } => self.command(Command::RevokeToken { id, by }).await,
            Order::TokenList => self.token_list().await,
            Order::AnchorList => Ok(self.anchor_list()),
            Order::AnchorNow => self.anchor_now().await,
            Order::AcceptRollback { proof, reason } => self.accept_rollback(&proof, reason).await,
            Order::BackupMade { name, size, recordings, bytes } => {
                self.backup_made(name, size, recordings, bytes, by).await
            }
            Order::LockdownBegin { reason } => self.lockdown_begin(reason, by).await,
            Order::LockdownEnd { reason } => self.lockdown_end(reason, by).await,
            Order::LockdownReopen { group, reason } => self.lockdown_reopen(group, reason, by).await,
            Order::VendorFreeze { vendor, reason } => self.vendor_freeze(vendor, reason, by).await,
            Order::VendorThaw { vendor, reason } => self.command(Command::ThawVendor { vendor, reason, by }).await,
            Order::VendorList => self.vendor_list().await,
            Order::SourceList => Ok(self.source_list()),
            Order::SourceLift { source, reason } => self.source_lift(&source, reason, by).await,
            Order::VendorRotate { vendor, reason } => self.vendor_rotate(vendor, reason, by).await,
            Order::AlertList { all } => self.alert_list(all).await,
            Order::AlertAck { alert, note } => self.alert_ack(alert, note, signed()?).await,
            Order::BreakGlassPrint { count } => self.break_glass_print(count, by).await,
            Order::BreakGlassApprove { number, proof, sealed, code, verified, rights, minutes } => {
                let number = InterventionNumber(number);
                let asked = Approving { number, proof, sealed, code, verified, rights, minutes };
                self.break_glass_approve(asked, by).await
            }
            Order::ChangeList => Ok(self.change_list()),
            Order::ChangeAccept { digest, proof } => self.change_accept(digest, proof).await,
            Order::ChangeRefuse { digest, reason } => self.change_refuse(digest, reason, by).await,
            Order::Explain { technician, target, at, source } => self.explain(technician, target, at, source).await,
            Order::Conformity => self.conformity().await,
            Order::Report(asked) => self.report(asked, staff.clone()).await,
            Order::NotifyTest { channel } => crate::notify::test(&self.site, channel, &by).await,
            Order::RetentionPlan => self.retention_plan().await,
            Order::RetentionTombstones => self.retention_tombstones().await,
            Order::RetentionRun => self.retention_run(by).await,
            Order::HoldAdd { on, reason, until } => self.hold_add(on, reason, until, by).await,
            Order::HoldList => self.hold_list().await,
            Order::HoldRelease { hold, reason } => self.hold_release(hold, reason, by).await,
            Order::SubjectExport { login } => self.subject_export(&login, signed()?).await,
        }
    }

    pub(super) async fn command(&self, command: Command) -> Answer {
        self.site.registrar.command(command).await.map_err(gone)?.map_err(refused)?;
        Ok(json!({}))
    }

    /// Judges password and code together; a success is journalled with its purpose.
    pub(crate) async fn sign_in(&self, proof: &Proof, purpose: String) -> Result<(), Failure> {
        let attempt = self.prove(proof).await?;
        self.command(Command::Prove { attempt, purpose }).await?;
        Ok(())
    }

    /// Signs somebody in at the caller's terminal (D11).
    async fn login(&self, caller: &Caller, proof: Proof) -> Answer {
        let Some(seat) = caller.seat.clone() else {
            return Err(Failure::new(exit::NOT_PERMITTED, "the kernel does not say where you sit: nobody can sign in"));
        };
        self.sign_in(&proof, format!("sign in as uid {}", caller.uid)).await?;
        let wanted = proof.staff.clone();
        let roles = self.site.registrar.view(move |core, _| {
            core.register.staff.get(&wanted).map(|staff| staff.roles.iter().copied().collect::<Vec<_>>())
        });
        let roles = roles.await.map_err(gone)?.unwrap_or_default();
        let until = self.signed_in.begin(seat, proof.staff.clone(), roles, self.site.clock.now());
        Ok(json!({ "staff": proof.staff, "until": until }))
    }

    /// Whether the caller may watch: a person at a terminal, who is signed in or proves who they are (T22).
    async fn may_watch(&self, caller: &Caller, id: &str, proof: Option<Proof>) -> Result<attend::Ticket, Failure> {
        let id: lifecycle::SessionId = id.parse().map_err(data)?;
        if !caller.has_terminal() {
            return Err(Failure::new(
                exit::NOT_PERMITTED,
                "watching takes a person at a terminal: run it in one, not in a script",
            ));
        }
        let staff = match proof {
            Some(proof) => {
                let attempt = self.prove(&proof).await?;
                self.command(Command::Prove { attempt, purpose: format!("watch {id}") }).await?;
                proof.staff
            }
            None => {
                let request = Order::SessionWatch { id: id.to_string(), proof: None };
                match self.actor(&request, caller).await? {
                    Actor::Staff(staff) => staff,
                    _ => return Err(Failure::new(exit::NOT_PERMITTED, "sign in first: `poterne login --as STAFF`")),
                }
            }
        };
        self.ticket(&staff, &id).await
    }

    pub(crate) async fn status(&self) -> Answer {
        let config = self.site.config();
        let (live, now) = (self.site.live.count(), self.site.clock.now());
        let looked = self
            .site
            .registrar
            .view(|core, at| {
                let pending = core.register.current().filter(|one| one.state.is_pending()).count();
                let unsealed = core.register.sessions.values().filter(|one| one.end.is_some() && one.sealed.is_none());
                let review = core.register.interventions.values().filter(|one| one.wants_review()).count();
                let last_run = core.register.retention.last.as_ref().map(|run| run.at);
                let (armed, backed_up) = (core.register.is_armed(at), core.register.backed_up);
                (pending, unsealed.count(), review, armed, last_run, backed_up)
            })
            .await;
        let crisis = self.site.registrar.view(|core, _| {
            let envelope = core.register.break_glass.as_ref();
            let opened = envelope.is_some_and(lifecycle::BreakGlass::is_opened);
            (core.register.alerts.waiting().count(), envelope.map(lifecycle::BreakGlass::left), opened)
        });
        let (alerts, codes, opened) = crisis.await.unwrap_or_default();
        // The journal's end is itself something to be told.
        let (pending, unsealed, review, armed, last_run, backed_up) = looked.unwrap_or_default();
        let checkpoint = self.site.registrar.checkpoints().borrow().to_string();
        let locked = self.locked().await;
        let mut status = json!({
            "site": config.site.name,
            "version": env!("CARGO_PKG_VERSION"),
            "config": config.digest,
            "time": now,
            "clock_trusted": self.site.clock.is_trusted(),
            "journal_works": looked.is_ok(),
            "lacks": self.site.lacks.all(),
            "lockdown": self.site.lockdown.is_on(),
            "lockdown_because": locked.as_ref().map(|(text, _)| text),
            "lockdown_since": locked.as_ref().map(|(_, since)| since),
            "lockdown_reopened": self.site.lockdown.reopened(),
            "alerts_waiting": alerts,
            "change_waits": self.reload.waiting().map(|one| one.digest),
            "envelope_codes": codes,
            "envelope_opened": opened,
            "armed": armed,
            "live_sessions": live,
            "penalised_sources": self.site.limits.penalised(&config).iter().filter(|one| one.penalised).count(),
            "pending_interventions": pending,
            "emergencies_to_review": review,
            "recordings_to_seal": unsealed,
            "last_retention_run": last_run,
            "journal_key": self.journal_key,
            "host_key": self.host_key,
            "checkpoint": checkpoint,
            "anchors": self.anchor_list(),
            "last_backup": backed_up,
            "rollback": self.rollback().await,
        });
        if let Value::Object(fields) = &mut status {
            fields.extend(self.walls());
            let receivers = self.site.siem.receivers();
            fields.extend(receivers.iter().map(|(name, one)| (format!("siem.{name}"), one.summary().into())));
        }
        Ok(status)
    }
}

impl Desk {
    /// How the process is shut in: what the kernel says of it, and what Landlock gave.
    fn walls(&self) -> impl Iterator<Item = (String, Value)> {
        let (confined, state) = (self.site.confined.as_deref(), State::now());
        let fields = [
            ("confined", json!(confined.is_some())),
            ("landlock_abi", json!(confined.map(Confined::landlock))),
            ("ports_confined", json!(confined.is_some_and(Confined::holds_ports))),
            ("calls_filtered", json!(state.map(|one| one.filtered))),
            ("no_new_privileges", json!(state.map(|one| one.no_new_privileges))),
            ("root", json!(state.map(|one| one.root))),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value))
    }

    /// Why all access is cut and since when, by the files. Their disk may hang; then nobody waits for it.
    async fn locked(&self) -> Option<(String, jiff::Timestamp)> {
        const PATIENCE: Duration = Duration::from_secs(1);
        if !self.site.lockdown.is_on() {
            return None;
        }
        let site = self.site.clone();
        let reason = tokio::task::spawn_blocking(move || site.lockdown.reason());
        tokio::time::timeout(PATIENCE, reason).await.ok()?.ok()?
    }
}

async fn write_response(writer: &mut (impl tokio::io::AsyncWrite + Unpin), answer: Answer) -> std::io::Result<()> {
    let response = match answer {
        Ok(value) => Response::Done(value),
        Err(failure) => Response::Failed(failure),
    };
    let mut line = serde_json::to_vec(&response).unwrap_or_default();
    line.push(b'\n');
    writer.write_all(&line).await
}

//! The lobby: everything before the session, inside keyboard-interactive authentication (promise 2).
//!
//! Each answer of the client is one step: it is taken by the room the technician stands in, which
//! says what is asked next and which room that is. What must be seen stands in a prompt, because
//! many clients hide instructions; all of it is ASCII, because some show nothing else. What each
//! client needs was tried out and stands in `docs/lobby.md`.

use crate::admission::{self, AdmissionError, Admitted};
use crate::enrolment::Enrolling;
use crate::entropy;
use crate::invitation::{Invitation, PlannedCode};
use crate::registrar::JournalGone;
use crate::relay::gate::Gate;
use crate::relay::pressure::ClientSide;
use crate::site::{Site, invitation_document, planned_document, technician_document};
use crate::target::{Answers, Asked, Question};
use crate::texts::{Texts, to_ascii};
use crate::vault::PersonSecrets;
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use lifecycle::{
    AccountId, Attempt, Command, Event, FactorsRequired, InterventionNumber, InterventionState, Judged, Refusal,
    RequestFacts, WithdrawCause,
};
use policy::{TargetAccount, TargetId, TechnicianLogin};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// Every refused login takes this long at least, counted from the code (D1, IDM-10): above what
/// judging takes.
const FLOOR: Duration = Duration::from_millis(1500);
/// A silent round this often keeps every client alive, and proves that it still is (docs/lobby.md).
const BEAT: Duration = Duration::from_secs(5);
/// A visible line this often.
const VISIBLE: Duration = Duration::from_secs(30);
/// Tries at a menu or an empty reason.
const TRIES: u8 = 3;
/// An end that lies further ahead is not worth a date in the menu.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Longest reason and ticket that are kept.
const LONGEST: usize = 200;

/// What a login line says: `technician`, `technician+target`, `technician+target+account`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The technician, as typed.
    pub technician: String,
    /// The target, as typed.
    pub target: Option<String>,
    /// The login on the target, as typed.
    pub account: Option<String>,
}

impl Login {
    /// Splits a login line. Whatever it is, it is asked for password and code (D1).
    pub fn parse(line: &str) -> Self {
        let mut parts = line.splitn(3, '+').map(str::to_owned);
        Self { technician: parts.next().unwrap_or_default(), target: parts.next(), account: parts.next() }
    }
}

/// One prompt and whether what is typed is shown.
pub type Prompt = (String, bool);

/// What to tell the client.
pub enum Say {
    /// Ask, or with no prompts just tell.
    Ask {
        /// Lines above the prompts.
        instructions: String,
        /// The prompts.
        prompts: Vec<Prompt>,
    },
    /// In.
    Accept,
    /// To the enrolment page, and nowhere else (D8).
    Enrol(Box<Enrolling>),
    /// Out. The reason goes into the disconnect message.
    Refuse {
        /// What the message says.
        reason: String,
        /// The client loses a reason that comes at once (dropbear).
        late: bool,
    },
}

/// How a client software wants to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manners {
    /// Shows every text.
    Plain,
    /// Opens a window that wants a click for every text: only silent rounds.
    Silent,
    /// Adds no line end to instructions, and loses reasons that come with the refusal.
    Dropbear,
}

impl Manners {
    fn of(identification: &str) -> Manners {
        let software = identification.strip_prefix("SSH-2.0-").unwrap_or_default();
        match software {
            s if s.starts_with("WinSCP") || s.starts_with("FileZilla") => Manners::Silent,
            s if s.starts_with("dropbear") => Manners::Dropbear,
            _ => Manners::Plain,
        }
    }
}

/// The technician, once proven.
#[derive(Clone)]
struct Known {
    account: AccountId,
    name: String,
}

/// What came of password and code.
enum Judgement {
    Known(Known),
    Invited(Box<Enrolling>),
    /// Refused, for whatever reason.
    Nobody,
}

enum Room {
    Password,
    Code { password: String },
    Notice { known: Known },
    Menu { known: Known, choices: Vec<TargetId>, tries: u8 },
    Planned { known: Known, target: TargetId, number: InterventionNumber },
    Reason { known: Known, target: TargetId, tries: u8 },
    Send { number: InterventionNumber, code: String, target: String },
    Waiting(Waiting),
    Asked { waiting: Waiting, answer: oneshot::Sender<Answers> },
    Welcome(Box<Admitted>),
    Goodbye { reason: String },
    Inside,
}

struct Waiting {
    number: InterventionNumber,
    code: String,
    target: String,
    since: Instant,
    shown: Instant,
    missing: u8,
    admission: Option<Admitting>,
}

/// An admission on its way.
struct Admitting {
    outcome: oneshot::Receiver<Result<Admitted, AdmissionError>>,
    /// What the target asks meanwhile (T21).
    questions: mpsc::Receiver<Question>,
}

/// One connection's lobby.
pub struct Lobby {
    site: Arc<Site>,
    client: Arc<ClientSide>,
    gate: Arc<Gate>,
    texts: Texts,
    login: Login,
    keys: Vec<String>,
    source: SocketAddr,
    room: Room,
}

impl Lobby {
    /// A lobby for a login line, with the fingerprints of the keys proven so far.
    pub fn new(site: Arc<Site>, client: Arc<ClientSide>, login: Login, keys: Vec<String>, source: SocketAddr) -> Self {
        let config = site.config();
        let texts = Texts::new(config.site.language, config.site.zone.clone());
        let gate = client.gate().clone();
        Self { site, client, gate, texts, login, keys, source, room: Room::Password }
    }

    /// The first question.
    pub fn begin(&self) -> Say {
        self.ask("", vec![(self.prompt("prompt-password"), false)])
    }

    /// Whether both factors have been proven.
    pub fn is_known(&self) -> bool {
        !matches!(self.room, Room::Password | Room::Code { .. })
    }

    /// The admitted session, once [`Say::Accept`] was said.
    pub fn admitted(&mut self) -> Option<Admitted> {
        match std::mem::replace(&mut self.room, Room::Inside) {
            Room::Welcome(admitted) => Some(*admitted),
            _ => None,
        }
    }

    /// Takes one round of answers.
    pub async fn answer(&mut self, answers: &[String]) -> Say {
        let first = answers.first().map(String::as_str).unwrap_or_default();
        match std::mem::replace(&mut self.room, Room::Inside) {
            Room::Password => {
                self.room = Room::Code { password: first.to_owned() };
                self.ask("", vec![(self.prompt("prompt-code"), true)])
            }
            Room::Code { password } => self.judge(password, first.to_owned()).await,
            Room::Notice { known } => {
                let accepted = matches!(first.trim().to_lowercase().as_str(), "yes" | "oui" | "y" | "o");
                if accepted { self.choose(known).await } else { self.goodbye("notice-declined", &[]) }
            }
            Room::Menu { known, choices, tries } => self.chosen(known, choices, tries, first).await,
            Room::Planned { known, target, number } => self.planned(known, target, number, first).await,
            Room::Reason { known, target, tries } => self.reasoned(known, target, tries, answers).await,
            Room::Send { number, code, target } => self.send(number, code, target).await,
            Room::Waiting(waiting) => self.wait(waiting).await,
            Room::Asked { waiting, answer } => {
                // To the target and nowhere else: not tried as ours, not kept. A target that has gone
                // meanwhile is told of by the admission.
                let _ = answer.send(answers.iter().cloned().map(Zeroizing::new).collect());
                self.wait(waiting).await
            }
            Room::Welcome(admitted) => {
                self.room = Room::Welcome(admitted);
                Say::Accept
            }
            Room::Goodbye { reason } => self.refuse(reason),
            Room::Inside => self.refuse(self.texts.text("access-denied")),
        }
    }

    fn manners(&self) -> Manners {
        Manners::of(self.gate.identification())
    }

    fn prompt(&self, key: &str) -> String {
        self.prompt_with(key, &[])
    }

    fn prompt_with(&self, key: &str, values: &[(&str, &str)]) -> String {
        format!("{} ", to_ascii(&self.texts.with(key, values)))
    }

    fn ask(&self, instructions: &str, prompts: Vec<Prompt>) -> Say {
        let mut instructions = to_ascii(instructions);
        match self.manners() {
            Manners::Silent if prompts.is_empty() => instructions.clear(),
            Manners::Dropbear if !instructions.is_empty() => instructions.push('\n'),
            _ => {}
        }
        Say::Ask { instructions, prompts }
    }

    fn refuse(&self, reason: String) -> Say {
        Say::Refuse { reason: to_ascii(&reason), late: self.manners() == Manners::Dropbear }
    }

    /// Tells the reason in a round of its own, then refuses: the form that every client shows.
    fn goodbye(&mut self, key: &str, values: &[(&str, &str)]) -> Say {
        let reason = self.texts.with(key, values);
        self.goodbye_text(reason)
    }

    fn goodbye_text(&mut self, reason: String) -> Say {
        let help = self.site.config().ssh.help.clone();
        let mut lines = fold(&reason);
        if !help.is_empty() {
            lines.push('\n');
            lines.push_str(&self.texts.with("denied-help", &[("help", &help)]));
        }
        self.room = Room::Goodbye { reason };
        self.ask(&lines, Vec::new())
    }

    fn journal_gone(&mut self, _: JournalGone) -> Say {
        self.goodbye("refused-internal", &[])
    }

    /// Judges password and code together, after the second (D1): one path for everybody, one floor
    /// under its duration.
    async fn judge(&mut self, password: String, code: String) -> Say {
        let begun = Instant::now();
        let known = self.compare(password, code).await;
        match known {
            Ok(Judgement::Known(known)) => self.welcome_known(known),
            Ok(Judgement::Invited(enrolling)) => Say::Enrol(enrolling),
            Ok(Judgement::Nobody) | Err(JournalGone) => {
                tokio::time::sleep_until(begun + FLOOR).await;
                self.room = Room::Goodbye { reason: String::new() };
                self.refuse(self.texts.text("access-denied"))
            }
        }
    }

    async fn compare(&mut self, password: String, code: String) -> Result<Judgement, JournalGone> {
        let login = self.login.technician.parse::<TechnicianLogin>().ok();
        let found = self
            .site
            .registrar
            .view(move |core, _| {
                let account = core.register.account(&login?)?;
                let vendor = core.config.vendors.get(&account.vendor);
                let language = vendor.map_or(core.config.site.language, |vendor| vendor.language);
                let required = match vendor {
                    Some(vendor) if !vendor.key => FactorsRequired::PasswordTotp,
                    _ => FactorsRequired::KeyPasswordTotp,
                };
                Some((account.id.clone(), account.identity.name.clone(), account.secret, required, language))
            })
            .await?;
        if let Some((account, .., language)) = &found
            && let Some(enrolling) = self.invited(account.clone(), *language, &password).await?
        {
            return Ok(Judgement::Invited(Box::new(enrolling)));
        }
        let secrets: Option<PersonSecrets> = found
            .as_ref()
            .and_then(|(id, _, generation, ..)| self.site.vault.get(&technician_document(id), *generation).ok());
        let vault_fits = secrets.is_some();
        let at = self.site.clock.now();
        let compared = self.site.comparer.compare(secrets, password, code, at).await;
        let Some((account, name, _, required, language)) = found else {
            self.site.registrar.probe(self.source.ip(), shorten(&self.login.technician)).await;
            return Ok(Judgement::Nobody);
        };
        let attempt = Attempt {
            account: account.clone(),
            source: self.source,
            password: compared.password,
            code: compared.code,
            keys: self.keys.clone(),
            target: self.login.target.clone(),
            vault_fits,
        };
        let judged = self
            .site
            .registrar
            .act(move |core, at| core.register.judge_factors(&core.rules, &attempt, required, at))
            .await?;
        if judged != Judged::Accepted {
            return Ok(Judgement::Nobody);
        }
        let config = self.site.config();
        self.texts = Texts::new(language, config.site.zone.clone());
        Ok(Judgement::Known(Known { account, name }))
    }

    /// Whether the password typed is the code of this account's invitation, good now and from here
    /// (D8). Every other account is judged as ever.
    async fn invited(
        &self,
        account: AccountId,
        language: config::Language,
        typed: &str,
    ) -> Result<Option<Enrolling>, JournalGone> {
        let wanted = account.clone();
        let invitation = self
            .site
            .registrar
            .view(move |core, _| core.register.accounts.get(&wanted).and_then(|one| one.invitation.clone()))
            .await?;
        let Some(invitation) = invitation else { return Ok(None) };
        let held = self.site.vault.get::<Invitation>(&invitation_document(&account), invitation.secret);
        if !held.is_ok_and(|held| held.fits(typed)) {
            return Ok(None);
        }
        let generation = invitation.secret;
        let (source, wanted) = (self.source, account.clone());
        let trusted = self.site.clock.is_trusted();
        let may = self
            .site
            .registrar
            .act(move |core, at| {
                let Some(one) = core.register.accounts.get(&wanted) else { return (Vec::new(), false) };
                let (account, technician) = (one.id.clone(), one.login.clone());
                let vendor = core.rules.vendors.get(&one.vendor);
                let why = match vendor {
                    _ if !trusted => Some("the clock is not trusted"),
                    _ if at >= invitation.until => Some("the invitation has run out"),
                    None => Some("the vendor is not declared"),
                    Some(vendor) if core.register.frozen_vendors.contains_key(&vendor.id) => {
                        Some("the vendor is frozen")
                    }
                    Some(vendor) if !vendor.sources.contain(source.ip()) => Some("not one of the vendor's sources"),
                    Some(_) => None,
                };
                match why {
                    None => (vec![Event::InvitationUsed { account, technician, source }], true),
                    Some(why) => {
                        let why = why.to_owned();
                        (vec![Event::InvitationRefused { account, technician, source, why }], false)
                    }
                }
            })
            .await?;
        let texts = Texts::new(language, self.site.config().site.zone.clone());
        Ok(may.then_some(Enrolling { account, invitation: generation, texts, source }))
    }

    fn welcome_known(&mut self, known: Known) -> Say {
        if !self.site.clock.is_trusted() {
            return self.goodbye("refused-clock", &[]);
        }
        let notice = self.notice();
        self.room = Room::Notice { known };
        self.ask(&notice, vec![(self.prompt("prompt-notice"), true)])
    }

    /// The notice of PRV-01, as this technician reads it.
    fn notice(&self) -> String {
        let name = self.site.config().site.name.clone();
        let keys = ["notice-1", "notice-2", "notice-3", "notice-4", "notice-5"];
        keys.map(|key| self.texts.with(key, &[("site", &name)])).join("\n")
    }

    /// The target of the login line, or a menu.
    async fn choose(&mut self, known: Known) -> Say {
        if let Some(target) = self.login.target.clone() {
            // The line was judged with the factors: it names a target of the list.
            return match target.parse::<TargetId>() {
                Ok(target) => self.ask_reason(known, target).await,
                Err(_) => self.goodbye("access-denied", &[]),
            };
        }
        self.menu(known, 0).await
    }

    async fn menu(&mut self, known: Known, tries: u8) -> Say {
        let (account, source) = (known.account.clone(), self.source);
        let listed = self
            .site
            .registrar
            .view(move |core, at| {
                let Some(holder) = core.register.accounts.get(&account) else { return (at, Vec::new()) };
                let mut targets: Vec<TargetId> = core
                    .rules
                    .vendors
                    .get(&holder.vendor)
                    .map(|vendor| vendor.allow.iter().flat_map(|rule| rule.targets.iter().cloned()).collect())
                    .unwrap_or_default();
                targets.sort();
                targets.dedup();
                let judge = |target: TargetId| {
                    let name = core.rules.targets.get(&target).map_or(String::new(), |target| target.name.clone());
                    let planned = core.register.planned_for(&account, &target, None, at);
                    let until = planned.and_then(|one| one.plan.as_ref()).map(|plan| plan.until);
                    let verdict = core.register.judge(&core.rules, &account, &target, None, source, at);
                    let verdict = verdict.map(|(terms, _)| terms.closes_at).map_err(|(denial, _)| denial);
                    (target, name, until.map_or(verdict, Ok))
                };
                (at, targets.into_iter().map(judge).collect::<Vec<_>>())
            })
            .await;
        let (now, listed) = match listed {
            Ok(listed) => listed,
            Err(gone) => return self.journal_gone(gone),
        };
        if listed.is_empty() {
            return self.goodbye("menu-empty", &[]);
        }
        let mut lines = vec![self.texts.text(if tries == 0 { "menu" } else { "menu-again" })];
        for (n, (target, name, open)) in listed.iter().enumerate() {
            let state = match open {
                Ok(until) if until.duration_since(now) > WEEK => self.texts.text("menu-open-long"),
                Ok(until) => self.texts.with("menu-open", &[("until", &self.texts.when(*until, now))]),
                Err(denial) => {
                    self.texts.with("menu-closed", &[("why", self.texts.denial(denial, now).trim_end_matches('.'))])
                }
            };
            lines.push(format!("  {}  {:<16} {}", n + 1, target.as_str(), state));
            if !name.is_empty() {
                lines.push(format!("     {name}"));
            }
        }
        let last = listed.len().to_string();
        self.room = Room::Menu { known, choices: listed.into_iter().map(|(target, ..)| target).collect(), tries };
        self.ask(&lines.join("\n"), vec![(self.prompt_with("prompt-target", &[("last", &last)]), true)])
    }

    async fn chosen(&mut self, known: Known, choices: Vec<TargetId>, tries: u8, typed: &str) -> Say {
        let typed = typed.trim();
        let by_number =
            typed.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).and_then(|n| choices.get(n).cloned());
        match by_number.or_else(|| choices.iter().find(|target| target.as_str() == typed).cloned()) {
            Some(target) => self.ask_reason(known, target).await,
            None if tries + 1 < TRIES => self.menu(known, tries + 1).await,
            None => self.goodbye("menu-again", &[]),
        }
    }

    fn asked_account(&self) -> Result<Option<TargetAccount>, ()> {
        self.login.account.as_deref().map(str::parse::<TargetAccount>).transpose().map_err(|_| ())
    }

    /// What the hospital opened in advance for this technician and target, if it is open now, is taken
    /// up with its code; whoever has none asks as everybody does (D7).
    async fn ask_reason(&mut self, known: Known, target: TargetId) -> Say {
        let Ok(account) = self.asked_account() else { return self.goodbye("denial-account-not-allowed", &[]) };
        let (who, wanted) = (known.account.clone(), target.clone());
        let planned = self
            .site
            .registrar
            .view(move |core, at| {
                core.register
                    .planned_for(&who, &wanted, account.as_ref(), at)
                    .map(|one| (one.number, one.asked.ticket.clone()))
            })
            .await;
        match planned {
            Err(gone) => self.journal_gone(gone),
            Ok(None) => self.ask_reason_on_demand(known, target).await,
            Ok(Some((number, ticket))) => {
                let shown = number.to_string();
                let text =
                    self.texts.with("planned", &[("number", &shown), ("target", target.as_str()), ("ticket", &ticket)]);
                self.room = Room::Planned { known, target, number };
                self.ask(&fold(&text), vec![(self.prompt("prompt-planned"), true)])
            }
        }
    }

    async fn planned(&mut self, known: Known, target: TargetId, number: InterventionNumber, typed: &str) -> Say {
        if typed.trim().is_empty() {
            return self.ask_reason_on_demand(known, target).await;
        }
        let generation = self.site.registrar.view(move |core, _| {
            core.register.interventions.get(&number).and_then(|one| one.plan.as_ref()).and_then(|plan| plan.secret)
        });
        let generation = match generation.await {
            Ok(generation) => generation.unwrap_or_default(),
            Err(gone) => return self.journal_gone(gone),
        };
        let held = self.site.vault.get::<PlannedCode>(&planned_document(number), generation);
        let code_fits = held.is_ok_and(|held| held.fits(typed));
        let notice = HEXLOWER.encode(digest(&SHA256, self.notice().as_bytes()).as_ref());
        let command = Command::Arrive { number, source: self.source, code_fits, notice };
        match self.site.registrar.command(command).await {
            Err(gone) => self.journal_gone(gone),
            Ok(Ok(())) => {
                tracing::info!(%number, "the technician of a planned intervention has arrived");
                let began = Instant::now();
                self.wait(Waiting {
                    number,
                    code: String::new(),
                    target: target.to_string(),
                    since: began,
                    shown: began,
                    missing: u8::MAX,
                    admission: None,
                })
                .await
            }
            Ok(Err(Refusal::WrongPlannedCode(left))) => self.goodbye("planned-wrong", &[("left", &left.to_string())]),
            Ok(Err(Refusal::Busy(number))) => self.goodbye("refused-busy", &[("number", &number.to_string())]),
            Ok(Err(Refusal::Denied(denial))) => {
                let reason = self.texts.denial(&denial, self.site.clock.now());
                self.goodbye("denied", &[("reason", &reason)])
            }
            Ok(Err(_)) => self.goodbye("refused-withdrawn", &[]),
        }
    }

    /// Says at once what is not possible, with the next opening, before anything is asked for.
    async fn ask_reason_on_demand(&mut self, known: Known, target: TargetId) -> Say {
        let Ok(account) = self.asked_account() else { return self.goodbye("denial-account-not-allowed", &[]) };
        let (source, asked, who) = (self.source, target.clone(), known.account.clone());
        let judged = self
            .site
            .registrar
            .act(move |core, at| match core.register.judge(&core.rules, &who, &asked, account, source, at) {
                Ok(_) => (Vec::new(), (at, None)),
                Err((denial, because)) => {
                    let technician = core.register.accounts.get(&who).map(|account| account.login.clone());
                    let event = technician.map(|technician| Event::RequestDenied {
                        account: who.clone(),
                        technician,
                        source,
                        target: asked.to_string(),
                        denial: denial.clone(),
                        because,
                    });
                    (event.into_iter().collect(), (at, Some(denial)))
                }
            })
            .await;
        match judged {
            Err(gone) => self.journal_gone(gone),
            Ok((now, Some(denial))) => {
                let reason = format!("{target}: {}", self.texts.denial(&denial, now));
                self.goodbye("denied", &[("reason", &reason)])
            }
            Ok((_, None)) => self.reason_prompts(known, target, 0),
        }
    }

    fn reason_prompts(&mut self, known: Known, target: TargetId, tries: u8) -> Say {
        let instructions = if tries == 0 { String::new() } else { self.texts.text("reason-again") };
        self.room = Room::Reason { known, target, tries };
        self.ask(&instructions, vec![(self.prompt("prompt-reason"), true), (self.prompt("prompt-ticket"), true)])
    }

    async fn reasoned(&mut self, known: Known, target: TargetId, tries: u8, answers: &[String]) -> Say {
        let written = |n: usize| answers.get(n).map(|text| shorten(text)).unwrap_or_default();
        let (reason, ticket) = (written(0), written(1));
        if reason.is_empty() {
            return if tries + 1 < TRIES {
                self.reason_prompts(known, target, tries + 1)
            } else {
                self.goodbye("reason-again", &[])
            };
        }
        let ticket = if ticket.is_empty() { "-".to_owned() } else { ticket };
        let Ok(code) = entropy::readable_code(4) else { return self.goodbye("refused-internal", &[]) };
        let facts = RequestFacts {
            account: known.account.clone(),
            target: target.clone(),
            login: self.asked_account().unwrap_or(None),
            source: self.source,
            reason: reason.clone(),
            ticket: ticket.clone(),
            notice: HEXLOWER.encode(digest(&SHA256, self.notice().as_bytes()).as_ref()),
        };
        match self.site.registrar.request(facts.clone(), code.clone()).await {
            Err(gone) => self.journal_gone(gone),
            Ok(Err(refusal)) => self.request_refused(refusal, facts).await,
            Ok(Ok(number)) => self.summarise(number, code, &known, target, &reason, &ticket).await,
        }
    }

    async fn summarise(
        &mut self,
        number: InterventionNumber,
        code: String,
        known: &Known,
        target: TargetId,
        reason: &str,
        ticket: &str,
    ) -> Say {
        let asked = self
            .site
            .registrar
            .view(move |core, _| core.register.interventions.get(&number).map(|one| one.asked.clone()))
            .await;
        let (account, supervised) = match asked {
            Ok(Some(asked)) => (asked.login.to_string(), asked.supervision == policy::Supervision::Required),
            _ => (String::new(), false),
        };
        let shown = number.to_string();
        let mut lines = vec![
            self.texts.with(
                "summary",
                &[("number", &shown), ("name", &known.name), ("target", target.as_str()), ("account", &account)],
            ),
            format!("  {}", self.texts.with("summary-reason", &[("reason", reason), ("ticket", ticket)])),
        ];
        if supervised {
            lines.push(self.texts.text("summary-supervised"));
        }
        let instructions = fold(&lines.join("\n"));
        let prompt = self.prompt_with("prompt-send", &[("code", &code)]);
        self.room = Room::Send { number, code, target: target.to_string() };
        self.ask(&instructions, vec![(prompt, true)])
    }

    async fn request_refused(&mut self, refusal: Refusal, facts: RequestFacts) -> Say {
        let now = self.site.clock.now();
        let why = refusal.to_string();
        let event = move |core: &mut crate::registrar::Core, _: Timestamp| {
            let technician = core.register.accounts.get(&facts.account).map(|account| account.login.clone());
            let event = technician.map(|technician| Event::RequestRefused {
                account: facts.account.clone(),
                technician,
                source: facts.source,
                target: facts.target.clone(),
                why,
            });
            (event.into_iter().collect(), ())
        };
        let _ = self.site.registrar.act(event).await;
        match refusal {
            Refusal::Busy(number) => self.goodbye("refused-busy", &[("number", &number.to_string())]),
            Refusal::CoolingDown(until) => {
                let until = self.texts.when(until, now);
                self.goodbye("refused-cooling", &[("until", &until)])
            }
            Refusal::Denied(denial) => {
                let reason = self.texts.denial(&denial, now);
                self.goodbye("denied", &[("reason", &reason)])
            }
            _ => self.goodbye("refused-internal", &[]),
        }
    }

    async fn send(&mut self, number: InterventionNumber, code: String, target: String) -> Say {
        match self.site.registrar.command(Command::Submit { number }).await {
            Err(gone) => return self.journal_gone(gone),
            Ok(Err(_)) => return self.goodbye("refused-expired", &[]),
            Ok(Ok(())) => {}
        }
        let now = self.site.clock.now();
        let time = self.texts.when(now, now);
        let lines = format!(
            "{}\n{}",
            self.texts.with("waiting-sent", &[("time", &time)]),
            self.texts.with("waiting-sent-code", &[("code", &code)])
        );
        let began = Instant::now();
        self.room = Room::Waiting(Waiting {
            number,
            code,
            target,
            since: began,
            shown: began,
            missing: u8::MAX,
            admission: None,
        });
        self.ask(&lines, Vec::new())
    }

    /// One beat: returns when something was decided, and after five seconds at the latest.
    async fn wait(&mut self, mut waiting: Waiting) -> Say {
        let until = Instant::now() + BEAT;
        let mut changes = self.site.registrar.changes();
        loop {
            changes.mark_unchanged();
            let state = match self.site.registrar.state_of(waiting.number).await {
                Ok(state) => state,
                Err(gone) => return self.journal_gone(gone),
            };
            if let Some(mut admission) = waiting.admission.take() {
                tokio::select! {
                    outcome = &mut admission.outcome => {
                        return self.came_in(outcome.unwrap_or(Err(AdmissionError::Internal)));
                    }
                    Some(question) = admission.questions.recv() => {
                        waiting.admission = Some(admission);
                        return self.target_asks(question, waiting);
                    }
                    () = tokio::time::sleep_until(until) => {
                        waiting.admission = Some(admission);
                        self.room = Room::Waiting(waiting);
                        return self.ask("", Vec::new());
                    }
                    () = self.gate.peer_gone() => {
                        waiting.admission = Some(admission);
                        self.room = Room::Waiting(waiting);
                        return self.refuse(String::new());
                    }
                }
            }
            match state {
                Some((InterventionState::Requested, missing)) => {
                    let first = waiting.missing == u8::MAX;
                    if waiting.missing != missing {
                        waiting.missing = missing;
                        if !first {
                            let text = self.texts.with("waiting-seconds", &[("missing", &missing.to_string())]);
                            self.room = Room::Waiting(waiting);
                            return self.ask(&text, Vec::new());
                        }
                    }
                }
                Some((InterventionState::Approved, _)) => {
                    let (done, outcome) = oneshot::channel();
                    let (asker, questions) = mpsc::channel(1);
                    tokio::spawn(admission::admit(
                        self.site.clone(),
                        self.client.clone(),
                        waiting.number,
                        self.texts.clone(),
                        asker,
                        done,
                    ));
                    let text = self.texts.with("waiting-connecting", &[("target", &waiting.target)]);
                    waiting.admission = Some(Admitting { outcome, questions });
                    self.room = Room::Waiting(waiting);
                    return self.ask(&text, Vec::new());
                }
                Some((InterventionState::Refused, _)) => return self.was_refused(waiting.number).await,
                Some((InterventionState::Expired, _)) => return self.goodbye("refused-expired", &[]),
                _ => return self.goodbye("refused-withdrawn", &[]),
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep_until(until) => break,
                () = self.gate.peer_gone() => {
                    self.room = Room::Waiting(waiting);
                    return self.refuse(String::new());
                }
            }
        }
        let mut text = String::new();
        if waiting.shown.elapsed() >= VISIBLE {
            waiting.shown = Instant::now();
            let seconds = waiting.since.elapsed().as_secs();
            let elapsed = format!("{}:{:02}", seconds / 60, seconds % 60);
            text = self.texts.with("waiting-still", &[("code", &waiting.code), ("elapsed", &elapsed)]);
        }
        self.room = Room::Waiting(waiting);
        self.ask(&text, Vec::new())
    }

    /// A target asks the technician something: behind all of our own questions, each line begun with
    /// whose it is (T21).
    fn target_asks(&mut self, question: Question, waiting: Waiting) -> Say {
        let who = self.texts.with("target-asks", &[("target", &waiting.target)]);
        let prompt = |asked: Asked| (format!("{} ", to_ascii(format!("[{who}] {}", asked.line).trim())), asked.shown);
        let prompts = question.asked.into_iter().map(prompt).collect();
        let text = self.texts.with("target-asks-notice", &[("target", &waiting.target)]);
        self.room = Room::Asked { waiting, answer: question.answer };
        self.ask(&fold(&text), prompts)
    }

    fn came_in(&mut self, outcome: Result<Admitted, AdmissionError>) -> Say {
        match outcome {
            Ok(admitted) => {
                let now = self.site.clock.now();
                let until = self.texts.when(admitted.until, now);
                self.room = Room::Welcome(Box::new(admitted));
                if self.manners() == Manners::Silent {
                    return Say::Accept;
                }
                self.ask(&self.texts.with("approved", &[("until", &until)]), Vec::new())
            }
            Err(AdmissionError::Target { target, text }) => {
                let why = self.texts.text(text);
                self.goodbye("refused-target", &[("target", target.as_str()), ("why", &why)])
            }
            Err(AdmissionError::Ended(cause)) => {
                let reason = self.texts.end(&cause);
                self.goodbye("notice-ended", &[("reason", &reason)])
            }
            Err(AdmissionError::Denied(denial)) => {
                let reason = self.texts.denial(&denial, self.site.clock.now());
                self.goodbye("denied", &[("reason", &reason)])
            }
            Err(AdmissionError::Internal) => self.goodbye("refused-internal", &[]),
        }
    }

    async fn was_refused(&mut self, number: InterventionNumber) -> Say {
        let refused = self
            .site
            .registrar
            .view(move |core, _| core.register.interventions.get(&number).and_then(|one| one.refused.clone()))
            .await;
        match refused {
            Ok(Some((Some(_), reason))) => self.goodbye("refused-by-staff", &[("reason", &reason)]),
            Ok(_) => self.goodbye("refused-codes", &[]),
            Err(gone) => self.journal_gone(gone),
        }
    }
}

impl Drop for Lobby {
    /// The client left, or its connection was ended: what it asked for is withdrawn.
    fn drop(&mut self) {
        let number = match &mut self.room {
            Room::Send { number, .. } => *number,
            Room::Waiting(waiting) | Room::Asked { waiting, .. } => {
                // An admission that was over before its outcome was asked for leaves nothing open.
                if let Some(admission) = &mut waiting.admission {
                    admission.outcome.close();
                    if let Ok(Ok(admitted)) = admission.outcome.try_recv() {
                        admitted.session.brake(lifecycle::EndCause::ConnectionLost);
                    }
                }
                waiting.number
            }
            Room::Welcome(admitted) => {
                admitted.session.brake(lifecycle::EndCause::ConnectionLost);
                return;
            }
            _ => return,
        };
        let site = self.site.clone();
        // Outside a runtime the program is ending, and the next start withdraws what is pending.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ =
                    site.registrar.command(Command::Withdraw { number, cause: WithdrawCause::Left, by: None }).await;
            });
        }
    }
}

/// A text that people wrote, fit to be shown and kept: one line, nothing hidden, not too long.
fn shorten(text: &str) -> String {
    let visible: String = text
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'))
        .take(LONGEST)
        .collect();
    visible.trim().to_owned()
}

/// Lines of at most 74 columns: PuTTY adds two and breaks at 80 in the middle of words.
pub(crate) fn fold(text: &str) -> String {
    const WIDTH: usize = 74;
    let mut lines = Vec::new();
    for line in text.lines() {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let mut current = indent.clone();
        for word in line.split_whitespace() {
            if current.chars().count() + word.chars().count() + 1 > WIDTH && current.trim() != "" {
                lines.push(std::mem::replace(&mut current, indent.clone()));
            }
            if current.trim() != "" {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_split_at_plus() {
        let login = Login::parse("alice+scanner-irm+maint");
        assert_eq!(
            (login.technician.as_str(), login.target.as_deref(), login.account.as_deref()),
            ("alice", Some("scanner-irm"), Some("maint"))
        );
        assert_eq!(Login::parse("alice").target, None);
        assert_eq!(Login::parse("a+b+c+d").account.as_deref(), Some("c+d"));
        assert_eq!(Login::parse("").technician, "");
    }

    #[test]
    fn what_people_write_is_one_visible_line() {
        assert_eq!(shorten(" PACS\r\n disk \u{1b}[31m\u{202e}x "), "PACS disk [31mx");
        assert_eq!(shorten(&"x".repeat(500)).len(), LONGEST);
    }

    #[test]
    fn lines_fit_the_narrowest_client() {
        let text = "word ".repeat(60);
        assert!(fold(&text).lines().all(|line| line.len() <= 74));
        assert_eq!(fold("a\n  b"), "a\n  b");
    }

    #[test]
    fn clients_are_known_by_their_line() {
        assert_eq!(Manners::of("SSH-2.0-WinSCP_release_6.5"), Manners::Silent);
        assert_eq!(Manners::of("SSH-2.0-dropbear_2022.83"), Manners::Dropbear);
        assert_eq!(Manners::of("SSH-2.0-OpenSSH_9.2p1"), Manners::Plain);
    }
}

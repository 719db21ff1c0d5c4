//! The lobby: everything before the session, inside keyboard-interactive authentication (promise 2).
//!
//! Each answer of the client is one step: it is taken by the room the technician stands in, which
//! says what is asked next and which room that is. What must be seen stands in a prompt, because
//! many clients hide instructions; all of it is ASCII, because some show nothing else. What each
//! client needs was tried out and stands in `docs/lobby.md`.

mod asking;
mod choosing;
mod joining;
mod planned;
mod proving;
mod texts;
mod waiting;

pub(crate) use texts::fold;

use crate::admission::Admitted;
use crate::enrolment::Enrolling;
use crate::registrar::JournalGone;
use crate::relay::gate::Gate;
use crate::relay::pressure::ClientSide;
use crate::site::Site;
use crate::target::Answers;
use crate::texts::{Texts, to_ascii};
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use lifecycle::{AccountId, Command, EndCause, InterventionNumber, JoinFacts, WithdrawCause};
use policy::TargetId;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;
use waiting::Waiting;
use zeroize::Zeroizing;

/// Tries at a menu or an empty reason.
const TRIES: u8 = 3;

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

enum Room {
    Password,
    Code { password: String },
    Notice { known: Known },
    Menu { known: Known, choices: Vec<TargetId>, tries: u8 },
    Planned { known: Known, target: TargetId, number: InterventionNumber },
    Joining { number: InterventionNumber, facts: JoinFacts },
    Reason { known: Known, target: TargetId, tries: u8 },
    Send { number: InterventionNumber, code: String, target: String },
    Waiting(Waiting),
    Asked { waiting: Waiting, answer: oneshot::Sender<Answers> },
    Welcome(Box<Admitted>),
    Goodbye { reason: String },
    Inside,
}

impl Room {
    /// What this connection asked for and has not got yet.
    fn number(&self) -> Option<InterventionNumber> {
        match self {
            Room::Send { number, .. } => Some(*number),
            Room::Waiting(waiting) | Room::Asked { waiting, .. } => Some(waiting.number),
            _ => None,
        }
    }
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The technician's address: the socket's, or what a named proxy says of it.
    pub source: SocketAddr,
    /// The proxy's own address (T24).
    pub via: Option<SocketAddr>,
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
    via: Option<SocketAddr>,
    /// Of whom both factors have been proven. No room says so: a refusal stands in one too.
    proven: Option<AccountId>,
    room: Room,
}

impl Lobby {
    /// A lobby for a login line, with the fingerprints of the keys proven so far.
    pub fn new(site: Arc<Site>, client: Arc<ClientSide>, login: Login, keys: Vec<String>, origin: Origin) -> Self {
        let config = site.config();
        let texts = Texts::new(config.site.language, config.site.zone.clone());
        let gate = client.gate().clone();
        let Origin { source, via } = origin;
        Self { site, client, gate, texts, login, keys, source, via, proven: None, room: Room::Password }
    }

    /// The first question.
    pub fn begin(&self) -> Say {
        self.ask("", vec![(self.prompt("prompt-password"), false)])
    }

    /// Whether both factors have been proven.
    pub fn is_known(&self) -> bool {
        self.proven.is_some()
    }

    /// Whose they are.
    pub(super) fn known(&self) -> Option<&AccountId> {
        self.proven.as_ref()
    }

    /// The admitted session, once [`Say::Accept`] was said.
    pub fn admitted(&mut self) -> Option<Admitted> {
        match std::mem::replace(&mut self.room, Room::Inside) {
            Room::Welcome(admitted) => Some(*admitted),
            _ => None,
        }
    }

    /// Takes one round of answers. Waits on the registrar, on a beat at the most, and for nothing any more once the
    /// red button was pressed: whatever step it finds is not carried further (D18).
    pub async fn answer(&mut self, answers: &[String]) -> Say {
        if !self.is_known() || matches!(self.room, Room::Goodbye { .. } | Room::Inside) {
            return self.step(answers).await;
        }
        let (site, number) = (self.site.clone(), self.room.number());
        tokio::select! {
            biased;
            () = site.lockdown.began() => {
                if let Some(number) = number {
                    self.withdraw(number);
                }
                self.room = Room::Inside;
                self.goodbye_text(self.if_cut())
            }
            say = self.step(answers) => say,
        }
    }

    async fn step(&mut self, answers: &[String]) -> Say {
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
            Room::Joining { number, facts } => self.join(number, facts, first),
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

    /// What this technician is told if all access is cut while they are in the lobby (D18).
    pub(super) fn if_cut(&self) -> String {
        self.texts.with("denied", &[("reason", &self.texts.end(&EndCause::Lockdown))])
    }

    /// Nothing comes of what this connection asked for.
    fn withdraw(&self, number: InterventionNumber) {
        let site = self.site.clone();
        // Outside a runtime the program is ending, and the next start withdraws what is pending.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ =
                    site.registrar.command(Command::Withdraw { number, cause: WithdrawCause::Left, by: None }).await;
            });
        }
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

    /// The notice of PRV-01, as this technician reads it.
    fn notice(&self) -> String {
        let name = self.site.config().site.name.clone();
        let keys = ["notice-1", "notice-2", "notice-3", "notice-4", "notice-5"];
        keys.map(|key| self.texts.with(key, &[("site", &name)])).join("\n")
    }

    /// The digest of the notice that was acknowledged (PRV-01).
    fn notice_digest(&self) -> String {
        HEXLOWER.encode(digest(&SHA256, self.notice().as_bytes()).as_ref())
    }
}

impl Drop for Lobby {
    /// The client left, or its connection was ended: what it asked for is withdrawn.
    fn drop(&mut self) {
        match &mut self.room {
            Room::Waiting(waiting) | Room::Asked { waiting, .. } => {
                // An admission that was over before its outcome was asked for leaves nothing open.
                if let Some(admission) = &mut waiting.admission {
                    admission.outcome.close();
                    if let Ok(Ok(admitted)) = admission.outcome.try_recv() {
                        admitted.session.brake(EndCause::ConnectionLost);
                    }
                }
            }
            Room::Welcome(admitted) => admitted.session.brake(EndCause::ConnectionLost),
            _ => {}
        }
        if let Some(number) = self.room.number() {
            self.withdraw(number);
        }
    }
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
    fn clients_are_known_by_their_line() {
        assert_eq!(Manners::of("SSH-2.0-WinSCP_release_6.5"), Manners::Silent);
        assert_eq!(Manners::of("SSH-2.0-dropbear_2022.83"), Manners::Dropbear);
        assert_eq!(Manners::of("SSH-2.0-OpenSSH_9.2p1"), Manners::Plain);
    }
}

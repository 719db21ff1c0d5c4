//! What the console may ask of the daemon, in one place.

use crate::health::Health;
use crate::replay::{NotUnlocked, OfficersKey};
use config::Config;
use jiff::Timestamp;
use lifecycle::order::{Failure, Hidden, Order};
use lifecycle::{Event, EvidenceScope, ExportScope, Register, SessionId, TokenId};
use policy::{GroupId, PolicySet, StaffLogin};
use serde_json::Value;
use std::collections::BTreeSet;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc};

/// Something that the daemon gives when it is done.
pub type Soon<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What there is to look at: the register and the rules at one instant.
pub struct Known<'a> {
    /// The fold of all events.
    pub register: &'a Register,
    /// The configuration in force.
    pub config: &'a Config,
    /// Its rules, without the targets whose quorum cannot be met.
    pub rules: &'a PolicySet,
    /// The instant of the look.
    pub at: Timestamp,
}

/// A look. It runs where the register lives, so it copies what it needs and does nothing long.
pub type Look = Box<dyn FnOnce(&Known<'_>) + Send>;

/// A session that runs now, as the daemon knows it beyond the journal.
#[derive(Debug, Clone)]
pub struct LiveSession {
    /// Which one.
    pub id: SessionId,
    /// Who watches now and counts, each once.
    pub watchers: Vec<StaffLogin>,
}

/// Somebody's try to sign in.
pub struct SignInTry {
    /// Who they say they are.
    pub staff: StaffLogin,
    /// Their password.
    pub password: Hidden,
    /// Their fresh code.
    pub code: Hidden,
    /// From where.
    pub source: IpAddr,
}

/// A square of dark and light modules that telephones read, as the path of a picture.
#[derive(Debug, Clone)]
pub struct Square {
    /// Its width and height in modules, with the light ones around it.
    pub side: usize,
    /// The dark modules. It tells the secret to whoever can see it.
    pub path: Hidden,
}

/// Somebody whose invitation is good, and what their authenticator is to hold.
#[derive(Debug, Clone)]
pub struct Invited {
    /// Whose account.
    pub staff: StaffLogin,
    /// The generation of the invitation.
    pub invitation: u64,
    /// Until when it is good.
    pub until: Timestamp,
    /// A new authenticator's secret, base32. Nothing holds it yet but this.
    pub totp: Hidden,
    /// The same with login and site, to be photographed.
    pub square: Square,
}

/// What somebody with an invitation chose.
pub struct Enrolment {
    /// Whose account.
    pub staff: StaffLogin,
    /// The generation of the invitation that opened the page.
    pub invitation: u64,
    /// The new password.
    pub password: Hidden,
    /// The secret that they were shown.
    pub totp: Hidden,
    /// What their authenticator makes of it now.
    pub code: Hidden,
    /// From where.
    pub source: IpAddr,
}

/// Why somebody is not enrolled.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotEnrolled {
    /// The password has fewer than twelve characters.
    #[error("the password is too short")]
    Short,
    /// It is known, or easily guessed.
    #[error("the password is a known one")]
    Known,
    /// It is made of the person's own words.
    #[error("the password is made of the person's own words")]
    Personal,
    /// Not the code that the authenticator shows now.
    #[error("the code is wrong")]
    Code,
    /// The invitation was used or has run out meanwhile.
    #[error("the invitation is not good any more")]
    Used,
    /// The daemon failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// One watcher's two lanes. Dropping them ends the watch.
pub struct Watching {
    /// Pictures and what else is told.
    pub from_session: mpsc::Receiver<crate::wire::ToWatcher>,
    /// Acknowledgements and brakes.
    pub to_session: mpsc::Sender<crate::wire::FromWatcher>,
}

/// A bundle of evidence on its way.
pub struct Evidence {
    /// A name for the file, in ASCII without quotes.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its bytes; an error is the last of them, and then what came is no bundle.
    pub pieces: mpsc::Receiver<std::io::Result<axum::body::Bytes>>,
}

/// The daemon, as the console sees it. Who acts is an argument, found out by the console's own
/// sign-in, and never a field of a form.
pub trait Commands: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Random bytes, for tokens.
    fn random(&self) -> Result<[u8; 32], Failure>;

    /// The configuration in force.
    fn config(&self) -> Arc<Config>;

    /// Looks at the register. Fails when the journal is gone.
    fn look(&self, look: Look) -> Soon<'_, Result<(), Failure>>;

    /// Why all access is cut, if it is; empty while no reason is known. Asks neither register nor disk.
    fn lockdown(&self) -> Option<String>;

    /// Groups whose equipment is open again while the rest stays cut. Asks neither register nor disk.
    fn reopened(&self) -> BTreeSet<GroupId> {
        BTreeSet::new()
    }

    /// Carries out an order as this member of staff. Whether their role allows it was asked before.
    fn carry_out(&self, by: StaffLogin, order: Order) -> Soon<'_, Result<Value, Failure>>;

    /// Journals that a token reads an export. Fails if the token does not hold any more: then nothing may
    /// be given out. `rows`: how many lines; `filters`: as they stand in the address.
    fn export_read(
        &self,
        token: TokenId,
        what: ExportScope,
        rows: u64,
        filters: String,
    ) -> Soon<'_, Result<(), Failure>>;

    /// A limit of the console was reached, by its name: counted, and journalled with others of its minute.
    fn limit_reached(&self, limit: &'static str, source: IpAddr);

    /// Judges a sign-in; a success is journalled. As many as may be judged at once are.
    fn sign_in(&self, attempt: SignInTry) -> Soon<'_, Result<(), Failure>>;

    /// Whose invitation this code is. `None`: nobody's, or not any more. Counting wrong tries is the
    /// caller's.
    fn open_invitation(&self, code: Hidden) -> Soon<'_, Result<Option<Invited>, Failure>>;

    /// Takes what somebody with an invitation chose; from then on they can sign in.
    fn enrol(&self, chosen: Enrolment) -> Soon<'_, Result<(), NotEnrolled>>;

    /// How the machine is.
    fn health(&self) -> Soon<'_, Health>;

    /// What happens, as it happens. Whoever lags loses events, and looks at the register instead.
    fn feed(&self) -> broadcast::Receiver<Arc<(Timestamp, Event)>>;

    /// Sessions that run now.
    fn live(&self) -> Vec<LiveSession>;

    /// Unlocks the officer's key for one sign-in of this member of staff. Takes about a second; how often
    /// somebody may try is for the caller to bound.
    fn unlock(&self, staff: StaffLogin, passphrase: Hidden) -> Soon<'_, Result<Arc<dyn OfficersKey>, NotUnlocked>>;

    /// Makes a bundle of evidence, which is journalled with its purpose before any of it is given out.
    /// Whether their role allows it is asked here.
    fn evidence(&self, by: StaffLogin, scope: EvidenceScope, purpose: String) -> Soon<'_, Result<Evidence, Failure>>;

    /// Begins to watch.
    fn watch(&self, staff: StaffLogin, session: SessionId) -> Soon<'_, Result<Watching, Failure>>;
}

/// Looks at the register and gives what the look gave.
pub(crate) async fn look<R: Send + 'static>(
    commands: &dyn Commands,
    look: impl FnOnce(&Known<'_>) -> R + Send + 'static,
) -> Result<R, Failure> {
    let (send, receive) = tokio::sync::oneshot::channel();
    commands
        .look(Box::new(move |known| {
            let _ = send.send(look(known));
        }))
        .await?;
    receive.await.map_err(|_| Failure::new(lifecycle::order::exit::TEMPORARY, "the register did not answer"))
}

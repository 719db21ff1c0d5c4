//! The bastion's own enrolment page, the one thing that opens before a target could (D8): a password,
//! an authenticator, the charter, and a word to read out. Whoever is in here holds nothing that could
//! reach a target: no session, no permit, no recording.

pub(crate) mod qr;
mod screen;

use crate::entropy;
use crate::factors::{self, NewPassword};
use crate::invitation::CheckWord;
use crate::site::{Site, invitation_document, technician_document, word_document};
use crate::texts::Texts;
use crate::vault::PersonSecrets;
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use lifecycle::{AccountId, CodeCheck, Command};
use russh::ChannelWriteHalf;
use russh::server::Msg;
use screen::{Echo, Left, Screen};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Tries at each question.
const TRIES: u8 = 5;

/// Somebody whose invitation was accepted.
#[derive(Clone)]
pub struct Enrolling {
    /// Whose account.
    pub account: AccountId,
    /// The generation of the invitation that was used.
    pub invitation: u64,
    /// Their language, and the site's zone.
    pub texts: Texts,
    /// From where.
    pub source: SocketAddr,
}

/// Why the page was left without an outcome.
enum Stopped {
    Left,
    /// With this text.
    Told(String),
}

impl From<Left> for Stopped {
    fn from(_: Left) -> Self {
        Stopped::Left
    }
}

/// Runs the page to its end. Waits on what is typed; the connection's deadline is above it.
pub(crate) async fn run(
    site: Arc<Site>,
    who: Enrolling,
    writer: ChannelWriteHalf<Msg>,
    typed: mpsc::Receiver<Vec<u8>>,
) {
    let mut page = Page { site, texts: who.texts.clone(), who, screen: Screen::new(writer, typed) };
    let outcome = page.walk().await;
    let last = match outcome {
        Ok(word) => page.texts.with("enrol-word", &[("word", &word)]),
        Err(Stopped::Told(text)) => text,
        Err(Stopped::Left) => page.texts.text("enrol-left"),
    };
    page.screen.say(&last).await;
    page.screen.close().await;
}

struct Page {
    site: Arc<Site>,
    texts: Texts,
    who: Enrolling,
    screen: Screen,
}

/// What the charter is about: signed by typing yes, with its digest in the journal (LIF-08, PRV-01).
const CHARTER: [&str; 6] =
    ["enrol-charter-1", "enrol-charter-2", "enrol-charter-3", "enrol-charter-4", "enrol-charter-5", "enrol-charter-6"];

impl Page {
    /// From the charter to the check word.
    async fn walk(&mut self) -> Result<String, Stopped> {
        let charter = self.charter().await?;
        let password = self.password().await?;
        let totp = factors::new_totp().map_err(|_| self.internal())?;
        self.authenticator(&totp).await?;
        self.store(password, totp, charter).await
    }

    fn internal(&self) -> Stopped {
        Stopped::Told(self.texts.text("refused-internal"))
    }

    async fn charter(&mut self) -> Result<String, Stopped> {
        let site = self.site.config().site.name.clone();
        let account = self.who.account.clone();
        let person = self.site.registrar.view(move |core, _| {
            core.register.accounts.get(&account).map(|one| (one.identity.name.clone(), one.login.to_string()))
        });
        let (name, login) = person.await.ok().flatten().ok_or_else(|| self.internal())?;
        self.screen
            .say(&self.texts.with("enrol-welcome", &[("name", &name), ("login", &login), ("site", &site)]))
            .await;
        let [title, lines @ ..] = CHARTER.map(|key| self.texts.with(key, &[("site", &site)]));
        let charter = format!("{title}\n{}", lines.join(" "));
        self.screen.say(&format!("{charter}\n")).await;
        let prompt = self.texts.text("enrol-accept");
        for _ in 0..TRIES {
            let answer = self.screen.ask(&prompt, Echo::On).await?;
            match answer.trim().to_lowercase().as_str() {
                "oui" | "yes" | "o" | "y" => return Ok(HEXLOWER.encode(digest(&SHA256, charter.as_bytes()).as_ref())),
                "non" | "no" | "n" => break,
                _ => {}
            }
        }
        Err(Stopped::Told(self.texts.text("enrol-declined")))
    }

    async fn password(&mut self) -> Result<String, Stopped> {
        let (site, account) = (self.site.config().site.name.clone(), self.who.account.clone());
        let about = self.site.registrar.view(move |core, _| {
            let one = core.register.accounts.get(&account)?;
            Some(vec![
                one.login.to_string(),
                one.identity.name.clone(),
                one.identity.email.clone(),
                one.vendor.to_string(),
            ])
        });
        let mut about = about.await.ok().flatten().ok_or_else(|| self.internal())?;
        about.push(site);
        self.screen.say(&self.texts.text("enrol-password-rules")).await;
        for _ in 0..TRIES {
            let password = self.screen.ask(&self.texts.text("enrol-password"), Echo::Off).await?;
            let complaint = match NewPassword::judge(&password, &about) {
                Ok(()) => {
                    let again = self.screen.ask(&self.texts.text("enrol-password-again"), Echo::Off).await?;
                    if again == password {
                        return Ok(password);
                    }
                    "enrol-password-differs"
                }
                Err(NewPassword::Short) => "enrol-password-short",
                Err(NewPassword::Known) => "enrol-password-known",
                Err(NewPassword::Personal) => "enrol-password-personal",
            };
            self.screen.say(&self.texts.text(complaint)).await;
        }
        Err(Stopped::Told(self.texts.text("enrol-too-many")))
    }

    async fn authenticator(&mut self, totp: &str) -> Result<(), Stopped> {
        let account = self.who.account.clone();
        let login = self
            .site
            .registrar
            .view(move |core, _| core.register.accounts.get(&account).map(|one| one.login.to_string()));
        let login = login.await.ok().flatten().ok_or_else(|| self.internal())?;
        let address = factors::otpauth(totp, &login, &self.site.config().site.name);
        self.screen.say(&self.texts.text("enrol-scan")).await;
        self.screen.ask(&self.texts.text("enrol-scan-ready"), Echo::On).await?;
        self.screen.draw(&qr::lines(&address).unwrap_or_default()).await;
        let groups: Vec<String> =
            totp.chars().collect::<Vec<_>>().chunks(4).map(|group| group.iter().collect()).collect();
        self.screen.say(&self.texts.with("enrol-secret", &[("secret", &groups.join(" "))])).await;
        for _ in 0..TRIES {
            let code = self.screen.ask(&self.texts.text("enrol-code"), Echo::On).await?;
            if matches!(factors::check_code(totp, &code, self.site.clock.now()), CodeCheck::Fits(_)) {
                return Ok(());
            }
            self.screen.say(&self.texts.text("enrol-code-wrong")).await;
        }
        Err(Stopped::Told(self.texts.text("enrol-too-many")))
    }

    /// Vault before journal (D21). One at a time, so that of two pages of one account the second
    /// neither writes over what the first one's entry names nor takes it away.
    async fn store(&mut self, password: String, totp: String, charter: String) -> Result<String, Stopped> {
        let account = self.who.account.clone();
        let hash = self.site.comparer.hash(password).await.map_err(|_| self.internal())?;
        let connection = entropy::bytes().map_err(|_| self.internal())?;
        let word = CheckWord::derive(&hash, &totp, &connection);
        let site = self.site.clone();
        let _turn = site.enrolling.lock().await;
        let (wanted, invitation) = (account.clone(), self.who.invitation);
        let held = self.site.registrar.view(move |core, _| {
            let one = core.register.accounts.get(&wanted)?;
            one.invitation.as_ref().filter(|one| one.secret == invitation)?;
            Some(one.secret)
        });
        let Some(last) = held.await.ok().flatten() else {
            return Err(Stopped::Told(self.texts.text("enrol-used")));
        };
        let generation = last + 1;
        let shown = word.word.clone();
        let (document, word_at) = (technician_document(&account), word_document(&account));
        let vault = self.site.vault.clone();
        let secrets = PersonSecrets { password: hash, totp };
        let stored = vault.put(&document, generation, &secrets).and_then(|()| vault.put(&word_at, generation, &word));
        if let Err(error) = stored {
            tracing::error!(%error, "an enrolment cannot be stored");
            return Err(self.internal());
        }
        let command = Command::Enrol {
            account: account.clone(),
            invitation,
            source: self.who.source,
            charter,
            secret: generation,
        };
        match self.site.registrar.command(command).await {
            Ok(Ok(())) => {}
            refused => {
                vault.discard(&document, generation);
                vault.discard(&word_at, generation);
                let text = if refused.is_ok() { "enrol-used" } else { "refused-internal" };
                return Err(Stopped::Told(self.texts.text(text)));
            }
        }
        vault.discard(&invitation_document(&account), invitation);
        if last > 0 {
            vault.discard(&document, last);
        }
        Ok(shown)
    }
}

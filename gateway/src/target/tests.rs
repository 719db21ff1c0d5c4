//! A target that asks and answers by a script, over this library's server side.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::dial::reach;
use super::{Asked, Asker, DialError, Dialled, Question, Route};
use crate::vault::TargetSecret;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{self, Auth, Response, VerifiedPublicKey};
use russh::{MethodKind, MethodSet};
use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

type Prompts = Vec<(&'static str, bool)>;

/// What the target does: which method it takes first, and what it asks by prompts, round after round.
#[derive(Clone, Default)]
struct Script {
    /// Takes the key or the password by its own method, and wants prompts besides.
    partial: bool,
    rounds: Vec<Prompts>,
    /// Asks the last round for ever.
    without_end: bool,
    heard: Arc<Mutex<Vec<Vec<String>>>>,
}

struct Target {
    script: Script,
    round: usize,
}

impl Target {
    fn first_factor(&self) -> Auth {
        let prompts = MethodSet::from(&[MethodKind::KeyboardInteractive][..]);
        match self.script.rounds.is_empty() && !self.script.without_end {
            true => Auth::Accept,
            false => Auth::Reject { proceed_with_methods: Some(prompts), partial_success: self.script.partial },
        }
    }
}

impl server::Handler for Target {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, _: &str) -> Result<Auth, Self::Error> {
        Ok(self.first_factor())
    }

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(self.first_factor())
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        if let Some(response) = response {
            let said = response.map(|one| String::from_utf8_lossy(&one).into_owned()).collect();
            self.script.heard.lock().unwrap().push(said);
        }
        let last = self.script.rounds.len().saturating_sub(1);
        let round = if self.script.without_end { self.round.min(last) } else { self.round };
        self.round += 1;
        Ok(match self.script.rounds.get(round) {
            None => Auth::Accept,
            Some(prompts) => Auth::Partial {
                name: Cow::Borrowed("One-time code"),
                instructions: Cow::Borrowed("of the bastion"),
                prompts: prompts.iter().map(|(text, echo)| (Cow::Borrowed(*text), *echo)).collect(),
            },
        })
    }
}

fn new_key() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()
}

/// A target that follows the script, and the way to it.
async fn target(script: Script, secret: TargetSecret) -> Route {
    let host = new_key();
    let host_key = host.public_key().clone();
    let config = Arc::new(server::Config { keys: vec![host], ..server::Config::default() });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let handler = Target { script: script.clone(), round: 0 };
            if let Ok(running) = server::run_stream(config.clone(), tcp, handler).await {
                tokio::spawn(running);
            }
        }
    });
    let target = "scanner-irm".parse().unwrap();
    Route { target, address, host_key, secret: Arc::new(secret), legacy: None, lapsed: None }
}

fn password() -> TargetSecret {
    TargetSecret::Password("from the vault".to_owned())
}

fn key() -> TargetSecret {
    let key = new_key().to_openssh(russh::keys::ssh_key::LineEnding::LF).unwrap();
    TargetSecret::Key(key.to_string())
}

/// A technician who answers every question with its number.
fn technician() -> (Asker, Arc<Mutex<Vec<Asked>>>) {
    let (asker, mut questions) = mpsc::channel::<Question>(1);
    let seen = Arc::<Mutex<Vec<Asked>>>::default();
    let noted = seen.clone();
    tokio::spawn(async move {
        while let Some(Question { asked, answer }) = questions.recv().await {
            let mut noted = noted.lock().unwrap();
            let answers = asked.iter().enumerate().map(|(n, _)| Zeroizing::new(format!("{}", noted.len() + n)));
            let _ = answer.send(answers.collect());
            noted.extend(asked);
        }
    });
    (asker, seen)
}

fn error(outcome: Result<Dialled, DialError>) -> DialError {
    match outcome {
        Ok(_) => unreachable!("it came in"),
        Err(error) => error,
    }
}

/// T21: the password goes to one prompt without echo. Whatever else is asked, nobody answers.
#[tokio::test]
async fn a_password_is_typed_once_and_nowhere_else() {
    let script = Script { rounds: vec![vec![], vec![("Password: ", false)]], ..Script::default() };
    let route = target(script.clone(), password()).await;
    assert!(reach(&route, "maint", None).await.is_ok());
    assert_eq!(*script.heard.lock().unwrap(), [vec![], vec!["from the vault".to_owned()]]);

    let asked_again = vec![vec![("Password: ", false)], vec![("Password: ", false)]];
    for rounds in [vec![vec![("Login: ", true)]], vec![vec![("a", false), ("b", false)]], asked_again] {
        let before = rounds.len() - 1;
        let script = Script { rounds, ..Script::default() };
        let route = target(script.clone(), password()).await;
        assert!(matches!(error(reach(&route, "maint", None).await), DialError::Question(_)));
        assert_eq!(script.heard.lock().unwrap().len(), before);
    }
}

/// A target that takes the key or the password and then asks: the technician answers, and a password
/// that was taken is not typed again.
#[tokio::test]
async fn a_second_factor_is_the_technicians() {
    for secret in [key(), password()] {
        let script = Script { partial: true, rounds: vec![vec![("Token\r\n code: ", false)]], ..Script::default() };
        let route = target(script.clone(), secret).await;
        assert!(matches!(error(reach(&route, "maint", None).await), DialError::Question(_)));
        assert!(script.heard.lock().unwrap().is_empty());
        let (asker, seen) = technician();
        assert!(reach(&route, "maint", Some(&asker)).await.is_ok());
        assert_eq!(*script.heard.lock().unwrap(), [["0".to_owned()]]);
        assert_eq!(*seen.lock().unwrap(), [Asked { line: "Token code:".to_owned(), shown: false }]);
    }
}

/// Password and token in one conversation, as PAM asks them.
#[tokio::test]
async fn the_vault_and_the_technician_answer_in_turn() {
    let rounds = vec![vec![("Password: ", false)], vec![("Code: ", true)], vec![]];
    let script = Script { rounds, ..Script::default() };
    let route = target(script.clone(), password()).await;
    let (asker, _) = technician();
    assert!(reach(&route, "maint", Some(&asker)).await.is_ok());
    let heard = script.heard.lock().unwrap().clone();
    assert_eq!(heard, [vec!["from the vault".to_owned()], vec!["0".to_owned()], vec![]]);
}

/// T21: three questions in all, whatever the rounds; and no endless conversation.
#[tokio::test]
async fn what_a_target_asks_is_bounded() {
    let many = |n| -> Vec<Prompts> { (0..n).map(|_| vec![("Code: ", false)]).collect() };
    let (asker, seen) = technician();
    for (rounds, without_end, asked) in [
        (many(4), false, 3),
        (vec![vec![("Code: ", false); 4]], false, 0),
        (vec![vec![("Code: ", false); 10_000]], false, 0),
        (many(1), true, 3),
        (vec![vec![]], true, 0),
    ] {
        seen.lock().unwrap().clear();
        let route = target(Script { partial: true, rounds, without_end, ..Script::default() }, key()).await;
        assert!(matches!(error(reach(&route, "maint", Some(&asker)).await), DialError::Questions(_)));
        assert_eq!(seen.lock().unwrap().len(), asked);
    }
}

/// A technician who leaves while the target asks leaves the target too.
#[tokio::test]
async fn a_question_without_an_answer_is_the_end() {
    let script = Script { partial: true, rounds: vec![vec![("Code: ", false)]], ..Script::default() };
    let route = target(script, key()).await;
    let (asker, mut questions) = mpsc::channel::<Question>(1);
    let left = tokio::spawn(async move { drop(questions.recv().await) });
    assert!(matches!(error(reach(&route, "maint", Some(&asker)).await), DialError::NotAnswered(_)));
    left.await.unwrap();
}

/// Another key than the pinned one: no secret leaves, and the reason is told.
#[tokio::test]
async fn another_host_key_is_told_apart() {
    let mut route = target(Script::default(), password()).await;
    route.host_key = new_key().public_key().clone();
    assert!(matches!(error(reach(&route, "maint", None).await), DialError::HostKey(_)));
}

/// What refuses at once, what never says a word, and what is no SSH server, are told apart.
#[tokio::test]
async fn the_ways_of_not_answering_are_told_apart() {
    let mut route = target(Script::default(), key()).await;
    let gone = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    route.address = gone.local_addr().unwrap();
    drop(gone);
    assert_eq!(error(reach(&route, "maint", None).await).text(), "target-closed");
    let mute = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    route.address = mute.local_addr().unwrap();
    let said = error(reach(&route, "maint", None).await);
    assert_eq!(said.text(), "target-silent");
    assert!(said.to_string().ends_with("does not answer within 15 seconds (the connection)"), "{said}");
}

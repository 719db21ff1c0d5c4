//! The sign-in on a target: the vault's secret, by whatever method the target takes it, and what it
//! asks besides. Nothing here runs before the pinned key was verified.

use super::questions::Questions;
use super::{DialError, FromTarget, PATIENCE, Route};
use crate::vault::TargetSecret;
use russh::client::AuthResult;
use russh::client::{Handle, KeyboardInteractiveAuthResponse, Prompt};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Rounds of one keyboard-interactive sign-in, empty ones included.
const ROUNDS: usize = 8;
/// Methods that a target may ask for one after the other: the secret's, and what it asks.
const STEPS: usize = 3;
/// The name of SHA-1 signatures with RSA keys.
const SSH_RSA: &str = "ssh-rsa";
/// RSA host keys below this many bits are weak (HRD-04).
const RSA_BITS: u32 = 2048;

/// One sign-in.
pub(super) struct SignIn<'a> {
    pub(super) route: &'a Route,
    pub(super) account: &'a str,
    pub(super) handle: &'a mut Handle<FromTarget>,
    pub(super) questions: Questions<'a>,
}

/// What came of a method.
enum Outcome {
    In,
    /// The method was accepted, and the target wants one of these besides.
    More(MethodSet),
    /// Refused; these might do.
    Refused(MethodSet),
}

impl From<AuthResult> for Outcome {
    fn from(result: AuthResult) -> Self {
        match result {
            AuthResult::Success => Outcome::In,
            AuthResult::Failure { remaining_methods, partial_success: true } => Outcome::More(remaining_methods),
            AuthResult::Failure { remaining_methods, partial_success: false } => Outcome::Refused(remaining_methods),
        }
    }
}

impl SignIn<'_> {
    /// Signs in, or says why not.
    pub(super) async fn run(mut self) -> Result<(), DialError> {
        self.check_key_strength()?;
        let mut outcome = self.secret().await?;
        // A password that was refused by its own method may do at a prompt; one that was taken is
        // never typed again, whatever is asked (T21).
        let mut password = match (&outcome, &*self.route.secret) {
            (Outcome::Refused(_), TargetSecret::Password(password)) => Some(Zeroizing::new(password.clone())),
            _ => None,
        };
        for _ in 0..STEPS {
            outcome = match outcome {
                Outcome::In => return Ok(()),
                Outcome::More(methods) | Outcome::Refused(methods)
                    if methods.contains(&MethodKind::KeyboardInteractive)
                        && (password.is_some() || matches!(outcome, Outcome::More(_))) =>
                {
                    self.prompts(&mut password).await?
                }
                Outcome::More(methods) => return Err(self.besides(&methods)),
                Outcome::Refused(_) => return Err(self.refused()),
            };
        }
        Err(self.refused())
    }

    fn refused(&self) -> DialError {
        DialError::Credential(self.route.target.clone())
    }

    fn besides(&self, methods: &MethodSet) -> DialError {
        let methods: Vec<&str> = methods.iter().map(<&str>::from).collect();
        let methods = if methods.is_empty() { "nothing it names".to_owned() } else { methods.join(", ") };
        DialError::Besides { target: self.route.target.clone(), methods }
    }

    fn allows_sha1(&self) -> bool {
        self.route.offered().contains(&SSH_RSA)
    }

    /// A password goes to a host that proved itself with a key worth the name, or under a dated
    /// exception (T21). That SHA-1 signatures take one is seen to when keys are agreed on.
    fn check_key_strength(&self) -> Result<(), DialError> {
        let short = self.route.host_key.key_data().rsa().is_some_and(|key| key.key_size() < RSA_BITS);
        let password = matches!(&*self.route.secret, TargetSecret::Password(_));
        if short && password && !self.allows_sha1() {
            return Err(DialError::WeakKey(self.route.target.clone()));
        }
        Ok(())
    }

    /// One step of the target's, within its time.
    async fn step<T>(route: &Route, step: impl Future<Output = Result<T, russh::Error>>) -> Result<T, DialError> {
        match tokio::time::timeout(PATIENCE, step).await {
            Ok(outcome) => outcome.map_err(|error| DialError::of(&route.target, route.lapsed, error)),
            Err(_) => Err(route.silent("the sign-in")),
        }
    }

    /// The vault's secret by its own method.
    async fn secret(&mut self) -> Result<Outcome, DialError> {
        let route = self.route;
        match &*route.secret {
            TargetSecret::Key(pem) => {
                let key = PrivateKey::from_openssh(pem.as_bytes()).map_err(russh::keys::Error::from);
                let key = key.map_err(|error| DialError::of(&route.target, route.lapsed, error.into()))?;
                let hash = if key.algorithm().is_rsa() { self.rsa_hash().await? } else { None };
                let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
                Ok(Self::step(route, self.handle.authenticate_publickey(self.account, key)).await?.into())
            }
            TargetSecret::Password(password) => {
                let tried = self.handle.authenticate_password(self.account, password.as_str());
                Ok(Self::step(route, tried).await?.into())
            }
        }
    }

    /// What an RSA key signs with. A target that says nothing, or SHA-1, gets SHA-1 under its exception
    /// alone.
    async fn rsa_hash(&mut self) -> Result<Option<HashAlg>, DialError> {
        let best = Self::step(self.route, self.handle.best_supported_rsa_hash()).await?;
        Ok(match best.flatten() {
            Some(hash) => Some(hash),
            None if self.allows_sha1() => None,
            None => Some(HashAlg::Sha256),
        })
    }

    /// Keyboard-interactive: the password into one single prompt without echo, and into nothing else
    /// (T21); what else is asked is for the technician, or for nobody.
    async fn prompts(&mut self, password: &mut Option<Zeroizing<String>>) -> Result<Outcome, DialError> {
        let route = self.route;
        let mut response =
            Self::step(route, self.handle.authenticate_keyboard_interactive_start(self.account, None)).await?;
        for _ in 0..ROUNDS {
            let answers = match response {
                KeyboardInteractiveAuthResponse::Success => return Ok(Outcome::In),
                KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success: true } => {
                    return Ok(Outcome::More(remaining_methods));
                }
                // A wrong answer is the end: the target would only ask anew.
                KeyboardInteractiveAuthResponse::Failure { .. } => return Err(self.refused()),
                KeyboardInteractiveAuthResponse::InfoRequest { ref prompts, .. } => {
                    self.answers(prompts, password).await?
                }
            };
            response = Self::step(route, self.handle.authenticate_keyboard_interactive_respond(answers)).await?;
        }
        Err(DialError::Questions(route.target.clone()))
    }

    async fn answers(
        &mut self,
        prompts: &[Prompt],
        password: &mut Option<Zeroizing<String>>,
    ) -> Result<Vec<String>, DialError> {
        match prompts {
            [] => Ok(Vec::new()),
            [prompt] if !prompt.echo && password.is_some() => {
                Ok(password.take().map(|password| password.as_str().to_owned()).into_iter().collect())
            }
            prompts => self.questions.put(prompts).await,
        }
    }
}

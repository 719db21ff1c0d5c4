//! Why a target was not reached: precise for the journal, plain for the technician.

use jiff::civil::Date;
use policy::TargetId;
use russh::AlgorithmKind;
use std::io::ErrorKind;
use std::net::SocketAddr;

/// Names of a target that a message repeats.
const NAMES: usize = 12;
/// Characters of each.
const NAME: usize = 64;

/// Why a target was not reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The permit is for another target or account.
    #[error("the permit is not for this target")]
    NotPermitted,
    /// It took too long for a step.
    #[error("`{target}` at {address} does not answer within {seconds} seconds ({step})")]
    Silent {
        /// Which target.
        target: TargetId,
        /// Where.
        address: SocketAddr,
        /// How long was waited.
        seconds: u64,
        /// For what.
        step: &'static str,
    },
    /// No connection.
    #[error("`{target}` at {address} cannot be reached: {error}")]
    Unreachable {
        /// Which target.
        target: TargetId,
        /// Where.
        address: SocketAddr,
        /// The system's words.
        error: std::io::Error,
    },
    /// Its host key is another one.
    #[error("`{0}` has another host key than the pinned one: nothing was sent to it")]
    HostKey(TargetId),
    /// It knows nothing that it is offered.
    #[error("`{target}` has no {kind} that it is offered, only {theirs}: update it, or write `target.{target}.legacy`")]
    Algorithms {
        /// Which target.
        target: TargetId,
        /// Of what kind.
        kind: &'static str,
        /// What it has.
        theirs: String,
    },
    /// It would be offered what it has, but that exception is over.
    #[error(
        "`{target}` has no {kind} that it is offered, only {theirs}, and its exception ended on {until}: renew the \
         equipment, or judge `target.{target}.legacy` anew"
    )]
    Lapsed {
        /// Which target.
        target: TargetId,
        /// Of what kind.
        kind: &'static str,
        /// What it has.
        theirs: String,
        /// Its last day.
        until: Date,
    },
    /// Its pinned key is too weak for a password (T21).
    #[error(
        "`{0}` has an RSA host key of fewer than 2048 bits, and gets no password: give it another key and pin that, or \
         name `ssh-rsa` in `target.{0}.legacy`"
    )]
    WeakKey(TargetId),
    /// The vault has nothing for it.
    #[error("`{0}` has no credential: set one with `poterne target credential`")]
    NoCredential(TargetId),
    /// It refused the credential.
    #[error("`{0}` refuses the credential in the vault")]
    Credential(TargetId),
    /// It took the credential and wants something else besides, which nobody can give.
    #[error("`{target}` takes the credential in the vault and asks for {methods} besides, which the bastion has not")]
    Besides {
        /// Which target.
        target: TargetId,
        /// What it wants.
        methods: String,
    },
    /// It asks something that the vault does not answer.
    #[error(
        "`{0}` asks for something else than the password in the vault: where it is for the technician to answer, write \
         `second-factor = \"technician\"`"
    )]
    Question(TargetId),
    /// It asks too much.
    #[error("`{0}` asks the technician more than {limit} things", limit = super::questions::MOST)]
    Questions(TargetId),
    /// The technician did not answer what it asked.
    #[error("what `{0}` asked was not answered")]
    NotAnswered(TargetId),
    /// The protocol failed.
    #[error("`{target}`: {error}")]
    Protocol {
        /// Which target.
        target: TargetId,
        /// The library's words.
        error: russh::Error,
    },
}

impl DialError {
    /// Sorts what the library says of a target.
    pub(super) fn of(target: &TargetId, lapsed: Option<Date>, error: russh::Error) -> Self {
        let target = target.clone();
        match error {
            russh::Error::NoCommonAlgo { kind, theirs, .. } => {
                let (kind, theirs) = (word(&kind), listed(&theirs));
                match lapsed {
                    Some(until) => DialError::Lapsed { target, kind, theirs, until },
                    None => DialError::Algorithms { target, kind, theirs },
                }
            }
            error => DialError::Protocol { target, error },
        }
    }

    /// The key of what the technician reads. They are known and were let in, so it is the plain
    /// reason (promise 10); what is in the vault and what an operator has to do is not their matter.
    pub fn text(&self) -> &'static str {
        match self {
            DialError::NotPermitted => "target-not-permitted",
            DialError::Silent { .. } => "target-silent",
            DialError::Unreachable { error, .. } if error.kind() == ErrorKind::ConnectionRefused => "target-closed",
            DialError::Unreachable { .. } => "target-no-way",
            DialError::HostKey(_) => "target-host-key",
            DialError::Algorithms { .. } => "target-algorithms",
            DialError::Lapsed { .. } => "target-lapsed",
            DialError::WeakKey(_) => "target-weak-key",
            DialError::NoCredential(_) => "target-no-credential",
            DialError::Credential(_) => "target-credential",
            DialError::Besides { .. } | DialError::Question(_) => "target-question",
            DialError::Questions(_) => "target-questions",
            DialError::NotAnswered(_) => "target-not-answered",
            DialError::Protocol { .. } => "target-protocol",
        }
    }
}

pub(super) fn word(kind: &AlgorithmKind) -> &'static str {
    match kind {
        AlgorithmKind::Kex => "key exchange",
        AlgorithmKind::Key => "host key",
        AlgorithmKind::Cipher => "cipher",
        AlgorithmKind::Compression => "compression",
        AlgorithmKind::Mac => "MAC",
    }
}

/// What a target says it has, as a message may repeat it: names alone, and not without end.
pub(super) fn listed(names: &[String]) -> String {
    let plain = |name: &String| -> String { name.chars().filter(char::is_ascii_graphic).take(NAME).collect() };
    let shown: Vec<String> = names.iter().take(NAMES).map(plain).filter(|name| !name.is_empty()).collect();
    match shown.is_empty() {
        true => "none".to_owned(),
        false => format!("{}{}", shown.join(", "), if names.len() > NAMES { ", …" } else { "" }),
    }
}

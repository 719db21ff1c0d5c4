//! `poterne target`: whose host key it is, and what opens it.

use super::args::TargetVerb;
use super::commands::{Outcome, ask, load};
use super::{output, pin, secrets};
use lifecycle::order::{CredentialArgs, Failure, Order, exit};
use serde_json::Value;
use std::path::Path;

pub(super) fn target(main: &Path, verb: TargetVerb) -> Outcome {
    match verb {
        TargetVerb::Pin { target, write, fingerprint_ends } => {
            pin::pin(main, &load(main, true)?, &target, write, fingerprint_ends)
        }
        TargetVerb::Credential { target, login, key, password, generate } => {
            let credential = match (key, password, generate) {
                (Some(file), ..) => {
                    let pem = std::fs::read_to_string(&file).map_err(|error| {
                        Failure::new(exit::NO_INPUT, format!("`{}` cannot be read: {error}", file.display()))
                    })?;
                    CredentialArgs::Key(lifecycle::order::Hidden::new(pem))
                }
                (None, true, _) => {
                    let mut read = secrets::read(&["password of the target"])?;
                    match read.pop() {
                        Some(password) if !password.reveal().is_empty() => CredentialArgs::Password(password),
                        _ => return Err(Failure::new(exit::NO_INPUT, "the password is empty: write one")),
                    }
                }
                (None, false, true) => CredentialArgs::Generate,
                (None, false, false) => {
                    return Err(Failure::new(
                        exit::USAGE,
                        "say what opens the target: --key FILE, --password or --generate",
                    ));
                }
            };
            let answer = ask(main, &Order::TargetCredential { target: target.clone(), login, credential })?;
            output::say(&format!("the credential of {target} is set"));
            if let Some(public) = answer.get("public_key").and_then(Value::as_str) {
                output::say(&format!("public key, for the target's authorized_keys: {public}"));
            }
            Ok(())
        }
    }
}

//! Technicians and staff with their secrets, and a clock's worth of one-time codes each.

use gateway::{entropy, factors};
use jiff::Timestamp;
use std::sync::Mutex;
use std::time::Duration;

/// Somebody with a password and an authenticator.
#[derive(Debug)]
pub struct Person {
    /// What they sign in with.
    pub login: String,
    /// Their password.
    pub password: String,
    /// Their TOTP secret, base32.
    pub totp: String,
    used: Mutex<i64>,
}

impl Person {
    /// Somebody new.
    pub fn new(login: &str) -> Self {
        Self {
            login: login.to_owned(),
            password: entropy::password().expect("entropy"),
            totp: factors::new_totp().expect("entropy"),
            used: Mutex::new(0),
        }
    }

    /// Somebody whose secrets were made elsewhere.
    pub fn with_secrets(login: &str, password: &str, totp: &str) -> Self {
        Self { login: login.to_owned(), password: password.to_owned(), totp: totp.to_owned(), used: Mutex::new(0) }
    }

    /// The code of an instant.
    pub fn code_at(&self, at: Timestamp) -> String {
        factors::code_at(&self.totp, at).expect("a code")
    }

    /// A code that was not used yet and is accepted now. Codes are good a step early and late, so
    /// three can follow each other at once; the fourth waits for the next step.
    pub fn fresh_code(&self) -> String {
        let mut used = self.used.lock().expect("not poisoned");
        loop {
            let now = Timestamp::now().as_second().div_euclid(30);
            // The earlier step is good for a few seconds more only while its successor is young.
            let oldest = if Timestamp::now().as_second().rem_euclid(30) < 20 { now - 1 } else { now };
            for step in oldest..=now + 1 {
                if step > *used {
                    *used = step;
                    return self.code_at(Timestamp::from_second(step * 30).expect("a time"));
                }
            }
            // The next code comes with time alone.
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

//! Which input was a secret: typed at a password prompt, and not echoed (D27, REC-03).
//!
//! What is judged secret leaves the main track for one that two persons open. So that nobody can use
//! a prompt as an eraser (T14), a secret ends with the first line and at 128 bytes, and only input
//! that was not shown counts.

/// Longest secret.
const LONGEST: usize = 128;
/// Output that may come while a secret is being typed, asterisks say; beyond it the case is closed.
const PATIENCE: usize = 4096;

/// Words at which a prompt asks for a secret, in lower case.
const WORDS: [&str; 17] = [
    "password",
    "passwort",
    "kennwort",
    "passphrase",
    "mot de passe",
    "phrase secrete",
    "phrase secrète",
    "passcode",
    "secret",
    "pin",
    "code",
    "token",
    "otp",
    "contraseña",
    "senha",
    "wachtwoord",
    "parole",
];

/// How far before the end of the row the word may stand, in characters.
const NEAR: usize = 60;

/// Whether a row that ends at the cursor asks for a secret.
pub(crate) fn is_prompt(row: &str) -> bool {
    let trimmed = row.trim_end();
    let blanks = row.chars().count() - trimmed.chars().count();
    // The cursor stands right after: at most one blank lies between.
    if blanks > 1 || !trimmed.ends_with([':', '：', '>', '?', ']']) {
        return false;
    }
    let lower = trimmed.to_lowercase();
    let tail: String = {
        let all: Vec<char> = lower.chars().collect();
        all.get(all.len().saturating_sub(NEAR)..).unwrap_or_default().iter().collect()
    };
    WORDS.iter().any(|word| {
        tail.match_indices(word).any(|(at, _)| {
            let before = tail.get(..at).and_then(|text| text.chars().next_back());
            let after = tail.get(at + word.len()..).and_then(|text| text.chars().next());
            before.is_none_or(|c| !c.is_alphanumeric()) && after.is_none_or(|c| !c.is_alphanumeric())
        })
    })
}

/// What came of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Not decided yet.
    Open,
    /// It was shown: ordinary input.
    Echoed,
    /// It was not shown.
    Secret,
}

/// Input typed at a prompt, until it is known whether it was echoed.
#[derive(Debug, Default)]
pub(crate) struct Candidate {
    typed: Vec<u8>,
    complete: bool,
    shown: String,
    output: usize,
    escape: Escape,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Escape {
    #[default]
    No,
    Begun,
    Sequence,
}

impl Candidate {
    /// Takes input. Gives how many of these bytes belong to the secret; the rest is ordinary.
    pub(crate) fn input(&mut self, bytes: &[u8]) -> usize {
        if self.complete {
            return 0;
        }
        let room = LONGEST - self.typed.len();
        let line = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n' | 0x03 | 0x04)).map(|at| at + 1);
        let mine = line.unwrap_or(bytes.len()).min(room);
        self.typed.extend_from_slice(bytes.get(..mine).unwrap_or_default());
        self.complete = line.is_some_and(|line| line <= mine) || self.typed.len() >= LONGEST;
        mine
    }

    /// Whether its line is over.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Takes output that came meanwhile.
    pub(crate) fn output(&mut self, bytes: &[u8]) -> Judged {
        let mut line_over = false;
        self.output += bytes.len();
        for c in String::from_utf8_lossy(bytes).chars() {
            match (self.escape, c) {
                (Escape::No, '\u{1b}') => self.escape = Escape::Begun,
                (Escape::Begun, '[' | ']' | '(' | 'P') => self.escape = Escape::Sequence,
                (Escape::Begun, _) => self.escape = Escape::No,
                (Escape::Sequence, '@'..='Z' | 'a'..='~' | '\u{7}') => self.escape = Escape::No,
                (Escape::Sequence, _) => {}
                (Escape::No, '\r' | '\n') => line_over = true,
                (Escape::No, c) if !c.is_control() && !line_over => self.shown.push(c),
                (Escape::No, _) => {}
            }
        }
        let typed = String::from_utf8_lossy(&self.typed);
        let typed: Vec<char> = typed.chars().filter(|c| !c.is_control()).collect();
        let mask = !self.shown.is_empty() && self.shown.chars().all(|c| matches!(c, '*' | '•' | '●' | ' '));
        let alike = self.shown.chars().zip(&typed).take_while(|(shown, typed)| shown == *typed).count();
        // One character may be alike by chance where a prompt's own words follow; of two it is echo.
        if !mask && alike > 0 && alike >= typed.len().min(2) {
            return Judged::Echoed;
        }
        if self.complete && (line_over || self.output > PATIENCE) || self.output > 16 * PATIENCE {
            return if typed.is_empty() { Judged::Echoed } else { Judged::Secret };
        }
        Judged::Open
    }

    /// No more output will come.
    pub(crate) fn end(&self) -> Judged {
        if self.typed.iter().any(|byte| !byte.is_ascii_control()) { Judged::Secret } else { Judged::Echoed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_known() {
        for row in [
            "Password: ",
            "root@scanner's password:",
            "[sudo] password for maint: ",
            "Mot de passe : ",
            "Enter passphrase for key '/root/.ssh/id_rsa': ",
            "Verification code: ",
        ] {
            assert!(is_prompt(row), "{row}");
        }
        for row in [
            "$ ",
            "",
            "the password is here",
            "password:    ",
            "root@scanner:~# ",
            "passwords reset. Continue?",
            "decode:",
        ] {
            assert!(!is_prompt(row), "{row}");
        }
    }

    fn judge(steps: &[(&str, &str)]) -> Judged {
        let mut candidate = Candidate::default();
        for (input, output) in steps {
            candidate.input(input.as_bytes());
            match candidate.output(output.as_bytes()) {
                Judged::Open => {}
                judged => return judged,
            }
        }
        candidate.end()
    }

    /// REC-03.
    #[test]
    fn what_is_not_echoed_is_secret() {
        assert_eq!(judge(&[("hunter2\r", "\r\n")]), Judged::Secret);
        assert_eq!(judge(&[("h", ""), ("unter2", ""), ("\r", "\r\nSorry, try again.\r\n")]), Judged::Secret);
        assert_eq!(judge(&[("h", "*"), ("u", "*"), ("\r", "\r\n")]), Judged::Secret);
        assert_eq!(judge(&[("hunter2", "")]), Judged::Secret);
    }

    #[test]
    fn what_is_echoed_is_not() {
        assert_eq!(judge(&[("ls\r", "ls\r\nfile\r\n")]), Judged::Echoed);
        assert_eq!(judge(&[("l", "l"), ("s", "s")]), Judged::Echoed);
        assert_eq!(judge(&[("\r", "\r\n")]), Judged::Echoed);
    }

    /// T14: no eraser.
    #[test]
    fn a_secret_is_one_line_and_short() {
        let mut candidate = Candidate::default();
        assert_eq!(candidate.input(b"secret\rrm -rf /\r"), 7);
        assert!(candidate.is_complete());
        let mut candidate = Candidate::default();
        assert_eq!(candidate.input(&[b'x'; 500]), LONGEST);
        assert_eq!(candidate.input(b"more"), 0);
    }
}

//! What a target asks the technician: taken apart from everything of ours, bounded, and put through
//! a channel to the lobby (T21).

use super::{DialError, PATIENCE};
use policy::TargetId;
use russh::client::Prompt;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

/// Things that a target may ask in one sign-in, over all its rounds.
pub(super) const MOST: usize = 3;
/// Characters of one that are shown.
const SHOWN: usize = 80;
/// How long the technician may take: less than the lobby leaves them at one prompt.
const TO_ANSWER: Duration = Duration::from_secs(120);

/// One thing that a target asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What it says: one line, nothing hidden, at most 80 characters.
    pub line: String,
    /// Whether what is typed is shown.
    pub shown: bool,
}

/// What was typed, in the order of what was asked.
pub type Answers = Vec<Zeroizing<String>>;

/// A round of a target's questions. Dropping it gives the target up.
pub struct Question {
    /// What it asks; never empty.
    pub asked: Vec<Asked>,
    /// Where the answers go, and nowhere else.
    pub answer: oneshot::Sender<Answers>,
}

/// The way to somebody who may be asked.
pub type Asker = mpsc::Sender<Question>;

/// The questions of one sign-in.
pub(super) struct Questions<'a> {
    target: &'a TargetId,
    asker: Option<&'a Asker>,
    left: usize,
}

impl<'a> Questions<'a> {
    pub(super) fn new(target: &'a TargetId, asker: Option<&'a Asker>) -> Self {
        Self { target, asker, left: MOST }
    }

    /// Puts a round of prompts to the technician, if anybody may be asked.
    pub(super) async fn put(&mut self, prompts: &[Prompt]) -> Result<Vec<String>, DialError> {
        let asker = self.asker.ok_or_else(|| DialError::Question(self.target.clone()))?;
        self.left = self.left.checked_sub(prompts.len()).ok_or_else(|| DialError::Questions(self.target.clone()))?;
        let asked = prompts.iter().map(|one| Asked { line: plain(&one.prompt), shown: one.echo }).collect();
        let (answer, answers) = oneshot::channel();
        let unanswered = || DialError::NotAnswered(self.target.clone());
        let put = asker.send(Question { asked, answer });
        tokio::time::timeout(PATIENCE, put).await.map_err(|_| unanswered())?.map_err(|_| unanswered())?;
        let typed = tokio::time::timeout(TO_ANSWER, answers).await.map_err(|_| unanswered())?;
        let mut typed = typed.map_err(|_| unanswered())?.into_iter();
        // As many as were asked for: the library does not count.
        Ok(prompts.iter().map(|_| typed.next().map_or(String::new(), |one| one.as_str().to_owned())).collect())
    }
}

/// What a target says, as it may be shown in the lobby.
fn plain(text: &str) -> String {
    let visible: String = text.chars().filter(|c| !hidden(*c)).take(SHOWN).collect();
    visible.trim().to_owned()
}

/// Whether a character shows nothing or changes how others are shown.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_target_asks_is_one_visible_line() {
        assert_eq!(plain("Code\r\n\u{1b}[2JOne-time\u{202e} code: "), "Code[2JOne-time code:");
        assert_eq!(plain(&"é".repeat(500)).chars().count(), SHOWN);
        assert_eq!(plain("\u{200b}\n"), "");
    }
}

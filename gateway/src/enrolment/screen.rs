//! Questions and answers on a plain terminal: lines, echoed or not, with a backspace. ASCII alone,
//! since nobody knows what the terminal can show, but for the code that a phone reads.

use crate::ssh::lobby::fold;
use crate::texts::to_ascii;
use russh::ChannelWriteHalf;
use russh::server::Msg;
use std::collections::VecDeque;
use tokio::sync::mpsc;

/// Longest answer, in characters.
const LONGEST: usize = 256;

/// Whether what is typed is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Echo {
    On,
    Off,
}

/// The person went away, or pressed Ctrl-C or Ctrl-D.
#[derive(Debug)]
pub(super) struct Left;

/// A terminal to talk on.
pub(super) struct Screen {
    writer: ChannelWriteHalf<Msg>,
    typed: mpsc::Receiver<Vec<u8>>,
    waiting: VecDeque<u8>,
    /// The last line ended in a carriage return: a line feed behind it is the same key.
    after_return: bool,
}

impl Screen {
    pub(super) fn new(writer: ChannelWriteHalf<Msg>, typed: mpsc::Receiver<Vec<u8>>) -> Self {
        Self { writer, typed, waiting: VecDeque::new(), after_return: false }
    }

    async fn write(&self, text: &str) {
        // Whoever does not read is ended by the connection's deadline.
        let _ = self.writer.data_bytes(text.as_bytes().to_vec()).await;
    }

    /// Shows lines.
    pub(super) async fn say(&self, text: &str) {
        self.write(&format!("{}\r\n", fold(&to_ascii(text)).replace('\n', "\r\n"))).await;
    }

    /// Shows lines as they are.
    pub(super) async fn draw(&self, lines: &[String]) {
        self.write(&format!("\r\n{}\r\n", lines.join("\r\n"))).await;
    }

    async fn byte(&mut self) -> Result<u8, Left> {
        loop {
            if let Some(byte) = self.waiting.pop_front() {
                return Ok(byte);
            }
            let more = self.typed.recv().await.ok_or(Left)?;
            self.waiting.extend(more);
        }
    }

    /// Asks, and takes one line.
    pub(super) async fn ask(&mut self, prompt: &str, echo: Echo) -> Result<String, Left> {
        self.write(&format!("{} ", to_ascii(prompt))).await;
        let mut line: Vec<u8> = Vec::new();
        loop {
            let byte = self.byte().await?;
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\r' | b'\n' => {
                    self.write("\r\n").await;
                    return Ok(String::from_utf8_lossy(&line).into_owned());
                }
                0x03 | 0x04 => {
                    self.write("\r\n").await;
                    return Err(Left);
                }
                0x08 | 0x7f => {
                    let text = String::from_utf8_lossy(&line).into_owned();
                    let Some(last) = text.chars().next_back() else { continue };
                    line.truncate(line.len().saturating_sub(last.len_utf8()));
                    if echo == Echo::On {
                        self.write("\x08 \x08").await;
                    }
                }
                // Erase the line, as terminals do.
                0x15 => {
                    let shown = String::from_utf8_lossy(&line).chars().count();
                    line.clear();
                    if echo == Echo::On {
                        self.write(&"\x08 \x08".repeat(shown)).await;
                    }
                }
                // Cursor keys and their like mean nothing here.
                0x1b => self.skip_sequence().await?,
                byte if byte < 0x20 => {}
                byte if line.len() < LONGEST => {
                    line.push(byte);
                    if echo == Echo::On && byte.is_ascii() {
                        self.write(&char::from(byte).to_string()).await;
                    } else if echo == Echo::On && std::str::from_utf8(&line).is_ok() {
                        let text = String::from_utf8_lossy(&line).into_owned();
                        let last: String = text.chars().next_back().into_iter().collect();
                        self.write(&last).await;
                    }
                }
                _ => {}
            }
        }
    }

    /// Escape, `[` or `O`, parameters, one final character. An escape alone takes nothing along.
    async fn skip_sequence(&mut self) -> Result<(), Left> {
        if !matches!(self.waiting.front(), Some(b'[' | b'O')) {
            return Ok(());
        }
        self.byte().await?;
        while let Some(byte) = self.waiting.pop_front() {
            if byte.is_ascii_alphabetic() || byte == b'~' {
                break;
            }
        }
        Ok(())
    }

    /// Ends the channel.
    pub(super) async fn close(self) {
        let _ = self.writer.eof().await;
        let _ = self.writer.close().await;
    }
}

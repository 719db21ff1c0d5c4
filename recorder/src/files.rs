//! The files of one channel, at sealing: a list of what happened to them, and apart from it the content
//! that was kept, each under a head of its own.

use crate::frame::{Frame, FrameKind};
use crate::manifest::PartKind;
use crate::parts::{PartWriter, Written};
use crate::raw::RawWriter;
use std::io;

const LIST: &str = ".files";
const CONTENT: &str = "-content.raw";

/// What is written so far; nothing for most channels.
#[derive(Default)]
pub(crate) struct FileTrack {
    list: Option<PartWriter>,
    content: Option<RawWriter>,
}

impl FileTrack {
    /// Takes a frame, if it is about files. `part` begins a part with this ending of its name.
    pub(crate) fn takes(&mut self, frame: &Frame, part: impl Fn(&str) -> io::Result<PartWriter>) -> io::Result<bool> {
        match frame.kind {
            FrameKind::File => {
                // What is no object of ours is kept as it is.
                let Some(event) = event(frame) else { return Ok(false) };
                if event.get("event").and_then(serde_json::Value::as_str) == Some("progress") {
                    // For those who watch: the list has what came of it.
                    return Ok(true);
                }
                let line = format!("{}\n", serde_json::Value::Object(event));
                if self.list.is_none() {
                    self.list = Some(part(LIST)?);
                }
                self.list.as_mut().map_or(Ok(()), |list| list.write(line.as_bytes()))?;
            }
            FrameKind::Content => {
                if self.content.is_none() {
                    self.content = Some(RawWriter::begin(part(CONTENT)?, b"{\"what\":\"content\"}")?);
                }
                self.content.as_mut().map_or(Ok(()), |content| content.frame(frame))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Ends what was begun: the ending of each part's name, its kind, and what it came to.
    pub(crate) fn finish(self) -> io::Result<Vec<(&'static str, PartKind, Written)>> {
        let mut written = Vec::new();
        if let Some(list) = self.list {
            written.push((LIST, PartKind::Files, list.finish()?));
        }
        if let Some(content) = self.content {
            written.push((CONTENT, PartKind::Content, content.finish()?));
        }
        Ok(written)
    }
}

/// The frame's object with its time.
fn event(frame: &Frame) -> Option<serde_json::Map<String, serde_json::Value>> {
    let mut object: serde_json::Map<_, _> = serde_json::from_slice(&frame.data).ok()?;
    object.insert("at".to_owned(), frame.at.to_string().into());
    Some(object)
}

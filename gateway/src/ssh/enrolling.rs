//! A connection on which somebody enrols: one channel with a terminal, and the page over it.

use crate::enrolment::Enrolling;
use russh::server::{Msg, Session};
use russh::{ChannelId, ChannelWriteHalf};
use tokio::sync::mpsc;

/// Blocks of typed bytes that may wait for the enrolment page.
pub(super) const TYPED: usize = 64;

/// A connection that may do nothing but enrol. It has no session and no permit, and nothing in here
/// could become one (D8).
pub(super) enum Enrolment {
    /// No channel yet.
    Invited(Box<Enrolling>),
    /// The one channel is open.
    Opened { who: Box<Enrolling>, id: ChannelId, writer: ChannelWriteHalf<Msg>, terminal: bool },
    /// The page is there.
    Running { id: ChannelId, typed: mpsc::Sender<Vec<u8>> },
}

/// Enrolment needs somebody at a terminal; a command or a pipe is told so.
pub(super) async fn refuse_to_enrol(
    who: &Enrolling,
    writer: &ChannelWriteHalf<Msg>,
    id: ChannelId,
    session: &mut Session,
) -> Result<(), russh::Error> {
    let text = crate::texts::to_ascii(&who.texts.text("enrol-no-terminal"));
    session.channel_success(id)?;
    let _ = writer.extended_data_bytes(1, format!("{text}\r\n").into_bytes()).await;
    let _ = writer.close().await;
    Ok(())
}

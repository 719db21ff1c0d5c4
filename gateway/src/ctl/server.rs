//! The daemon's side of the socket: takes a line, answers with one, and hands the socket on to whoever watches or
//! follows from there.

use super::caller::Caller;
use super::desk::{Answer, Desk};
use super::evidence;
use super::protocol::Response;
use crate::descriptors;
use crate::siem::Follow;
use crate::watch::{attend, socket};
use lifecycle::order::{Failure, Order, exit};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// Longest request.
const LONGEST: u64 = 256 << 10;
/// How long a caller may take to say what they want.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests at once. Whoever watches leaves their turn to others.
const AT_ONCE: usize = 32;

/// Listens. Gives the task, which waits on the socket.
pub fn serve(desk: Arc<Desk>) -> anyhow::Result<impl Future<Output = ()>> {
    let path = desk.site.paths.socket();
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let own = rustix::process::geteuid().as_raw();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    Ok(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(descriptors::AFTER_FAILURE).await;
                continue;
            };
            let Ok(turn) = turns.clone().acquire_owned().await else { return };
            let desk = desk.clone();
            tokio::spawn(async move {
                if let Ok(Some(stream)) = desk.attend(stream, own).await {
                    drop(turn);
                    stream.run().await;
                }
            });
        }
    })
}

/// What goes on over the socket after the answer.
enum Streamed {
    Watch(Box<attend::Watch>),
    Follow(Box<Follow>),
}

impl Streamed {
    async fn run(self) {
        match self {
            Streamed::Watch(watch) => watch.run().await,
            Streamed::Follow(follow) => follow.run().await,
        }
    }
}

impl Desk {
    /// Answers one request. Somebody who may watch, or follow the journal, goes on from there, with the
    /// socket.
    async fn attend(&self, stream: UnixStream, own: u32) -> std::io::Result<Option<Streamed>> {
        let caller = Caller::of(&stream.peer_cred()?);
        let (reader, mut writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        let answer = if caller.uid != 0 && caller.uid != own {
            Err(Failure::new(exit::NOT_PERMITTED, "run this as root or as the daemon's user"))
        } else {
            let mut line = String::new();
            let mut bounded = (&mut reader).take(LONGEST);
            let read = tokio::time::timeout(PATIENCE, bounded.read_line(&mut line)).await;
            match read {
                Ok(Ok(_)) => match serde_json::from_str(&line) {
                    Ok(Order::SessionWatch { id, proof }) => match self.may_watch(&caller, &id, proof).await {
                        Ok(ticket) => {
                            write_response(&mut writer, Ok(json!({}))).await?;
                            return Ok(Some(Streamed::Watch(Box::new(socket::over(ticket, reader, writer)))));
                        }
                        Err(failure) => Err(failure),
                    },
                    Ok(order @ Order::JournalFollow { .. }) => match self.may_follow(&caller, order).await {
                        Ok(following) => {
                            write_response(&mut writer, Ok(json!({ "from": following.from }))).await?;
                            return Ok(Some(Streamed::Follow(Box::new(following.over(reader, writer)))));
                        }
                        Err(failure) => Err(failure),
                    },
                    Ok(order @ Order::EvidenceExport { .. }) => match self.evidence_for(order, &caller).await {
                        Ok(prepared) => {
                            write_response(&mut writer, Self::told(&prepared)).await?;
                            evidence::give_out(prepared, &mut writer).await?;
                            return Ok(None);
                        }
                        Err(failure) => Err(failure),
                    },
                    Ok(request) => self.answer(request, &caller).await,
                    Err(error) => Err(Failure::new(exit::USAGE, format!("the request is not understood: {error}"))),
                },
                _ => Err(Failure::new(exit::USAGE, "no request came")),
            }
        };
        write_response(&mut writer, answer).await?;
        Ok(None)
    }
}

async fn write_response(writer: &mut (impl tokio::io::AsyncWrite + Unpin), answer: Answer) -> std::io::Result<()> {
    let response = match answer {
        Ok(value) => Response::Done(value),
        Err(failure) => Response::Failed(failure),
    };
    let mut line = serde_json::to_vec(&response).unwrap_or_default();
    line.push(b'\n');
    writer.write_all(&line).await
}

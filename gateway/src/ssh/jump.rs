//! `ssh -J`: a tunnel to the session's own target ends at the bastion's own SSH server, so that what is
//! said inside passes the same permit and the same recorder (T23).
//!
//! It opens also while the session is frozen: nothing reaches the target by it, and whatever is asked
//! for inside waits as it does outside.

use crate::relay::channel::Ending;
use crate::relay::gate::{Gate, GatedStream};
use crate::relay::pressure::ClientSide;
use crate::relay::session::Task;
use crate::ssh::forward::PROHIBITED;
use crate::ssh::hosted::Hosted;
use crate::ssh::inner::{Inner, Met};
use crate::ssh::opening::{NotStarted, Opening};
use crate::ssh::way;
use crate::target::Dialled;
use russh::server::{self, ChannelOpenHandle, Msg};
use russh::{ChannelOpenFailure, ChannelWriteHalf, Disconnect};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::Mutex;

/// Connections inside one session at a time; a client that copies and types has two or three.
pub(super) const JUMPS: u32 = 4;
/// Until the inner client has said who it wants to be: time to compare a host key.
const UNNAMED: Duration = Duration::from_secs(120);
/// How long what is inside may take for its last words. Shorter than the session waits for its tasks.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// How long the inner connection's own goodbye may take after that, and its way through the tunnel.
const AT_LAST: Duration = Duration::from_millis(200);
/// A client that is refused may be about to write: it reads why first, if the tunnel still stands.
const TO_READ_WHY: Duration = Duration::from_secs(1);

/// A jump on its way.
pub(super) struct Jump {
    pub(super) opening: Opening,
    pub(super) writer: ChannelWriteHalf<Msg>,
    pub(super) first: Arc<Mutex<Option<Dialled>>>,
    /// How the bastion's server speaks.
    pub(super) server: Arc<server::Config>,
}

impl Jump {
    /// Runs it to its end.
    pub(super) async fn run(self, reply: ChannelOpenHandle) {
        let (channel, site) = (&self.opening.channel, &self.opening.site);
        let session = channel.session().clone();
        let _going = session.going(Task::Jump);
        let permit = match self.opening.take_right().await {
            Ok(permit) => permit,
            Err(NotStarted { text, why }) => {
                self.opening.refused("direct-tcpip", why).await;
                let reason = crate::texts::to_ascii(&session.texts.text(text));
                reply.reject(ChannelOpenFailure::Other { code: PROHIBITED, reason }).await;
                channel.finish();
                return;
            }
        };
        match UnixStream::pair() {
            Err(error) => {
                tracing::error!(session = %session.id, %error, "the bastion's inner server cannot be reached");
                reply.reject(ChannelOpenFailure::ResourceShortage).await;
            }
            Ok((near, far)) => {
                reply.accept().await;
                let config = site.config();
                let gate = Arc::new(Gate::default());
                let client = Arc::new(ClientSide::new(gate.clone(), config.ssh.channels));
                session.take_inside(&client);
                let met = Met::new(
                    permit.account().to_string(),
                    way::command(&config, &session.technician, permit.target(), Some(permit.account())),
                );
                let hosted = Hosted::new(site.clone(), session.clone(), self.first.clone(), client.clone());
                let inner = Inner::new(met.clone(), hosted, client);
                let stream = GatedStream::new(Arc::new(far), gate.clone());
                let carry = channel.carry(&self.writer, near);
                tokio::pin!(carry);
                tokio::select! {
                    // The client has closed it.
                    () = &mut carry => {}
                    // What the inner server said last is still told.
                    () = self.serve(stream, inner, &met, &gate) => {
                        let _ = tokio::time::timeout(AT_LAST, &mut carry).await;
                    }
                }
                gate.end();
                if met.has_refused() {
                    tokio::select! {
                        _ = tokio::time::timeout(TO_READ_WHY, channel.until_over()) => {}
                        () = session.ended() => {}
                    }
                }
            }
        }
        channel.finish();
        self.opening.closed(&Ending::default()).await;
        let _ = self.writer.close().await;
    }

    /// The inner server, until it is done or the session is over.
    async fn serve(&self, stream: GatedStream<UnixStream>, inner: Inner, met: &Met, gate: &Gate) {
        let session = self.opening.channel.session();
        let run = async {
            let running = server::run_stream(self.server.clone(), stream, inner).await?;
            met.set_handle(running.handle());
            running.await
        };
        tokio::pin!(run);
        let unnamed = async {
            if tokio::time::timeout(UNNAMED, met.entered()).await.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            outcome = &mut run => {
                if let Err(error) = outcome {
                    tracing::debug!(session = %session.id, %error, "a connection inside a jump ended");
                }
            }
            () = unnamed => {}
            () = session.ended() => {
                // The terminals inside have read why; whatever has none is told as the connection's end.
                let _ = tokio::time::timeout(LAST_WORDS, session.said_all()).await;
                if let (Some(cause), Some(handle)) = (session.cause(), met.handle()) {
                    let reason = crate::texts::to_ascii(&session.texts.end(cause));
                    let farewell = handle.disconnect(Disconnect::ByApplication, reason, String::new());
                    let _ = tokio::time::timeout(AT_LAST, async { tokio::join!(farewell, &mut run) }).await;
                }
            }
        }
        gate.end();
    }
}

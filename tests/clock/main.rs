//! The daemon with a clock that a test moves (D31). Called with the configuration and a socket; each
//! line on the socket is an instant, and the clock stands there from then on: so much time has passed.
//! With `jump` before it the clock was set and no time passed.
//!
//! Policy deadlines and one-time codes follow this clock; socket timers stay real.

use anyhow::Context as _;
use futures::future::BoxFuture;
use gateway::clock::Clock;
use gateway::daemon::{Daemon, Options, until_told_to_stop};
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixListener;
use tokio::sync::watch;

/// What the clock says, and by how much it was set beside the time that passed.
#[derive(Clone, Copy)]
struct Hands {
    now: Timestamp,
    set: SignedDuration,
}

struct Manual(watch::Sender<Hands>);

impl Clock for Manual {
    fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'_, ()> {
        let mut hands = self.0.subscribe();
        Box::pin(async move {
            let _ = hands.wait_for(|hands| hands.now >= at).await;
        })
    }

    fn is_trusted(&self) -> bool {
        true
    }

    fn reading(&self) -> (Timestamp, Duration) {
        let hands = *self.0.borrow();
        let passed = hands.now.duration_since(Timestamp::UNIX_EPOCH) - hands.set;
        (hands.now, Duration::try_from(passed).unwrap_or_default())
    }
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let config = PathBuf::from(args.next().context("which configuration?")?);
    let socket = PathBuf::from(args.next().context("which socket?")?);
    let start: Timestamp = args.next().context("which instant?")?.parse()?;
    let _log = gateway::log::start();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let clock = Arc::new(Manual(watch::Sender::new(Hands { now: start, set: SignedDuration::ZERO })));
        let daemon = Daemon::start(&Options { config, confirm_clock: false, confined: None }, clock.clone()).await?;
        let listener = UnixListener::bind(&socket)?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (reader, mut writer) = stream.into_split();
                let mut lines = BufReader::new(reader).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    let line = line.trim();
                    let (jumps, instant) = line.strip_prefix("jump ").map_or((false, line), |at| (true, at));
                    if let Ok(at) = instant.parse::<Timestamp>() {
                        // Never backwards, as the real clock promises.
                        clock.0.send_modify(|hands| {
                            let to = hands.now.max(at);
                            if jumps {
                                hands.set += to.duration_since(hands.now);
                            }
                            hands.now = to;
                        });
                    }
                    let _ = writer.write_all(b"done\n").await;
                }
            }
        });
        until_told_to_stop(&daemon).await?;
        daemon.stop("told to stop").await;
        Ok(())
    })
}

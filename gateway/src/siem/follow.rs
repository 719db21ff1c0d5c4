//! Somebody follows the journal at the command line: entries as they become durable, over the local
//! socket, for as long as whoever asked may read it.

use super::{read, speaker, write};
use crate::site::Site;
use config::SiemFormat;
use lifecycle::Role;
use policy::StaffLogin;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Entries that are read and sent at once.
const BATCH: usize = 250;
/// How often it is asked whether they may still read. Real time.
const LOOK: Duration = Duration::from_secs(10);

/// What follows the answer, line by line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Told {
    /// An entry, and the index of the next.
    Entry { line: String, next: u64 },
    /// There is no more, or no more may be read.
    End { why: Option<String> },
}

/// A stream to one who follows.
pub(crate) struct Follow {
    pub(crate) site: Arc<Site>,
    pub(crate) staff: StaffLogin,
    pub(crate) from: u64,
    /// Ends before this entry.
    pub(crate) until: Option<u64>,
    pub(crate) format: SiemFormat,
    pub(crate) reader: BufReader<OwnedReadHalf>,
    pub(crate) writer: OwnedWriteHalf,
}

impl Follow {
    /// Waits on the journal's size, on the socket, and on time.
    pub(crate) async fn run(mut self) {
        // Whoever is gone is written to in vain.
        let _ = self.tell_all().await;
    }

    async fn tell_all(&mut self) -> std::io::Result<()> {
        let mut size = self.site.registrar.changes();
        let speaker = speaker(&self.site);
        loop {
            if !self.may_still().await {
                return self.end(Some("the right to read the journal is gone")).await;
            }
            let durable = *size.borrow_and_update();
            let end = self.until.unwrap_or(durable).min(durable);
            while self.from < end {
                let facts = match read(&self.site, self.from, BATCH).await {
                    Ok(facts) if facts.is_empty() => break,
                    Ok(facts) => facts,
                    Err(why) => return self.end(Some(&why)).await,
                };
                for fact in facts.iter().filter(|fact| fact.seq < end) {
                    let line = write::line(fact, &speaker, self.format);
                    self.tell(&Told::Entry { line, next: fact.seq + 1 }).await?;
                    self.from = fact.seq + 1;
                }
            }
            if self.until.is_some_and(|until| self.from >= until) {
                return self.end(None).await;
            }
            let mut said = [0];
            tokio::select! {
                changed = size.changed() => if changed.is_err() { return Ok(()) },
                // Nothing is said by who follows; they leave.
                _ = self.reader.read(&mut said) => return Ok(()),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn may_still(&self) -> bool {
        let wanted = self.staff.clone();
        let look = move |core: &crate::registrar::Core, _| {
            let staff = core.register.staff.get(&wanted);
            staff.is_some_and(|staff| staff.is(Role::Security) || staff.is(Role::Auditor))
        };
        self.site.registrar.view(look).await.unwrap_or(false)
    }

    async fn end(&mut self, why: Option<&str>) -> std::io::Result<()> {
        self.tell(&Told::End { why: why.map(str::to_owned) }).await
    }

    async fn tell(&mut self, told: &Told) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(told)?;
        line.push(b'\n');
        self.writer.write_all(&line).await
    }
}

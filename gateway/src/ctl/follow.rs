//! Whether somebody may follow the journal, and the entry that says that they do (LOG-11).

use super::caller::Caller;
use super::desk::{Desk, data, gone, reasoned};
use crate::siem::Follow;
use crate::site::Site;
use config::SiemFormat;
use lifecycle::order::{Failure, Order, exit};
use lifecycle::{Actor, Event};
use policy::StaffLogin;
use std::sync::Arc;
use tokio::io::BufReader;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Somebody who may, before they have the socket.
pub(super) struct Following {
    site: Arc<Site>,
    staff: StaffLogin,
    pub(super) from: u64,
    until: Option<u64>,
    format: SiemFormat,
}

impl Following {
    pub(super) fn over(self, reader: BufReader<OwnedReadHalf>, writer: OwnedWriteHalf) -> Follow {
        let Self { site, staff, from, until, format } = self;
        Follow { site, staff, from, until, format, reader, writer }
    }
}

impl Desk {
    /// Judges it, and journals it with its purpose: durable before anything is given out.
    pub(super) async fn may_follow(&self, caller: &Caller, order: Order) -> Result<Following, Failure> {
        let by = self.actor(&order, caller).await?;
        let Order::JournalFollow { from, once, format, purpose } = order else {
            return Err(Failure::new(exit::SOFTWARE, "not an order to follow the journal"));
        };
        let Actor::Staff(staff) = by else {
            return Err(Failure::new(exit::NOT_PERMITTED, "sign in first: `poterne login --as STAFF`"));
        };
        reasoned(&purpose).map_err(|_| data("the purpose is empty or longer than 2000 characters: write --purpose"))?;
        let words = SiemFormat::ALL;
        let Some((word, format)) = words.iter().find(|(word, _)| *word == format) else {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            return Err(Failure::new(exit::USAGE, format!("no such format: write one of {}", known.join(", "))));
        };
        let size = *self.site.registrar.changes().borrow();
        let from = from.unwrap_or(size);
        let read = Event::JournalRead { staff: staff.clone(), how: format!("follow as {word}"), from, purpose };
        self.site.registrar.act(move |_, _| (vec![read], ())).await.map_err(gone)?;
        Ok(Following { site: self.site.clone(), staff, from, until: once.then_some(size), format: *format })
    }
}

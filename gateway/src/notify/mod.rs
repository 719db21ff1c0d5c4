//! Telling the hospital's people that somebody asks, or that something is wrong: by webhooks and by
//! mail, with a link to the very request. A hint and no more: nothing is decided here, nobody
//! approves by answering, and no code is ever sent (D5). What cannot be told is tried again, logged
//! and counted, and holds nobody up.
//!
//! Only the configuration names where anything is sent. A technician chooses words that are carried,
//! never a host, a path or a header, so nobody can make the bastion call an address (SSRF).

mod hand_out;
mod health;
mod lane;
mod mail;
mod notice;
mod people;
mod sighting;
mod syslog;
mod webhook;
mod words;

pub use health::{ChannelHealth, Health};
pub(crate) use webhook::chain;

use crate::ctl::desk::Answer;
use crate::site::Site;
use hand_out::Office;
use lane::{Carrier as _, Item, Outcome, TRY};
use lifecycle::order::{Failure, exit};
use lifecycle::{Actor, Role};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// The names of the mails among the channels; no webhook may have one.
const MAIL: &str = "mail";
/// The name of the second mail, which carries what alerts.
const SECOND_MAIL: &str = "second-mail";
/// How often it is looked whether the journal still works. Real time.
const LOOK: Duration = Duration::from_secs(30);

/// Tells what happens. The task waits on the feed of events, on the configuration, and on an interval.
/// The feed is taken at once, so that nothing between this call and the task's first turn is missed.
pub fn keep(site: Arc<Site>) -> impl Future<Output = ()> + Send {
    let mut feed = site.registrar.feed();
    let mut config = site.config.clone();
    async move {
        let mut office = Office::open(site).await;
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                happened = feed.recv() => match happened {
                    Ok(happened) => office.hear(happened.0, &happened.1).await,
                    Err(RecvError::Lagged(count)) => {
                        tracing::warn!(count, "notifications lagged behind: looking for requests that wait");
                        office.look_for_waiting().await;
                    }
                    Err(RecvError::Closed) => return,
                },
                _ = look.tick() => office.look_at_journal().await,
                changed = config.changed() => match changed {
                    Ok(()) => office.take_config(),
                    Err(_) => return,
                },
            }
        }
    }
}

/// Tries one channel, or each, at once and once: what `poterne notify test` asks for. The mail goes to
/// whoever asks.
pub(crate) async fn test(site: &Arc<Site>, channel: Option<String>, by: &Actor) -> Answer {
    let config = site.config();
    let mut names: Vec<&str> = config.notify.webhooks.keys().map(String::as_str).collect();
    names.extend(config.notify.mail.as_ref().map(|_| MAIL));
    names.extend(config.notify.second_mail.as_ref().map(|_| SECOND_MAIL));
    if let Some(wanted) = &channel {
        if !names.contains(&wanted.as_str()) {
            let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let text = format!("there is no channel of this name in `[notify]`: there is {there}");
            return Err(Failure::new(exit::NO_INPUT, text));
        }
        names.retain(|name| name == wanted);
    }
    if names.is_empty() {
        return Err(Failure::new(exit::CONFIG, "`[notify]` names no webhook and no mail: docs/operations/notify.md"));
    }
    let notice = Arc::new(notice::Notice::of_test(site));
    let mut rows = Vec::new();
    for name in names {
        let sent = match name {
            MAIL | SECOND_MAIL => match own_address(site, by).await {
                Some(to) => {
                    let item = Item::new(notice.clone(), Some(to));
                    let post = mail::Post::new(site.clone(), name == SECOND_MAIL);
                    tokio::time::timeout(TRY, post.carry(&item)).await
                }
                None => Ok(Outcome::Never("sign in first: the mail goes to your own address".to_owned())),
            },
            _ => {
                let item = Item::new(notice.clone(), None);
                tokio::time::timeout(TRY, webhook::Hook::new(site.clone(), name.to_owned()).carry(&item)).await
            }
        };
        let error = match sent {
            Ok(Outcome::Done) => None,
            Ok(Outcome::Never(why) | Outcome::Later(why) | Outcome::Down(why)) => Some(why),
            Err(_) => Some(lane::too_slow()),
        };
        rows.push(json!({ "channel": name, "sent": error.is_none(), "error": error }));
    }
    Ok(json!(rows))
}

async fn own_address(site: &Site, by: &Actor) -> Option<String> {
    let Actor::Staff(login) = by else { return None };
    let wanted = login.clone();
    let look = move |core: &crate::registrar::Core, _| {
        core.register.staff.get(&wanted).filter(|staff| staff.is_active()).map(|staff| staff.identity.email.clone())
    };
    site.registrar.view(look).await.ok().flatten()
}

/// The roles that hear what is about no target.
const GUARDS: &[Role] = &[Role::Security];

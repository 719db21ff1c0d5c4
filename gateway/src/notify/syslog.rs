//! Alerts, as lines to the local syslog: a way that needs no network.

use crate::registrar::Core;
use crate::site::Site;
use lifecycle::{Alert, Event, visible};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Facility authpriv (10), severity alert (1): RFC 3164 §4.1.1.
const PRIORITY: u8 = 10 * 8 + 1;

/// Sends the alert to this socket, as `syslog(3)` does. What cannot be sent is logged.
pub(super) async fn tell(site: &Site, path: &Path, event: &Event) {
    let (Event::AlertRaised { alert, .. } | Event::AlertEscalated { alert, .. }) = event else { return };
    let number = *alert;
    let look = site.registrar.view(move |core: &Core, _| core.register.alerts.of(number).cloned());
    let Ok(Some(alert)) = look.await else { return };
    let zone = site.config().site.zone.clone();
    let at = zone.to_datetime(site.clock.now()).strftime("%b %e %H:%M:%S").to_string();
    let line = format!("<{PRIORITY}>{at} poterne[{}]: {}", std::process::id(), words(&alert));
    let sent = UnixDatagram::unbound().and_then(|socket| {
        socket.set_nonblocking(true)?;
        socket.send_to(line.as_bytes(), path)
    });
    if let Err(error) = sent {
        tracing::error!(%error, alert = number, path = %path.display(), "the syslog does not take an alert");
    }
}

/// One line; names in it are logins and ids.
fn words(alert: &Alert) -> String {
    let mut words = format!("ALERT {} {}", alert.number, alert.what);
    let mut more = |name: &str, value: String| {
        if !value.is_empty() {
            words.push_str(&format!(" {name}={}", visible(&value)));
        }
    };
    more("about", alert.about.clone());
    more("people", alert.people.join(","));
    more("vendor", alert.vendor.as_ref().map(ToString::to_string).unwrap_or_default());
    more("source", alert.source.map(|source| source.to_string()).unwrap_or_default());
    if alert.step > 0 {
        more("untaken-since", alert.raised.to_string());
    }
    words
}

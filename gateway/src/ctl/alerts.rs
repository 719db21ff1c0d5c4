//! Alerts, and who took them (LOG-16).

use super::desk::{Answer, Desk, gone, refused};
use crate::registrar::Core;
use lifecycle::{Alert, Command, Refusal};
use policy::StaffLogin;
use serde_json::{Value, json};

/// One alert, as it is told.
fn told(one: &Alert) -> Value {
    let taken = one.acknowledged.as_ref();
    json!({
        "alert": one.number,
        "state": if one.is_waiting() { "waiting" } else { "taken" },
        "what": one.what,
        "about": one.about,
        "vendor": one.vendor,
        "people": one.people.join(", "),
        "source": one.source,
        "raised": one.raised,
        "escalated": one.step,
        "taken_by": taken.map(|(by, _, _)| by),
        "taken_at": taken.map(|(_, at, _)| at),
        "note": taken.map(|(_, _, note)| note),
        "proposal": proposal(one),
    })
}

/// The command that shuts a company out whose credentials seem to be in other hands.
fn proposal(one: &Alert) -> Option<String> {
    let vendor = one.vendor.as_ref().filter(|_| one.what == "leak-suspected" && one.is_waiting())?;
    Some(format!("poterne vendor freeze {vendor} --reason \"alert {}\"", one.number))
}

impl Desk {
    /// Those that wait, or all that are known.
    pub(super) async fn alert_list(&self, all: bool) -> Answer {
        let list = move |core: &Core, _| {
            core.register.alerts.all().filter(|one| all || one.is_waiting()).map(told).collect::<Value>()
        };
        self.site.registrar.view(list).await.map_err(gone)
    }

    /// A person says by name that they look into it.
    pub(super) async fn alert_ack(&self, alert: u64, note: String, by: StaffLogin) -> Answer {
        self.command(Command::AcknowledgeAlert { alert, note, by }).await?;
        let look = move |core: &Core, _| core.register.alerts.of(alert).map(told);
        let shown = self.site.registrar.view(look).await.map_err(gone)?;
        shown.ok_or_else(|| refused(Refusal::NoAlert(alert)))
    }
}

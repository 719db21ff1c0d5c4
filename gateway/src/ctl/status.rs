//! `poterne status`: what holds now, in one answer.

use super::desk::{Answer, Desk};
use crate::confine::{Confined, State};
use serde_json::{Value, json};
use std::time::Duration;

impl Desk {
    /// What holds now. Waits on the register, and a second at the most on a disk that hangs.
    pub(crate) async fn status(&self) -> Answer {
        let config = self.site.config();
        let (live, now) = (self.site.live.count(), self.site.clock.now());
        let looked = self
            .site
            .registrar
            .view(|core, at| {
                let pending = core.register.current().filter(|one| one.state.is_pending()).count();
                let unsealed = core.register.sessions.values().filter(|one| one.end.is_some() && one.sealed.is_none());
                let review = core.register.interventions.values().filter(|one| one.wants_review()).count();
                let last_run = core.register.retention.last.as_ref().map(|run| run.at);
                let (armed, backed_up) = (core.register.is_armed(at), core.register.backed_up);
                (pending, unsealed.count(), review, armed, last_run, backed_up)
            })
            .await;
        let crisis = self.site.registrar.view(|core, _| {
            let envelope = core.register.break_glass.as_ref();
            let opened = envelope.is_some_and(lifecycle::BreakGlass::is_opened);
            (core.register.alerts.waiting().count(), envelope.map(lifecycle::BreakGlass::left), opened)
        });
        let (alerts, codes, opened) = crisis.await.unwrap_or_default();
        // The journal's end is itself something to be told.
        let (pending, unsealed, review, armed, last_run, backed_up) = looked.unwrap_or_default();
        let checkpoint = self.site.registrar.checkpoints().borrow().to_string();
        let locked = self.locked().await;
        let mut status = json!({
            "site": config.site.name,
            "version": env!("CARGO_PKG_VERSION"),
            "config": config.digest,
            "time": now,
            "clock_trusted": self.site.clock.is_trusted(),
            "journal_works": looked.is_ok(),
            "lacks": self.site.lacks.all(),
            "lockdown": self.site.lockdown.is_on(),
            "lockdown_because": locked.as_ref().map(|(text, _)| text),
            "lockdown_since": locked.as_ref().map(|(_, since)| since),
            "lockdown_reopened": self.site.lockdown.reopened(),
            "alerts_waiting": alerts,
            "change_waits": self.reload.waiting().map(|one| one.digest),
            "envelope_codes": codes,
            "envelope_opened": opened,
            "armed": armed,
            "live_sessions": live,
            "penalised_sources": self.site.limits.penalised(&config).iter().filter(|one| one.penalised).count(),
            "pending_interventions": pending,
            "emergencies_to_review": review,
            "recordings_to_seal": unsealed,
            "last_retention_run": last_run,
            "journal_key": self.journal_key,
            "host_key": self.host_key,
            "checkpoint": checkpoint,
            "anchors": self.anchor_list(),
            "last_backup": backed_up,
            "rollback": self.rollback().await,
        });
        if let Value::Object(fields) = &mut status {
            fields.extend(self.walls());
            let receivers = self.site.siem.receivers();
            fields.extend(receivers.iter().map(|(name, one)| (format!("siem.{name}"), one.summary().into())));
        }
        Ok(status)
    }

    /// How the process is shut in: what the kernel says of it, and what Landlock gave.
    fn walls(&self) -> impl Iterator<Item = (String, Value)> {
        let (confined, state) = (self.site.confined.as_deref(), State::now());
        let fields = [
            ("confined", json!(confined.is_some())),
            ("landlock_abi", json!(confined.map(Confined::landlock))),
            ("ports_confined", json!(confined.is_some_and(Confined::holds_ports))),
            ("calls_filtered", json!(state.map(|one| one.filtered))),
            ("no_new_privileges", json!(state.map(|one| one.no_new_privileges))),
            ("root", json!(state.map(|one| one.root))),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value))
    }

    /// Why all access is cut and since when, by the files. Their disk may hang; then nobody waits for it.
    async fn locked(&self) -> Option<(String, jiff::Timestamp)> {
        const PATIENCE: Duration = Duration::from_secs(1);
        if !self.site.lockdown.is_on() {
            return None;
        }
        let site = self.site.clone();
        let reason = tokio::task::spawn_blocking(move || site.lockdown.reason());
        tokio::time::timeout(PATIENCE, reason).await.ok()?.ok()?
    }
}

//! How the machine is, gathered for the console. Nothing of it is cached: what is shown is so now.

use super::desk::Desk;
use crate::anchors::AnchorHealth;
use crate::confine::State;
use crate::files::clamav;
use crate::https::CertificateState;
use crate::notify::ChannelHealth;
use crate::registrar::Core;
use crate::siem::ReceiverHealth;
use crate::ssh::listener;
use console::{
    Anchor, Certificate, Channel, Door, DoorCause, Health, JournalHealth, Missing, RecorderHealth, Room, ScannerHealth,
    Walls,
};
use lifecycle::{ACCEPTANCES, RecordingState, Register};
use std::net::SocketAddr;
use std::path::Path;

impl Desk {
    /// How the machine is. Waits on the register, on the disk, and at most 5 s on the scanner.
    pub(crate) async fn health(&self, addresses: Vec<SocketAddr>, certificate: Option<CertificateState>) -> Health {
        let look = |core: &Core, _| {
            let register = &core.register;
            let last_retention = register.retention.last.as_ref().map(|run| run.at);
            (recorder(register), register.last_at, register.backed_up, last_retention)
        };
        let looked = self.site.registrar.view(look).await;
        let works = looked.is_ok();
        let none = RecorderHealth { to_seal: 0, last_sealed: None, damaged: 0 };
        let (recorder, last_entry, last_backup, last_retention) = looked.unwrap_or((none, None, None, None));
        let checkpoint = self.site.registrar.checkpoints().borrow().to_string();
        let (state, recordings) = (self.site.paths.state().to_owned(), self.site.paths.recordings());
        let rooms = tokio::task::spawn_blocking(move || (room(&state), room(&recordings))).await;
        let (state, recordings) = rooms.unwrap_or((None, None));
        Health {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clock_trusted: self.site.clock.is_trusted(),
            state,
            recordings,
            journal: JournalHealth {
                works,
                size: size_of(&checkpoint),
                last_entry,
                key: self.journal_key.clone(),
                checkpoint,
            },
            recorder,
            door: self.door(addresses).await,
            certificate: certificate.map(|one| Certificate {
                own: one.own,
                fingerprint: one.fingerprint,
                names: one.names,
                until: one.not_after,
            }),
            scanner: self.scanner().await,
            channels: self.channels(),
            anchors: self.anchors(),
            lacks: self.site.lacks.all(),
            rollback: self.missing().await,
            confined: self.confined(),
            last_backup,
            last_retention,
        }
    }

    async fn scanner(&self) -> Option<ScannerHealth> {
        let config = self.site.config();
        let is_asked = config.targets.values().any(|target| target.carried.scan != config::Scan::None);
        let looked = clamav::look(config.clamav.as_ref().filter(|_| is_asked)?).await;
        Some(match looked {
            Ok(version) => ScannerHealth { fault: None, version: version.program, signatures: version.signatures },
            Err(why) => ScannerHealth { fault: Some(why), version: None, signatures: None },
        })
    }

    fn anchors(&self) -> Vec<Anchor> {
        let (now, limit) = (self.site.clock.now(), self.site.config().anchors.at_most);
        let anchor = |(name, one): (String, AnchorHealth)| Anchor {
            name,
            overdue: one.age(now) > limit,
            last: one.last.map(|(at, _)| at),
            size: one.last.map(|(_, size)| size),
            error: one.error,
        };
        self.site.anchors.all().into_iter().map(anchor).collect()
    }

    fn confined(&self) -> Option<Walls> {
        let (confined, state) = (self.site.confined.as_deref()?, State::now());
        let calls = state.is_some_and(|state| state.filtered && state.no_new_privileges);
        Some(Walls { landlock: confined.landlock(), ports: confined.holds_ports(), calls })
    }

    async fn missing(&self) -> Option<Missing> {
        let look = |core: &Core, _| {
            let open = core.register.rollbacks.open.as_ref()?;
            let largest = open.found.iter().max_by_key(|one| one.size)?;
            Some(Missing {
                remembered: largest.size,
                here: largest.here,
                by: open.found.iter().map(|one| one.anchor.clone()).collect(),
                to_accept: ACCEPTANCES.saturating_sub(open.accepted.len()),
            })
        };
        self.site.registrar.view(look).await.ok().flatten()
    }

    fn channels(&self) -> Vec<Channel> {
        let channel = |(name, one): (String, ChannelHealth)| Channel {
            name,
            well: one.is_well(),
            last_ok: one.last_ok,
            last_error: one.last_error,
            waiting: one.waiting,
        };
        let receiver = |(name, one): (String, ReceiverHealth)| Channel {
            name: format!("siem.{name}"),
            well: one.is_well(),
            last_ok: one.last_ok,
            last_error: one.last_error,
            waiting: one.waiting,
        };
        let receivers = self.site.siem.receivers().into_iter().map(receiver);
        self.site.notify.channels().into_iter().map(channel).chain(receivers).collect()
    }

    async fn door(&self, addresses: Vec<SocketAddr>) -> Door {
        let always = self.site.config().ssh.open == config::Opening::Always;
        let due = listener::due(&self.site).await;
        let cause = match (self.site.lockdown.is_on(), due.open, addresses.is_empty()) {
            (true, ..) => DoorCause::Lockdown,
            (false, true, true) => DoorCause::Fault,
            (false, true, false) if always => DoorCause::Always,
            (false, true, false) => DoorCause::Due,
            (false, false, _) => DoorCause::NotDue,
        };
        Door { addresses, cause, next: due.next }
    }
}

/// The number of entries that a checkpoint is over: its second line.
fn size_of(checkpoint: &str) -> Option<u64> {
    checkpoint.lines().nth(1)?.parse().ok()
}

fn recorder(register: &Register) -> RecorderHealth {
    let ended = || register.sessions.values().filter_map(|record| Some((record.end.as_ref()?, record.sealed.as_ref())));
    let damaged = |state: &RecordingState| *state == RecordingState::Mutilated;
    RecorderHealth {
        to_seal: ended().filter(|(_, sealed)| sealed.is_none()).count(),
        last_sealed: ended().filter(|(_, sealed)| sealed.is_some()).map(|(end, _)| end.ended).max(),
        damaged: ended().filter(|(_, sealed)| sealed.is_some_and(|sealed| damaged(&sealed.state))).count(),
    }
}

fn room(folder: &Path) -> Option<Room> {
    let system = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(system.f_frsize);
    Some(Room { free: bytes(system.f_bavail), total: bytes(system.f_blocks) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_stands_in_the_second_line_of_a_checkpoint() {
        assert_eq!(size_of("poterne/x\n42\nroot\n"), Some(42));
        assert_eq!(size_of(""), None);
    }

    #[test]
    fn a_folder_has_room_and_nothing_has_none() {
        let room_here = room(Path::new("/")).unwrap();
        assert!(room_here.free <= room_here.total && room_here.total > 0);
        assert_eq!(room(Path::new("/there/is/no/such/folder")), None);
    }
}

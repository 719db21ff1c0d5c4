//! Who is at the other end of the local socket: a user of the machine, at a terminal, perhaps signed
//! in as a member of staff (D11).

use jiff::{SignedDuration, Timestamp};
use lifecycle::Role;
use policy::StaffLogin;
use std::collections::HashMap;
use std::fs;
use std::sync::{Mutex, PoisonError};
use tokio::net::unix::UCred;

/// How long a sign-in lasts.
pub const SIGNED_IN: SignedDuration = SignedDuration::from_mins(15);

/// A user's terminal, as the kernel knows it; the caller cannot say another. Where there is none, the
/// session of processes stands for it. The start of the session's leader tells two terminals of one
/// name, one after the other, apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Seat {
    uid: u32,
    tty: i32,
    session: i32,
    leader_started: u64,
}

/// Whoever asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Their user id.
    pub uid: u32,
    /// Where they sit; `None`: the kernel does not say, and nobody is signed in there.
    pub seat: Option<Seat>,
}

/// The fields of `/proc/PID/stat` behind the name, which may hold anything: state is 0, parent 1,
/// group 2, session 3, terminal 4, start 19.
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

impl Caller {
    /// From what the kernel says of the peer.
    pub fn of(peer: &UCred) -> Self {
        let uid = peer.uid();
        let seat = || {
            let fields = stat(peer.pid()?)?;
            let number = |n: usize| fields.get(n).and_then(|field| field.parse::<i32>().ok());
            let (session, tty) = (number(3)?, number(4)?);
            let leader_started = stat(session).and_then(|fields| fields.get(19)?.parse().ok()).unwrap_or(0);
            Some(Seat { uid, tty, session, leader_started })
        };
        Self { uid, seat: seat() }
    }

    /// Whether they sit at a terminal.
    pub fn has_terminal(&self) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.tty != 0)
    }
}

/// Somebody signed in.
#[derive(Debug, Clone)]
pub struct Somebody {
    /// Who.
    pub staff: StaffLogin,
    /// What they might do when they signed in.
    pub roles: Vec<Role>,
    /// Until when.
    pub until: Timestamp,
}

/// Who is signed in where. In memory only: a restart signs everybody out.
#[derive(Default)]
pub struct SignedIn(Mutex<HashMap<Seat, Somebody>>);

impl SignedIn {
    fn seats(&self) -> std::sync::MutexGuard<'_, HashMap<Seat, Somebody>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs somebody in; gives until when.
    pub fn begin(&self, seat: Seat, staff: StaffLogin, roles: Vec<Role>, now: Timestamp) -> Timestamp {
        let until = now.saturating_add(SIGNED_IN).unwrap_or(now);
        let mut seats = self.seats();
        seats.retain(|_, one| one.until > now);
        seats.insert(seat, Somebody { staff, roles, until });
        until
    }

    /// Signs somebody out everywhere.
    pub fn forget(&self, staff: &StaffLogin) {
        self.seats().retain(|_, one| one.staff != *staff);
    }

    /// Signs out; gives who it was.
    pub fn end(&self, seat: &Seat) -> Option<StaffLogin> {
        self.seats().remove(seat).map(|one| one.staff)
    }

    /// Who is signed in there.
    pub fn at(&self, seat: &Seat, now: Timestamp) -> Option<Somebody> {
        self.seats().get(seat).filter(|one| one.until > now).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D11: bound to user and terminal, and over after 15 minutes.
    #[test]
    fn a_sign_in_holds_at_its_seat_and_for_its_time() {
        let seat = |uid, tty, leader_started| Seat { uid, tty, session: 7, leader_started };
        let at = |minute: i64| Timestamp::from_second(1_800_000_000 + minute * 60).unwrap();
        let signed_in = SignedIn::default();
        signed_in.begin(seat(0, 1, 5), "claire".parse().unwrap(), Vec::new(), at(0));
        assert!(signed_in.at(&seat(0, 1, 5), at(14)).is_some());
        assert!(signed_in.at(&seat(0, 1, 5), at(15)).is_none());
        for other in [seat(1, 1, 5), seat(0, 2, 5), seat(0, 1, 6)] {
            assert!(signed_in.at(&other, at(1)).is_none());
        }
        assert_eq!(signed_in.end(&seat(0, 1, 5)).unwrap().as_str(), "claire");
        assert!(signed_in.at(&seat(0, 1, 5), at(1)).is_none());
    }

    #[test]
    fn the_kernel_says_where_we_sit() {
        let own = i32::try_from(std::process::id()).unwrap();
        let fields = stat(own).unwrap();
        assert!(fields[3].parse::<i32>().unwrap() >= 0 && fields[19].parse::<u64>().unwrap() > 0);
    }
}

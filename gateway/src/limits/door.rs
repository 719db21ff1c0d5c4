//! Who is at the vendors' door: places for connections, in all, for each source, and for each proxy.
//!
//! Where there is no room, a connection that has proven nothing makes room: one that is still exchanging
//! keys, or that has not answered for itself. An address from which nobody can come in makes room first,
//! then one that is penalised, then the source that has most, its oldest first. So a flood displaces
//! itself; a person who comes in the midst of it has a place for as long as they need, and whoever has
//! proven a registered key keeps theirs (IDM-09).

use super::{Limit, Source};
use config::Config;
use lifecycle::AccountId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Connections of one account that are proven and still in the lobby: one that waits, one that joins, and one more.
const PROVEN_PER_ACCOUNT: usize = 3;

/// How an address stands. The lowest makes room first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Nobody can come in from there, and it is penalised: it is closed on.
    Outcast,
    /// Nobody can come in from there.
    Stranger,
    /// Of a vendor's networks, and penalised.
    Penalised,
    /// Of a vendor's networks.
    Ordinary,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Exchanging keys.
    Handshake,
    /// In the lobby, unproven.
    Asked,
    /// In the lobby, with a registered key or both factors proven.
    Proven,
    /// With a session, or enrolling.
    Inside,
}

impl Stage {
    fn makes_room(self) -> bool {
        self < Stage::Proven
    }

    fn in_lobby(self) -> bool {
        matches!(self, Stage::Asked | Stage::Proven)
    }
}

struct One {
    source: Source,
    proxy: Option<Source>,
    rank: Rank,
    stage: Stage,
    /// Whose key or factors were proven.
    account: Option<AccountId>,
    shown_out: Arc<Notify>,
}

/// A connection that was just accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newcomer {
    /// From where it says, or is said, to come.
    pub(crate) source: Source,
    /// Over which proxy.
    pub(crate) proxy: Option<Source>,
    pub(crate) rank: Rank,
}

/// What came of asking for a place.
pub(crate) struct Entering {
    /// The place; `None`: there is none.
    pub(crate) place: Option<Place>,
    /// Which limits were reached, and who made room.
    pub(crate) reached: Vec<(Limit, Source)>,
}

/// The connections at the vendors' port.
#[derive(Default)]
pub(crate) struct Door(Mutex<Held>);

#[derive(Default)]
struct Held {
    next: u64,
    all: BTreeMap<u64, One>,
}

/// A limit, its amount, and what counts for it.
type Rule<'a> = (Limit, u32, &'a dyn Fn(&One) -> bool);

fn many(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl Held {
    fn count(&self, counts: impl Fn(&One) -> bool) -> usize {
        self.all.values().filter(|one| counts(one)).count()
    }

    /// Who of these makes room, if anybody has to.
    fn least(&self, of: impl Fn(&One) -> bool) -> Option<(u64, Rank)> {
        let mut sizes: HashMap<Source, usize> = HashMap::new();
        for one in self.all.values().filter(|one| one.stage.makes_room()) {
            *sizes.entry(one.source).or_default() += 1;
        }
        let size = |one: &One| sizes.get(&one.source).copied().unwrap_or_default();
        let may = self.all.iter().filter(|(_, one)| one.stage.makes_room() && of(one));
        may.min_by_key(|(id, one)| (one.rank, Reverse(size(one)), one.stage, **id)).map(|(id, one)| (*id, one.rank))
    }

    fn show_out(&mut self, id: u64) -> Option<Source> {
        let one = self.all.remove(&id)?;
        one.shown_out.notify_one();
        Some(one.source)
    }
}

impl Door {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a place.
    pub(crate) fn enter(self: &Arc<Self>, newcomer: Newcomer, config: &Config) -> Entering {
        let limits = &config.limits;
        let mut held = self.held();
        let mut reached = Vec::new();
        let Newcomer { source, proxy, rank } = newcomer;
        // An address stands as it stands now. Whoever came before it was penalised is no better than whoever
        // comes now: that may be the true technician.
        held.all.values_mut().filter(|one| one.source == source).for_each(|one| one.rank = rank);
        // Behind a proxy the connections are the proxy's (T24).
        let (own, own_most) = match proxy {
            Some(_) => (Limit::ConnectionsPerProxy, limits.connections_per_proxy),
            None => (Limit::ConnectionsPerSource, limits.connections_per_source),
        };
        let is_own = |one: &One| match proxy {
            Some(_) => one.proxy == proxy,
            None => one.proxy.is_none() && one.source == source,
        };
        let rules: [Rule<'_>; 4] = [
            (own, own_most, &is_own),
            (Limit::Connections, limits.connections, &|_| true),
            (Limit::HandshakesPerSource, limits.handshakes_per_source, &|one| {
                one.stage == Stage::Handshake && one.source == source
            }),
            (Limit::Handshakes, limits.handshakes, &|one| one.stage == Stage::Handshake),
        ];
        for (limit, most, counts) in rules {
            if held.count(counts) < many(most) {
                continue;
            }
            let least = held.least(counts).filter(|(_, least)| *least <= rank);
            match least.and_then(|(id, _)| held.show_out(id)) {
                Some(left) => reached.push((limit, left)),
                None => {
                    reached.push((limit, source));
                    return Entering { place: None, reached };
                }
            }
        }
        let (id, shown_out) = (held.next, Arc::new(Notify::new()));
        held.next += 1;
        held.all.insert(
            id,
            One { source, proxy, rank, stage: Stage::Handshake, account: None, shown_out: shown_out.clone() },
        );
        Entering { place: Some(Place { door: self.clone(), id, shown_out }), reached }
    }

    /// How many connections there are.
    pub(crate) fn count(&self) -> usize {
        self.held().all.len()
    }
}

/// One place, given back when it is dropped.
pub(crate) struct Place {
    door: Arc<Door>,
    id: u64,
    shown_out: Arc<Notify>,
}

impl Place {
    /// Returns once the connection has to make room.
    pub(crate) async fn shown_out(&self) {
        self.shown_out.notified().await;
    }

    /// The key exchange is over: into the lobby. Tells which limits were reached, and who made room; that
    /// may be this connection itself.
    pub(crate) fn asked(&self, config: &Config) -> Vec<(Limit, Source)> {
        let mut held = self.door.held();
        let Some(one) = held.all.get_mut(&self.id).filter(|one| one.stage == Stage::Handshake) else {
            return Vec::new();
        };
        one.stage = Stage::Asked;
        let (source, pending) = (one.source, config.ssh.pending);
        // Half of the lobby is for others, however the site is configured (IDM-09).
        let share = config.limits.lobby_per_source.min(pending / 2).max(1);
        let mut reached = Vec::new();
        let rules: [Rule<'_>; 2] = [
            (Limit::LobbyPerSource, share, &|one| one.stage.in_lobby() && one.source == source),
            (Limit::Lobby, pending, &|one| one.stage.in_lobby()),
        ];
        for (limit, most, counts) in rules {
            if held.count(counts) > many(most) {
                let least = held.least(|one| one.stage == Stage::Asked && counts(one));
                // This one is in the lobby unproven, so that there is always one.
                reached.extend(least.and_then(|(id, _)| held.show_out(id)).map(|left| (limit, left)));
            }
        }
        reached
    }

    /// Whether the key exchange is over.
    pub(crate) fn has_asked(&self) -> bool {
        self.door.held().all.get(&self.id).is_some_and(|one| one.stage > Stage::Handshake)
    }

    fn is_at(&self, stage: Stage) {
        if let Some(one) = self.door.held().all.get_mut(&self.id)
            && one.stage < stage
        {
            one.stage = stage;
        }
    }

    /// A key of this account, which may come in from there, or both factors are proven: it does not make room
    /// any more. Of each account a few places are kept so, the latest: one who proves their key again and again
    /// keeps nobody out.
    pub(crate) fn proven(&self, account: &AccountId) {
        let mut held = self.door.held();
        let Some(one) = held.all.get_mut(&self.id).filter(|one| one.stage < Stage::Proven) else { return };
        (one.stage, one.account) = (Stage::Proven, Some(account.clone()));
        let own = |one: &&mut One| one.stage == Stage::Proven && one.account.as_ref() == Some(account);
        let kept: Vec<&mut One> = held.all.values_mut().filter(own).collect();
        let over = kept.len().saturating_sub(PROVEN_PER_ACCOUNT);
        // Not this one, which is not the oldest.
        kept.into_iter().take(over).for_each(|one| one.stage = Stage::Asked);
    }

    /// It has left the lobby.
    pub(crate) fn inside(&self) {
        self.is_at(Stage::Inside);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.held().all.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::tests_support::config;
    use futures::FutureExt as _;

    struct Hall {
        door: Arc<Door>,
        config: Config,
    }

    impl Hall {
        fn new(change: impl FnOnce(&mut Config)) -> Self {
            let mut config = config();
            change(&mut config);
            Self { door: Arc::default(), config }
        }

        fn source(&self, ip: &str) -> Source {
            Source::of(ip.parse().unwrap(), &self.config.limits)
        }

        fn enter(&self, ip: &str, rank: Rank) -> Entering {
            self.door.enter(Newcomer { source: self.source(ip), proxy: None, rank }, &self.config)
        }

        fn place(&self, ip: &str) -> Place {
            self.enter(ip, Rank::Ordinary).place.unwrap()
        }
    }

    fn is_out(place: &Place) -> bool {
        place.shown_out().now_or_never().is_some()
    }

    fn account(n: u8) -> AccountId {
        AccountId::from_random([n; 8])
    }

    const NEAR: &str = "192.0.2.1";
    const FAR: &str = "198.51.100.1";

    /// IDM-09: whoever hammers makes room for whoever comes, and the oldest goes first.
    #[test]
    fn a_flood_displaces_itself() {
        let hall = Hall::new(|config| config.limits.handshakes = 10);
        let one = hall.place(FAR);
        let flood: Vec<Place> = (0..9).map(|_| hall.place(NEAR)).collect();
        let entering = hall.enter(NEAR, Rank::Ordinary);
        assert_eq!(entering.reached, [(Limit::Handshakes, hall.source(NEAR))]);
        assert!(entering.place.is_some() && is_out(&flood[0]) && !is_out(&flood[1]) && !is_out(&one));
        // A stranger is the first to go, and displaces nobody of better standing.
        let stranger = hall.enter("203.0.113.9", Rank::Stranger);
        assert!(stranger.place.is_none() && stranger.reached == [(Limit::Handshakes, hall.source("203.0.113.9"))]);
        assert_eq!(hall.door.count(), 10);
        drop((one, flood, entering));
        assert_eq!(hall.door.count(), 0);
    }

    /// IDM-09: behind one address a flood displaces itself too, and a proven key keeps its place.
    #[test]
    fn a_source_makes_room_for_itself_and_what_is_proven_stays() {
        let hall = Hall::new(|config| (config.limits.lobby_per_source, config.ssh.pending) = (3, 10));
        let proven = hall.place(NEAR);
        assert!(proven.asked(&hall.config).is_empty());
        proven.proven(&account(1));
        let others: Vec<Place> = (0..3).map(|_| hall.place(NEAR)).collect();
        let reached: Vec<_> = others.iter().flat_map(|one| one.asked(&hall.config)).collect();
        assert_eq!(reached, [(Limit::LobbyPerSource, hall.source(NEAR))]);
        assert_eq!(others.iter().map(is_out).collect::<Vec<_>>(), [true, false, false]);
        assert!(!is_out(&proven));
        // Inside nobody counts for the lobby any more.
        proven.inside();
        let next = hall.place(NEAR);
        assert!(next.asked(&hall.config).is_empty());
    }

    /// IDM-09: behind one address a flood that came before its penalty is no better than who comes after.
    #[test]
    fn who_comes_after_the_penalty_is_not_the_first_to_go() {
        let hall = Hall::new(|config| (config.limits.lobby_per_source, config.ssh.pending) = (10, 20));
        let flood: Vec<Place> = (0..10).map(|_| hall.place(NEAR)).collect();
        flood.iter().for_each(|one| drop(one.asked(&hall.config)));
        let technician = hall.enter(NEAR, Rank::Penalised).place.unwrap();
        assert_eq!(technician.asked(&hall.config), [(Limit::LobbyPerSource, hall.source(NEAR))]);
        assert!(!is_out(&technician) && is_out(&flood[0]));
        // Where it is full too.
        let hall = Hall::new(|config| config.limits.handshakes_per_source = 10);
        let flood: Vec<Place> = (0..10).map(|_| hall.place(NEAR)).collect();
        assert!(hall.enter(NEAR, Rank::Penalised).place.is_some() && is_out(&flood[0]));
    }

    /// IDM-09: one account that proves its key again and again fills no lobby.
    #[test]
    fn an_account_keeps_few_places_by_its_key() {
        let hall = Hall::new(|config| (config.limits.lobby_per_source, config.ssh.pending) = (10, 20));
        let own: Vec<Place> = (0..10).map(|_| hall.place(NEAR)).collect();
        for one in &own {
            one.asked(&hall.config);
            one.proven(&account(1));
        }
        let other = hall.place(NEAR);
        other.asked(&hall.config);
        assert!(!is_out(&other) && is_out(&own[0]), "the oldest of the account makes room");
        other.proven(&account(2));
        let more: Vec<Place> = (0..10).map(|_| hall.place(NEAR)).collect();
        more.iter().for_each(|one| drop(one.asked(&hall.config)));
        assert!(!is_out(&other) && own.iter().rev().take(PROVEN_PER_ACCOUNT).all(|one| !is_out(one)));
        assert!(own.iter().take(10 - PROVEN_PER_ACCOUNT).skip(1).all(is_out));
    }

    #[test]
    fn connections_that_are_inside_stay_and_the_newcomer_goes() {
        let hall = Hall::new(|config| (config.limits.connections, config.limits.connections_per_source) = (3, 2));
        let first = [hall.place(NEAR), hall.place(NEAR)];
        first.iter().for_each(Place::inside);
        let entering = hall.enter(NEAR, Rank::Ordinary);
        assert!(entering.place.is_none());
        assert_eq!(entering.reached, [(Limit::ConnectionsPerSource, hall.source(NEAR))]);
        let far = hall.place(FAR);
        far.inside();
        assert_eq!(
            hall.enter("203.0.113.9", Rank::Ordinary).reached,
            [(Limit::Connections, hall.source("203.0.113.9"))]
        );
        drop(first);
        assert!(hall.enter(NEAR, Rank::Ordinary).place.is_some());
    }

    /// T24: behind a proxy the connections are the proxy's, and the claimed address makes room.
    #[test]
    fn a_proxy_has_its_own_share() {
        let hall = Hall::new(|config| config.limits.connections_per_proxy = 3);
        let proxy = Some(hall.source("192.0.2.200"));
        let enter =
            |ip: &str| hall.door.enter(Newcomer { source: hall.source(ip), proxy, rank: Rank::Ordinary }, &hall.config);
        let all = [enter(NEAR), enter(NEAR), enter(FAR)];
        let fourth = enter("203.0.113.9");
        assert_eq!(fourth.reached, [(Limit::ConnectionsPerProxy, hall.source(NEAR))]);
        assert!(fourth.place.is_some() && is_out(all[0].place.as_ref().unwrap()));
    }
}

//! Who is signed in, in which browser. In memory only: a restart signs everybody out.

use crate::page::Me;
use crate::reading::Reading;
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use policy::StaffLogin;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The cookie of a sign-in. `__Host-`: never sent elsewhere, never set by another host.
pub(crate) const COOKIE: &str = "__Host-poterne";
/// The cookie that ties a form to a browser that is not signed in.
pub(crate) const FORM_COOKIE: &str = "__Host-poterne-form";
/// Nothing done for this long: signed out (OWASP ASVS 7.3.1; the value is for a shared desk).
pub(crate) const IDLE: SignedDuration = SignedDuration::from_mins(15);
/// Signed out after this long in any case: a working day and what comes before and after.
pub(crate) const LONGEST: SignedDuration = SignedDuration::from_hours(10);
/// Sign-ins of one person at a time; the oldest goes.
const AT_ONCE: usize = 5;

/// What a browser holds, kept as its digest: a look into the memory of others gives no cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// The key of a cookie's value.
    pub(crate) fn of(cookie: &str) -> Self {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, cookie.as_bytes()).as_ref());
        Self(key)
    }
}

/// A cookie's value out of random bytes.
pub(crate) fn cookie_of(random: [u8; 32]) -> String {
    BASE64URL_NOPAD.encode(&random)
}

/// The token that forms of a browser with this cookie must bring. It follows from the cookie, which
/// no script can read, and says nothing about it.
pub(crate) fn form_token(cookie: &str) -> String {
    BASE64URL_NOPAD.encode(digest(&SHA256, format!("form\n{cookie}").as_bytes()).as_ref())
}

/// One sign-in.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    /// Who.
    pub(crate) staff: StaffLogin,
    /// The generation of the factors it was made with: new factors end it.
    pub(crate) secret: u64,
    /// Who they were when the register was last looked at: for brakes, which do not wait for it (D18).
    pub(crate) me: Option<Me>,
    begun: Timestamp,
    seen: Timestamp,
    /// What of recordings is open in it. It ends with the sign-in.
    reading: Arc<Reading>,
}

impl SignIn {
    fn holds(&self, now: Timestamp) -> bool {
        now.duration_since(self.seen) < IDLE && now.duration_since(self.begun) < LONGEST
    }
}

/// All sign-ins.
#[derive(Default)]
pub(crate) struct SignIns(Mutex<HashMap<Key, SignIn>>);

impl SignIns {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Key, SignIn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs somebody in.
    pub(crate) fn begin(&self, cookie: &str, staff: StaffLogin, secret: u64, now: Timestamp) {
        let mut all = self.all();
        all.retain(|_, one| one.holds(now));
        let mut own: Vec<(Timestamp, Key)> =
            all.iter().filter(|(_, one)| one.staff == staff).map(|(key, one)| (one.begun, *key)).collect();
        own.sort_by_key(|(begun, _)| *begun);
        for (_, key) in own.iter().take((own.len() + 1).saturating_sub(AT_ONCE)) {
            all.remove(key);
        }
        all.insert(Key::of(cookie), SignIn { staff, secret, me: None, begun: now, seen: now, reading: Arc::default() });
    }

    /// The sign-in of a key, if it holds. `active`: somebody did something, so it goes on.
    pub(crate) fn at(&self, key: Key, now: Timestamp, active: bool) -> Option<SignIn> {
        let mut all = self.all();
        let one = all.get_mut(&key)?;
        if !one.holds(now) {
            all.remove(&key);
            return None;
        }
        if active {
            one.seen = now;
        }
        Some(one.clone())
    }

    /// For how long nothing was done in a sign-in. `None`: there is none.
    pub(crate) fn idle(&self, key: Key, now: Timestamp) -> Option<SignedDuration> {
        self.all().get(&key).map(|one| now.duration_since(one.seen))
    }

    /// Keeps who they are now.
    pub(crate) fn keep(&self, key: Key, me: &Me) {
        if let Some(one) = self.all().get_mut(&key)
            && one.staff == me.login
        {
            one.me = Some(me.clone());
        }
    }

    /// What of recordings is open in a sign-in. To be held no longer than a request takes.
    pub(crate) fn reading(&self, key: Key) -> Option<Arc<Reading>> {
        self.all().get(&key).map(|one| one.reading.clone())
    }

    /// Ends a sign-in that does not hold any more, and locks in it what was unlocked for long enough. Says
    /// whether anything is left to look after.
    pub(crate) fn tidy(&self, key: Key, now: Timestamp) -> bool {
        let mut all = self.all();
        let left = all.get(&key).is_some_and(|one| one.holds(now) && one.reading.tidy(now));
        if all.get(&key).is_some_and(|one| !one.holds(now)) {
            all.remove(&key);
        }
        left
    }

    /// Signs one browser out.
    pub(crate) fn end(&self, key: Key) {
        self.all().remove(&key);
    }

    /// Signs somebody out everywhere.
    pub(crate) fn forget(&self, staff: &StaffLogin) {
        self.all().retain(|_, one| one.staff != *staff);
    }
}

/// Failures before a source waits, where no key of the configuration says otherwise.
pub(crate) const SIGN_INS: u32 = 10;

/// Failures by whoever makes them - a source, or a source with a login - so that nobody can try at will
/// (T17).
pub(crate) struct Tries<K = IpAddr> {
    most: u32,
    by: Mutex<HashMap<K, (u32, Timestamp)>>,
}

impl<K: Eq + Hash + Clone> Tries<K> {
    /// How long it waits, and how long failures are remembered.
    const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);
    /// How many are remembered.
    const SOURCES: usize = 4096;

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<K, (u32, Timestamp)>> {
        self.by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many failures before a source waits.
    pub(crate) fn of(most: u32) -> Self {
        Self { most, by: Mutex::default() }
    }

    /// Counts a try before it is judged, as a failure: several at once must not get beyond the limit while
    /// a slow comparison runs. `false`: this source must wait, and nothing is judged.
    pub(crate) fn begin(&self, source: &K, now: Timestamp) -> bool {
        self.begin_within(source, self.most, now)
    }

    /// The same with another limit, which the configuration may change at any time.
    pub(crate) fn begin_within(&self, source: &K, most: u32, now: Timestamp) -> bool {
        let mut all = self.all();
        all.retain(|_, (_, last)| now.duration_since(*last) < Self::REMEMBERED);
        if all.get(source).is_some_and(|(count, _)| *count >= most) {
            return false;
        }
        if all.len() < Self::SOURCES || all.contains_key(source) {
            let one = all.entry(source.clone()).or_insert((0, now));
            *one = (one.0.saturating_add(1), now);
        }
        true
    }

    /// Takes one try back: nobody could judge it.
    pub(crate) fn not_judged(&self, source: &K) {
        if let Some((count, _)) = self.all().get_mut(source) {
            *count = count.saturating_sub(1);
        }
    }

    /// Whether this source must wait.
    pub(crate) fn must_wait(&self, source: &K, now: Timestamp) -> bool {
        let all = self.all();
        all.get(source).is_some_and(|(count, last)| *count >= self.most && now.duration_since(*last) < Self::REMEMBERED)
    }

    /// Notes a failure.
    pub(crate) fn failed(&self, source: &K, now: Timestamp) {
        let mut all = self.all();
        all.retain(|_, (_, last)| now.duration_since(*last) < Self::REMEMBERED);
        if all.len() < Self::SOURCES || all.contains_key(source) {
            let one = all.entry(source.clone()).or_insert((0, now));
            *one = (one.0.saturating_add(1), now);
        }
    }

    /// Forgets them: somebody signed in.
    pub(crate) fn succeeded(&self, source: &K) {
        self.all().remove(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    /// A sign-in ends 15 minutes after the last thing done, and after 10 hours in any case.
    #[test]
    fn a_sign_in_ends_when_idle_and_at_last() {
        let all = SignIns::default();
        all.begin("x", "claire".parse().unwrap(), 1, at(0));
        let key = Key::of("x");
        assert!(all.at(key, at(14), false).is_some());
        assert!(all.at(key, at(15), true).is_none());
        all.begin("y", "claire".parse().unwrap(), 1, at(0));
        let key = Key::of("y");
        for minute in (0..600).step_by(10) {
            assert!(all.at(key, at(minute), true).is_some(), "{minute}");
        }
        assert!(all.at(key, at(600), true).is_none());
        assert!(all.at(Key::of("z"), at(0), true).is_none());
    }

    #[test]
    fn sign_ins_are_few_and_end_together() {
        let all = SignIns::default();
        for n in 0..7 {
            all.begin(&n.to_string(), "claire".parse().unwrap(), 1, at(n));
        }
        all.begin("henri", "henri".parse().unwrap(), 1, at(7));
        assert!(all.at(Key::of("1"), at(8), false).is_none());
        assert!(all.at(Key::of("6"), at(8), false).is_some());
        all.forget(&"claire".parse().unwrap());
        assert!(all.at(Key::of("6"), at(8), false).is_none());
        assert!(all.at(Key::of("henri"), at(8), false).is_some());
    }

    #[test]
    fn a_source_waits_after_ten_failures() {
        let tries = Tries::of(SIGN_INS);
        let source: &IpAddr = &"203.0.113.7".parse().unwrap();
        for _ in 0..10 {
            assert!(!tries.must_wait(source, at(0)));
            tries.failed(source, at(0));
        }
        assert!(tries.must_wait(source, at(9)));
        assert!(!tries.must_wait(source, at(10)));
        tries.succeeded(source);
        assert!(!tries.must_wait(source, at(0)));
        // Tries that are begun together count before any is judged.
        assert_eq!((0..20).filter(|_| tries.begin(source, at(0))).count(), 10);
        tries.not_judged(source);
        assert!(tries.begin(source, at(0)) && !tries.begin(source, at(0)));
    }
}

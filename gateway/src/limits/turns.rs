//! Whose turn it is to have a password compared: a few at a time, staff first, and every source after the
//! others (T17). A flood of tries from one address waits behind itself.

use super::{Rank, Source};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Who waits for a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Staff, and whoever is let do it by them.
    Staff,
    /// Somebody at the vendors' door.
    Source(Source, Rank),
}

impl Caller {
    /// Lower comes first.
    fn class(self) -> usize {
        match self {
            Caller::Staff => 0,
            Caller::Source(_, Rank::Ordinary) => 1,
            Caller::Source(..) => 2,
        }
    }
}

const CLASSES: usize = 3;

type Line = VecDeque<(Caller, VecDeque<oneshot::Sender<Turn>>)>;

struct Waiting {
    free: usize,
    lines: [Line; CLASSES],
}

impl Waiting {
    /// The next in line: classes in order, in each the sources in turn.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let line = self.lines.iter_mut().find(|line| !line.is_empty())?;
        let (caller, mut own) = line.pop_front()?;
        let next = own.pop_front();
        if !own.is_empty() {
            line.push_back((caller, own));
        }
        next
    }
}

/// Turns that are given out.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Mutex<Waiting>>);

/// One turn, given on when it is dropped.
pub(crate) struct Turn(Option<Turns>);

impl Turns {
    /// So many at once.
    pub(crate) fn new(at_once: usize) -> Self {
        Self(Arc::new(Mutex::new(Waiting { free: at_once, lines: Default::default() })))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn.
    pub(crate) async fn take(&self, caller: Caller) -> Turn {
        let receive = {
            let mut waiting = self.waiting();
            if waiting.free > 0 {
                waiting.free -= 1;
                return Turn(Some(self.clone()));
            }
            let (send, receive) = oneshot::channel();
            if let Some(line) = waiting.lines.get_mut(caller.class()) {
                match line.iter_mut().find(|(other, _)| *other == caller) {
                    Some((_, own)) => own.push_back(send),
                    None => line.push_back((caller, VecDeque::from([send]))),
                }
            }
            receive
        };
        // Whoever is dropped while waiting is passed over; nobody drops a sender without giving the turn.
        receive.await.unwrap_or(Turn(None))
    }

    /// Gives a turn on.
    fn give_on(&self) {
        loop {
            let next = {
                let mut waiting = self.waiting();
                match waiting.next() {
                    Some(next) => next,
                    None => {
                        waiting.free += 1;
                        return;
                    }
                }
            };
            match next.send(Turn(Some(self.clone()))) {
                Ok(()) => return,
                // Gone meanwhile: the turn that came back is not given on a second time.
                Err(mut back) => back.0 = None,
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.give_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::tests_support::limits;
    use futures::FutureExt as _;

    fn source(ip: &str, rank: Rank) -> Caller {
        Caller::Source(Source::of(ip.parse().unwrap(), &limits()), rank)
    }

    /// T17: staff first, then each source in turn, and the penalised last.
    #[tokio::test]
    async fn nobody_waits_behind_a_flood_of_another() {
        let turns = Turns::new(1);
        let mut held = Some(turns.take(Caller::Staff).await);
        let near = source("192.0.2.1", Rank::Ordinary);
        let far = source("192.0.2.2", Rank::Ordinary);
        let slow = source("192.0.2.3", Rank::Penalised);
        let order = [slow, near, near, near, far, Caller::Staff, far];
        let mut waiting: Vec<_> = order.iter().map(|who| (*who, Box::pin(turns.take(*who)))).collect();
        for (_, one) in &mut waiting {
            assert!(one.as_mut().now_or_never().is_none());
        }
        // One of them gives up before it is served.
        drop(waiting.remove(3));
        let mut served = Vec::new();
        while !waiting.is_empty() {
            held = None;
            let at = waiting.iter_mut().position(|(_, one)| match one.as_mut().now_or_never() {
                Some(turn) => {
                    held = Some(turn);
                    true
                }
                None => false,
            });
            served.push(waiting.remove(at.unwrap()).0);
        }
        assert_eq!(served, [Caller::Staff, near, far, near, far, slow]);
        drop(held);
        assert!(turns.take(slow).now_or_never().is_some());
    }

    /// A turn that nobody takes goes to the next, and none is lost.
    #[tokio::test]
    async fn a_turn_that_is_dropped_on_the_way_is_not_lost() {
        let turns = Turns::new(1);
        let held = turns.take(Caller::Staff).await;
        let mut first = Box::pin(turns.take(Caller::Staff));
        assert!(first.as_mut().now_or_never().is_none());
        drop(held);
        // It was sent its turn, and never looked.
        drop(first);
        assert!(turns.take(Caller::Staff).now_or_never().is_some());
    }
}

//! Who is served at the same time. When every place is taken, a connection at rest gives its place to the next one, so that whoever only
//! holds connections keeps nobody out.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The places of one listener.
#[derive(Debug)]
pub(crate) struct Places {
    room: Mutex<Room>,
    /// Perhaps there is a place now.
    freed: Notify,
}

#[derive(Debug)]
struct Room {
    free: usize,
    /// The connections at rest, by neighbourhood, each under the number at which its rest began.
    resting: BTreeMap<IpAddr, BTreeMap<u64, Arc<Notify>>>,
    /// How many of each neighbourhood rest, and since when the first of them does.
    crowds: BTreeSet<(usize, Reverse<u64>, IpAddr)>,
    next: u64,
}

/// A connection's place. It rests until the first head of a request is complete, and between two requests; resting, it may lose its place.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    neighbourhood: IpAddr,
    state: Mutex<State>,
    left: Arc<Notify>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Since this number, or it has given its place away.
    Resting(u64),
    Working,
}

impl Places {
    pub(crate) fn new(count: usize) -> Arc<Self> {
        let room = Room { free: count, resting: BTreeMap::new(), crowds: BTreeSet::new(), next: 0 };
        Arc::new(Self { room: Mutex::new(room), freed: Notify::new() })
    }

    /// A place for a new connection: a free one, or the one of a connection at rest. Of the neighbourhood that has most of them at rest,
    /// the one that has rested longest gives way; of several such neighbourhoods too. While all work, the new one waits.
    pub(crate) async fn take(self: &Arc<Self>, peer: IpAddr) -> Place {
        let neighbourhood = neighbourhood(peer);
        loop {
            let freed = self.freed.notified();
            if let Some(place) = self.try_take(neighbourhood) {
                return place;
            }
            freed.await;
        }
    }

    fn try_take(self: &Arc<Self>, neighbourhood: IpAddr) -> Option<Place> {
        let mut room = self.room();
        match room.free.checked_sub(1) {
            Some(free) => room.free = free,
            None => room.oldest_of_the_largest_crowd()?.notify_one(),
        }
        let left = Arc::new(Notify::new());
        let number = room.rest(neighbourhood, &left);
        Some(Place {
            places: Arc::clone(self),
            neighbourhood,
            state: Mutex::new(State::Resting(number)),
            left,
        })
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn rest(&mut self, neighbourhood: IpAddr, left: &Arc<Notify>) -> u64 {
        let number = self.next;
        self.next = number.saturating_add(1);
        self.change(neighbourhood, |crowd| {
            crowd.insert(number, Arc::clone(left));
        });
        number
    }

    /// Whether it rested; if not, its place belongs to another now.
    fn rise(&mut self, neighbourhood: IpAddr, number: u64) -> bool {
        self.change(neighbourhood, |crowd| crowd.remove(&number).is_some())
    }

    fn oldest_of_the_largest_crowd(&mut self) -> Option<Arc<Notify>> {
        let (_, _, neighbourhood) = *self.crowds.last()?;
        self.change(neighbourhood, BTreeMap::pop_first).map(|(_, left)| left)
    }

    fn change<T>(
        &mut self,
        neighbourhood: IpAddr,
        act: impl FnOnce(&mut BTreeMap<u64, Arc<Notify>>) -> T,
    ) -> T {
        let crowd = self.resting.entry(neighbourhood).or_default();
        let size = |crowd: &BTreeMap<u64, _>| {
            crowd.first_key_value().map(|(oldest, _)| (crowd.len(), Reverse(*oldest), neighbourhood))
        };
        if let Some(size) = size(crowd) {
            self.crowds.remove(&size);
        }
        let done = act(crowd);
        match size(crowd) {
            Some(size) => drop(self.crowds.insert(size)),
            None => drop(self.resting.remove(&neighbourhood)),
        }
        done
    }
}

impl Place {
    /// A request begins; `false` when the place was given away meanwhile.
    pub(crate) fn work(&self) -> bool {
        let mut room = self.places.room();
        let mut state = self.state();
        match *state {
            State::Working => true,
            State::Resting(number) => {
                let rose = room.rise(self.neighbourhood, number);
                if rose {
                    *state = State::Working;
                }
                rose
            }
        }
    }

    /// A request has ended, and none has begun.
    pub(crate) fn rest(&self) {
        let mut room = self.places.room();
        let mut state = self.state();
        if *state == State::Working {
            *state = State::Resting(room.rest(self.neighbourhood, &self.left));
            self.places.freed.notify_one();
        }
    }

    /// Waits until the place is given away.
    pub(crate) async fn given_away(&self) {
        self.left.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whoever has given it away has none to free.
        if self.work() {
            let mut room = self.places.room();
            room.free = room.free.saturating_add(1);
            drop(room);
            self.places.freed.notify_one();
        }
    }
}

/// Who is likely to be one and the same: an address, or of IPv6 the network of 64 bits that one line gets.
fn neighbourhood(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    async fn is_given_away(place: &Place) -> bool {
        timeout(Duration::ZERO, place.given_away()).await.is_ok()
    }

    async fn taken(places: &Arc<Places>, last: u8) -> Option<Place> {
        timeout(Duration::from_secs(1), places.take(address(last))).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn of_the_largest_crowd_at_rest_the_oldest_gives_way() {
        let places = Places::new(4);
        let mut held = vec![];
        for last in [1, 2, 2, 3] {
            held.push(taken(&places, last).await.unwrap());
        }
        let next = taken(&places, 4).await.unwrap();
        let mut gave = vec![];
        for place in &held {
            gave.push(is_given_away(place).await);
        }
        assert_eq!(gave, [false, true, false, false]);
        assert!(!held[1].work(), "it is too late to begin");
        // It frees nothing when it goes.
        drop(held.remove(1));
        held.push(next);
        // Who works and rests again has rested for the shortest time: of four alone, the other one of the second gives way.
        assert!(held[0].work());
        held[0].rest();
        let own = taken(&places, 5).await.unwrap();
        assert!(!held[1].work());
        assert!(held[0].work() && held[2].work() && held[3].work() && own.work());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_who_works_gives_way_and_whoever_waits_is_next() {
        let places = Places::new(2);
        let held = [taken(&places, 1).await.unwrap(), taken(&places, 1).await.unwrap()];
        assert!(held.iter().all(Place::work));
        assert!(taken(&places, 2).await.is_none());
        let waiting = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take(address(2)).await }
        });
        tokio::task::yield_now().await;
        assert!(!is_given_away(&held[0]).await);
        held[1].rest();
        let second = waiting.await.unwrap();
        assert!(is_given_away(&held[1]).await);
        drop(held);
        let third = taken(&places, 2).await.unwrap();
        assert!(second.work() && third.work(), "one place was freed, and no more");
        assert!(taken(&places, 3).await.is_none());
    }

    #[test]
    fn one_line_is_one_neighbourhood() {
        let of = |text: &str| neighbourhood(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
    }
}

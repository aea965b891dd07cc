//! Connections at once: in all, and of one source.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::caller::Source;

/// Counts connections.
#[derive(Debug, Default)]
pub(super) struct Slots {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    by_source: HashMap<Source, usize>,
}

/// One connection's place, given back on drop: after a failed handshake or a panic too.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    source: Source,
}

impl Slots {
    /// A place for a connection from `source`, unless either bound is reached.
    pub(super) fn take(
        self: &Arc<Self>,
        source: IpAddr,
        most: usize,
        most_per_source: usize,
    ) -> Option<Slot> {
        let source = Source::from(source);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_source = counts.by_source.get(&source).copied().unwrap_or(0);
        if counts.total >= most || of_source >= most_per_source {
            return None;
        }
        counts.total += 1;
        counts.by_source.insert(source, of_source + 1);
        Some(Slot {
            slots: self.clone(),
            source,
        })
    }

    /// Connections now.
    pub(super) fn taken(&self) -> usize {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .total
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self
            .slots
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        counts.total = counts.total.saturating_sub(1);
        if let Some(count) = counts.by_source.get_mut(&self.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.by_source.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold_and_places_come_back() {
        let slots = Arc::new(Slots::default());
        let address = |last| IpAddr::from([10, 0, 0, last]);
        let first = slots.take(address(1), 3, 2).expect("free");
        let _second = slots.take(address(1), 3, 2).expect("free");
        assert!(
            slots.take(address(1), 3, 2).is_none(),
            "two from one address"
        );
        let _third = slots.take(address(2), 3, 2).expect("free");
        assert!(slots.take(address(3), 3, 2).is_none(), "three in all");
        drop(first);
        assert_eq!(slots.taken(), 2);
        assert!(slots.take(address(3), 3, 2).is_some());
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one_source() {
        let slots = Arc::new(Slots::default());
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let _slot = slots.take(address("2001:db8::1"), 9, 1).expect("free");
        assert!(slots.take(address("2001:db8::2"), 9, 1).is_none());
        assert!(slots.take(address("2001:db8:0:1::1"), 9, 1).is_some());
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_the_same_source() {
        let slots = Arc::new(Slots::default());
        let plain: IpAddr = "10.0.0.1".parse().expect("an address");
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().expect("an address");
        let _slot = slots.take(plain, 9, 1).expect("free");
        assert!(slots.take(mapped, 9, 1).is_none());
    }
}

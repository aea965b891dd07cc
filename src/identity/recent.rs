//! A bounded table that lets go of what was touched the longest ago.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// At most so many values; a new one takes the place of the one that was touched the longest ago.
pub(super) struct Recent<K, V> {
    by_key: HashMap<K, (u64, V)>,
    /// The keys, in the order in which they were touched.
    order: BTreeMap<u64, K>,
    touched: u64,
    most: usize,
}

impl<K: Clone + Eq + Hash, V: Default> Recent<K, V> {
    pub(super) fn new(most: usize) -> Recent<K, V> {
        Recent {
            by_key: HashMap::new(),
            order: BTreeMap::new(),
            touched: 0,
            most,
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.by_key.get(key).map(|(_, value)| value)
    }

    /// The value of this key, which is the newest now.
    pub(super) fn touch(&mut self, key: K) -> &mut V {
        self.touched += 1;
        if let Some((before, _)) = self.by_key.get(&key) {
            self.order.remove(before);
        } else if self.by_key.len() >= self.most
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.by_key.remove(&oldest);
        }
        self.order.insert(self.touched, key.clone());
        let (touched, value) = self.by_key.entry(key).or_default();
        *touched = self.touched;
        value
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.by_key.len(), self.order.len());
        self.by_key.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes() {
        let mut recent: Recent<u32, u32> = Recent::new(3);
        for key in [1, 2, 3, 1, 4, 1, 5] {
            *recent.touch(key) += 1;
        }
        assert_eq!(recent.len(), 3);
        let values = [1, 2, 3, 4, 5].map(|key| recent.get(&key).copied());
        assert_eq!(values, [Some(3), None, None, Some(1), Some(1)]);
    }
}

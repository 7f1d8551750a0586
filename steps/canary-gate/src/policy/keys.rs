//! Which keys, or ids, were answered: a business event counts only for a key that the stream has.
//!
//! Keys of another kind would be dealt out evenly by their hash, and many of them would prove that nothing is worse.

use std::collections::HashSet;

/// The keys answered last, by their hash, in bounded memory.
#[derive(Debug)]
pub(crate) struct Keys {
    newer: HashSet<u64>,
    older: HashSet<u64>,
    capacity: usize,
}

impl Keys {
    /// Remembers the last `capacity` / 2 keys at least, and `capacity` at most.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { newer: HashSet::new(), older: HashSet::new(), capacity }
    }

    pub(crate) fn answered(&mut self, key: u64) {
        if self.newer.len() >= (self.capacity / 2).max(1) && !self.newer.contains(&key) {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(key);
    }

    pub(crate) fn knows(&self, key: u64) -> bool {
        self.newer.contains(&key) || self.older.contains(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_keys_are_known_and_memory_is_bounded() {
        let mut keys = Keys::new(100);
        (0..1_000).for_each(|key| keys.answered(key));
        assert!((950..1_000).all(|key| keys.knows(key)));
        assert!(!keys.knows(899) && !keys.knows(1_000));
        assert!(keys.newer.len() + keys.older.len() <= 100);
        (0..1_000).for_each(|_| keys.answered(999));
        assert!(keys.knows(950), "a key that comes again takes no room");
    }
}

//! Keeps each value once, so that states hold and compare small numbers.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

pub(super) type Map<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;
pub(super) type Set<K> = HashSet<K, BuildHasherDefault<Quick>>;

/// A hasher for many small keys that nobody chooses to collide.
#[derive(Debug, Default)]
pub(super) struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        // The tables take their place from the low bits and their tag from the high ones.
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}

/// Values by number. Values of one sketch are compared as a whole, so a poor sketch costs time and nothing else.
#[derive(Debug)]
pub(super) struct Intern<T> {
    values: Vec<T>,
    by_sketch: Map<u64, Vec<usize>>,
}

impl<T: PartialEq> Intern<T> {
    pub(super) fn new() -> Self {
        Self {
            values: Vec::new(),
            by_sketch: Map::default(),
        }
    }

    pub(super) fn get(&self, number: usize) -> &T {
        &self.values[number]
    }

    /// The number of this value.
    pub(super) fn put(&mut self, sketch: u64, value: T) -> usize {
        let alike = self.by_sketch.entry(sketch).or_default();
        if let Some(known) = alike.iter().find(|number| self.values[**number] == value) {
            return *known;
        }
        alike.push(self.values.len());
        self.values.push(value);
        self.values.len() - 1
    }
}

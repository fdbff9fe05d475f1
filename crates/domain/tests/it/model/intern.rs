//! Keeps each value once, so that states hold and compare small numbers.

use std::collections::HashMap;

/// Values by number. Values of one sketch are compared as a whole, so a poor sketch costs time and nothing else.
#[derive(Debug)]
pub(super) struct Intern<T> {
    values: Vec<T>,
    by_sketch: HashMap<u64, Vec<usize>>,
}

impl<T: PartialEq> Intern<T> {
    pub(super) fn new() -> Self {
        Self { values: Vec::new(), by_sketch: HashMap::new() }
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

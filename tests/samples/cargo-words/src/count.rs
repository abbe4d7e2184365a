//! How often each word was seen.

use std::collections::HashMap;

#[derive(Default)]
pub struct Counter {
    pub seen: HashMap<String, usize>,
}

impl Counter {
    pub fn add(&mut self, words: impl Iterator<Item = String>) {
        for word in words {
            *self.seen.entry(word).or_default() += 1;
        }
    }
}

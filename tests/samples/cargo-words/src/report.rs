//! The most frequent words.

use crate::count::Counter;
use anyhow::Result;
use itertools::Itertools;
use std::fs::File;
use std::io::Write;

pub fn write(counter: &Counter, top: usize, path: &str) -> Result<()> {
    let mut file = File::create(path)?;
    let order = counter.seen.iter().sorted_by_key(|(word, count)| (usize::MAX - **count, (*word).clone()));
    for (word, count) in order.take(top) {
        writeln!(file, "{count:6} {word}")?;
    }
    Ok(())
}

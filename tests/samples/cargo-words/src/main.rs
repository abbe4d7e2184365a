//! Counts words of text files.

mod count;
mod files;
mod options;
mod report;
mod words;

use anyhow::Result;

fn main() -> Result<()> {
    let options = options::parse()?;
    let mut counter = count::Counter::default();
    for path in files::text_files(&options.folder) {
        counter.add(words::words(&std::fs::read_to_string(path)?));
    }
    report::write(&counter, options.top, "words.txt")
}

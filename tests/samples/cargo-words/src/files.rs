//! Which files are read.

use std::path::PathBuf;
use walkdir::WalkDir;

pub fn text_files(folder: &str) -> impl Iterator<Item = PathBuf> {
    WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .map(|entry| entry.into_path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt"))
}

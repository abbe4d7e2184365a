//! From text to words.

use unicode_segmentation::UnicodeSegmentation;

pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.unicode_words().map(str::to_lowercase)
}

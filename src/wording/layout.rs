//! Keeps texts within their lengths, and gives simple messages their shape.

use crate::chat::{Block, Card, Text};

/// The most characters of an error or reason in a row; the thread has all of it.
const WORDS_MAX: usize = 150;

/// Where each page of items that need so many characters starts, if at most so many items and characters fit on one.
pub(crate) fn starts(needed: impl Iterator<Item = usize>, most: usize, chars_max: usize) -> Vec<usize> {
    let (mut starts, mut used) = (vec![0], 0);
    for (index, needed) in needed.enumerate() {
        let start = starts.last().copied().unwrap_or_default();
        if index > start && (index - start >= most || used + needed > chars_max) {
            starts.push(index);
            used = 0;
        }
        used += needed;
    }
    starts
}

/// Somebody's words as long as a row takes them.
pub(crate) fn cut(words: &str) -> String {
    if words.chars().count() <= WORDS_MAX {
        return words.to_owned();
    }
    let kept: String = words.chars().take(WORDS_MAX - 1).collect();
    format!("{}…", kept.trim_end())
}

/// A name out of the log has at most so many characters here, so that a message never loses an account to one.
const NAME_MAX: usize = 60;

pub(crate) fn short(name: &str) -> String {
    if name.chars().count() <= NAME_MAX {
        return name.to_owned();
    }
    name.chars().take(NAME_MAX - 1).chain(['…']).collect()
}

/// Lines of a list in an answer that one person sees; Slack cuts such answers at a few thousand characters.
pub const LINES_MAX: usize = 20;

/// A title, and lines below it.
pub fn list(title: Text, lines: Vec<Text>) -> Card {
    let mut blocks = vec![Block::Section(title.clone())];
    blocks.extend(lines.into_iter().take(45).map(Block::Section));
    Card { summary: title, blocks }
}

pub(crate) fn spoken(text: Text) -> Card {
    Card { summary: text.clone(), blocks: vec![Block::Section(text)] }
}

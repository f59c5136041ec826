//! Finds the word that was meant by one that is not known.

/// Returns the known word that was probably meant: misspelt in one of three letters at most, or only begun.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let rated = known.into_iter().filter_map(|known| Some((misses(&word, &known.to_lowercase())?, known)));
    rated.min_by_key(|(misses, _)| *misses).map(|(_, known)| known)
}

/// Returns by how many letters a word misses a name, if it may have been meant.
fn misses(word: &str, name: &str) -> Option<usize> {
    let misses = slips(word, name);
    let is_begun = word.chars().count() >= PART_CHARS_MIN && name.starts_with(word);
    (misses <= name.chars().count() / 3 || is_begun).then_some(misses)
}

/// Less of a name could be the beginning of anything.
const PART_CHARS_MIN: usize = 3;

/// Returns how many letters are missing, too many, wrong or swapped.
pub fn slips(word: &str, name: &str) -> usize {
    strsim::osa_distance(word, name)
}

/// Returns whether a word is probably this name, misspelt by a letter or two.
pub fn is_misspelt(word: &str, name: &str) -> bool {
    let slips_max = match name.chars().count() {
        0..=3 => 0,
        4..=5 => 1,
        _ => 2,
    };
    word != name && slips(word, name) <= slips_max
}

/// Returns whether a word is probably a part of this name, written instead of the whole.
pub fn is_part(word: &str, name: &str) -> bool {
    let part = name.starts_with(word) || name.split(['-', '_']).any(|part| part == word);
    word != name && word.chars().count() >= PART_CHARS_MIN && part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_near_or_absent() {
        let keys = ["inactive_after", "time_zone", "channel", "http", "by"];
        for (word, meant) in [
            ("inactive_afer", Some("inactive_after")),
            ("TimeZone", Some("time_zone")),
            ("htp", Some("http")),
            ("chan", Some("channel")),
            ("ch", None),
            ("deadline", None),
            ("in", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), meant, "{word}");
        }
        assert_eq!(nearest("history", ["hist", "historic"]), Some("historic"), "the nearer one");
    }
}

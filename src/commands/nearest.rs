//! Finds the word that was meant by one that is not known.

/// Words less alike than this are not worth a "did you mean".
const ALIKE: f64 = 0.75;

/// Returns the known word that is most like this one, if any is much like it.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let rated = known.iter().map(|known| (strsim::jaro_winkler(&word, &known.to_lowercase()), *known));
    rated.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// Returns whether a word is probably this name, misspelt by a letter or two.
pub(crate) fn is_misspelt(word: &str, name: &str) -> bool {
    let slips = match name.chars().count() {
        0..=3 => 0,
        4..=5 => 1,
        _ => 2,
    };
    word != name && strsim::osa_distance(word, name) <= slips
}

/// Returns whether a word is probably a part of this name, written instead of the whole.
pub(crate) fn is_part(word: &str, name: &str) -> bool {
    let part = name.starts_with(word) || name.split(['-', '_']).any(|part| part == word);
    word != name && word.chars().count() >= 3 && part
}

//! Comparing texts of directories and of people: user types, attributes, logins, addresses, names.

/// Returns the form in which two texts are equal if they differ only in case or in the white space around them.
///
/// The case mappings of the standard library make Unicode's full case folding: down, up and down again, character by
/// character, so that ß, ẞ and SS are the same, and a sigma is one wherever it stands. The dotless ı is the one letter that
/// this would take for another.
pub fn folded(text: &str) -> String {
    let one = |c: char| {
        let dotless = (c == 'ı').then_some(c);
        let others = (c != 'ı').then_some(c).into_iter();
        dotless.into_iter().chain(
            others.flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase),
        )
    };
    text.trim().chars().flat_map(one).collect()
}

/// Whether two texts differ in nothing but case and the white space around them.
pub fn same(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_case_and_white_space_around_do_not_matter() {
        for (one, other) in [
            (" Contractor\u{a0}", "CONTRACTOR"),
            ("STRASSE", "straße"),
            ("STRAẞE", "strasse"),
            ("İstanbul", "i\u{307}STANBUL"),
            ("ΟΔΟΣ", "οδος"),
            ("ΟΔΟΣ*", "οδοσ*"),
            ("ПОДРЯДЧИК", "подрядчик"),
            ("ＣＯＮ", "ｃｏｎ"),
            ("\u{212a}elvin", "KELVIN"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in
            [("externe", "externé"), ("ılker", "ilker"), ("İlker", "ilker"), ("a b", "a  b"), ("", "a")]
        {
            assert!(!same(one, other), "{one} {other}");
        }
    }
}

//! Makes text safe: our words so that they read as written, other people's so that they can't do anything.
//!
//! Slack's mrkdwn has no escape for `* _ ~` and the backtick, so where a text must be mrkdwn, somebody else's markers
//! are replaced by characters that look the same and that no parser knows. Zero-width characters would not do: Slack
//! takes them for the edge of a word, where a marker starts to work.

/// Shortens to at most `max` characters, the last one an ellipsis if anything was cut.
pub(super) fn clamp(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    if max == 0 {
        return String::new();
    }
    let kept: String = text.chars().take(max - 1).collect();
    format!("{}…", kept.trim_end())
}

/// One line without characters that are not seen: controls, direction marks and overrides, tags. Runs of white space
/// become one space.
pub(super) fn tidy(text: &str) -> String {
    let seen: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_unseen(*c)).collect();
    seen.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Joiners (U+200C, U+200D) stay: Persian and Hindi names and many emoji are spelt with them.
pub(super) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Our own words in mrkdwn. <https://docs.slack.dev/messaging/formatting-message-text#escaping>
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Our own words between two markers, which they can't close.
pub(super) fn escape_marked(text: &str) -> String {
    escape(&text.chars().map(look_alike).collect::<String>())
}

/// Somebody else's words in mrkdwn: no pings, links, emoji or formats.
pub(super) fn escape_quoted(text: &str) -> String {
    let inert = keep_times(&tidy(text));
    // An escaped `>` at the start of a line still begins a block quote.
    match inert.strip_prefix('>') {
        Some(rest) => escape(&format!("›{rest}")),
        None => escape(&inert),
    }
}

/// What mrkdwn would read, with what stands there instead. `:name:` would become an emoji.
const LOOK_ALIKES: [(char, char); 5] = [('*', '∗'), ('_', 'ˍ'), ('~', '∼'), ('`', 'ˋ'), (':', '꞉')];

fn look_alike(c: char) -> char {
    LOOK_ALIKES.iter().find(|(marker, _)| *marker == c).map_or(c, |(_, shown)| *shown)
}

/// The words with look-alikes, except for the colon of a time such as "16:05", which stands alone and so can begin or
/// end no emoji's name.
fn keep_times(words: &str) -> String {
    let inert = |word: &str| word.chars().map(look_alike).collect::<String>();
    let of_word = |word: &str| {
        let time = word.trim_matches(['(', ')', ',', ';', '.']);
        let is_time =
            matches!(time.as_bytes(), [a, b, b':', c, d] if [a, b, c, d].iter().all(|c| c.is_ascii_digit()));
        if is_time { word.to_owned() } else { inert(word) }
    };
    words.split(' ').map(of_word).collect::<Vec<_>>().join(" ")
}

/// A word as it was before [`escape_quoted`], if all else in it is ASCII: somebody copied it from a message.
pub(super) fn as_before(word: &str) -> String {
    let before = |c: char| LOOK_ALIKES.iter().find(|(_, shown)| *shown == c).map_or(c, |(marker, _)| *marker);
    let found: String = word.chars().map(before).collect();
    if found.is_ascii() { found } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clamps_by_characters_with_an_ellipsis() {
        assert_eq!(clamp("日本語テスト", 6), "日本語テスト");
        assert_eq!(clamp("日本語テスト", 4), "日本語…");
        assert_eq!(clamp("日本語テスト", 0), "");
    }

    #[test]
    fn tidies_controls_overrides_and_line_feeds() {
        assert_eq!(tidy(" a\r\n\tb\u{202e}c\u{200b}\u{0} "), "a bc");
        assert_eq!(tidy("\u{ffa0}\u{e0041}\u{e0100}\u{1d173}\u{17b5}"), "");
    }

    #[test]
    fn quoted_words_keep_no_marker() {
        let words = escape_quoted("<!channel> *b* _i_ ~s~ `c` :tada: & <https://x|Okta>");
        assert!(!words.contains(['<', '>', '*', '_', '~', '`', ':']), "{words}");
        assert!(words.starts_with("&lt;!channel&gt;"));
        assert!(!escape_quoted("> quote").starts_with("&gt;"));
    }

    #[test]
    fn a_time_keeps_its_colon_and_nothing_else_does() {
        assert_eq!(escape_quoted("from 09:00 (until 16:05)."), "from 09:00 (until 16:05).");
        for words in [":09:00:", "09:00:", "x09:00", "1:2", "09:00:30", "a:09:00", "09:00:tada:", "09:00_"] {
            assert!(!escape_quoted(words).contains(':'), "{words}");
        }
    }
}

//! Durations as people write them: a whole number and a unit, such as `"30m"`, `"12h"`, `"7d"` or `"4w"`.
//!
//! One number, one unit: `"1d12h"` is refused, so that there is one way to write and to print each length.

use chrono::Duration;

use crate::domain::calendar::Period;

/// What [`parse`] reads, as a regular expression for editors.
pub(super) const PATTERN: &str = "^0*[1-9][0-9]*[smhdw]$";
/// What [`parse_period`] reads.
pub(super) const PERIOD_PATTERN: &str = "^0*[1-9][0-9]*([smhdw]| +working +days?)$";

/// The units, longest first, with their lengths in seconds. A day is 24 hours, whatever the calendar does.
const UNITS: [(char, i64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a duration that is longer than nothing; `None` for any other text.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u32 = digits.parse().ok()?;
    (count > 0).then(|| Duration::seconds(i64::from(count) * seconds))
}

/// Reads a duration, or a number of working days above 0, such as `"5 working days"`; `None` for any other text.
pub(super) fn parse_period(text: &str) -> Option<Period> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [count, "working", "day" | "days"] = words[..] else {
        return parse(text).map(Period::Time);
    };
    let digits = count.bytes().all(|byte| byte.is_ascii_digit());
    count.parse().ok().filter(|count| digits && *count > 0).map(Period::WorkingDays)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_number_and_one_unit() {
        for (text, seconds) in
            [("20s", 20), ("30m", 1_800), ("12h", 43_200), ("7d", 604_800), ("4w", 2_419_200)]
        {
            assert_eq!(parse(text), Some(Duration::seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn reads_working_days_as_words() {
        for (text, days) in [("5 working days", 5), ("1 working day", 1), ("10  working days", 10)] {
            assert_eq!(parse_period(text), Some(Period::WorkingDays(days)), "{text}");
        }
        assert_eq!(parse_period("7d"), Some(Period::Time(Duration::days(7))));
        for text in
            ["0 working days", "-1 working days", "+1 working days", "working days", "5 days", "5wd", ""]
        {
            assert_eq!(parse_period(text), None, "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in
            ["", "d", "7", "0d", "-7d", "+7d", "7 d", "7D", "7days", "1d12h", "1.5d", "99999999999d", "7é"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

//! Headers that every HTTP API has in common.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};

/// Returns for how long the other side wants to be left alone, but not longer than `longest`. Only seconds are read: no API
/// that this bot calls answers with a date.
/// <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>
pub fn retry_after(headers: &HeaderMap, longest: Duration) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(longest))
}

/// Returns when the other side wrote its answer, by its own clock.
pub fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = headers.get(DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(date).ok().map(|date| date.to_utc())
}

/// Makes a header of a secret, which no log line shows. `None`: it has characters that no header has.
pub fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_that_is_asked_for_is_in_whole_seconds_and_bounded() {
        let longest = Duration::from_secs(600);
        let asked =
            |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]), longest);
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked(" 86400 "), Some(longest));
        assert_eq!(asked("18446744073709551615"), Some(longest));
        assert_eq!((asked("soon"), asked("-1")), (None, None));
        assert_eq!(asked("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(retry_after(&HeaderMap::new(), longest), None);
    }
}

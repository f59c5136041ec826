//! Dates as people write them: whatever is understood is a stretch of time that begins before it ends, and a moment
//! that is written out reads as that moment again.

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use chrono_tz::Tz;
use inactive_contractors::domain::date_range::{
    Length, Misread, beginning, date_words, ending, length, period, since, until,
};

/// Reads `zone`, `now` and the words of a date, a line each; what is missing has a default.
pub fn check(data: &[u8]) {
    let text = super::text(data);
    let mut lines = text.splitn(3, '\n');
    let (zone, now, words) = match (lines.next(), lines.next(), lines.next()) {
        (Some(zone), Some(now), Some(words)) => (zone.parse().ok(), now.parse().ok(), words),
        _ => (None, None, &*text),
    };
    let sane = |now: &DateTime<Utc>| (1990..=2200).contains(&now.year());
    reads(words, zone.unwrap_or(Tz::Europe__Berlin), now.filter(sane).unwrap_or_else(super::now));
}

/// What holds for these words in this zone at this moment.
pub fn reads(words: &str, zone: Tz, now: DateTime<Utc>) {
    let (begins, ends) = (since(words, zone, now), until(words, zone, now));
    match (&begins, &ends) {
        (Ok(begins), Ok(ends)) => {
            assert!(begins <= ends, "{words}: {begins} to {ends}");
            for at in [begins, ends] {
                written_out(*at, zone, now);
            }
        }
        (Err(Misread::NotInCalendar(_)), _) | (_, Err(Misread::NotInCalendar(_))) => {}
        (Err(one), Err(other)) => assert_eq!(one, other),
        (one, other) => panic!("{words}: {one:?}, {other:?}"),
    }
    let parts: Vec<&str> = words.split_whitespace().collect();
    let lasts = length(&parts).filter(|(_, count)| *count == parts.len()).map(|(length, _)| length);
    // What begins or ends later is read alike, but for a length and a day without a year, which go ahead instead of back.
    let has_year = parts.iter().any(|word| word.bytes().filter(u8::is_ascii_digit).count() >= 4);
    for (ahead, back) in [(beginning(words, zone, now), &begins), (ending(words, zone, now), &ends)] {
        if let (Ok(ahead), Ok(back)) = (ahead, back) {
            assert!(
                ahead == *back || ahead > *back && (lasts.is_some() || !has_year),
                "{words}: {ahead}, {back}"
            );
        }
    }
    if let Some(length) = lasts {
        let ends = length.after(now, zone);
        assert!(ends.is_none_or(|ends| ends >= now && ending(words, zone, now) == Ok(ends)), "{words}");
        assert!(!matches!(length, Length::Days(days) if days < 0), "{words}");
    }
    match period(words, zone, now) {
        Ok(period) => assert!(period.since < period.until && period.until <= now, "{words}: {period:?}"),
        Err(Misread::NotUnderstood(what) | Misread::NotInCalendar(what)) => {
            assert!(words.trim().to_lowercase().contains(&what.to_lowercase()), "{words:?}: {what:?}");
        }
        Err(Misread::Ambiguous(_, [one, other])) => assert_ne!(one, other, "{words}"),
        Err(Misread::InFuture(_) | Misread::Backwards(_)) => {}
    }
    let count = date_words(&parts, zone, now);
    assert!(count <= parts.len());
    if count > 0 {
        let date = parts[..count].join(" ");
        assert!(!matches!(beginning(&date, zone, now), Err(Misread::NotUnderstood(_))), "{date}");
    }
}

/// As a button carries it: in UTC, with milliseconds.
fn written_out(at: DateTime<Utc>, zone: Tz, now: DateTime<Utc>) {
    let text = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let again = since(&text, zone, now).map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
    assert_eq!(again, Ok(text));
}

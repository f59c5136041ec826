//! Pages of the audit trail, files that were made, reports, and whether the chain holds.

use chrono::{NaiveDate, TimeZone, Utc};
use inactive_contractors::chat::Text;
use inactive_contractors::domain::audit::GENESIS;
use inactive_contractors::domain::date_range::{DateRange, Misread};
use inactive_contractors::domain::digest::Tally;
use inactive_contractors::domain::report::{Listing, Report, ReportStep, Slice};
use inactive_contractors::store::Verified;
use inactive_contractors::wording::{history, refusals};

use crate::answers::event;
use crate::desk::{Desk, compare};
use crate::people::{EVIL, NAMES};

#[tokio::test]
async fn a_page_of_the_audit_trail_says_what_was_asked() {
    let mut desk = Desk::open().await;
    let events: Vec<_> = (1..).zip(NAMES).map(|(seq, name)| event(seq, name)).collect();
    let filters = [format!("about {EVIL}"), "since 1 Oct 2026, 00:00 CEST".to_owned(), "by ada".to_owned()];
    let page = history::Page {
        events: &events,
        filters: &filters,
        newer: Some("audit about ada --after 9".to_owned()),
        older: Some("audit about ada --before 1".to_owned()),
    };
    desk.message_is("audit_middle", &history::audit(&page)).await;
    let page = history::Page { filters: &[], newer: None, ..page };
    desk.message_is("audit", &history::audit(&page)).await;
    let page = history::Page { events: &[], filters: &filters, newer: None, older: None };
    desk.message_is("audit_none", &history::audit(&page)).await;
    let page = history::Page { filters: &[], ..page };
    desk.message_is("audit_empty", &history::audit(&page)).await;
    desk.close();
}

#[tokio::test]
async fn what_cannot_be_asked_is_answered_with_a_sentence() {
    let mut desk = Desk::open().await;
    let texts = [
        history::misread(&Misread::NotUnderstood(EVIL.into())),
        history::misread(&Misread::NotUnderstood(String::new())),
        history::misread(&Misread::NotInCalendar("2026-02-30".into())),
        history::misread(&Misread::InFuture("2030".into())),
        history::misread(&Misread::Backwards("2026-02 to 2026-01".into())),
        history::not_a_filter(EVIL, Some("since")),
        history::not_a_filter(EVIL, None),
        history::filter_needs_a_value("by"),
        history::not_an_outcome(EVIL, Some("suspended"), &["proposed", "suspended"]),
        history::too_many_accounts(EVIL, 50),
        history::no_such_policy(EVIL, &["contractors", "vendors"]),
        history::nobody_with_address(EVIL),
        history::cant_find_person(EVIL),
        history::question_too_long(),
        history::busy(),
        history::too_much(100_000),
        history::nothing_to_export(&[EVIL.to_owned()]),
        history::nothing_to_export(&[]),
        history::not_sent("the evidence", EVIL),
        history::too_many_slices(),
        history::picture_follows(true),
        history::picture_follows(false),
        history::picture_not_sent(EVIL),
    ];
    let mut said = String::new();
    for text in texts {
        let note = desk.message(&refusals::note(text)).await;
        said += note.lines().last().unwrap_or_default();
        said += "\n";
    }
    compare("history_notes", &said);
    desk.close();
}

#[tokio::test]
async fn a_file_comes_with_its_hashes() {
    let mut desk = Desk::open().await;
    let made = history::Made {
        what: "12 audit events".to_owned(),
        filters: &[format!("about {EVIL}")],
        range: Some((3, 40)),
        head: &(44, "b".repeat(64)),
        sha256: &"a".repeat(64),
        restricted: true,
    };
    let card = history::sent("the export of 12 audit events", history::made(&made));
    desk.message_is("export_sent", &card).await;
    let made =
        history::Made { what: "Evidence of contractors".into(), range: None, restricted: false, ..made };
    desk.message_is("evidence_sent", &history::sent("the evidence", history::made(&made))).await;
    desk.close();
}

#[tokio::test]
async fn the_chain_holds_or_does_not() {
    let mut desk = Desk::open().await;
    let verified = |events, broken_at| Verified { archived: 0, events, head: GENESIS.to_owned(), broken_at };
    desk.message_is("verify_holds", &history::verified(&verified(41, None))).await;
    let archived = Verified { archived: 30, ..verified(41, None) };
    desk.message_is("verify_archived", &history::verified(&archived)).await;
    desk.message_is("verify_empty", &history::verified(&verified(0, None))).await;
    desk.message_is("verify_broken", &history::verified(&verified(41, Some(42)))).await;
    desk.message_is("verify_broken_first", &history::verified(&verified(0, Some(1)))).await;
    desk.close();
}

/// A report on so many weeks.
pub fn report(weeks: u32, step: ReportStep) -> Report {
    let begin = Utc.with_ymd_and_hms(2026, 7, 6, 0, 0, 0).unwrap();
    let slice = |week: u32| {
        let since = begin + chrono::Duration::weeks(week.into());
        let until = since + chrono::Duration::weeks(1);
        let listing = Listing { at: since, contractors: 40 + week, inactive: 5 };
        let tally = Tally {
            suspended: week,
            restored: 1,
            kept: 2,
            denied: week % 2,
            expired: 0,
            seconds_to_decide: if week == 0 { Vec::new() } else { vec![3600 * i64::from(week)] },
            ..Tally::default()
        };
        let day: NaiveDate = since.date_naive();
        Slice { period: DateRange { since, until }, day, listing: (week != 1).then_some(listing), tally }
    };
    let slices: Vec<Slice> = (0..weeks).map(slice).collect();
    let until = slices.last().map_or(begin, |last| last.period.until);
    let days = (begin.date_naive(), (until - chrono::Duration::seconds(1)).date_naive());
    Report { policy: "contractors".into(), period: DateRange { since: begin, until }, days, step, slices }
}

#[tokio::test]
async fn a_report_has_its_numbers_in_words() {
    let mut desk = Desk::open().await;
    desk.message_is("report", &history::report(&report(3, ReportStep::Week))).await;
    desk.message_is("report_none", &history::report(&report(0, ReportStep::Month))).await;
    let long = report(40, ReportStep::Month);
    desk.message(&history::report(&long)).await;
    let alt = history::picture_alt(&long);
    assert!(alt.chars().count() <= 1000 && alt.contains("Contractors: 40 – 42"), "{alt}");
    let comment: Text = history::picture_comment(&report(3, ReportStep::Week));
    compare(
        "report_picture",
        &format!("{}\n{}", comment.to_plain(), history::picture_alt(&report(3, ReportStep::Week))),
    );
    desk.close();
}

#[tokio::test]
async fn weeks_without_anything_to_say_are_one_line() {
    let mut desk = Desk::open().await;
    let mut quiet = report(6, ReportStep::Week);
    for slice in &mut quiet.slices[1..5] {
        (slice.listing, slice.tally) = (None, Tally::default());
    }
    desk.message_is("report_quiet", &history::report(&quiet)).await;
    desk.close();
}

#[test]
fn a_picture_is_described_in_whole_sentences_as_far_as_there_is_room() {
    let mut long = report(45, ReportStep::Week);
    for slice in &mut long.slices {
        slice.listing = slice.listing.map(|listing| Listing { contractors: 123_456, ..listing });
        slice.tally.suspended = 1_234;
        slice.tally.restored = 1_234_567;
    }
    let alt = history::picture_alt(&long);
    assert!(alt.chars().count() <= 1000 && alt.ends_with('.'), "{alt}");
    for (words, fits) in
        [("Contractors: ", true), ("Suspended: ", true), ("Restored: ", false), ("Kept: ", true)]
    {
        assert_eq!(alt.contains(words), fits, "{words}: {alt}");
    }
}

//! Pictures of reports in the chat: the one that somebody asked for, and the trend that pages and digests show.
//!
//! A picture is uploaded without being shared, and shown by a block that has its description. Slack may still be working
//! on it then and refuses whatever shows it: that is tried again a few times, and then goes on without the picture. The
//! numbers are always in the text too.

use chrono::{DateTime, Datelike, Duration, Utc};

use crate::chat::{Block, Card, ChatError, Mark, Upload};
use crate::domain::date_range::DateRange;
use crate::domain::policy::{Policy, start_of_day};
use crate::domain::report::Report;
use crate::reports::state::{REFUSED_MAX, Trend};
use crate::reports::{Reports, picture};
use crate::services::{WorkResult, lock};
use crate::wording::history as wording;

/// Weeks that the trend shows before this one.
const WEEKS_BEFORE: i64 = 12;
/// A trend is as old as this at most when somebody looks, and is not drawn more often.
const LOOKED_AT_EVERY: Duration = Duration::minutes(10);
/// Waits between tries for somebody who asked for a report: the picture is ready within seconds, or never.
const WAITS_S: [u64; 4] = [1, 2, 4, 8];

impl Reports {
    /// The trend picture of a policy, if there is one now.
    pub(crate) async fn trend(&self, policy: &Policy) -> WorkResult<Option<Block>> {
        let now = self.s.clock.now();
        let known = lock(&self.trends).get(&policy.name).cloned();
        if let Some(trend) = known.as_ref().filter(|trend| now - trend.looked_at < LOOKED_AT_EVERY) {
            return Ok(trend.shown());
        }
        let Some(report) = self.report_on(policy, lately(policy, now)).await? else { return Ok(None) };
        let same = known.filter(|trend| trend.report == report && trend.shown().is_some());
        let trend = if let Some(trend) = same {
            Trend { looked_at: now, ..trend }
        } else {
            let image = self.upload_picture(&report).await.unwrap_or_else(|error| {
                tracing::warn!(policy = &*policy.name, %error, "a trend picture could not be uploaded");
                None
            });
            Trend { looked_at: now, report, image, refused: 0 }
        };
        let shown = trend.shown();
        lock(&self.trends).insert(policy.name.clone(), trend);
        Ok(shown)
    }

    /// Something that shows these pictures was refused. Returns whether to try the same again.
    pub(crate) fn pictures_refused(&self, blocks: &[Block]) -> bool {
        let mut trends = lock(&self.trends);
        let shown = trends
            .values_mut()
            .filter(|trend| trend.image.as_ref().is_some_and(|image| blocks.contains(image)));
        shown.fold(false, |again, trend| {
            trend.refused += 1;
            again || trend.refused < REFUSED_MAX
        })
    }

    /// Draws and uploads a report. `None`: there is nothing to draw.
    async fn upload_picture(&self, report: &Report) -> Result<Option<Block>, ChatError> {
        let drawn = report.clone();
        let drawn = tokio::task::spawn_blocking(move || picture::draw(&drawn)).await;
        let Some(bytes) = drawn.map_err(|error| ChatError::Content(error.to_string()))? else {
            return Ok(None);
        };
        let alt = wording::picture_alt(report);
        let file = Upload {
            name: format!("{}-{}.png", report.policy, report.days.1),
            title: format!("Report on {}", report.policy),
            alt: Some(alt.clone()),
            bytes,
        };
        Ok(Some(Block::Image { file: self.s.chat.upload(&file, None).await?, alt }))
    }

    /// Posts the picture of a report there, or in the direct messages with the person.
    pub(crate) async fn post_report(
        &self,
        report: &Report,
        key: &str,
        user: &str,
        channel: Option<&str>,
    ) -> Result<(), ChatError> {
        let Some(image) = self.upload_picture(report).await? else { return Ok(()) };
        let channel = match channel {
            Some(channel) => channel.to_owned(),
            None => self.s.chat.open_direct(user).await?,
        };
        let summary = wording::picture_comment(report);
        let card = Card { summary: summary.clone(), blocks: vec![Block::Section(summary), image] };
        let mark = Mark::new(key);
        for wait in WAITS_S {
            match self.s.chat.post(&channel, None, &mark, &card).await {
                Err(ChatError::Content(_)) => tokio::time::sleep(std::time::Duration::from_secs(wait)).await,
                posted => return posted.map(drop),
            }
        }
        self.s.chat.post(&channel, None, &mark, &card).await.map(drop)
    }
}

/// The weeks up to and with today, so that the same numbers make the same report all day.
fn lately(policy: &Policy, now: DateTime<Utc>) -> DateRange {
    let zone = policy.schedule.zone;
    let today = now.with_timezone(&zone).date_naive();
    let monday = today - Duration::days(i64::from(today.weekday().num_days_from_monday()));
    let begin = |day| start_of_day(day, zone).unwrap_or(now);
    DateRange {
        since: begin(monday - Duration::weeks(WEEKS_BEFORE)),
        until: begin(today + Duration::days(1)).max(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::FileRef;
    use crate::engine::bench::{Bench, policy};

    #[tokio::test]
    async fn a_picture_that_is_refused_is_tried_a_few_times_and_then_left_out() {
        let bench = Bench::new();
        let (engine, policy) = (&bench.engine, &bench.engine.s.policies[0]);
        let now = engine.s.clock.now();
        let image = |name: &str| Block::Image { file: FileRef(name.to_owned()), alt: String::new() };
        let report =
            engine.reports.report_on(policy, lately(policy, now)).await.unwrap().expect("of a known policy");
        let trend = Trend { looked_at: now, report, image: Some(image("F1")), refused: 0 };
        lock(&engine.reports.trends).insert(policy.name.clone(), trend);
        // It was looked at a moment ago, so nothing is read or drawn.
        assert_eq!(engine.reports.trend(policy).await.unwrap(), Some(image("F1")));
        assert!(!engine.reports.pictures_refused(&[image("F2")]), "nobody knows that one");
        for _ in 1..REFUSED_MAX {
            assert!(engine.reports.pictures_refused(&[image("F2"), image("F1")]));
            assert_eq!(engine.reports.trend(policy).await.unwrap(), Some(image("F1")));
        }
        assert!(!engine.reports.pictures_refused(&[image("F1")]));
        assert_eq!(engine.reports.trend(policy).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_picture_is_drawn_again_after_a_while_if_the_numbers_are_others() {
        let bench = Bench::new();
        let (engine, policy) = (&bench.engine, &bench.engine.s.policies[0]);
        let now = engine.s.clock.now();
        let image = Some(Block::Image { file: FileRef("F1".to_owned()), alt: String::new() });
        let until =
            async |then| engine.reports.report_on(policy, lately(policy, then)).await.unwrap().unwrap();
        let (today, before) = (until(now).await, until(now - Duration::days(1)).await);
        let kept_since = |looked_at, report: &Report| {
            let trend = Trend { looked_at, report: report.clone(), image: image.clone(), refused: 0 };
            lock(&engine.reports.trends).insert(policy.name.clone(), trend);
        };
        kept_since(now, &before);
        assert_eq!(engine.reports.trend(policy).await.unwrap(), image, "nobody looks again so soon");
        kept_since(now - LOOKED_AT_EVERY, &today);
        assert_eq!(
            engine.reports.trend(policy).await.unwrap(),
            image,
            "the same numbers make the same picture"
        );
        assert!(lock(&engine.reports.trends)[&policy.name].looked_at >= now);
        kept_since(now - LOOKED_AT_EVERY, &before);
        assert_eq!(engine.reports.trend(policy).await.unwrap(), None, "there is nothing to draw");
    }

    #[test]
    fn a_trend_goes_from_a_monday_to_the_end_of_today() {
        let day = |days| DateTime::UNIX_EPOCH + Duration::days(days);
        // On the afternoon of a Tuesday.
        let period = lately(&policy(), day(26) + Duration::hours(15));
        assert_eq!(period.since, day(25) - Duration::weeks(WEEKS_BEFORE));
        assert_eq!(period.until, day(27));
    }
}

//! The words of a question to the audit trail: one person, and keywords with their values, in any order.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::chat::Text;
use crate::commands::typed::folded;
use crate::domain::audit::Action;
use crate::domain::date_range;
use crate::domain::ids::RequestId;
use crate::domain::nearest::nearest;
use crate::domain::policy::Policy;
use crate::reports::export::Format;
use crate::wording::history as wording;

/// A question has to fit into a button's value, with the number that its page begins at.
const LINE_MAX: usize = 1900;

const KEYWORDS: [&str; 8] = ["since", "until", "in", "by", "outcome", "request", "policy", "about"];

/// What people call outcomes, besides the trail's own words.
const OUTCOMES: [(&str, &[Action]); 17] = [
    ("proposed", &[Action::Proposed]),
    ("approved", &[Action::Approved]),
    ("denied", &[Action::Denied]),
    ("kept", &[Action::Kept]),
    ("expired", &[Action::Expired]),
    ("withdrawn", &[Action::Withdrawn]),
    ("suspended", &[Action::Suspended]),
    ("skipped", &[Action::Skipped, Action::RestoreSkipped, Action::SessionsClearSkipped]),
    ("restored", &[Action::Restored]),
    (
        "failed",
        &[
            Action::SuspensionFailed,
            Action::SuspensionTryFailed,
            Action::SessionsClearFailed,
            Action::SessionsClearTryFailed,
            Action::RestoreFailed,
            Action::RestoreTryFailed,
            Action::SweepFailed,
        ],
    ),
    ("refused", &[Action::InputRefused, Action::SweepRefused]),
    ("held", &[Action::SweepHeld, Action::Released]),
    ("swept", &[Action::SweepStarted, Action::SweepFinished]),
    ("exempted", &[Action::Exempted, Action::Unexempted, Action::ExemptionEnded]),
    ("drift", &[Action::DriftFound]),
    ("missed", &[Action::MissedSignFound]),
    ("exported", &[Action::Exported, Action::EvidenceMade]),
];

/// A question as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filters {
    /// The person that it is about, as written.
    pub(crate) person: Option<String>,
    /// Who did it, as written.
    pub(crate) by: Option<String>,
    pub(crate) since: Option<DateTime<Utc>>,
    pub(crate) until: Option<DateTime<Utc>>,
    /// The word, and what it stands for.
    pub(crate) outcome: Option<(String, Vec<Action>)>,
    pub(crate) request: Option<RequestId>,
    pub(crate) policy: Option<String>,
    pub(crate) format: Option<Format>,
}

impl Filters {
    /// Reads the words of a person who may ask about `policies`; times are in the zone of the one that is named, or of
    /// the first.
    pub(crate) fn read(words: &[String], policies: &[&Policy], now: DateTime<Utc>) -> Result<Filters, Text> {
        let named = words.windows(2).find(|pair| pair[0].eq_ignore_ascii_case("policy"));
        let zone = zone_of(policies, named.map(|pair| pair[1].as_str()));
        if let Some(option) = words.iter().find(|word| word.starts_with('-')) {
            // In a button it would be one.
            return Err(wording::not_a_filter(option, None));
        }
        let mut filters = Filters::default();
        let mut rest = words;
        while let [word, after @ ..] = rest {
            rest = filters.take(word, after, policies, zone, now)?;
        }
        if filters.line().len() > LINE_MAX {
            return Err(wording::question_too_long());
        }
        Ok(filters)
    }

    /// Reads one word with what belongs to it. Returns what follows.
    fn take<'a>(
        &mut self,
        word: &str,
        after: &'a [String],
        policies: &[&Policy],
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<&'a [String], Text> {
        let date = || {
            let count = date_range::date_words(after, zone, now).max(1).min(after.len());
            (after[..count].join(" "), &after[count..])
        };
        let value = || after.first().ok_or_else(|| wording::filter_needs_a_value(word));
        match word.to_lowercase().as_str() {
            "since" | "from" => {
                let (text, rest) = date();
                self.since =
                    Some(date_range::since(&text, zone, now).map_err(|error| wording::misread(&error))?);
                return Ok(rest);
            }
            "until" | "till" | "to" => {
                let (text, rest) = date();
                self.until =
                    Some(date_range::until(&text, zone, now).map_err(|error| wording::misread(&error))?);
                return Ok(rest);
            }
            "in" | "during" => {
                let (text, rest) = date();
                let period =
                    date_range::period(&text, zone, now).map_err(|error| wording::misread(&error))?;
                (self.since, self.until) = (Some(period.since), Some(period.until));
                return Ok(rest);
            }
            "by" => self.by = Some(value()?.clone()),
            "outcome" | "result" | "action" => self.outcome = Some(outcome(value()?)?),
            "request" => self.request = Some(number(value()?)?),
            "policy" => self.policy = Some(policy(value()?, policies)?),
            "about" if self.person.is_none() => self.person = Some(value()?.clone()),
            "csv" if self.format.is_none() => return Ok(self.with_format(Format::Csv, after)),
            "json" if self.format.is_none() => return Ok(self.with_format(Format::Json, after)),
            _ if self.person.is_none() => {
                self.person = Some(word.to_owned());
                return Ok(after);
            }
            _ => return Err(self.not_a_filter(word)),
        }
        Ok(&after[1..])
    }

    /// A second word that means nothing: it, or the first one, which was taken for a person, may be misspelled.
    fn not_a_filter(&self, word: &str) -> Text {
        let first = self.person.as_deref().and_then(|first| Some((first, nearest(first, KEYWORDS)?)));
        // A second "about" is spelled well.
        let keyword = nearest(word, KEYWORDS).filter(|keyword| !keyword.eq_ignore_ascii_case(word));
        match (keyword, first) {
            (None, Some((first, keyword))) => wording::not_a_filter(first, Some(keyword)),
            (keyword, _) => wording::not_a_filter(word, keyword),
        }
    }

    fn with_format<'a>(&mut self, format: Format, rest: &'a [String]) -> &'a [String] {
        self.format = Some(format);
        rest
    }

    /// The same question as one line of words, with moments instead of days, so that its pages fit together.
    pub(crate) fn line(&self) -> String {
        let time = |at: &DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let parts = [
            self.person.as_ref().map(|person| format!("about {person}")),
            self.since.as_ref().map(|at| format!("since {}", time(at))),
            self.until.as_ref().map(|at| format!("until {}", time(at))),
            self.by.as_ref().map(|by| format!("by {by}")),
            self.outcome.as_ref().map(|(word, _)| format!("outcome {word}")),
            self.request.map(|request| format!("request {request}")),
            self.policy.as_ref().map(|policy| format!("policy {policy}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// What was asked for, part by part, for people; `about` and `who` as they were found.
    pub(crate) fn in_words(&self, about: Option<&str>, who: Option<&str>, zone: Tz) -> Vec<String> {
        let time = |at: &DateTime<Utc>| at.with_timezone(&zone).format("%-d %b %Y, %H:%M %Z").to_string();
        let parts = [
            about.map(|about| format!("about {about}")),
            self.since.as_ref().map(|at| format!("since {}", time(at))),
            self.until.as_ref().map(|at| format!("before {}", time(at))),
            who.map(|who| format!("by {who}")),
            self.outcome.as_ref().map(|(word, _)| format!("outcome {word}")),
            self.request.map(|request| format!("request {request}")),
            self.policy.as_ref().map(|policy| format!("policy {policy}")),
        ];
        parts.into_iter().flatten().collect()
    }
}

/// The zone of the policy that is named, or of the first.
pub(crate) fn zone_of(policies: &[&Policy], named: Option<&str>) -> Tz {
    let named = named.and_then(|name| policies.iter().find(|policy| folded(&policy.name) == folded(name)));
    named.or(policies.first()).map_or(Tz::UTC, |policy| policy.schedule.zone)
}

/// The period and the policy that a report or a bundle is asked for.
pub(crate) fn period_words(words: &[String]) -> (Option<&str>, String) {
    let at = words.windows(2).position(|pair| pair[0].eq_ignore_ascii_case("policy"));
    let rest = (0..).zip(words).filter(|(index, _)| at.is_none_or(|at| *index != at && *index != at + 1));
    let rest: Vec<&str> = rest.map(|(_, word)| word.as_str()).collect();
    (at.map(|at| words[at + 1].as_str()), rest.join(" "))
}

fn outcome(word: &str) -> Result<(String, Vec<Action>), Text> {
    let word = word.to_lowercase();
    if let Some((_, actions)) = OUTCOMES.iter().find(|(name, _)| *name == word) {
        return Ok((word, actions.to_vec()));
    }
    if let Some(action) = Action::of_word(&word) {
        return Ok((word, vec![action]));
    }
    let known = OUTCOMES.map(|(name, _)| name);
    Err(wording::not_an_outcome(&word, nearest(&word, known.iter().copied()), &known))
}

fn number(word: &str) -> Result<RequestId, Text> {
    let digits = word.trim_start_matches('#');
    let read = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    read.ok_or_else(|| wording::not_a_filter(word, None))
}

fn policy(name: &str, policies: &[&Policy]) -> Result<String, Text> {
    let names: Vec<&str> = policies.iter().map(|policy| &*policy.name).collect();
    let found = names.iter().find(|known| folded(known) == folded(name));
    found.map(|found| (*found).to_owned()).ok_or_else(|| wording::no_such_policy(name, &names))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Filters, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let now = "2026-10-14T12:00:00Z".parse().expect("a time");
        Filters::read(&words, &[], now).map_err(|text| text.to_plain())
    }

    #[test]
    fn words_come_in_any_order_and_the_line_reads_the_same_again() {
        let asked =
            read("since last month by <@U1|ada> ben@x.example outcome Failed request #7 until yesterday")
                .unwrap();
        assert_eq!(asked.person.as_deref(), Some("ben@x.example"));
        assert_eq!(asked.outcome.as_ref().unwrap().1.len(), 7);
        assert_eq!(asked.request, Some(RequestId(7)));
        assert_eq!(
            asked.line(),
            "about ben@x.example since 2026-09-01T00:00:00.000Z until 2026-10-14T00:00:00.000Z by <@U1|ada> \
             outcome failed request 7"
        );
        assert_eq!(read(&asked.line()), Ok(asked));
        assert_eq!(read("in Q3 2026"), read("since 2026-07-01T00:00:00Z until 2026-10-01T00:00:00Z"));
        assert_eq!(read("json ada").unwrap().format, Some(Format::Json));
        assert_eq!(read("outcome sweep_held").unwrap().outcome.unwrap().1, [Action::SweepHeld]);
        assert_eq!(read("").unwrap().line(), "");
    }

    #[test]
    fn of_two_formats_the_second_is_a_persons_name() {
        for (line, format, person) in [("csv json", Format::Csv, "json"), ("json csv", Format::Json, "csv")] {
            let asked = read(line).unwrap();
            assert_eq!((asked.format, asked.person.as_deref()), (Some(format), Some(person)), "{line}");
        }
    }

    #[test]
    fn a_question_fits_into_a_button() {
        let longest = LINE_MAX - "about ".len();
        assert_eq!(read(&"a".repeat(longest)).unwrap().line().len(), LINE_MAX);
        assert!(read(&"a".repeat(longest + 1)).is_err());
    }

    #[test]
    fn days_begin_in_the_zone_of_the_policy_that_is_named_or_else_of_the_first() {
        let in_zone = |name: &str, zone| {
            let mut policy = crate::engine::bench::policy();
            (policy.name, policy.schedule.zone) = (name.into(), zone);
            policy
        };
        let (first, second) = (in_zone("a", Tz::UTC), in_zone("b", Tz::Europe__Berlin));
        let now = "2026-10-14T12:00:00Z".parse().unwrap();
        for (line, begins) in [
            ("since 2026-10-01", "2026-10-01T00:00:00Z"),
            ("since 2026-10-01 policy a", "2026-10-01T00:00:00Z"),
            ("since 2026-10-01 policy b", "2026-09-30T22:00:00Z"),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let asked = Filters::read(&words, &[&first, &second], now).unwrap();
            assert_eq!(asked.since, Some(begins.parse().unwrap()), "{line}");
        }
        assert_eq!(zone_of(&[], None), Tz::UTC);
    }

    #[test]
    fn what_was_asked_for_is_said_part_by_part() {
        let asked = read("ada since 2026-10-01 until 2026-10-02 by me outcome failed request 7").unwrap();
        assert_eq!(
            asked.in_words(Some("ada"), Some("you"), Tz::Europe__Berlin),
            [
                "about ada",
                "since 1 Oct 2026, 02:00 CEST",
                "before 3 Oct 2026, 02:00 CEST",
                "by you",
                "outcome failed",
                "request 7"
            ]
        );
        assert_eq!(read("").unwrap().in_words(None, None, Tz::UTC), [""; 0]);
    }

    #[test]
    fn the_policy_is_no_word_of_the_period() {
        for (line, policy, period) in [
            ("last quarter", None, "last quarter"),
            ("policy p last quarter", Some("p"), "last quarter"),
            ("last Policy p quarter", Some("p"), "last quarter"),
            ("last quarter policy p", Some("p"), "last quarter"),
            ("last quarter policy", None, "last quarter policy"),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(period_words(&words), (policy, period.to_owned()), "{line}");
        }
    }

    #[test]
    fn what_means_nothing_is_answered_with_the_nearest_word() {
        for (line, says) in [
            ("ada sicne 30d", "Did you mean since?"),
            ("sicne 30d", "Did you mean since?"),
            ("outcome suspendet", "Did you mean suspended?"),
            ("outcome xyz", "The outcomes are: proposed, approved"),
            ("since", "A date is missing."),
            ("since tomorrowish", "I can't read tomorrowish as a date."),
            ("until 2026-02-30", "The calendar has no 2026-02-30."),
            ("in 2030", "2030 has not begun yet."),
            ("by", "Something is missing after by."),
            ("request ada", "I don't understand ada there"),
            ("request +7", "I don't understand +7 there"),
            ("ada --before", "I don't understand --before there"),
            ("policy secret", "There is no policy secret"),
            ("ada ben", "I don't understand ben there"),
            ("about ada About ben", "I don't understand About there. You can give one person"),
            (&"a".repeat(2000), "too long"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }
}

//! Reads what stands after a command's fixed words: a policy, times, and the reason.
//!
//! In this order: policies and times, where the command takes them; then the reason, which is the rest of the line.
//! `because` or `reason:` begins it whatever comes then, and so do quotation marks around it. Otherwise a word in it that
//! looks like a policy, a misspelt one, or a time that belongs elsewhere is asked back: nothing is done on half of what
//! was said.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::chat::Text;
use crate::commands::typed::{Word, folded, words};
use crate::domain::date_range::{self, Length, Misread};
use crate::domain::nearest::{is_misspelt, is_part, nearest, slips};
use crate::wording::mistakes;

/// What a command takes after its fixed words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// The command's name, for the sentences that say what to write instead.
    pub(crate) verb: &'static str,
    takes: Takes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Policy,
    PolicyOrAll,
    PolicyOfAccount,
    PolicyAndTimes,
    ReasonOnly,
}

impl Form {
    /// Makes the form of `sweep` and `preview`: a policy and nothing else.
    pub(crate) fn which(verb: &'static str) -> Form {
        Form { verb, takes: Takes::Policy }
    }

    /// Makes the form of `pause` and `resume`: one policy, or all that the person is an admin of.
    pub(crate) fn stop(verb: &'static str) -> Form {
        Form { verb, takes: Takes::PolicyOrAll }
    }

    /// Makes the form of `restore` and `unexempt`: an account under a policy.
    pub(crate) fn account(verb: &'static str) -> Form {
        Form { verb, takes: Takes::PolicyOfAccount }
    }

    /// Makes the form of `exempt`: an account under a policy, for a time.
    pub(crate) fn exemption() -> Form {
        Form { verb: "exempt", takes: Takes::PolicyAndTimes }
    }

    /// Makes the form of `withdraw` and `retry`: a request, which has its policy.
    pub(crate) fn request(verb: &'static str) -> Form {
        Form { verb, takes: Takes::ReasonOnly }
    }

    /// Returns whether it takes times, which are those of a policy's zone.
    pub(crate) fn has_times(self) -> bool {
        self.takes == Takes::PolicyAndTimes
    }

    fn has_policy(self) -> bool {
        self.takes != Takes::ReasonOnly
    }

    fn has_reason(self) -> bool {
        self.takes != Takes::Policy
    }

    fn may_be_all(self) -> bool {
        self.takes == Takes::PolicyOrAll
    }

    /// Returns whether this word looks like a second account or request. The command takes one.
    fn takes_one(self, word: &str) -> bool {
        match self.takes {
            Takes::ReasonOnly => word.trim_start_matches('#').bytes().all(|byte| byte.is_ascii_digit()),
            Takes::PolicyOfAccount | Takes::PolicyAndTimes => {
                word.starts_with("<@") || word.split_once('@').is_some_and(|(_, host)| host.contains('.'))
            }
            Takes::Policy | Takes::PolicyOrAll => false,
        }
    }
}

/// The names of policies.
pub(crate) struct Names<'a> {
    /// The policies that are configured.
    pub(crate) all: Vec<&'a str>,
    /// Those that the person may hear of.
    pub(crate) shown: Vec<&'a str>,
}

impl<'a> Names<'a> {
    /// Returns the policy of this name, however it is capitalised.
    fn exactly(&self, word: &str) -> Option<&'a str> {
        self.all.iter().find(|name| folded(name) == folded(word)).copied()
    }

    /// Returns the policy whose name this word is not quite.
    fn nearly(&self, word: &str, or_part: bool) -> Option<&'a str> {
        let near = |name: &&&str| {
            let name = folded(name);
            is_misspelt(word, &name) || or_part && is_part(word, &name)
        };
        self.all.iter().find(near).copied()
    }

    fn may_hear_of(&self, name: &str) -> bool {
        self.shown.contains(&name)
    }

    fn no_such(&self, word: &str) -> Text {
        mistakes::no_such_policy(word, nearest(&folded(word), self.shown.iter().copied()), &self.shown)
    }
}

/// What was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The policy that was named, by its own spelling.
    pub(crate) policy: Option<String>,
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) until: Option<DateTime<Utc>>,
    /// As it was typed; may be empty.
    pub(crate) reason: String,
}

/// Reads `text`; `option` is the policy that `--policy` names. `Err` says what to write instead.
pub(crate) fn read(
    form: Form,
    text: &str,
    option: Option<&str>,
    names: &Names<'_>,
    now: DateTime<Utc>,
    zone: Tz,
) -> Result<Said, Text> {
    let mut policy = match option {
        Some(name) => Some(names.exactly(name).ok_or_else(|| names.no_such(name))?),
        None => None,
    };
    let all = words(text);
    let mut rest = all.as_slice();
    let mut times = Times::default();
    let mut begun = false;
    if form.may_be_all() && policy.is_none() {
        rest = after_everything(rest, now, zone);
    }
    while let [word, after @ ..] = rest {
        let written = word.folded();
        if word.begins_the_reason() && !after.is_empty() && form.has_reason() {
            (rest, begun) = (after, true);
            break;
        }
        if unquoted(text[word.at..].trim_end()).1 && !after.is_empty() {
            // A reason in quotation marks; a single word in them may be anything.
            break;
        }
        if word.is_dash() {
            rest = after;
        } else if form.has_policy() && written == "policy" {
            let name = after.first().ok_or_else(|| mistakes::nothing_after("policy"))?;
            let found = names.exactly(&name.folded()).ok_or_else(|| names.no_such(&name.bare()))?;
            policy = Some(only(policy, found)?);
            rest = &after[1..];
        } else if form.has_policy()
            && let Some(found) = names.exactly(&written)
        {
            policy = Some(only(policy, found)?);
            rest = after;
        } else if form.has_times()
            && let Some(count) = times.take(&written, after, now, zone)?
        {
            rest = &after[count..];
        } else {
            break;
        }
    }
    let reason = rest.first().map_or("", |first| text[first.at..].trim_end());
    let (reason, in_quotes) = unquoted(reason);
    if !begun && !in_quotes {
        unlike_anything_else(form, rest, policy, names, now, zone)?;
    }
    if !form.has_reason() && !reason.is_empty() {
        return Err(names.no_such(reason));
    }
    let until = times.ends(now, zone)?;
    Ok(Said { policy: policy.map(str::to_owned), from: times.from, until, reason: reason.to_owned() })
}

fn only<'a>(before: Option<&'a str>, named: &'a str) -> Result<&'a str, Text> {
    match before {
        Some(before) if before != named => Err(mistakes::two_policies(before, named)),
        Some(_) | None => Ok(named),
    }
}

/// Skips `all`, `everything` and `every policy`, which is meant anyway, unless it begins a reason.
fn after_everything<'a, 'b>(rest: &'a [Word<'b>], now: DateTime<Utc>, zone: Tz) -> &'a [Word<'b>] {
    let every = |word: &Word<'_>| ["all", "every", "everything"].contains(&word.folded().as_str());
    let Some(after) = rest.split_first().filter(|(word, _)| every(word)).map(|(_, after)| after) else {
        return rest;
    };
    let after = match after {
        [noun, after @ ..] if ["policy", "policies"].contains(&noun.folded().as_str()) => after,
        after => after,
    };
    let ends = after.first().is_none_or(Word::begins_the_reason) || time_at(after, now, zone).is_some();
    if ends { after } else { rest }
}

/// The times of an exemption, as far as they were read.
#[derive(Default)]
struct Times {
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    lasts: Option<Length>,
}

impl Times {
    /// Reads a time that begins with this keyword. Returns how many of the words after it belong to it; `None`: it begins none.
    fn take(
        &mut self,
        keyword: &str,
        after: &[Word<'_>],
        now: DateTime<Utc>,
        zone: Tz,
    ) -> Result<Option<usize>, Text> {
        let plain: Vec<String> = after.iter().map(Word::bare).collect();
        if !["for", "until", "till", "from"].contains(&keyword) {
            return Ok(None);
        }
        if plain.is_empty() {
            return Err(mistakes::nothing_after(keyword));
        }
        let taken = match keyword {
            "from" => self.from.is_some(),
            _ => self.until.is_some() || self.lasts.is_some(),
        };
        let once = || if taken { Err(mistakes::two_times(keyword)) } else { Ok(()) };
        if keyword == "for" {
            let Some((length, count)) = date_range::length(&plain) else {
                // "for parental leave" is a reason.
                let meant = date_range::looks_like_a_length(&plain);
                return if meant { Err(mistakes::not_a_length(&plain)) } else { Ok(None) };
            };
            once()?;
            self.lasts = Some(length);
            return Ok(Some(count));
        }
        once()?;
        let count = date_range::date_words(&plain, zone, now).max(1);
        let day = plain[..count].join(" ");
        let misread = |misread: Misread| mistakes::not_a_day(&misread);
        if keyword == "from" {
            self.from = Some(date_range::beginning(&day, zone, now).map_err(misread)?);
        } else {
            self.until = Some(date_range::ending(&day, zone, now).map_err(misread)?);
        }
        Ok(Some(count))
    }

    /// Returns when the exemption ends. A length counts from the exemption's beginning.
    fn ends(&self, now: DateTime<Utc>, zone: Tz) -> Result<Option<DateTime<Utc>>, Text> {
        let Some(lasts) = self.lasts else { return Ok(self.until) };
        let ends = lasts.after(self.from.unwrap_or(now), zone);
        ends.map(Some).ok_or_else(|| mistakes::not_a_length(&[""; 0]))
    }
}

/// Returns the words of a time that stands here, with the keyword before it if there is one. "now"
/// and "today" mislead nobody.
fn time_at(rest: &[Word<'_>], now: DateTime<Utc>, zone: Tz) -> Option<String> {
    const KEYWORDS: [&str; 9] = ["for", "until", "till", "from", "in", "on", "after", "at", "by"];
    let plain: Vec<String> = rest.iter().take(8).map(Word::bare).collect();
    let keyword = usize::from(rest.first().is_some_and(|word| KEYWORDS.contains(&word.folded().as_str())));
    let after = plain.get(keyword..)?;
    let date = date_range::date_words(after, zone, now);
    // "for a few weeks" was meant as a time, though nobody knows which.
    let lengths = keyword == 1 && rest[0].folded() == "for";
    let meant = (1..=after.len()).find(|count| lengths && date_range::looks_like_a_length(&after[..*count]));
    let read = date_range::length(after).map_or(date, |(_, count)| count.max(date));
    let count = if read > 0 { read } else { meant.unwrap_or(0) };
    let soon = count == 1 && ["now", "today"].contains(&after.first()?.to_lowercase().as_str());
    (count > 0 && !soon).then(|| plain[..keyword + count].join(" "))
}

/// Returns whether a word is one that a time begins with, or that one misspelt.
fn begins_a_time(word: &Word<'_>) -> bool {
    let word = word.folded();
    ["for", "until", "till", "from"].iter().any(|keyword| slips(&word, keyword) <= 1)
}

/// Refuses a reason that begins nowhere in particular and has words in it that may have been meant as something else.
fn unlike_anything_else(
    form: Form,
    rest: &[Word<'_>],
    policy: Option<&str>,
    names: &Names<'_>,
    now: DateTime<Utc>,
    zone: Tz,
) -> Result<(), Text> {
    if let Some(time) = time_at(rest, now, zone) {
        return Err(if form.has_times() {
            mistakes::bare_time(&time)
        } else {
            mistakes::takes_no_time(form.verb, &time)
        });
    }
    if form.has_times() {
        let late = (0..rest.len()).filter(|index| begins_a_time(&rest[*index])).find_map(|index| {
            let exactly = time_at(&rest[index..], now, zone);
            exactly.or_else(|| time_at(&rest[index + 1..], now, zone))
        });
        if let Some(time) = late {
            return Err(mistakes::time_after_the_reason(form.verb, &time));
        }
    }
    if let Some(another) =
        rest.first().map(Word::bare).filter(|word| !word.is_empty() && form.takes_one(word))
    {
        return Err(mistakes::one_at_a_time(form.verb, &another));
    }
    if !form.has_policy() || policy.is_some() {
        return Ok(());
    }
    let several = names.all.len() > 1;
    for (index, word) in rest.iter().enumerate() {
        let written = word.folded();
        // Of a single policy it makes no difference where its name stands.
        let exact = names.exactly(&written).filter(|_| several);
        let near = (index == 0 || form.may_be_all() && several)
            .then(|| names.nearly(&written, form.may_be_all() && several))
            .flatten();
        if let Some(name) = exact.or(near).filter(|_| form.has_reason()) {
            let name = Some(name).filter(|name| names.may_hear_of(name));
            return Err(mistakes::meant_a_policy(form.verb, &word.bare(), name, &names.shown));
        }
    }
    Ok(())
}

/// Returns the words between quotation marks, if the whole text stands between one pair of them.
fn unquoted(text: &str) -> (&str, bool) {
    const OPEN: [char; 4] = ['"', '“', '„', '”'];
    const CLOSE: [char; 3] = ['"', '”', '“'];
    let inner = text.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(CLOSE));
    let inner = inner.filter(|inner| !inner.contains(CLOSE) && !inner.contains('„'));
    inner.map_or((text, false), |inner| (inner, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads words on Wednesday, 14 October 2026, with two policies, and returns what was understood.
    fn read_as(form: Form, text: &str, option: Option<&str>) -> Result<String, String> {
        let names = Names {
            all: vec!["contractors", "vendors", "emea-secret"],
            shown: vec!["contractors", "vendors"],
        };
        let now = "2026-10-14T12:00:00Z".parse().expect("a time");
        let said = read(form, text, option, &names, now, Tz::UTC).map_err(|text| text.to_plain())?;
        let time =
            |at: Option<DateTime<Utc>>| at.map(|at| at.format("%Y-%m-%d").to_string()).unwrap_or_default();
        let policy = said.policy.unwrap_or_default();
        Ok(format!("{policy}|{}|{}|{}", time(said.from), time(said.until), said.reason))
    }

    fn assert_reads(form: Form, lines: &[(&str, &str)]) {
        for (line, understood) in lines {
            assert_eq!(read_as(form, line, None).as_deref(), Ok(*understood), "{line}");
        }
    }

    fn assert_asks_back(form: Form, lines: &[(&str, &str)]) {
        for (line, part) in lines {
            let answer = read_as(form, line, None).expect_err(line);
            assert!(answer.contains(part), "{line}: {answer}");
            assert!(
                answer.contains("Nothing was changed") || answer.contains("calendar"),
                "{line}: {answer}"
            );
        }
    }

    #[test]
    fn a_stop_is_about_the_policy_that_stands_first_or_about_all() {
        assert_reads(
            Form::stop("resume"),
            &[
                ("", "|||"),
                ("vendors", "vendors|||"),
                ("Vendors: the list is right", "vendors|||the list is right"),
                ("policy vendors", "vendors|||"),
                ("vendors vendors", "vendors|||"),
                ("emea–secret", "emea-secret|||"),
                ("all", "|||"),
                ("every policy because it is fixed", "|||it is fixed"),
                ("all people were wrong", "|||all people were wrong"),
                ("the import  is fixed", "|||the import  is fixed"),
                ("- the import is fixed", "|||the import is fixed"),
                ("moved -> new team: \"A - B\"\nsecond line", "|||moved -> new team: \"A - B\"\nsecond line"),
                ("“the vendors list is right”", "|||the vendors list is right"),
                ("\"vendors are listed twice\"", "|||vendors are listed twice"),
                ("“vendors”", "vendors|||"),
                ("because vendors are listed", "|||vendors are listed"),
                ("Reason: until friday nobody looks", "|||until friday nobody looks"),
                ("because", "|||because"),
                ("now", "|||now"),
            ],
        );
        assert_asks_back(
            Form::stop("resume"),
            &[
                ("vendor", "mean the policy vendors"),
                ("vendros it is fixed", "mean the policy vendors"),
                ("emea", "mean a policy?"),
                ("emea-secrets", "mean a policy?"),
                ("the vendors list is right", "mean the policy vendors"),
                ("the vendor list", "mean the policy vendors"),
                ("policy nosuch", "There is no policy “nosuch”"),
                ("policy", "missing after policy"),
                ("vendors contractors", "names two policies"),
                ("tomorrow", "acts at once"),
                ("until friday", "so “until friday” can't"),
                ("for two weeks the import is wrong", "so “for two weeks” can't"),
                ("for two wekes", "can't be used with it"),
                ("everything until friday", "so “until friday” can't"),
                ("vendors in 2 days", "so “in 2 days” can't"),
            ],
        );
        assert_eq!(
            read_as(Form::stop("pause"), "it is wrong", Some("VENDORS")),
            Ok("vendors|||it is wrong".into())
        );
        assert!(read_as(Form::stop("pause"), "", Some("nosuch")).is_err());
        assert!(read_as(Form::stop("pause"), "vendors", Some("contractors")).is_err());
    }

    #[test]
    fn a_policy_alone_is_all_that_a_sweep_takes() {
        let form = Form::which("sweep");
        assert_reads(form, &[("", "|||"), ("VENDORS", "vendors|||"), ("policy vendors", "vendors|||")]);
        let lines =
            [("vendros", "Did you mean vendors?"), ("vendors please", "no policy"), ("because", "no policy")];
        assert_asks_back(form, &lines);
    }

    #[test]
    fn the_reason_of_a_request_or_an_account_begins_at_once() {
        let request = Form::request("withdraw");
        assert_reads(
            request,
            &[
                ("vendors are wrong", "|||vendors are wrong"),
                ("the list is from before", "|||the list is from before"),
            ],
        );
        assert_asks_back(
            request,
            &[("until friday", "acts at once"), ("#8 wrong list", "looks like a second one")],
        );
        assert_reads(
            Form::account("restore"),
            &[("back from leave", "|||back from leave"), ("vendors back", "vendors|||back")],
        );
        assert_asks_back(
            Form::account("restore"),
            &[
                ("vendrs back", "mean the policy vendors"),
                ("the vendors team", "mean the policy"),
                ("from monday", "acts at once"),
                ("<@U2|ben> too", "looks like a second one"),
            ],
        );
    }

    #[test]
    fn times_come_before_the_reason_in_any_order() {
        assert_reads(
            Form::exemption(),
            &[
                ("for 30d on leave", "||2026-11-13|on leave"),
                ("for two weeks holiday", "||2026-10-28|holiday"),
                ("for 30 days parental leave", "||2026-11-13|parental leave"),
                ("for a month -> new team", "||2026-11-14|-> new team"),
                ("for parental leave", "|||for parental leave"),
                ("for 30d from 2026-12-20 holidays", "|2026-12-20|2027-01-19|holidays"),
                ("until end of year shut down", "||2027-01-01|shut down"),
                ("from tomorrow until 2026-12 on site", "|2026-10-15|2027-01-01|on site"),
                ("until friday off", "||2026-10-17|off"),
                ("until 14 Dec — off", "||2026-12-15|off"),
                ("Until 14.12.2026 because from 2027 on she works", "||2026-12-15|from 2027 on she works"),
                ("vendors for 2w off", "vendors||2026-10-28|off"),
                ("for 2w policy vendors off", "vendors||2026-10-28|off"),
            ],
        );
        assert_asks_back(
            Form::exemption(),
            &[
                ("until", "missing after until"),
                ("until soon off", "I can't read soon as a day"),
                ("until 2026-02-30 off", "The calendar has no 2026-02-30."),
                ("until +262142-12-31 off", "as a day"),
                ("until 03/04 off", "can be 3 Apr 2027 or 4 Mar 2027"),
                ("until next friday off", "can be 16 Oct 2026 or 23 Oct 2026"),
                ("for 999999999d off", "as a length of time"),
                ("for 3x off", "as a length of time"),
                ("for a few weeks holiday", "as a length of time"),
                ("for two wekes holiday", "as a length of time"),
                ("holiday for 2 weeks", "but is in the reason"),
                ("untill friday off", "but is in the reason"),
                ("unitl 14 Dec off", "but is in the reason"),
                ("fro 2 weeks off", "but is in the reason"),
                ("ben@ext.example off", "looks like a second one"),
                ("on leave until friday", "but is in the reason"),
                ("friday off", "looks like a time"),
                ("2 weeks off", "looks like a time"),
                ("until friday 16 oct 3 days off until monday", "looks like a time"),
                ("until friday until monday off", "more than one"),
                ("until 2026-12-31 for 30d people", "more than one"),
                ("from friday from monday off", "more than one"),
                ("vendro off", "mean the policy vendors"),
            ],
        );
    }
}

//! Finds out whether the provider denies one account for itself, or all of them because a right is missing.
//!
//! One answer can't tell. So it is counted how often each account of a request was denied, and what got through between:
//! - Denied, another account suspended, denied again: the right is there, so it is this account.
//! - The last account that is left of a request that suspended others: the second time.
//! - One of several that are left: after as many denials as any suspension has tries. Until then a person may give the
//!   right back that was taken away in the middle.
//! - Nobody of the request got through: the right is missing, and that waits for a person.
//!
//! A token that nobody accepts any more fails the look before the call, and a denied look counts only against an account
//! that others were suspended after: so a dead token fails nobody.

use std::collections::BTreeMap;

use crate::domain::attempt::{ATTEMPTS_MAX, Confirmation};
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::request::Request;
use crate::identity::IdentityError;
use crate::request::Requests;
use crate::request::attempt::At;
use crate::services::lock;

/// The denials of a request that this process saw. A restart only makes it count from the beginning.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    /// How many there were.
    count: u32,
    /// How many there had been when the latest call began that got through.
    before_got_through: u32,
    /// The denials, by the position of the account on the list.
    of: BTreeMap<u32, Denied>,
}

#[derive(Clone, Copy, Debug)]
struct Denied {
    times: u32,
    /// The number of the first one among all.
    first: u32,
}

/// What the denials of one account say so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    times: u32,
    /// Whether a suspension got through before this time that began after the first one.
    got_through_between: bool,
}

impl Denials {
    fn note(&mut self, position: u32) -> Seen {
        self.count += 1;
        let before = self.of.get(&position).copied();
        let times = before.map_or(0, |before| before.times) + 1;
        self.of.insert(position, Denied { times, first: before.map_or(self.count, |before| before.first) });
        let got_through_between = before.is_some_and(|before| before.first <= self.before_got_through);
        Seen { times, got_through_between }
    }

    /// A call got through that began after so many denials.
    fn got_through(&mut self, after: u32) {
        self.before_got_through = self.before_got_through.max(after);
    }
}

impl Seen {
    /// Returns whether it is this account that is denied, where these are the accounts of the request.
    fn is_of_one(self, at: At, candidates: &[Candidate]) -> bool {
        if self.got_through_between || at == At::Look {
            return self.got_through_between;
        }
        let open = candidates.iter().filter(|one| matches!(one.state, CandidateState::Due { .. })).count();
        let needed = if open > 1 { ATTEMPTS_MAX } else { 2 };
        self.times >= needed && candidates.iter().any(got_through)
    }
}

fn got_through(candidate: &Candidate) -> bool {
    matches!(candidate.state, CandidateState::Suspended { confirmation: Confirmation::ByCall, .. })
}

impl Requests {
    /// How many accounts of the request were denied so far.
    pub(crate) fn denials_so_far(&self, request: i64) -> u32 {
        lock(&self.denials).get(&request).map_or(0, |denials| denials.count)
    }

    /// A suspension of the request got through whose call began after so many denials. What was under way when the right
    /// was taken away shows nothing.
    pub(crate) fn note_got_through(&self, request: i64, after: u32) {
        lock(&self.denials).entry(request).or_default().got_through(after);
    }

    /// Notes that the account was denied. Returns the error that it fails with, if that is its own. An account does not
    /// fail while nobody knows what an earlier call did.
    pub(crate) async fn denied_for_itself(
        &self,
        request: &Request,
        candidate: &Candidate,
        at: At,
        error: &IdentityError,
    ) -> anyhow::Result<Option<String>> {
        let seen = lock(&self.denials).entry(request.id).or_default().note(candidate.position);
        if at == At::Look && candidate.state.may_have_worked() {
            return Ok(None);
        }
        let candidates = self.s.store.request(request.id).await?.map(|(_, candidates)| candidates);
        let is_of_one = seen.is_of_one(at, &candidates.unwrap_or_default());
        Ok(is_of_one.then(|| {
            format!(
                "{} denies only this account and suspends others of the list, so it may be outside the resource set of \
                 the bot's role: {error}",
                self.s.terms(&request.rule.provider).name
            )
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::bench::shown;

    fn candidates(states: &[CandidateState]) -> Vec<Candidate> {
        let now = chrono::DateTime::UNIX_EPOCH;
        let one = |(position, state): (u32, &CandidateState)| Candidate {
            position,
            shown: shown(now),
            state: state.clone(),
        };
        (0..).zip(states).map(one).collect()
    }

    fn suspended(confirmation: Confirmation) -> CandidateState {
        CandidateState::suspended(chrono::DateTime::UNIX_EPOCH, confirmation)
    }

    /// Returns the number of the first denial, of ten in a row, that is the account's own.
    fn first_own(at: At, states: &[CandidateState]) -> Option<u32> {
        let (mut denials, candidates) = (Denials::default(), candidates(states));
        (1..=10).find(|_| denials.note(0).is_of_one(at, &candidates))
    }

    #[test]
    fn what_denies_all_of_a_request_is_nobodys_own() {
        let due = CandidateState::due;
        assert_eq!(first_own(At::Call, &[due(), due()]), None);
        assert_eq!(first_own(At::Call, &[due()]), None);
        let by_others = suspended(Confirmation::ByReading);
        assert_eq!(
            first_own(At::Call, &[due(), by_others]),
            None,
            "it does not show that a call got through"
        );
    }

    #[test]
    fn the_last_of_a_request_is_denied_for_itself_sooner_than_one_of_several() {
        let (due, done) = (CandidateState::due, suspended(Confirmation::ByCall));
        assert_eq!(first_own(At::Call, &[due(), done.clone()]), Some(2));
        assert_eq!(first_own(At::Call, &[due(), due(), done.clone()]), Some(ATTEMPTS_MAX));
        assert_eq!(first_own(At::Look, &[due(), done]), None, "the token may be dead");
    }

    #[test]
    fn a_suspension_between_two_denials_shows_that_it_is_the_account() {
        let due = candidates(&[CandidateState::due(), CandidateState::due()]);
        for at in [At::Look, At::Call] {
            let mut denials = Denials::default();
            denials.got_through(0);
            assert!(!denials.note(0).is_of_one(at, &due), "they were before it");
            denials.got_through(0);
            assert!(!denials.note(0).is_of_one(at, &due), "it was under way at the first denial");
            denials.got_through(2);
            assert!(!denials.note(1).is_of_one(at, &due), "another one's first");
            assert!(denials.note(0).is_of_one(at, &due));
        }
    }
}

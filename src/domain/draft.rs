//! What a person chose so far in the dialog that reviews a request: a draft of their decision.
//!
//! The dialog sends its state with each change, and changes may overtake each other. Two marks keep the draft at what
//! the person last saw. Each dialog as it was sent has a generation: its inputs are named after it, and whatever comes
//! from an older one is not what is on the screen any more and is dropped. Within a generation the platform's stamp of
//! a change says which is the newest; its state holds all the earlier ones. A draft decides nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::candidate::{Candidate, CandidateState};
use super::fold::folded;
use super::keep::{KeptUntil, Until};
use super::request::Verb;

/// The most characters that are searched for.
pub const SEARCH_MAX: usize = 100;

/// In which order people are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Longest idle first.
    #[default]
    LongestIdle,
    /// Shortest idle first.
    ShortestIdle,
    /// By name, ignoring case.
    Name,
}

/// One person's draft for one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Positions to keep active.
    pub keep: BTreeSet<u32>,
    /// Positions to keep active until a day.
    pub until: BTreeMap<u32, Until>,
    /// The person's own accounts, about which they decide nothing.
    pub own: BTreeSet<u32>,
    /// The people that the first of two approvers left out: the second can't add them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub left_out: BTreeSet<u32>,
    /// The reason typed so far. Untrusted text.
    pub reason: String,
    /// What is searched for. Untrusted text.
    pub search: String,
    /// The order.
    pub sort: Sort,
    /// The page, from 0.
    pub page: u32,
    /// Counts the dialogs whose inputs had to start again.
    pub generation: u32,
    /// The platform's stamp of the newest change.
    pub stamp: String,
    /// When the last choice was made, if one was.
    pub chosen_at: Option<DateTime<Utc>>,
    /// The last choice of an earlier look at the dialog, which it mentions.
    pub resumed: Option<DateTime<Utc>>,
}

/// The dialog's inputs, as they came with something that a person did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The generation of the dialog on their screen.
    pub generation: u32,
    /// The platform's stamp, which sorts.
    pub stamp: String,
    /// Who is ticked, of those shown.
    pub ticked: BTreeMap<u32, bool>,
    /// The reason typed so far.
    pub reason: Option<String>,
    /// The words in the search field, whether sent or not.
    pub search: Option<String>,
}

/// What a person did besides ticking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing else.
    Tick,
    /// Another page.
    Page(u32),
    /// Another order.
    Sort(Sort),
    /// Looks for what is in the search field.
    Search,
    /// Shows everybody again.
    ClearSearch,
    /// Ticks all that match.
    All,
    /// Unticks all that match.
    Nobody,
    /// Forgets every choice.
    StartOver,
}

impl Draft {
    /// Everybody is to be suspended, as the card says, but the person's own accounts and those that another approver
    /// left out before.
    pub fn fresh(
        candidates: &[Candidate],
        is_own: impl Fn(&Candidate) -> bool,
        left_out: BTreeSet<u32>,
    ) -> Draft {
        let own = candidates.iter().filter(|candidate| is_own(candidate));
        Draft {
            keep: BTreeSet::new(),
            until: BTreeMap::new(),
            own: own.map(|candidate| candidate.position).collect(),
            left_out,
            reason: String::new(),
            search: String::new(),
            sort: Sort::default(),
            page: 0,
            generation: 0,
            stamp: String::new(),
            chosen_at: None,
            resumed: None,
        }
    }

    /// The same draft in a dialog that is opened again.
    #[must_use]
    pub fn reopened(mut self) -> Draft {
        self.resumed = self.chosen_at.filter(|_| !self.keep.is_empty() || !self.until.is_empty());
        self.search.clear();
        self.page = 0;
        self.renew();
        self
    }

    /// The inputs of the next dialog start from the draft, whatever the screen shows.
    fn renew(&mut self) {
        self.generation += 1;
        self.stamp.clear();
    }

    /// Whether the person may choose about this one.
    pub fn may_choose(&self, candidate: &Candidate) -> bool {
        candidate.state == CandidateState::Proposed
            && !self.own.contains(&candidate.position)
            && !self.left_out.contains(&candidate.position)
    }

    /// Whether this one would be suspended.
    pub fn would_suspend(&self, candidate: &Candidate) -> bool {
        self.may_choose(candidate)
            && !self.keep.contains(&candidate.position)
            && !self.until.contains_key(&candidate.position)
    }

    /// Takes over what a person did. `false`: it comes from a dialog that is no longer on the screen, or there is
    /// nothing new in it.
    pub fn take(
        &mut self,
        candidates: &[Candidate],
        seen: &Seen,
        change: Change,
        now: DateTime<Utc>,
    ) -> bool {
        if seen.generation != self.generation {
            return false;
        }
        let newest = newer(&seen.stamp, &self.stamp);
        if newest {
            self.stamp.clone_from(&seen.stamp);
            self.absorb(candidates, seen, now);
        }
        let searched = seen.search.as_deref().unwrap_or_default().trim();
        match change {
            Change::Tick => return newest,
            Change::Page(page) => self.page = page,
            Change::Sort(sort) => (self.sort, self.page) = (sort, 0),
            Change::Search => {}
            Change::ClearSearch => {
                self.search.clear();
                self.page = 0;
            }
            Change::All | Change::Nobody => self.set_matching(candidates, change == Change::Nobody, now),
            Change::StartOver => {
                self.keep.clear();
                self.until.clear();
                self.search.clear();
                (self.page, self.chosen_at, self.resumed) = (0, None, None);
            }
        }
        // What was typed and not sent is meant all the same, unless it is what is to be left behind.
        let looks = matches!(change, Change::Search | Change::Page(_) | Change::Sort(_));
        if looks && searched != self.search {
            self.search = searched.chars().take(SEARCH_MAX).collect();
            self.page = 0;
        }
        self.renew();
        true
    }

    /// Takes over what is submitted. `false`: another dialog was on the screen, so its ticks are not the draft's.
    pub fn submit(&mut self, candidates: &[Candidate], seen: &Seen, now: DateTime<Utc>) -> bool {
        if seen.generation != self.generation {
            return false;
        }
        self.absorb(candidates, seen, now);
        true
    }

    fn absorb(&mut self, candidates: &[Candidate], seen: &Seen, now: DateTime<Utc>) {
        for candidate in candidates.iter().filter(|candidate| self.may_choose(candidate)).collect::<Vec<_>>()
        {
            let Some(ticked) = seen.ticked.get(&candidate.position) else { continue };
            if *ticked != self.would_suspend(candidate) {
                self.choose(candidate.position, !ticked, now);
            }
        }
        if let Some(reason) = &seen.reason {
            self.reason.clone_from(reason);
        }
    }

    fn choose(&mut self, position: u32, keep: bool, now: DateTime<Utc>) {
        if keep {
            self.keep.insert(position);
        } else {
            self.keep.remove(&position);
            self.until.remove(&position);
        }
        self.chosen_at = Some(now);
    }

    fn set_matching(&mut self, candidates: &[Candidate], keep: bool, now: DateTime<Utc>) {
        let wanted = |candidate: &&&Candidate| self.would_suspend(candidate) == keep;
        let shown = self.matching(candidates);
        let positions: Vec<u32> = shown
            .iter()
            .filter(|candidate| self.may_choose(candidate))
            .filter(wanted)
            .map(|candidate| candidate.position)
            .collect();
        for position in positions {
            self.choose(position, keep, now);
        }
    }

    /// Keeps one until a day.
    pub fn keep_until(&mut self, position: u32, until: Until, now: DateTime<Utc>) {
        self.keep.remove(&position);
        self.until.insert(position, until);
        self.chosen_at = Some(now);
        self.renew();
    }

    /// Those that the search finds, in the chosen order.
    pub fn matching<'a>(&self, candidates: &'a [Candidate]) -> Vec<&'a Candidate> {
        let words = folded(&self.search);
        let mut found: Vec<&Candidate> =
            candidates.iter().filter(|candidate| matches(candidate, &words)).collect();
        let since = |candidate: &&Candidate| candidate.shown.evidence.idle.since;
        match self.sort {
            Sort::LongestIdle => found.sort_by_key(since),
            Sort::ShortestIdle => found.sort_by_key(|candidate| Reverse(since(candidate))),
            Sort::Name => found.sort_by_key(|candidate| name_to_sort_by(candidate)),
        }
        found
    }

    /// How many would be suspended.
    pub fn to_suspend(&self, candidates: &[Candidate]) -> usize {
        candidates.iter().filter(|candidate| self.would_suspend(candidate)).count()
    }

    /// Returns the decision of the draft. A person who keeps everybody denies, for their own account too.
    pub fn verb(&self, candidates: &[Candidate], max: Duration) -> Verb {
        let mut keep = self.keep.clone();
        // As the screen said, however the other approval ended meanwhile.
        keep.extend(&self.left_out);
        if self.to_suspend(candidates) == 0 {
            keep.extend(&self.own);
        }
        Verb::Suspend { keep, until: KeptUntil { wishes: self.until.clone(), max } }
    }
}

/// Stamps are numbers with the same count of digits after the point.
fn newer(stamp: &str, than: &str) -> bool {
    (stamp.len(), stamp) > (than.len(), than)
}

fn matches(candidate: &Candidate, words: &str) -> bool {
    let shown = &candidate.shown;
    let fields = [
        Some(&shown.name),
        Some(&shown.login),
        shown.email.as_ref(),
        shown.manager.as_ref(),
        shown.organization.as_ref(),
    ];
    fields.into_iter().flatten().any(|field| folded(field).contains(words))
}

fn name_to_sort_by(candidate: &Candidate) -> String {
    let shown = &candidate.shown;
    let name = shown.name.trim();
    if name.is_empty() { folded(&shown.login) } else { folded(name) }
}

//! Decides whether enough people can decide a question, and says which of those that are named can't, and why.

use super::audit::Person;
use super::candidate::Candidate;
use super::policy::AccountOwners;
use super::request::{Request, RequestState};

/// Who can decide for a policy at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deciders {
    /// The approvers who can decide.
    pub approvers: Vec<Person>,
    /// The admins who can decide.
    pub admins: Vec<Person>,
    /// The people and groups that are named and can't decide.
    pub unable: Vec<Unable>,
}

/// Somebody, or a group, that the configuration names and that can't decide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unable {
    /// Who: a name with an id, or a group. Untrusted text.
    pub who: String,
    /// Why this person or group can't decide.
    pub why: String,
}

/// What a question lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Too few people can approve.
    Approvers {
        /// How many people can approve.
        able: usize,
        /// How many approvals are needed.
        needed: usize,
    },
    /// A second person: one releases what a guard held, and others approve it.
    SecondPerson,
    /// An admin, who takes a rule live.
    Admin,
}

impl Deciders {
    /// Returns what a policy lacks that needs this many approvals: for an ordinary question, and for one that a guard
    /// holds.
    pub fn lack_of_policy(&self, approvals_needed: u32) -> Option<Lack> {
        let approvers = lack_of_approvers(&self.approvers, approvals_needed);
        approvers.or_else(|| self.lack_of_release(None, approvals_needed))
    }

    /// Returns what this question lacks. An approver whose own account is on the list does not count for that account.
    pub fn lack(
        &self,
        request: &Request,
        candidates: &[Candidate],
        approvals_needed: u32,
        account_owners: &AccountOwners,
    ) -> Option<Lack> {
        let needed = request.approvals_needed.max(approvals_needed);
        match &request.state {
            RequestState::Preview if self.admins.is_empty() => Some(Lack::Admin),
            RequestState::Held { .. } => self.lack_of_release(request.swept_by.as_ref(), needed),
            RequestState::Pending { .. } => {
                let released = request.release.as_ref().map(|release| &release.by);
                let may = |person: &&Person| released.is_none_or(|by| !by.is_same_as(person));
                let able: Vec<Person> = self.approvers.iter().filter(may).cloned().collect();
                let fewest = candidates.iter().filter(|one| one.state.is_open()).map(|one| {
                    let others = able.iter().filter(|person| !one.is_own_of(person, account_owners));
                    others.cloned().collect::<Vec<Person>>()
                });
                let fewest = fewest.min_by_key(|able| different(able));
                lack_of_approvers(&fewest.unwrap_or(able), needed)
            }
            RequestState::Preview
            | RequestState::Approved { .. }
            | RequestState::Completed { .. }
            | RequestState::Denied { .. }
            | RequestState::Expired { .. }
            | RequestState::Withdrawn { .. }
            | RequestState::WentLive { .. }
            | RequestState::Outdated { .. } => None,
        }
    }

    /// Returns what a held sweep lacks: a person other than the one who asked for it releases it, and others approve
    /// it.
    fn lack_of_release(&self, swept_by: Option<&Person>, needed: u32) -> Option<Lack> {
        let others = |by: &Person| -> Vec<Person> {
            self.approvers.iter().filter(|person| !person.is_same_as(by)).cloned().collect()
        };
        let mut releasing = self.approvers.iter().chain(&self.admins);
        let may = |by: &Person| {
            swept_by.is_none_or(|asked| !asked.is_same_as(by)) && different(&others(by)) >= needed as usize
        };
        if releasing.any(may) { None } else { Some(Lack::SecondPerson) }
    }
}

fn lack_of_approvers(able: &[Person], needed: u32) -> Option<Lack> {
    let (able, needed) = (different(able), needed as usize);
    (able < needed).then_some(Lack::Approvers { able, needed })
}

/// Counts how many different people these are, as far as that is known.
fn different(people: &[Person]) -> usize {
    let mut seen: Vec<&Person> = Vec::new();
    for person in people {
        if !seen.iter().any(|one| one.is_same_as(person)) {
            seen.push(person);
        }
    }
    seen.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(names: &[&str]) -> Vec<Person> {
        let person = |name: &&str| {
            // "ada/2" is Ada's second account.
            let owner = name.split('/').next().unwrap_or_default();
            Person {
                id: format!("U{name}"),
                name: (*name).to_owned(),
                email: Some(format!("{owner}@acme.example")),
                person_id: None,
            }
        };
        names.iter().map(person).collect()
    }

    fn lack(approvers: &[&str], admins: &[&str], needed: u32) -> Option<Lack> {
        let deciders = Deciders { approvers: people(approvers), admins: people(admins), unable: Vec::new() };
        deciders.lack_of_policy(needed)
    }

    #[test]
    fn a_policy_needs_as_many_different_approvers_as_approvals_and_one_more_person_for_what_a_guard_holds() {
        let too_few = |able, needed| Some(Lack::Approvers { able, needed });
        for (approvers, admins, needed, expected) in [
            (&["ada", "ben"][..], &[][..], 1, None),
            (&["ada"], &["root"], 1, None),
            (&["ada"], &["ada"], 1, Some(Lack::SecondPerson)),
            (&[], &["root", "boss"], 1, too_few(0, 1)),
            (&["ada"], &["root"], 2, too_few(1, 2)),
            (&["ada", "ada/2"], &["root"], 2, too_few(1, 2)),
            (&["ada", "ben"], &["ben"], 2, Some(Lack::SecondPerson)),
            (&["ada", "ben"], &["root"], 2, None),
            (&["ada", "ben", "cy"], &["cy"], 2, None),
        ] {
            assert_eq!(lack(approvers, admins, needed), expected, "{approvers:?} {admins:?} {needed}");
        }
    }
}

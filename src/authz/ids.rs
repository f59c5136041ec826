//! One person, several ids: in an organisation of several Slack workspaces a person may have an id of the workspace and
//! one of the organisation. Lists, groups and channels may name either.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::authz::Authz;
use crate::authz::state::Ids;
use crate::chat::{Chat, ChatError, ChatUser};
use crate::domain::policy::{AccountOwners, Policy};
use crate::services::{WorkError, WorkResult, lock};

/// From so many ids on, all are looked up again.
const REMEMBERED_MAX: usize = 10_000;

impl Authz {
    /// Looks a person up, and remembers whose id it is if there is an organisation.
    pub(crate) async fn user_of(&self, id: &str) -> Result<ChatUser, ChatError> {
        let user = self.s.chat.user(id).await?;
        if user.person_id.is_some() {
            self.remember_id(id, &user);
        }
        Ok(user)
    }

    fn remember_id(&self, id: &str, user: &ChatUser) {
        let mut ids = lock(&self.ids);
        if ids.len() >= REMEMBERED_MAX {
            ids.clear();
        }
        ids.insert(id.to_owned(), user.person_id.clone().unwrap_or_else(|| user.id.clone()));
    }

    /// The one id that a person is counted by, as far as it is known.
    pub(crate) fn counted_by(&self, id: &str) -> String {
        lock(&self.ids).get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// Whether one of the ids is the person's. In an organisation an id that is not known yet is looked up: it may be
    /// their other one. A look-up that fails fails the answer, and the next try goes on from what is known by then.
    pub(crate) async fn is_among<'a>(
        &self,
        user: &ChatUser,
        ids: impl IntoIterator<Item = &'a String>,
    ) -> Result<bool, ChatError> {
        let ids: Vec<&String> = ids.into_iter().collect();
        let Some(person) = user.person_id.as_ref().filter(|_| !ids.iter().any(|id| user.has_id(id))) else {
            return Ok(ids.iter().any(|id| user.has_id(id)));
        };
        let unknown: Vec<&String> = {
            let known = lock(&self.ids);
            ids.iter().copied().filter(|id| !known.contains_key(*id)).collect()
        };
        let lookups: Vec<_> = unknown
            .into_iter()
            .map(async |id| match self.s.chat.user(id).await {
                Ok(other) => {
                    self.remember_id(id, &other);
                    Ok(())
                }
                Err(ChatError::NotFound(_)) => Ok(()),
                Err(error) => Err(error),
            })
            .collect();
        stream::iter(lookups).buffer_unordered(LOOKUPS_AT_ONCE).try_collect::<()>().await?;
        let known = lock(&self.ids);
        Ok(ids.iter().any(|id| known.get(*id) == Some(person)))
    }

    /// The policy's own accounts, under each id of their people that is known.
    pub(crate) fn account_owners(&self, policy: &Policy) -> AccountOwners {
        let known = lock(&self.ids);
        with_persons(policy, &known)
    }
}

fn with_persons(policy: &Policy, persons: &Ids) -> AccountOwners {
    let mut own = policy.account_owners.clone();
    for (id, accounts) in &policy.account_owners {
        if let Some(person) = persons.get(id) {
            own.entry(person.clone()).or_default().extend(accounts.iter().cloned());
        }
    }
    own
}

/// The policy's own accounts under each id of their people, if some of its approvers are of an organisation.
pub(crate) async fn own_accounts_of(
    chat: &dyn Chat,
    policy: &Policy,
    approvers: impl Iterator<Item = &ChatUser>,
) -> WorkResult<AccountOwners> {
    let mut persons = Ids::new();
    if approvers.into_iter().any(|user| user.person_id.is_some()) {
        for id in policy.account_owners.keys() {
            match chat.user(id).await {
                Ok(user) => persons.extend(user.person_id.map(|person| (id.clone(), person))),
                Err(ChatError::NotFound(_)) => {}
                Err(error) => {
                    let error = WorkError::from(error);
                    return Err(error.context("can't look up the people of account_owners"));
                }
            }
        }
    }
    Ok(with_persons(policy, &persons))
}

/// How many people are looked up at once.
pub(crate) const LOOKUPS_AT_ONCE: usize = 4;

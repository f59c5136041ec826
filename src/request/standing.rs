//! What an account's surroundings say of it right before a suspension: roles, groups, exemptions, our own records.

use chrono::{DateTime, Utc};

use crate::authz::deciders;
use crate::domain::account::Account;
use crate::domain::assess::Standing;
use crate::domain::policy::Policy;
use crate::domain::provider::ProviderName;
use crate::domain::undated::{Sight, back_by_others};
use crate::identity::{ActivityLog as _, FreshLook};
use crate::request::Requests;
use crate::services::WorkResult;

/// Returns the standing of one account that was read afresh at that time: what `assess` needs right before a
/// suspension.
pub async fn fresh_standing(
    requests: &Requests,
    provider: &ProviderName,
    policy: &Policy,
    fresh: &FreshLook,
    at: DateTime<Utc>,
) -> WorkResult<Standing> {
    let approvers = deciders::accounts_of_approvers(&requests.authz, policy).await?;
    let id = &fresh.account.id;
    let suspended = requests.s.store.suspended_by_us(vec![id.clone()]).await?;
    let restored = requests.s.store.restored_by_us(vec![id.clone()]).await?;
    let undated = fresh.account.status_changed.at().is_none();
    let sights = requests.s.store.sights(suspended.keys().filter(|_| undated).cloned().collect()).await?;
    let sight = sights.get(id).copied();
    let granted = requests.s.store.exemptions_in_force(&policy.name, requests.s.clock.now()).await?;
    Ok(Standing {
        admin_role: fresh.admin_role,
        own_identity: fresh.own_identity,
        approver: fresh.account.is_among(&approvers),
        approver_by_email: fresh.account.is_among_by_email_alone(&approvers),
        exempt_groups: fresh.exempt_groups.clone(),
        granted: granted.get(id).map(|granted| (granted.id, granted.ends_at)),
        restored_at: restored_at(&fresh.account, suspended.get(id), restored.get(id), sight, at),
        second_look: requests.after_look(provider, id, &fresh.second_look, at).await?,
        evidence_lag: requests.s.provider(provider).evidence_lag(),
    })
}

/// When the account was last restored: by us, or by somebody else after we suspended it.
pub(crate) fn restored_at(
    account: &Account,
    suspended_at: Option<&DateTime<Utc>>,
    restored_at: Option<&DateTime<Utc>>,
    sight: Option<Sight>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let (status, changed) = (&account.status, account.status_changed.at());
    let by_others = suspended_at.and_then(|at| back_by_others(*at, status, changed, sight, now));
    by_others.max(restored_at.copied())
}

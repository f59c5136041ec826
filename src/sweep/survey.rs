//! Survey: lists, looks up and judges every account of a policy, and changes nothing. A sweep, `preview` and a dry
//! run are the same survey; they differ in what is done with the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use futures_util::{StreamExt, stream};
use tracing::Instrument as _;

use crate::authz::deciders;
use crate::domain::account::{Account, AccountId};
use crate::domain::assess::{Assessment, Standing, assess, needs_second_look, settled};
use crate::domain::audit::Subject;
use crate::domain::exemption::Granted;
use crate::domain::ids::{RequestId, SweepId};
use crate::domain::plan::{Assessed, Counts, Past, Verdict, plan};
use crate::domain::policy::{Policy, Rule};
use crate::domain::sighting::{Memory, SecondLook, known};
use crate::domain::undated::Sight;
use crate::identity::{
    ActivityLog as _, Directory as _, IdentityError, LogRead, Looks, Protected, SecondLooks, Terms,
};
use crate::request::standing::restored_at;
use crate::scheduler::Class;
use crate::services::listings::ListingProgress;
use crate::services::{WorkError, WorkResult, lock};
use crate::sweep::Sweeper;
use crate::sweep::surveys::{Outcome, Running, Survey};

/// The accounts of a directory that a survey keeps in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepMode {
    /// Everybody, to be shown.
    Everybody,
    /// Accounts that their own record and protections don't settle: idle, in a grace period or unreadable.
    Unsettled,
}

/// What our own records say of the accounts of a listing.
struct Records {
    sightings: BTreeMap<AccountId, Memory>,
    waiting: BTreeMap<AccountId, RequestId>,
    suspended: BTreeMap<AccountId, DateTime<Utc>>,
    restored: BTreeMap<AccountId, DateTime<Utc>>,
    /// Of those whose status has no date.
    sights: BTreeMap<AccountId, Sight>,
    past: Past,
    unposted: Vec<RequestId>,
}

/// Why accounts could not be read.
type Failures = BTreeMap<AccountId, IdentityError>;

/// What protects the accounts of a listing, known before it begins.
struct Protections {
    protected: Protected,
    approvers: BTreeSet<String>,
    granted: BTreeMap<AccountId, Granted>,
    evidence_lag: Duration,
}

/// Takes a listing account by account: most are judged and forgotten at once.
struct CandidateFilter<'a> {
    protections: &'a Protections,
    rule: &'a Rule,
    keep: KeepMode,
    now: DateTime<Utc>,
    sieved: Sieved,
}

/// The accounts of a listing, as far as more is to be done with them.
#[derive(Default)]
struct Sieved {
    kept: BTreeMap<AccountId, (Account, Standing)>,
    /// How many are settled, and how.
    others: Counts,
    by_email: BTreeMap<AccountId, String>,
}

impl CandidateFilter<'_> {
    fn take(&mut self, account: Account) {
        let standing = self.protections.standing(&account);
        if standing.approver_by_email && account.is_of(&self.rule.user_type) {
            self.sieved.by_email.insert(account.id.clone(), account.login.clone());
        }
        if self.keep == KeepMode::Unsettled
            && let Some(answer) = settled(&account, &standing, self.rule, self.now)
        {
            self.sieved.others.add(&answer, false);
        } else {
            self.sieved.kept.entry(account.id.clone()).or_insert((account, standing));
        }
    }
}

/// Surveys a policy. Any look-up that fails fails the whole, but a second look: an account that it leaves unjudged is
/// counted, and `unread` says if another survey may know more.
///
/// The error's text is fit for the channel.
pub async fn survey(
    sweeper: &Sweeper,
    policy: &Policy,
    keep: KeepMode,
    now: DateTime<Utc>,
) -> WorkResult<Survey> {
    let rule = &policy.rule;
    let (pages, Sieved { mut kept, others, by_email }) = listed(sweeper, policy, keep, now).await?;
    if !kept.is_empty() {
        // A large directory is listed for minutes: the accounts that are left are judged by the protections of now.
        let protections = self::protections(sweeper, policy, sweeper.s.clock.now()).await?;
        for (account, standing) in kept.values_mut() {
            *standing = protections.standing(account);
        }
    }
    let undated = kept.values().filter(|(account, _)| account.status_changed.at().is_none());
    let undated = undated.map(|(account, _)| account.id.clone()).collect();
    let records = records(sweeper, policy, kept.keys().cloned().collect(), undated, now).await?;
    for (account, standing) in kept.values_mut() {
        let id = &account.id;
        standing.restored_at = records.restored_at(account, now);
        standing.second_look = known(records.sightings.get(id), &SecondLook::NotAsked, now);
    }
    let mut looks = second_looks(sweeper, rule, kept.values(), &records, now).await;
    for (id, look) in &looks {
        let Some((_, standing)) = kept.get_mut(id) else { continue };
        standing.second_look = match look {
            Ok(look) => known(records.sightings.get(id), look, now),
            Err(error) => SecondLook::Failed(error.to_string()),
        };
    }
    let is_remembered = |(id, (_, standing)): (&AccountId, &(Account, Standing))| {
        matches!(standing.second_look, SecondLook::Seen(_)) && !looks.contains_key(id)
    };
    let remembered = kept.iter().any(is_remembered);
    let unconfirmed = confirm(sweeper, policy, &mut kept, &records, now).await?;
    let assessed = kept
        .into_values()
        .map(|(account, standing)| {
            let assessment = match unconfirmed.get(&account.id) {
                Some(why) => Assessment::Unknown(format!("the account could not be read again: {why}")),
                None => assess(&account, &standing, rule, now),
            };
            let waiting_in = records.waiting.get(&account.id).copied();
            Assessed { account, assessment, waiting_in }
        })
        .collect();
    let by_log = unconfirmed.is_empty();
    looks.extend(unconfirmed.into_iter().map(|(account, error)| (account, Err(error))));
    let mut plan = plan(policy, assessed, others, &records.past);
    // Judged now, when the provider has just sent its time many times over.
    if let Some(guard) = sweeper.s.provider(&rule.provider).clock_guard() {
        plan.verdict = Verdict::Refused(guard);
    }
    if plan.verdict == Verdict::NoCandidates
        && !remembered
        && let Some(error) = blind(&looks, by_log, sweeper.s.terms(&rule.provider))
    {
        return Err(error);
    }
    let unread = unread(&looks, &plan.verdict).cloned();
    let by_email = by_email.into_iter().map(|(id, login)| Subject { id, login }).collect();
    Ok(Survey { plan, pages, unread, by_email, unposted: records.unposted })
}

/// Lists the policy's accounts and keeps those that more has to be known of. Returns how many pages there were, too.
async fn listed(
    sweeper: &Sweeper,
    policy: &Policy,
    keep: KeepMode,
    now: DateTime<Utc>,
) -> WorkResult<(u32, Sieved)> {
    let rule = &policy.rule;
    let protections = protections(sweeper, policy, now).await?;
    let mut filter =
        CandidateFilter { protections: &protections, rule, keep, now, sieved: Sieved::default() };
    let before = sweeper.s.store.past(&policy.name, rule).await?.previous_population;
    let mut counter =
        ListingProgress::begin(&sweeper.s.listings, &policy.name, before, sweeper.s.clock.now());
    let mut take = |account| {
        counter.one_more();
        filter.take(account);
    };
    let pages = sweeper.s.provider(&rule.provider).list(rule, &mut take).await?;
    Ok((pages, filter.sieved))
}

/// Returns why nobody at all could be looked at twice: then "no account to suspend" would be a guess. `by_log`: it was the
/// log alone.
fn blind(looks: &SecondLooks, by_log: bool, terms: Terms) -> Option<WorkError> {
    let failures: Vec<&IdentityError> = looks.values().map_while(|look| look.as_ref().err()).collect();
    let passing = failures.iter().find(|failure| failure.may_pass());
    let why = passing.or(failures.first()).copied().filter(|_| failures.len() == looks.len())?;
    let what = if by_log {
        format!("the {} could not be read for any", terms.log)
    } else {
        "no account could be read more closely, for any".to_owned()
    };
    let what = format!("{what} of the {} idle accounts", looks.len());
    Some(WorkError::from(why.clone()).context(what))
}

/// What kept too much of the log from being read, if that may pass.
fn unread<'a>(looks: &'a SecondLooks, verdict: &Verdict) -> Option<&'a IdentityError> {
    let failures = looks.values().filter_map(|look| look.as_ref().err());
    let passing: Vec<&IdentityError> = failures.filter(|failure| failure.may_pass()).collect();
    let too_much = *verdict == Verdict::NoCandidates || passing.len() * 2 > looks.len();
    passing.first().copied().filter(|_| too_much)
}

async fn protections(sweeper: &Sweeper, policy: &Policy, now: DateTime<Utc>) -> WorkResult<Protections> {
    let provider = sweeper.s.provider(&policy.rule.provider);
    let protected = provider.protected(&policy.rule).await;
    Ok(Protections {
        evidence_lag: provider.evidence_lag(),
        protected: protected?,
        approvers: deciders::accounts_of_approvers(&sweeper.authz, policy).await?,
        granted: sweeper.s.store.exemptions_in_force(&policy.name, now).await?,
    })
}

async fn records(
    sweeper: &Sweeper,
    policy: &Policy,
    ids: Vec<AccountId>,
    mut undated: Vec<AccountId>,
    now: DateTime<Utc>,
) -> WorkResult<Records> {
    let known = sweeper.s.store.know_policy(&policy.name, sweeper.s.clock.now()).await?;
    let mut past = sweeper.s.store.past(&policy.name, &policy.rule).await?;
    past.live =
        known.live_rule.is_some_and(|live| policy.rule.only_narrows(&live.without_bygone_holidays(now)));
    let unposted = sweeper.outbox.unposted(policy).await?;
    let mut waiting = sweeper.s.store.waiting(ids.clone()).await?;
    waiting.retain(|_, request| !unposted.contains(request));
    let suspended = sweeper.s.store.suspended_by_us(ids.clone()).await?;
    undated.retain(|id| suspended.contains_key(id));
    Ok(Records {
        sights: sweeper.s.store.sights(undated).await?,
        sightings: sweeper.s.store.sightings(ids.clone()).await?,
        waiting,
        suspended,
        restored: sweeper.s.store.restored_by_us(ids).await?,
        past,
        unposted,
    })
}

impl Records {
    fn restored_at(&self, account: &Account, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let id = &account.id;
        let sight = self.sights.get(id).copied();
        restored_at(account, self.suspended.get(id), self.restored.get(id), sight, now)
    }
}

impl Protections {
    /// The standing of an account as far as it is known before its records are read.
    fn standing(&self, account: &Account) -> Standing {
        let protected = &self.protected;
        let in_group = |(_, members): &(&String, &BTreeSet<AccountId>)| members.contains(&account.id);
        Standing {
            admin_role: protected.admins.contains(&account.id),
            own_identity: protected.own.as_ref() == Some(&account.id),
            approver: account.is_among(&self.approvers),
            approver_by_email: account.is_among_by_email_alone(&self.approvers),
            exempt_groups: protected.groups.iter().filter(in_group).map(|(group, _)| group.clone()).collect(),
            granted: self.granted.get(&account.id).map(|granted| (granted.id, granted.ends_at)),
            restored_at: None,
            second_look: SecondLook::NotAsked,
            evidence_lag: self.evidence_lag,
        }
    }
}

async fn second_looks(
    sweeper: &Sweeper,
    rule: &Rule,
    accounts: impl Iterator<Item = &(Account, Standing)> + Send,
    records: &Records,
    now: DateTime<Utc>,
) -> SecondLooks {
    let from = |id| records.sightings.get(id).and_then(|memory| memory.next_look(now));
    let asked: Looks = accounts
        .filter(|(account, standing)| needs_second_look(account, standing, rule, now))
        .map(|(account, _)| (account.id.clone(), from(&account.id)))
        .collect();
    if asked.is_empty() {
        return SecondLooks::new();
    }
    let LogRead { looks, others } = sweeper.s.provider(&rule.provider).second_look(&asked).await;
    let told = |(id, look): (&AccountId, &Result<SecondLook, _>)| Some((id.clone(), look.clone().ok()?));
    let told = looks.iter().filter_map(told).collect();
    sweeper.requests.remember(&rule.provider, told, others, now).await;
    looks
}

/// Reads accounts that would be proposed again one by one, because a listing lags behind the directory. If
/// there are more than the policy asks about at once, only those that we have suspended are, which must not come again.
/// Returns the accounts that could not be read.
async fn confirm(
    sweeper: &Sweeper,
    policy: &Policy,
    kept: &mut BTreeMap<AccountId, (Account, Standing)>,
    records: &Records,
    now: DateTime<Utc>,
) -> WorkResult<Failures> {
    let rule = &policy.rule;
    let is_candidate = |(account, standing): &(Account, Standing)| {
        matches!(assess(account, standing, rule, now), Assessment::Candidate(_))
            && !records.waiting.contains_key(&account.id)
    };
    let mut doubtful: Vec<AccountId> =
        kept.iter().filter(|(_, one)| is_candidate(one)).map(|(id, _)| id.clone()).collect();
    if doubtful.len() > policy.limits.max_candidates as usize {
        doubtful.retain(|id| records.suspended.contains_key(id));
    }
    if doubtful.is_empty() {
        return Ok(Failures::new());
    }
    let approvers = deciders::accounts_of_approvers(&sweeper.authz, policy).await?;
    let provider = sweeper.s.provider(&rule.provider);
    let reads = doubtful.into_iter().map(async |id| {
        let read = provider.confirm(&id, rule).await;
        (id, read)
    });
    let reads: Vec<_> = stream::iter(reads).buffer_unordered(sweeper.s.concurrency).collect().await;
    let mut failures = Failures::new();
    for (id, read) in reads {
        match read {
            Ok(account) => {
                let Some((listed, standing)) = kept.get_mut(&id) else { continue };
                standing.approver = account.is_among(&approvers);
                standing.restored_at = records.restored_at(&account, now);
                *listed = account;
            }
            Err(IdentityError::NotFound(_)) => drop(kept.remove(&id)),
            Err(
                error @ (IdentityError::RateLimited { .. }
                | IdentityError::Transient(_)
                | IdentityError::Refused(_)
                | IdentityError::Denied(_)
                | IdentityError::Malformed(_)
                | IdentityError::NotConfigured(_)),
            ) => drop(failures.insert(id, error)),
        }
    }
    Ok(failures)
}

impl Sweeper {
    /// Surveys for a sweep, or waits for the survey that is under way. Dropping this leaves it under way.
    pub(crate) async fn survey_for(self: &Arc<Self>, sweep: SweepId, policy: Policy) -> WorkResult<Survey> {
        let result = self.survey_under_way(sweep, policy);
        let mut result = result.lock().await;
        let ended = (&mut *result).await;
        lock(&self.surveys.running).remove(&sweep);
        match ended {
            Ok(survey) => survey,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // It was ended because this workflow ends. That is no failure of the sweep.
                Err(_) => std::future::pending().await,
            },
        }
    }

    fn survey_under_way(self: &Arc<Self>, sweep: SweepId, policy: Policy) -> Outcome {
        let mut running = lock(&self.surveys.running);
        if let Some(other) = running.get(&sweep) {
            if other.policy == policy {
                return Arc::clone(&other.result);
            }
            other.abort.abort();
        }
        let (this, its_policy) = (Arc::clone(self), policy.clone());
        let work = async move { survey(&this, &its_policy, KeepMode::Unsettled, this.s.clock.now()).await };
        let task = self.surveys.tasks.spawn(Class::Sweep.run(work).in_current_span());
        let abort = task.abort_handle();
        let result = Arc::new(tokio::sync::Mutex::new(task));
        running.insert(sweep, Running { policy, result: Arc::clone(&result), abort });
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::AccountId;

    fn looks(passing: usize, denied: usize, good: usize) -> SecondLooks {
        let passing = std::iter::repeat_n(Err(IdentityError::Transient("no answer".to_owned())), passing);
        let denied = std::iter::repeat_n(Err(IdentityError::Denied("no right".to_owned())), denied);
        let good = std::iter::repeat_n(Ok(SecondLook::NotAsked), good);
        let all = passing.chain(denied).chain(good).enumerate();
        all.map(|(number, look)| (AccountId(number.to_string()), look)).collect()
    }

    #[test]
    fn a_log_that_is_down_for_more_than_half_or_leaves_nobody_to_ask_about_is_asked_once_more() {
        let is_unread = |looks: &SecondLooks, verdict: &Verdict| unread(looks, verdict).is_some();
        for (passing, denied, good, more_than_half) in [
            (0, 0, 3, false),
            (2, 0, 2, false),
            (3, 0, 2, true),
            (1, 1, 0, false),
            (0, 4, 1, false),
            (3, 1, 1, true),
        ] {
            let looks = looks(passing, denied, good);
            assert_eq!(is_unread(&looks, &Verdict::Ask), more_than_half, "{passing} {denied} {good}");
            assert_eq!(is_unread(&looks, &Verdict::NoCandidates), passing > 0, "{passing} {denied} {good}");
        }
    }
}

//! Rate limits: one counter per bucket, 60 seconds from its first call, given in the headers of every response.
//! Which call counts in which bucket follows Okta's published table
//! (<https://developer.okta.com/docs/reference/rl-global-mgmt/>).

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

/// The calls that share a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// Listing, lifecycle calls, sessions, a user's groups and roles.
    Users,
    /// Reading one user.
    UserById,
    Groups,
    Logs,
    Token,
    /// Everything else under `/api/v1`.
    Other,
}

impl Bucket {
    pub fn of(template: &str) -> Bucket {
        match template {
            "/api/v1/users/{id}" => Bucket::UserById,
            "/api/v1/logs" => Bucket::Logs,
            "/oauth2/v1/token" => Bucket::Token,
            users if users.starts_with("/api/v1/users") => Bucket::Users,
            groups if groups.starts_with("/api/v1/groups") => Bucket::Groups,
            _ => Bucket::Other,
        }
    }
}

/// Far above what any test or sandbox needs.
const GENEROUS_PER_MINUTE: u32 = 100_000;

/// What the rate limit headers of one response say.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    pub limit: u32,
    pub remaining: u32,
    pub reset: DateTime<Utc>,
    pub allowed: bool,
}

#[derive(Clone, Copy)]
struct Window {
    ends: DateTime<Utc>,
    used: u32,
}

#[derive(Default)]
pub struct Limits {
    per_minute: BTreeMap<Bucket, u32>,
    windows: BTreeMap<Bucket, Window>,
}

impl Limits {
    /// Sets the bucket's limit and starts its counter again.
    pub fn set(&mut self, bucket: Bucket, per_minute: u32) {
        self.per_minute.insert(bucket, per_minute);
        self.windows.remove(&bucket);
    }

    /// Counts one call.
    pub fn take(&mut self, bucket: Bucket, now: DateTime<Utc>) -> Allowance {
        let limit = self.per_minute.get(&bucket).copied().unwrap_or(GENEROUS_PER_MINUTE);
        let fresh = Window { ends: now + Duration::seconds(60), used: 0 };
        let window = self.windows.entry(bucket).or_insert(fresh);
        if window.ends <= now {
            *window = fresh;
        }
        let allowed = window.used < limit;
        if allowed {
            window.used += 1;
        }
        Allowance { limit, remaining: limit - window.used, reset: window.ends, allowed }
    }
}

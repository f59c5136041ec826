//! Throttling (<https://learn.microsoft.com/graph/throttling-limits>): sliding windows per app, and no header that
//! says how much is left. A call that is throttled counts too, so that a client that doesn't wait never gets through.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Duration, Utc};

/// The calls that share a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// Everything in the directory, by resource units.
    Directory,
    /// Changes in the directory.
    Writes,
    /// Both logs and sign-in dates.
    Reports,
    /// Sign-in dates.
    SignInActivity,
    Token,
}

/// Amount and seconds of a window.
type Window = (u32, u32);

/// What was used when.
type Used = VecDeque<(DateTime<Utc>, u32)>;

/// Far above what any test or sandbox needs.
const GENEROUS: Window = (1_000_000, 10);

/// The limits that Microsoft documents, for a tenant with more than 500 users.
const DOCUMENTED: [(Bucket, Window); 4] = [
    (Bucket::Directory, (8_000, 10)),
    (Bucket::Writes, (3_000, 150)),
    (Bucket::Reports, (5, 10)),
    (Bucket::SignInActivity, (10, 60)),
];

/// Which window is full, and when to come again.
#[derive(Clone, Copy, Debug)]
pub struct Throttled {
    pub bucket: Bucket,
    pub retry_after_s: i64,
}

#[derive(Default)]
pub struct Limits {
    windows: BTreeMap<Bucket, Window>,
    /// By app.
    used: BTreeMap<(String, Bucket), Used>,
}

impl Limits {
    /// Sets the bucket's limit and starts its count again.
    pub fn set(&mut self, bucket: Bucket, amount: u32, seconds: u32) {
        self.windows.insert(bucket, (amount, seconds));
        self.used.retain(|(_, used), _| *used != bucket);
    }

    pub fn set_documented(&mut self) {
        for (bucket, (amount, seconds)) in DOCUMENTED {
            self.set(bucket, amount, seconds);
        }
    }

    /// Counts one call of the app: the share of the window that is used now, or how long the window is full.
    pub fn take(
        &mut self,
        app: &str,
        bucket: Bucket,
        amount: u32,
        now: DateTime<Utc>,
    ) -> Result<f64, Throttled> {
        let (limit, seconds) = self.windows.get(&bucket).copied().unwrap_or(GENEROUS);
        let length = Duration::seconds(seconds.into());
        let used = self.used.entry((app.to_owned(), bucket)).or_default();
        while used.front().is_some_and(|(at, _)| *at + length <= now) {
            used.pop_front();
        }
        let before: u32 = used.iter().map(|(_, amount)| amount).sum();
        let free_at = free_at(used, before, limit.saturating_sub(amount), length);
        used.push_back((now, amount));
        match free_at {
            None => Ok(f64::from(before + amount) / f64::from(limit)),
            Some(at) => {
                // Rounded up: a call that comes a moment early is throttled again.
                let retry_after_s = (at - now).num_milliseconds().max(1).unsigned_abs().div_ceil(1000);
                Err(Throttled { bucket, retry_after_s: retry_after_s.cast_signed() })
            }
        }
    }
}

/// When no more than `left` of what was used is in the window; `None` if that is already the case.
fn free_at(used: &Used, mut sum: u32, left: u32, length: Duration) -> Option<DateTime<Utc>> {
    let mut free_at = None;
    for (at, amount) in used {
        if sum <= left {
            break;
        }
        sum -= amount;
        free_at = Some(*at + length);
    }
    free_at
}

//! Rate limits of the Web API: so many calls of a method a minute, and beyond that 429 with the seconds until the minute ends
//! in `Retry-After`. <https://docs.slack.dev/apis/web-api/rate-limits>

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use super::FakeSlack;
use super::faults::Fault;

/// The methods that have a limit, and what was used of it.
#[derive(Default)]
pub struct Rates {
    per_minute: BTreeMap<String, u32>,
    windows: BTreeMap<String, (DateTime<Utc>, u32)>,
    refused: usize,
}

impl Rates {
    /// Counts one call, or says how it is refused.
    pub fn refuse(&mut self, method: &str, now: DateTime<Utc>) -> Option<Fault> {
        let limit = *self.per_minute.get(method)?;
        let (ends, used) =
            self.windows.entry(method.to_owned()).or_insert_with(|| (now + Duration::minutes(1), 0));
        if *ends <= now {
            (*ends, *used) = (now + Duration::minutes(1), 0);
        }
        if *used < limit {
            *used += 1;
            return None;
        }
        self.refused += 1;
        let left = (*ends - now).num_milliseconds();
        Some(Fault::RateLimited { retry_after: u64::try_from(left).unwrap_or_default().div_ceil(1000) })
    }
}

impl FakeSlack {
    /// How many calls were refused because of a limit.
    pub fn rate_limited(&self) -> usize {
        self.read(|state| state.rates.refused)
    }

    /// From now on the method may be called so often a minute.
    pub fn limit(&self, method: &str, per_minute: u32) {
        self.write(|state| {
            state.rates.windows.remove(method);
            state.rates.per_minute.insert(method.to_owned(), per_minute)
        });
    }
}

//! How far the listings of directories have come, for people who ask meanwhile.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::{DateTime, Utc};

use crate::domain::progress::Progress;
use crate::services::mutex::lock;

/// Noted so often, in accounts.
const EVERY: u32 = 100;

/// The listings under way, by policy.
#[derive(Default)]
pub(crate) struct Listings(Mutex<BTreeMap<String, Progress>>);

impl Listings {
    /// Returns how far the listing of the policy's accounts has come, if one is under way.
    pub(crate) fn under_way(&self, policy: &str) -> Option<Progress> {
        lock(&self.0).get(policy).cloned()
    }
}

/// Counts a listing. It is under way for as long as this lives.
pub(crate) struct ListingProgress<'a> {
    listings: &'a Listings,
    policy: &'a str,
    progress: Progress,
}

impl<'a> ListingProgress<'a> {
    pub(crate) fn begin(
        listings: &'a Listings,
        policy: &'a str,
        expected: Option<u32>,
        now: DateTime<Utc>,
    ) -> ListingProgress<'a> {
        ListingProgress { listings, policy, progress: Progress { began: now, accounts: 0, expected } }
    }

    pub(crate) fn one_more(&mut self) {
        self.progress.accounts += 1;
        if self.progress.accounts % EVERY == 1 {
            lock(&self.listings.0).insert(self.policy.to_owned(), self.progress.clone());
        }
    }
}

impl Drop for ListingProgress<'_> {
    fn drop(&mut self) {
        let mut listings = lock(&self.listings.0);
        // Of a preview and a sweep at the same time, each ends its own.
        if listings.get(self.policy).is_some_and(|other| other.began == self.progress.began) {
            listings.remove(self.policy);
        }
    }
}

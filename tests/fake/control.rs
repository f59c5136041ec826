//! What tests do with any fake provider, whichever it is: see its calls, make them fail, wait for them.

use std::sync::{Mutex, MutexGuard};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::GUARD;
use super::clock::FakeClock;
use super::faults::{Fault, Faults};
use super::gate::Gate;
use super::wire::http_date;

/// One call as it arrived. Credentials are not kept.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    pub method: String,
    /// Percent-encoded, without the query.
    pub path: String,
    /// Decoded: `search=status eq "ACTIVE"&limit=200`; empty if there is none.
    pub query: String,
    pub user_agent: Option<String>,
    pub at: DateTime<Utc>,
    /// What the response calls the call.
    pub request_id: String,
}

#[derive(Default)]
struct Traffic {
    calls: Vec<Call>,
    faults: Faults,
    /// What answers carry as their `Date`, if not the time.
    date: Option<String>,
}

/// The part of a fake provider that is the same for all of them.
pub struct Control {
    pub(super) gate: Gate,
    pub(super) clock: FakeClock,
    /// `http://127.0.0.1:port`
    pub(super) base: String,
    traffic: Mutex<Traffic>,
    /// Counts changes; woken by every call and every move of a handle.
    changes: watch::Sender<u64>,
}

impl Control {
    /// With the socket that the fake is to serve.
    pub(super) async fn bind(gate: Gate, clock: FakeClock) -> (Control, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let base = format!("http://{address}");
        let (traffic, changes) = (Mutex::default(), watch::Sender::default());
        (Control { gate, clock, base, traffic, changes }, listener)
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().expect("nobody panics while holding the traffic")
    }

    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn change<T>(&self, effect: impl FnOnce(&mut Traffic) -> T) -> T {
        let result = effect(&mut self.traffic());
        self.changed();
        result
    }

    /// Records the call and finds the fault that waits for it.
    pub(super) fn arrived(&self, call: Call) -> Option<Fault> {
        self.change(|traffic| {
            let fault = traffic.faults.take(&call.method, &format!("{}?{}", call.path, call.query));
            traffic.calls.push(call);
            fault
        })
    }

    /// What an answer of now has as its `Date`.
    pub(super) fn date(&self) -> String {
        self.traffic().date.clone().unwrap_or_else(|| http_date(self.now()))
    }

    /// The fake's address without a trailing slash, `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The fake's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// All calls in order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.traffic().calls.clone()
    }

    pub fn forget_calls(&self) {
        self.change(|traffic| traffic.calls.clear());
    }

    /// The next call that matches `what` fails. `what` is `"METHOD part"`, `"METHOD"` or `"part"`; the part is looked
    /// for in the path and decoded query, as in `"POST lifecycle/suspend"` or `"GET after="`. Faults queue: each is
    /// used up by one call, in the order given.
    pub fn fail_next(&self, what: &str, fault: Fault) {
        self.fail_times(what, 1, fault);
    }

    /// The next `times` matching calls fail.
    pub fn fail_times(&self, what: &str, times: usize, fault: Fault) {
        assert!(times > 0, "a fault for no call");
        self.change(|traffic| traffic.faults.add(what, fault, Some(times)));
    }

    /// Every matching call fails until `clear_faults`.
    pub fn fail_always(&self, what: &str, fault: Fault) {
        self.change(|traffic| traffic.faults.add(what, fault, None));
    }

    pub fn clear_faults(&self) {
        self.change(|traffic| traffic.faults.clear());
    }

    /// How many faults still wait for a call; a strict test ends with none.
    pub fn waiting_faults(&self) -> usize {
        self.traffic().faults.len()
    }

    /// The faults that met a call, in that order.
    pub fn faults_struck(&self) -> Vec<Fault> {
        self.traffic().faults.struck().to_vec()
    }

    /// What every answer has as its `Date` from now on; the time, if nothing is said.
    pub fn date_header(&self, text: Option<&str>) {
        self.change(|traffic| traffic.date = text.map(str::to_owned));
    }

    /// A counter that moves with every call and every change: for a page to follow.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Returns as soon as `condition` holds; panics with `what` if it never does.
    pub(super) async fn wait_until(&self, what: &str, condition: impl Fn() -> bool) {
        let mut changes = self.changes();
        let wait = async {
            while !condition() {
                changes.changed().await.expect("the handle keeps the sender");
            }
        };
        tokio::time::timeout(GUARD, wait)
            .await
            .unwrap_or_else(|_| panic!("waited without success for: {what}"));
    }
}

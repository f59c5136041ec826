//! Orders the calls to an outside system: which goes next, and how many are under way at once.
//!
//! Each adapter has one [`Scheduler`], and each of its calls asks it for a place. A call waits until there is a place and
//! until its budget has room, and takes both in one step: a call that waits for a rate limit keeps no place that another
//! one could use. Of those that could go, the highest [`Class`] goes first, and within a class the one that came first.
//! Every eighth place goes to the call that waits longest, so that no class waits for ever behind busy ones. Lower
//! classes leave a part of the places and of the budget untouched, so that a suspension finds room at once.
//!
//! The class belongs to the task: [`Class::run`] sets it for everything that a future does. Where nobody has set it, a call
//! is a question, the lowest class. A spawned task starts without one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Duration, Utc};
use tokio::sync::watch;

use crate::clock::Clock;

/// How many places are given until the call that waits longest gets one, whatever its class.
const OLDEST_EVERY: u64 = 8;

tokio::task_local! {
    static CLASS: Class;
}

/// What a call is for; the highest class first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// It carries a decision: it changes an account, or establishes who decides.
    Action,
    /// It looks at an account that is about to be changed, or notifies people of it.
    FreshLook,
    /// It is a part of a sweep.
    Sweep,
    /// It answers a person, shows a page, or nobody has said what it is for.
    Question,
}

impl Class {
    /// Runs `work`, all of whose calls are of this class.
    pub fn run<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CLASS.scope(self, work)
    }

    /// Returns the class of the calls that the current task makes.
    pub fn current() -> Class {
        CLASS.try_with(|class| *class).unwrap_or(Class::Question)
    }

    /// Returns how many of `places` this class leaves free for higher ones.
    fn leaves_free(self, places: u32) -> u32 {
        match self {
            Class::Action | Class::FreshLook => 0,
            Class::Sweep => places / 4,
            Class::Question => places / 2,
        }
    }

    /// Returns how much of a budget of `all` calls this class leaves to higher ones. It is always less than all.
    pub fn leaves(self, all: u32) -> u32 {
        let percent = match self {
            Class::Action => 0,
            Class::FreshLook => 10,
            Class::Sweep => 25,
            Class::Question => 75,
        };
        u32::try_from(u64::from(all) * percent / 100).unwrap_or(all)
    }
}

/// What the rate limits of an outside system leave.
pub trait Budget: Send {
    /// Names the calls that are counted together.
    type Bucket: Clone + Send;

    /// Returns until when no call of this class fits; `None` if one fits now.
    fn full_until(&self, bucket: &Self::Bucket, class: Class) -> Option<DateTime<Utc>>;

    /// Counts a call that is about to be sent.
    fn spend(&mut self, bucket: &Self::Bucket);
}

/// How long a call waits for its budget before it gives up.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How many windows of a rate limit.
    pub windows: u32,
    /// How long each of them may be.
    pub each: Duration,
}

/// Gives places to calls. Dropping a call that waits, or a [`Place`], gives the place to the next one.
pub struct Scheduler<B: Budget> {
    places: u32,
    clock: Clock,
    state: Mutex<State<B>>,
    /// Marked whenever another call may be able to go.
    changed: watch::Sender<()>,
}

struct State<B: Budget> {
    budget: B,
    taken: u32,
    /// How many places were given since the start.
    given: u64,
    next_ticket: u64,
    /// The calls that wait, in the order in which they came.
    queue: BTreeMap<u64, (Class, B::Bucket)>,
}

/// What a call that waits finds when it looks.
enum Turn<'a, B: Budget> {
    Now(Place<'a, B>),
    /// Its budget has no room until then.
    Full(DateTime<Utc>),
    /// Another call goes first, or no place is free.
    Later,
}

/// A call that waits. Dropping it takes it out of the queue.
struct Ticket<'a, B: Budget> {
    scheduler: &'a Scheduler<B>,
    id: u64,
}

/// The right to have one call under way, until it is dropped.
pub struct Place<'a, B: Budget> {
    scheduler: &'a Scheduler<B>,
}

impl<B: Budget> Scheduler<B> {
    /// Makes a scheduler with this many places, at least one.
    pub fn new(places: u32, budget: B, clock: Clock) -> Scheduler<B> {
        let state = State { budget, taken: 0, given: 0, next_ticket: 0, queue: BTreeMap::new() };
        Scheduler { places: places.max(1), clock, state: Mutex::new(state), changed: watch::channel(()).0 }
    }

    /// Waits for a place for one call, and counts the call. `waits` is called for each window of a rate limit
    /// that the call waits for.
    ///
    /// # Errors
    /// Returns when to try again, if the budget has no room for longer than `patience`.
    pub async fn place(
        &self,
        class: Class,
        bucket: B::Bucket,
        patience: Patience,
        mut waits: impl FnMut(Duration) + Send,
    ) -> Result<Place<'_, B>, DateTime<Utc>> {
        let mut changed = self.changed.subscribe();
        let ticket = self.queue(class, bucket);
        let (mut windows, mut waited_for) = (0, None);
        loop {
            changed.mark_unchanged();
            let until = match self.look(&ticket) {
                Turn::Now(place) => return Ok(place),
                Turn::Full(until) => Some(until),
                Turn::Later => None,
            };
            let Some(until) = until else {
                // The sender is kept here, so this ends with a change.
                let _ = changed.changed().await;
                continue;
            };
            if waited_for.replace(until) != Some(until) {
                let wait = until - self.clock.now();
                if windows == patience.windows || wait > patience.each {
                    return Err(until);
                }
                windows += 1;
                waits(wait);
            }
            tokio::select! {
                () = self.clock.sleep_until(until) => {}
                _ = changed.changed() => {}
            }
        }
    }

    /// Looks at the budget, or changes it: calls that wait look again.
    pub fn with_budget<T>(&self, f: impl FnOnce(&mut B) -> T) -> T {
        let result = f(&mut self.state().budget);
        self.changed.send_replace(());
        result
    }

    fn queue(&self, class: Class, bucket: B::Bucket) -> Ticket<'_, B> {
        let mut state = self.state();
        let id = state.next_ticket;
        state.next_ticket += 1;
        state.queue.insert(id, (class, bucket));
        Ticket { scheduler: self, id }
    }

    fn look(&self, ticket: &Ticket<'_, B>) -> Turn<'_, B> {
        let mut state = self.state();
        let Some((class, bucket)) = state.queue.get(&ticket.id).cloned() else { return Turn::Later };
        if let Some(until) = state.budget.full_until(&bucket, class) {
            return Turn::Full(until);
        }
        if state.next(self.places) != Some(ticket.id) {
            return Turn::Later;
        }
        state.queue.remove(&ticket.id);
        state.budget.spend(&bucket);
        state.taken += 1;
        state.given += 1;
        drop(state);
        self.changed.send_replace(());
        Turn::Now(Place { scheduler: self })
    }

    fn state(&self) -> MutexGuard<'_, State<B>> {
        // Nothing panics while it is half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Budget> State<B> {
    /// Returns the call that goes next, if one can.
    fn next(&self, places: u32) -> Option<u64> {
        let free = places.saturating_sub(self.taken);
        if free == 0 {
            return None;
        }
        let fits = |(_, (class, bucket)): &(&u64, &(Class, B::Bucket))| {
            self.budget.full_until(bucket, *class).is_none()
        };
        let mut fitting = self.queue.iter().filter(fits);
        if self.given % OLDEST_EVERY == OLDEST_EVERY - 1 {
            return fitting.next().map(|(id, _)| *id);
        }
        let first = fitting.min_by_key(|(id, (class, _))| (*class, **id));
        // Where the highest class that waits has to leave the rest free, so has each below it.
        first.filter(|(_, (class, _))| free > class.leaves_free(places)).map(|(id, _)| *id)
    }
}

impl<B: Budget> Drop for Ticket<'_, B> {
    fn drop(&mut self) {
        if self.scheduler.state().queue.remove(&self.id).is_some() {
            self.scheduler.changed.send_replace(());
        }
    }
}

impl<B: Budget> Drop for Place<'_, B> {
    fn drop(&mut self) {
        self.scheduler.state().taken -= 1;
        self.scheduler.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    /// How many calls fit in each bucket, until a minute from the beginning.
    struct Fits {
        left: BTreeMap<&'static str, u32>,
        until: DateTime<Utc>,
        clock: Clock,
    }

    impl Budget for Fits {
        type Bucket = &'static str;

        fn full_until(&self, bucket: &&'static str, class: Class) -> Option<DateTime<Utc>> {
            let left = self.left.get(bucket).copied()?;
            (left <= class.leaves(10) && self.clock.now() < self.until).then_some(self.until)
        }

        fn spend(&mut self, bucket: &&'static str) {
            if let Some(left) = self.left.get_mut(bucket) {
                *left = left.saturating_sub(1);
            }
        }
    }

    fn scheduler(places: u32, left: &[(&'static str, u32)]) -> Scheduler<Fits> {
        let clock = Clock::starting_at(DateTime::UNIX_EPOCH);
        let until = clock.now() + Duration::minutes(1);
        let left = left.iter().copied().collect();
        Scheduler::new(places, Fits { left, until, clock: clock.clone() }, clock)
    }

    const PATIENT: Patience = Patience { windows: 1, each: Duration::minutes(1) };

    /// Has a call of each class wait, and says in which order they go through one after the other.
    async fn order(scheduler: &Scheduler<Fits>, classes: &[Class]) -> Vec<Class> {
        let went = Mutex::new(Vec::new());
        let calls = classes.iter().map(async |class| {
            let place = scheduler.place(*class, "free", PATIENT, |_| {}).await.unwrap();
            went.lock().unwrap().push(*class);
            tokio::task::yield_now().await;
            drop(place);
        });
        let held = scheduler.place(Class::Action, "free", PATIENT, |_| {}).await.unwrap();
        let mut calls = Box::pin(futures_util::future::join_all(calls));
        assert!(calls.as_mut().now_or_never().is_none(), "the only place is taken");
        drop(held);
        calls.await;
        went.into_inner().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_highest_class_goes_first_and_within_a_class_the_first_that_came() {
        use Class::{Action, FreshLook, Question, Sweep};
        let order = order(&scheduler(1, &[]), &[Question, Sweep, FreshLook, Action, Question]).await;
        assert_eq!(order, [Action, FreshLook, Sweep, Question, Question]);
    }

    #[tokio::test(start_paused = true)]
    async fn every_eighth_place_goes_to_the_call_that_waits_longest() {
        let waiting = [vec![Class::Question], vec![Class::Action; 20]].concat();
        let order = order(&scheduler(1, &[]), &waiting).await;
        assert_eq!(order.iter().position(|class| *class == Class::Question), Some(6), "one was given before");
    }

    #[tokio::test(start_paused = true)]
    async fn lower_classes_leave_places_free() {
        let scheduler = scheduler(4, &[]);
        let mut held = Vec::new();
        for (class, most) in [(Class::Question, 2), (Class::Sweep, 3), (Class::FreshLook, 4)] {
            while let Some(place) = scheduler.place(class, "free", PATIENT, |_| {}).now_or_never() {
                held.push(place.unwrap());
            }
            assert_eq!(held.len(), most, "{class:?}");
        }
        assert!(
            scheduler.place(Class::Action, "free", PATIENT, |_| {}).now_or_never().is_none(),
            "four is all"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_for_its_budget_keeps_no_place() {
        let scheduler = scheduler(1, &[("spent", 0)]);
        let waits = scheduler.place(Class::Action, "spent", PATIENT, |_| {});
        let mut waits = Box::pin(waits);
        assert!(waits.as_mut().now_or_never().is_none());
        let other = scheduler.place(Class::Question, "free", PATIENT, |_| {}).now_or_never();
        drop(other.expect("the place is free").unwrap());
        assert!(waits.await.is_ok(), "a minute later");
    }

    #[tokio::test(start_paused = true)]
    async fn lower_classes_leave_a_part_of_the_budget() {
        let scheduler = scheduler(1, &[("short", 10)]);
        let classes = [(Class::Question, 3), (Class::Sweep, 5), (Class::FreshLook, 1), (Class::Action, 1)];
        for (class, fit) in classes {
            let impatient = Patience { windows: 0, ..PATIENT };
            let mut went = 0;
            while let Ok(place) = scheduler.place(class, "short", impatient, |_| {}).await {
                drop(place);
                went += 1;
            }
            assert_eq!(went, fit, "{class:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_gives_up_or_is_dropped_keeps_no_other_waiting() {
        let scheduler = scheduler(1, &[("spent", 0)]);
        let mut told = 0;
        let impatient = Patience { windows: 1, each: Duration::seconds(59) };
        assert!(scheduler.place(Class::Action, "spent", impatient, |_| told += 1).await.is_err());
        assert_eq!(told, 0, "it did not wait");
        let held = scheduler.place(Class::Question, "free", PATIENT, |_| {}).await.unwrap();
        let mut first = Box::pin(scheduler.place(Class::Action, "free", PATIENT, |_| {}));
        let mut second = Box::pin(scheduler.place(Class::Question, "free", PATIENT, |_| {}));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        drop(first);
        drop(held);
        assert!(second.await.is_ok());
        assert!(scheduler.state().queue.is_empty());
    }

    #[tokio::test]
    async fn a_call_that_nobody_has_classed_is_a_question() {
        assert_eq!(Class::current(), Class::Question);
        let inside =
            Class::Sweep.run(async { (Class::current(), tokio::spawn(async { Class::current() }).await) });
        let (same_task, spawned) = inside.await;
        assert_eq!((same_task, spawned.unwrap()), (Class::Sweep, Class::Question));
    }
}

//! The rows that want something done, and when to look at each again.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::domain::ids::{PolicyName, RequestId, SweepId};
use crate::scheduler::Class;
use crate::services::mutex::lock;
use crate::store::Notice;

/// A row that one task at a time works on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    Sweep(SweepId),
    /// Something that is said once.
    Message(Notice),
    Request(RequestId),
    Restoration(i64),
    /// The accounts that the policy has suspended.
    Watches(PolicyName),
    /// Asking the people that a request asks.
    Concerned(RequestId),
    /// The people who can decide the policy's questions.
    Deciders(PolicyName),
    /// Everybody's page of the bot.
    Homes,
    /// Telling that the database is stopped, or that it goes on.
    Lineage,
}

impl Work {
    /// Names the work for people.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Work::Sweep(id) => format!("sweep {id}"),
            Work::Message(notice) => match notice {
                Notice::Pause(id) => format!("the notice of pause {id}"),
                Notice::Digest(id) => format!("digest {id}"),
                Notice::ExemptionsEnd(id) => format!("notice {id} of exemptions that end"),
                Notice::Drift(id) => format!("report {id} of accounts that are active again"),
                Notice::Missed(id) => format!("report {id} of activity before a suspension"),
                Notice::Sweep(id) => format!("the notice of sweep {id}"),
                Notice::LateSweep(id) => format!("the notice that sweep {id} is late"),
                Notice::Restoration(id) => format!("the notice of restore {id}"),
            },
            Work::Request(id) => format!("request {id}"),
            Work::Restoration(id) => format!("restore {id}"),
            Work::Watches(_) => "the check of suspended accounts".to_owned(),
            Work::Concerned(id) => format!("the questions of request {id}"),
            Work::Deciders(_) => "the look-up of people who can decide".to_owned(),
            Work::Homes => "the Home pages".to_owned(),
            Work::Lineage => "the notice about the database".to_owned(),
        }
    }

    /// Returns what its calls to the outside systems are for.
    pub(crate) fn class(&self) -> Class {
        match self {
            Work::Sweep(_)
            | Work::Deciders(_)
            | Work::Watches(_)
            | Work::Concerned(_)
            | Work::Message(Notice::Digest(_)) => Class::Sweep,
            Work::Request(_) | Work::Restoration(_) | Work::Message(_) | Work::Lineage => Class::FreshLook,
            Work::Homes => Class::Question,
        }
    }
}

/// One task at work on a row.
struct Task {
    /// The row changed meanwhile: then it is looked at again.
    again: bool,
    /// When the task began, or last got a step further.
    since: Instant,
}

impl Task {
    fn begin() -> Task {
        Task { again: false, since: Instant::now() }
    }
}

/// The rows that are worked on, and when each is to be looked at again.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) tasks: TaskTracker,
    table: Mutex<Table>,
    /// The earliest alarm may have changed.
    rewound: Notify,
}

#[derive(Default)]
struct Table {
    in_flight: BTreeMap<Work, Task>,
    alarms: BTreeMap<Work, DateTime<Utc>>,
}

impl Rows {
    /// Begins work on a row, which ends its alarm. `false`: a task is at work on it, and looks again when it is done.
    pub(crate) fn begin(&self, work: &Work) -> bool {
        let mut table = lock(&self.table);
        if let Some(task) = table.in_flight.get_mut(work) {
            task.again = true;
            return false;
        }
        table.in_flight.insert(work.clone(), Task::begin());
        table.alarms.remove(work);
        true
    }

    /// Notes that work on a row has got a step further, so that it is not stuck.
    pub(crate) fn moves_on(&self, work: &Work) {
        if let Some(task) = lock(&self.table).in_flight.get_mut(work) {
            task.since = Instant::now();
        }
    }

    /// Ends work on a row and sets its alarm. `false`: the row changed meanwhile, so its task looks again if it may.
    pub(super) fn end(&self, work: &Work, alarm: Option<DateTime<Utc>>, may_look_again: bool) -> bool {
        {
            let mut table = lock(&self.table);
            let task = table.in_flight.get_mut(work);
            let again = task.is_some_and(|task| std::mem::replace(task, Task::begin()).again);
            if again && may_look_again {
                return false;
            }
            table.in_flight.remove(work);
            table.alarms.extend(alarm.map(|at| (work.clone(), at)));
        }
        if alarm.is_some() {
            self.rewind();
        }
        true
    }

    /// Returns what is at work, and for how long without a step further.
    pub(crate) fn at_work(&self) -> Vec<(Work, std::time::Duration)> {
        let table = lock(&self.table);
        table.in_flight.iter().map(|(work, task)| (work.clone(), task.since.elapsed())).collect()
    }

    /// Returns the rows whose alarm has rung by this time, and when it did.
    pub(crate) fn rung(&self, by: DateTime<Utc>) -> Vec<(Work, DateTime<Utc>)> {
        let table = lock(&self.table);
        table.alarms.iter().filter(|(_, at)| **at <= by).map(|(work, at)| (work.clone(), *at)).collect()
    }

    /// Ends the alarms that have rung by this time.
    pub(crate) fn end_alarms(&self, by: DateTime<Utc>) {
        lock(&self.table).alarms.retain(|_, at| *at > by);
    }

    /// Returns when the next alarm rings.
    pub(crate) fn next_alarm(&self) -> Option<DateTime<Utc>> {
        lock(&self.table).alarms.values().min().copied()
    }

    /// Has the loop set its alarm again, since the earliest may have changed.
    pub(crate) fn rewind(&self) {
        self.rewound.notify_one();
    }

    /// Returns once the alarm is to be set again.
    pub(crate) async fn rewound(&self) {
        self.rewound.notified().await;
    }
}

#[cfg(test)]
impl Rows {
    /// Has a task be at work that began then.
    pub(crate) fn began(&self, work: Work, since: Instant) {
        lock(&self.table).in_flight.insert(work, Task { again: false, since });
    }

    pub(crate) fn set_alarm(&self, work: Work, at: DateTime<Utc>) {
        lock(&self.table).alarms.insert(work, at);
    }

    pub(crate) fn alarm_of(&self, work: &Work) -> Option<DateTime<Utc>> {
        lock(&self.table).alarms.get(work).copied()
    }
}

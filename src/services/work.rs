//! The rows that want something done, and when to look at each again.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::domain::policy::PolicyName;
use crate::scheduler::Class;
use crate::store::Notice;

/// A row that one task at a time works on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    Sweep(i64),
    /// Something that is said once.
    Message(Notice),
    Request(i64),
    Restoration(i64),
    /// The accounts that the policy has suspended.
    Watches(PolicyName),
    /// Asking the people concerned by a request.
    Concerned(i64),
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

/// Whether a row changed while its task was at work: then it is looked at again.
pub(crate) struct InFlight {
    pub(crate) again: bool,
    /// When the task began.
    pub(crate) since: Instant,
}

impl InFlight {
    pub(crate) fn begin() -> InFlight {
        InFlight { again: false, since: Instant::now() }
    }
}

/// The rows that are worked on, and when each is to be looked at again.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) tasks: TaskTracker,
    pub(crate) in_flight: Mutex<BTreeMap<Work, InFlight>>,
    pub(crate) wakes: Mutex<BTreeMap<Work, DateTime<Utc>>>,
    /// The earliest wake may have changed: the loop sets its alarm again.
    pub(crate) rewound: Notify,
}

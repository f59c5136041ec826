//! Table tests of the pure core: each row reads as a sentence, and no test needs a clock, a network or a disk.

#[path = "domain/account.rs"]
mod account;
#[path = "domain/assess.rs"]
mod assess;
#[path = "domain/audit.rs"]
mod audit;
#[path = "domain/backoff.rs"]
mod backoff;
#[path = "domain/calendar.rs"]
mod calendar;
#[path = "domain/candidate.rs"]
mod candidate;
#[path = "domain/date_range.rs"]
mod date_range;
#[path = "domain/decide.rs"]
mod decide;
#[path = "domain/digest.rs"]
mod digest;
#[path = "domain/draft.rs"]
mod draft;
#[path = "domain/drift.rs"]
mod drift;
#[path = "domain/exceptions.rs"]
mod exceptions;
#[path = "domain/exempt.rs"]
mod exempt;
#[path = "domain/fixture.rs"]
mod fixture;
#[path = "domain/keep.rs"]
mod keep;
#[path = "domain/lineage.rs"]
mod lineage;
#[path = "domain/missed.rs"]
mod missed;
#[path = "domain/outreach.rs"]
mod outreach;
#[path = "domain/plan.rs"]
mod plan;
#[path = "domain/policy.rs"]
mod policy;
#[path = "domain/proof.rs"]
mod proof;
#[path = "domain/reminders.rs"]
mod reminders;
#[path = "domain/report.rs"]
mod report;
#[path = "domain/request.rs"]
mod request;
#[path = "domain/schedule.rs"]
mod schedule;
#[path = "domain/second.rs"]
mod second;
#[path = "domain/sessions.rs"]
mod sessions;
#[path = "domain/sighting.rs"]
mod sighting;
#[path = "domain/undated.rs"]
mod undated;

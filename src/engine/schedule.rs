//! The schedule trigger: tokio-cron-scheduler wakes the loop at each slot, in the policy's own time zone. Whether a
//! sweep is owed is the database's business, so a bell that rings twice or late does no harm.

use std::sync::{Arc, Weak};

use tokio_cron_scheduler::{Job, JobScheduler};

use crate::services::Services;

/// Hangs a bell for each policy. It rings until the returned scheduler is shut down.
pub async fn hang(s: &Arc<Services>) -> anyhow::Result<JobScheduler> {
    let scheduler = JobScheduler::new().await?;
    for policy in &s.policies {
        let weak: Weak<Services> = Arc::downgrade(s);
        let job = Job::new_tz(pattern(&policy.schedule.cron), policy.schedule.zone, move |_, _| {
            if let Some(s) = weak.upgrade() {
                s.nudge();
            }
        })?;
        scheduler.add(job).await?;
    }
    scheduler.start().await?;
    Ok(scheduler)
}

/// The scheduler's patterns begin with seconds.
fn pattern(cron: &str) -> String {
    format!("0 {cron}")
}

#[cfg(test)]
mod tests {
    use tokio_cron_scheduler::Job;

    use crate::domain::schedule::parse_cron;
    use crate::engine::schedule::pattern;

    #[test]
    fn a_bell_can_be_hung_for_every_schedule_that_is_taken() {
        let mut taken = 0;
        for cron in [
            "0 9 * * *",
            "*/15 8-18 * * 1-5",
            "0 9 1,15 * *",
            "0 9 * JAN-MAR MON",
            "0 9 L * *",
            "0 9 * * 5L",
            "0 9 15W * *",
            "0 9 LW * *",
            "0 9 * * MON#2",
            "0 9 ? * 7",
            " 0 9 * * * ",
            "0  9  *  *  *",
            "0 9 1 * +MON",
            "@daily",
            "@hourly",
            "@weekly",
            "@monthly",
            "@yearly",
            "@annually",
            "@midnight",
            "0 9 * * * 2027",
        ] {
            if parse_cron(cron).is_ok() {
                taken += 1;
                assert!(Job::new(pattern(cron), |_, _| {}).is_ok(), "{cron}");
            }
        }
        assert!(taken >= 8, "{taken}");
    }
}

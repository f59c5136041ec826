//! The bell: tokio-cron-scheduler wakes the loop at each slot, in the policy's own time zone. Whether a sweep is owed
//! is the database's business, so a bell that rings twice or late does no harm.

use std::sync::{Arc, Weak};

use tokio_cron_scheduler::{Job, JobScheduler};

use super::App;

/// Hangs a bell for each policy. It rings until the returned scheduler is shut down.
pub async fn hang(app: &Arc<App>) -> anyhow::Result<JobScheduler> {
    let scheduler = JobScheduler::new().await?;
    for policy in &app.policies {
        let weak: Weak<App> = Arc::downgrade(app);
        // The scheduler's patterns begin with seconds.
        let pattern = format!("0 {}", policy.schedule.cron);
        let job = Job::new_tz(pattern.as_str(), policy.schedule.zone, move |_, _| {
            if let Some(app) = weak.upgrade() {
                app.nudge();
            }
        })?;
        scheduler.add(job).await?;
    }
    scheduler.start().await?;
    Ok(scheduler)
}

//! Keeps the trend of each policy as it was uploaded last.

use chrono::{DateTime, Utc};

use crate::chat::Block;
use crate::domain::report::Report;

/// Something that shows a picture is refused this often before it goes without.
pub(super) const REFUSED_MAX: u32 = 4;

/// The trend of a policy, as it was uploaded last.
#[derive(Clone, Debug)]
pub(crate) struct Trend {
    pub(super) looked_at: DateTime<Utc>,
    pub(super) report: Report,
    /// How to show it; `None`: there is nothing to draw, or it can't be uploaded.
    pub(super) image: Option<Block>,
    /// How often something was refused that shows it.
    pub(super) refused: u32,
}

impl Trend {
    pub(super) fn shown(&self) -> Option<Block> {
        self.image.clone().filter(|_| self.refused < REFUSED_MAX)
    }
}

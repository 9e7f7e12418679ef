//! How budgets stand.

use crate::Time;
use domain::MicroUsd;
use domain::budget::{Standing, Window};
use serde::{Deserialize, Serialize};

/// One budget in its current window. Money is in micro-dollars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetView {
    /// `run/ID`, `agent/NAME` or `team/NAME`.
    pub holder: String,
    /// `run` or `day`.
    pub window: Window,
    /// The start of the window; absent for a window that is the run itself.
    pub window_start: Option<Time>,
    /// The most that may be spent.
    pub limit_micro_usd: MicroUsd,
    /// What calls in flight may still cost.
    pub reserved_micro_usd: MicroUsd,
    /// What was spent.
    pub settled_micro_usd: MicroUsd,
    /// What is left.
    pub available_micro_usd: MicroUsd,
}

impl From<&Standing> for BudgetView {
    fn from(standing: &Standing) -> Self {
        // Domain marks the window that is the run itself by a start of 0.
        let of_run = standing.window_start.0 == 0;
        Self {
            holder: standing.holder.clone(),
            window: if of_run { Window::Run } else { Window::Day },
            window_start: (!of_run).then_some(Time(standing.window_start)),
            limit_micro_usd: standing.limit,
            reserved_micro_usd: standing.reserved,
            settled_micro_usd: standing.settled,
            available_micro_usd: standing.available(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;

    #[test]
    fn a_run_budget_has_no_start() {
        let standing = Standing {
            holder: "run/r1".into(),
            window_start: Timestamp(0),
            limit: MicroUsd(10),
            reserved: MicroUsd(3),
            settled: MicroUsd(4),
        };
        let view = BudgetView::from(&standing);
        assert_eq!(
            (view.window, view.window_start, view.available_micro_usd),
            (Window::Run, None, MicroUsd(3))
        );
    }
}

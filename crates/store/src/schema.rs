//! The history of this crate's tables.

use crate::db::Migration;

/// Every migration, from the first.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "main job", sql: include_str!("../migrations/0001_main_job.sql") },
    Migration { number: 2, name: "orchestration", sql: include_str!("../migrations/0002_orchestration.sql") },
    Migration { number: 3, name: "one engine", sql: include_str!("../migrations/0003_one_engine.sql") },
];

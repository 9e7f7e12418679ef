//! The history of this crate's tables.

use crate::db::Migration;

/// Every migration, from the first.
pub(crate) const MIGRATIONS: &[Migration] = &[];

//! Types of the business, and pure functions that decide what may happen next.

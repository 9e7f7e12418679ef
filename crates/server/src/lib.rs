//! API, live feed and dashboard.

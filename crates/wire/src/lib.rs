//! Bodies of the public API, and a typed client for it.

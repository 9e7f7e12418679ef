//! Admits, forwards, meters and cuts model calls.

//! Submits inputs, performs effects, reconciles.

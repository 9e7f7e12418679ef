//! What the demo proves, looked at from outside.

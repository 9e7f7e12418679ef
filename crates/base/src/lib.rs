//! Clock, ids, secrets, signatures, supervised tasks, error chains: no business words.

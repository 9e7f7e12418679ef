//! The kill plane: stops processes when everything else is down.

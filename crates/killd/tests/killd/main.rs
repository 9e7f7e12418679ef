//! The kill plane as a process of its own, against real processes in real control groups.

#[cfg(test)]
mod connection;
#[cfg(test)]
mod dead_man;
#[cfg(test)]
mod house;
#[cfg(test)]
mod stop;
#[cfg(test)]
mod times;
#[cfg(test)]
mod tombstone;
#[cfg(test)]
mod tree;

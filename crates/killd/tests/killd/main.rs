//! The kill plane as a process of its own, against real processes in real control groups.

mod connection;
mod dead_man;
mod house;
mod stop;
mod times;
mod tombstone;
mod tree;

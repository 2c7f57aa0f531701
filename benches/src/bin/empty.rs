//! The yardstick for start-up: a program that does nothing.

fn main() {}

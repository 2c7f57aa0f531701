//! What the library promises, from outside.

mod config;
mod corners;
mod corpus;
mod editing;
mod encrypt;
mod flat;
mod hostile;
mod key_service;
mod messages;
mod properties;
mod repeated_keys;
mod roundtrip;
mod secrets;
mod support;
mod tamper;
mod threat_model;

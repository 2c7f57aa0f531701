//! The services against servers: fakes of our own, which fail as servers
//! fail, and real ones where they can be had.

mod fake;
mod http;

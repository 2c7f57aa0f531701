//! Command lines: which options there are ([`flag`]), how they are read
//! ([`parse`]), and what was given ([`Given`]).

pub(crate) mod flag;
mod given;
pub(crate) mod parse;

pub(crate) use flag::Flag;
pub(crate) use given::Given;

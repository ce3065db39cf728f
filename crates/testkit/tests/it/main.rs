//! Whole exchanges, over real sockets.

mod crossing;
mod peer;
mod refusals;
mod replay;
mod vectors;

//! Whole exchanges, over real sockets.

mod crossing;
mod peer;
mod proof;
mod refusals;
mod replay;
mod vectors;

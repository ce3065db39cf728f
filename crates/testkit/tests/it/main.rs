//! Whole exchanges, over real sockets.

mod crossing;
mod refusals;
mod replay;
mod vectors;

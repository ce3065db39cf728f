//! Whole exchanges, over real sockets.

mod crossing;
mod hostile;
mod peer;
mod proof;
mod refusals;
mod replay;
mod vectors;

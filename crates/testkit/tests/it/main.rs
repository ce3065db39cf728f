//! Whole exchanges, over real sockets.

mod crossing;

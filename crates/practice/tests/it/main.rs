//! The practice services from outside, judged by openssl.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stop at the first surprise")]

mod bench;
mod issuing;
mod refusals;
mod ocsp;
mod tsa;
mod keeping;
mod network;
mod house;

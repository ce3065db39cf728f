//! What a live X-Road 7.8.0 pair said to each other, replayed against gateways of ours that have taken over the identities of its two
//! servers: keys, certificates, settings, configuration, OCSP answers, and the minute of the recording.

mod recording;
mod compare;
mod book;
mod script;
mod wires;
mod stage;
mod inbound;
mod outbound;
mod ocsp_by_hash;

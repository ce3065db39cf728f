//! Between gateways: the only TLS towards peers in the house, and the only place that opens a socket to one (data-plane 4.1–4.4).

pub(crate) mod tls;
pub(crate) mod own_kind;
pub(crate) mod listen;
pub(crate) mod connect;
pub(crate) mod verify_peer;
pub(crate) mod ocsp_by_hash;

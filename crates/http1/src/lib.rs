//! HTTP/1.1 as this house speaks it: strict in what it takes, byte-exact in what it writes.
//!
//! The rest of the world's HTTP libraries rewrite heads: they fold the case of names, sort them, merge them, add
//! their own. Here a received head keeps order and spelling, because they are part of what members sign
//! (data-plane 2.3), and a written head is exactly what the caller gave, because peers look names up by their
//! exact spelling (data-plane 4.6). Bodies stream in both directions and are never gathered unless asked for.
//!
//! The path through the room, on the server's side: [`serve()`] accepts sockets → [`ServerConnection::next_request`]
//! reads one [`Request`] → the handler reads its [`Body`] and answers through its [`Responder`], in any order or
//! both at once → the connection is used again or closed. On the client's side: [`ClientConnection::send`] writes a
//! head and hands out a [`BodyWriter`] and an [`Answer`], usable at the same time, so that an early answer is
//! noticed → [`Answer::receive`] gives a [`Response`]. [`fetch()`] is the small client for trust services.
//!
//! **Invariant: what cannot be understood in exactly one way is refused.** A head with both framings, with two
//! lengths, with a folded line, a bare line feed or a space before the colon never becomes a [`RequestHead`]; a
//! body that ends early is [`BodyError::Cut`] and never an end.
//!
//! It bounds everything that a stranger sends ([`Limits`]): bytes of a head, of a line, number of headers, chunk
//! lines, trailers, and the time that each may take.
//!
//! Deliberately absent: TLS (the caller hands in any stream), HTTP/2, redirects, cookies, compression, proxies,
//! pipelining by the client, and any header that the caller did not ask for.

mod limits;
mod error;
mod head;
mod framing;
mod patience;
mod wire;
mod body;
mod write;
mod server;
mod client;
mod places;
mod listen;
mod url;
mod fetch;

pub use body::Body;
pub use client::{Answer, ClientConnection, Response};
pub use error::{BodyError, FetchError, HeadRefusal, ReceiveError, RequestError, UrlRefusal, WriteError};
pub use fetch::{FetchLimits, Fetched, connect, fetch};
pub use framing::Framing;
pub use head::{RequestHead, ResponseHead, Version};
pub use limits::Limits;
pub use listen::{Stop, Stopper, accept_loop, serve, serve_requests, stop_channel};
pub use places::Place;
pub use server::{Request, Responder, ServerConnection};
pub use url::Url;
pub use write::BodyWriter;

//! Who may ask what: a decision, nothing but arguments.
//!
//! A client calls a service of another client. The provider has given rights: to a client, to a group of its registry, or
//! to a group of its own, each for an [`Endpoint`] — a service, a method and a pattern of paths (data-plane 8.5).
//! [`decide`] answers [`Allowed`] or [`Refused`], and says why.
//!
//! The path: the rights of *one* provider, the caller, its memberships, the code of the service and the [`Call`] go in.
//! A REST path is read once, strictly ([`identifier::path`]); rights whose subject is the caller and whose endpoint fits
//! are looked for; the first is the answer.
//!
//! **Invariants:** nothing is allowed without a right that says so; a path that can be read in two ways is never compared
//! with a pattern; an [`Allowed`] is made here only, and carries what was asked, so that it cannot be spent on another
//! question.
//!
//! What it deliberately does not do: know whether the service exists, is disabled or speaks REST; look up groups (the
//! caller of `decide` does, in globalconf and in its own state); look at the version of a service — a right covers all
//! versions; exempt metadata services, which the gateway answers before it asks here.

mod right;
mod decide;

pub use decide::{Allowed, Call, Groups, Refused, decide, held};
pub use right::{Endpoint, EndpointRefusal, METHODS, Right, Subject};

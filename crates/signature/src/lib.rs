//! What proves: hash chains, canonical XML, XAdES signatures, ASiC-E containers, time-stamps in them.
//!
//! A message between gateways is evidence because it is signed by its sender's member, and stays evidence because the
//! signature is time-stamped and kept together with what it covers. This room makes those proofs and takes them apart.
//!
//! The path of a message that leaves:
//!
//! ```text
//! digests of the parts ──▶ xades::Batch ──▶ xades::Unsigned ──▶ to_be_signed ─▶ (the keystore) ─▶ finish ──▶ SignedParts
//! ```
//!
//! and of one that arrives: the gateway hands its [`SignedParts`] and the digests that it made while the parts streamed by
//! to [`verify::verify`], which follows the order of data-plane 5.6 and answers with a [`verify::VerifiedSignature`] or
//! with a verdict whose `code()` is what a live server would say. Later the message log asks [`timestamp`] what to have
//! time-stamped, [`container`] packs an ASiC-E file, [`etsi`] writes its
//! signature once more for those who know XAdES only, [`archive`] links many of them in one file, and [`evidence`] verifies a container years
//! after, with nothing but the global configuration of that time.
//!
//! [`canonical`] and [`hashchain`] are the two crafts underneath.
//!
//! **Invariant:** what verifies is covered. Every received part and every octet of it is under the signature, the signed
//! properties are, and a document in which something could stand beside what is covered is refused. Where a live server
//! is laxer (data-plane E.1.14, E.5), this room is not; everything genuine producers write (E.3) is accepted. White space
//! or a comment before `ds:Signature` is refused.
//!
//! What it deliberately does not do: hold a private key (octets to be signed go out, a value comes back); know the time
//! (it is an argument), the network or a file; judge certificates (that is `trust`'s); know what a message says, except
//! whom it comes from when a container is verified.

mod der;
mod reading;
mod structure;
pub mod canonical;
pub mod hashchain;
pub mod xades;
pub mod verify;
pub mod timestamp;
pub mod etsi;
pub mod container;
pub mod archive;
pub mod evidence;

pub use reading::{Misshapen, XmlRefusal};
pub use structure::UnreadableSignature;

/// What travels and is kept beside a message to prove it: the signature, and for a batch signature the two documents of
/// the hash chain. These are octets and stay octets; they are never written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedParts {
    /// `META-INF/signatures.xml`.
    pub signatures_xml: Vec<u8>,
    /// `sig-hashchainresult.xml`, when the signature covers a hash chain.
    pub hash_chain_result: Option<Vec<u8>>,
    /// `sig-hashchain.xml`, when the signature covers a hash chain.
    pub hash_chain: Option<Vec<u8>>,
}

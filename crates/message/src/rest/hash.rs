//! The request hash, which ties a response to its request (data-plane 2.6, E.1.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use trust::algorithm::DigestAlgorithm;

/// `base64(SHA512(message))`, or with a body `base64(SHA512(SHA512(message) ‖ digest of the body))`.
///
/// `message_digest` is the SHA-512 of the message written with CR LF; `body_digest` is that of the body part, if there
/// was one, even an empty one, by the algorithm that the request names in `x-hash-algorithm`. Without a body the digest
/// is the hash itself.
#[must_use]
pub fn request_hash(message_digest: &[u8], body_digest: Option<&[u8]>) -> String {
    match body_digest {
        None => STANDARD.encode(message_digest),
        Some(body) => {
            let mut hasher = DigestAlgorithm::Sha512.hasher();
            hasher.update(message_digest);
            hasher.update(body);
            STANDARD.encode(hasher.finish())
        }
    }
}

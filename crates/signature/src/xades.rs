//! Making a signature: what is to be signed goes out, a value comes back, and `signatures.xml` is finished
//! (data-plane 5.1 to 5.3). No private key is ever here.

mod write;

use jiff::Timestamp;
use trust::algorithm::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm};
use trust::certificate::Certificate;

use crate::SignedParts;
use crate::canonical::{self, Method};
use crate::hashchain::{BuildRefusal, Leaf, SIGNATURE_CHAIN, SIGNATURE_RESULT, Tree};
use crate::reading::{self, DS, XADES};

pub use crate::hashchain::Part;

/// The name under which a message is signed.
pub const MESSAGE: &str = "/message.xml";

/// What one signature is to cover: one part directly, or a hash chain over several parts or several messages.
#[derive(Debug, Clone)]
pub struct Batch {
    covers: Covers,
}

#[derive(Debug, Clone)]
enum Covers {
    Part { algorithm: DigestAlgorithm, part: Part },
    Tree(Box<Tree>),
}

/// Why no signature can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignRefusal {
    /// There is nothing to sign, or too much.
    #[error(transparent)]
    Batch(#[from] BuildRefusal),
    /// A message's parts are not called `/message.xml`, `/attachment1`, `/attachment2`, …
    #[error("part {position} of message {leaf} is called {name:?}")]
    PartName {
        /// Which message, counted from nought.
        leaf: usize,
        /// Which part of it, counted from nought.
        position: usize,
        /// What it is called.
        name: String,
    },
    /// A digest has the wrong length for the algorithm.
    #[error("the digest of {name} has {bytes} octets")]
    DigestLength {
        /// The part's name.
        name: String,
        /// How many octets it has.
        bytes: usize,
    },
    /// The algorithm is too weak to sign with.
    #[error("nothing is signed with {}", .0.uri())]
    WeakAlgorithm(SignatureAlgorithm),
    /// There is no OCSP response to embed; no peer would accept the signature.
    #[error("there is no OCSP response for the signing certificate")]
    NoOcspResponse,
    /// The signature value does not belong to this certificate and this text.
    #[error("the signature value does not verify with the signing certificate")]
    WrongValue,
    /// What was built could not be read back.
    #[error("the signature could not be built: {0}")]
    Unbuildable(String),
}

impl Batch {
    /// Decides how the messages are signed: a lone part directly, everything else through a hash chain. All digests
    /// must have been made with `algorithm`, the `x-hash-algorithm` of the messages.
    ///
    /// # Errors
    /// A [`SignRefusal`] when there is no message or a part is not what it must be.
    pub fn new(algorithm: DigestAlgorithm, leaves: Vec<Leaf>) -> Result<Self, SignRefusal> {
        for (number, leaf) in leaves.iter().enumerate() {
            for (position, part) in leaf.parts.iter().enumerate() {
                let expected =
                    if position == 0 { MESSAGE.to_owned() } else { format!("/attachment{position}") };
                if part.name != expected {
                    return Err(SignRefusal::PartName { leaf: number, position, name: part.name.clone() });
                }
                if part.digest.len() != algorithm.output_bytes() {
                    return Err(SignRefusal::DigestLength {
                        name: part.name.clone(),
                        bytes: part.digest.len(),
                    });
                }
            }
        }
        let covers = match leaves.as_slice() {
            [Leaf { parts }] if parts.len() == 1 => {
                let part = parts.first().cloned().ok_or(BuildRefusal::NoLeaves)?;
                Covers::Part { algorithm, part }
            }
            _ => Covers::Tree(Box::new(Tree::new(algorithm, leaves)?)),
        };
        Ok(Self { covers })
    }

    /// How many messages it covers.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.covers {
            Covers::Part { .. } => 1,
            Covers::Tree(tree) => tree.len(),
        }
    }

    /// Never: a batch covers at least one message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The public side of the signer: what is embedded beside the signature value.
#[derive(Debug, Clone)]
pub struct SignerMaterial {
    /// The signing certificate.
    pub certificate: Certificate,
    /// The intermediates between it and the self-signed root, nearest first (data-plane 5.2, "Extra certs").
    pub extra: Vec<Certificate>,
    /// DER OCSP responses: the signing certificate's first, then one per intermediate.
    pub ocsp: Vec<Vec<u8>>,
    /// The algorithm the key will sign with; its digest is used for everything inside the signature.
    pub algorithm: SignatureAlgorithm,
}

/// A signature that lacks nothing but its value.
#[derive(Debug, Clone)]
pub struct Unsigned {
    covers: Covers,
    material: SignerMaterial,
    result: Option<Vec<u8>>,
    signed_info: String,
    signed_properties: String,
    to_be_signed: Vec<u8>,
}

impl Unsigned {
    /// Builds everything up to the canonical `ds:SignedInfo`.
    ///
    /// # Errors
    /// A [`SignRefusal`] when the material cannot make a signature that peers accept.
    pub fn new(batch: Batch, material: SignerMaterial, signing_time: Timestamp) -> Result<Self, SignRefusal> {
        let digest = material.algorithm.digest();
        if matches!(digest, DigestAlgorithm::Sha1 | DigestAlgorithm::Sha224) {
            return Err(SignRefusal::WeakAlgorithm(material.algorithm));
        }
        if material.ocsp.is_empty() {
            return Err(SignRefusal::NoOcspResponse);
        }
        let (subject, result) = match &batch.covers {
            Covers::Part { algorithm, part } => (
                write::Subject {
                    uri: &part.name,
                    media_type: "text/xml",
                    algorithm: *algorithm,
                    digest: part.digest.clone(),
                },
                None,
            ),
            Covers::Tree(tree) => {
                let result = tree.result_xml(SIGNATURE_CHAIN);
                let subject = write::Subject {
                    uri: SIGNATURE_RESULT,
                    media_type: "application/hash-chain-result",
                    algorithm: digest,
                    digest: digest.digest(&result),
                };
                (subject, Some(result))
            }
        };
        let signed_properties = write::signed_properties(&material, &subject, signing_time);
        let canonical_properties = canonical_fragment(&signed_properties, XADES, "SignedProperties")?;
        let signed_info =
            write::signed_info(material.algorithm, &subject, &digest.digest(&canonical_properties));
        let to_be_signed = canonical_fragment(&signed_info, DS, "SignedInfo")?;
        Ok(Self { covers: batch.covers, material, result, signed_info, signed_properties, to_be_signed })
    }

    /// The canonical `ds:SignedInfo`: hash it with the algorithm's digest and have the hash signed.
    #[must_use]
    pub fn to_be_signed(&self) -> &[u8] {
        &self.to_be_signed
    }

    /// The digest that the signer signs.
    #[must_use]
    pub fn digest_to_be_signed(&self) -> Vec<u8> {
        self.material.algorithm.digest().digest(&self.to_be_signed)
    }

    /// The algorithm the value must be made with.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.material.algorithm
    }

    /// Takes the value (ECDSA as raw r‖s), proves that it is the right one, and gives each message its signature
    /// parts, in the order of the batch. All share `signatures.xml` and the chain's result.
    ///
    /// # Errors
    /// [`SignRefusal::WrongValue`] when the value does not verify: nothing half-signed leaves the house.
    pub fn finish(self, signature_value: &[u8]) -> Result<Vec<SignedParts>, SignRefusal> {
        self.material
            .algorithm
            .verify(
                self.material.certificate.public_key(),
                &self.to_be_signed,
                signature_value,
                EcdsaForm::Raw,
            )
            .map_err(|_| SignRefusal::WrongValue)?;
        let signatures_xml =
            write::document(&self.signed_info, signature_value, &self.material, &self.signed_properties)
                .into_bytes();
        match (&self.covers, &self.result) {
            (Covers::Tree(tree), Some(result)) => {
                let parts = (0..tree.len()).map(|leaf| SignedParts {
                    signatures_xml: signatures_xml.clone(),
                    hash_chain_result: Some(result.clone()),
                    hash_chain: tree.chain_xml(leaf),
                });
                Ok(parts.collect())
            }
            _ => Ok(vec![SignedParts { signatures_xml, hash_chain_result: None, hash_chain: None }]),
        }
    }
}

/// The canonical form of one element of the document under construction, with the root's namespaces in scope.
fn canonical_fragment(fragment: &str, namespace: &str, name: &str) -> Result<Vec<u8>, SignRefusal> {
    let unbuildable = |why: &dyn std::fmt::Display| SignRefusal::Unbuildable(why.to_string());
    let text = write::in_root(fragment);
    let document = reading::parse(&text).map_err(|why| unbuildable(&why))?;
    let element = document
        .root_element()
        .first_element_child()
        .filter(|element| reading::is(*element, namespace, name))
        .ok_or_else(|| unbuildable(&"the fragment is not one element"))?;
    canonical::element(element, &Method::inclusive()).map_err(|why| unbuildable(&why))
}

//! Hash chains: Merkle trees over the digests of messages, for signatures and for time-stamps (data-plane 5.5).

mod verify;
mod write;

pub(crate) use verify::read_chain;
pub use verify::{Absent, Checked, CheckedPart, Input, Refusal, verify};

use trust::algorithm::DigestAlgorithm;

/// Where a signature's chain lives.
pub const SIGNATURE_CHAIN: &str = "/sig-hashchain.xml";
/// Where a signature's chain result lives.
pub const SIGNATURE_RESULT: &str = "/sig-hashchainresult.xml";
/// Where a batch time-stamp's chain lives.
pub const TIME_STAMP_CHAIN: &str = "/ts-hashchain.xml";

/// The most leaves one tree is built over.
pub const LEAVES_MAX: usize = 1 << 20;

/// One part of a message: the name a chain calls it by and its digest under the tree's algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// `/message.xml`, `/attachment1`, …
    pub name: String,
    /// Its digest.
    pub digest: Vec<u8>,
}

/// One message: its parts in order, the message itself first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The parts, at least one.
    pub parts: Vec<Part>,
}

/// Why no tree can be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildRefusal {
    /// There is no leaf.
    #[error("a hash chain needs at least one leaf")]
    NoLeaves,
    /// More leaves than we build over.
    #[error("a hash chain over more than {LEAVES_MAX} leaves is not built")]
    TooManyLeaves,
    /// A leaf has no part.
    #[error("leaf {leaf} has no part")]
    EmptyLeaf {
        /// Which leaf, counted from nought.
        leaf: usize,
    },
}

/// The DER `DigestList` of data-plane 5.5: per item the digest, its method's URI and an empty list of transforms.
#[must_use]
pub fn digest_list(items: &[(DigestAlgorithm, &[u8])]) -> Vec<u8> {
    let mut content = Vec::new();
    for (algorithm, digest) in items {
        content.extend(digest_item(*algorithm, digest));
    }
    tagged(0x30, &content)
}

/// One item of a `DigestList`. Its list of transforms is empty even where a chain names transforms.
fn digest_item(algorithm: DigestAlgorithm, digest: &[u8]) -> Vec<u8> {
    let mut item = tagged(0x04, digest);
    item.extend(tagged(0x0c, algorithm.uri().as_bytes()));
    item.extend(tagged(0x30, &[]));
    tagged(0x30, &item)
}

/// One DER element with a definite length in its shortest form.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let significant: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
            // A usize has at most eight octets.
            out.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
            out.extend(significant);
        }
    }
    out.extend_from_slice(content);
    out
}

/// One step: the digest of the `DigestList` of these digests, all under the same algorithm.
#[must_use]
pub fn step(algorithm: DigestAlgorithm, digests: &[&[u8]]) -> Vec<u8> {
    let items: Vec<_> = digests.iter().map(|digest| (algorithm, *digest)).collect();
    algorithm.digest(&digest_list(&items))
}

/// The tree over the leaves of one batch: filled from the left; a node without a right neighbour is promoted
/// unchanged.
#[derive(Debug, Clone)]
pub struct Tree {
    algorithm: DigestAlgorithm,
    leaves: Vec<Leaf>,
    /// `levels[0]` holds the leaves' digests, the last level holds the top alone.
    levels: Vec<Vec<Vec<u8>>>,
}

impl Tree {
    /// Builds the tree. Every digest must have been made with `algorithm`.
    ///
    /// # Errors
    /// A [`BuildRefusal`] when there is nothing to chain.
    pub fn new(algorithm: DigestAlgorithm, leaves: Vec<Leaf>) -> Result<Self, BuildRefusal> {
        if leaves.is_empty() {
            return Err(BuildRefusal::NoLeaves);
        }
        if leaves.len() > LEAVES_MAX {
            return Err(BuildRefusal::TooManyLeaves);
        }
        if let Some(leaf) = leaves.iter().position(|leaf| leaf.parts.is_empty()) {
            return Err(BuildRefusal::EmptyLeaf { leaf });
        }
        let mut levels = vec![leaves.iter().map(|leaf| leaf_digest(algorithm, leaf)).collect::<Vec<_>>()];
        // A chain has a step, also over a single part.
        if let [leaf] = leaves.as_slice()
            && let [part] = leaf.parts.as_slice()
        {
            levels.push(vec![step(algorithm, &[&part.digest])]);
        }
        while let Some(level) = levels.last()
            && level.len() > 1
        {
            let above = level
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => step(algorithm, &[left, right]),
                    [lonely] => lonely.clone(),
                    _ => Vec::new(),
                })
                .collect();
            levels.push(above);
        }
        Ok(Self { algorithm, leaves, levels })
    }

    /// The digest algorithm of the whole tree.
    #[must_use]
    pub const fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// How many leaves it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Never: a tree has at least one leaf.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// The top hash.
    #[must_use]
    pub fn top(&self) -> &[u8] {
        self.levels.last().and_then(|level| level.first()).map_or(&[], Vec::as_slice)
    }

    /// The result document, whose chains live under the name `chain` (such as [`SIGNATURE_CHAIN`]): the bytes that
    /// a signature or a time-stamp covers. Never write them anew.
    #[must_use]
    pub fn result_xml(&self, chain: &str) -> Vec<u8> {
        write::result(self.algorithm, self.top(), chain)
    }

    /// The chain document of one leaf; `None` when there is no such leaf.
    #[must_use]
    pub fn chain_xml(&self, leaf: usize) -> Option<Vec<u8>> {
        let parts = &self.leaves.get(leaf)?.parts;
        Some(write::chain(self.algorithm, &self.path_to(leaf), parts))
    }

    /// The neighbours on the way from the top down to a leaf; levels without a neighbour are left out.
    fn path_to(&self, leaf: usize) -> Vec<Neighbour<'_>> {
        let mut path = Vec::new();
        let mut index = leaf;
        for level in &self.levels {
            let (left, neighbour) = if index.is_multiple_of(2) {
                (true, level.get(index.saturating_add(1)))
            } else {
                (false, level.get(index.saturating_sub(1)))
            };
            if let Some(digest) = neighbour {
                path.push(Neighbour { own_is_left: left, digest });
            }
            index /= 2;
        }
        path.reverse();
        path
    }
}

/// A digest as the log notes it: the algorithm's name, a colon, and hexadecimal digits.
#[must_use]
pub fn hash_string(algorithm: DigestAlgorithm, digest: &[u8]) -> String {
    let hex: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("{}:{hex}", algorithm.name())
}

/// Reads what [`hash_string`] writes; `None` when it is something else or has the wrong length.
#[must_use]
pub fn parse_hash_string(text: &str) -> Option<(DigestAlgorithm, Vec<u8>)> {
    let (name, hex) = text.split_once(':')?;
    let algorithm = DigestAlgorithm::from_name(name)?;
    let nibbles: Vec<u8> = hex
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let digest: Vec<u8> = nibbles
        .chunks_exact(2)
        .filter_map(|pair| if let [high, low] = pair { Some(high << 4 | low) } else { None })
        .collect();
    (hex.len() == algorithm.output_bytes().saturating_mul(2)).then_some((algorithm, digest))
}

struct Neighbour<'t> {
    own_is_left: bool,
    digest: &'t [u8],
}

fn leaf_digest(algorithm: DigestAlgorithm, leaf: &Leaf) -> Vec<u8> {
    match leaf.parts.as_slice() {
        [only] => only.digest.clone(),
        several => {
            let digests: Vec<&[u8]> = several.iter().map(|part| part.digest.as_slice()).collect();
            step(algorithm, &digests)
        }
    }
}

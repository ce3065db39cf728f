//! Reading and verifying a hash chain with the caller's digests (data-plane 5.5, "Verification").

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::Node;
use trust::algorithm::DigestAlgorithm;

use crate::canonical;
use crate::reading::{self, Children, DS, Misshapen, XmlRefusal, misshapen};

use super::digest_list;

const HASH_CHAIN: &str = "http://cyber.ee/hashchain";

/// The deepest chain that is followed: a tree over 2^64 leaves is no deeper.
const DEPTH_MAX: usize = 64;
/// The most values (references and digests) one chain may hold.
const VALUES_MAX: usize = 10_000;

/// What the caller knows about one part.
#[derive(Debug, Clone)]
pub struct Input<'a> {
    /// The name the chain calls it by, such as `/message.xml`.
    pub name: &'a str,
    /// A digest made by the caller; used when the chain asks for the same algorithm.
    pub digest: Option<(DigestAlgorithm, &'a [u8])>,
    /// The octets; hashed when there is no digest of the right algorithm.
    pub bytes: Option<&'a [u8]>,
}

/// What happens to a part that the chain names and the caller does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// Refuse: what a chain names must be here (messages on the way).
    Refuse,
    /// Take the digest that the chain declares for an attachment, and report the part as not held (evidence whose
    /// attachments were not kept, data-plane 7.8 step 5).
    TakeDeclaredForAttachments,
}

/// One part that the chain covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedPart {
    /// Its name.
    pub name: String,
    /// Whether the caller held it; otherwise only the declared digest is covered.
    pub held: bool,
    /// Whether the chain hashes a transformed form of it, so that not every octet is covered.
    pub transformed: bool,
}

/// What a verified chain covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The parts, in the order of the chain.
    pub parts: Vec<CheckedPart>,
}

/// Why a hash chain proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One of the two documents cannot be read.
    #[error("the hash chain cannot be read: {0}")]
    Xml(#[from] XmlRefusal),
    /// One of the two documents lacks something or has something that does not belong there.
    #[error("the hash chain is malformed: {0}")]
    Malformed(#[from] Misshapen),
    /// A part is named, but nothing here can stand for it.
    #[error("the hash chain refers to {name}, which is not here")]
    UnknownPart {
        /// The part's name.
        name: String,
    },
    /// A part's octets do not have the digest that the chain declares.
    #[error("the digest of {name} differs from the one in the hash chain")]
    PartDiffers {
        /// The part's name.
        name: String,
    },
    /// The chain does not lead to the result.
    #[error("the hash chain does not lead to its result")]
    ResultDiffers,
    /// Parts are here that the chain does not cover.
    #[error("the hash chain does not cover {}", names.join(", "))]
    UnusedInputs {
        /// Their names.
        names: Vec<String>,
    },
}

impl Refusal {
    /// X-Road's code, without any prefix.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Xml(_) | Self::Malformed(_) => "malformed_hash_chain",
            Self::UnknownPart { .. } | Self::PartDiffers { .. } => "invalid_hash_chain_ref",
            Self::ResultDiffers => "invalid_hash_chain",
            Self::UnusedInputs { .. } => "hashchain_unused_inputs",
        }
    }
}

/// Verifies that the chain leads from the inputs to the result, and that every input is covered.
///
/// `chain_name` is the name under which `chain` may be referred to, such as [`super::SIGNATURE_CHAIN`].
///
/// # Errors
/// A [`Refusal`]; cycles, steps used twice or never, parts named twice and SHA-1 are refused as malformed.
pub fn verify(
    result: &[u8],
    chain: &[u8],
    chain_name: &str,
    inputs: &[Input<'_>],
    absent: Absent,
) -> Result<Checked, Refusal> {
    let outcome = read_result(result)?;
    let chain = read_chain(chain)?;
    let (file, start) = outcome
        .uri
        .rsplit_once('#')
        .ok_or_else(|| Misshapen(format!("the result refers to {} and not to a step", outcome.uri)))?;
    if file != chain_name {
        return Err(Misshapen(format!("the result refers to {file} and not to {chain_name}")).into());
    }
    let mut walk = Walk {
        chain: &chain,
        chain_name,
        inputs,
        absent,
        steps_used: BTreeSet::new(),
        parts: Vec::new(),
        misdeclared: None,
    };
    let top = outcome.algorithm.digest(&walk.step(start, 0)?);
    let unreached = chain.steps.keys().find(|id| !walk.steps_used.contains(id.as_str()));
    if let Some(id) = unreached {
        return Err(Misshapen(format!("no other step leads to the step {id}")).into());
    }
    if top != outcome.digest {
        return Err(Refusal::ResultDiffers);
    }
    if let Some(name) = walk.misdeclared {
        return Err(Refusal::PartDiffers { name });
    }
    let names: Vec<String> = inputs
        .iter()
        .filter(|input| !walk.parts.iter().any(|part| part.name == input.name))
        .map(|input| input.name.to_owned())
        .collect();
    if names.is_empty() { Ok(Checked { parts: walk.parts }) } else { Err(Refusal::UnusedInputs { names }) }
}

struct Walk<'w> {
    chain: &'w Chain,
    chain_name: &'w str,
    inputs: &'w [Input<'w>],
    absent: Absent,
    steps_used: BTreeSet<&'w str>,
    parts: Vec<CheckedPart>,
    /// A part whose declared digest is not the caller's: reported only when the result fits nevertheless.
    misdeclared: Option<String>,
}

impl<'w> Walk<'w> {
    /// The DER `DigestList` of one step.
    fn step(&mut self, id: &str, depth: usize) -> Result<Vec<u8>, Refusal> {
        if depth >= DEPTH_MAX {
            return Err(Misshapen(format!("the chain is deeper than {DEPTH_MAX} steps")).into());
        }
        let (id, step) =
            self.chain.steps.get_key_value(id).ok_or_else(|| Misshapen(format!("there is no step {id}")))?;
        if !self.steps_used.insert(id) {
            return Err(Misshapen(format!("the step {id} is referred to twice")).into());
        }
        let mut items = Vec::new();
        for value in &step.values {
            let algorithm = self.chain.algorithm_of(value)?;
            let digest = match value {
                Value::Digest { digest, .. } => digest.clone(),
                Value::Step { uri, .. } => {
                    let target = self.target(uri)?;
                    algorithm.digest(&self.step(target, depth.saturating_add(1))?)
                }
                Value::Part { name, transforms, digest, .. } => {
                    self.part(name, algorithm, transforms, digest)?
                }
            };
            items.push((algorithm, digest));
        }
        let items: Vec<_> = items.iter().map(|(algorithm, digest)| (*algorithm, digest.as_slice())).collect();
        Ok(digest_list(&items))
    }

    fn target<'u>(&self, uri: &'u str) -> Result<&'u str, Refusal> {
        match uri.rsplit_once('#') {
            Some((file, id)) if file.is_empty() || file == self.chain_name => Ok(id),
            _ => Err(Misshapen(format!("the chain refers to {uri}, outside of itself")).into()),
        }
    }

    fn part(
        &mut self,
        name: &str,
        algorithm: DigestAlgorithm,
        transforms: &[String],
        declared: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        if self.parts.iter().any(|part| part.name == name) {
            return Err(Misshapen(format!("the chain names {name} twice")).into());
        }
        let mut checked =
            CheckedPart { name: name.to_owned(), held: true, transformed: !transforms.is_empty() };
        let input = self.inputs.iter().find(|input| input.name == name);
        let digest = match input {
            Some(Input { digest: Some((held, digest)), .. })
                if *held == algorithm && transforms.is_empty() =>
            {
                if *digest != declared {
                    self.misdeclared.get_or_insert_with(|| name.to_owned());
                }
                digest.to_vec()
            }
            Some(Input { bytes: Some(bytes), .. }) => {
                let digest = algorithm.digest(&transformed(bytes, transforms)?);
                if digest != declared {
                    return Err(Refusal::PartDiffers { name: name.to_owned() });
                }
                digest
            }
            // A digest under another algorithm stands for nothing here: data-plane 5.5, "Consequence".
            Some(_) => return Err(Refusal::UnknownPart { name: name.to_owned() }),
            None if self.absent == Absent::TakeDeclaredForAttachments && name.starts_with("/attachment") => {
                checked.held = false;
                declared.to_vec()
            }
            None => return Err(Refusal::UnknownPart { name: name.to_owned() }),
        };
        self.parts.push(checked);
        Ok(digest)
    }
}

/// Applies canonicalisation transforms to octets that are an XML document; no other transform is known.
fn transformed(bytes: &[u8], transforms: &[String]) -> Result<Vec<u8>, Refusal> {
    let mut octets = bytes.to_vec();
    for uri in transforms {
        let method = canonical::Method::from_uri(uri)
            .ok_or_else(|| Misshapen(format!("the transform {uri} is not known")))?;
        let text = reading::text_of(&octets)?;
        let document = reading::parse(text)?;
        octets = canonical::document(&document, &method).map_err(|why| Misshapen(why.to_string()))?;
    }
    Ok(octets)
}

/// A result document, read.
struct Outcome {
    uri: String,
    pub(crate) algorithm: DigestAlgorithm,
    pub(crate) digest: Vec<u8>,
}

/// A chain document, read.
pub(crate) struct Chain {
    pub(crate) default: Option<DigestAlgorithm>,
    pub(crate) steps: BTreeMap<String, Step>,
}

pub(crate) struct Step {
    pub(crate) values: Vec<Value>,
}

pub(crate) enum Value {
    Digest { algorithm: Option<DigestAlgorithm>, digest: Vec<u8> },
    Step { algorithm: Option<DigestAlgorithm>, uri: String },
    Part { algorithm: Option<DigestAlgorithm>, name: String, transforms: Vec<String>, digest: Vec<u8> },
}

impl Chain {
    /// Whether the default digest method is named for nothing: every value has its own.
    pub(crate) fn default_is_idle(&self) -> bool {
        let mut values = self.steps.values().flat_map(|step| &step.values);
        self.default.is_some() && values.all(|value| value.own_algorithm().is_some())
    }

    fn algorithm_of(&self, value: &Value) -> Result<DigestAlgorithm, Misshapen> {
        let algorithm = value.own_algorithm().or(self.default);
        algorithm.ok_or_else(|| Misshapen("a value has no digest method".to_owned()))
    }
}

impl Value {
    const fn own_algorithm(&self) -> Option<DigestAlgorithm> {
        let (Self::Digest { algorithm, .. } | Self::Step { algorithm, .. } | Self::Part { algorithm, .. }) =
            self;
        *algorithm
    }
}

fn read_result(bytes: &[u8]) -> Result<Outcome, Refusal> {
    let text = reading::text_of(bytes)?;
    let document = reading::parse(text)?;
    let root = reading::only_root(&document)?;
    if !reading::is(root, HASH_CHAIN, "HashChainResult") {
        return Err(Misshapen("the result is not a HashChainResult".to_owned()).into());
    }
    reading::only_attributes(root, &["URI"])?;
    let mut children = Children::of(root)?;
    let algorithm = digest_method(children.required(DS, "DigestMethod")?)?;
    let digest = digest_value(children.required(DS, "DigestValue")?)?;
    children.end()?;
    Ok(Outcome { uri: reading::required_attribute(root, "URI")?.to_owned(), algorithm, digest })
}

pub(crate) fn read_chain(bytes: &[u8]) -> Result<Chain, Refusal> {
    let text = reading::text_of(bytes)?;
    let document = reading::parse(text)?;
    let root = reading::only_root(&document)?;
    if !reading::is(root, HASH_CHAIN, "HashChain") {
        return Err(Misshapen("the chain is not a HashChain".to_owned()).into());
    }
    reading::only_attributes(root, &[])?;
    let mut children = Children::of(root)?;
    let default = children.optional(HASH_CHAIN, "DefaultDigestMethod").map(digest_method).transpose()?;
    let mut steps = BTreeMap::new();
    let mut values: usize = 0;
    while let Some(node) = children.optional(HASH_CHAIN, "HashStep") {
        reading::only_attributes(node, &["id"])?;
        let id = reading::required_attribute(node, "id")?;
        let step = read_step(node)?;
        values = values.saturating_add(step.values.len()).saturating_add(1);
        if values > VALUES_MAX {
            return Err(Misshapen(format!("the chain holds more than {VALUES_MAX} values")).into());
        }
        if steps.insert(id.to_owned(), step).is_some() {
            return Err(Misshapen(format!("the step {id} is defined twice")).into());
        }
    }
    children.end()?;
    Ok(Chain { default, steps })
}

fn read_step(node: Node<'_, '_>) -> Result<Step, Misshapen> {
    let mut children = Children::of(node)?;
    let mut values = Vec::new();
    while let Some(node) = children.any() {
        values.push(read_value(node)?);
    }
    if values.is_empty() {
        return misshapen("a step holds no value");
    }
    Ok(Step { values })
}

fn read_value(node: Node<'_, '_>) -> Result<Value, Misshapen> {
    let mut children = Children::of(node)?;
    let algorithm = children.optional(DS, "DigestMethod").map(digest_method).transpose()?;
    let value = if reading::is(node, HASH_CHAIN, "HashValue") {
        reading::only_attributes(node, &[])?;
        Value::Digest { algorithm, digest: digest_value(children.required(DS, "DigestValue")?)? }
    } else if reading::is(node, HASH_CHAIN, "StepRef") {
        reading::only_attributes(node, &["URI"])?;
        Value::Step { algorithm, uri: reading::required_attribute(node, "URI")?.to_owned() }
    } else if reading::is(node, HASH_CHAIN, "DataRef") {
        reading::only_attributes(node, &["URI"])?;
        let transforms = children.optional(DS, "Transforms").map(transforms).transpose()?.unwrap_or_default();
        let digest = digest_value(children.required(DS, "DigestValue")?)?;
        Value::Part {
            algorithm,
            name: reading::required_attribute(node, "URI")?.to_owned(),
            transforms,
            digest,
        }
    } else {
        return misshapen(format!("{} does not belong into a step", reading::called(node)));
    };
    children.end()?;
    Ok(value)
}

fn transforms(node: Node<'_, '_>) -> Result<Vec<String>, Misshapen> {
    reading::only_attributes(node, &[])?;
    let mut children = Children::of(node)?;
    let mut listed = Vec::new();
    while let Some(transform) = children.optional(DS, "Transform") {
        reading::only_attributes(transform, &["Algorithm"])?;
        Children::of(transform)?.end()?;
        listed.push(reading::required_attribute(transform, "Algorithm")?.to_owned());
        if listed.len() > 5 {
            return misshapen("a part has more than five transforms");
        }
    }
    children.end()?;
    Ok(listed)
}

fn digest_method(node: Node<'_, '_>) -> Result<DigestAlgorithm, Misshapen> {
    reading::only_attributes(node, &["Algorithm"])?;
    Children::of(node)?.end()?;
    let uri = reading::required_attribute(node, "Algorithm")?;
    match DigestAlgorithm::from_uri(uri) {
        Some(DigestAlgorithm::Sha1 | DigestAlgorithm::Sha224) | None => {
            misshapen(format!("the digest method {uri} is not accepted"))
        }
        Some(strong) => Ok(strong),
    }
}

fn digest_value(node: Node<'_, '_>) -> Result<Vec<u8>, Misshapen> {
    reading::only_attributes(node, &[])?;
    reading::base64(node)
}

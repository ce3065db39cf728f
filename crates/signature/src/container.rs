//! ASiC-E containers: one message with its signature, its time-stamp and its attachments in a zip (data-plane 7.6).
//!
//! In ours `mimetype` comes first, as the standard wants, and nothing is compressed: compressed data can be spelled in more than one
//! way, and then not every octet would count. A live server compresses everything, and both are read. Reading goes by name,
//! whatever the case, with bounds on everything, and is as strict about the file around the entries as can be.

mod manifest;
mod name;
mod packing;
pub(crate) mod zip;
pub(crate) mod unzip;

pub use name::{Direction, file_name};

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::SignedParts;

pub(crate) use manifest::is_manifest_of;

/// The media type that every container declares.
pub const MEDIA_TYPE: &str = "application/vnd.etsi.asic-e+zip";

/// The most octets one entry may unpack to.
pub const ENTRY_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The most octets all entries together may unpack to.
pub const TOTAL_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The most entries a container may have.
pub const ENTRIES_MAX: usize = 1024;

/// A time-stamp that covers a whole batch of signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchStamp {
    /// `ts-hashchainresult.xml`.
    pub result: Vec<u8>,
    /// `ts-hashchain.xml` of this signature.
    pub chain: Vec<u8>,
    /// The DER time-stamp token over the result.
    pub token: Vec<u8>,
}

/// What a container holds. Reading one proves nothing; [`crate::evidence::verify`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsicContainer {
    /// `message.xml`: SOAP, or the text of a REST message.
    pub message: Vec<u8>,
    /// The signature, with its hash chain if it has one.
    pub signed: SignedParts,
    /// The time-stamp, if it is a batch's; a single one stands inside the signature.
    pub stamp: Option<BatchStamp>,
    /// The signature once more, for general validators ([`crate::etsi`]), where there is one.
    pub etsi: Option<Vec<u8>>,
    /// The attachments by number, counted from one.
    pub attachments: BTreeMap<u32, Vec<u8>>,
    /// What else was found, as it was found.
    pub(crate) beside: Beside,
}

/// The entries that carry no evidence themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    pub(crate) manifest: Option<Vec<u8>>,
    pub(crate) asic_manifest: Option<Vec<u8>>,
    /// A `META-INF/timestamp.tst` without the hash chain that would make it a batch's.
    pub(crate) lone_token: bool,
    /// Entries that no container should have.
    pub(crate) unexpected: Vec<String>,
}

/// Why octets are not a container.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadRefusal {
    /// Not a zip file as containers are: `asic_invalid`, a code of ours.
    #[error("the container cannot be unpacked: {0}")]
    NotZip(String),
    /// The file around the evidence, which no signature reaches, is not as it was written: `asic_not_covered`, a code of ours.
    #[error("the file around the evidence was changed: {0}")]
    Altered(&'static str),
    /// More entries than we read.
    #[error("the container has {count} entries, more than {ENTRIES_MAX}")]
    TooManyEntries {
        /// How many there are.
        count: usize,
    },
    /// An entry, or all together, unpack to more than we read.
    #[error(
        "with the entry {name} more than {ENTRY_BYTES_MAX} bytes are unpacked, or {TOTAL_BYTES_MAX} in all"
    )]
    TooLarge {
        /// The entry at which the bound was hit.
        name: String,
    },
    /// The same name twice, whatever the case.
    #[error("the entry {name} is there twice")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// `asic_mime_type_not_found`.
    #[error("the container has no mimetype")]
    NoMimetype,
    /// `asic_invalid_mime_type`.
    #[error("the container's mimetype is not {MEDIA_TYPE}")]
    OtherMimetype,
    /// `asic_message_not_found`.
    #[error("the container has no message.xml")]
    NoMessage,
    /// `asic_signature_not_found`.
    #[error("the container has no signature")]
    NoSignature,
    /// `asic_hash_chain_result_not_found`.
    #[error("the container has {chain} without its result")]
    NoChainResult {
        /// The chain that is there.
        chain: &'static str,
    },
    /// `asic_hash_chain_not_found`.
    #[error("the container has {result} without its hash chain")]
    NoChain {
        /// The result that is there.
        result: &'static str,
    },
    /// `asic_timestamp_not_found`.
    #[error("the container has a time-stamp hash chain but no META-INF/timestamp.tst")]
    NoTimeStamp,
}

impl ReadRefusal {
    /// X-Road's code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotZip(_)
            | Self::TooManyEntries { .. }
            | Self::TooLarge { .. }
            | Self::Duplicate { .. } => "asic_invalid",
            Self::Altered(_) => "asic_not_covered",
            Self::NoMimetype => "asic_mime_type_not_found",
            Self::OtherMimetype => "asic_invalid_mime_type",
            Self::NoMessage => "asic_message_not_found",
            Self::NoSignature => "asic_signature_not_found",
            Self::NoChainResult { .. } => "asic_hash_chain_result_not_found",
            Self::NoChain { .. } => "asic_hash_chain_not_found",
            Self::NoTimeStamp => "asic_timestamp_not_found",
        }
    }
}

/// A container could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the container cannot be written: it is too large for a zip file")]
pub struct WriteFailure;

impl AsicContainer {
    /// Puts a container together, to be written.
    #[must_use]
    pub fn new(
        message: Vec<u8>,
        signed: SignedParts,
        stamp: Option<BatchStamp>,
        attachments: Vec<Vec<u8>>,
    ) -> Self {
        Self {
            message,
            signed,
            stamp,
            etsi: None,
            attachments: (1_u32..).zip(attachments).collect(),
            beside: Beside::default(),
        }
    }

    /// The same container with a second form of the signature ([`crate::etsi::write`]).
    #[must_use]
    pub fn with_etsi(self, document: Vec<u8>) -> Self {
        Self { etsi: Some(document), ..self }
    }

    /// Writes the zip file, with every entry dated `at`.
    ///
    /// # Errors
    /// [`WriteFailure`] when it would not fit a zip file.
    pub fn write(&self, at: Timestamp) -> Result<Vec<u8>, WriteFailure> {
        zip::zip(&self.entries(), at).ok_or(WriteFailure)
    }

    /// The entries in the order of data-plane 7.6.
    fn entries(&self) -> Vec<(String, Vec<u8>)> {
        let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
        let mut push = |name: &str, octets: &[u8]| entries.push((name.to_owned(), octets.to_vec()));
        push("mimetype", MEDIA_TYPE.as_bytes());
        push("message.xml", &self.message);
        push("META-INF/signatures.xml", &self.signed.signatures_xml);
        if let Some(document) = &self.etsi {
            push(crate::etsi::ENTRY, document);
        }
        if let Some(result) = &self.signed.hash_chain_result {
            push("sig-hashchainresult.xml", result);
        }
        if let Some(chain) = &self.signed.hash_chain {
            push("sig-hashchain.xml", chain);
        }
        if let Some(stamp) = &self.stamp {
            push("ts-hashchainresult.xml", &stamp.result);
            push("ts-hashchain.xml", &stamp.chain);
        }
        push("META-INF/manifest.xml", &manifest::manifest(&self.listed()));
        if let Some(manifest) = &self.asic_manifest() {
            push("META-INF/ASiCManifest.xml", manifest);
        }
        if let Some(stamp) = &self.stamp {
            push("META-INF/timestamp.tst", &stamp.token);
        }
        for (number, octets) in &self.attachments {
            push(&format!("attachment{number}"), octets);
        }
        entries
    }

    /// `META-INF/ASiCManifest.xml` as it must be. It says that the token is over the manifest itself (EN 319 162-1), which X-Road's is
    /// not: a container for general validators goes without.
    pub(crate) fn asic_manifest(&self) -> Option<Vec<u8>> {
        self.stamp
            .as_ref()
            .filter(|_| self.etsi.is_none())
            .map(|stamp| manifest::asic_manifest(&stamp.result))
    }

    /// The names that the manifest lists, with their media types.
    pub(crate) fn listed(&self) -> Vec<(String, &'static str)> {
        let mut names = vec![("message.xml".to_owned(), "text/xml")];
        let chain = [
            (self.signed.hash_chain_result.is_some(), "sig-hashchainresult.xml"),
            (self.signed.hash_chain.is_some(), "sig-hashchain.xml"),
            (self.stamp.is_some(), "ts-hashchainresult.xml"),
            (self.stamp.is_some(), "ts-hashchain.xml"),
        ];
        names.extend(
            chain.into_iter().filter(|(present, _)| *present).map(|(_, name)| (name.to_owned(), "text/xml")),
        );
        names.extend(
            self.attachments.keys().map(|number| (format!("attachment{number}"), "application/octet-stream")),
        );
        names
    }

    /// Reads a container.
    ///
    /// # Errors
    /// A [`ReadRefusal`], whose [`ReadRefusal::code`] is X-Road's where X-Road has one.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadRefusal> {
        let mut entries = unzip::unzip(bytes)?;
        match entries.remove("mimetype") {
            None => return Err(ReadRefusal::NoMimetype),
            Some(found) if found != MEDIA_TYPE.as_bytes() => return Err(ReadRefusal::OtherMimetype),
            Some(_) => {}
        }
        let message = entries.remove("message.xml").ok_or(ReadRefusal::NoMessage)?;
        let etsi = entries.remove(&crate::etsi::ENTRY.to_lowercase());
        let signatures_xml = take_signature(&mut entries)?;
        let pairs =
            |entries: &mut BTreeMap<String, Vec<u8>>, chain: &'static str, result: &'static str| match (
                entries.remove(result),
                entries.remove(chain),
            ) {
                (Some(_), None) => Err(ReadRefusal::NoChain { result }),
                (None, Some(_)) => Err(ReadRefusal::NoChainResult { chain }),
                (Some(result), Some(chain)) => Ok(Some((result, chain))),
                (None, None) => Ok(None),
            };
        let (hash_chain_result, hash_chain) =
            pairs(&mut entries, "sig-hashchain.xml", "sig-hashchainresult.xml")?.unzip();
        let stamped = pairs(&mut entries, "ts-hashchain.xml", "ts-hashchainresult.xml")?;
        let token = entries.remove("meta-inf/timestamp.tst");
        let mut beside = Beside {
            manifest: entries.remove("meta-inf/manifest.xml"),
            asic_manifest: entries.remove("meta-inf/asicmanifest.xml"),
            lone_token: token.is_some() && stamped.is_none(),
            unexpected: Vec::new(),
        };
        let stamp = match (stamped, token) {
            (Some((result, chain)), Some(token)) => Some(BatchStamp { result, chain, token }),
            (Some(_), None) => return Err(ReadRefusal::NoTimeStamp),
            (None, _) => None,
        };
        let mut attachments = BTreeMap::new();
        for (name, octets) in entries {
            match attachment_number(&name) {
                Some(number) => drop(attachments.insert(number, octets)),
                None => beside.unexpected.push(name),
            }
        }
        let signed = SignedParts { signatures_xml, hash_chain_result, hash_chain };
        Ok(Self { message, signed, stamp, etsi, attachments, beside })
    }
}

/// The entry `META-INF/*signatures*.xml`; there may be one only.
fn take_signature(entries: &mut BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, ReadRefusal> {
    let matches = |name: &String| {
        name.strip_prefix("meta-inf/")
            .and_then(|rest| rest.strip_suffix(".xml"))
            .is_some_and(|stem| stem.contains("signatures"))
    };
    let mut names = entries.keys().filter(|name| matches(name)).cloned();
    let name = names.next().ok_or(ReadRefusal::NoSignature)?;
    if let Some(second) = names.next() {
        return Err(ReadRefusal::Duplicate { name: second });
    }
    entries.remove(&name).ok_or(ReadRefusal::NoSignature)
}

fn attachment_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix("attachment")?;
    if number.starts_with('0') || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse().ok()
}

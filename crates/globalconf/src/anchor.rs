//! The configuration anchor: where a configuration comes from and who may sign it (control-plane 1.1).

use crate::certificate::CertificateBytes;
use crate::xml::{self, Malformed, Sequence, Unwritable, Writer, filled_text};
use jiff::Timestamp;
use roxmltree::Node;
use trust::DigestAlgorithm;

/// Largest anchor that is read, in bytes.
pub const ANCHOR_BYTES_MAX: usize = 1 << 20;

/// An anchor file, or a `configurationAnchor` inside private parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// When it was made; optional in the schema. Written with milliseconds.
    pub generated_at: Option<Timestamp>,
    /// The instance that the sources speak for.
    pub instance: String,
    /// At least one.
    pub sources: Vec<Source>,
}

/// One address of signed configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// For instance `http://cs.example/internalconf`.
    pub download_url: String,
    /// At least one; which of them is active is not said, so that keys can change over (control-plane 1.2).
    pub verification_certificates: Vec<CertificateBytes>,
}

/// Why a stand-alone anchor is refused. The original answers `malformed_anchor`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Bigger than [`ANCHOR_BYTES_MAX`].
    #[error("the anchor has {bytes} bytes; at most {ANCHOR_BYTES_MAX} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not the XML of an anchor.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl Refusal {
    /// The original's error code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "malformed_anchor"
    }
}

impl Anchor {
    /// Reads an anchor file.
    ///
    /// # Errors
    /// [`Refusal`] when it is too large or does not follow the schema.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > ANCHOR_BYTES_MAX {
            return Err(Refusal::TooLarge { bytes: bytes.len() });
        }
        Ok(xml::with_root(bytes, "configurationAnchor", Self::read_node)?)
    }

    pub(crate) fn read_node(node: Node<'_, '_>) -> Result<Self, Malformed> {
        let mut children = Sequence::of(node, &[])?;
        let generated_at = children.optional("generatedAt").map(read_time).transpose()?;
        let instance = filled_text(children.required("instanceIdentifier")?)?;
        let sources =
            children.at_least_one("source")?.into_iter().map(read_source).collect::<Result<_, _>>()?;
        children.finish(false)?;
        Ok(Self { generated_at, instance, sources })
    }

    /// Writes the anchor file as a central server does. Put the `http` sources before the `https` ones (trap
    /// 12).
    ///
    /// # Errors
    /// [`Unwritable`] when a source or its certificates are missing, or a text holds a character XML cannot
    /// carry.
    pub fn write(&self) -> Result<Vec<u8>, Unwritable> {
        let mut writer = Writer::new("configurationAnchor");
        self.write_body(&mut writer)?;
        Ok(writer.finish())
    }

    pub(crate) fn write_body(&self, writer: &mut Writer) -> Result<(), Unwritable> {
        if self.sources.is_empty() {
            return Err(Unwritable::shape("configurationAnchor", "at least one source is required"));
        }
        let generated_at = self.generated_at.map(crate::time::milliseconds_text);
        writer.optional_text("generatedAt", generated_at.as_deref())?;
        writer.text("instanceIdentifier", &self.instance)?;
        for source in &self.sources {
            if source.verification_certificates.is_empty() {
                return Err(Unwritable::shape("source", "at least one verification certificate is required"));
            }
            writer.open("source", "");
            writer.text("downloadURL", &source.download_url)?;
            for certificate in &source.verification_certificates {
                writer.base64("verificationCert", certificate.as_bytes())?;
            }
            writer.close();
        }
        Ok(())
    }
}

fn read_time(node: Node<'_, '_>) -> Result<Timestamp, Malformed> {
    let text = xml::text(node)?;
    crate::time::parse_xs(&text)
        .ok_or_else(|| Malformed::new(xml::path_of(node), format!("{text:?} is not a time")))
}

fn read_source(node: Node<'_, '_>) -> Result<Source, Malformed> {
    let mut children = Sequence::of(node, &[])?;
    let download_url = filled_text(children.required("downloadURL")?)?.trim().to_owned();
    let verification_certificates = children
        .at_least_one("verificationCert")?
        .into_iter()
        .map(|certificate| xml::base64(certificate).map(CertificateBytes::new))
        .collect::<Result<_, _>>()?;
    children.finish(false)?;
    Ok(Source { download_url, verification_certificates })
}

/// The hash of an anchor file that people compare: SHA-224 of the raw bytes.
#[must_use]
pub fn hash(file: &[u8]) -> Vec<u8> {
    DigestAlgorithm::Sha224.digest(file)
}

/// [`hash`] as a central server shows it: upper-case hex, bytes separated by `:`.
#[must_use]
pub fn delimited_hash(file: &[u8]) -> String {
    hash(file).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

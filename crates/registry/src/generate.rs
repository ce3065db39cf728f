//! One generation: the files of every version, and the signed directories that name them (control-plane 1.3, 1.9).

use crate::compose::{self, ComposeFault, File};
use crate::config::Config;
use crate::declaration::Declaration;
use crate::error::GenerateFault;
use crate::signing_key::{SigningKey, Source};
use clock::Chance;
use globalconf::directory::{self, BOUNDARY_CHARACTERS, Draft, DraftFile, file_location};
use jiff::{SignedDuration, Timestamp};
use keystore::{KeyAlgorithm, Keystore};
use std::collections::BTreeMap;
use trust::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm};

/// Files, digests and signatures of all versions: ready to be published, and verified.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Generation {
    /// When it was made; later than every generation before it.
    pub(crate) made: Timestamp,
    /// Name of its folder in each version (control-plane 1.3.1).
    pub(crate) stamp: String,
    /// By version.
    pub(crate) versions: BTreeMap<u8, Contents>,
}

/// What one version consists of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contents {
    /// The files, by their names.
    pub(crate) files: Vec<(&'static str, Vec<u8>)>,
    /// The signed directories.
    pub(crate) directories: Vec<(Source, Vec<u8>)>,
}

/// What signs, and what it signs from.
pub(crate) struct Materials<'a> {
    pub(crate) config: &'a Config,
    pub(crate) keystore: &'a Keystore,
    pub(crate) chance: &'a Chance,
    pub(crate) declared: &'a Declaration,
    pub(crate) keys: &'a [SigningKey],
}

/// The folder name of a generation made at `made`: 14 digits of date and time, 9 of nanoseconds.
pub(crate) fn stamp(made: Timestamp) -> String {
    file_location(0, made, "").split('/').nth(2).unwrap_or_default().to_owned()
}

/// Makes a generation that holds from `now` for as long as the configuration says.
pub(crate) fn generate(
    from: &Materials<'_>,
    made: Timestamp,
    now: Timestamp,
) -> Result<Generation, GenerateFault> {
    let lasting = SignedDuration::from_secs(i64::from(from.config.expire_seconds));
    let expires = now.checked_add(lasting).map_err(|_| GenerateFault::Clock)?;
    let composed = compose::all_versions(from.config, from.declared, from.keys).map_err(unwritable)?;
    let mut versions = BTreeMap::new();
    for (version, files) in composed {
        let mut directories = Vec::new();
        for source in Source::ALL {
            let document = signed_directory(from, version, source, &files, made, expires)?;
            verify(from.keys, version, source, &document, now)?;
            directories.push((source, document));
        }
        let files = files.into_iter().map(|file| (file.name, file.bytes)).collect();
        versions.insert(version, Contents { files, directories });
    }
    Ok(Generation { made, stamp: stamp(made), versions })
}

fn unwritable((version, fault): (u8, ComposeFault)) -> GenerateFault {
    GenerateFault::Unwritable { version, why: fault.to_string() }
}

fn signed_directory(
    from: &Materials<'_>,
    version: u8,
    source: Source,
    files: &[File],
    made: Timestamp,
    expires: Timestamp,
) -> Result<Vec<u8>, GenerateFault> {
    let refused = |unwritable| GenerateFault::UnwritableDirectory { version, unwritable };
    let listed: Vec<DraftFile> = files
        .iter()
        .filter(|file| file.belongs_to(source))
        .map(|file| {
            let location = file_location(version, made, file.name);
            DraftFile::new(file.identifier, &location, &file.bytes, DigestAlgorithm::Sha512)
        })
        .collect();
    let boundaries = (from.chance.letters(BOUNDARY_CHARACTERS), from.chance.letters(BOUNDARY_CHARACTERS));
    let instance = from.config.instance.as_str();
    let draft =
        Draft::new(version, expires, instance, &listed, (&boundaries.0, &boundaries.1)).map_err(refused)?;
    let key = from.keys.iter().find(|key| key.source == source && key.active);
    let key = key.ok_or(GenerateFault::NoKey { origin: source })?;
    let failed = |failure| GenerateFault::Signing { origin: source, failure };
    let held = from.keystore.find(&key.key);
    let held = held.ok_or_else(|| failed(keystore::SignFailure::UnknownKey { key: key.key.clone() }))?;
    let algorithm = algorithm(held.algorithm);
    let digest = algorithm.digest().digest(draft.to_be_signed());
    let signature =
        from.keystore.sign_digest_blocking(&key.key, algorithm, &digest, EcdsaForm::Der).map_err(failed)?;
    draft.finish(&signature, algorithm, key.certificate.der()).map_err(refused)
}

/// SHA-512, as a central server signs (`confSignDigestAlgoId`).
const fn algorithm(key: KeyAlgorithm) -> SignatureAlgorithm {
    if key.is_rsa() {
        SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha512)
    } else {
        SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha512)
    }
}

/// Reads the document as a client does, with the certificates that clients have. A key that does not belong to its certificate is
/// found here, and not by every gateway of the nation at once.
fn verify(
    keys: &[SigningKey],
    version: u8,
    source: Source,
    document: &[u8],
    now: Timestamp,
) -> Result<(), GenerateFault> {
    let certificates = compose::certificates(keys, source);
    directory::read(document, &certificates, now)
        .map(|_| ())
        .map_err(|refusal| GenerateFault::DoesNotVerify { version, origin: source, refusal })
}

//! Keys, requests, certificates: what an operator does once for a new gateway.

use anyhow::{Context as _, Result};
use clock::Clock;
use identifier::{MemberId, ServerId};
use jiff::SignedDuration;
use keystore::{
    AlternativeName, KeyAlgorithm, KeyId, KeyUsage, Keystore, Owner, Pin, PinHardness, SelfSigned, Settings,
    Subject,
};
use practice::PracticeAuthority;
use std::path::Path;
use trust::Certificate;

/// The identity of one gateway.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// The authentication certificate, to be registered.
    pub authentication: Certificate,
    /// Its key.
    pub authentication_key: KeyId,
    /// The signing certificate of the member.
    pub signing: Certificate,
    /// Its key.
    pub signing_key: KeyId,
}

/// A keystore that is cheap to open.
fn create(folder: &Path, pin: &Pin) -> Result<Keystore> {
    let settings = Settings {
        pin_hardness: PinHardness { memory_kib: 64, passes: 1 },
        sign_threads: 2,
        ..Settings::default()
    };
    Ok(Keystore::create_with(folder, pin, settings)?)
}

/// Makes a keystore with an authentication, a signing and an internal TLS key, certified by the practice authority.
///
/// # Errors
/// What the keystore or the authority refused.
pub fn enrol(
    folder: &Path,
    pin: &Pin,
    server: &ServerId,
    algorithm: KeyAlgorithm,
    authority: &PracticeAuthority,
    clock: &Clock,
) -> Result<Enrolled> {
    let keystore = create(folder, pin)?;
    let member = server.owner();
    let authentication_key = keystore.generate(KeyUsage::Authentication, algorithm, "authentication")?;
    let subject = Subject::new([("C", server.instance()), ("CN", server.server())])?;
    let request = keystore.csr(&authentication_key, &subject, &[])?;
    let issued = authority.issue_authentication(request.der())?;
    keystore.import_certificate(&issued.der, &Owner::server(server.clone()))?;
    let authentication = Certificate::from_der(&issued.der)?;
    keystore.activate(&authentication.sha256())?;
    let (signing_key, signing) = certify_signer(&keystore, &member, algorithm, authority)?;
    internal_tls(&keystore, clock)?;
    Ok(Enrolled { authentication, authentication_key, signing, signing_key })
}

fn certify_signer(
    keystore: &Keystore,
    member: &MemberId,
    algorithm: KeyAlgorithm,
    authority: &PracticeAuthority,
) -> Result<(KeyId, Certificate)> {
    let key = keystore.generate(KeyUsage::Signing, algorithm, "signing")?;
    let subject = Subject::new([("C", member.instance()), ("O", member.class()), ("CN", member.code())])?;
    let request = keystore.csr(&key, &subject, &[])?;
    let issued = authority.issue_signing(request.der())?;
    keystore.import_certificate(&issued.der, &Owner::member(member.clone()))?;
    Ok((key, Certificate::from_der(&issued.der)?))
}

fn internal_tls(keystore: &Keystore, clock: &Clock) -> Result<()> {
    let key = keystore.generate(KeyUsage::InternalTls, KeyAlgorithm::EcP256, "internal")?;
    let now = clock.now();
    let year = SignedDuration::from_hours(24 * 365);
    let shape = SelfSigned::InternalTls {
        common_name: "gateway".to_owned(),
        alternative_names: vec![AlternativeName::parse("localhost")?],
        not_before: now.checked_sub(SignedDuration::from_hours(1)).context("time")?,
        not_after: now.checked_add(year).context("time")?,
    };
    keystore.self_signed(&key, &shape)?;
    Ok(())
}

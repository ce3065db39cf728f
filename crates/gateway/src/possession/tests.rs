//! Tests of the module beside it. Certificates and signatures are OpenSSL's.
use super::*;
use crate::shown::shown;
use crate::transport::tls::tests::certificate;
use crate::{inbound, outbound};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa as RsaKey};
use openssl::sign::{RsaPssSaltlen, Signer};
use rustls::sign::SingleCertAndKey;
use std::sync::Arc;
use trust::algorithm::DigestAlgorithm;

/// A key, and a certificate for it: of X.509 version 1 where nothing else is said.
struct Identity {
    key: PKey<Private>,
    certificate: Vec<u8>,
}

impl Identity {
    fn of(key: PKey<Private>) -> Self {
        Self::new(0, key)
    }

    fn new(version: i32, key: PKey<Private>) -> Self {
        let certificate = certificate("system", version, &key).to_der().unwrap();
        Self { key, certificate }
    }

    fn ec(curve: Nid) -> Self {
        let group = EcGroup::from_curve_name(curve).unwrap();
        Self::of(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap())
    }

    fn rsa(bits: u32) -> Self {
        Self::of(PKey::from_rsa(RsaKey::generate(bits).unwrap()).unwrap())
    }

    /// Two of a kind.
    fn pair(kind: KeyKind) -> [Self; 2] {
        [(); 2].map(|()| match kind {
            Ec(P256) => Self::ec(Nid::X9_62_PRIME256V1),
            Ec(P384) => Self::ec(Nid::SECP384R1),
            Ec(P521) => Self::ec(Nid::SECP521R1),
            Rsa | KeyKind::Other => Self::rsa(2048),
        })
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Vec<u8> {
        let digest = match algorithm.digest() {
            Sha384 => MessageDigest::sha384(),
            Sha512 => MessageDigest::sha512(),
            Sha256 | DigestAlgorithm::Sha1 | DigestAlgorithm::Sha224 => MessageDigest::sha256(),
        };
        let mut signer = Signer::new(digest, &self.key).unwrap();
        if let RsaPss(_) = algorithm {
            signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            signer.set_rsa_mgf1_md(digest).unwrap();
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
        }
        signer.sign_oneshot_to_vec(message).unwrap()
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from(self.certificate.clone())]
    }

    /// This one's key under that one's certificate.
    fn presenting(&self, other: &Self) -> Arc<SingleCertAndKey> {
        shown(other.chain(), &self.key.private_key_to_pkcs8().unwrap()).unwrap()
    }
}

const UNOFFERED: Error = Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme);
const FORGED: Error = Error::InvalidCertificate(CertificateError::BadSignature);

#[test]
fn a_signature_counts_only_by_the_key_of_the_certificate() {
    let pairs = [Ec(P256), Ec(P384), Ec(P521), Rsa].map(|kind| (kind, Identity::pair(kind)));
    for (scheme, algorithm, bound) in SCHEMES {
        let kind = bound.unwrap_or(Rsa);
        let (_, [holder, thief]) = pairs.iter().find(|(other, _)| *other == kind).unwrap();
        let good = holder.sign(algorithm, b"handshake");
        for version in [Version::Tls12, Version::Tls13] {
            let verdict = |message: &[u8], signature: &[u8]| {
                check(version, message, &holder.certificate, scheme, signature)
            };
            if version == Version::Tls13 && bound.is_none() {
                assert_eq!(verdict(b"handshake", &good), Err(UNOFFERED), "{scheme:?}: PKCS#1 in TLS 1.3");
                continue;
            }
            assert_eq!(verdict(b"handshake", &good), Ok(()), "{scheme:?} {version:?}");
            assert_eq!(verdict(b"another", &good), Err(FORGED), "{scheme:?} {version:?}");
            let stolen = thief.sign(algorithm, b"handshake");
            assert_eq!(verdict(b"handshake", &stolen), Err(FORGED), "{scheme:?} {version:?}");
            assert_eq!(verdict(b"handshake", b""), Err(FORGED), "{scheme:?} {version:?}");
        }
    }
}

#[test]
fn a_scheme_is_bound_to_its_curve_in_tls_1_3_only() {
    let holder = Identity::ec(Nid::SECP384R1);
    let signature = holder.sign(Ecdsa(Sha256), b"handshake");
    let verdict = |version| {
        let scheme = SignatureScheme::ECDSA_NISTP256_SHA256;
        check(version, b"handshake", &holder.certificate, scheme, &signature)
    };
    assert_eq!(verdict(Version::Tls12), Ok(()));
    assert_eq!(verdict(Version::Tls13), Err(UNOFFERED));
}

#[test]
fn refuses_what_was_not_offered_short_keys_and_what_is_no_certificate() {
    let holder = Identity::rsa(2048);
    let old = holder.sign(RsaPkcs1(Sha256), b"handshake");
    for version in [Version::Tls12, Version::Tls13] {
        for scheme in [SignatureScheme::RSA_PKCS1_SHA1, SignatureScheme::ED25519, SignatureScheme::Unknown(7)]
        {
            let verdict = check(version, b"handshake", &holder.certificate, scheme, &old);
            assert_eq!(verdict, Err(UNOFFERED), "{scheme:?}");
        }
        let scheme = SignatureScheme::RSA_PSS_SHA256;
        let verdict = check(version, b"handshake", b"no certificate", scheme, &old);
        assert_eq!(verdict, Err(CertificateError::BadEncoding.into()));
        let short = Identity::rsa(1024);
        let signature = short.sign(RsaPss(Sha256), b"handshake");
        assert_eq!(check(version, b"handshake", &short.certificate, scheme, &signature), Err(FORGED));
    }
    let offered = ClientCertVerifier::supported_verify_schemes(&Possession);
    assert_eq!(offered, ServerCertVerifier::supported_verify_schemes(&Possession));
    assert_eq!(offered, SCHEMES.map(|(scheme, ..)| scheme));
}

/// The handshake of the two in memory; what the first of them that fails says, and who it is.
fn handshake(
    client: Arc<rustls::ClientConfig>,
    server: Arc<rustls::ServerConfig>,
) -> Result<(), (&'static str, Error)> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = rustls::ClientConnection::new(client, name).unwrap();
    let mut server = rustls::ServerConnection::new(server).unwrap();
    for _ in 0..10 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets().map_err(|error| ("server", error))?;
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets().map_err(|error| ("client", error))?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

/// A program of others with one certificate, or another's, in one version of TLS.
fn foreign(
    version: &'static rustls::SupportedProtocolVersion,
    identity: Arc<SingleCertAndKey>,
) -> (Arc<rustls::ClientConfig>, Arc<rustls::ServerConfig>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Possession))
        .with_client_cert_resolver(identity.clone());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(Arc::new(Possession))
        .with_cert_resolver(identity);
    (Arc::new(client), Arc::new(server))
}

#[test]
fn nobody_gets_through_a_handshake_with_a_certificate_alone() {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let ours = Identity::new(2, PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap());
    let calling = Arc::new(inbound::service_tls::config(ours.presenting(&ours)).unwrap());
    let listening = Arc::new(outbound::listen::tls_config(ours.presenting(&ours)).unwrap());
    for kind in [Ec(P256), Rsa] {
        let [holder, thief] = Identity::pair(kind);
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let (consumer, service) = foreign(version, holder.presenting(&holder));
            assert_eq!(handshake(Arc::clone(&calling), service), Ok(()));
            assert_eq!(handshake(consumer, Arc::clone(&listening)), Ok(()));
            let (consumer, service) = foreign(version, thief.presenting(&holder));
            assert_eq!(handshake(Arc::clone(&calling), service), Err(("client", FORGED)));
            assert_eq!(handshake(consumer, Arc::clone(&listening)), Err(("server", FORGED)));
        }
    }
}

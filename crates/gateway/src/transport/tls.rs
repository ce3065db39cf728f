//! TLS towards peers, the one place in the house that uses OpenSSL: X-Road's port 5500 speaks TLS 1.2 with three CBC suites only
//! (data-plane 4.1), which no other library offers.
//!
//! Towards a gateway of our own kind TLS 1.3 and kept connections are used. Our kind is told by an ALPN name that an X-Road server
//! neither offers nor answers, so it notices nothing. Once known, it is connected by [`super::own_kind`].

use openssl::dh::Dh;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{
    AlpnError, Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslRef,
    SslSessionCacheMode, SslVerifyMode, SslVersion, select_next_proto,
};
use openssl::stack::Stack;
use openssl::x509::{X509, X509Name, X509VerifyResult};
use std::sync::Arc;
use trust::{Certificate, UnreadableCertificate};

const SUITES_TLS12: &str = "ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA256:ECDHE-ECDSA-AES256-SHA384";
const SUITES_TLS13: &str = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
/// How gateways of our own kind know each other, and the same length-prefixed, as a list of one.
pub(crate) const OWN_KIND: &[u8] = b"chhatra/1";
const OWN_KIND_ONLY: &[u8] = b"\x09chhatra/1";
/// Sessions that peers may resume here. They end with the context, which lives for an hour at most.
const SESSIONS_MAX: i32 = 4096;
/// The group ffdhe2048 of RFC 7919.
const DH_2048: &[u8] = include_bytes!("ffdhe2048.pem");

/// Whether a certificate (DER) may open a connection to us: it is registered for some server of some instance.
pub(crate) type Admission = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// Our authentication certificate, the intermediates that go with it, and its key.
pub(crate) struct Credentials<'a> {
    pub(crate) chain: &'a [Certificate],
    pub(crate) key_pkcs8: &'a [u8],
    /// Whether we show that we are of our own kind; otherwise we speak as X-Road does.
    pub(crate) as_own_kind: bool,
}

/// The listener's side: a client certificate is demanded and must be admitted; path and OCSP are checked when the message is read.
pub(crate) fn acceptor(
    credentials: &Credentials<'_>,
    authorities: &[Vec<u8>],
    admission: Admission,
) -> Result<SslContext, ErrorStack> {
    let mut builder = base(SslMethod::tls_server(), credentials)?;
    builder.set_tmp_dh(&*Dh::params_from_pem(DH_2048)?)?;
    builder.set_session_id_context(b"chhatra")?;
    builder.set_session_cache_mode(SslSessionCacheMode::SERVER);
    builder.set_session_cache_size(SESSIONS_MAX);
    // Sessions stay in memory instead of tickets, since a ticket forgets the intermediates that the peer presented.
    builder.set_options(
        SslOptions::NO_TICKET | SslOptions::CIPHER_SERVER_PREFERENCE | SslOptions::NO_RENEGOTIATION,
    );
    builder.set_client_ca_list(names(authorities)?);
    let own = credentials.chain.first().and_then(|leaf| X509::from_der(leaf.der()).ok());
    builder.set_verify_callback(
        SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
        move |_, context| {
            if context.error_depth() > 0 {
                return true;
            }
            let presented = context.current_cert().map(ToOwned::to_owned);
            let admitted =
                presented.as_ref().and_then(|c| c.to_der().ok()).is_some_and(|der| admission(&der));
            if let Some(presented) = presented.filter(|_| !admitted) {
                // That it was not issued with our certificate is true, and becomes the alert certificate_unknown, as in X-Road (E.2).
                context.set_error(
                    own.as_ref()
                        .map_or(X509VerifyResult::APPLICATION_VERIFICATION, |own| own.issued(&presented)),
                );
            }
            admitted
        },
    );
    if credentials.as_own_kind {
        builder.set_alpn_select_callback(|_, offered| {
            select_next_proto(OWN_KIND_ONLY, offered).ok_or(AlpnError::NOACK)
        });
    }
    Ok(builder.build())
}

/// The connecting side: nothing is checked during the handshake; `verify_peer` does it before a byte of HTTP is sent.
pub(crate) fn connector(credentials: &Credentials<'_>) -> Result<SslContext, ErrorStack> {
    let mut builder = base(SslMethod::tls_client(), credentials)?;
    builder.set_verify(SslVerifyMode::NONE);
    if credentials.as_own_kind {
        builder.set_alpn_protos(OWN_KIND_ONLY)?;
    }
    Ok(builder.build())
}

fn base(method: SslMethod, credentials: &Credentials<'_>) -> Result<SslContextBuilder, ErrorStack> {
    let mut builder = SslContextBuilder::new(method)?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    let newest = if credentials.as_own_kind { SslVersion::TLS1_3 } else { SslVersion::TLS1_2 };
    builder.set_max_proto_version(Some(newest))?;
    builder.set_cipher_list(SUITES_TLS12)?;
    builder.set_ciphersuites(SUITES_TLS13)?;
    builder.set_mode(
        SslMode::RELEASE_BUFFERS | SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER,
    );
    builder.set_options(SslOptions::NO_COMPRESSION);
    // One call to the system for all that has come, not two for each TLS record.
    builder.set_read_ahead(true);
    if let Some((leaf, intermediates)) = credentials.chain.split_first() {
        builder.set_certificate(&*X509::from_der(leaf.der())?)?;
        for intermediate in intermediates {
            builder.add_extra_chain_cert(X509::from_der(intermediate.der())?)?;
        }
    }
    builder.set_private_key(&*PKey::private_key_from_pkcs8(credentials.key_pkcs8)?)?;
    builder.check_private_key()?;
    Ok(builder)
}

fn names(subjects_der: &[Vec<u8>]) -> Result<Stack<X509Name>, ErrorStack> {
    let mut stack = Stack::new()?;
    for der in subjects_der {
        stack.push(X509Name::from_der(der)?)?;
    }
    Ok(stack)
}

/// A session for one connection.
pub(crate) fn session(context: &SslContext) -> Result<Ssl, ErrorStack> {
    Ssl::new(context)
}

/// Whether the other side is of our own kind.
pub(crate) fn is_own_kind(ssl: &SslRef) -> bool {
    ssl.selected_alpn_protocol() == Some(OWN_KIND)
}

/// The certificates that the other side presented, its own first; after a resumption those of the session's first handshake.
pub(crate) fn presented(ssl: &SslRef) -> Result<Vec<Certificate>, UnreadableCertificate> {
    let leaf = ssl.peer_certificate().and_then(|c| c.to_der().ok());
    let others = ssl.peer_cert_chain().into_iter().flatten().filter_map(|c| c.to_der().ok());
    chain(leaf.into_iter().chain(others))
}

/// Each certificate once. They are read all or none: the key of the first was proven, and no other may step into its place.
pub(super) fn chain(ders: impl Iterator<Item = Vec<u8>>) -> Result<Vec<Certificate>, UnreadableCertificate> {
    let mut chain = Vec::new();
    for der in ders {
        let certificate = Certificate::from_der(&der)?;
        if !chain.contains(&certificate) {
            chain.push(certificate);
        }
    }
    Ok(chain)
}

#[cfg(test)]
pub(crate) mod tests;

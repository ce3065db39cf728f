//! A nation with the independent peer in it, and everybody who should not be believed: certificates and OCSP answers that are wrong in
//! one way each.

use super::identity::{
    Mint, Pair, Peer, Shelf, Use, arguments, bad_answers, ocsp, pem_file, stranger, twin, widened,
};
use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use keystore::KeyAlgorithm;
use std::collections::BTreeMap;
use testkit::{Choices, Nation};

/// All of it.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) nation: Nation,
    pub(crate) peer: Peer,
    pairs: BTreeMap<&'static str, Pair>,
    /// Bad answers, by name, about the peer's authentication certificate.
    pub(crate) about_authentication: BTreeMap<&'static str, Vec<u8>>,
    /// And about the signing certificate of the member.
    pub(crate) about_signing: BTreeMap<&'static str, Vec<u8>>,
    /// Answers that the nation's responder would not give: to be given first.
    given: Shelf,
    /// The configuration with an unapproved authority in it, since the peer cannot do without an issuer.
    widened: String,
    /// The authentication certificate of the consumer's gateway, PEM.
    pub(crate) client_file: String,
}

impl Cast {
    /// `member` signs for the peer.
    pub(crate) async fn assemble(rsa: bool, member: &str) -> Result<Self> {
        let algorithm = if rsa { KeyAlgorithm::Rsa2048 } else { KeyAlgorithm::EcP256 };
        let nation =
            Nation::start_with(Choices { algorithm, intermediate: rsa, ..Choices::default() }).await?;
        let home = nation.folder.path().to_owned();
        let mint = Mint::new(home.join("peer"), rsa)?;
        let (ignorant, hands) = twin(&nation, &home.join("twin-1"))?;
        let nobody = stranger(&nation, &home.join("stranger"))?;
        let mut pairs = BTreeMap::new();
        let long = SignedDuration::from_hours(24 * 365 * 3);
        hands.advance(long.checked_neg().context("time")?);
        for (name, usage, subject) in
            [("expired", Use::Authentication, "expired"), ("expired-signer", Use::Signing, member)]
        {
            pairs.insert(name, mint.pair(&ignorant, name, usage, subject).await?);
        }
        hands.advance(long);
        let (known, unknown, unapproved) = (&*nation.authority, &ignorant, &nobody);
        for (authority, name, usage, subject) in [
            (unknown, "unknown", Use::Authentication, "unknown"),
            (known, "revoked", Use::Authentication, "revoked"),
            (known, "elsewhere", Use::Authentication, "elsewhere"),
            (known, "unregistered", Use::Authentication, "unregistered"),
            (unapproved, "unapproved", Use::Authentication, "unapproved"),
            (unapproved, "unapproved-signer", Use::Signing, member),
            (known, "revoked-signer", Use::Signing, member),
            (known, "other-member", Use::Signing, "MOI"),
        ] {
            pairs.insert(name, mint.pair(authority, name, usage, subject).await?);
        }
        for name in ["self-signed", "internal"] {
            pairs.insert(name, mint.self_signed(name).await?);
        }
        let get = |name: &str| pairs.get(name).with_context(|| format!("no pair is called {name}"));
        for name in ["revoked", "revoked-signer"] {
            known.revoke(&get(name)?.serial, practice::RevocationReason::KeyCompromise)?;
        }
        let registered = [get("expired")?, get("revoked")?, get("unknown")?, get("unapproved")?];
        let peer = Peer::join(&nation, mint, &registered, Some(get("elsewhere")?)).await?;
        let given = Shelf::new(peer.mint.folder("given")?);
        for (authority, name) in [
            (unknown, "expired"),
            (unknown, "expired-signer"),
            (unapproved, "unapproved"),
            (unapproved, "unapproved-signer"),
        ] {
            let certificate = &get(name)?.certificate;
            given.put(certificate, &ocsp(authority, certificate)?)?;
        }
        let signer = if member == "MOC" { &peer.consumer } else { &peer.provider }.clone();
        let (knowing, _) = twin(&nation, &home.join("twin-2"))?;
        let about_authentication = bad_answers(&knowing, unknown, &peer.authentication, &signer)?;
        let about_signing = bad_answers(&knowing, unknown, &signer, &peer.authentication)?;
        pairs.insert("authentication", peer.authentication.clone());
        pairs.insert("signer", signer);
        // Certificates that vouch for themselves were made by a clock that moves on.
        nation.hands.advance(SignedDuration::from_secs(60));
        let client_file = pem_file(&nation.consumer_identity.authentication, &home.join("client.pem"))?;
        let widened = widened(&nation, &nobody, &peer.mint.folder("widened")?)?;
        let (about_authentication, about_signing) =
            (about_authentication.into_iter().collect(), about_signing.into_iter().collect());
        Ok(Self { nation, peer, pairs, about_authentication, about_signing, given, widened, client_file })
    }

    /// A pair by name.
    pub(crate) fn pair(&self, name: &str) -> Result<&Pair> {
        self.pairs.get(name).with_context(|| format!("no pair is called {name}"))
    }

    /// The arguments that both commands share: with this identity, the given answers, the widened configuration.
    pub(crate) fn arguments(&self, authentication: &str, signer: &str) -> Result<Vec<String>> {
        let mut all = arguments(&self.nation, self.pair(authentication)?, self.pair(signer)?);
        let given = self.given.path();
        all.extend(["--globalconf", &self.widened, "--ocsp-dir", &given].map(str::to_owned));
        Ok(all)
    }
}

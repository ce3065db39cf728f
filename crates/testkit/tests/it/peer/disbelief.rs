//! To resume a session is not to be believed: a peer that was removed or revoked since the session began is refused, on either side.

use super::identity::pem_file;
use super::recorder::Recorder;
use super::resumption::{acquainted, ask, changed, tapped};
use anyhow::{Context as _, Result};
use gateway::Config;
use jiff::SignedDuration;
use keystore::Keystore;
use openssl::pkey::PKey;
use openssl::ssl::{AlpnError, Ssl, SslContext, SslMethod, SslVerifyMode, select_next_proto};
use openssl::x509::X509;
use practice::{PracticeAuthority, RevocationReason};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use testkit::{Choices, Enrolled, Nation, RunningGateway, call, ring, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio_openssl::SslStream;

/// OCSP answers soon grow old, and the gateways fetch their own every second.
const FRESHNESS_SECONDS: u64 = 90;

fn short_lived_answers() -> Choices {
    Choices { ocsp_freshness_seconds: FRESHNESS_SECONDS, ..Choices::default() }
}

/// Lets both gateways ask for OCSP answers about themselves every second.
async fn fetching_often(nation: &mut Nation) -> Result<()> {
    for which in [consumer, provider] {
        restart(nation, which, |config| config.jobs.ocsp_seconds = Some(1)).await?;
    }
    Ok(())
}

fn consumer(nation: &mut Nation) -> &mut RunningGateway {
    &mut nation.consumer
}

fn provider(nation: &mut Nation) -> &mut RunningGateway {
    &mut nation.provider
}

/// Makes what is known about certificates too old; the gateways fetch anew what is about themselves.
async fn age(nation: &Nation) -> Result<()> {
    nation.hands.advance(SignedDuration::from_secs(i64::try_from(FRESHNESS_SECONDS)?));
    nation.hands.advance(SignedDuration::from_secs(1));
    nation.consumer.ready().await?;
    nation.provider.ready().await
}

fn without_certificate(code: &str) -> impl FnOnce(&mut registry::Declaration) {
    move |state| {
        for server in state.servers.iter_mut().filter(|server| server.code == code) {
            server.auth_certificates.clear();
        }
    }
}

type Which = fn(&mut Nation) -> &mut RunningGateway;

async fn restart(nation: &mut Nation, which: Which, change: impl FnOnce(&mut Config)) -> Result<()> {
    let (pin, clock) = (nation.pin.clone(), nation.clock.clone());
    which(nation).restart(&pin, &clock, change).await
}

/// Starts a gateway again, with an anchor of its own: without it, it hears nothing new.
async fn with_own_anchor(nation: &mut Nation, which: Which) -> Result<PathBuf> {
    let anchor = nation.folder.path().join("own-anchor.xml");
    std::fs::copy(nation.folder.path().join("anchor.xml"), &anchor)?;
    restart(nation, which, |config| config.anchor = anchor.clone()).await?;
    Ok(anchor)
}

/// Publishes for one gateway alone, since the other hears nothing.
async fn publish_for(
    nation: &Nation,
    gateway: &RunningGateway,
    change: impl FnOnce(&mut registry::Declaration),
) -> Result<()> {
    let before = gateway.gateway.pictures_taken();
    registry::admin::apply(&nation.registry_config, &changed(nation, change))?;
    until("the picture is taken", || gateway.gateway.pictures_taken() > before).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_was_removed_meanwhile_is_refused_though_it_offers_its_session() {
    let (mut nation, tap) = tapped(Choices::default()).await.unwrap();
    let anchor = with_own_anchor(&mut nation, consumer).await.unwrap();
    acquainted(&nation, &tap).await.unwrap();
    std::fs::remove_file(anchor).unwrap();
    publish_for(&nation, &nation.provider, without_certificate("commerce")).await.unwrap();
    let before = nation.service.count();
    let answer = ask(&nation).await.unwrap();
    assert_eq!(answer.fault().as_deref(), Some("server.clientproxy.io_error"), "{}", answer.text());
    assert_eq!(nation.service.count(), before);
    let passed = tap.passed();
    let last = passed.last().unwrap();
    assert!(last.offers_a_session() && !last.resumes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_removed_meanwhile_is_refused() {
    let (mut nation, tap) = tapped(Choices::default()).await.unwrap();
    let anchor = with_own_anchor(&mut nation, provider).await.unwrap();
    acquainted(&nation, &tap).await.unwrap();
    std::fs::remove_file(anchor).unwrap();
    publish_for(&nation, &nation.consumer, without_certificate("interior")).await.unwrap();
    let before = nation.service.count();
    let answer = ask(&nation).await.unwrap();
    let fault = answer.fault().unwrap_or_default();
    assert_eq!(fault, "server.clientproxy.ssl_authentication_failed", "{}", answer.text());
    assert_eq!(nation.service.count(), before);
    assert!(!tap.passed().last().unwrap().offers_a_session(), "its sessions are forgotten");
}

/// The authentication key of a gateway, as a thief would have it.
fn stolen_key(nation: &Nation, gateway: &RunningGateway, identity: &Enrolled) -> Result<Vec<u8>> {
    let keystore = Keystore::open(gateway.config.keystore_dir(), &nation.pin)?;
    Ok(keystore.tls_key_der(&identity.authentication_key)?.to_vec())
}

/// A server of our own kind with the key of another, which goes on whatever is said of its certificate. It answers with a status only.
#[derive(Debug, Clone, Default)]
struct Thief {
    /// Of each connection: whether its session was resumed, and whether anything was asked.
    seen: Arc<Mutex<Vec<(bool, bool)>>>,
}

impl Thief {
    async fn start(nation: &Nation, address: SocketAddr) -> Result<Self> {
        let key = stolen_key(nation, &nation.provider, &nation.provider_identity)?;
        let mut builder = SslContext::builder(SslMethod::tls_server())?;
        builder.set_certificate(&*X509::from_der(nation.provider_identity.authentication.der())?)?;
        builder.set_private_key(&*PKey::private_key_from_pkcs8(&key)?)?;
        builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
        builder.set_session_id_context(b"thief")?;
        builder.set_alpn_select_callback(|_, offered| {
            select_next_proto(b"\x09chhatra/1", offered).ok_or(AlpnError::NOACK)
        });
        let context = builder.build();
        let listener = TcpListener::bind(address).await?;
        let thief = Self::default();
        let own = thief.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (own, context) = (own.clone(), context.clone());
                // Whoever leaves has seen enough.
                tokio::spawn(async move { drop(own.serve(&context, socket).await) });
            }
        });
        Ok(thief)
    }

    async fn serve(&self, context: &SslContext, socket: TcpStream) -> Result<()> {
        let mut stream = SslStream::new(Ssl::new(context)?, socket)?;
        Pin::new(&mut stream).accept().await?;
        let mut bytes = vec![0; 64 * 1024];
        let asked = stream.read(&mut bytes).await.unwrap_or(0) > 0;
        let resumed = stream.ssl().session_reused();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push((resumed, asked));
        ring();
        let answer = b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        while stream.read(&mut bytes).await? > 0 {}
        Ok(())
    }

    fn seen(&self) -> Vec<(bool, bool)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_revoked_meanwhile_resumes_its_session_and_is_asked_nothing() {
    let (mut nation, tap) = tapped(short_lived_answers()).await.unwrap();
    fetching_often(&mut nation).await.unwrap();
    let thief = Thief::start(&nation, nation.address(52, 5500)).await.unwrap();
    tap.lead_to(nation.address(52, 5500));
    for n in 1..=3 {
        assert_ne!(ask(&nation).await.unwrap().status, 200);
        until("it was asked", || thief.seen().len() == n).await.unwrap();
    }
    assert_eq!(thief.seen(), [(false, true), (false, true), (true, true)]);
    let serial = PracticeAuthority::serial_of(nation.provider_identity.authentication.der()).unwrap();
    age(&nation).await.unwrap();
    nation.authority.revoke(&serial, RevocationReason::KeyCompromise).unwrap();
    until("the provider knows it", || nation.provider.gateway.ready().is_err()).await.unwrap();
    let answer = ask(&nation).await.unwrap();
    let fault = answer.fault().unwrap_or_default();
    assert!(fault.starts_with("server.clientproxy.ssl_authentication_failed"), "{fault} {}", answer.text());
    assert!(answer.text().contains("revoked"), "{}", answer.text());
    until("it was left alone", || thief.seen().len() == 4).await.unwrap();
    assert_eq!(thief.seen().last(), Some(&(true, false)));
}

/// A request as the consumer's gateway sent it to the provider's.
async fn recorded(nation: &Nation) -> Result<Vec<u8>> {
    let at = nation.address(51, 5500);
    let recorder = Recorder::start(nation, at, false).await?;
    let mut state = nation.registry_state.clone();
    for server in state.servers.iter_mut().filter(|server| server.code == "interior") {
        server.address = Some(at.ip().to_string());
    }
    nation.publish(&state).await?;
    let answer = nation.send(call("GET", "/v1/people"), None).await?;
    anyhow::ensure!(answer.status == 200, "{}", answer.text());
    let tapes = recorder.take(1).await?;
    let exchanges = tapes.first().context("nothing passed")?.exchanges();
    let (request, _) = exchanges.first().context("no exchange passed")?;
    Ok(request.to_vec())
}

/// Another who has the consumer's key: `openssl s_client`, with one session for all its calls.
struct Replaying<'a> {
    nation: &'a Nation,
    certificate: String,
    key: String,
    session: PathBuf,
}

impl<'a> Replaying<'a> {
    fn new(nation: &'a Nation) -> Result<Self> {
        let folder = nation.folder.path();
        let certificate = pem_file(&nation.consumer_identity.authentication, &folder.join("caller.pem"))?;
        let key = stolen_key(nation, &nation.consumer, &nation.consumer_identity)?;
        let key_file = folder.join("caller.key");
        std::fs::write(&key_file, PKey::private_key_from_pkcs8(&key)?.private_key_to_pem_pkcs8()?)?;
        let (key, session) = (key_file.display().to_string(), folder.join("caller.session"));
        Ok(Self { nation, certificate, key, session })
    }

    /// Sends the request once more; what was printed and answered.
    async fn send(&self, request: &[u8]) -> Result<String> {
        let address = self.nation.provider.config.listen.transport.to_string();
        let session = self.session.display().to_string();
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &address, "-tls1_3", "-ign_eof", "-sess_out", &session]);
        command.args(["-cert", &self.certificate, "-key", &self.key]);
        if self.session.exists() {
            command.args(["-sess_in", &session]);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = child.stdin.take().context("stdin")?;
        let writing = async move {
            // Whoever is turned away takes nothing.
            let _taken = stdin.write_all(request).await;
        };
        let running = async { tokio::join!(writing, child.wait_with_output()).1 };
        let output = tokio::time::timeout(Duration::from_secs(60), running).await??;
        let [said, complained] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(said + &complained)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_resumes_a_session_is_verified_whole_with_each_message() {
    let mut nation = Nation::start_with(short_lived_answers()).await.unwrap();
    fetching_often(&mut nation).await.unwrap();
    let request = recorded(&nation).await.unwrap();
    let caller = Replaying::new(&nation).unwrap();
    for (number, way) in [(2, "New, TLSv1.3"), (3, "Reused, TLSv1.3"), (4, "Reused, TLSv1.3")] {
        let said = caller.send(&request).await.unwrap();
        assert!(said.contains(way) && said.contains("HTTP/1.1 200 OK"), "{said}");
        assert!(!said.contains("ssl_authentication_failed"), "{said}");
        assert_eq!(nation.service.count(), number);
    }
    age(&nation).await.unwrap();
    let said = caller.send(&request).await.unwrap();
    assert!(said.contains("Reused, TLSv1.3"), "{said}");
    assert!(said.contains("server.serverproxy.service_failed.ssl_authentication_failed"), "{said}");
    // With the registration ends whatever was begun under it.
    let mut state = nation.registry_state.clone();
    without_certificate("commerce")(&mut state);
    nation.publish(&state).await.unwrap();
    let said = caller.send(&request).await.unwrap();
    assert!(said.contains("SSL alert number 46") && !said.contains("Reused"), "{said}");
    assert_eq!(nation.service.count(), 4);
}

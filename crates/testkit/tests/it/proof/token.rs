//! A gateway whose member signs with a key in a hardware security module, here SoftHSM. It reads its environment once per process, so
//! that each test starts itself again in a process of its own.

use super::containers::odd_evidence;
use super::tools::run;
use crate::refusals::common::{Traces, refused};
use gateway::Config;
use keystore::{KeyAlgorithm, KeyUsage, Keystore, Owner, Pin, Subject, TokenSettings};
use std::path::{Path, PathBuf};
use testkit::{Nation, RunningGateway, call, chance};
use trust::Certificate;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const FOLDER: &str = "TESTKIT_SOFTHSM";
const TOKEN_PIN: &str = "4321";

/// Runs `act` in a process of its own with a SoftHSM in a folder of its own.
fn alone<F: Future<Output = ()>>(name: &str, act: impl FnOnce(PathBuf) -> F) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(act(folder.into()));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tokens")).unwrap();
    let configuration = folder.path().join("softhsm2.conf");
    let lines = format!("directories.tokendir = {}\n", folder.path().join("tokens").display());
    std::fs::write(&configuration, lines).unwrap();
    let module = module_path!().split_once("::").map_or("", |(_, path)| path);
    let alone = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{name}"), "--nocapture"])
        .env(FOLDER, folder.path())
        .env("SOFTHSM2_CONF", &configuration)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&alone.stdout).into_owned() + &String::from_utf8_lossy(&alone.stderr);
    assert!(alone.status.success() && told.contains("1 passed"), "{told}");
}

/// Has a gateway's member sign with a key in a token from now on, and no more with the one in software.
async fn move_into_token(
    nation: &Nation,
    config: &Config,
    first: &Certificate,
    folder: &Path,
    algorithm: KeyAlgorithm,
) -> (Config, Certificate) {
    use std::os::unix::fs::PermissionsExt as _;
    let line = ["--init-token", "--free", "--label", "hsm", "--so-pin", "87654321", "--pin", TOKEN_PIN];
    run(folder, "softhsm2-util", &line);
    let pin_file = folder.join("token-pin");
    std::fs::write(&pin_file, TOKEN_PIN).unwrap();
    std::fs::set_permissions(&pin_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let token = TokenSettings {
        label: "hsm".to_owned(),
        serial: None,
        module: MODULE.into(),
        pin_file,
        sessions_max: 2,
    };
    let config = Config { token: vec![token], ..config.clone() };
    let keystore = open(&config, &nation.pin);
    let member = config.server.owner();
    let key = keystore.generate_in_token("hsm", KeyUsage::Signing, algorithm, "signing").unwrap();
    let subject = [("C", member.instance()), ("O", member.class()), ("CN", member.code())];
    let request = keystore.csr(&key, &Subject::new(subject).unwrap(), &[]).unwrap();
    let issued = nation.authority.issue_signing(request.der()).unwrap();
    keystore.import_certificate(&issued.der, &Owner::member(member)).unwrap();
    keystore.deactivate(&first.sha256()).unwrap();
    (config, Certificate::from_der(&issued.der).unwrap())
}

fn open(config: &Config, pin: &Pin) -> Keystore {
    Keystore::open_with(config.keystore_dir(), pin, config.keystore_settings()).unwrap()
}

async fn start(nation: &Nation, config: Config, proves: &[&Certificate]) -> RunningGateway {
    let started = RunningGateway::start(config, &nation.pin, nation.clock.clone(), chance()).await.unwrap();
    started.ready().await.unwrap();
    started.proves(proves).await.unwrap();
    started
}

/// Takes the tokens away, or brings them back.
fn pull(folder: &Path) {
    std::fs::rename(folder.join("tokens"), folder.join("pulled")).unwrap();
    std::fs::create_dir(folder.join("tokens")).unwrap();
}

fn push(folder: &Path) {
    std::fs::remove_dir_all(folder.join("tokens")).unwrap();
    std::fs::rename(folder.join("pulled"), folder.join("tokens")).unwrap();
}

async fn carries(nation: &Nation) -> bool {
    nation.send(call("GET", "/v1"), None).await.unwrap().status == 200
}

/// Asks whenever this gateway says that something has changed, until an exchange comes through.
async fn carries_again(nation: &Nation, gateway: &RunningGateway) {
    let mut changes = gateway.gateway.changes();
    let again = async {
        while !carries(nation).await {
            assert!(changes.next().await, "the gateway has gone");
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), again).await.unwrap();
}

#[test]
fn a_consumer_signs_in_its_token_and_sends_nothing_while_it_is_gone() {
    alone("a_consumer_signs_in_its_token_and_sends_nothing_while_it_is_gone", async |folder| {
        let mut nation = Nation::start().await.unwrap();
        let (config, first) = (nation.consumer.config.clone(), nation.consumer_identity.signing.clone());
        nation.consumer.halt().await.unwrap();
        let (config, signing) =
            move_into_token(&nation, &config, &first, &folder, KeyAlgorithm::Rsa2048).await;
        let authentication = nation.consumer_identity.authentication.clone();
        nation.consumer = start(&nation, config, &[&authentication, &signing]).await;
        let before = Traces::of(&nation).unwrap();
        assert!(carries(&nation).await);
        before.assert_whole(&nation, "with the token").unwrap();

        pull(&folder);
        let before = Traces::of(&nation).unwrap();
        for n in 0..5 {
            let case = format!("without the token, {n}");
            let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
            let said = refused(&case, &answer, "server.clientproxy.cannot_create_signature");
            // Nothing of this machine is told to others.
            assert!(said.contains("token") && !said.contains("hsm") && !said.contains('/'), "{said}");
            before.assert_none_since(&nation, &case).unwrap();
        }
        push(&folder);
        carries_again(&nation, &nation.consumer).await;
        // A gateway that starts without its token gets ready, and signs when it is there.
        let config = nation.consumer.config.clone();
        nation.consumer.halt().await.unwrap();
        pull(&folder);
        nation.consumer = start(&nation, config.clone(), &[&authentication, &signing]).await;
        assert!(!carries(&nation).await);
        push(&folder);
        carries_again(&nation, &nation.consumer).await;
        for (side, config) in [("consumer", &config), ("provider", &nation.provider.config)] {
            assert_eq!(odd_evidence(&nation, side, config).await, [""; 0]);
        }
    });
}

#[test]
fn a_provider_whose_token_is_gone_asks_its_service_no_more() {
    alone("a_provider_whose_token_is_gone_asks_its_service_no_more", async |folder| {
        let mut nation = Nation::start().await.unwrap();
        let (config, first) = (nation.provider.config.clone(), nation.provider_identity.signing.clone());
        nation.provider.halt().await.unwrap();
        let (config, signing) =
            move_into_token(&nation, &config, &first, &folder, KeyAlgorithm::EcP256).await;
        let authentication = nation.provider_identity.authentication.clone();
        nation.provider = start(&nation, config, &[&authentication, &signing]).await;
        assert!(carries(&nation).await);
        pull(&folder);
        // The one that finds it out may have been asked; from then on none is.
        let code = "server.serverproxy.service_failed.cannot_create_signature";
        let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
        assert!(answer.fault().unwrap().ends_with("cannot_create_signature"), "{}", answer.text());
        let asked = nation.service.count();
        for n in 0..5 {
            let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
            let said = refused(&format!("without the token, {n}"), &answer, code);
            assert!(!said.contains("hsm") && !said.contains('/'), "{said}");
        }
        assert_eq!(nation.service.count(), asked);
        push(&folder);
        carries_again(&nation, &nation.provider).await;
        assert_eq!(odd_evidence(&nation, "provider", &nation.provider.config).await, [""; 0]);
    });
}

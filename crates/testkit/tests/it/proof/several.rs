//! One provider behind two gateways: which one answers, and what happens when it cannot.

use gateway::Config;
use identifier::ServerId;
use keystore::KeyAlgorithm;
use testkit::{Answer, Enrolled, INSTANCE, Nation, RunningGateway, call, chance, enrol};

const NAMES: [&str; 2] = ["interior", "interior2"];

struct Pair {
    nation: Nation,
    second: RunningGateway,
    state: registry::Declaration,
}

impl Pair {
    async fn start() -> Self {
        let nation = Nation::start().await.unwrap();
        let (config, identity) = prepare(&nation);
        let mut state = nation.registry_state.clone();
        let mut server = state.servers.iter().find(|server| server.code == "interior").unwrap().clone();
        server.code = "interior2".to_owned();
        server.address = Some(config.listen.transport.ip().to_string());
        server.auth_certificates = vec![identity.authentication];
        state.servers.push(server);
        nation.publish(&state).await.unwrap();
        let second =
            RunningGateway::start(config, &nation.pin, nation.clock.clone(), chance()).await.unwrap();
        second.ready().await.unwrap();
        Self { nation, second, state }
    }

    fn gateway(&self, which: usize) -> &RunningGateway {
        if which == 0 { &self.nation.provider } else { &self.second }
    }

    fn records(&self) -> [u64; 2] {
        [0, 1].map(|which| self.gateway(which).gateway.log_health().last.0)
    }

    async fn ask(&self, server: Option<&str>) -> Answer {
        let head = call("GET", "/v1/people");
        let head = match server {
            Some(server) => head.with("X-Road-Security-Server", format!("{INSTANCE}/GOV/MOI/{server}")),
            None => head,
        };
        self.nation.send(head, None).await.unwrap()
    }

    /// Which of the two answered; the call must succeed.
    async fn answered(&self, server: Option<&str>, what: &str) -> usize {
        let before = self.records();
        let answer = self.ask(server).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        let after = self.records();
        let took: Vec<usize> = [0, 1].into_iter().filter(|which| after[*which] > before[*which]).collect();
        assert_eq!(took.len(), 1, "{what}: one of them, once");
        took[0]
    }

    /// With what the call is refused; nothing reaches the service.
    async fn refused(&self, server: Option<&str>, what: &str) -> (String, String) {
        let before = self.nation.service.count();
        let answer = self.ask(server).await;
        assert!(answer.status >= 400, "{what}: {}", answer.status);
        assert_eq!(self.nation.service.count(), before, "{what}");
        (answer.fault().unwrap_or_default(), answer.text())
    }

    fn place(&mut self, which: usize) -> &mut RunningGateway {
        if which == 0 { &mut self.nation.provider } else { &mut self.second }
    }

    async fn stop(&mut self, which: usize) {
        self.place(which).halt().await.unwrap();
    }

    async fn start_again(&mut self, which: usize) {
        let (config, pin) = (self.gateway(which).config.clone(), self.nation.pin.clone());
        let started = RunningGateway::start(config, &pin, self.nation.clock.clone(), chance()).await.unwrap();
        started.ready().await.unwrap();
        *self.place(which) = started;
    }

    /// Publishes the state with one of the two servers changed.
    async fn publish_with(&self, which: &[usize], change: impl Fn(&mut registry::Server)) {
        let mut state = self.state.clone();
        for name in which.iter().map(|which| NAMES[*which]) {
            change(state.servers.iter_mut().find(|server| server.code == name).unwrap());
        }
        self.nation.publish(&state).await.unwrap();
    }
}

fn prepare(nation: &Nation) -> (Config, Enrolled) {
    let mut config = nation.provider.config.clone();
    config.server = ServerId::new(INSTANCE, "GOV", "MOI", "interior2").unwrap();
    config.state_dir = nation.folder.path().join("interior2");
    std::fs::create_dir_all(&config.state_dir).unwrap();
    let listen = &mut config.listen;
    for address in
        [&mut listen.consumer_http, &mut listen.consumer_https, &mut listen.transport, &mut listen.ocsp]
    {
        *address = nation.address(33, address.port());
    }
    let identity = enrol(
        &config.keystore_dir(),
        &nation.pin,
        &config.server,
        KeyAlgorithm::EcP256,
        &nation.authority,
        &nation.clock,
    )
    .unwrap();
    gateway::admin::apply(&config, &nation.provider_settings().unwrap()).unwrap();
    (config, identity)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_of_a_provider_the_first_that_answered_is_asked_until_it_fails() {
    let mut pair = Pair::start().await;
    let winner = pair.answered(None, "the first call").await;
    let other = 1 - winner;
    for n in 0..10 {
        assert_eq!(pair.answered(None, &format!("call {n}")).await, winner, "the winner is remembered");
    }
    // The caller may choose; that changes nothing for others.
    for which in [other, winner, other] {
        assert_eq!(pair.answered(Some(NAMES[which]), "a named server").await, which);
    }
    assert_eq!(pair.answered(None, "after named ones").await, winner);
    let (fault, _) = pair.refused(Some("nowhere"), "an unknown server").await;
    assert!(fault.ends_with("invalid_security_server"), "{fault}");

    pair.stop(winner).await;
    assert_eq!(pair.answered(None, "the winner is down").await, other);
    let (fault, text) = pair.refused(Some(NAMES[winner]), "the server that is down").await;
    assert!(fault.ends_with("network_error"), "{fault} {text}");
    pair.start_again(winner).await;
    assert_eq!(pair.answered(None, "the old winner is back").await, other, "it was forgotten");
    assert_eq!(pair.answered(Some(NAMES[winner]), "the old winner by name").await, winner);

    for which in [0, 1] {
        pair.stop(which).await;
    }
    let (fault, text) = pair.refused(None, "both are down").await;
    assert!(fault.ends_with("network_error"), "{fault} {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_wrong_certificate_or_in_maintenance_is_passed_over() {
    let pair = Pair::start().await;
    let winner = pair.answered(None, "the first call").await;
    let other = 1 - winner;

    pair.publish_with(&[winner], |server| server.auth_certificates.clear()).await;
    for n in 0..5 {
        assert_eq!(
            pair.answered(None, &format!("the winner's certificate is not its own, call {n}")).await,
            other
        );
    }
    let (fault, text) = pair.refused(Some(NAMES[winner]), "the server with the wrong certificate").await;
    assert!(fault.contains("ssl_authentication_failed"), "{fault} {text}");
    pair.publish_with(&[0, 1], |server| server.auth_certificates.clear()).await;
    let (fault, text) = pair.refused(None, "both certificates are wrong").await;
    assert!(fault.contains("ssl_authentication_failed"), "{fault} {text}");

    let maintained = |server: &mut registry::Server| server.maintenance = Some("back at noon".to_owned());
    pair.publish_with(&[other], maintained).await;
    for n in 0..5 {
        assert_eq!(pair.answered(None, &format!("one is being maintained, call {n}")).await, winner);
    }
    for (which, server) in [(vec![other], Some(NAMES[other])), (vec![0, 1], None)] {
        pair.publish_with(&which, maintained).await;
        let (fault, text) = pair.refused(server, "maintenance").await;
        assert!(fault.ends_with("maintenance_mode"), "{fault}");
        assert!(text.contains("back at noon"), "{text}");
    }
    pair.publish_with(&[], |_| {}).await;
    pair.answered(None, "all is well again").await;
}

//! Gateways that are stopped and started again go on where they were.

use super::containers::{exported, judge, stamped, stored};
use super::tools::{entries, log_of};
use std::collections::BTreeSet;
use testkit::{Nation, RunningGateway, call, chance};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_of_both_gateways_the_logs_go_on_and_nothing_stands_twice() {
    let mut nation = Nation::start().await.unwrap();
    let mut asked = BTreeSet::new();
    for round in 0..3 {
        for n in 0..4 {
            let head = call("POST", "/v1/people").with("X-Road-Id", format!("round-{round}-{n}"));
            let answer = nation.send(head, Some(b"{}")).await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            asked.insert(answer.header("x-road-id").unwrap());
        }
        if round == 1 {
            stamped(&nation).await;
        }
        let (consumer, provider) = (nation.consumer.config.clone(), nation.provider.config.clone());
        // One after the other and in both orders.
        if round == 0 {
            nation.provider.stop().await.unwrap();
            nation.consumer.stop().await.unwrap();
        } else {
            nation.consumer.stop().await.unwrap();
            nation.provider.stop().await.unwrap();
        }
        let again = |config| RunningGateway::start(config, &nation.pin, nation.clock.clone(), chance());
        let (started, other) = tokio::join!(again(consumer), again(provider));
        (nation.consumer, nation.provider) = (started.unwrap(), other.unwrap());
        nation.consumer.ready().await.unwrap();
        nation.provider.ready().await.unwrap();
    }
    stamped(&nation).await;
    for side in [&nation.consumer, &nation.provider] {
        let all = entries(&log_of(&side.config));
        let numbers: Vec<u64> = all.iter().map(|entry| entry.id.0).collect();
        assert_eq!(numbers, (1..=24).collect::<Vec<u64>>(), "no number is missing, none stands twice");
        let messages: BTreeSet<_> =
            all.iter().map(|entry| (entry.query_id.clone(), entry.direction)).collect();
        assert_eq!(messages.len(), 24, "no message stands twice");
        let ids: BTreeSet<String> = all.iter().map(|entry| entry.query_id.clone()).collect();
        assert_eq!(ids, asked);
    }
    let held = stored(&nation.consumer.config);
    for container in exported("consumer", &nation.consumer.config) {
        judge(&container.bytes, &held).unwrap_or_else(|why| panic!("{}: {why}", container.name));
    }
}

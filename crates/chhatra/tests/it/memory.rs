//! A body of any length passes through two gateway processes without their memory growing with it.

use crate::apart::Apart;
use gateway::Log;
use testkit::{Choices, Nation, mirror, there_and_back};

const BODY_BYTES: usize = 128 * 1024 * 1024;
/// An eighth of the body.
const GROWTH_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn memory_of_gateway_processes_does_not_grow_with_the_body() {
    let choices = Choices { log: Log { bodies: false, ..Log::default() }, ..Choices::default() };
    let mut nation = Nation::start_with(choices).await.unwrap();
    let at = nation.address(40, 9080);
    let _stopper = mirror(at).await.unwrap();
    let mut settings = nation.provider_settings().unwrap();
    settings.clients[0].services[0].url = format!("http://{at}");
    nation.provider.apply(&settings).await.unwrap();
    nation.consumer.halt().await.unwrap();
    nation.provider.halt().await.unwrap();
    let gateways = [&nation.consumer, &nation.provider].map(|place| Apart::start(&nation, place, None));
    let consumer = nation.consumer.config.listen.consumer_http;
    // What is made once is made before: threads, caches, buffers of connections.
    there_and_back(consumer, 1_000_000).await.unwrap();
    let before = gateways.each_ref().map(|gateway| gateway.memory("VmRSS:"));
    gateways.iter().for_each(Apart::forget_peak);
    there_and_back(consumer, BODY_BYTES).await.unwrap();
    for ((gateway, before), side) in gateways.into_iter().zip(before).zip(["consumer", "provider"]) {
        let growth = gateway.memory("VmHWM:").saturating_sub(before);
        println!(
            "{} MB there and back; the {side}'s gateway: {} kB before, at most {} kB more",
            BODY_BYTES >> 20,
            before >> 10,
            growth >> 10
        );
        assert!(growth < GROWTH_BYTES_MAX, "the {side}'s gateway: {growth} bytes");
        assert_eq!(gateway.stopped(), Some(0));
    }
}

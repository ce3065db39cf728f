//! Memory does not grow with the body.

use super::tools::{alone, spooled, status_bytes, until};
use gateway::Log;
use testkit::{Choices, Nation, mirror, there_and_back};

const BODY_BYTES: usize = 64 * 1024 * 1024;
/// An eighth of the body. Both gateways, the service and the consumer live in the measured process.
const GROWTH_BYTES_MAX: usize = BODY_BYTES / 8;

#[test]
fn memory_does_not_grow_with_the_body() {
    alone(module_path!(), "memory_does_not_grow_with_the_body", measured());
}

async fn measured() {
    let choices = Choices { log: Log { bodies: false, ..Log::default() }, ..Choices::default() };
    let nation = Nation::start_with(choices).await.unwrap();
    let at = nation.address(40, 9080);
    let _stopper = mirror(at).await.unwrap();
    let mut settings = nation.provider_settings().unwrap();
    settings.clients[0].services[0].url = format!("http://{at}");
    nation.provider.apply(&settings).await.unwrap();
    let consumer = nation.consumer.config.listen.consumer_http;
    // What is made once is made before: threads, caches, buffers of connections.
    there_and_back(consumer, 4_000_000).await.unwrap();
    let before = status_bytes("VmRSS:");
    // Linux begins a new peak; where it does not, the old one stands, which is stricter.
    let _reset = std::fs::write("/proc/self/clear_refs", "5");
    there_and_back(consumer, BODY_BYTES).await.unwrap();
    let growth = status_bytes("VmHWM:").saturating_sub(before);
    println!(
        "{} MB there and back; memory {} kB before, at most {} kB more",
        BODY_BYTES >> 20,
        before >> 10,
        growth >> 10
    );
    assert!(growth < GROWTH_BYTES_MAX, "{growth} bytes");
    until("the spools are empty", || {
        spooled(&nation.consumer.config) + spooled(&nation.provider.config) == 0
    })
    .await;
}

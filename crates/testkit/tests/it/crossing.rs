//! A message crosses two gateways.

use testkit::{Nation, Reply, call};

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_call_crosses_two_gateways() {
    let nation = Nation::start().await.unwrap();
    nation.service.answers(Reply::json("{\"name\":\"SOK CHANNA\"}"));
    let answer = nation.send(call("GET", "/v1/people/1?x=1"), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.text(), "{\"name\":\"SOK CHANNA\"}");
    for name in ["x-road-id", "x-road-client", "x-road-service", "x-road-request-id", "x-road-request-hash"] {
        assert!(answer.header(name).is_some(), "{name}");
    }
}

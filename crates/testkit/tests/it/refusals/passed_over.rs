//! A source or a service that does not answer is passed over for the next (control-plane 1.4, data-plane 7.4).

use super::configuration::newcomer;
use gateway::TimeStampService;
use globalconf::Anchor;
use jiff::SignedDuration;
use messagelog::Reader;
use testkit::{Nation, call, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_next_time_stamp_service_stamps_when_the_first_does_not_answer() {
    let nation = Nation::start().await.unwrap();
    let mut settings = nation.consumer_settings().unwrap();
    let nobody = format!("http://{}/", nation.address(77, 8899));
    settings.time_stamps.insert(0, TimeStampService { name: "Nobody".to_owned(), url: nobody });
    nation.consumer.apply(&settings).await.unwrap();
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    let log = Reader::open(&nation.consumer.config.messagelog_dir()).unwrap();
    until("both records are stamped", || {
        nation.hands.advance(SignedDuration::from_secs(1));
        let figures = log.statistics().unwrap();
        figures.records == 2 && figures.unstamped == 0
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_source_gives_the_configuration_when_others_do_not_answer() {
    let nation = Nation::start().await.unwrap();
    let bytes = std::fs::read(nation.folder.path().join("anchor.xml")).unwrap();
    let mut anchor = Anchor::read(&bytes).unwrap();
    let good = anchor.sources[0].clone();
    for last in 70..76 {
        let mut dead = good.clone();
        dead.download_url = format!("http://{}/internalconf", nation.address(last, 4080));
        anchor.sources.insert(0, dead);
    }
    std::fs::write(nation.folder.path().join("many.xml"), anchor.write().unwrap()).unwrap();
    let newcomer = newcomer(&nation, "many.xml").await.unwrap();
    until("the configuration is taken", || newcomer.gateway.pictures_taken() == 1).await.unwrap();
    newcomer.stop().await.unwrap();
}

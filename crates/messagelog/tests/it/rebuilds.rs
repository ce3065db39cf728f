//! Recorded signatures come back byte for byte.

use messagelog::{Body, Direction, NewRecord, RecordId, Settings};

use signature::SignedParts;

use crate::bench::{bench, request};
use crate::recorded::{Recorded, signed_messages, vectors};

pub(crate) fn new_record(recorded: &Recorded, query_id: &str) -> NewRecord {
    NewRecord {
        message: recorded.message.clone(),
        body: recorded.body.clone().map_or(Body::None, |body| Body::Bytes(body.into())),
        signed: recorded.signed.clone(),
        direction: if recorded.response { Direction::Response } else { Direction::Request },
        ..request(query_id)
    }
}

fn all_recorded() -> Option<Vec<Recorded>> {
    let vectors = vectors()?;
    let mut all = Vec::new();
    for folder in ["recorded/wire", "recorded/ec/wire", "recorded/options/messagelog/A/wire"] {
        let found = signed_messages(&vectors.join(folder));
        println!("{folder}: {} signed messages", found.len());
        assert!(!found.is_empty(), "{folder}");
        all.extend(found);
    }
    Some(all)
}

#[tokio::test]
async fn every_recorded_signature_is_rebuilt_byte_for_byte() {
    let Some(all) = all_recorded() else { return };
    let bench = bench(Settings::default());
    for (place, recorded) in all.iter().enumerate() {
        let id = bench.log.record(new_record(recorded, &format!("q-{place}"))).await.unwrap();
        assert_eq!(id.0, u64::try_from(place).unwrap() + 1);
    }
    let ids: Vec<_> = (1..=u64::try_from(all.len()).unwrap()).map(RecordId).collect();
    let read = bench
        .log
        .read(move |reader| ids.iter().map(|id| reader.record(*id)).collect::<Result<Vec<_>, _>>())
        .await
        .unwrap();
    for (recorded, read) in all.iter().zip(read) {
        let rebuilt = SignedParts {
            signatures_xml: read.signature,
            hash_chain_result: read.hash_chain_result,
            hash_chain: read.hash_chain,
        };
        assert!(rebuilt == recorded.signed, "{}", recorded.name);
        assert!(read.message == recorded.message, "{}", recorded.name);
    }
    bench.log.close().await.unwrap();
}

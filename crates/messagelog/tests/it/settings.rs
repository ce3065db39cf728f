//! Which bodies are logged, which messages are refused (data-plane 7.2, 7.3).

use std::collections::BTreeSet;

use messagelog::{Blame, Body, BodyLogging, Failure, NewRecord, RecordId, Settings, Side};

use crate::bench::{EMBEDDED, bench, client, request, with_body};

fn bodies(change: impl FnOnce(&mut BodyLogging)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings.bodies);
    settings
}

/// The stored message and the stored body.
async fn stored(settings: Settings, record: NewRecord) -> Result<(Vec<u8>, Option<Vec<u8>>), Failure> {
    let bench = bench(settings);
    let id = bench.log.record(record).await?;
    let read = bench.log.read(move |reader| {
        let mut body = Vec::new();
        let found = reader.body(id, 1, &mut body).is_ok();
        Ok((reader.record(id)?.message, found.then_some(body)))
    });
    Ok(read.await.unwrap())
}

#[tokio::test]
async fn bodies_are_logged_unless_switched_off() {
    let whole = request("q").message;
    let (message, body) = stored(Settings::default(), with_body("q", b"body")).await.unwrap();
    assert_eq!((message, body.as_deref()), (whole, Some(&b"body"[..])));
}

#[tokio::test]
async fn without_body_logging_path_query_and_foreign_headers_are_not_kept() {
    let off = bodies(|bodies| bodies.enabled = false);
    let (message, body) = stored(off, with_body("q", b"body")).await.unwrap();
    let text = String::from_utf8(message).unwrap();
    assert_eq!(
        text,
        "POST\r\n/r1/EX/COM/1/sub/svc\r\nX-Road-Client:EX/GOV/2/c\r\n\
         x-road-request-id:0b6c5fe0-7f0d-4a2b-9d0b-000000000001\r\nx-road-id:q\r\n"
    );
    assert_eq!(body, None);
}

#[tokio::test]
async fn the_exceptions_of_a_side_turn_the_setting_round() {
    let provider = client("EX/COM/1/sub");
    for enabled in [true, false] {
        let settings = bodies(|bodies| {
            bodies.enabled = enabled;
            bodies.local_exceptions = BTreeSet::from([provider.clone()]);
        });
        for (side, provider, logged) in [
            (Side::Provider, provider.clone(), !enabled),
            (Side::Consumer, provider.clone(), enabled),
            (Side::Provider, client("EX/COM/1/other"), enabled),
            (Side::Provider, client("EX/COM/1"), enabled),
        ] {
            let record = NewRecord { side, provider, ..with_body("q", b"body") };
            let (_, body) = stored(settings.clone(), record).await.unwrap();
            assert_eq!(body.is_some(), logged, "{enabled} {side:?}");
        }
    }
}

#[tokio::test]
async fn a_too_large_body_is_refused_or_cut_or_never_stored() {
    let limited = |truncate| {
        bodies(|bodies| {
            bodies.body_bytes_max = 4;
            bodies.truncate = truncate;
        })
    };
    let refused = stored(limited(false), with_body("q", b"12345")).await;
    assert_eq!(refused, Err(Failure::TooLarge { bytes: 5, bytes_max: 4 }));
    assert_eq!(
        stored(limited(false), with_body("q", b"1234")).await.unwrap().1.as_deref(),
        Some(&b"1234"[..])
    );
    assert_eq!(
        stored(limited(true), with_body("q", b"12345")).await.unwrap().1.as_deref(),
        Some(&b"1234"[..])
    );
    let never = bodies(|bodies| bodies.body_bytes_max = 0);
    assert_eq!(stored(never, with_body("q", b"12345")).await.unwrap().1, None);
    let off = bodies(|bodies| {
        bodies.enabled = false;
        bodies.body_bytes_max = 4;
    });
    assert_eq!(stored(off, with_body("q", b"12345")).await.unwrap().1, None);
}

#[tokio::test]
async fn a_spooled_body_is_cut_as_one_in_memory_is_and_the_list_says_so() {
    let bench = bench(bodies(|bodies| {
        bodies.body_bytes_max = 70_000;
        bodies.truncate = true;
    }));
    let path = bench.directory.path().join("spooled");
    std::fs::write(&path, vec![9; 200_000]).unwrap();
    let id = bench
        .log
        .record(NewRecord { body: Body::File { path, bytes: 200_000 }, ..request("q") })
        .await
        .unwrap();
    let (entry, body) = bench
        .log
        .read(move |reader| {
            let mut body = Vec::new();
            reader.body(id, 1, &mut body)?;
            Ok((reader.record(id)?.entry, body))
        })
        .await
        .unwrap();
    assert_eq!(entry.body_bytes, Some(70_000));
    // X-Road's layout has no place for the length that it had.
    assert_eq!(entry.body_bytes_signed, Some(if EMBEDDED { 200_000 } else { 70_000 }));
    assert_eq!(body.len(), 70_000);
}

#[tokio::test]
async fn a_message_that_is_no_rest_message_cannot_be_reduced() {
    let off = bodies(|bodies| bodies.enabled = false);
    for message in [&b""[..], b"<soap/>", b"\xff\xfe", b"GET\r\n"] {
        let refused = stored(off.clone(), NewRecord { message: message.to_vec(), ..request("q") }).await;
        assert!(matches!(refused, Err(Failure::NotReducible(_))), "{message:?}: {refused:?}");
    }
}

#[tokio::test]
async fn identifiers_have_at_most_255_characters() {
    let bench = bench(Settings::default());
    let refused = Failure::IdentifierTooLong { chars: 256, chars_max: 255 };
    assert_eq!(bench.log.record(request(&"ក".repeat(256))).await, Err(refused.clone()));
    let long = NewRecord { request_id: "x".repeat(256), ..request("q") };
    assert_eq!(bench.log.record(long).await, Err(refused.clone()));
    assert_eq!(bench.log.record(request(&"ក".repeat(255))).await, Ok(RecordId(1)));
    assert_eq!((refused.blame(), refused.retry_can_help()), (Blame::Message, false));
}

#[tokio::test]
async fn without_a_time_stamping_service_nothing_is_recorded() {
    let bench = bench(Settings::default());
    bench.log.provide_time_stamping(false);
    assert_eq!(bench.log.record(request("q")).await, Err(Failure::NoTimestampingProvider));
    assert_eq!(bench.log.admits(), Err(Failure::NoTimestampingProvider));
    bench.log.provide_time_stamping(true);
    assert_eq!(bench.log.record(request("q")).await, Ok(RecordId(1)));
}

//! Which bodies are logged, which messages are refused (data-plane 7.2, 7.3).

use identifier::ServiceId;
use messagelog::{
    Blame, Body, BodyLogging, BodyOverride, Failure, NewRecord, Provider, RecordId, Settings, Side,
};

use crate::bench::{EMBEDDED, bench, request, with_body};

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
    let off = bodies(|bodies| bodies.rule.logged = false);
    let (message, body) = stored(off, with_body("q", b"body")).await.unwrap();
    let text = String::from_utf8(message).unwrap();
    assert_eq!(
        text,
        "POST\r\n/r1/EX/COM/1/sub/svc\r\nX-Road-Client:EX/GOV/2/c\r\n\
         x-road-request-id:0b6c5fe0-7f0d-4a2b-9d0b-000000000001\r\nx-road-id:q\r\n"
    );
    assert_eq!(body, None);
}

/// What is said of one provider.
fn said(of: &str, say: impl FnOnce(&mut BodyOverride)) -> BodyOverride {
    let of = Provider::parse(of).unwrap();
    let mut said = BodyOverride { of, side: None, logged: None, bytes_max: None, truncate: None };
    say(&mut said);
    said
}

#[tokio::test]
async fn what_is_said_of_a_provider_holds_for_it_and_on_its_side_only() {
    for (of, at, service, side, overridden) in [
        ("EX/COM/1", None, "EX/COM/1/sub/svc", Side::Consumer, true),
        ("EX/COM/1", None, "EX/COM/1/other/svc", Side::Provider, true),
        ("EX/COM/1", None, "EX/COM/2/sub/svc", Side::Provider, false),
        ("EX/COM/1/sub", None, "EX/COM/1/sub/other", Side::Provider, true),
        ("EX/COM/1/sub", None, "EX/COM/1/other/svc", Side::Provider, false),
        ("EX/COM/1/sub/svc", None, "EX/COM/1/sub/svc", Side::Provider, true),
        ("EX/COM/1/sub/svc", None, "EX/COM/1/sub/other", Side::Provider, false),
        ("EX/COM/1/sub", Some(Side::Provider), "EX/COM/1/sub/svc", Side::Provider, true),
        ("EX/COM/1/sub", Some(Side::Provider), "EX/COM/1/sub/svc", Side::Consumer, false),
        ("EX/COM/1/sub", Some(Side::Consumer), "EX/COM/1/sub/svc", Side::Consumer, true),
    ] {
        for logged in [true, false] {
            let settings = bodies(|bodies| {
                bodies.rule.logged = logged;
                bodies.overrides = vec![said(of, |said| {
                    said.side = at;
                    said.logged = Some(!logged);
                })];
            });
            let service = ServiceId::parse_short(service).unwrap();
            let record = NewRecord { side, service: service.clone(), ..with_body("q", b"body") };
            let (_, body) = stored(settings, record).await.unwrap();
            assert_eq!(body.is_some(), logged != overridden, "{of} {at:?} {service} {side:?} {logged}");
        }
    }
}

#[tokio::test]
async fn the_narrower_word_goes_before_the_wider_one_in_each_thing_that_it_says() {
    let settings = bodies(|bodies| {
        bodies.rule.bytes_max = 2;
        bodies.overrides = vec![
            said("EX/COM/1/sub/svc", |said| said.bytes_max = Some(4)),
            said("EX/COM/1", |said| {
                said.logged = Some(false);
                said.bytes_max = Some(3);
            }),
            said("EX/COM/1/sub", |said| {
                said.logged = Some(true);
                said.truncate = Some(true);
            }),
        ];
    });
    for (service, kept) in [
        ("EX/COM/1/sub/svc", Some(&b"1234"[..])),
        ("EX/COM/1/sub/other", Some(b"123")),
        ("EX/COM/1/other/svc", None),
    ] {
        let service = ServiceId::parse_short(service).unwrap();
        let record = NewRecord { service: service.clone(), ..with_body("q", b"12345") };
        let (_, body) = stored(settings.clone(), record).await.unwrap();
        assert_eq!(body.as_deref(), kept, "{service}");
    }
    let elsewhere = ServiceId::parse_short("EX/COM/2/sub/svc").unwrap();
    let refused = stored(settings, NewRecord { service: elsewhere, ..with_body("q", b"123") }).await;
    assert_eq!(refused, Err(Failure::TooLarge { bytes: 3, bytes_max: 2 }));
}

#[test]
fn whose_bodies_are_meant_is_read_from_three_to_six_parts() {
    for text in ["EX/COM/1", "EX/COM/1/sub", "EX/COM/1/sub/svc"] {
        assert!(Provider::parse(text).is_ok(), "{text}");
    }
    for text in ["", "EX", "EX/COM", "EX/COM/1/", "EX/COM//sub", "EX/COM/1/sub/svc/v1/more"] {
        assert!(Provider::parse(text).is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_too_large_body_is_refused_or_cut_or_never_stored() {
    let limited = |truncate| {
        bodies(|bodies| {
            bodies.rule.bytes_max = 4;
            bodies.rule.truncate = truncate;
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
    let never = bodies(|bodies| bodies.rule.bytes_max = 0);
    assert_eq!(stored(never, with_body("q", b"12345")).await.unwrap().1, None);
    let off = bodies(|bodies| {
        bodies.rule.logged = false;
        bodies.rule.bytes_max = 4;
    });
    assert_eq!(stored(off, with_body("q", b"12345")).await.unwrap().1, None);
}

#[tokio::test]
async fn a_spooled_body_is_cut_as_one_in_memory_is_and_the_list_says_so() {
    let bench = bench(bodies(|bodies| {
        bodies.rule.bytes_max = 70_000;
        bodies.rule.truncate = true;
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
    let off = bodies(|bodies| bodies.rule.logged = false);
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

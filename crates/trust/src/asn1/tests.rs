//! Tests of the module beside it.
use super::*;

fn check_time(tag: u8, text: &str, expected: Result<&str, Malformed>) {
    let der = encode(tag, text.as_bytes());
    let element = Reader::new(&der).any().unwrap();
    let expected = expected.map(|text| text.parse::<Timestamp>().unwrap());
    assert_eq!(time(&element), expected, "{text}");
}

#[test]
fn reads_times_with_and_without_seconds_fractions_and_offsets() {
    check_time(UTC_TIME, "121129131004Z", Ok("2012-11-29T13:10:04Z"));
    check_time(UTC_TIME, "491231235959Z", Ok("2049-12-31T23:59:59Z"));
    check_time(UTC_TIME, "500101000000Z", Ok("1950-01-01T00:00:00Z"));
    check_time(UTC_TIME, "1211291310Z", Ok("2012-11-29T13:10:00Z"));
    check_time(UTC_TIME, "121129131004+0200", Ok("2012-11-29T11:10:04Z"));
    check_time(GENERALIZED_TIME, "20121129131004Z", Ok("2012-11-29T13:10:04Z"));
    check_time(GENERALIZED_TIME, "20121129131004.25Z", Ok("2012-11-29T13:10:04.250Z"));
    check_time(GENERALIZED_TIME, "20121129131004.123456Z", Ok("2012-11-29T13:10:04.123Z"));
    check_time(GENERALIZED_TIME, "99991231235959Z", Ok("9999-12-30T22:00:00.999999999Z"));
}

#[test]
fn refuses_what_is_no_time() {
    const BAD: Malformed = Malformed::Value("time");
    for text in [
        "",
        "Z",
        "1211291310",
        "121329131004Z",
        "121129251004Z",
        "12112913100Z",
        "+21129131004Z",
        "121129131004Z0",
        "121129131004Z09",
        "1211291310Z0900",
        "121129131004.5Z",
        "121129131004+02000",
        "12112é131004Z",
    ] {
        check_time(UTC_TIME, text, Err(BAD));
    }
    for text in
        ["20121129131004", "2012112913100Z", "20121129131004.xZ", "20130229000000Z", "-0121129131004Z"]
    {
        check_time(GENERALIZED_TIME, text, Err(BAD));
    }
    check_time(
        OCTET_STRING,
        "121129131004Z",
        Err(Malformed::Tag { expected: UTC_TIME, found: OCTET_STRING }),
    );
}

#[test]
fn refuses_absurd_lengths_before_touching_the_content() {
    let check = |bytes: &[u8], expected: Malformed| {
        assert_eq!(Reader::new(bytes).any().unwrap_err(), expected, "{bytes:02x?}");
    };
    check(&[], Malformed::Truncated);
    check(&[0x30], Malformed::Truncated);
    check(&[0x30, 0x80], Malformed::Length);
    check(&[0x30, 0x85, 1, 0, 0, 0, 0], Malformed::Length);
    check(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0], Malformed::Truncated);
    check(&[0x30, 0x82, 0x01], Malformed::Truncated);
    check(&[0x1f, 0x81, 0x01, 0x00], Malformed::HighTag);
    check(&[0x04, 0x02, 0x00], Malformed::Truncated);
}

#[test]
fn keeps_the_bytes_as_received() {
    let bytes = [0x30, 0x81, 0x03, 0x02, 0x01, 0x05, 0x99];
    let mut reader = Reader::new(&bytes);
    let element = reader.any().unwrap();
    assert_eq!(element.raw, &bytes[..6]);
    assert_eq!(element.body, &bytes[3..6]);
    assert_eq!(reader.end(), Err(Malformed::Trailing));
    assert_eq!(only(&bytes, SEQUENCE).unwrap_err(), Malformed::Trailing);
}

#[test]
fn reads_object_identifiers() {
    let check = |body: &[u8], expected: Result<&str, Malformed>| {
        assert_eq!(dotted(body), expected.map(str::to_owned));
    };
    check(&[0x55, 0x04, 0x61], Ok("2.5.4.97"));
    check(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01], Ok("1.2.840.113549.1.9.1"));
    check(&[0x88, 0x37], Ok("2.999"));
    check(&[0x09, 0x92, 0x26], Ok("0.9.2342"));
    check(&[], Err(Malformed::Value("OBJECT IDENTIFIER")));
    check(&[0x55, 0x04, 0x80, 0x03], Err(Malformed::Value("OBJECT IDENTIFIER")));
    check(&[0x80, 0x55, 0x04], Err(Malformed::Value("OBJECT IDENTIFIER")));
    check(&[0x55, 0x84], Err(Malformed::Value("OBJECT IDENTIFIER")));
    check(&[0xff; 12], Err(Malformed::Value("OBJECT IDENTIFIER")));
    check(&[0x01; 65], Err(Malformed::Value("OBJECT IDENTIFIER")));
}

#[test]
fn reads_small_numbers_only() {
    assert_eq!(unsigned(&[0x00, 0xff]), Ok(255));
    assert_eq!(unsigned(&[0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Ok(u64::MAX));
    for bad in [&[][..], &[0x80][..], &[0x01; 9][..], &[0x00; 10][..]] {
        assert!(unsigned(bad).is_err(), "{bad:02x?}");
    }
}

#[test]
fn writes_lengths_in_the_shortest_form() {
    assert_eq!(encode(NULL, &[]), [5, 0]);
    assert_eq!(encode(OCTET_STRING, &[7; 127])[..2], [4, 127]);
    assert_eq!(encode(OCTET_STRING, &[7; 128])[..3], [4, 0x81, 128]);
    assert_eq!(encode(OCTET_STRING, &[7; 256])[..4], [4, 0x82, 1, 0]);
}

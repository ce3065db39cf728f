//! Points of time as they stand in headers, anchors and metadata.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// `OffsetDateTime.parse`: ISO 8601 with an offset, seconds may have a fraction (control-plane 1.3.3).
pub(crate) fn parse_offset(text: &str) -> Option<Timestamp> {
    let shaped = text.contains('T')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-:.,".contains(&byte));
    if shaped { text.parse().ok() } else { None }
}

/// `xs:dateTime`: as above, but the offset may be missing; then it is read as UTC.
pub(crate) fn parse_xs(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    parse_offset(text).or_else(|| {
        let local: DateTime = text.parse().ok()?;
        local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

/// `uuuu-MM-dd'T'HH:mm:ssX` in UTC: seconds, `Z`.
pub(crate) fn seconds_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// With exactly three digits of milliseconds, as anchors carry it.
pub(crate) fn milliseconds_text(at: Timestamp) -> String {
    let millisecond = civil(at).millisecond();
    format!("{}.{millisecond:03}Z", at.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// The directory name of one generation: `uuuuMMddHHmmss` and nine digits of nanoseconds, UTC.
pub(crate) fn stamp(at: Timestamp) -> String {
    let nanosecond = civil(at).subsec_nanosecond();
    format!("{}{nanosecond:09}", at.strftime("%Y%m%d%H%M%S"))
}

/// As a calendar has it: its fractions count onwards before 1970, too.
fn civil(at: Timestamp) -> DateTime {
    TimeZone::UTC.to_datetime(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_fractions_and_offsets_and_writes_seconds() {
        let at = parse_offset("2026-01-01T02:00:00.123+02:00").unwrap();
        assert_eq!(seconds_text(at), "2026-01-01T00:00:00Z");
        assert_eq!(milliseconds_text(at), "2026-01-01T00:00:00.123Z");
        assert_eq!(stamp(at), "20260101000000123000000");
        assert_eq!(parse_xs(" 2026-01-01T00:00:00.123 "), Some(at));
        let early = "1011-02-15T09:26:34.235Z";
        assert_eq!(milliseconds_text(parse_offset(early).unwrap()), early);
        assert_eq!(stamp(parse_offset(early).unwrap()), "10110215092634235000000");
    }

    #[test]
    fn refuses_a_time_without_offset_or_with_a_zone_name() {
        for text in
            ["2026-01-01T00:00:00", "2026-01-01", "", "2026-01-01T00:00:00Z[UTC]", "2026-13-01T00:00:00Z"]
        {
            assert_eq!(parse_offset(text), None, "{text}");
        }
    }
}

//! The name of a container's file (data-plane 7.6).

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From a consumer.
    Request,
    /// Back to it.
    Response,
}

/// How many characters of the encoded query id are kept.
const QUERY_CHARACTERS_MAX: usize = 226;

/// `{query id, URL-encoded, cut}-{request|response}-{record id in radix 32}.asice`
#[must_use]
pub fn file_name(query_id: &str, direction: Direction, record_id: u64) -> String {
    let mut encoded = url_encoded(query_id);
    // The encoding is ASCII, so that every index is a character boundary.
    encoded.truncate(QUERY_CHARACTERS_MAX);
    let direction = match direction {
        Direction::Request => "request",
        Direction::Response => "response",
    };
    format!("{encoded}-{direction}-{}.asice", radix_32(record_id))
}

/// As `application/x-www-form-urlencoded` has it.
fn url_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn radix_32(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 32).unwrap_or_default();
        digits.push(char::from_digit(digit, 32).unwrap_or('0'));
        number /= 32;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

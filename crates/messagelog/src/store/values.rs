//! How values of the house stand in columns.

use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

/// An identifier: a UUID in its usual spelling as 16 bytes, anything else as text.
pub(crate) fn identifier_value(text: &str) -> Value {
    match uuid_bytes(text) {
        Some(bytes) => Value::Blob(bytes),
        None => Value::Text(text.to_owned()),
    }
}

/// The identifier again.
pub(crate) fn identifier_text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).ok(),
        ValueRef::Blob(bytes) => uuid_text(bytes),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => None,
    }
}

fn uuid_bytes(text: &str) -> Option<Vec<u8>> {
    if text.len() != 36 {
        return None;
    }
    let digits: String = text.chars().filter(|char| *char != '-').collect();
    let bytes = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect::<Option<Vec<_>>>()?;
    // Only what comes back exactly is shortened.
    (uuid_text(&bytes).as_deref() == Some(text)).then_some(bytes)
}

fn uuid_text(bytes: &[u8]) -> Option<String> {
    if bytes.len() != 16 {
        return None;
    }
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Some(text)
}

/// A number that the schema keeps as a signed one. Numbers of records and bytes never reach the upper half.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that is never negative, read from a signed column.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Milliseconds since 1970, as X-Road's log keeps them.
pub(crate) fn milliseconds(time: Timestamp) -> ToSqlOutput<'static> {
    ToSqlOutput::from(time.as_millisecond())
}

/// The time of a column; `None` when it is outside what a time can be.
pub(crate) fn time(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, stored_bytes: usize) {
        let value = identifier_value(text);
        let length = match &value {
            Value::Blob(bytes) => bytes.len(),
            Value::Text(text) => text.len(),
            Value::Null | Value::Integer(_) | Value::Real(_) => panic!("{value:?}"),
        };
        assert_eq!(length, stored_bytes, "{text}");
        assert_eq!(identifier_text(ValueRef::from(&value)).as_deref(), Some(text));
    }

    #[test]
    fn a_uuid_takes_16_bytes_and_anything_else_stays_as_it_is() {
        check("0b6c5fe0-7f0d-4a2b-9d0b-000000000001", 16);
        check("0B6C5FE0-7f0d-4a2b-9d0b-000000000001", 36);
        check("0b6c5fe07f0d-4a2b-9d0b-0000-00000001", 36);
        check("+b6c5fe0-7f0d-4a2b-9d0b-000000000001", 36);
        check("EX-77aa", 7);
        check("", 0);
        check("ក-0123456789012345678901234567890123", 38);
    }
}

//! Writing an identifier as an element.

use std::fmt::Write as _;

use crate::client::ClientId;
use crate::group::{GlobalGroupId, LocalGroupId};
use crate::object_type::ObjectType;
use crate::part::Part;
use crate::server::ServerId;
use crate::service::ServiceId;

/// A character that XML 1.0 cannot hold in any form, such as U+0000.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the character {character:?} cannot be written in XML")]
pub struct Unwritable {
    /// The first such character.
    pub character: char,
}

/// Appends `<element prefix:objectType="SUBSYSTEM">…</element>`, without white space. `element` is the qualified name of the
/// wrapping element, `prefix` the prefix that the caller has bound to [`NAMESPACE`](crate::xml::NAMESPACE).
///
/// # Errors
/// [`Unwritable`]; then nothing has been appended.
pub fn write_client(out: &mut String, element: &str, prefix: &str, id: &ClientId) -> Result<(), Unwritable> {
    write(out, element, prefix, id.object_type(), &id.parts())
}

/// As [`write_client`], for a service.
///
/// # Errors
/// [`Unwritable`]; then nothing has been appended.
pub fn write_service(
    out: &mut String,
    element: &str,
    prefix: &str,
    id: &ServiceId,
) -> Result<(), Unwritable> {
    write(out, element, prefix, id.object_type(), &id.parts())
}

/// As [`write_client`], for a gateway.
///
/// # Errors
/// [`Unwritable`]; then nothing has been appended.
pub fn write_server(out: &mut String, element: &str, prefix: &str, id: &ServerId) -> Result<(), Unwritable> {
    write(out, element, prefix, id.object_type(), &id.parts())
}

/// As [`write_client`], for a global group.
///
/// # Errors
/// [`Unwritable`]; then nothing has been appended.
pub fn write_global_group(
    out: &mut String,
    element: &str,
    prefix: &str,
    id: &GlobalGroupId,
) -> Result<(), Unwritable> {
    write(out, element, prefix, id.object_type(), &id.parts())
}

/// As [`write_client`], for a local group.
///
/// # Errors
/// [`Unwritable`]; then nothing has been appended.
pub fn write_local_group(
    out: &mut String,
    element: &str,
    prefix: &str,
    id: &LocalGroupId,
) -> Result<(), Unwritable> {
    write(out, element, prefix, id.object_type(), &id.parts())
}

fn write(
    out: &mut String,
    element: &str,
    prefix: &str,
    object_type: ObjectType,
    parts: &[(Part, &str)],
) -> Result<(), Unwritable> {
    let mut written = format!("<{element} {prefix}:objectType=\"{object_type}\">");
    for (part, text) in parts {
        let text = escape_text(text)?;
        // Writing into a String cannot fail.
        let _ = write!(written, "<{prefix}:{part}>{text}</{prefix}:{part}>");
    }
    let _ = write!(written, "</{element}>");
    out.push_str(&written);
    Ok(())
}

/// `text` as character data: `&`, `<`, `>` escaped and carriage return as `&#13;`, so that every reader gets back exactly
/// what was given.
///
/// # Errors
/// [`Unwritable`] for what XML 1.0 cannot hold.
pub fn escape_text(text: &str) -> Result<String, Unwritable> {
    check_writable(text)?;
    Ok(escaped(text, false))
}

/// `text` as the value of an attribute in double quotes: as [`escape_text`], and `"`, tab and line feed as references too.
///
/// # Errors
/// [`Unwritable`] for what XML 1.0 cannot hold.
pub fn escape_attribute(text: &str) -> Result<String, Unwritable> {
    check_writable(text)?;
    Ok(escaped(text, true))
}

/// As [`escape_text`], with U+FFFD in place of what XML cannot hold: for texts meant for people, such as fault strings.
pub fn escape_lossy(text: &str) -> String {
    escaped(text, false)
}

fn check_writable(text: &str) -> Result<(), Unwritable> {
    match text.chars().find(|character| !is_writable(*character)) {
        Some(character) => Err(Unwritable { character }),
        None => Ok(()),
    }
}

fn escaped(text: &str, in_attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '"' if in_attribute => out.push_str("&quot;"),
            '\t' if in_attribute => out.push_str("&#9;"),
            '\n' if in_attribute => out.push_str("&#10;"),
            other if is_writable(other) => out.push(other),
            _ => out.push(char::REPLACEMENT_CHARACTER),
        }
    }
    out
}

fn is_writable(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

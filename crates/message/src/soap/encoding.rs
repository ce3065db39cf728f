//! From bytes to characters, as XML 1.0 has it (4.3.3 and appendix F): the byte order mark and the document's own declaration say how, not
//! the content type around it.
//!
//! Only encodings are taken about which readers agree: UTF-8, UTF-16 with its mark, and those of one byte a character.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, X_USER_DEFINED};
use memchr::memmem;

use super::Refusal;
use crate::text;

/// Within so many bytes a declaration ends.
const DECLARATION_BYTES_MAX: usize = 256;
/// A document's declaration in front of its first element.
const DECLARATION: &[u8] = b"<?xml";
const DECLARATION_END: &[u8] = b"?>";

/// The characters of a document, without byte order mark.
///
/// # Errors
/// [`Refusal::Encoding`], or [`Refusal::Xml`] for a declaration that is too long.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    match Encoding::for_bom(bytes) {
        Some((marked, length)) => with_mark(bytes.get(length..).unwrap_or_default(), marked),
        None => without_mark(bytes),
    }
}

/// How long the declaration is with which a text begins, in bytes; 0 without one.
pub(super) fn declaration_length(text: &str) -> usize {
    let end = declaration(text.as_bytes()).and_then(|rest| memmem::find(rest, DECLARATION_END));
    end.map_or(0, |end| DECLARATION.len().saturating_add(end).saturating_add(DECLARATION_END.len()))
}

/// The mark says how, and the declaration must not say otherwise. `UTF-16` is either order.
fn with_mark<'a>(bytes: &'a [u8], marked: &'static Encoding) -> Result<Cow<'a, str>, Refusal> {
    let text = decoded(bytes, marked)?;
    match name(text.as_bytes())? {
        Some(name) if marked == UTF_16BE && name.eq_ignore_ascii_case("utf-16") => Ok(text),
        Some(name) if Encoding::for_label(name.as_bytes()) != Some(marked) => Err(unreadable(&name)),
        Some(_) | None => Ok(text),
    }
}

/// The declaration says how, or it is UTF-8. To the web's names ASCII and ISO-8859-1 have more characters than to XML's.
fn without_mark(bytes: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    let Some(name) = name(bytes)? else { return decoded(bytes, UTF_8) };
    match name.to_ascii_lowercase().as_str() {
        "us-ascii" | "ascii" if bytes.is_ascii() => decoded(bytes, UTF_8),
        "us-ascii" | "ascii" => Err(unreadable(&name)),
        "iso-8859-1" | "latin1" => Ok(Cow::Owned(text::from_latin1(bytes))),
        lower => {
            let agreed = |encoding: &&'static Encoding| {
                *encoding == UTF_8 || (encoding.is_single_byte() && *encoding != X_USER_DEFINED)
            };
            let encoding = Encoding::for_label_no_replacement(lower.as_bytes()).filter(agreed);
            decoded(bytes, encoding.ok_or_else(|| unreadable(&name))?)
        }
    }
}

fn decoded<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> Result<Cow<'a, str>, Refusal> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.ok_or_else(|| unreadable(encoding.name()))
}

fn unreadable(encoding: &str) -> Refusal {
    Refusal::Encoding { encoding: text::shortened(encoding, 40) }
}

/// The encoding that the declaration names, if there is a declaration and it names one. The parser reads it again, strictly.
fn name(bytes: &[u8]) -> Result<Option<String>, Refusal> {
    let start = bytes.get(..bytes.len().min(DECLARATION_BYTES_MAX)).unwrap_or_default();
    let Some(declaration) = declaration(start) else { return Ok(None) };
    let Some(end) = memmem::find(declaration, DECLARATION_END) else {
        let reason = format!("its declaration does not end within {DECLARATION_BYTES_MAX} bytes");
        return Err(Refusal::Xml { reason });
    };
    Ok(std::str::from_utf8(declaration.get(..end).unwrap_or_default())
        .ok()
        .and_then(value)
        .map(str::to_owned))
}

/// What follows `<?xml`. A name that only begins so is another instruction's.
fn declaration(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(DECLARATION).filter(|rest| rest.first().is_some_and(u8::is_ascii_whitespace))
}

fn value(declaration: &str) -> Option<&str> {
    let (_, behind) = declaration.split_once("encoding")?;
    let value = behind.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value.get(1..)?.split_once(quote).map(|(name, _)| name)
}

//! Content types: a base type, its parameters, and the boundary that they name.

use crate::text;

/// The longest `Content-Type` value that is read, in bytes.
pub const LENGTH_MAX: usize = 1000;

/// The longest boundary, in bytes (RFC 2046).
pub const BOUNDARY_LENGTH_MAX: usize = 70;

/// Why a content type was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The text is longer than [`LENGTH_MAX`].
    #[error("the content type has {length} bytes, and {LENGTH_MAX} are read")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// It does not begin with `type/subtype`.
    #[error("the content type does not name a type")]
    NoType,
    /// A parameter is not `name=value` or its quotation does not end.
    #[error("a parameter of the content type cannot be read")]
    Parameter,
    /// A parameter stands there twice: readers would differ in the one they take.
    #[error("the parameter `{name}` of the content type is repeated")]
    RepeatedParameter {
        /// The parameter's name, in lower case.
        name: String,
    },
    /// There is no boundary parameter.
    #[error("the content type names no boundary")]
    NoBoundary,
    /// The boundary is empty, too long, or has characters that RFC 2046 does not allow.
    #[error(
        "the boundary of the content type is not one of 1 to {BOUNDARY_LENGTH_MAX} characters as RFC 2046 allows them"
    )]
    Boundary,
}

/// A content type in parts. Names are kept in lower case, values as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType {
    base: String,
    parameters: Vec<(String, String)>,
}

impl ContentType {
    /// Reads the value of a `Content-Type` header; parameter values may be quoted.
    ///
    /// # Errors
    /// [`Malformed`] when readers could differ in what it says.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > LENGTH_MAX {
            return Err(Malformed::TooLong { length: text.len() });
        }
        let (base, mut rest) = match text.split_once(';') {
            Some((base, rest)) => (text::trim(base), rest),
            None => (text::trim(text), ""),
        };
        let (kind, subtype) = base.split_once('/').ok_or(Malformed::NoType)?;
        if !text::is_token(kind.as_bytes()) || !text::is_token(subtype.as_bytes()) {
            return Err(Malformed::NoType);
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        while let Some((name, value, after)) = parameter(rest)? {
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(Malformed::RepeatedParameter { name });
            }
            parameters.push((name, value));
            rest = after;
        }
        Ok(Self { base: base.to_ascii_lowercase(), parameters })
    }

    /// `type/subtype` in lower case.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether the base type is this one, without regard to case.
    #[must_use]
    pub fn is(&self, base: &str) -> bool {
        self.base.eq_ignore_ascii_case(base)
    }

    /// A parameter by its name in lower case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The charset parameter as written.
    #[must_use]
    pub fn charset(&self) -> Option<&str> {
        self.parameter("charset")
    }

    /// The boundary of a multipart type.
    ///
    /// # Errors
    /// [`Malformed::NoBoundary`] or [`Malformed::Boundary`].
    pub fn boundary(&self) -> Result<Boundary, Malformed> {
        self.parameter("boundary").ok_or(Malformed::NoBoundary).and_then(Boundary::new)
    }
}

/// The text before the first `;`, without white space around it: what part types are compared by (data-plane 4.8).
#[must_use]
pub fn base_of(text: &str) -> &str {
    text::trim(text.split(';').next().unwrap_or_default())
}

/// A boundary of a multipart: 1 to 70 characters of RFC 2046, not ending in a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary(String);

impl Boundary {
    /// Takes a boundary as it stands in the content type, without quotes.
    ///
    /// # Errors
    /// [`Malformed::Boundary`].
    pub fn new(text: &str) -> Result<Self, Malformed> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
        let length = (1..=BOUNDARY_LENGTH_MAX).contains(&text.len());
        if length && text.bytes().all(allowed) && !text.ends_with(' ') {
            Ok(Self(text.to_owned()))
        } else {
            Err(Malformed::Boundary)
        }
    }

    /// The boundary of a message between gateways: `xtop` and 30 random ASCII letters (data-plane 4.5).
    ///
    /// # Errors
    /// [`Malformed::Boundary`] when `letters` has anything but ASCII letters or is too long.
    pub fn top(letters: &str) -> Result<Self, Malformed> {
        if letters.is_empty() || !letters.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(Malformed::Boundary);
        }
        Self::new(&format!("xtop{letters}"))
    }

    /// The boundary of the attachments inside a message with this one: `xatt` and the same letters (data-plane 4.7).
    ///
    /// # Errors
    /// [`Malformed::Boundary`] when that is too long.
    pub fn of_attachments(&self) -> Result<Self, Malformed> {
        Self::new(&format!("xatt{}", self.0.strip_prefix("xtop").unwrap_or(&self.0)))
    }

    /// The boundary without its leading dashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The content type of a message with this boundary: `multipart/mixed; charset=UTF-8; boundary=…`
    /// (data-plane 4.5, 4.6). Quoted where the boundary is not a token.
    #[must_use]
    pub fn content_type(&self) -> String {
        if text::is_token(self.0.as_bytes()) {
            format!("multipart/mixed; charset=UTF-8; boundary={}", self.0)
        } else {
            format!("multipart/mixed; charset=UTF-8; boundary=\"{}\"", self.0)
        }
    }
}

/// Name, value and what follows of the first parameter in `rest`; `None` when only white space and `;` are left.
fn parameter(rest: &str) -> Result<Option<(String, String, &str)>, Malformed> {
    let rest = rest.trim_start_matches([' ', '\t', ';']);
    if rest.is_empty() {
        return Ok(None);
    }
    let (name, after) = rest.split_once('=').ok_or(Malformed::Parameter)?;
    let name = text::trim(name);
    if !text::is_token(name.as_bytes()) {
        return Err(Malformed::Parameter);
    }
    let after = after.trim_start_matches([' ', '\t']);
    let (value, after) = match after.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None => {
            let (value, after) = after.split_at(after.find(';').unwrap_or(after.len()));
            (text::trim(value).to_owned(), after)
        }
    };
    let visible = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let ended = after.is_empty() || after.starts_with(';');
    if !visible || !ended {
        return Err(Malformed::Parameter);
    }
    Ok(Some((name.to_ascii_lowercase(), value, after)))
}

/// The text of a quoted string after its opening quote, and what follows the closing one.
fn unquote(quoted: &str) -> Result<(String, &str), Malformed> {
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next().ok_or(Malformed::Parameter)? {
            '"' => return Ok((value, text::trim(characters.as_str()))),
            '\\' => value.push(characters.next().ok_or(Malformed::Parameter)?),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests;

//! Which values of the SOAPAction header are valid (data-plane 3.1).
//!
//! Absent, empty, `""`, or a URI in double quotes. "A URI" is what X-Road's language runtime takes for one: RFC 3986
//! references, plus characters outside ASCII that are neither controls nor spaces, plus brackets behind the path.

/// Bytes of a value at most.
pub const VALUE_BYTES_MAX: usize = 8 * 1024;

/// Why a value is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than [`VALUE_BYTES_MAX`].
    #[error("the SOAPAction value has {bytes} bytes; {VALUE_BYTES_MAX} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not empty, and not between double quotes.
    #[error("the SOAPAction value is not quoted")]
    NotQuoted,
    /// A character that may not stand where it stands.
    #[error("the SOAPAction value holds the character {character:?} where a URI does not allow it")]
    Character {
        /// The first such character.
        character: char,
    },
    /// A `%` that two hexadecimal digits do not follow.
    #[error("the SOAPAction value holds a % that two hexadecimal digits do not follow")]
    Triplet,
    /// The scheme is empty or not a letter followed by letters, digits, `+`, `-`, `.`.
    #[error("the SOAPAction value has no valid scheme before its colon")]
    Scheme,
    /// Nothing stands behind the scheme, or nothing behind `//`.
    #[error("the SOAPAction value ends where a URI must go on")]
    Unfinished,
}

/// Checks the value of a SOAPAction header that is present; an absent header is valid.
///
/// # Errors
/// See [`Refusal`].
pub fn check(value: &str) -> Result<(), Refusal> {
    if value.is_empty() || value == "\"\"" {
        return Ok(());
    }
    if value.len() > VALUE_BYTES_MAX {
        return Err(Refusal::TooLong { bytes: value.len() });
    }
    let uri = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(Refusal::NotQuoted)?;
    check_uri(uri)
}

fn check_uri(uri: &str) -> Result<(), Refusal> {
    let (uri, fragment) = cut(uri, '#');
    check_characters(fragment.unwrap_or_default(), BEHIND_THE_PATH)?;
    let stop = uri.find([':', '/', '?']);
    let Some((at, ':')) = stop.and_then(|at| uri.get(at..)?.chars().next().map(|stop| (at, stop))) else {
        return check_hierarchy(uri);
    };
    let (scheme, rest) =
        (uri.get(..at).unwrap_or_default(), uri.get(at.saturating_add(1)..).unwrap_or_default());
    check_scheme(scheme)?;
    if rest.is_empty() {
        return Err(Refusal::Unfinished);
    }
    if rest.starts_with('/') { check_hierarchy(rest) } else { check_characters(rest, BEHIND_THE_PATH) }
}

const IN_THE_AUTHORITY: &str = "[]";
const IN_THE_PATH: &str = "/";
const BEHIND_THE_PATH: &str = "/?[]";

fn check_scheme(scheme: &str) -> Result<(), Refusal> {
    let mut characters = scheme.chars();
    let first = characters.next().is_some_and(|first| first.is_ascii_alphabetic());
    let others = characters.all(|other| other.is_ascii_alphanumeric() || matches!(other, '+' | '-' | '.'));
    if first && others { Ok(()) } else { Err(Refusal::Scheme) }
}

/// `[//authority][path][?query]`
fn check_hierarchy(text: &str) -> Result<(), Refusal> {
    let (text, query) = cut(text, '?');
    check_characters(query.unwrap_or_default(), BEHIND_THE_PATH)?;
    let Some(rest) = text.strip_prefix("//") else {
        return check_characters(text, IN_THE_PATH);
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at..).unwrap_or_default()),
        None => (rest, ""),
    };
    if authority.is_empty() && path.is_empty() {
        return Err(Refusal::Unfinished);
    }
    check_characters(authority, IN_THE_AUTHORITY)?;
    check_characters(path, IN_THE_PATH)
}

/// Letters, digits, triplets, the usual marks, everything printable outside ASCII, and the characters of `more`.
fn check_characters(text: &str, more: &str) -> Result<(), Refusal> {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '%' {
            let digits = [characters.next(), characters.next()];
            if digits.iter().any(|digit| !digit.is_some_and(|digit| digit.is_ascii_hexdigit())) {
                return Err(Refusal::Triplet);
            }
        } else if !(may_stand_anywhere(character) || more.contains(character)) {
            return Err(Refusal::Character { character });
        }
    }
    Ok(())
}

fn may_stand_anywhere(character: char) -> bool {
    let printable_beyond_ascii =
        !character.is_ascii() && !character.is_control() && !character.is_whitespace();
    character.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(character) || printable_beyond_ascii
}

/// The text before the first `mark`, and what stands behind it.
fn cut(text: &str, mark: char) -> (&str, Option<&str>) {
    match text.split_once(mark) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests;

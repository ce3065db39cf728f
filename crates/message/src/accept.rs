//! The Accept headers of a consumer, read as X-Road reads them: first match in order, weights ignored (data-plane 2.8, 2.9).

use crate::content_type::base_of;

/// The media ranges of all Accept headers in order, parameters cut off.
fn ranges<'a>(headers: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    headers.into_iter().flat_map(|value| value.split(',')).map(base_of)
}

/// Whether any media range is `application/json`: the rule of the consumer's metadata services (data-plane 2.9).
#[must_use]
pub fn lists_json<'a>(headers: impl IntoIterator<Item = &'a str>) -> bool {
    ranges(headers).any(|range| range.eq_ignore_ascii_case("application/json"))
}

/// The XML type in which a consumer wants an error, if it lists one anywhere (data-plane 2.8).
#[must_use]
pub fn xml_type<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    ranges(headers).find_map(|range| {
        let is = |other: &str| range.eq_ignore_ascii_case(other);
        match () {
            () if is("text/xml") || is("text/*") => Some("text/xml"),
            () if is("application/xml") => Some("application/xml"),
            () => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_xml_type_anywhere_and_ignores_weights() {
        let check = |headers: &[&str], expected: Option<&str>| {
            assert_eq!(xml_type(headers.iter().copied()), expected, "{headers:?}");
        };
        check(&["application/json, Text/XML;q=0.1"], Some("text/xml"));
        check(&["application/json", "application/xml; q=0.2, text/xml"], Some("application/xml"));
        check(&["text/*"], Some("text/xml"));
        check(&["*/*"], None);
        check(&["application/*"], None);
        check(&["text/xmlx", "text/html", "application/xhtml+xml"], None);
        check(&["", ",;,"], None);
        check(&[], None);
    }
}

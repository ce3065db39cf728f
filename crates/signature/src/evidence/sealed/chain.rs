//! A hash chain's text proves itself only as far as its values go; the rest must be as JAXB prints it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use trust::algorithm::DigestAlgorithm;

use crate::canonical;
use crate::hashchain::{Chain, Value, read_chain};
use crate::reading;
use crate::xades::MESSAGE;

use super::super::Refusal;
use super::unsealed;

/// What the parts of a message are called, by their places.
pub(super) fn name_of_part(place: usize) -> String {
    if place == 0 { MESSAGE.to_owned() } else { format!("/attachment{place}") }
}

/// Refuses a chain whose text is not exactly what follows from its values, or whose parts are not called as their places
/// say: no digest covers a name.
pub(super) fn check(
    name: &'static str,
    text: &[u8],
    name_of: impl Fn(usize) -> String,
) -> Result<(), Refusal> {
    let Some(prefixes) = prefixes_of(text) else { return unsealed(name, "it cannot be read") };
    let Ok(chain) = read_chain(text) else { return unsealed(name, "it cannot be read") };
    let steps = (0..chain.steps.len()).filter_map(|number| chain.steps.get(&format!("STEP{number}")));
    let parts = steps.flat_map(|step| &step.values).filter_map(|value| match value {
        Value::Part { name, .. } => Some(name),
        Value::Digest { .. } | Value::Step { .. } => None,
    });
    if parts.enumerate().any(|(place, part)| *part != name_of(place)) {
        return unsealed(name, "its parts are not called as they must be");
    }
    if print(&chain, &prefixes).is_some_and(|printed| printed.as_bytes() == text) {
        Ok(())
    } else {
        unsealed(name, "its text is not the one that its values have")
    }
}

/// The prefixes of the two namespaces (they differ from process to process, data-plane E.1.3) and the declarations in
/// the order in which they stand.
struct Prefixes {
    chain: String,
    signature: String,
    declarations: String,
}

fn prefixes_of(bytes: &[u8]) -> Option<Prefixes> {
    const CHAIN: &str = "http://cyber.ee/hashchain";
    let text = reading::text_of(bytes).ok()?;
    let document = reading::parse(text).ok()?;
    let root = document.root_element();
    let with_colon = |prefix: &str| if prefix.is_empty() { String::new() } else { format!("{prefix}:") };
    let chain = canonical::prefix_of(root).ok()?;
    let mut declarations = Vec::new();
    let mut signature = None;
    for namespace in root.namespaces() {
        let prefix = namespace.name().unwrap_or_default();
        let attribute = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        let declaration = format!("{attribute}=\"{}\"", namespace.uri());
        declarations.push((text.find(&declaration)?, declaration));
        match namespace.uri() {
            CHAIN if prefix == chain => {}
            reading::DS if signature.is_none() => signature = Some(with_colon(prefix)),
            _ => return None,
        }
    }
    declarations.sort();
    let declarations: Vec<String> = declarations.into_iter().map(|(_, declaration)| declaration).collect();
    Some(Prefixes { chain: with_colon(chain), signature: signature?, declarations: declarations.join(" ") })
}

fn print(chain: &Chain, prefixes: &Prefixes) -> Option<String> {
    let Prefixes { chain: c, signature: s, declarations } = prefixes;
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<{c}HashChain {declarations}>\n"
    );
    if let Some(default) = chain.default {
        out.push_str(&format!("    <{c}DefaultDigestMethod Algorithm=\"{}\"/>\n", default.uri()));
    }
    for number in 0..chain.steps.len() {
        let id = format!("STEP{number}");
        let step = chain.steps.get(&id)?;
        out.push_str(&format!("    <{c}HashStep id=\"{id}\">\n"));
        for value in &step.values {
            out.push_str(&print_value(value, c, s)?);
        }
        out.push_str(&format!("    </{c}HashStep>\n"));
    }
    out.push_str(&format!("</{c}HashChain>\n"));
    Some(out)
}

fn print_value(value: &Value, c: &str, s: &str) -> Option<String> {
    let method = |algorithm: &Option<DigestAlgorithm>| {
        algorithm
            .map(|algorithm| format!("            <{s}DigestMethod Algorithm=\"{}\"/>\n", algorithm.uri()))
            .unwrap_or_default()
    };
    let digest =
        |octets: &[u8]| format!("            <{s}DigestValue>{}</{s}DigestValue>\n", STANDARD.encode(octets));
    Some(match value {
        Value::Digest { algorithm, digest: octets } => format!(
            "        <{c}HashValue>\n{}{}        </{c}HashValue>\n",
            method(algorithm),
            digest(octets)
        ),
        Value::Step { algorithm: None, uri } => format!("        <{c}StepRef URI=\"{uri}\"/>\n"),
        Value::Step { algorithm, uri } => {
            format!("        <{c}StepRef URI=\"{uri}\">\n{}        </{c}StepRef>\n", method(algorithm))
        }
        Value::Part { algorithm, name, transforms, digest: octets } if transforms.is_empty() => format!(
            "        <{c}DataRef URI=\"{name}\">\n{}{}        </{c}DataRef>\n",
            method(algorithm),
            digest(octets)
        ),
        Value::Part { .. } => return None,
    })
}

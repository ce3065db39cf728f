//! Whom a stored message comes from: the consumer of a request, the provider of a response (data-plane 7.8 step 4).

use identifier::{ClientId, ServiceId, xml};
use roxmltree::Node;

use crate::container::Direction;
use crate::reading;

use super::Refusal;

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const XROAD: &str = "http://x-road.eu/xsd/xroad.xsd";
const VERBS: [&str; 8] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

fn unclear<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Sender(why.into()))
}

/// What a message says about itself.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) direction: Direction,
    pub(super) sender: ClientId,
    /// The service that is asked for or answers.
    pub(super) service: Option<ServiceId>,
}

pub(super) fn read(message: &[u8]) -> Result<Named, Refusal> {
    let text = std::str::from_utf8(message).or_else(|_| unclear("it is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('<') { soap(text.trim_start()) } else { rest(text) }
}

fn rest(text: &str) -> Result<Named, Refusal> {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let request = VERBS.contains(&first);
    let response = first.len() == 3 && first.bytes().all(|byte| byte.is_ascii_digit());
    if !request && !response {
        return unclear("it is neither SOAP nor REST");
    }
    let wanted = if request { "x-road-client" } else { "x-road-service" };
    let value = lines
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value)
        .last();
    let Some(value) = value else { return unclear(format!("it has no header {wanted}")) };
    if request {
        let client = ClientId::from_path(value).or_else(|why| unclear(why.to_string()))?;
        let service = text.lines().nth(1).and_then(asked_for);
        Ok(Named { direction: Direction::Request, sender: client, service })
    } else {
        let service = ServiceId::from_path(value).or_else(|why| unclear(why.to_string()))?;
        Ok(Named { direction: Direction::Response, sender: service.client().clone(), service: Some(service) })
    }
}

/// The service of `/r1/…`; the path behind it and the query are the message's own matter.
fn asked_for(target: &str) -> Option<ServiceId> {
    let path = target.split_once('?').map_or(target, |(path, _)| path).strip_prefix("/r1/")?;
    ServiceId::from_path(&path.split('/').take(5).collect::<Vec<_>>().join("/")).ok()
}

fn soap(text: &str) -> Result<Named, Refusal> {
    let bytes_max = reading::DOCUMENT_BYTES_MAX.saturating_mul(64);
    if text.len() > bytes_max {
        return unclear(format!("it is longer than {bytes_max} bytes"));
    }
    ::xml::within_budget(text, &::xml::Budget::LARGE).or_else(|why| unclear(why.to_string()))?;
    let document = roxmltree::Document::parse(text).or_else(|why| unclear(why.to_string()))?;
    let root = document.root_element();
    if !reading::is(root, ENVELOPE, "Envelope") {
        return unclear("its root is not a SOAP envelope");
    }
    let header = only_child(root, ENVELOPE, "Header")?;
    let body = only_child(root, ENVELOPE, "Body")?;
    let service =
        xml::read_service(only_child(header, XROAD, "service")?).or_else(|why| unclear(why.to_string()))?;
    let client =
        xml::read_client(only_child(header, XROAD, "client")?).or_else(|why| unclear(why.to_string()))?;
    let Some(content) = body.first_element_child() else { return unclear("its body is empty") };
    let name = content.tag_name().name();
    let answers = reading::is(content, ENVELOPE, "Fault")
        || (name != service.code() && name.strip_suffix("Response").is_some());
    if answers {
        Ok(Named { direction: Direction::Response, sender: service.client().clone(), service: Some(service) })
    } else {
        Ok(Named { direction: Direction::Request, sender: client, service: Some(service) })
    }
}

fn only_child<'a, 'i>(parent: Node<'a, 'i>, namespace: &str, name: &str) -> Result<Node<'a, 'i>, Refusal> {
    let mut found = parent.children().filter(|node| reading::is(*node, namespace, name));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        _ => unclear(format!("it does not have exactly one {name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_message_that_would_keep_the_parser_busy_for_hours() {
        let attributes: String = (0..150_000).map(|n| format!(" a{n}=''")).collect();
        let children: String = (0..20_000).map(|n| format!("<c xmlns:q{n}='u'/>")).collect();
        for (message, why) in [
            (format!("<e:Envelope xmlns:e='{ENVELOPE}'{attributes}/>"), "longer than 8192 bytes"),
            (
                format!("<e:Envelope xmlns:e='{ENVELOPE}'>{children}</e:Envelope>"),
                "more than 16384 namespaces",
            ),
        ] {
            let refused = read(message.as_bytes());
            assert!(matches!(&refused, Err(Refusal::Sender(text)) if text.contains(why)), "{refused:?}");
        }
    }
}

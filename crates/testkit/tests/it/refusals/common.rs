//! What all cases share: how a refusal looks, and traces by which one sees how far a request came.

use anyhow::Result;
use gateway::{Connection, Declaration, Right, Service, ServiceKind, Subject};
use identifier::ClientId;
use messagelog::{Direction, Entry, Reader, Record, Search};
use serde_json::Value;
use testkit::{Answer, CLIENT, Nation, RunningGateway};

/// How often the service was called, and how many records the two logs hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traces {
    pub(crate) service: usize,
    pub(crate) consumer: u64,
    pub(crate) provider: u64,
}

impl Traces {
    pub(crate) fn of(nation: &Nation) -> Result<Self> {
        Ok(Self {
            service: nation.service.count(),
            consumer: records(&nation.consumer)?,
            provider: records(&nation.provider)?,
        })
    }

    /// These and so many more.
    pub(crate) const fn plus(self, service: usize, consumer: u64, provider: u64) -> Self {
        Self {
            service: self.service.saturating_add(service),
            consumer: self.consumer.saturating_add(consumer),
            provider: self.provider.saturating_add(provider),
        }
    }

    /// Refused before anything was signed: nothing on record anywhere, no call.
    pub(crate) fn assert_none_since(self, nation: &Nation, case: &str) -> Result<()> {
        assert_eq!(Self::of(nation)?, self, "{case}: traces");
        Ok(())
    }

    /// Refused by the provider's gateway: the consumer's has its request on record, and that is all.
    pub(crate) fn assert_request_only(self, nation: &Nation, case: &str) -> Result<()> {
        assert_eq!(Self::of(nation)?, self.plus(0, 1, 0), "{case}: traces");
        Ok(())
    }

    /// An exchange that came through: four records, one call.
    pub(crate) fn assert_whole(self, nation: &Nation, case: &str) -> Result<()> {
        assert_eq!(Self::of(nation)?, self.plus(1, 2, 2), "{case}: traces");
        Ok(())
    }
}

fn records(gateway: &RunningGateway) -> Result<u64> {
    Ok(Reader::open(&gateway.config.messagelog_dir())?.statistics()?.records)
}

/// The newest record of a gateway in a direction.
pub(crate) fn newest(gateway: &RunningGateway, direction: Direction) -> Result<(Entry, Record)> {
    let reader = Reader::open(&gateway.config.messagelog_dir())?;
    let search = Search { direction: Some(direction), limit: 1, ..Search::default() };
    let entry = reader.find(&search)?.into_iter().next();
    let entry = entry.ok_or_else(|| anyhow::anyhow!("the log is empty"))?;
    let record = reader.record(entry.id)?;
    Ok((entry, record))
}

/// A refusal as JSON with this code; gives its sentence.
pub(crate) fn refused(case: &str, answer: &Answer, code: &str) -> String {
    let text = answer.text();
    assert_eq!(answer.fault().as_deref(), Some(code), "{case}: {} {text}", answer.status);
    assert_eq!(answer.status, 500, "{case}");
    let names: Vec<String> =
        answer.headers.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
    assert_eq!(names, ["Date", "X-Road-Error", "Content-Type", "Transfer-Encoding"], "{case}: {text}");
    assert_eq!(answer.header("content-type").as_deref(), Some("application/json"), "{case}");
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let field = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (message, detail) = (field("message"), field("detail"));
    assert!(!message.is_empty() && is_uuid(&detail), "{case}: {text}");
    let quoted = |text: &str| Value::String(text.to_owned()).to_string();
    let expected = format!(
        "{{\"type\":{},\"message\":{},\"detail\":{}}}",
        quoted(code),
        quoted(&message),
        quoted(&detail)
    );
    assert_eq!(text, expected, "{case}: three keys, in this order");
    message
}

/// A refusal as XML.
pub(crate) fn refused_in_xml(case: &str, answer: &Answer, code: &str, content_type: &str) {
    let text = answer.text();
    assert_eq!(answer.status, 500, "{case}: {text}");
    assert_eq!(answer.fault().as_deref(), Some(code), "{case}: {text}");
    assert_eq!(answer.header("content-type").as_deref(), Some(content_type), "{case}");
    let head = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><error>\n<type>{code}</type>\n<message>"
    );
    assert!(text.starts_with(&head), "{case}: {text}");
    let detail = text.rsplit_once("</message>\n<detail>").and_then(|(_, tail)| tail.split_once("</detail>"));
    assert!(detail.is_some_and(|(id, end)| is_uuid(id) && end == "\n</error>\n"), "{case}: {text}");
}

/// A SOAP fault with status 200, as for everything that is not REST (data-plane E.1.16).
pub(crate) fn refused_as_soap(case: &str, answer: &Answer, code: &str, sentence: &str) {
    let text = answer.text();
    assert_eq!(answer.status, 200, "{case}: {text}");
    assert_eq!(answer.fault(), None, "{case}");
    assert_eq!(answer.header("content-type").as_deref(), Some("text/xml;charset=utf-8"), "{case}");
    assert_eq!(answer.header("soapaction").as_deref(), Some(""), "{case}");
    let head = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\">\
         <SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>{code}</faultcode><faultstring>{sentence}</faultstring><faultactor></faultactor>\
         <detail><faultDetail xmlns=\"\">"
    );
    assert!(text.starts_with(&head), "{case}: {text}");
}

/// `8-4-4-4-12` hexadecimal digits.
pub(crate) fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

/// A REST service for everybody who has a right.
pub(crate) fn service(code: &str, url: &str) -> Service {
    Service {
        code: code.to_owned(),
        kind: ServiceKind::Rest,
        url: url.to_owned(),
        description: None,
        timeout_seconds: 5,
        verify_certificate: true,
        disabled: None,
        endpoints: Vec::new(),
    }
}

/// A client of a gateway without anything.
pub(crate) fn client(id: &str, connection: Connection) -> Result<gateway::Client> {
    Ok(gateway::Client {
        id: ClientId::parse_short(id)?,
        connection,
        status: gateway::ClientStatus::Registered,
        internal_certificates: Vec::new(),
        internal_certificates_der: Vec::new(),
        services: Vec::new(),
        local_groups: Vec::new(),
        rights: Vec::new(),
    })
}

/// The right of the usual consumer on a whole service.
pub(crate) fn right(code: &str) -> Result<Right> {
    Ok(Right {
        subject: Subject::Client(ClientId::parse_short(CLIENT)?),
        service: code.to_owned(),
        endpoint: None,
    })
}

/// Adds services with the usual right to the provider's settings.
pub(crate) fn offer(mut settings: Declaration, services: Vec<Service>) -> Result<Declaration> {
    for client in &mut settings.clients {
        for service in &services {
            client.rights.push(right(&service.code)?);
            client.services.push(service.clone());
        }
    }
    Ok(settings)
}

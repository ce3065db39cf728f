//! Identifiers: each form that can be read is written and read as the same.

use crate::vectors;
use ::identifier::xml::{
    self, read_identifier, write_client, write_global_group, write_local_group, write_server, write_service,
};
use ::identifier::{ClientId, GlobalGroupId, Identifier, LocalGroupId, MemberId, ServerId, ServiceId};
use roxmltree::Document;

pub(crate) fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    texts(text);
    let _ = ::identifier::characters::check_new(text);
    if ::xml::within_budget(text, &::xml::Budget::SMALL).is_err() {
        return;
    }
    let Ok(document) = Document::parse(text) else { return };
    if let Ok(read) = read_identifier(document.root_element()) {
        in_xml(&read);
    }
}

macro_rules! forms {
    ($text:ident, $($name:ident: $forms:tt),+) => { $(forms!(@ $text, $name, $forms);)+ };
    (@ $text:ident, $name:ident, [$($form:ident $(as $written:ident)?),+]) => {
        $(if let Ok(read) = $name::$form($text) {
            $(assert_eq!($name::$form(&read.$written()).as_ref(), Ok(&read), "{:?}", $text);)?
            if let Ok(stored) = serde_json::to_string(&read) {
                assert_eq!(serde_json::from_str::<$name>(&stored).ok().as_ref(), Some(&read), "{stored}");
            }
            in_xml(&read.clone().into_any());
            let _ = (read.display_form(), read.encoded_with_type());
            for (part, value) in read.parts() {
                assert!(!value.trim().is_empty() && value.chars().count() <= 255, "{part}");
            }
        })+
    };
}

fn texts(text: &str) {
    forms!(text,
        MemberId: [parse_short as to_string, parse_encoded as encoded],
        ClientId: [parse_short as to_string, parse_encoded as encoded, from_path as path],
        ServiceId: [parse_short, parse_encoded, from_path as path],
        ServerId: [parse_short as to_string, parse_encoded as encoded, from_path as path],
        GlobalGroupId: [parse_short as to_string, parse_encoded as encoded],
        LocalGroupId: [parse_short as to_string, parse_encoded as encoded]
    );
}

trait IntoAny {
    fn into_any(self) -> Identifier;
}

macro_rules! into_any {
    ($($name:ident => $variant:ident),+) => {
        $(impl IntoAny for $name {
            fn into_any(self) -> Identifier {
                Identifier::$variant(self.into())
            }
        })+
    };
}
into_any!(MemberId => Client, ClientId => Client, ServiceId => Service, ServerId => Server, GlobalGroupId => GlobalGroup,
          LocalGroupId => LocalGroup);

fn in_xml(id: &Identifier) {
    let mut out = format!("<r xmlns:id=\"{}\">", xml::NAMESPACE);
    let written = match id {
        Identifier::Client(id) => write_client(&mut out, "x", "id", id),
        Identifier::Service(id) => write_service(&mut out, "x", "id", id),
        Identifier::Server(id) => write_server(&mut out, "x", "id", id),
        Identifier::GlobalGroup(id) => write_global_group(&mut out, "x", "id", id),
        Identifier::LocalGroup(id) => write_local_group(&mut out, "x", "id", id),
    };
    if written.is_err() {
        return;
    }
    out.push_str("</r>");
    let document = Document::parse(&out).expect("an identifier in XML is XML");
    let element = document.root_element().first_element_child().expect("the identifier");
    assert_eq!(read_identifier(element).as_ref(), Ok(id));
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = vectors::texts("identifiers").into_iter().map(String::into_bytes).collect();
    found.extend(vectors::files("identifiers", &[".xml"]));
    for kind in ["MEMBER", "SUBSYSTEM", "SERVICE", "SERVER", "GLOBALGROUP", "LOCALGROUP"] {
        found.push(format!("<x xmlns:id='{}' id:objectType='{kind}'><id:xRoadInstance>EX</id:xRoadInstance><id:memberClass>GOV</id:memberClass><id:memberCode>1</id:memberCode><id:subsystemCode>s</id:subsystemCode><id:serviceCode>c</id:serviceCode><id:serverCode>v</id:serverCode><id:groupCode>g</id:groupCode></x>", xml::NAMESPACE).into_bytes());
    }
    for text in
        ["EX/GOV/1/sub/code/v1", "EX:GOV:1:sub", "EX/GOV/1//code/v1", "EX/GOV/a%2Fb/%C3%A4", "EX/GOV/1/ss1"]
    {
        found.push(text.as_bytes().to_vec());
    }
    found
}

//! Every entry of the manifest of identifiers, by its operation. The manifest is the list of tests: none is left out here.

use std::path::{Path, PathBuf};

use identifier::glob::Glob;
use identifier::{ClientId, Identifier, ObjectType, Part, characters, path, percent, soap_action, xml};
use serde_json::Value;

/// Entries whose expected result is X-Road's own tidying of paths, which we do not follow: `docs/design/access-paths.md`.
/// Each with the reason and our own result.
const STRICTER: [(&str, &str, Ours); 4] = [
    (
        "uri-normalize-3",
        "`..` is refused, not resolved: the service may resolve it differently",
        Ours::Dots(".."),
    ),
    ("uri-normalize-5", "`%2e` is a dot segment in another spelling", Ours::Dots(".")),
    ("uri-normalize-7", "`%2e%2e` is a dot segment in another spelling", Ours::Dots("..")),
    (
        "uri-path-keep-separator",
        "X-Road means to keep an encoded slash and keeps an encoded hyphen; we decode every triplet and refuse the slash",
        Ours::Decoded("/foo/bar/zy-ggy"),
    ),
];

/// What we make of such an entry.
enum Ours {
    /// Refused for this dot segment.
    Dots(&'static str),
    /// Decoded to this text.
    Decoded(&'static str),
}

impl Ours {
    fn holds_for(&self, raw: &str) -> bool {
        let result = path::decode_strict(raw);
        match self {
            Self::Dots(segment) => {
                result == Err(path::Refusal::DotSegment { segment: (*segment).to_owned() })
            }
            Self::Decoded(text) => result.is_ok_and(|path| path.as_str() == *text),
        }
    }
}

/// The folder of fixtures beside the project, if there is one.
fn fixtures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    folder.is_dir().then_some(folder)
}

#[test]
fn every_entry_of_the_manifest_holds() {
    let Some(folder) = fixtures() else {
        println!("no fixtures: ../shared/vectors is not there, so X-Road's own identifiers were not tried");
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("identifiers/manifest.json")).unwrap();
    let manifest: Vec<Value> = serde_json::from_str(&manifest).unwrap();
    let mut failures = Vec::new();
    let (mut held, mut elsewhere) = (0, 0);
    for entry in &manifest {
        let id = text(&entry["id"]);
        let operation = text(&entry["operation"]);
        if belongs_to_trust(operation) {
            println!("elsewhere: trust: {id} ({operation})");
            elsewhere += 1;
        } else if let Err(found) = try_entry(&folder, entry) {
            failures.push(format!("{id} ({operation}): {found}"));
        } else {
            held += 1;
        }
    }
    println!("{held} entries hold here, {elsewhere} are tried in trust");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    for (id, _, _) in &STRICTER {
        assert!(manifest.iter().any(|entry| entry["id"] == *id), "{id} is no longer in the manifest");
    }
}

fn belongs_to_trust(operation: &str) -> bool {
    operation.starts_with("profile-")
        || matches!(operation, "subject-identifier" | "subject-fields" | "subject-alternative-names")
}

/// What went otherwise than expected, in words.
type Outcome = Result<(), String>;

fn try_entry(folder: &Path, entry: &Value) -> Outcome {
    let (input, expect) = (&entry["input"], &entry["expect"]);
    if let Some((id, reason, ours)) = STRICTER.iter().find(|(id, _, _)| entry["id"] == *id) {
        println!("stricter: {id}: {reason}");
        let raw = input.as_str().unwrap_or_else(|| text(&input["path"]));
        return agree(&ours.holds_for(raw), &true);
    }
    match text(&entry["operation"]) {
        "encoded-id" => encoded_id(input, expect),
        "path-glob" => glob(input, expect),
        "check-identifier-characters" => {
            let parts = input.as_array().map(Vec::as_slice).unwrap_or_default();
            let odd = parts.iter().filter_map(Value::as_str).any(|part| characters::find_odd(part).is_some());
            agree(&Value::Bool(!odd), &expect["valid"])
        }
        "member-of-client" => member_of_client(input, expect),
        "object-type-of-text" => {
            let kind = text(input).parse::<ObjectType>().ok();
            agree(&kind.map(ObjectType::as_str), &expect["object_type"].as_str())
        }
        "validate-soap-action" => {
            agree(&Value::Bool(soap_action::check(text(input)).is_ok()), &expect["valid"])
        }
        "uri-segment-decode" => decoded(percent::decode_segment(text(input)), expect),
        "uri-path-decode" => decoded(path::decode_strict(text(&input["path"])), expect),
        "uri-decode-and-normalize" => agree(
            &path::decode_strict(text(input)).map(|path| path.to_string()),
            &Ok(text(&expect["text"]).to_owned()),
        ),
        "parse-identifier-xml" => parse_xml(folder, entry),
        other => Err(format!("nobody knows the operation {other}")),
    }
}

fn encoded_id(input: &Value, expect: &Value) -> Outcome {
    let parts: Vec<&str> = input["parts"].as_array().into_iter().flatten().map(text).collect();
    let id = ClientId::parse_short(&parts.join("/")).map_err(|refusal| refusal.to_string())?;
    let written = if input["with_type"] == true { id.encoded_with_type() } else { id.encoded() };
    agree(&written.as_str(), &text(&expect["text"]))?;
    agree(&ClientId::parse_encoded(&id.encoded()), &Ok(id))
}

fn glob(input: &Value, expect: &Value) -> Outcome {
    let glob = Glob::new(text(&input["glob"])).map_err(|refusal| refusal.to_string())?;
    agree(&Value::Bool(glob.matches(text(&input["path"]))), &expect["matches"])
}

fn member_of_client(input: &Value, expect: &Value) -> Outcome {
    let client = ClientId::new(
        text(&input["instance"]),
        text(&input["member_class"]),
        text(&input["member_code"]),
        input["subsystem_code"].as_str(),
    )
    .map_err(|refusal| refusal.to_string())?;
    agree(&client.object_type().as_str(), &text(&input["object_type"]))?;
    let member = ClientId::from(client.member());
    agree(&member.object_type().as_str(), &text(&expect["object_type"]))?;
    agree(&member.instance(), &text(&expect["instance"]))?;
    agree(&member.class(), &text(&expect["member_class"]))?;
    agree(&member.code(), &text(&expect["member_code"]))?;
    agree(&member.subsystem(), &expect["subsystem_code"].as_str())?;
    agree(&Value::Bool(ClientId::from(member.member()) == member), &expect["of_member_is_itself"])
}

fn decoded<T: ToString, E: ToString>(result: Result<T, E>, expect: &Value) -> Outcome {
    agree(&Value::Bool(result.is_ok()), &expect["ok"])?;
    match result {
        Ok(found) => agree(&found.to_string().as_str(), &text(&expect["text"])),
        Err(_) => Ok(()),
    }
}

fn parse_xml(folder: &Path, entry: &Value) -> Outcome {
    let expect = &entry["expect"];
    let document =
        std::fs::read_to_string(folder.join(entry.pointer("/files/0/path").map(text).unwrap_or_default()));
    let document = document.map_err(|error| error.to_string())?;
    let document = roxmltree::Document::parse(&document).map_err(|error| error.to_string())?;
    let result = xml::read_identifier(document.root_element());
    agree(&Value::Bool(result.is_ok()), &expect["ok"])?;
    match result {
        Err(refusal) => agree(&refusal.code(), &text(&expect["code"])),
        Ok(id) => {
            agree(&id.object_type().as_str(), &text(&entry["object_type"]))?;
            agree(&id.display_form().as_str(), &text(&expect["text"]))?;
            let named = [
                ("instance", Part::Instance),
                ("member_class", Part::MemberClass),
                ("member_code", Part::MemberCode),
                ("server_code", Part::ServerCode),
                ("service_code", Part::ServiceCode),
                ("service_version", Part::ServiceVersion),
                ("group_code", Part::GroupCode),
            ];
            for (key, part) in named.into_iter().filter(|(key, _)| expect.get(key).is_some()) {
                agree(&part_of(&id, part), &expect[key].as_str())?;
            }
            Ok(())
        }
    }
}

fn part_of(id: &Identifier, wanted: Part) -> Option<&str> {
    id.parts().into_iter().find(|(part, _)| *part == wanted).map(|(_, text)| text)
}

fn agree<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("found {found:?}, expected {expected:?}")) }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

//! The files that a reader of the demonstration can use with the other commands. Each is written once and then left alone.

use super::civil_registry::store::SAMPLE_ID;
use super::places::{BUSINESS_REGISTRY, CIVIL_REGISTRY, CLASS, INSTANCE, Ministry, Places, SERVICE};
use anyhow::{Context as _, Result};
use clock::Chance;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes a file that is not there yet, whole or not at all, readable for its owner alone.
pub(super) fn once(path: &Path, contents: &[u8]) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let fresh = path.with_extension("new");
    let cannot = || format!("{} cannot be written", path.display());
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh);
    let mut file = opened.with_context(cannot)?;
    file.write_all(contents).and_then(|()| file.sync_all()).with_context(cannot)?;
    std::fs::rename(&fresh, path).with_context(cannot)
}

/// A PIN that nobody has to remember: the programs read it from here.
pub(super) fn pin(path: &Path, chance: &Chance) -> Result<()> {
    once(path, format!("{}-{:04}\n", chance.letters(24), chance.below(10_000)).as_bytes())
}

pub(super) fn registry(places: &Places) -> String {
    let listen = places.registry();
    format!(
        "# The registry of the demonstration nation.\n\
         [registry]\n\
         instance = \"{INSTANCE}\"\n\
         state_dir = \".\"\n\
         anchor_file = \"anchor.xml\"\n\
         pin_file = \"pin\"\n\
         listen = \"{listen}\"\n\
         address = \"{listen}\"\n"
    )
}

pub(super) fn gateway(places: &Places, ministry: Ministry) -> Result<String> {
    let listen = places.listen(ministry);
    Ok(format!(
        "# The gateway of the {}.\n\
         [gateway]\n\
         server = \"{}\"\n\
         state_dir = \".\"\n\
         anchor = \"anchor.xml\"\n\
         pin_file = \"pin\"\n\
         \n\
         [gateway.listen]\n\
         consumer_http = \"{}\"\n\
         consumer_https = \"{}\"\n\
         transport = \"{}\"\n\
         ocsp = \"{}\"\n\
         \n\
         # Only so that whoever tries this does not have to wait: real gateways leave these to the global configuration.\n\
         [gateway.jobs]\n\
         retry_seconds = 2\n\
         timestamp_seconds = 5\n",
        ministry.title(),
        ministry.server()?,
        listen.consumer_http,
        listen.consumer_https,
        listen.transport,
        listen.ocsp
    ))
}

/// What the ministry's gateway serves.
pub(super) fn gateway_state(places: &Places, ministry: Ministry, tsa: (&str, &str)) -> Result<String> {
    let member = ministry.member()?;
    let mut text =
        format!("# What the gateway of the {} serves: see `chhatra gateway plan`.\n", ministry.title());
    write!(
        text,
        "[[client]]\nid = \"{member}\"\n\n[[client]]\nid = \"{member}/{}\"\n",
        ministry.subsystem()
    )?;
    match ministry {
        Ministry::Commerce => {
            text.push_str("# Plain HTTP, for practice on one machine. The default is https-mutual.\nconnection = \"http\"\n");
        }
        Ministry::Interior => {
            let url = format!("http://{}", places.civil_registry());
            write!(
                text,
                "\n[[client.service]]\n\
                 code = \"{SERVICE}\"\n\
                 kind = \"openapi3\"\n\
                 url = \"{url}\"\n\
                 description = \"{url}/openapi.json\"\n\
                 endpoints = [{{ method = \"GET\", path = \"/v1/people\" }}, {{ method = \"GET\", path = \"/v1/people/*\" }}]\n\
                 \n\
                 [[client.right]]\n\
                 service = \"{SERVICE}\"\n\
                 subject = {{ client = \"{}/{BUSINESS_REGISTRY}\" }}\n",
                Ministry::Commerce.member()?
            )?;
        }
    }
    write!(text, "\n[[time_stamp]]\nname = \"{}\"\nurl = \"{}\"\n", tsa.0, tsa.1)?;
    Ok(text)
}

/// The whole state of the instance.
pub(super) fn registry_state(places: &Places) -> Result<String> {
    let practice = places.practice();
    let mut text = format!(
        "# The state of the demonstration nation: see `chhatra registry plan`.\n\
         [settings]\n\
         member_classes = [{{ code = \"{CLASS}\", description = \"Government\" }}]\n\
         management = {{ provider = \"{INSTANCE}/{CLASS}/MPTC/management\" }}\n\
         \n\
         [[member]]\n\
         class = \"{CLASS}\"\n\
         code = \"MPTC\"\n\
         name = \"Ministry of Post and Telecommunications\"\n\
         subsystem = [{{ code = \"management\" }}]\n"
    );
    for ministry in Ministry::ALL {
        write!(
            text,
            "\n[[member]]\nclass = \"{CLASS}\"\ncode = \"{}\"\nname = \"{}\"\nsubsystem = [{{ code = \"{}\" }}]\n",
            ministry.code(),
            ministry.title(),
            ministry.subsystem()
        )?;
    }
    for ministry in Ministry::ALL {
        let member = ministry.member()?;
        write!(
            text,
            "\n[[server]]\nowner = \"{member}\"\ncode = \"{name}\"\naddress = \"{address}\"\n\
             auth_certificates = [\"{name}-authentication.pem\"]\nclients = [\"{member}/{subsystem}\"]\n",
            name = ministry.name(),
            address = places.address(ministry),
            subsystem = ministry.subsystem()
        )?;
    }
    write!(
        text,
        "\n[[ca]]\ncertificate = \"ca.pem\"\nprofile = \"basic\"\n\
         ocsp = [{{ url = \"http://{}/\", certificate = \"ocsp.pem\" }}]\n\
         \n[[tsa]]\nurl = \"http://{}/\"\ncertificate = \"tsa.pem\"\n",
        practice.ocsp, practice.tsa
    )?;
    Ok(text)
}

/// The address of the question that the demonstration asks.
pub(super) fn question_url(places: &Places) -> Result<String> {
    Ok(format!(
        "http://{}/r1/{}/{CIVIL_REGISTRY}/{SERVICE}/v1/people/{SAMPLE_ID}",
        places.listen(Ministry::Commerce).consumer_http,
        Ministry::Interior.member()?
    ))
}

/// Who asks it.
pub(super) fn question_client() -> Result<String> {
    Ok(format!("{}/{BUSINESS_REGISTRY}", Ministry::Commerce.member()?))
}

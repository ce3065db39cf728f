//! `chhatra keystore csr`: whom a certificate is asked for, by the CA's profile or field by field.

use super::Store;
use ::keystore::{AlternativeName, KeyId, KeyUsage, Subject};
use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use identifier::{MemberId, ServerId};
use std::io::Write as _;
use std::path::PathBuf;
use trust::CertificateProfile;
use trust::profile::Usage;

#[derive(Debug, Args)]
pub(crate) struct Csr {
    #[command(flatten)]
    store: Store,
    /// The key, as `list` shows it.
    #[arg(long)]
    key: String,
    /// How the CA writes members and gateways into subjects: ejbca, basic, basic-acme, camdx, fi, fo, is, sk-klass3, or X-Road's
    /// class name.
    #[arg(long, value_name = "CLASS", required_unless_present = "subject")]
    profile: Option<String>,
    /// The member that will sign; by default the gateway's owner.
    #[arg(long, value_name = "INSTANCE/CLASS/CODE")]
    member: Option<MemberId>,
    /// The gateway; by default the one of the configuration file.
    #[arg(long, value_name = "INSTANCE/CLASS/CODE/SERVER")]
    server: Option<ServerId>,
    /// The member's name, where the profile writes it; by default its code.
    #[arg(long)]
    member_name: Option<String>,
    /// A field that the profile leaves open, such as C=KH; may be repeated.
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    fields: Vec<String>,
    /// The whole subject instead of a profile: CN=…, C=…
    #[arg(long, conflicts_with_all = ["profile", "fields", "member_name"])]
    subject: Option<String>,
    /// A DNS name or address for subjectAltName; may be repeated.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// The form of the request.
    #[arg(long, default_value = "pem")]
    form: Form,
    /// Where it is written; by default standard output. An existing file is not overwritten.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Pem,
    Der,
}

/// For whom a certificate is asked.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) server: &'a ServerId,
    pub(crate) member: &'a MemberId,
    pub(crate) member_name: &'a str,
    /// Fields that the profile leaves open.
    pub(crate) given: &'a [(String, String)],
}

pub(super) fn run(arguments: &Csr) -> Result<()> {
    let config = arguments.store.config()?;
    let keystore = arguments.store.open()?;
    let key = KeyId::parse(&arguments.key)?;
    let held = keystore.find(&key).with_context(|| format!("there is no key {key}"))?;
    let server = arguments.server.clone().unwrap_or(config.server);
    let member = arguments.member.clone().unwrap_or_else(|| server.owner());
    let given = arguments.fields.iter().map(|text| field(text)).collect::<Result<Vec<_>>>()?;
    let asked = Asked {
        server: &server,
        member: &member,
        member_name: arguments.member_name.as_deref().unwrap_or(member.code()),
        given: &given,
    };
    let (subject, mut names) = match (&arguments.subject, &arguments.profile) {
        (Some(text), _) => (Subject::parse(text)?, Vec::new()),
        (None, Some(class)) => of_profile(&profile(class)?, held.usage, &asked)?,
        (None, None) => bail!("give --profile or --subject"),
    };
    for name in &arguments.names {
        names.push(AlternativeName::parse(name)?);
    }
    let request = keystore.csr(&key, &subject, &names)?;
    let bytes = match arguments.form {
        Form::Pem => request.pem().into_bytes(),
        Form::Der => request.der().to_vec(),
    };
    match &arguments.out {
        Some(path) => {
            let mut file = std::fs::File::create_new(path)
                .with_context(|| format!("{} cannot be made", path.display()))?;
            file.write_all(&bytes).with_context(|| format!("{} cannot be written", path.display()))?;
            complain!("{}: a request for {subject}", path.display());
        }
        None => std::io::stdout().write_all(&bytes)?,
    }
    Ok(())
}

fn field(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').with_context(|| format!("{text:?} is not FIELD=VALUE"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// A profile by its word or by its class.
fn profile(text: &str) -> Result<CertificateProfile> {
    let profile = CertificateProfile::from_word(text);
    if let CertificateProfile::Unknown(name) = profile {
        let known = CertificateProfile::words();
        bail!(
            "the certificate profile {name:?} is unknown; known are {known} and X-Road's class names, or give --subject"
        );
    }
    Ok(profile)
}

/// The subject that a profile demands, with the open fields filled in.
pub(crate) fn of_profile(
    profile: &CertificateProfile,
    usage: KeyUsage,
    asked: &Asked<'_>,
) -> Result<(Subject, Vec<AlternativeName>)> {
    let (kind, mut fields) = match usage {
        KeyUsage::Signing => {
            let fields = profile.subject_of_sign(asked.server, asked.member, asked.member_name);
            (Usage::Sign, fields)
        }
        KeyUsage::Authentication => (Usage::Auth, profile.subject_of_auth(asked.server, asked.member_name)),
        KeyUsage::InternalTls | KeyUsage::Configuration => {
            bail!("profiles are for signing and authentication keys; give --subject")
        }
    };
    for (name, value) in asked.given {
        profile.validate_field(kind, name, value)?;
        match fields.iter_mut().find(|field| field.name == name) {
            Some(field) if field.read_only => {
                bail!("the profile itself says what {name} is: {}", field.value)
            }
            Some(field) => field.value.clone_from(value),
            None => bail!("the profile has no field {name}"),
        }
    }
    // An alternative name may be left out; every other open field is part of the subject.
    let open: Vec<&str> = fields
        .iter()
        .filter(|field| field.value.trim().is_empty() && field.name != "subjectAltName")
        .map(|field| field.name)
        .collect();
    if !open.is_empty() {
        bail!("the profile leaves open: {}; give each as --set FIELD=VALUE", open.join(", "));
    }
    Ok(Subject::of_profile(&fields)?)
}

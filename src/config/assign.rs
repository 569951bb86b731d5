//! Assigning: gives a key its value, of the type and within the limits that the key asks for.
//!
//! Where a setting stood, and what no single one shows, is the affair of `draft`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::value::{Refusal, Value};
use super::{
    Config, Dataset, Nexthink, ObservedFrom, Projection, Publish, Pull, Receive, Semantics, Source,
    Webhook,
};
use crate::live::Secret;
use crate::receive::Pointer;
use crate::schema::Subject;
use crate::serve::{Address, Token};
use crate::{mapping, schema};

pub(crate) const ADDRESS: &str =
    "an address and port such as \"127.0.0.1:7878\", or \"unix:/run/identidex/socket\"";
const TOKEN: &str = "a token of 16 to 1024 visible ASCII characters";
const COLUMN: &str = "the name of a column";
const FIELD: &str = "the name of a field of the dataset, such as name, department or serial";
const GROUP: &str = "the name or number of a group";

/// Gives a key its value: one arm for each of `keys::KEYS`.
pub(super) fn assign(config: &mut Config, key: &[&str], value: &Value) -> Result<(), Refusal> {
    let Config {
        index,
        answers,
        class,
        not_said,
        nexthink,
        serve,
        receive,
        ..
    } = config;
    match *key {
        ["answers", "ageing_for"] => answers.ageing_for = value.duration()?,
        ["answers", "device_domains"] => answers.device_domains = value.domains()?,
        ["answers", "fresh_for"] => answers.fresh_for = value.duration()?,
        ["answers", "max_holders"] => answers.max_holders = value.count()?,
        ["answers", "quiet_after"] => answers.quiet_after = value.duration()?,
        ["answers", "recent"] => answers.recent = value.duration()?,
        ["class", "admin"] => class.admin = value.patterns()?,
        ["class", "service"] => class.service = value.patterns()?,
        ["not_said", list] => {
            let texts = value.texts()?;
            let mut added = texts.iter().map(|text| not_said.add(list, text));
            if !added.all(|is_list| is_list) {
                return Err(Refusal::UnknownKey);
            }
        }
        ["index", "keep_generations"] => index.keep_generations = value.count()?,
        ["index", "group"] => index.group = Some(value.text(GROUP)?.to_owned()),
        ["index", "mode"] => index.mode = value.mode()?,
        ["index", "path"] => index.path = value.path()?,
        ["index", "prune_after"] => index.prune_after = value.duration()?,
        ["index", "publish_every"] => index.publish_every = value.duration()?,
        ["index", "spool_bytes"] => index.spool_bytes = value.size()?,
        ["nexthink", key] => return assign_nexthink(nexthink, key, value),
        ["serve", "listen"] => {
            let address = Address::parse(value.text(ADDRESS)?);
            serve.listen = address.ok_or(Refusal::Expected(ADDRESS))?;
        }
        ["serve", "token"] => serve.token = Some(token(value)?),
        ["serve", "token_file"] => serve.token_file = Some(value.path()?),
        ["serve", "requests_per_second"] => serve.requests_per_second = Some(value.count()?),
        ["serve", "diagnose"] => serve.is_diagnosing = value.switch()?,
        ["serve", "actions"] => serve.actions = value.texts()?,
        ["serve", "connections"] => serve.connections = value.count()?,
        ["publish", ref key @ ..] => return assign_publish(&mut config.publish, key, value),
        ["pull", ref key @ ..] => return assign_pull(&mut config.pull, key, value),
        ["breaker", "percent"] => {
            const PERCENT: &str = "a number of hundredths, 1 to 100";
            let percent = value.number(PERCENT)?;
            if !(1..=100).contains(&percent) {
                return Err(Refusal::Expected(PERCENT));
            }
            config.breaker.percent = percent;
        }
        ["retention", "superseded"] => {
            // For so long it is to be told that a name has moved.
            const DAYS: &str = "a number of days, at least 92";
            let days = value.number(DAYS)?;
            config.retention.superseded = Some(days);
            if days < 92 {
                return Err(Refusal::Expected(DAYS));
            }
        }
        ["retention", "days"] => {
            const DAYS: &str = "a number of days, at least 31";
            let days = value.number(DAYS)?;
            config.retention.days = Some(days);
            if days < 31 {
                return Err(Refusal::Expected(DAYS));
            }
        }
        ["metrics", "textfile"] => config.metrics.textfile = Some(value.path()?),
        ["metrics", "pushgateway"] => {
            const URL: &str = "an address such as \"http://pushgateway:9091\", without a password";
            config.metrics.pushgateway = Some(plain_url(value, URL)?);
        }
        ["metrics", "otlp"] => {
            const URL: &str = "an address such as \"http://collector:4318\", without a password; a token goes into \
                               OTEL_EXPORTER_OTLP_HEADERS";
            config.metrics.otlp = Some(plain_url(value, URL)?);
        }
        ["receive", key] => return assign_receive(receive, key, value),
        ["projection", name, _] if !is_plain_name(name) => {
            return Err(Refusal::Expected(
                "projections whose names are 1 to 64 letters, digits, '-' or '_'",
            ));
        }
        ["projection", name, key] => {
            let projection = config.projections.entry(name.to_owned()).or_default();
            return assign_projection(projection, key, value);
        }
        ["webhook", name, _] if !is_plain_name(name) => {
            return Err(Refusal::Expected(
                "webhooks whose names are 1 to 64 letters, digits, '-' or '_'",
            ));
        }
        ["webhook", name, key] => {
            let new = || Webhook {
                name: name.to_owned(),
                device: None,
                user: None,
                alert: None,
                window: Duration::from_hours(1),
            };
            let webhook = config.webhooks.entry(name.to_owned()).or_insert_with(new);
            return assign_webhook(webhook, key, value);
        }
        [
            "dataset",
            name @ ("users" | "devices" | "logins"),
            ref key @ ..,
        ] => {
            let dataset = config.datasets.entry(name.to_owned()).or_default();
            if key == ["window"] && name != "logins" {
                return Err(Refusal::UnknownKey);
            }
            assign_dataset(dataset, key, value)?;
            if name == "logins" && dataset.semantics == Semantics::Complete {
                const WINDOW: &str =
                    "\"window\": logins are those of a time, never all that there were";
                return Err(Refusal::Expected(WINDOW));
            }
            return check_fields(name, &dataset.columns);
        }
        ["source", name, ref key @ ..] => {
            let mut sources = config.sources.iter_mut();
            let source = sources.find(|source| source.name == name);
            return assign_source(source.ok_or(Refusal::UnknownKey)?, key, value);
        }
        _ => return Err(Refusal::UnknownKey),
    }
    Ok(())
}

const REMOTE: &str =
    "a folder, or a URL such as \"s3://bucket/identidex/\", without a password or a query";
const OPTION: &str = "the value of an option of the store";

fn assign_publish(publish: &mut Publish, key: &[&str], value: &Value) -> Result<(), Refusal> {
    match *key {
        ["url"] => publish.url = Some(value.text(REMOTE)?.to_owned()),
        ["key_file"] => publish.key_file = Some(value.path()?),
        ["keep"] => publish.keep = value.count()?,
        ["lease"] => match value.duration()? {
            lease if lease < Duration::from_secs(60) => {
                return Err(Refusal::Expected("a duration of a minute or more"));
            }
            lease => publish.lease = Some(lease),
        },
        ["options"] => publish.options = value.pairs()?,
        ["options", option] => {
            let value = value.text(OPTION)?.to_owned();
            publish.options.insert(option.to_owned(), value);
        }
        _ => return Err(Refusal::UnknownKey),
    }
    Ok(())
}

fn assign_pull(pull: &mut Pull, key: &[&str], value: &Value) -> Result<(), Refusal> {
    const KEY: &str = "the public key that `identidex publish` prints, 64 hexadecimal digits";
    match *key {
        ["url"] => pull.url = Some(value.text(REMOTE)?.to_owned()),
        ["public_key"] => pull.public_key = Some(value.text(KEY)?.to_owned()),
        ["every"] => match value.duration()? {
            every if every < Duration::from_secs(1) => {
                return Err(Refusal::Expected("a duration of a second or more"));
            }
            every => pull.every = Some(every),
        },
        ["options"] => pull.options = value.pairs()?,
        ["options", option] => {
            let value = value.text(OPTION)?.to_owned();
            pull.options.insert(option.to_owned(), value);
        }
        _ => return Err(Refusal::UnknownKey),
    }
    Ok(())
}

fn token(value: &Value) -> Result<Token, Refusal> {
    let token = Token::new(value.text(TOKEN)?);
    token.map_err(|_| Refusal::Expected(TOKEN))
}

/// The name of a webhook is a part of its address; projections are named alike.
fn is_plain_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// Reads an address that may be shown.
fn plain_url(value: &Value, expected: &'static str) -> Result<url::Url, Refusal> {
    let url = url::Url::parse(value.text(expected)?).ok();
    let is_plain =
        |url: &url::Url| matches!(url.scheme(), "http" | "https") && url.password().is_none();
    url.filter(is_plain).ok_or(Refusal::Expected(expected))
}

fn assign_receive(receive: &mut Receive, key: &str, value: &Value) -> Result<(), Refusal> {
    const URL: &str =
        "an address such as \"https://bot.contoso.com/events\"; http only on this machine";
    const ROWS: &str = "a number of rows, 0 to 1000";
    const SECRET: &str = "the token that the address wants";
    match key {
        "token" => receive.token = Some(token(value)?),
        "token_file" => receive.token_file = Some(value.path()?),
        "sources" => receive.sources = value.texts()?,
        "test_rows" => match value.number(ROWS)? {
            rows @ 0..=1_000 => receive.test_rows = rows,
            _ => return Err(Refusal::Expected(ROWS)),
        },
        "events" => receive.events = Some(value.path()?),
        "keep_events" => receive.keep_events = value.duration()?,
        "forward_url" => {
            let url = crate::serve::forward_url(value.text(URL)?);
            receive.forward_url = Some(url.ok_or(Refusal::Expected(URL))?);
        }
        "forward_token" => {
            let secret = Secret::new(value.text(SECRET)?);
            receive.forward_token = Some(secret.map_err(|_| Refusal::Expected(SECRET))?);
        }
        "forward_token_file" => receive.forward_token_file = Some(value.path()?),
        _ => return Err(Refusal::UnknownKey),
    }
    Ok(())
}

fn assign_projection(projection: &mut Projection, key: &str, value: &Value) -> Result<(), Refusal> {
    match key {
        "path" => projection.path = Some(value.path()?),
        "accounts" => projection.accounts = Some(shown_fields(Subject::Account, value)?),
        "devices" => projection.devices = Some(shown_fields(Subject::Device, value)?),
        "mode" => projection.mode = Some(value.mode()?),
        "group" => projection.group = Some(value.text(GROUP)?.to_owned()),
        _ => return Err(Refusal::UnknownKey),
    }
    Ok(())
}

/// Reads fields of accounts or devices, by the names that views and configuration have for them.
fn shown_fields(subject: Subject, value: &Value) -> Result<Vec<String>, Refusal> {
    const FIELDS: &str =
        "names of fields, as the view accounts (devices) has them, such as uid, name or upn";
    let names = value.texts()?;
    let is_known = |name: &String| subject.texts().any(|known| known == name);
    match names.iter().all(is_known) {
        true => Ok(names),
        false => Err(Refusal::Expected(FIELDS)),
    }
}

fn assign_webhook(webhook: &mut Webhook, key: &str, value: &Value) -> Result<(), Refusal> {
    const PLACE: &str = "a place in a JSON text, such as \"/device/name\"";
    let place = || {
        let place = Pointer::new(value.text(PLACE)?);
        place.ok_or(Refusal::Expected(PLACE))
    };
    match key {
        "device" => webhook.device = Some(place()?),
        "user" => webhook.user = Some(place()?),
        "alert" => webhook.alert = Some(place()?),
        "window" => webhook.window = value.duration()?,
        _ => return Err(Refusal::UnknownKey),
    }
    Ok(())
}

/// A column can only be mapped to a field that its dataset has.
fn check_fields(dataset: &str, columns: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let known = schema::Dataset::ALL.into_iter();
    let fields = known
        .filter(|known| known.as_str() == dataset)
        .flat_map(mapping::field_names)
        .collect::<Vec<_>>();
    let is_known = |field: &String| fields.contains(&field.as_str());
    if columns.values().all(is_known) {
        Ok(())
    } else {
        Err(Refusal::Expected(FIELD))
    }
}

fn assign_nexthink(nexthink: &mut Nexthink, key: &str, value: &Value) -> Result<(), Refusal> {
    const NAME: &str = "a part of the address of Nexthink's web interface, such as \"contoso\"";
    const ADDRESS: &str = "an address such as \"https://contoso.api.eu.nexthink.cloud\"";
    const ID: &str = "the client id of an API credential";
    const SECRET: &str = "the secret of an API credential";
    let text = |expected| value.text(expected).map(str::to_owned);
    match key {
        "instance" => nexthink.instance = Some(text(NAME)?),
        "region" => nexthink.region = Some(text(NAME)?),
        "api_url" => nexthink.api_url = Some(text(ADDRESS)?),
        "login_url" => nexthink.login_url = Some(text(ADDRESS)?),
        "client_id" => nexthink.client_id = Some(text(ID)?),
        "secret" => {
            let secret = Secret::new(value.text(SECRET)?);
            nexthink.secret = Some(secret.map_err(|_| Refusal::Expected(SECRET))?);
        }
        "secret_file" => nexthink.secret_file = Some(value.path()?),
        "audit" => nexthink.audit = Some(value.path()?),
        "deadline" => match value.duration()? {
            Duration::ZERO => return Err(Refusal::Expected("a duration of more than nothing")),
            deadline => nexthink.deadline = deadline,
        },
        "calls_per_second" => nexthink.calls_per_second = value.count()?,
        _ => return Err(Refusal::UnknownKey),
    }
    Ok(())
}

fn assign_dataset(dataset: &mut Dataset, key: &[&str], value: &Value) -> Result<(), Refusal> {
    const SEMANTICS: &str = "\"window\" or \"complete\"";
    const CONTRACT: &str = "\"evolve\" or \"freeze\"";
    match *key {
        ["columns"] => dataset.columns = value.pairs()?,
        ["columns", column] => {
            // Trimmed, as the names of a header are.
            let (column, field) = (column.trim(), value.text(FIELD)?.trim());
            if column.is_empty() {
                return Err(Refusal::Expected(COLUMN));
            }
            dataset.columns.insert(column.to_owned(), field.to_owned());
        }
        ["drop"] => dataset.drop = value.texts()?,
        ["extra"] => dataset.has_no_extra = !value.switch()?,
        ["contract"] => {
            dataset.is_frozen = match value.text(CONTRACT)? {
                "evolve" => false,
                "freeze" => true,
                _ => return Err(Refusal::Expected(CONTRACT)),
            };
        }
        ["semantics"] => {
            dataset.semantics = match value.text(SEMANTICS)? {
                "window" => Semantics::Window,
                "complete" => Semantics::Complete,
                _ => return Err(Refusal::Expected(SEMANTICS)),
            };
        }
        ["window"] => match value.duration()? {
            Duration::ZERO => return Err(Refusal::Expected("a duration of more than nothing")),
            window => dataset.window = Some(window),
        },
        _ => return Err(Refusal::UnknownKey),
    }
    Ok(())
}

fn assign_source(source: &mut Source, key: &[&str], value: &Value) -> Result<(), Refusal> {
    const OBSERVED_FROM: &str = "\"key\" or \"modified\"";
    match *key {
        // Set already, by `read_source`.
        ["name"] => {}
        ["observed_from"] => {
            source.observed_from = Some(match value.text(OBSERVED_FROM)? {
                "key" => ObservedFrom::Key,
                "modified" => ObservedFrom::Modified,
                _ => return Err(Refusal::Expected(OBSERVED_FROM)),
            });
        }
        ["options", option] => {
            let option = option.to_ascii_lowercase();
            source.options.insert(option, value.option()?);
        }
        ["encoding"] => source.encoding = Some(value.encoding()?),
        ["exclude"] => source.exclude = value.texts()?,
        ["include"] => source.include = value.texts()?,
        ["min_objects"] => source.min_objects = u64::from(value.count()?),
        ["keep_for"] => source.keep_for = Some(value.duration()?),
        ["time_zone"] => source.time_zone = value.time_zone()?,
        ["url"] => source.url = value.url()?,
        _ => return Err(Refusal::UnknownKey),
    }
    Ok(())
}

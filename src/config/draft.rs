//! A configuration in the making: takes the settings of the file, then those of the environment, and checks each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::assign::assign;
use super::error::{Error, Place, Problem};
use super::keys::{self, variable_part};
use super::value::{Refusal, TABLE, URL, Value};
use super::{Config, Source};

/// The longest name of a source, in bytes: it is written into every line of the ledger.
const MAX_SOURCE_NAME_BYTES: usize = 64;

const SOURCES: &str = "one [[source]] table per source";
const NAMED: &str = "where a message has a device or a user, such as \"/device/name\"";
const SOURCE_NAME: &str =
    "a name of at most 64 letters, digits, '-', '_' or '.', beginning with a letter or digit";

/// What has been set so far, and where.
#[derive(Default)]
pub(super) struct Draft {
    config: Config,
    places: BTreeMap<String, Place>,
}

/// The text of a file, for the line of what stands in it.
struct Lines<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Lines<'_> {
    fn place(&self, offset: usize) -> Place {
        let line = 1 + self.text[..offset].matches('\n').count();
        Place::Line(self.file.to_path_buf(), line)
    }
}

impl Draft {
    pub(super) fn read_text(&mut self, text: &str, file: &Path) -> Result<(), Error> {
        let lines = Lines { file, text };
        let document = DeTable::parse(text).map_err(|fault| syntax(&lines, &fault))?;
        for (key, value) in document.get_ref() {
            let place = lines.place(key.span().start);
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("source", DeValue::Array(sources)) => {
                    for source in sources {
                        let place = lines.place(source.span().start);
                        self.read_source(source.get_ref(), place, &lines)?;
                    }
                }
                ("source", _) => return Err(Error::expected(place, "source", SOURCES)),
                (key, value) => self.read_value(&[key], value, place, &lines)?,
            }
        }
        Ok(())
    }

    /// Reads one `[[source]]`: its name first, since the keys of the others hold it.
    fn read_source(
        &mut self,
        source: &DeValue<'_>,
        place: Place,
        lines: &Lines<'_>,
    ) -> Result<(), Error> {
        let DeValue::Table(table) = source else {
            return Err(Error::expected(place, "source", SOURCES));
        };
        let Some((key, name)) = table.get_key_value("name") else {
            return Err(Error::missing(place, "source.name", SOURCE_NAME));
        };
        let at = lines.place(key.span().start);
        let name = match name.get_ref().as_str() {
            Some(name) if is_source_name(name) => name,
            _ => return Err(Error::expected(at, "source.name", SOURCE_NAME)),
        };
        let variable = variable_part(name);
        let mut known = self.config.sources.iter();
        if known.any(|known| variable_part(&known.name) == variable) {
            let name = name.to_owned();
            return Err(Error::new(at, Problem::Duplicate { name }));
        }
        self.config.sources.push(Source::new(name, ""));
        self.places.insert(format!("source.{name}"), place.clone());
        self.read_value(&["source", name], source, place, lines)
    }

    fn read_value(
        &mut self,
        key: &[&str],
        value: &DeValue<'_>,
        place: Place,
        lines: &Lines<'_>,
    ) -> Result<(), Error> {
        match value {
            DeValue::Table(table) if keys::is_section(key) => {
                for (name, value) in table {
                    let key = [key, &[name.get_ref()]].concat();
                    let place = lines.place(name.span().start);
                    self.read_value(&key, value.get_ref(), place, lines)?;
                }
                Ok(())
            }
            value => self.set(key, &Value::from_toml(value), place),
        }
    }

    pub(super) fn read_environment(&mut self, env: BTreeMap<String, String>) -> Result<(), Error> {
        self.add_sources_of(&env);
        for (name, value) in env {
            if keys::is_read_elsewhere(&name) {
                continue;
            }
            let place = Place::Variable(name.clone());
            let Some(key) = keys::of_variable(&name, &self.config) else {
                let nearest = keys::nearest(&name, keys::variables(&self.config));
                return Err(Error::new(place, Problem::UnknownVariable { nearest }));
            };
            let key: Vec<&str> = key.iter().map(String::as_str).collect();
            // The end of a line comes along from files.
            let value = value.trim_end_matches(['\r', '\n']).to_owned();
            self.set(&key, &Value::Variable(value), place)?;
        }
        Ok(())
    }

    /// Adds the sources that only the environment knows: those of which it gives the URL.
    fn add_sources_of(&mut self, env: &BTreeMap<String, String>) {
        let mut names: Vec<String> = env
            .keys()
            .filter_map(|name| keys::new_source(name))
            .collect();
        // The shortest first: `…_SOURCE_A_OPTIONS_URL` is an option of `a` once that is known.
        names.sort_by_key(String::len);
        for name in names.into_iter().filter(|name| is_source_name(name)) {
            let variable = format!("IDENTIDEX_SOURCE_{}_URL", variable_part(&name));
            if keys::of_variable(&variable, &self.config).is_none() {
                self.config.sources.push(Source::new(name, ""));
            }
        }
    }

    fn set(&mut self, key: &[&str], value: &Value, place: Place) -> Result<(), Error> {
        let name = key.join(".");
        match assign(&mut self.config, key, value) {
            Ok(()) => {
                self.places.insert(name, place);
                Ok(())
            }
            Err(Refusal::Expected(expected)) => Err(Error::expected(place, &name, expected)),
            Err(Refusal::UnknownKey) if keys::is_section(key) => {
                Err(Error::expected(place, &name, TABLE))
            }
            Err(Refusal::UnknownKey) => {
                let nearest = keys::nearest(&name, keys::like(key));
                Err(Error::new(
                    place,
                    Problem::UnknownKey { key: name, nearest },
                ))
            }
        }
    }

    /// Checks what no single setting shows.
    pub(super) fn finish(self) -> Result<Config, Error> {
        if let Some(source) = self
            .config
            .sources
            .iter()
            .find(|source| source.url.is_empty())
        {
            let key = format!("source.{}", source.name);
            return Err(Error::missing(
                self.place(&[&key]),
                &format!("{key}.url"),
                URL,
            ));
        }
        let answers = &self.config.answers;
        if answers.ageing_for < answers.fresh_for {
            let place = self.place(&["answers.ageing_for", "answers.fresh_for"]);
            let expected = "a duration not shorter than answers.fresh_for";
            return Err(Error::expected(place, "answers.ageing_for", expected));
        }
        let mut webhooks = self.config.webhooks.iter();
        if let Some((name, _)) =
            webhooks.find(|(_, one)| one.device.is_none() && one.user.is_none())
        {
            let keys =
                ["device", "user", "alert", "window"].map(|key| format!("webhook.{name}.{key}"));
            let place = self.place(&keys.each_ref().map(String::as_str));
            return Err(Error::missing(
                place,
                &format!("webhook.{name}.device"),
                NAMED,
            ));
        }
        let mut projections = self.config.projections.iter();
        if let Some((name, _)) = projections.find(|(_, one)| one.path.is_none()) {
            let keys = ["accounts", "devices", "mode", "group"]
                .map(|key| format!("projection.{name}.{key}"));
            let place = self.place(&keys.each_ref().map(String::as_str));
            return Err(Error::missing(
                place,
                &format!("projection.{name}.path"),
                "a file beside the index, such as \"bot.db\"",
            ));
        }
        // Days of use are kept for 64 days.
        const DAY: Duration = Duration::from_hours(24);
        if answers.recent < DAY || answers.recent > 63 * DAY {
            let place = self.place(&["answers.recent"]);
            let expected = "a duration of a day to 63 days";
            return Err(Error::expected(place, "answers.recent", expected));
        }
        Ok(self.config)
    }

    /// Returns the place of the first of these keys that was set.
    fn place(&self, keys: &[&str]) -> Place {
        let found = keys.iter().find_map(|key| self.places.get(*key));
        // The defaults are right, and a source of the environment has its URL from there.
        found
            .cloned()
            .unwrap_or_else(|| Place::File(PathBuf::from(super::DEFAULT_FILE)))
    }
}

/// Keeps the message only: the error's own text quotes the line, value and all.
fn syntax(lines: &Lines<'_>, fault: &toml::de::Error) -> Error {
    let place = match fault.span() {
        Some(span) => lines.place(span.start),
        None => Place::File(lines.file.to_path_buf()),
    };
    Error::new(place, Problem::Syntax(fault.message().to_owned()))
}

fn is_source_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.len() <= MAX_SOURCE_NAME_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::super::keys::PREFIX;
    use super::super::sample::{SECRET, error, parse};
    use super::super::{ObservedFrom, Semantics};
    use super::*;
    use crate::identifier::Column;
    use crate::live::Secret;
    use crate::serve::Address;

    #[test]
    fn the_environment_overrides_every_key() {
        let file = "[projection.bot]\npath = \"b.db\"\n[webhook.disk-full]\ndevice = \"/x\"\n[[source]]\nname = \"tenant-a\"\nurl = \"/a\"\n";
        let variables = "
            ANSWERS_AGEING_FOR=9d
            ANSWERS_DEVICE_DOMAINS=corp.contoso.com
            ANSWERS_FRESH_FOR=2h
            ANSWERS_MAX_HOLDERS=3
            ANSWERS_QUIET_AFTER=90d
            ANSWERS_RECENT=14d
            CLASS_ADMIN=adm-*, *-adm
            CLASS_SERVICE=
            DATASET_DEVICES_COLUMNS=
            DATASET_DEVICES_CONTRACT=freeze
            PUBLISH_URL=s3://b/p/
            PUBLISH_KEY_FILE=/k
            PUBLISH_KEEP=3
            PUBLISH_LEASE=10m
            PUBLISH_OPTIONS=region=eu
            PULL_URL=s3://b/p/
            PULL_PUBLIC_KEY=aa
            PULL_EVERY=60s
            PULL_OPTIONS=region=eu
            RETENTION_DAYS=400
            RETENTION_SUPERSEDED=120
            BREAKER_PERCENT=20
            DATASET_DEVICES_SEMANTICS=complete
            DATASET_LOGINS_COLUMNS=
            DATASET_DEVICES_DROP=
            DATASET_DEVICES_EXTRA=true
            DATASET_LOGINS_DROP=
            DATASET_LOGINS_EXTRA=true
            DATASET_LOGINS_CONTRACT=evolve
            DATASET_LOGINS_SEMANTICS=window
            DATASET_USERS_DROP=user.#birthday
            DATASET_USERS_EXTRA=false
            DATASET_USERS_COLUMNS=user.#team=department, user.#mail=email
            DATASET_USERS_CONTRACT=freeze
            DATASET_USERS_SEMANTICS=complete
            DATASET_LOGINS_WINDOW=1d
            INDEX_GROUP=chatbots
            INDEX_KEEP_GENERATIONS=5
            INDEX_MODE=0600
            INDEX_PATH=/srv/i.db
            INDEX_PRUNE_AFTER=250ms
            INDEX_PUBLISH_EVERY=30s
            INDEX_SPOOL_BYTES=64MiB
            METRICS_OTLP=http://collector:4318
            METRICS_PUSHGATEWAY=http://pushgateway:9091
            METRICS_TEXTFILE=/var/lib/node_exporter/identidex.prom
            NEXTHINK_API_URL=https://gateway.contoso.com/nexthink
            NEXTHINK_AUDIT=/var/log/identidex/audit.jsonl
            NEXTHINK_CALLS_PER_SECOND=2
            NEXTHINK_CLIENT_ID=bot
            NEXTHINK_DEADLINE=10s
            NEXTHINK_INSTANCE=contoso
            NEXTHINK_LOGIN_URL=https://gateway.contoso.com/login
            NEXTHINK_REGION=eu
            NEXTHINK_SECRET=hunter2hunter2
            NEXTHINK_SECRET_FILE=/run/secrets/nexthink
            NOT_SAID_ANY=k. A.
            NOT_SAID_SERIAL_NUMBER=
            NOT_SAID_TIME=nie
            RECEIVE_EVENTS=/srv/events.db
            RECEIVE_FORWARD_TOKEN=hunter2hunter2hunter2
            RECEIVE_FORWARD_TOKEN_FILE=/run/secrets/forward
            RECEIVE_FORWARD_URL=https://bot.contoso.com/events
            RECEIVE_KEEP_EVENTS=3d
            RECEIVE_SOURCES=tenant-a
            RECEIVE_TEST_ROWS=0
            RECEIVE_TOKEN=hunter2hunter2hunter2
            RECEIVE_TOKEN_FILE=/run/secrets/receive
            SERVE_ACTIONS=#clear_disk,#restart
            SERVE_CONNECTIONS=10
            SERVE_DIAGNOSE=true
            SERVE_LISTEN=unix:/run/identidex.sock
            SERVE_REQUESTS_PER_SECOND=100
            SERVE_TOKEN=hunter2hunter2hunter2
            SERVE_TOKEN_FILE=/run/secrets/token
            SOURCE_TENANT_A_ENCODING=windows-1252
            SOURCE_TENANT_A_EXCLUDE=archive/**,*.old.csv
            SOURCE_TENANT_A_INCLUDE=*.csv
            SOURCE_TENANT_A_KEEP_FOR=2d
            SOURCE_TENANT_A_MIN_OBJECTS=3
            SOURCE_TENANT_A_OBSERVED_FROM=key
            SOURCE_TENANT_A_OPTIONS_ACCESS_KEY_ID=hunter2hunter2
            SOURCE_TENANT_A_TIME_ZONE=Asia/Tokyo
            SOURCE_TENANT_A_URL=/b
            PROJECTION_BOT_ACCOUNTS=uid,sid
            PROJECTION_BOT_DEVICES=uid
            PROJECTION_BOT_GROUP=bots
            PROJECTION_BOT_MODE=0600
            PROJECTION_BOT_PATH=/srv/bot.db
            WEBHOOK_DISK_FULL_ALERT=/a
            WEBHOOK_DISK_FULL_DEVICE=/d
            WEBHOOK_DISK_FULL_USER=/u
            WEBHOOK_DISK_FULL_WINDOW=5m";
        let variables = variables
            .lines()
            .filter_map(|line| line.trim().split_once('='));
        let env: Vec<_> = variables
            .map(|(name, value)| (format!("{PREFIX}{name}"), value))
            .collect();
        let env: Vec<_> = env
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let Config {
            file: _,
            index,
            sources,
            datasets,
            answers,
            class,
            not_said,
            nexthink,
            serve,
            receive,
            metrics,
            publish,
            pull,
            retention,
            breaker,
            webhooks,
            projections,
        } = parse(file, &env).unwrap();

        assert_eq!(answers.ageing_for, Duration::from_hours(9 * 24));
        assert_eq!(answers.fresh_for, Duration::from_hours(2));
        assert_eq!(answers.max_holders, 3);
        assert_eq!(answers.device_domains, ["corp.contoso.com"]);
        assert_eq!(answers.quiet_after, 90 * Duration::from_hours(24));
        assert_eq!(answers.recent, 14 * Duration::from_hours(24));
        assert_eq!(
            (class.service.len(), class.admin),
            (0, vec!["adm-*".to_owned(), "*-adm".to_owned()])
        );
        assert_eq!(datasets["users"].columns["user.#mail"], "email");
        assert_eq!(datasets["users"].drop, ["user.#birthday"]);
        assert!(datasets["users"].has_no_extra && !datasets["devices"].has_no_extra);
        assert!(datasets["users"].is_frozen && !datasets["logins"].is_frozen);
        assert_eq!(datasets["devices"].semantics, Semantics::Complete);
        assert_eq!((index.mode, index.keep_generations), (0o600, 5));
        assert_eq!(datasets["logins"].window, Some(Duration::from_hours(24)));
        assert_eq!(index.group.as_deref(), Some("chatbots"));
        assert_eq!(index.path, Path::new("/srv/i.db"));
        assert_eq!(index.prune_after, Duration::from_millis(250));
        assert_eq!(index.publish_every, Duration::from_secs(30));
        assert_eq!(index.spool_bytes, 64 << 20);
        let source = &sources[0];
        assert_eq!(
            (source.url.as_str(), source.observed_from),
            ("/b", Some(ObservedFrom::Key))
        );
        assert_eq!(source.options["access_key_id"], SECRET);
        assert_eq!(source.time_zone.iana_name(), Some("Asia/Tokyo"));
        assert_eq!(source.encoding, Some(encoding_rs::WINDOWS_1252));
        assert_eq!(
            (
                source.include.len(),
                source.exclude.len(),
                source.min_objects
            ),
            (1, 2, 3)
        );
        assert_eq!(
            (retention.days, retention.superseded, breaker.percent),
            (Some(400), Some(120), 20)
        );
        assert_eq!(
            (
                publish.url.as_deref(),
                publish.keep,
                &*publish.options["region"]
            ),
            (Some("s3://b/p/"), 3, "eu")
        );
        assert!(publish.key_file.is_some() && pull.public_key.is_some());
        assert_eq!(publish.lease, Some(Duration::from_mins(10)));
        assert_eq!(
            (pull.url.as_deref(), pull.every, &*pull.options["region"]),
            (Some("s3://b/p/"), Some(Duration::from_secs(60)), "eu")
        );
        assert!(metrics.textfile.is_some() && metrics.pushgateway.is_some());
        assert!(metrics.otlp.is_some());
        assert_eq!(source.keep_for, Some(Duration::from_hours(48)));
        let bot = &projections["bot"];
        assert_eq!(bot.path.as_deref(), Some(Path::new("/srv/bot.db")));
        assert_eq!(
            (bot.mode, bot.group.as_deref()),
            (Some(0o600), Some("bots"))
        );
        assert_eq!(
            (bot.accounts.as_deref(), bot.devices.as_deref()),
            (
                Some(&["uid".to_owned(), "sid".to_owned()][..]),
                Some(&["uid".to_owned()][..])
            )
        );
        let webhook = &webhooks["disk-full"];
        let places = [&webhook.device, &webhook.user, &webhook.alert]
            .map(|place| place.as_ref().map(ToString::to_string));
        assert_eq!(
            places,
            ["/d", "/u", "/a"].map(|place| Some(place.to_owned()))
        );
        assert_eq!(
            (webhook.name.as_str(), webhook.window.as_secs()),
            ("disk-full", 300)
        );
        assert_eq!(
            (receive.test_rows, receive.keep_events.as_secs()),
            (0, 3 * 86_400)
        );
        assert!(
            receive.token.is_some()
                && receive.token_file.is_some()
                && receive.forward_token.is_some()
        );
        assert!(
            receive.events.is_some()
                && receive.forward_url.is_some()
                && receive.forward_token_file.is_some()
        );
        assert!(!format!("{receive:?}").contains(SECRET));
        assert_eq!(serve.listen, Address::Unix("/run/identidex.sock".into()));
        assert!(serve.is_diagnosing && receive.sources == ["tenant-a"]);
        assert_eq!(serve.actions, ["#clear_disk", "#restart"]);
        assert_eq!(
            (serve.connections, serve.requests_per_second),
            (10, Some(100))
        );
        assert!(serve.token.is_some() && serve.token_file.is_some());
        assert_eq!(nexthink.secret, Some(Secret::new(SECRET).unwrap()));
        assert!(!format!("{nexthink:?}").contains(SECRET));
        assert_eq!(
            (nexthink.instance, nexthink.region),
            (Some("contoso".into()), Some("eu".into()))
        );
        assert_eq!(
            (nexthink.deadline.as_secs(), nexthink.calls_per_second),
            (10, 2)
        );
        let urls = [nexthink.api_url, nexthink.login_url].map(|url| url.is_some());
        let paths = [nexthink.audit, nexthink.secret_file].map(|path| path.is_some());
        assert_eq!(
            (urls, paths, nexthink.client_id),
            ([true; 2], [true; 2], Some("bot".into()))
        );
        assert!(not_said.covers(Column::Text, "k. a.") && not_said.covers(Column::Time, "Nie"));

        let nothing = Config::default();
        let mut understood = keys::variables(&nothing)
            .filter(|name| name.matches('_').count() > 1 && !name.contains('<'));
        let forgotten = understood.find(|name| {
            !keys::is_read_elsewhere(name) && !env.iter().any(|(given, _)| given == name)
        });
        assert_eq!(forgotten, None);
    }

    #[test]
    fn a_source_can_come_wholly_from_the_environment() {
        let env = [
            ("IDENTIDEX_SOURCE_X_Y_URL", "az://c/p"),
            (
                "IDENTIDEX_SOURCE_X_Y_OPTIONS_ENDPOINT",
                "http://localhost:1",
            ),
            ("IDENTIDEX_SOURCE_X_Y_OPTIONS_URL", "odd"),
        ];
        let config = parse("", &env).unwrap();
        let [source] = &config.sources[..] else {
            panic!("one source")
        };
        assert_eq!(
            (source.name.as_str(), source.url.as_str()),
            ("x_y", "az://c/p")
        );
        assert_eq!(
            source.options.keys().collect::<Vec<_>>(),
            ["endpoint", "url"]
        );
    }

    #[test]
    fn the_longest_name_of_a_source_takes_a_variable() {
        let file = "[[source]]\nname = \"a\"\nurl = \"/a\"\n[[source]]\nname = \"a.options\"\nurl = \"/b\"\n";
        let config = parse(file, &[("IDENTIDEX_SOURCE_A_OPTIONS_URL", "/c")]).unwrap();
        assert_eq!(
            config
                .sources
                .iter()
                .map(|source| source.url.as_str())
                .collect::<Vec<_>>(),
            ["/a", "/c"]
        );
    }

    #[test]
    fn names_of_sources_are_checked() {
        assert!(
            error("\n[[source]]\nurl = \"x\"", &[])
                .starts_with("c.toml:2: source.name: missing; expected a name")
        );
        for name in ["3", "\"\"", "\"-a\"", "\"a b\"", "\"hunter2hunter2/\""] {
            let shown = error(&format!("[[source]]\nname = {name}"), &[]);
            assert!(
                shown.starts_with("c.toml:2: source.name: expected a name"),
                "{shown}"
            );
        }
        assert!(
            error(
                "[[source]]\nname = \"a-1\"\nurl = \"x\"\n[[source]]\nname = \"A_1\"",
                &[]
            )
            .starts_with("c.toml:5: source.A_1: the name is used twice")
        );
    }

    #[test]
    fn a_source_without_url_is_refused_unless_the_environment_has_it() {
        let file = "\n[[source]]\nname = \"t\"\n";
        assert!(
            error(file, &[])
                .starts_with("c.toml:2: source.t.url: missing; expected a folder or a URL")
        );
        assert_eq!(
            parse(file, &[("IDENTIDEX_SOURCE_T_URL", "/x")])
                .unwrap()
                .sources[0]
                .url,
            "/x"
        );
    }

    #[test]
    fn limits_of_freshness_must_be_in_order() {
        let expected = "answers.ageing_for: expected a duration not shorter than answers.fresh_for";
        assert_eq!(
            error("[answers]\nageing_for = \"1h\"", &[]),
            format!("c.toml:2: {expected}")
        );
        let env = [("IDENTIDEX_ANSWERS_FRESH_FOR", "300d")];
        assert_eq!(
            error("", &env),
            format!("IDENTIDEX_ANSWERS_FRESH_FOR: {expected}")
        );
    }

    #[test]
    fn text_that_is_not_toml_says_the_line_and_not_its_text() {
        for text in [
            "a = 1\nb = \"hunter2hunter2",
            "a = 1\nhunter2hunter2",
            "a = 1\na = \"hunter2hunter2\"",
        ] {
            let shown = error(text, &[]);
            assert!(shown.starts_with("c.toml:2: not TOML: "), "{shown}");
        }
    }
}

//! `docker-compose.yml` gives the same servers as the ones that tests start, same versions, same options; and under a profile the two halves of a pipeline, over a configuration that the product itself reads.
//! The file is read line by line, by the one shape that it is written in; a line that the shape does not fit fails here.

use std::collections::BTreeMap;
use std::path::Path;

use testbed::servers::{KAFKA_PROPERTIES, MONGO_OPTIONS, MYSQL_OPTIONS};
use tests::pipeline::Pipeline;

/// One service: its image, the words of its command, its environment.
#[derive(Debug, Default)]
struct Service {
    image: String,
    command: Vec<String>,
    environment: BTreeMap<String, String>,
    ports: Vec<String>,
    volumes: Vec<String>,
    depends_on: Vec<String>,
    /// Keys with a value on their own line, those of `build` included.
    values: BTreeMap<String, String>,
}

impl Service {
    fn value(&self, key: &str) -> &str {
        self.values.get(key).map_or("", String::as_str)
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn services() -> BTreeMap<String, Service> {
    let text = std::fs::read_to_string(workspace().join("docker-compose.yml")).unwrap();
    let (_, text) = text.split_once("\nservices:\n").unwrap();
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    let (mut name, mut key) = (String::new(), String::new());
    for line in text.lines() {
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = line.len() - content.len();
        if indent == 2 {
            name = content.strip_suffix(':').unwrap().to_owned();
            services.insert(name.clone(), Service::default());
            continue;
        }
        let service = services.get_mut(&name).unwrap();
        if indent == 4 {
            let (found, value) = content.split_once(':').unwrap();
            found.clone_into(&mut key);
            match (key.as_str(), value.trim()) {
                (_, "") => {}
                ("image", image) => image.clone_into(&mut service.image),
                ("profiles" | "network_mode" | "restart" | "stop_grace_period", value) => {
                    service.values.insert(key.clone(), value.to_owned());
                }
                (other, _) => panic!("nobody holds `{other}` of {name} against anything"),
            }
            continue;
        }
        let unquoted = |text: &str| text.trim().trim_matches('"').to_owned();
        match key.as_str() {
            "command" => service
                .command
                .push(unquoted(content.strip_prefix("- ").unwrap())),
            "ports" => service
                .ports
                .push(unquoted(content.strip_prefix("- ").unwrap())),
            "volumes" => service
                .volumes
                .push(unquoted(content.strip_prefix("- ").unwrap())),
            "depends_on" if indent == 6 => service
                .depends_on
                .push(content.strip_suffix(':').unwrap().to_owned()),
            "depends_on" => assert_eq!(content, "condition: service_healthy"),
            "build" => {
                let (key, value) = content.split_once(':').unwrap();
                service.values.insert(key.to_owned(), unquoted(value));
            }
            "environment" => {
                let (variable, value) = content.split_once(':').unwrap();
                service
                    .environment
                    .insert(variable.to_owned(), unquoted(value));
            }
            "healthcheck" => {}
            other => panic!("nobody holds `{other}` of {name} against anything"),
        }
    }
    services
}

/// The version that the task fetches.
fn pinned(kind: &str) -> String {
    let source = workspace().join(format!("crates/xtask/src/provision/{kind}.rs"));
    let source = std::fs::read_to_string(source).unwrap();
    let (_, rest) = source.split_once("const VERSION: &str = \"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

const HALVES: [&str; 2] = ["capture", "sink"];

#[test]
fn compose_starts_the_three_servers_and_shows_them_to_this_machine_only() {
    let mut services = services();
    services.retain(|_, service| service.value("profiles").is_empty());
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    assert_eq!(names, ["kafka", "mongodb", "mysql"]);
    for (name, service) in &services {
        assert_eq!(service.ports.len(), 1, "{name}");
        assert!(service.ports[0].starts_with("127.0.0.1:"), "{name}");
    }
}

#[test]
fn the_profile_adds_the_two_halves_each_after_the_servers_that_it_speaks_to() {
    let mut services = services();
    services.retain(|_, service| !service.value("profiles").is_empty());
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    assert_eq!(names, HALVES);
    for (name, service) in &services {
        assert_eq!(service.value("profiles"), "[lockstep]", "{name}");
        assert_eq!(service.command, [name.as_str()]);
        assert_eq!(service.value("context"), ".");
        assert!(workspace().join(service.value("dockerfile")).is_file());
        // As a client on this machine: the servers are told to name themselves by their published ports.
        assert_eq!(service.value("network_mode"), "host");
        let (from, to) = service.volumes[0].split_once(':').unwrap();
        assert!(workspace().join(from).is_file(), "{from}");
        assert_eq!(to, "/etc/lockstep/lockstep.toml:ro");
    }
    assert_eq!(services["capture"].depends_on, ["mysql", "kafka"]);
    assert_eq!(services["sink"].depends_on, ["kafka", "mongodb"]);
}

fn configuration() -> String {
    std::fs::read_to_string(workspace().join("deploy/compose/lockstep.toml")).unwrap()
}

/// The text behind the first `key = "`.
fn configured<'a>(configuration: &'a str, section: &str, key: &str) -> &'a str {
    let (_, rest) = configuration
        .split_once(&format!("\n[{section}]\n"))
        .unwrap();
    let (_, rest) = rest.split_once(&format!("{key} = \"")).unwrap();
    rest.split_once('"').unwrap().0
}

#[test]
fn the_mounted_configuration_names_the_servers_by_their_published_ports() {
    let (services, configuration) = (services(), configuration());
    let published = |name: &str| {
        services[name].ports[0]
            .rsplit_once(':')
            .unwrap()
            .0
            .to_owned()
    };
    let source = format!("mysql://root@{}", published("mysql"));
    let target = format!("mongodb://{}/?replicaSet=rs0", published("mongodb"));
    assert_eq!(configured(&configuration, "source", "url"), source);
    assert_eq!(configured(&configuration, "target", "url"), target);
    let brokers = configured(&configuration, "log", "brokers");
    assert_eq!(brokers, published("kafka"));
    let advertised = services["kafka"].environment["KAFKA_ADVERTISED_LISTENERS"].as_str();
    assert_eq!(advertised, format!("PLAINTEXT://{brokers}"));
}

/// `reset` without `--yes` and `capture` without a password both end before they speak to a server.
#[tokio::test]
async fn the_product_reads_the_mounted_configuration_and_each_half_has_the_password_that_it_uses() {
    let services = services();
    let pipeline = Pipeline::new(&configuration()).unwrap();
    // What the sink needs is what `reset` needs: nothing but the file, which is why its service has no environment.
    let read = pipeline.finish(&["reset"]).await.unwrap();
    assert!(read.stderr.contains("[LS1011]"), "{read}");
    assert!(services["sink"].environment.is_empty());
    let lacking = pipeline.finish(&["capture"]).await.unwrap();
    assert_eq!(lacking.code, Some(2), "{lacking}");
    let told: Vec<&str> = lacking
        .stderr
        .split("the environment variable ")
        .skip(1)
        .collect();
    let asked = told[0].split(' ').next().unwrap();
    let given = &services["capture"].environment;
    assert_eq!(told.len(), 1, "{lacking}");
    assert_eq!(given.keys().collect::<Vec<_>>(), [asked]);
    assert_eq!(
        given[asked],
        services["mysql"].environment["MYSQL_ROOT_PASSWORD"]
    );
}

#[test]
fn mysql_has_the_options_of_the_tests() {
    let service = &services()["mysql"];
    assert_eq!(service.image, "mysql:9");
    assert_eq!(service.command, MYSQL_OPTIONS);
}

#[test]
fn mongodb_has_the_version_and_the_options_of_the_tests() {
    let service = &services()["mongodb"];
    assert_eq!(service.image, format!("mongo:{}", pinned("mongodb")));
    assert_eq!(service.command[0], "mongod");
    let options: Vec<&str> = service.command[1..].iter().map(String::as_str).collect();
    // Inside a container the loopback interface is not the host's, hence one option more.
    assert_eq!(options, [MONGO_OPTIONS, &["--bind_ip_all"]].concat());
}

#[test]
fn kafka_has_the_version_and_the_properties_of_the_tests() {
    let service = &services()["kafka"];
    assert_eq!(service.image, format!("apache/kafka:{}", pinned("kafka")));
    for (property, value) in KAFKA_PROPERTIES {
        let variable = format!("KAFKA_{}", property.replace('.', "_").to_uppercase());
        assert_eq!(
            service.environment.get(&variable).map(String::as_str),
            Some(*value),
            "{variable}"
        );
    }
}

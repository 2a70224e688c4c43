//! `docker-compose.yml` gives the same servers as the ones that tests start: same versions, same options.
//! The file is read line by line, by the one shape that it is written in; a line that the shape does not fit fails here.

use std::collections::BTreeMap;
use std::path::Path;

use testbed::servers::{KAFKA_PROPERTIES, MONGO_OPTIONS, MYSQL_OPTIONS};

/// One service: its image, the words of its command, its environment.
#[derive(Debug, Default)]
struct Service {
    image: String,
    command: Vec<String>,
    environment: BTreeMap<String, String>,
    ports: Vec<String>,
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
            if key == "image" {
                value.trim().clone_into(&mut service.image);
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

#[test]
fn compose_starts_the_three_servers_and_shows_them_to_this_machine_only() {
    let services = services();
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    assert_eq!(names, ["kafka", "mongodb", "mysql"]);
    for (name, service) in &services {
        assert_eq!(service.ports.len(), 1, "{name}");
        assert!(service.ports[0].starts_with("127.0.0.1:"), "{name}");
    }
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

//! Logging in by every plugin and every mode of encryption, and what is said when it fails.

use super::Stage;
use flow::ports::ChangeStream;
use flow::{Disposition, Failure};
use mysql::{ConnectOptions, Connection, Error, Password, TlsMode};

async fn connect(options: &ConnectOptions) -> Result<bool, Error> {
    Connection::connect(options)
        .await
        .map(|connection| connection.is_encrypted())
}

#[tokio::test]
async fn every_way_of_logging_in_works_with_and_without_encryption() {
    let mut stage = Stage::start(&[]).await;
    let base = stage.options.connect.clone();
    for plugin in ["caching_sha2_password", "sha256_password"] {
        for password in ["", "a longer p@ss'word"] {
            // The first login of an account is the full one, the second takes the server's cache.
            for tls in [TlsMode::Required, TlsMode::Disabled] {
                let quoted = password.replace('\'', "''");
                stage
                    .run(&[
                        "DROP USER IF EXISTS app",
                        &format!("CREATE USER app IDENTIFIED WITH {plugin} BY '{quoted}'"),
                    ])
                    .await;
                let mut options =
                    ConnectOptions::new("127.0.0.1", base.port, "app", Password::new(password));
                options.tls = tls;
                for round in 1..=2 {
                    let encrypted = connect(&options)
                        .await
                        .unwrap_or_else(|error| panic!("{plugin} {tls:?} {round}: {error}"));
                    assert_eq!(encrypted, tls == TlsMode::Required);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_is_checked_as_far_as_the_mode_says() {
    let stage = Stage::start(&[]).await;
    let mut options = stage.options.connect.clone();
    options.tls = TlsMode::Preferred;
    assert!(connect(&options).await.unwrap());
    // No public authority signed the server's certificate.
    options.tls = TlsMode::VerifyAuthority;
    let error = connect(&options).await.unwrap_err();
    assert_eq!(
        (error.code(), error.disposition()),
        ("LS2003", Disposition::Halt)
    );
    options.tls_authority_file = Some(stage.server.authority_certificate());
    assert!(connect(&options).await.unwrap());
    // It names no host.
    options.tls = TlsMode::VerifyIdentity;
    assert_eq!(connect(&options).await.unwrap_err().code(), "LS2003");
}

#[tokio::test]
async fn a_refused_login_is_told_from_a_server_that_is_not_there() {
    let stage = Stage::start(&[]).await;
    let mut wrong = stage.options.connect.clone();
    wrong.password = Password::new("hunter2");
    let error = connect(&wrong).await.unwrap_err();
    assert_eq!(
        (error.code(), error.disposition()),
        ("LS2002", Disposition::Halt)
    );
    assert!(!error.to_string().contains("hunter2"));

    let mut nowhere = stage.options.connect.clone();
    stage.server.kill();
    nowhere.connect_timeout = std::time::Duration::from_secs(2);
    let error = connect(&nowhere).await.unwrap_err();
    assert_eq!(
        (error.code(), error.disposition()),
        ("LS2001", Disposition::Transient)
    );
}

#[tokio::test]
async fn a_stream_that_loses_its_server_or_its_server_id_says_so() {
    let mut stage = Stage::start(&[]).await;
    stage.options.server_id = Some(77);
    let head = stage.head().await;
    let mut first = stage.open(&head).await.unwrap();
    first.next().await.unwrap();
    let mut second = stage.open(&head).await.unwrap();
    let error = end_of(&mut first).await;
    assert_eq!(
        (error.code, error.disposition.clone()),
        ("LS2024", Disposition::Transient),
        "{error}"
    );
    stage.server.kill();
    let error = end_of(&mut second).await;
    assert_eq!(
        (error.code, error.disposition.clone()),
        ("LS2001", Disposition::Transient),
        "{error}"
    );
    // The end of a stream is told once; after it there is nothing to wait for.
    assert_eq!(second.next().await.unwrap_err().code, "LS2001");
}

async fn end_of(stream: &mut mysql::Stream) -> Failure {
    loop {
        if let Err(error) = stream.next().await {
            return error;
        }
    }
}

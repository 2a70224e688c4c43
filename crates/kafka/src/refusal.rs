//! What a code of librdkafka or of a broker means here.
//!
//! One place reads the codes, so that the same answer has the same consequence whichever call
//! brought it. A code that is not named in the short lists is unknown, and the unknown halts.

use crate::error::Error;
use crate::settings::Settings;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

/// The error that a call's failure is.
pub(crate) fn error(settings: &Settings, action: &str, failure: &KafkaError) -> Error {
    let problem = failure.to_string();
    match code(failure) {
        Some(code) => coded(settings, action, code, problem),
        None => Error::Unexpected {
            action: action.to_owned(),
            problem,
        },
    }
}

/// The code behind a failure, also where the library does not hand it out: an administrator's call
/// meets brokers that come and go like any other.
pub(crate) fn code(failure: &KafkaError) -> Option<Code> {
    match failure {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// The error that a code is.
pub(crate) fn coded(settings: &Settings, action: &str, code: Code, problem: String) -> Error {
    let action = action.to_owned();
    if is_fenced(code) {
        let pipeline = settings.pipeline.to_string();
        return Error::Fenced { pipeline, problem };
    }
    if is_refused_access(code) {
        return Error::NotAllowed { action, problem };
    }
    match code {
        Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve => Error::Unreachable {
            brokers: settings.broker_list(),
            problem,
        },
        Code::InvalidTransactionTimeout => Error::TransactionTimeout {
            millis: settings.transaction_timeout.as_millis(),
            problem,
        },
        code if may_pass(code) => Error::Interrupted { action, problem },
        _ => Error::Unexpected { action, problem },
    }
}

/// Another producer of the same transactional id has come.
pub(crate) fn is_fenced(code: Code) -> bool {
    matches!(
        code,
        Code::ProducerFenced | Code::InvalidProducerEpoch | Code::Fenced
    )
}

fn is_refused_access(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
    )
}

/// What brokers get over by themselves: elections, timeouts, replicas that lag, transactions that
/// were aborted under way, answers that were cut off by a broker's death.
fn may_pass(code: Code) -> bool {
    matches!(
        code,
        Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::MessageTimedOut
            | Code::TimedOutQueue
            | Code::PurgeQueue
            | Code::PurgeInflight
            | Code::Outdated
            | Code::Retry
            | Code::InProgress
            | Code::PreviousInProgress
            | Code::WaitingForCoordinator
            | Code::WaitCache
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::NetworkException
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::NotController
            | Code::ConcurrentTransactions
            | Code::KafkaStorageError
            | Code::OutOfOrderSequenceNumber
            | Code::UnknownProducerId
            | Code::InvalidTransactionalState
            | Code::OffsetNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::QueueFull
            | Code::UnstableOffsetCommit
            | Code::NoOffset
            | Code::BadMessage
            | Code::Underflow
    )
}

#[cfg(test)]
mod tests {
    use super::error;
    use crate::settings::Settings;
    use flow::Disposition;
    use rdkafka::error::KafkaError;
    use rdkafka::types::RDKafkaErrorCode as Code;

    #[test]
    fn brokers_that_go_away_are_waited_for_whichever_call_meets_it() {
        let settings = Settings::new("shop", vec!["127.0.0.1:9092".to_owned()]);
        let gone = [
            KafkaError::AdminOp(Code::BrokerTransportFailure),
            KafkaError::MetadataFetch(Code::BrokerTransportFailure),
            KafkaError::AdminOp(Code::OperationTimedOut),
            KafkaError::MessageConsumption(Code::BadMessage),
        ];
        for failure in gone {
            let disposition = error(&settings, "a call", &failure).disposition();
            assert_eq!(disposition, Disposition::Transient, "{failure}");
        }
        let unknown = KafkaError::AdminOp(Code::Unknown);
        let disposition = error(&settings, "a call", &unknown).disposition();
        assert_eq!(disposition, Disposition::Halt);
    }
}

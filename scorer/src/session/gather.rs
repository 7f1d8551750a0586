//! Takes from the consumer what is there, and never waits for more.

use std::time::Duration;

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Headers};

use stream::{FeatureRecord, StreamSchema};

use crate::answering::batch::Batch;
use crate::session::group::Group;

/// How long an idle scorer waits for a record before it looks for a new route again.
const IDLE_TICK: Duration = Duration::from_millis(4);

/// Fills `batch` with up to `most` records that are queued already; empty when none came for a moment.
///
/// # Errors
/// The consumer is of no use any more.
pub(crate) fn gather(
    consumer: &BaseConsumer<Group>,
    schema: &StreamSchema,
    most: usize,
    batch: &mut Batch,
) -> Result<(), KafkaError> {
    let mut wait = IDLE_TICK;
    while batch.len() < most {
        let polled = consumer.poll(wait);
        // A rebalance happens inside poll; what was taken from a partition given away is the new owner's.
        if let Some(partitions) = consumer.context().given_away() {
            batch.forget(&partitions);
        }
        match polled {
            Some(Ok(message)) => push(batch, schema, &message),
            Some(Err(error)) if passes(&error) => {
                tracing::debug!(%error, "the consumer mends this by itself");
            }
            Some(Err(error)) => return Err(error),
            None => break,
        }
        wait = Duration::ZERO;
    }
    Ok(())
}

fn push(batch: &mut Batch, schema: &StreamSchema, message: &BorrowedMessage<'_>) {
    let id = message.headers().and_then(|headers| {
        let header = headers.iter().find(|header| header.key == stream::feature::ID)?;
        header.value
    });
    batch.push(
        schema,
        &FeatureRecord {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key(),
            value: message.payload(),
            id,
        },
    );
}

fn passes(error: &KafkaError) -> bool {
    !matches!(error, KafkaError::MessageConsumptionFatal(_))
        && matches!(
            error.rdkafka_error_code(),
            Some(
                Code::AllBrokersDown
                    | Code::BrokerTransportFailure
                    | Code::Resolve
                    | Code::OperationTimedOut
                    | Code::NotLeaderForPartition
                    | Code::LeaderNotAvailable
                    | Code::NotCoordinator
                    | Code::CoordinatorLoadInProgress
                    | Code::CoordinatorNotAvailable
                    | Code::RebalanceInProgress
                    | Code::PollExceeded
            )
        )
}

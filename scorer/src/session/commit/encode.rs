//! From an answer, or the lack of one, to the record that is sent.

use rdkafka::message::{Header, OwnedHeaders};
use stream::dead_letter::LetterBuffer;
use stream::prediction::{HeaderBuffer, fits};
use stream::{DeadLetter, FeatureRecord, ModelDigest, Prediction, PredictionValue, Variant};

use crate::answering::ask::ModelAnswer;
use crate::answering::batch::Reject;
use crate::answering::plan::Plan;

/// What the predictions of one batch have in common.
#[derive(Clone, Copy)]
pub(crate) struct Answering<'a> {
    champion: ModelDigest<'a>,
    candidate: Option<ModelDigest<'a>>,
    generation: u64,
}

/// A record that is ready to be sent to the partition of its feature record.
pub(crate) struct Encoded<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: OwnedHeaders,
}

/// Memory for what is written, used again from record to record.
#[derive(Default)]
pub(crate) struct Encoder {
    value: Vec<u8>,
    prediction: HeaderBuffer,
    letter: LetterBuffer,
}

impl<'a> Answering<'a> {
    /// # Errors
    /// The route names a model by what is no digest.
    pub(crate) fn of(plan: &'a Plan) -> Result<Self, stream::NoDigest> {
        let candidate = plan.route.candidate.as_ref();
        Ok(Self {
            champion: (&*plan.route.champion.digest).try_into()?,
            candidate: candidate.map(|it| (&*it.model.digest).try_into()).transpose()?,
            generation: plan.generation(),
        })
    }

    fn model(&self, variant: Variant) -> ModelDigest<'a> {
        match variant {
            Variant::Champion => self.champion,
            Variant::Candidate => self.candidate.unwrap_or(self.champion),
        }
    }
}

impl Encoder {
    /// The prediction of one record; `scores` are those of the whole batch, `topic` is the features topic.
    ///
    /// # Errors
    /// It would be larger than `limit` bytes.
    pub(crate) fn prediction<'a>(
        &'a mut self,
        answering: Answering<'_>,
        feature: &FeatureRecord<'a>,
        (answer, scores): (&ModelAnswer, &[f32]),
        topic: &str,
        limit: usize,
    ) -> Result<Encoded<'a>, Reject> {
        let (label, score) = (answer.label, answer.score);
        let scores = &scores[answer.scores.clone()];
        PredictionValue { label, score, scores }.write(&mut self.value);
        if !fits(feature, self.value.len(), limit) {
            return Err(Reject::new("too-large", "the prediction would be too large"));
        }
        let prediction = Prediction {
            model: answering.model(answer.variant),
            variant: answer.variant,
            generation: answering.generation,
            source: feature.source(topic),
            id: feature.record_id(),
            took: Some(answer.took.into()),
            fallback: answer.fallback.as_deref(),
        };
        let headers = owned(7, prediction.headers(&mut self.prediction));
        Ok(Encoded { key: feature.key, value: Some(&self.value), headers })
    }

    /// The dead letter of one record, with as much of it as is within `limit` bytes.
    pub(crate) fn dead_letter<'a>(
        &mut self,
        feature: &FeatureRecord<'a>,
        reject: &'a Reject,
        topic: &'a str,
        limit: usize,
    ) -> Encoded<'a> {
        let letter = DeadLetter::of(feature, topic, &reject.reason, limit);
        let headers = owned(4, letter.headers(&mut self.letter));
        Encoded { key: letter.key, value: letter.value, headers }
    }
}

fn owned<'a>(
    capacity: usize,
    headers: impl Iterator<Item = stream::headers::Header<'a>>,
) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(capacity);
    headers.fold(empty, |all, (key, value)| all.insert(Header { key, value: Some(value) }))
}

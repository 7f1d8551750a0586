//! Who answers for one of the two that are compared, and how.

use std::time::{Duration, Instant};

use inference::Client;
use model::{Answers, Model};

use crate::live::{Live, ModelOutput};

/// Who answers the rows.
pub(crate) enum Answerer {
    /// A model in this process.
    Engine { model: Box<Model>, room: Answers },
    /// A model behind HTTP.
    Endpoint(Box<Client>),
    /// The champion that answered the stream: its answers are read, not asked for.
    Recorded,
}

/// The answer to one row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Answer(ModelOutput),
    /// It was asked and did not answer, and why.
    Failed(String),
    /// It was not asked: another model answered the record, or nobody yet.
    Absent,
}

impl Answerer {
    pub(crate) fn engine(model: Model) -> Self {
        Self::Engine { model: Box::new(model), room: Answers::default() }
    }

    /// What the model's file calls it.
    pub(crate) fn own_name(&self) -> Option<&str> {
        match self {
            Self::Engine { model, .. } => model.own_name().map(|name| &**name),
            Self::Endpoint(_) | Self::Recorded => None,
        }
    }

    /// Answers as many rows as there are live answers, which are given with them.
    ///
    /// Gives the time of the whole batch where that is the time of its answers: not when some row had to be asked
    /// again by itself, and not for what was recorded. That of an endpoint is as the caller sees it, pauses included.
    pub(crate) fn answer(
        &mut self,
        rows: &[f32],
        live: &[&Live],
        into: &mut Vec<Reply>,
    ) -> Option<Duration> {
        into.clear();
        match self {
            Self::Engine { model, room } => ask_engine(model, room, rows, live.len(), into),
            Self::Endpoint(client) => ask_endpoint(client, rows, live.len(), into),
            Self::Recorded => {
                into.extend(live.iter().map(|live| recorded(live)));
                None
            }
        }
    }
}

/// Answers `n` rows; a batch that fails is asked again row by row.
fn ask_engine(
    model: &mut Model,
    room: &mut Answers,
    rows: &[f32],
    n: usize,
    into: &mut Vec<Reply>,
) -> Option<Duration> {
    let started = Instant::now();
    let whole = model.answer_into(rows, n, room);
    let took = started.elapsed();
    if whole.is_ok() {
        into.extend((0..n).map(|index| Reply::Answer(answer(room, index))));
        return Some(took);
    }
    for row in rows.chunks_exact(rows.len() / n) {
        into.push(match model.answer_into(row, 1, room) {
            Ok(()) => Reply::Answer(answer(room, 0)),
            Err(error) => Reply::Failed(error.to_string()),
        });
    }
    None
}

/// Answers `n` rows; what the endpoint does not answer within its bounds is a failure of that side.
fn ask_endpoint(
    client: &Client,
    rows: &[f32],
    n: usize,
    into: &mut Vec<Reply>,
) -> Option<Duration> {
    let replies = client.answer(rows, n);
    into.extend(replies.rows.into_iter().map(|row| match row {
        Ok(answer) => Reply::Answer(ModelOutput { label: answer.label, score: answer.score }),
        Err(why) => Reply::Failed(why),
    }));
    replies.took
}

fn answer(answers: &Answers, index: usize) -> ModelOutput {
    let label = answers.labels.as_ref().map(|labels| labels[index]);
    ModelOutput { label, score: f64::from(answers.score[index]) }
}

fn recorded(live: &Live) -> Reply {
    match live {
        Live::Answered(answer) if answer.score.is_finite() => Reply::Answer(*answer),
        Live::Answered(_) | Live::Unreadable => {
            Reply::Failed("what is on the stream is no prediction".to_owned())
        }
        Live::OtherModel | Live::Unanswered | Live::Unasked => Reply::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_champions_own_answers_are_recorded_ones() {
        let answer = ModelOutput { label: Some(1), score: 0.5 };
        let live =
            [&Live::Answered(answer), &Live::OtherModel, &Live::Unanswered, &Live::Unreadable];
        let mut replies = vec![Reply::Absent];
        let took = Answerer::Recorded.answer(&[], &live, &mut replies);
        let failed = Reply::Failed("what is on the stream is no prediction".into());
        assert_eq!(replies, [Reply::Answer(answer), Reply::Absent, Reply::Absent, failed]);
        assert_eq!(took, None);
    }
}

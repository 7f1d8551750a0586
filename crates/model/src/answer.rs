//! What a model answers to a batch of rows.

use ort::session::{Session, SessionInputValue, SessionOutputs};
use ort::value::TensorRef;

use crate::excerpt::Excerpt;
use crate::fit::{Inputs, Outputs};
use crate::interrupt::Interrupt;
use crate::model::Model;

/// The answers to `n` rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// The class of each row; `None` for a regressor.
    pub labels: Option<Vec<i64>>,
    /// One number a row: the probability of the second class for two classes, the highest probability for more,
    /// the value for a regressor.
    pub score: Vec<f32>,
    /// All numbers, row by row: `n * width`.
    pub scores: Vec<f32>,
    /// How many numbers a row has in `scores`: the classes, or 1.
    pub width: usize,
}

/// A batch that got no answers.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AnswerError {
    /// The rows are not `n` rows of the model's width.
    #[error("{rows} rows of {width} numbers are {expected} numbers, but {got} were given", expected = rows * width)]
    WrongWidth {
        /// Rows asked.
        rows: usize,
        /// The model's width.
        width: usize,
        /// Numbers given.
        got: usize,
    },
    /// NaN or infinite.
    #[error("the model answers {value} to row {row} of the batch")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// What it answered.
        value: f32,
    },
    /// Not one answer a row.
    #[error("the model gives {got} {what} for {rows} rows")]
    Shape {
        /// Rows asked.
        rows: usize,
        /// Labels or scores.
        what: &'static str,
        /// How many came.
        got: usize,
    },
    /// The engine failed while it worked.
    #[error("ONNX Runtime failed: {0}")]
    Engine(Excerpt),
}

impl Model {
    /// Answers `n` rows, given row by row in the order of the schema that the model was fitted to.
    ///
    /// # Errors
    /// [`AnswerError`]; the whole batch is without answers then.
    pub fn answer(&mut self, rows: &[f32], n: usize) -> Result<Answers, AnswerError> {
        let mut answers = Answers::default();
        self.answer_into(rows, n, &mut answers)?;
        Ok(answers)
    }

    /// As [`Model::answer`], into the buffers of an earlier answer.
    ///
    /// # Errors
    /// [`AnswerError`]; what `answers` holds then means nothing.
    pub fn answer_into(
        &mut self,
        rows: &[f32],
        n: usize,
        answers: &mut Answers,
    ) -> Result<(), AnswerError> {
        let width = self.inputs.width().unwrap_or_else(|| rows.len().checked_div(n).unwrap_or(0));
        if rows.len() != n * width {
            return Err(AnswerError::WrongWidth { rows: n, width, got: rows.len() });
        }
        if n == 0 {
            *answers = Answers::default();
            return Ok(());
        }
        let outputs = match &mut self.inputs {
            Inputs::Matrix { .. } => {
                let input = TensorRef::from_array_view(([n, width], rows))?;
                self.session.run_with_options(ort::inputs![input], &*self.interrupt.0)?
            }
            Inputs::Columns { columns, buffer } => {
                run_columns(&mut self.session, &self.interrupt, rows, n, (columns, buffer))?
            }
        };
        answers.take(&outputs, &self.outputs, n)
    }
}

impl Answers {
    fn take(
        &mut self,
        outputs: &SessionOutputs<'_>,
        places: &Outputs,
        n: usize,
    ) -> Result<(), AnswerError> {
        let (_, scores) = outputs[places.scores].try_extract_tensor::<f32>()?;
        if scores.is_empty() || scores.len() % n != 0 {
            return Err(AnswerError::Shape { rows: n, what: "scores", got: scores.len() });
        }
        self.width = scores.len() / n;
        if let Some(bad) = scores.iter().position(|score| !score.is_finite()) {
            return Err(AnswerError::NotFinite { row: bad / self.width, value: scores[bad] });
        }
        self.scores.clear();
        self.scores.extend_from_slice(scores);
        self.score.clear();
        let by_row = scores.chunks_exact(self.width);
        match self.width {
            1 => self.score.extend_from_slice(scores),
            2 => self.score.extend(by_row.map(|row| row[1])),
            _ => self.score.extend(by_row.map(|row| row[largest(row)])),
        }
        let room = self.labels.take().unwrap_or_default();
        self.labels = labels(outputs, places, n, self.width, scores, room)?;
        Ok(())
    }
}

/// The labels that the model gives; for several scores without labels, the place of the highest.
fn labels(
    outputs: &SessionOutputs<'_>,
    places: &Outputs,
    n: usize,
    width: usize,
    scores: &[f32],
    mut labels: Vec<i64>,
) -> Result<Option<Vec<i64>>, AnswerError> {
    labels.clear();
    if let Some(place) = places.labels {
        let (_, given) = outputs[place].try_extract_tensor::<i64>()?;
        if given.len() != n {
            return Err(AnswerError::Shape { rows: n, what: "labels", got: given.len() });
        }
        labels.extend_from_slice(given);
    } else if width == 1 {
        return Ok(None);
    } else {
        labels.extend(scores.chunks_exact(width).map(|row| largest(row) as i64));
    }
    Ok(Some(labels))
}

/// The place of the largest number, the first of equals; numbers are finite here.
fn largest(row: &[f32]) -> usize {
    let mut best = 0;
    for (place, score) in row.iter().enumerate() {
        if *score > row[best] {
            best = place;
        }
    }
    best
}

/// Turns rows into columns, then asks with one input a column.
fn run_columns<'s>(
    session: &'s mut Session,
    interrupt: &'s Interrupt,
    rows: &[f32],
    n: usize,
    (columns, buffer): (&[(String, usize)], &mut Vec<f32>),
) -> Result<SessionOutputs<'s>, AnswerError> {
    buffer.clear();
    for (_, column) in columns {
        buffer.extend(rows.iter().skip(*column).step_by(columns.len()));
    }
    let inputs = columns
        .iter()
        .zip(buffer.chunks_exact(n))
        .map(|((name, _), column)| {
            let input = TensorRef::from_array_view(([n, 1], column))?;
            Ok((name.as_str(), SessionInputValue::from(input)))
        })
        .collect::<Result<Vec<_>, ort::Error>>()?;
    Ok(session.run_with_options(inputs, &*interrupt.0)?)
}

impl From<ort::Error> for AnswerError {
    fn from(error: ort::Error) -> Self {
        AnswerError::Engine(Excerpt::message(error.message()))
    }
}

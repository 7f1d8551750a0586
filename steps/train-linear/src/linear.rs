//! Logistic regression, pure: the same rows give the same weights to the last bit.
//!
//! Newton's method on the mean logistic loss with a ridge on the weights (Hastie, Tibshirani and Friedman, The
//! Elements of Statistical Learning, 2nd edition, 4.4.1), over columns of mean 0 and deviation 1.  The ridge keeps
//! the weights finite where a hyperplane parts the classes.

/// A fitted model: `sigmoid(Σ weight · (x − mean) · scale + bias)` is the probability of class 1.
///
/// Held in 32 bits, as the file holds it, so that what is answered here is what the file answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Linear {
    pub(crate) mean: Vec<f32>,
    /// One over the standard deviation; 0 for a column that does not vary.
    pub(crate) scale: Vec<f32>,
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: f32,
}

/// Rows of `width` numbers, one after the other, each with its class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) numbers: &'a [f32],
    pub(crate) labels: &'a [u8],
    pub(crate) width: usize,
}

/// What came of the fitting.
#[derive(Clone, Debug)]
pub(crate) struct Fitted {
    pub(crate) model: Linear,
    /// Newton steps taken.
    pub(crate) rounds: u32,
    /// Mean logistic loss on the rows, in nats, without the ridge.
    pub(crate) loss: f64,
    pub(crate) converged: bool,
}

/// Largest entry of the gradient at which the search ends.
const FLAT: f64 = 1e-9;
const MAX_ROUNDS: u32 = 100;
const MAX_HALVINGS: u32 = 40;

/// Fits `rows`, which must hold both classes; `ridge` is the penalty on the squared weights, above 0.
pub(crate) fn fit(rows: Rows<'_>, ridge: f64) -> Fitted {
    let (mean, scale) = standard(rows);
    let size = rows.width + 1;
    // The bias is the last parameter and has no penalty.
    let mut at = vec![0.0; size];
    let mut now = Landscape::of(rows, &mean, &scale, &at, ridge);
    let (mut rounds, mut converged) = (0, false);
    while rounds < MAX_ROUNDS {
        converged = now.gradient.iter().all(|slope| slope.abs() < FLAT);
        let step = if converged { None } else { solve(now.curvature.clone(), &now.gradient) };
        let Some(step) = step else { break };
        let next = (0..MAX_HALVINGS).find_map(|halvings| {
            let length = 0.5_f64.powi(halvings as i32);
            let there: Vec<f64> =
                at.iter().zip(&step).map(|(from, by)| from - length * by).collect();
            let landscape = Landscape::of(rows, &mean, &scale, &there, ridge);
            (landscape.height < now.height).then_some((there, landscape))
        });
        // No lower place is left that 64 bits can distinguish.
        let Some((there, landscape)) = next else {
            converged = now.gradient.iter().all(|slope| slope.abs() < FLAT.sqrt());
            break;
        };
        (at, now, rounds) = (there, landscape, rounds + 1);
    }
    let narrow = |wide: &[f64]| wide.iter().map(|number| *number as f32).collect::<Vec<f32>>();
    let model = Linear {
        mean: narrow(&mean),
        scale: narrow(&scale),
        weight: narrow(&at[..rows.width]),
        bias: at[rows.width] as f32,
    };
    Fitted { model, rounds, loss: now.loss, converged }
}

impl Linear {
    /// The probability of class 1.
    pub(crate) fn answer(&self, row: &[f32]) -> f64 {
        let terms = row.iter().zip(&self.mean).zip(&self.scale).zip(&self.weight);
        let sum: f64 = terms
            .map(|(((x, mean), scale), weight)| f64::from((x - mean) * scale) * f64::from(*weight))
            .sum();
        sigmoid(sum + f64::from(self.bias))
    }
}

impl<'a> Rows<'a> {
    pub(crate) fn len(self) -> usize {
        self.labels.len()
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a [f32], u8)> {
        self.numbers.chunks_exact(self.width).zip(self.labels.iter().copied())
    }

    /// The first `count` rows and the rest.
    pub(crate) fn split_at(self, count: usize) -> (Rows<'a>, Rows<'a>) {
        let (numbers, other_numbers) = self.numbers.split_at(count * self.width);
        let (labels, other_labels) = self.labels.split_at(count);
        let width = self.width;
        (
            Rows { numbers, labels, width },
            Rows { numbers: other_numbers, labels: other_labels, width },
        )
    }

    /// How many rows are of class 1.
    pub(crate) fn ones(self) -> usize {
        self.labels.iter().filter(|label| **label == 1).count()
    }
}

/// The penalised loss around a place: its height, slope and curvature.
struct Landscape {
    loss: f64,
    height: f64,
    gradient: Vec<f64>,
    /// Row by row.
    curvature: Vec<f64>,
}

impl Landscape {
    fn of(rows: Rows<'_>, mean: &[f64], scale: &[f64], at: &[f64], ridge: f64) -> Self {
        let (size, count) = (at.len(), rows.len() as f64);
        let (mut loss, mut gradient) = (0.0, vec![0.0; size]);
        let mut curvature = vec![0.0; size * size];
        let mut input = vec![1.0; size];
        for (row, label) in rows.iter() {
            for (column, x) in row.iter().enumerate() {
                input[column] = (f64::from(*x) - mean[column]) * scale[column];
            }
            let z: f64 = input.iter().zip(at).map(|(x, weight)| x * weight).sum();
            let (p, y) = (sigmoid(z), f64::from(label));
            // log(1 + e^z) − y·z, without overflow.
            loss += z.max(0.0) + (-z.abs()).exp().ln_1p() - y * z;
            for i in 0..size {
                gradient[i] += (p - y) * input[i];
                for j in 0..=i {
                    curvature[i * size + j] += p * (1.0 - p) * input[i] * input[j];
                }
            }
        }
        let loss = loss / count;
        let mut height = loss;
        for i in 0..size {
            gradient[i] /= count;
            (0..=i).for_each(|j| curvature[i * size + j] /= count);
            if i + 1 < size {
                height += 0.5 * ridge * at[i] * at[i];
                gradient[i] += ridge * at[i];
                curvature[i * size + i] += ridge;
            }
            for j in 0..i {
                curvature[j * size + i] = curvature[i * size + j];
            }
        }
        Self { loss, height, gradient, curvature }
    }
}

/// Mean and one over the standard deviation of each column.
fn standard(rows: Rows<'_>) -> (Vec<f64>, Vec<f64>) {
    let count = rows.len() as f64;
    let mut mean = vec![0.0; rows.width];
    let mut spread = vec![0.0; rows.width];
    for (row, _) in rows.iter() {
        row.iter().zip(&mut mean).for_each(|(x, sum)| *sum += f64::from(*x) / count);
    }
    for (row, _) in rows.iter() {
        for (column, x) in row.iter().enumerate() {
            spread[column] += (f64::from(*x) - mean[column]).powi(2) / count;
        }
    }
    let one_over = |variance: f64| if variance > 1e-12 { variance.sqrt().recip() } else { 0.0 };
    (mean, spread.into_iter().map(one_over).collect())
}

/// The solution of `matrix · x = right` for a symmetric positive definite matrix, by Cholesky's decomposition;
/// `None` where it is not.
fn solve(mut matrix: Vec<f64>, right: &[f64]) -> Option<Vec<f64>> {
    let size = right.len();
    for i in 0..size {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| matrix[i * size + k] * matrix[j * size + k]).sum();
            let left = matrix[i * size + j] - known;
            matrix[i * size + j] = match i == j {
                true if left > 0.0 => left.sqrt(),
                true => return None,
                false => left / matrix[j * size + j],
            };
        }
    }
    let mut x = right.to_vec();
    for i in 0..size {
        let known: f64 = (0..i).map(|k| matrix[i * size + k] * x[k]).sum();
        x[i] = (x[i] - known) / matrix[i * size + i];
    }
    for i in (0..size).rev() {
        let known: f64 = (i + 1..size).map(|k| matrix[k * size + i] * x[k]).sum();
        x[i] = (x[i] - known) / matrix[i * size + i];
    }
    Some(x)
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(rows: &[(f32, u8)], ridge: f64) -> Fitted {
        let numbers: Vec<f32> = rows.iter().map(|row| row.0).collect();
        let labels: Vec<u8> = rows.iter().map(|row| row.1).collect();
        fit(Rows { numbers: &numbers, labels: &labels, width: 1 }, ridge)
    }

    #[test]
    fn the_fit_has_the_shares_of_the_classes() {
        // Two values of x: without a ridge the fit answers each with its share of class 1.
        let rows: Vec<(f32, u8)> = (0..10)
            .map(|i| (0.0, u8::from(i < 2)))
            .chain((0..10).map(|i| (5.0, u8::from(i < 7))))
            .collect();
        let fitted = fitted(&rows, 1e-12);
        assert!(fitted.converged, "{fitted:?}");
        for (x, share) in [(0.0, 0.2), (5.0, 0.7)] {
            let answer = fitted.model.answer(&[x]);
            assert!((answer - share).abs() < 1e-6, "{x}: {answer}");
        }
    }

    #[test]
    fn a_ridge_keeps_parted_classes_finite() {
        let rows = [(1.0, 0), (2.0, 0), (8.0, 1), (9.0, 1)];
        let (loose, tight) = (fitted(&rows, 1e-4), fitted(&rows, 1.0));
        assert!(loose.converged && tight.converged);
        assert!(loose.model.weight[0] > tight.model.weight[0] && tight.model.weight[0] > 0.0);
        assert!(loose.model.answer(&[9.0]) > 0.99 && loose.model.answer(&[1.0]) < 0.01);
    }

    #[test]
    fn a_column_that_does_not_vary_has_no_say() {
        let numbers = [7.0, 1.0, 7.0, 2.0, 7.0, 3.0, 7.0, 4.0];
        let fitted = fit(Rows { numbers: &numbers, labels: &[0, 0, 1, 1], width: 2 }, 1e-3);
        assert_eq!((fitted.model.scale[0], fitted.model.weight[0]), (0.0, 0.0));
        assert!(fitted.converged && fitted.model.answer(&[1e6, 4.0]) > 0.9);
    }

    #[test]
    fn equations_are_solved_and_indefinite_ones_are_refused() {
        let x = solve(vec![4.0, 2.0, 2.0, 3.0], &[10.0, 9.0]).unwrap_or_default();
        assert!((x[0] - 1.5).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12, "{x:?}");
        assert_eq!(solve(vec![1.0, 2.0, 2.0, 1.0], &[1.0, 1.0]), None);
    }
}

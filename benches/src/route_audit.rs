//! Whether any answer carries a wrong generation (pure).

use std::collections::BTreeMap;

use ::stream::PredictionHeaders;
use anyhow::{Context as _, ensure};
use kafka::{Record, Window};
use routes::{Route, variant};

/// A route that was confirmed, and the end of the predictions at that moment.
pub struct Confirmed {
    pub route: Route,
    pub end: Window,
}

/// Checks every prediction: answered by the model and variant that the route of its generation gives to its key, and
/// nothing written after a generation was confirmed is of a lower one. Returns how many it checked.
///
/// # Errors
/// The first prediction that is wrong.
pub fn check(predictions: &[Record], confirmed: &[Confirmed]) -> anyhow::Result<usize> {
    let routes: BTreeMap<u64, &Route> =
        confirmed.iter().map(|one| (one.route.generation, &one.route)).collect();
    for record in predictions {
        let at = format!("{}/{}", record.partition, record.offset);
        let headers = PredictionHeaders::of(&record.headers);
        let generation = headers.generation().with_context(|| at.clone())?;
        let route = routes.get(&generation).with_context(|| format!("{at}: {generation}"))?;
        let chosen = variant(route, headers.split_key(record.key.as_deref()));
        let model = headers.stated_model().with_context(|| format!("{at} names no model"))?;
        let wanted = match (&route.candidate, chosen) {
            (Some(candidate), routes::Variant::Candidate) => &candidate.model.digest,
            _ => &route.champion.digest,
        };
        ensure!(model == wanted, "{at}: {model} answered under generation {generation}");
        ensure!(headers.variant() == Ok(chosen), "{at}: not the variant of its key");
        // Confirmations are in the order of their generations.
        let lowest = confirmed.iter().rev().find(|one| {
            let end = one.end.0.get(&record.partition).map_or(i64::MAX, |(_, end)| *end);
            record.offset >= end
        });
        let lowest = lowest.map_or(0, |one| one.route.generation);
        ensure!(generation >= lowest, "{at}: generation {generation} after {lowest} was confirmed");
    }
    Ok(predictions.len())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use routes::ModelRef;

    fn model(n: u8) -> ModelRef {
        ModelRef { digest: format!("sha256:{n}"), image: String::new() }
    }

    /// Generation 1 of model 1, confirmed at offset 10; then generation 2 of model 2, confirmed at offset 20.
    fn confirmed() -> Vec<Confirmed> {
        let one = |generation, n, end| Confirmed {
            route: Route { generation, ..Route::bootstrap("s", model(n)) },
            end: Window([(0, (0, end))].into()),
        };
        vec![one(1, 1, 10), one(2, 2, 20)]
    }

    fn prediction(offset: i64, generation: u64, n: u8) -> Record {
        let header = |name: &str, value: String| (name.to_owned(), value.into_bytes());
        Record {
            partition: 0,
            offset,
            timestamp_ms: 0,
            key: Some(b"k".to_vec()),
            value: None,
            headers: vec![
                header("generation", generation.to_string()),
                header("model", model(n).digest),
                header("variant", "champion".to_owned()),
            ],
        }
    }

    #[test]
    fn what_follows_the_routes_is_right() {
        let right =
            [prediction(5, 1, 1), prediction(15, 1, 1), prediction(16, 2, 2), prediction(25, 2, 2)];
        assert_eq!(check(&right, &confirmed()).unwrap(), 4);
    }

    #[test]
    fn a_late_a_wrong_and_an_unknown_answer_are_found() {
        for (wrong, found) in [
            (prediction(20, 1, 1), "generation 1 after 2 was confirmed"),
            (prediction(5, 1, 2), "sha256:2 answered under generation 1"),
            (prediction(5, 3, 2), "0/5: 3"),
        ] {
            let error = check(&[wrong], &confirmed()).unwrap_err().to_string();
            assert!(error.contains(found), "{error}");
        }
    }
}

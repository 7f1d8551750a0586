//! How the evidence on each metric grew, and where the truth can lie.

use report::{Axis, Band, LinePlot, Plot, Series, Tone};
use serde_json::Value;

use super::metric::{is_asked, is_mean};
use super::real;

/// Evidence against a claim is drawn down to so many times a proof, and evidence for it up to so many.
const LOWEST: f64 = -1.0;
const HIGHEST: f64 = 1.5;

/// Evidence and interval of each metric of which anything was seen, in the order in which they are judged.
pub(super) fn of_metrics(details: &Value, metrics: &[Value]) -> Vec<Plot> {
    metrics
        .iter()
        .enumerate()
        .filter(|(_, metric)| {
            // Nothing of the kind happened; two empty plots would say less than the row does.
            let view = &metric["view"];
            is_mean(metric) || real(&view["candidate"]) + real(&view["champion"]) > 0.0
        })
        .flat_map(|(place, metric)| {
            let trace = Trace::of(details, place);
            let (grew, lies) =
                (evidence(details, metric, &trace), interval(details, metric, &trace));
            let beside = grew.is_some() && lies.is_some();
            let plots = [grew, lies].into_iter().flatten();
            plots.map(move |plot| LinePlot { is_half: beside, ..plot })
        })
        .map(Plot::from)
        .collect()
}

/// The views of one metric over time.
struct Trace<'a>(Vec<(f64, &'a Value)>);

impl<'a> Trace<'a> {
    fn of(details: &'a Value, place: usize) -> Self {
        let trace = details["trace"].as_array().map_or(&[][..], Vec::as_slice);
        let view = |point: &'a Value| Some((point["at"].as_f64()?, &point["metrics"][place]));
        Self(trace.iter().filter_map(view).collect())
    }

    fn points(&self, of: impl Fn(&Value) -> Option<f64>) -> Vec<(f64, f64)> {
        self.0.iter().filter_map(|(at, view)| Some((*at, of(view)?))).collect()
    }
}

/// Both claims as parts of a proof, so that one line says when either is proven, however much it takes by then.
fn evidence(details: &Value, metric: &Value, trace: &Trace<'_>) -> Option<LinePlot> {
    let part = |claim: &'static str| {
        trace.points(move |view| {
            let (log_e, limit) = (view[claim]["log-e"].as_f64()?, view[claim]["limit"].as_f64()?);
            (limit > 0.0).then(|| (log_e / limit).clamp(LOWEST, HIGHEST))
        })
    };
    let (harm, safe) = (part("harm"), part("safe"));
    if harm.is_empty() {
        return None;
    }
    let name = title(metric);
    let title = format!("{name}: how near each claim came to its proof");
    let mut plot = LinePlot::new(title, time(), Axis::new("part of a proof").percent())
        .series(Series::new("harm", harm).tone(Tone::Alarm));
    if metric["proof"] == true {
        plot = plot.series(Series::new("not worse", safe).tone(Tone::Good));
    }
    let plot = plot.threshold(1.0, "proof").caption(
        "A claim is proven once its line reaches 100 %, whenever that is looked at. Below 0 % the records speak against it. \
         Drawn from −100 % to 150 %. A line jumps where a raised share makes each record weigh otherwise.",
    );
    Some(moments(plot, details))
}

/// Where the truth can lie, by everything seen up to each moment.
fn interval(details: &Value, metric: &Value, trace: &Trace<'_>) -> Option<LinePlot> {
    let ratio = !is_mean(metric) && !is_asked(metric);
    let band: Vec<(f64, f64, f64)> = trace
        .0
        .iter()
        .filter_map(|(at, view)| Some((*at, view["lower"].as_f64()?, view["upper"].as_f64()?)))
        .filter(|(_, lower, _)| !ratio || *lower > 0.0)
        .collect();
    let (_, lower, upper) = *band.last()?;
    let line = trace.points(|view| view["estimate"].as_f64().filter(|it| !ratio || *it > 0.0));
    let margin = real(&metric["margin"]);
    let (levels, axis) = match (metric["of"].as_str(), ratio) {
        _ if is_asked(metric) => (
            vec![(real(&metric["view"]["champion"]), "tolerated")],
            Axis::new("answers beyond the limit").percent(),
        ),
        (Some("score"), _) => (
            vec![(margin, "tolerated"), (-margin, "tolerated")],
            Axis::new("candidate's mean less the champion's"),
        ),
        (_, true) => {
            let higher = metric["better"] == "higher";
            let level = if higher { 1.0 / (1.0 + margin) } else { 1.0 + margin };
            // What the last interval holds, with room around it and around the level that decides.
            let (low, high) = (lower.min(level).min(1.0) / 2.0, upper.max(level).max(1.0) * 2.0);
            (
                vec![(level, "tolerated"), (1.0, "the same rate")],
                Axis::new("candidate's rate over the champion's").log().range(low, high),
            )
        }
        _ => (vec![(margin, "tolerated")], Axis::new("candidate's mean less the champion's")),
    };
    let clip = |value: f64| axis.range.map_or(value, |(low, high)| value.clamp(low, high));
    let band = band.into_iter().map(|(at, low, high)| (at, clip(low), clip(high))).collect();
    let line = line.into_iter().filter(|(_, value)| clip(*value) == *value).collect();
    let range = axis.range.is_some();
    let mut plot =
        LinePlot::new(format!("{}: where the truth can lie", title(metric)), time(), axis)
            .half()
            .band(Band::new("95 % interval, two-sided", band).tone(Tone::Candidate))
            .series(Series::new("estimate", line).tone(Tone::Candidate));
    for (value, label) in levels {
        plot = plot.threshold(value, label);
    }
    let more = if range { " Where little was known it is wider than the plot." } else { "" };
    Some(moments(plot.caption(format!(
        "The band holds the truth at all times at once. It is two-sided and shows how much is known; what decides is the \
         one-sided proof, which may come before the whole band is on one side.{more}"
    )), details))
}

/// The shares as they were raised, and the decision.
fn moments(mut plot: LinePlot, details: &Value) -> LinePlot {
    for step in details["steps"].as_array().into_iter().flatten() {
        if let (Some(at), Some(share)) = (step["confirmed"].as_f64(), step["share"].as_f64()) {
            plot = plot.marker(at, report::percent(share));
        }
    }
    match details["decided"].as_f64() {
        Some(at) => plot.decision(at, "decided"),
        None => plot,
    }
}

fn time() -> Axis {
    Axis::new("time").unit("s")
}

fn title(metric: &Value) -> String {
    let name = metric["name"].as_str().unwrap_or_default();
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
